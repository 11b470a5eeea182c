"""Runs listed, filtered, sorted and chosen by the numbers that they have printed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from rundirs import A, B, C, give_scalars, make
from support import Guild, Place, Server, project
from terminal import on_terminal
from test_bad_input import complaint
from test_fleet import bind

from guild_sync.agent.protocol import Job
from guild_sync.agent.store import job, rundir

GUILDFILE = """
train:
  main: train
  objective: {minimize: min loss}
  flags-import: all
  flags-dest: globals
  env: {PYTHONDONTWRITEBYTECODE: "1"}
"""
TRAIN = """
lr = 0.1
loss = "mse"
for step in range(3):
    print(f"loss: {lr + 1 / (step + 1)} (step {step})")
    print(f"val/acc: {0.5 + lr + step / 10:.2f} (step {10 * step})")
"""


@pytest.fixture
def grid(place: Place, tmp_path: Path) -> Place:
    """Three runs: lr is 0.3, 0.2 and 0.1, the latest first."""
    place.guild.folder = project(tmp_path / "project", GUILDFILE, train=TRAIN)
    for rate in ("0.1", "0.2", "0.3"):
        place.ok("run", "train", f"lr={rate}", "-y", "-l", f"rate {rate}")
    return place


def shown(place: Place, *argv: str) -> list[list[str]]:
    """The cells of each line, but for its index and its date."""
    return [re.split(" {2,}", line) for line in place.ok("runs", "-s", *argv).lines]


def test_the_best_of_a_grid_is_found_by_what_it_printed(grid: Place) -> None:
    assert grid.ok("select", "--min", "loss", "--attr", "lr").lines == ["0.1"]
    assert grid.ok("select", "--max", "val/acc", "--attr", "val/acc").lines == ["1.0"]
    assert grid.ok("select", "--max", "min loss", "--attr", "label").lines == ["rate 0.3"]
    best = grid.ok("select", "--min", "scalar:loss").lines
    for sort in ("--sort=loss", "--sort=-lr", "--sort=-val/acc"):
        first = json.loads(grid.ok("runs", "--json", sort).out)[0]
        assert ([first["id"]] == best) is (sort == "--sort=loss")
    assert grid.ok("select", "--best").lines == best
    done = grid("select", "--min", "los")
    assert "no run has a number for 'los'" in done.err
    assert "Did you mean 'loss'? There are scalars loss, val/acc; flags loss, lr." in done.err


def test_columns_are_shown_behind_what_a_listing_has(grid: Place) -> None:
    assert shown(grid, "--columns", "lr, min loss as best,val/acc step,loss") == [
        ["run", "operation", "status", "lr", "best", "val/acc step", "loss", "label"],
        ["[1]", *_operation(grid), "completed", "0.3", "0.633333", "20", "mse", "rate 0.3"],
        ["[2]", *_operation(grid), "completed", "0.2", "0.533333", "20", "mse", "rate 0.2"],
        ["[3]", *_operation(grid), "completed", "0.1", "0.433333", "20", "mse", "rate 0.1"],
    ]
    with_dates = grid.ok("runs", "--columns", "started,duration", "-n1").lines[1]
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", with_dates)) == 2
    assert re.search(r"  [0-9.]+s +rate 0.3", with_dates)


def _operation(place: Place) -> list[str]:
    name = place.ok("runs", "-s", "-n1").lines[0].split()[1]
    return [name]


def test_a_listing_is_sorted_and_its_indexes_mean_what_they_did(grid: Place) -> None:
    for argv in (["--sort", "loss"], ["--sort=loss"], ["--sort", "-lr"], ["--sort=-lr"]):
        rows = shown(grid, *argv)
        falls = argv[-1].endswith("-lr")
        assert [row[0] for row in rows] == (
            ["[1]", "[2]", "[3]"] if falls else ["[3]", "[2]", "[1]"]
        ), argv
    (row,) = shown(grid, "--sort", "loss", "-n1")
    assert (row[0], row[-1]) == ("[3]", "rate 0.1")
    assert grid.ok("select", "3", "--attr", "label").lines == ["rate 0.1"]
    details = grid.ok("runs", "--sort", "loss", "-v", "-n1").lines
    assert details[0].startswith("[3:")
    assert "  label: rate 0.1" in details


def test_an_expression_compares_scalars(grid: Place) -> None:
    for text, labels in (
        ("loss < 0.5 and lr >= 0.1", ["rate 0.1"]),
        ("min loss < 0.6 and not val/acc step < 20", ["rate 0.2", "rate 0.1"]),
        ("loss = mse and scalar:loss > 0.6", ["rate 0.3"]),
        ("duration >= 0 and count loss = 3", ["rate 0.3", "rate 0.2", "rate 0.1"]),
    ):
        assert [row[-1] for row in shown(grid, "-F", text)] == labels, text
    done = grid("runs", "-F", "min los < 1")
    assert "the filter asks for 'min los', which no run" in done.err
    assert "Did you mean 'min loss'?" in done.err


def test_programs_get_scalars_and_columns(grid: Place) -> None:
    (run,) = json.loads(grid.ok("runs", "--json", "--columns", "lr,min loss as best", "1").out)
    assert run["columns"] == {"lr": 0.3, "best": pytest.approx(0.6333, abs=1e-3)}
    assert {name: one["last"] for name, one in run["scalars"].items()} == {
        "loss": pytest.approx(0.6333, abs=1e-3),
        "val/acc": 1.0,
    }
    assert not {"cells", "index", "order"} & {*run}
    every = json.loads(grid.ok("runs", "--json", "-a").out)
    assert [one["scalars"]["loss"]["count"] for one in every] == [3, 3, 3]
    details = json.loads(grid.ok("runs", "--json", "-v").out)
    assert details[0]["scalars"] == run["scalars"]
    assert {*details[0]} > {*every[0]}
    info = json.loads(grid.ok("info", "--json").out)
    assert info["scalars"] == run["scalars"]


def test_info_shows_scalars_and_says_how_many_more_there_are(grid: Place, tmp_path: Path) -> None:
    lines = grid.ok("info").lines
    at = lines.index("scalars:")
    assert lines[at + 1 : at + 3] == [
        "  loss: 0.633333 (step 2; min 0.633333, max 1.3, 3 values)",
        "  val/acc: 1 (step 20; min 0.8, max 1, 3 values)",
    ]
    many = make(grid.home, A, started=10**16, exit_status=0)
    give_scalars(many, {f"s{number:03}": (number,) for number in range(300)})
    lines = grid.ok("info", A).lines
    at = lines.index("scalars:")
    assert lines[at + 1] == "  s000: 0 (step 0; 1 value)"
    assert lines[at + 21 :] == ["  and 280 more: --json has all"]


def test_a_column_that_no_run_has_is_one_line_that_says_what_there_is(grid: Place) -> None:
    done = grid("runs", "--columns", "lr,los", "--sort", "losss")
    assert done.code == 0
    assert len(done.lines) == 4
    assert done.err.splitlines() == [
        "guild: no run has 'los'",
        "Did you mean 'loss'? There are scalars loss, val/acc; flags loss, lr.",
        "guild: no run has 'losss'",
        "Did you mean 'loss'? There are scalars loss, val/acc; flags loss, lr.",
    ]
    assert "--columns takes names" in complaint(grid("runs", "--columns", ","))[0]
    assert "--sort takes a column" in complaint(grid("runs", "--sort", "-"))[0]


def test_deleted_runs_have_columns_too(grid: Place) -> None:
    grid.ok("rm", "1", "-y")
    assert shown(grid, "--deleted", "--columns", "lr")[1][3] == "0.3"
    (run,) = json.loads(grid.ok("runs", "--deleted", "--json", "-a").out)
    assert run["scalars"]["loss"]["count"] == 3


# Several remotes.


@pytest.fixture
def fleet(guild: Guild, sshd: Server, tmp_path: Path, agent_folder: Path) -> Guild:
    homes = {name: tmp_path / name for name in ("gpu1", "gpu2")}
    for home in homes.values():
        (home / "agent").mkdir(parents=True)
        os.symlink(agent_folder, home / "agent" / agent_folder.name)
    for name, run_id, number, loss in (
        *(("gpu1", A, 1, 0.3), ("gpu1", B, 2, 0.1), ("gpu2", C, 3, 0.2)),
        ("gpu2", "d" * 32, 4, float("nan")),
    ):
        run = make(homes[name], run_id, started=number, exit_status=0, label=f"loss {loss}")
        give_scalars(run, {"loss": (0.9, loss)})
    guild.configure(**{name: sshd.keys(home) for name, home in homes.items()})
    return guild


def judged(objective: str) -> Job:
    """A job whose operation has an objective."""
    return {"operation": {"kept": {"objective": objective}}}


def test_runs_of_several_remotes_are_sorted_together(fleet: Guild, tmp_path: Path) -> None:
    lines = fleet.ok("runs", "-s", "-r", "all", "--sort", "loss", "--columns", "loss").lines
    assert [re.split(" {2,}", line)[:4] for line in lines] == [
        ["run", "operation", "status", "loss"],
        ["gpu1:1", "gpkg.demo/op", "completed", "0.1"],
        ["gpu2:2", "gpkg.demo/op", "completed", "0.2"],
        ["gpu1:2", "gpkg.demo/op", "completed", "0.3"],
        ["gpu2:1", "gpkg.demo/op", "completed", "nan"],
    ]
    (worst,) = json.loads(
        fleet.ok("runs", "-r", "all", "--sort=-loss", "-n1", "--json", "--columns", "loss").out
    )
    assert (worst["id"], worst["on_remote"], worst["columns"]) == (A, "gpu1", {"loss": 0.3})
    assert fleet.ok("select", "-r", "all", "--min", "loss").lines == [B]
    assert fleet.ok("select", "-r", "all", "--max", "loss", "--attr", "label").lines == ["loss 0.3"]
    assert fleet.ok("select", "-r", "all", "--max", "loss", "--all").lines == [A, C, B]
    assert "no run has an operation with an objective" in fleet("select", "--best", "-r", "all").err
    job.write_job(rundir.run_dir(str(tmp_path / "gpu1"), A), judged("loss"))
    assert fleet.ok("select", "-r", "all", "--best").lines == [B]
    job.write_job(rundir.run_dir(str(tmp_path / "gpu2"), C), judged("-loss"))
    done = fleet("select", "-r", "all", "--best")
    assert "the runs have several objectives: '-loss', 'loss'" in complaint(done)[0]
    assert fleet.ok("select", "gpu2:2", "-r", "all", "--best").lines == [C]
    done = fleet("select", "-r", "all", "--max", "los")
    assert (done.code, done.err.splitlines()) == (
        1,
        [
            "guild: no run has a number for 'los' on gpu1, gpu2",
            "Did you mean 'loss'? There are scalars loss.",
        ],
    )
    whole = fleet.ok("runs", "-r", "all", "--columns", "loss").lines
    assert whole[0].split() == ["run", "id", "operation", "started", "status", "loss", "label"]
    assert whole[1].startswith("gpu2:1  [dddddddd]  gpkg.demo/op  1970-01-01 ")
    done = fleet("runs", "-r", "all", "--columns", "zzz")
    assert done.err.splitlines() == ["guild: no run has 'zzz'", "There are scalars loss."]


# On a terminal.


def test_columns_fit_the_terminal(guild: Guild) -> None:
    run = make(guild.home, A, started=1, exit_status=0, label="a label that is rather long")
    give_scalars(run, {"loss": (0.123456789,), "val/accuracy": (0.5,)})
    columns = ("--columns", "loss,val/accuracy,count loss")
    wide = _on_terminal(guild, 130, "runs", *columns)
    assert wide[0].split() == [
        *("run", "operation", "started", "status", "loss", "val/accuracy", "count", "loss"),
        "label",
    ]
    narrow = _on_terminal(guild, 78, "runs", *columns)
    assert narrow[0].split()[:3] == ["run", "operation", "status"], "when it began is left out"
    assert "0.123457" in narrow[1]
    assert max(map(len, narrow)) <= 78


def test_who_watches_on_a_terminal_sees_the_last_values(grid: Place) -> None:
    lines = _on_terminal(grid.guild, 200, "watch", *grid.args)
    ends = [line for line in lines if " stopped with a status of " in line]
    assert [line.partition(" with ")[2] for line in ends] == [
        "a status of 'completed' (loss 0.633333, val/acc 1)"
    ]
    assert grid.ok("watch").lines[-1].endswith("a status of 'completed'"), "in a pipe"


def _on_terminal(guild: Guild, width: int, *argv: str) -> list[str]:
    env = {**guild.env, "NO_COLOR": "1"}
    code, text = on_terminal(guild.argv(*argv), env, guild.folder, width)
    assert code == 0, text
    return text.splitlines()


# Hooks, and the remote that is cleaned.


def test_a_hook_is_told_of_scalars(guild: Guild, remote: str, there: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(guild.config.read_text())
    told = tmp_path / "told"
    command = f"printf '%s\\n' \"$GUILD_SCALARS\" > {told}.vars; cat > {told}.json"
    guild.config.write_text(
        yaml.safe_dump({**config, "hooks": [{"on": ["completed"], "command": command}]})
    )
    for run in (make(there, A, started=1, exit_status=0), make(guild.home, A, started=1)):
        give_scalars(run, {f"s{number:03}": (number,) for number in range(150)})
    bind(guild, A, remote)
    guild.ok("sync")
    values = json.loads(Path(f"{told}.vars").read_text())
    assert len(values) == 100
    assert values["s099"] == 99
    run_of_hook = json.loads(Path(f"{told}.json").read_text())["run"]
    assert len(run_of_hook["scalars"]) == 100
    assert run_of_hook["scalars"]["s007"]["last"] == 7


def cleaned(guild: Guild, *argv: str) -> Mapping[str, str | None]:
    """Why each run stays, None where it goes; by the first letter of its id."""
    done = json.loads(guild.ok("clean", "-r", "far", "--plan", "--json", *argv).out)
    return {run["run"][0]: run["kept"] for run in done["runs"]}


def test_the_best_runs_of_each_operation_stay_on_the_remote(
    guild: Guild, sshd: Server, there: Path
) -> None:
    far = "far"
    guild.configure(far=sshd.keys(there))
    runs = (
        *(("a", "train", 0.1), ("b", "train", 0.2), ("c", "train", 0.3), ("d", "train", 0.2)),
        *(("e", "test", 0.9), ("f", "test", 0.8), ("1", "train", float("nan"))),
    )
    for number, (letter, name, loss) in enumerate(runs):
        run = make(there, letter * 32, started=number + 1, stopped=number + 2, exit_status=0)
        (run / ".guild/opref").write_text(f"package:gpkg.demo 1.0 '' {name}")
        give_scalars(run, {"loss": (1.0, loss)})
    make(there, "2" * 32, started=9, stopped=10, exit_status=1)
    make(there, "3" * 32, {"STAGED": ""}, started=10)
    cut = make(there, "4" * 32, started=1, stopped=2, exit_status=0)
    (cut / ".guild/opref").write_text("package:gpkg.demo 1.0 '' train")
    give_scalars(cut, {"loss": (0.01, 0.01)})
    summaries = json.loads((cut / ".guild/SCALARS").read_text())
    summaries["loss"]["partial"] = True
    (cut / ".guild/SCALARS").write_text(json.dumps(summaries))
    guild.ok("pull", far, "-y")
    ours = {run[0] for run in os.listdir(there / "runs") if run[0] in "abcdef1234"}
    without = {"1": "without a number for loss", "2": "without a number for loss", "3": "staged"}
    without["4"] = "with some of loss alone"
    low, two = "with the lowest loss", "among the 2 with the lowest loss"
    goes = dict.fromkeys(ours)
    assert ours == {*"abcdef1234"}
    mine = {key: why for key, why in cleaned(guild, "--keep-best", "loss").items() if key in ours}
    assert mine == {**goes, **without, "a": low, "f": low}
    again = cleaned(guild, "--keep-best", "2:loss")
    assert {key: again[key] for key in ours} == {
        **goes,
        **without,
        **dict.fromkeys("abdef", two),  # b and d are equal
    }
    high = cleaned(guild, "--keep-best=-loss", "-F", "op = train")
    assert {key for key, why in high.items() if why == "with the highest loss"} == {"c"}
    last = cleaned(guild, "--keep-best", "loss", "--keep-last", "4", "-Sc")
    assert last["1"] == "among the last 4", "the rules are met one after the other"
    assert (last["a"], last["b"]) == (low, None)

    done = guild.ok("clean", "-r", far, "-y", "--keep-best", "loss", "-Fo", "train").lines
    assert done[1].startswith("Deleted 3 runs on far")
    assert "1 with the lowest loss" in done[1]
    left = {run[0] for run in os.listdir(there / "runs")}
    assert "a" in left
    assert not left & {*"bcd"}

    for words, said in (
        (("--keep-best", "0:loss"), "--keep-best takes a column such as loss, -acc or 3:loss"),
        (("--keep-best", ""), "--keep-best takes a column"),
        (("--keep-best", "loss", "--environments"), "--environments is about no runs: --keep-best"),
    ):
        assert said in complaint(guild("clean", "-r", far, *words))[0]
    here = complaint(guild("clean", "--keep-best", "loss"))
    assert "--keep-best belongs to --remote" in here[0]
    guild.configure(far=sshd.keys(there, clean={"keep-best": "loss"}))
    guild.ok("sync", "--cron")
    left = {run[0] for run in os.listdir(there / "runs")}
    assert left >= {"a", "f", "1"}
    assert "e" not in left


@pytest.mark.parametrize("option", ["--min", "--max", "--attr"])
def test_a_column_without_a_name_chooses_no_run(grid: Place, option: str) -> None:
    for command in ("select", "compare")[: 1 if option == "--attr" else 2]:
        lines = complaint(grid.guild(command, option, ""))
        assert lines == [f"guild: {option} takes a column, such as loss or 'min loss'"]


def test_runs_are_judged_by_what_they_have_printed_be_there_a_flag_of_that_name(
    place: Place,
) -> None:
    """`guild init` makes flags of what a module assigns, as of `loss = 2.0` in front of a loop."""
    project(place.guild.folder, "op: {exec: 'echo \"loss: 0.${x}\"', flags: {x: 1, loss: 2}}")
    for x, loss in (("2", "1"), ("1", "3"), ("3", "2")):
        place.ok("run", "op", f"x={x}", f"loss={loss}", "-y")
    assert place.ok("select", "--min", "loss", "--attr", "x").lines == ["1"]
    assert place.ok("select", "--max", "loss", "--attr", "x").lines == ["3"]
    assert place.ok("select", "--min", "flag:loss", "--attr", "x").lines == ["2"]
    listed = json.loads(place.ok("runs", "--sort", "loss", "--json").out)
    assert [run["flags"]["x"] for run in listed] == [1, 2, 3]
    compared = place.ok("compare", "--min", "loss", "--csv", "-").lines
    assert [line.split(",")[1] for line in compared[1:]] == ["1", "2", "3"], compared
