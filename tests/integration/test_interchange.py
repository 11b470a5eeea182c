"""Guild AI 0.9.0 and guild on the same runs: each reads, changes and ends what the other made."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from guild_ai import GuildAi
from rundirs import make
from support import Guild, Place, Server, project, wait_until

from guild_sync.agent.store import rundir

GUILDFILE = """
train:
  main: train
  flags-import: no
  flags-dest: args
  flags:
    rate: 0.1
fail:
  exec: sh -c 'exit 3'
wait:
  main: wait
  flags-import: no
  flags: {name: x}
make:
  exec: sh -c 'echo made > data.csv'
use:
  exec: cat data.csv settings.txt
  requires:
    - operation: make
      select: data.csv
    - file: settings.txt
"""
TRAIN = """
import os, sys
print("trained", *sys.argv[1:])
os.makedirs("out", exist_ok=True)
open("out/model.txt", "w").write(" ".join(sys.argv[1:]) + "\\n")
"""
WAIT = """
import time
print("up", flush=True)
time.sleep(600)
"""
POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("up", flush=True)
signal.pause()
"""
DEAF = WAIT.replace("print", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint")
# Values that YAML, a shell or a terminal could take for something else.
ODD_FLAGS: dict[str, Any] = {
    "yes-text": "yes",
    "no-text": "no",
    "true-text": "true",
    "null-text": "null",
    "number-text": "1e3",
    "octal-text": "010",
    "empty": "",
    "tilde": "~",
    "space": " a b ",
    "unicode": "ünï 数 🚀",
    "lines": "two\nlines\n",
    "tab": "a\tb",
    "colon": "a: b # c",
    "quotes": 'it\'s "so"',
    "backslash": "\\n",
    "date-text": "2026-01-01",
    "dash": "- x",
    "yes": True,
    "no": False,
    "null": None,
    "zero": 0,
    "negative": -3,
    "big": 12345678901234567890,
    "float": 0.1,
    "whole-float": 2.0,
    "small": 1e-07,
    "large": 1e22,
    "empty-list": [],
    "mapping": {"a": 1, "b": ["x", "y"], "c": [1, "two", 3.5, [True, None]]},
}


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, train=TRAIN, wait=WAIT, polite=POLITE, deaf=DEAF)
    (guild.folder / "settings.txt").write_text("settings\n")


def short(statuses: dict[str, str]) -> dict[str, str]:
    return {run_id[:8]: status for run_id, status in statuses.items()}


def last_run(guild: Guild, *argv: str) -> str:
    """Run it here; the id of the run."""
    guild("run", *argv, "-y")
    return guild.ok("select").lines[0]


def odd_operation(flags: dict[str, Any]) -> str:
    """A guild.yml with an operation that has these flags."""
    defaults = {name: {"default": value} for name, value in flags.items()}
    operation = {"exec": "true", "flags-import": False, "flags": defaults}
    # As JSON: PyYAML would write the text '1e3' without quotes, which others read as a number.
    return json.dumps({"odd": operation}, ensure_ascii=False)


# Guild AI on what guild made.


def test_guild_ai_shows_the_status_of_every_run(guild: Guild, guild_ai: GuildAi) -> None:
    here = Place(guild, guild.home)
    completed, failed = last_run(guild, "train"), last_run(guild, "fail")
    terminated = here.started(op="wait")
    here.wait_for_output(terminated, "up\n")
    guild.ok("stop", terminated, "-y")
    staged = here.staged(op="train")
    pending = here.staged(op="train")
    # What a killed start leaves; there is no command that ends with a pending run.
    rundir.mark(str(here.run_dir(pending)), rundir.PENDING)
    running = here.started(op="wait")
    dead = here.started(op="wait")
    here.wait_for_output(dead, "up\n")
    guild.ok("stop", dead, "-y")
    rundir.remove_attrs(str(here.run_dir(dead)), ["exit_status"])
    expected = {
        completed: "completed",
        failed: "error",
        terminated: "terminated",
        staged: "staged",
        pending: "pending",
        running: "running",
        dead: "error",
    }
    assert guild_ai.statuses() == short(expected)
    assert {i: run["status"] for i, run in guild_ai.runs().items()} == expected
    assert {i: guild.status(i) for i in expected} == expected


def test_guild_ai_shows_a_pulled_run_as_running_until_a_sync_brings_its_end(
    guild: Guild, guild_ai: GuildAi, remote: str, there: Path
) -> None:
    run_id = guild.started(op="wait", remote=remote)
    guild.ok("pull", remote, "-y")
    assert guild_ai.statuses() == {run_id[:8]: f"running ({remote})"}
    guild.ok("stop", "-r", remote, "-y")
    assert guild_ai.statuses() == {run_id[:8]: f"running ({remote})"}
    guild.ok("sync")
    assert guild_ai.statuses() == {run_id[:8]: "terminated"}
    assert guild_ai.info(run_id)["operation"].startswith("gpkg.")


def test_guild_ai_shows_flags_label_tags_and_times_as_guild_does(
    guild: Guild, guild_ai: GuildAi
) -> None:
    words = ["rate=0.5", "--label", "a: 'label' ü", "--tag", "t2", "--tag", "t1", "-c", "why"]
    run_id = last_run(guild, "train", *words)
    guild.ok("mark", "-y")
    ours = json.loads(guild.ok("runs", run_id, "--json").out)[0]
    theirs = guild_ai.runs()[run_id]
    same = ("id", "run_dir", "cmd", "label", "tags", "started", "stopped", "status", "comments")
    for name in (*same, "exit_status", "marked"):
        assert theirs[name] == ours[name], name
    info = guild_ai.info(run_id)
    assert (info["operation"], info["marked"], info["flags"]) == ("train", "yes", {"rate": 0.5})
    assert info["from"] == str(guild.folder / "guild.yml")
    assert info["started"] in guild.ok("info", run_id).out
    assert info["sourcecode_digest"] in guild.ok("info", run_id).out


def test_guild_ai_reads_flags_with_their_values_and_types(guild: Guild, guild_ai: GuildAi) -> None:
    project(guild.folder, odd_operation(ODD_FLAGS))
    run_id = last_run(guild, "odd")
    assert guild_ai.info(run_id)["flags"] == ODD_FLAGS


def test_guild_ai_shows_a_restarted_run_with_its_new_end(guild: Guild, guild_ai: GuildAi) -> None:
    run_id = last_run(guild, "train")
    before = guild_ai.runs()[run_id]
    guild.ok("run", "--restart", run_id, "rate=0.7", "-y")
    after = guild_ai.runs()[run_id]
    assert after["status"] == "completed"
    assert before["started"] < before["stopped"] < after["started"] < after["stopped"]
    assert guild_ai.info(run_id)["flags"] == {"rate": 0.7}


def test_guild_ai_shows_a_queue_and_the_run_that_it_started(
    guild: Guild, guild_ai: GuildAi
) -> None:
    here = Place(guild, guild.home)
    staged = here.staged(op="wait")
    queue = here.started("poll-interval=0.1", op="queue")
    here.wait_for_output(staged, "up\n")
    assert guild_ai.statuses() == short({staged: "running", queue: "running"})
    assert guild_ai.info(queue)["operation"] == "queue"
    guild.ok("stop", queue, "-n", "-y")
    guild.ok("stop", staged, "-y")
    here.wait_until_dead(queue)
    assert guild_ai.statuses()[staged[:8]] == "terminated"


def test_guild_ai_shows_the_files_of_a_run(guild: Guild, guild_ai: GuildAi) -> None:
    run_id = last_run(guild, "train", "rate=2")
    generated = ["out/", "out/model.txt"]
    assert set(generated) <= {line.strip() for line in guild_ai.ok("ls", run_id)}
    source = guild.ok("ls", "-n", "--sourcecode").lines
    assert "train.py" in source
    assert guild_ai.ok("ls", run_id, "-n", "--sourcecode") == source
    assert guild_ai.ok("cat", run_id, "-p", "out/model.txt") == ["--rate 2"]
    assert guild_ai.ok("cat", run_id, "--output") == ["trained --rate 2"]
    assert guild_ai.ok("cat", run_id, "--sourcecode", "-p", "train.py") == TRAIN.splitlines()


def test_guild_ai_shows_what_guild_changed(guild: Guild, guild_ai: GuildAi) -> None:
    run_id = last_run(guild, "train")
    guild.ok("label", "-s", "a: label", "-y")
    guild.ok("tag", "-a", "t2", "-a", "t1", "-s", "-y")
    guild.ok("comment", "-a", "hello\nthere", "-u", "ann@desk", "-y")
    guild.ok("mark", "-y")
    run = guild_ai.runs()[run_id]
    assert (run["label"], run["tags"], run["marked"]) == ("t2 t1 a: label", ["t1", "t2"], True)
    listed = [line.strip() for line in guild_ai.ok("comment", "-l")]
    assert listed[1].startswith("[1] ann@desk ")
    assert "hello there" in listed  # it joins the lines
    for words in (["label"], ["tag"], ["comment"], ["mark"]):
        guild.ok(*words, "--clear", "-y")
    run = guild_ai.runs()[run_id]
    assert [run[name] or None for name in ("label", "tags", "comments", "marked")] == [None] * 4

    guild.ok("rm", "-y")
    assert guild_ai.runs() == {}
    assert run_id in guild_ai.runs("--deleted")
    guild.ok("restore", "-y")
    assert run_id in guild_ai.runs()


def test_guild_ai_does_not_see_what_a_killed_delete_left(guild: Guild, guild_ai: GuildAi) -> None:
    run_id = last_run(guild, "train")
    left = guild.home / "runs/.deleting-x"
    left.mkdir()
    (guild.home / "runs" / run_id).rename(left / run_id)
    assert guild_ai.runs() == {}
    assert guild.ok("runs").out == ""


def test_guild_ai_chooses_among_guilds_runs(guild: Guild, guild_ai: GuildAi) -> None:
    low, high = last_run(guild, "train", "rate=1"), last_run(guild, "train", "rate=2")
    last_run(guild, "fail")
    assert guild_ai.ok("select", "--min", "=rate", "-Fo", "train") == [low]
    assert guild_ai.ok("select", "--max", "=rate", "-Fo", "train") == [high]
    assert set(guild_ai.runs("--filter", "rate = 2")) == {high}
    assert set(guild_ai.runs("-Fo", "train", "-Sc")) == {low, high}


# guild on what Guild AI made; `guild_ai_there` is it on the guild home of `place`.


def test_guild_shows_the_status_of_every_run(place: Place, guild_ai_there: GuildAi) -> None:
    completed = guild_ai_there.run("train")
    failed = guild_ai_there.run("fail")
    staged = guild_ai_there.run("train", "--stage")
    running = guild_ai_there.run("wait", "--background")
    place.wait_for_output(running, "up\n")
    wait_until(lambda: place.status(running) == "running")
    expected = {
        completed: "completed",
        failed: "error",
        staged: "staged",
        running: "running",
    }
    assert {i: place.status(i) for i in expected} == expected
    place.ok("stop", running, "-y")
    assert place.status(running) == "terminated"
    assert guild_ai_there.statuses() == short({**expected, running: "terminated"})


@pytest.mark.parametrize(("op", "status"), [("polite", "completed"), ("deaf", "terminated")])
def test_guild_ai_writes_down_how_a_run_that_guild_stopped_has_ended(
    guild: Guild, guild_ai: GuildAi, op: str, status: str
) -> None:
    """Its own guild waits for the operation: one that ends politely has completed."""
    here = Place(guild, guild.home)
    project(guild.folder, "polite: {main: polite}\ndeaf: {main: deaf}")
    run_id = guild_ai.run(op, "--background")
    here.wait_for_output(run_id, "up\n")
    wait_until(lambda: here.status(run_id) == "running")
    stopped = guild.ok("stop", run_id, "-y", "--timeout", "1")
    assert stopped.lines[-1] == f"Run {run_id} stopped with a status of '{status}'"


def test_guild_shows_all_of_a_run(place: Place, guild_ai_there: GuildAi) -> None:
    run_id = guild_ai_there.run(
        "train", "rate=2", "--label", "a: 'label' ü", "--tag", "t2", "--tag", "t1", "-c", "why"
    )
    theirs = guild_ai_there.runs()[run_id]
    ours = json.loads(place.ok("runs", run_id, "--json").out)[0]
    same = ("id", "run_dir", "cmd", "label", "tags", "started", "stopped", "status", "comments")
    for name in (*same, "exit_status", "marked"):
        assert ours[name] == theirs[name], name
    info = place.ok("info", run_id, "-c", "-m", "-e").lines
    assert {"operation: train", "tags: t2, t1", "  rate: 2", "  GUILD_OP: train"} <= set(info)
    assert any(line.startswith("  s train.py ") for line in info)
    assert place.ok("cat", run_id, "--output").out == "trained --rate 2\n"
    assert place.ok("cat", run_id, "-p", "out/model.txt").out == "--rate 2\n"
    assert place.ok("cat", run_id, "-s", "-p", "train.py").out == TRAIN
    for words in ([], ["--sourcecode"], ["--generated"]):
        listed = place.ok("ls", run_id, "-n", *words).lines
        theirs_listed = guild_ai_there.ok("ls", run_id, "-n", *words)
        assert [x for x in listed if x[-1] != "/"] == [x for x in theirs_listed if x[-1] != "/"]


def test_guild_reads_flags_with_their_values_and_types(guild: Guild, guild_ai: GuildAi) -> None:
    # To Guild AI a list makes a batch, an empty one too.
    flags = {name: value for name, value in ODD_FLAGS.items() if not isinstance(value, list)}
    project(guild.folder, odd_operation(flags))
    run_id = guild_ai.run("odd")
    assert json.loads(guild.ok("info", run_id, "--json").out)["flags"] == flags


def test_guild_shows_what_a_run_required(place: Place, guild_ai_there: GuildAi) -> None:
    made, used = guild_ai_there.run("make"), guild_ai_there.run("use")
    assert sorted(place.ok("ls", used, "-n", "--dependencies").lines) == [
        "data.csv",
        "settings.txt",
    ]
    assert made in place.ok("info", used, "--deps").out
    assert place.ok("cat", used, "-p", "data.csv").out == "made\n"


def test_guild_names_a_batch_after_its_operation(place: Place, guild_ai_there: GuildAi) -> None:
    batch = guild_ai_there.run("train", "rate=[1,2]", "--stage")
    assert place.ok("runs", batch).lines[0].split("  ")[1] == "train+"
    assert guild_ai_there.info(batch)["operation"] == "train+"
    assert place.ok("select", "-Fo", "train+").lines == [batch]


def test_guild_chooses_among_guild_ais_runs(place: Place, guild_ai_there: GuildAi) -> None:
    low = guild_ai_there.run("train", "rate=1", "--tag", "t")
    high = guild_ai_there.run("train", "rate=2", "--label", "best")
    failed = guild_ai_there.run("fail")
    assert place.ok("select").lines == [failed]
    assert place.ok("select", "--min", "rate").lines == [low]
    assert place.ok("select", "--max", "=rate").lines == [high]
    assert place.ok("select", high, "--attr", "label").lines == ["best"]
    for words, expected in (
        (["-F", "rate > 1"], [high]),
        (["-Fo", "train"], [high, low]),
        (["-Ft", "t"], [low]),
        (["-Fl", "best"], [high]),
        (["-Fs", "today", "-Se"], [failed]),
        (["--not-error"], [high, low]),
    ):
        assert place.ok("select", "--all", *words).lines == expected
    differ = place.ok("diff", low, high, "--flags").lines
    assert [line for line in differ if line[1:5] == "rate"] == ["-rate: 1", "+rate: 2"]
    assert "+trained --rate 2" in place.ok("diff", low, high, "--output").lines


# What both must take for the same runs.
FILTERS = (
    *(["-Fo", name] for name in ("train", "Train", "TRAIN", "rain", "tra", "model", "model:train")),
    *(["-Fo", name] for name in ("gpkg.demo/train", "gpkg.demo", "demo/train", "gpkg.demo/:train")),
    *(
        ["-Fo", name]
        for name in ("gpkg.demo/model:train", "tr*", "t*n", "*/*:train", "gpkg.*/train")
    ),
    *(["-Fo", name] for name in ("model:T*", "^train", "^gpkg", "train$", "final$", "t.ain")),
    *(["-Fl", text] for text in ("best", "Best", "be", "best two", "two best", "-", "ONE")),
    ["-Fl", "best", "-Fl", "train"],
    ["-Fo", "pretrain", "-Fo", "train-final"],
    *(["-Fs", text] for text in ("before 3 days ago", "after 3 days ago", "before 1 week ago")),
    *(["-Fs", text] for text in ("after 10 minutes ago", "before yesterday", "after yesterday")),
    *(["-Fs", text] for text in ("between 4 days ago and today", "before today", "3 days ago")),
    *(["-F", f"lr {text}"] for text in ("is 0.1", "is not 0.1", "!= 0.1", "is undefined")),
    *(["-F", f"name {text}"] for text in ("is Abc", "= ABC", "contains AB", "is not abc")),
    *(
        ["-F", text]
        for text in ("op = train", "op is Train", "label is best", "status is completed")
    ),
    *(["-F", text] for text in ("operation is pretrain", "operation = gpkg.demo/model:train")),
    ["-F", "label contains best and not lr is 0.2"],
)


def test_filters_mean_what_they_mean_to_guild_ai(
    guild: Guild, guild_ai: GuildAi, tmp_path: Path
) -> None:
    now = time.time_ns() // 1000
    hour = 3_600_000_000
    project, demo = "guildfile:/x/guild.yml abc", "package:gpkg.demo 1.0"
    made: list[tuple[str, float, dict[str, Any]]] = [
        (f"{project} '' train", 0, {"label": "Best one", "flags": {"lr": 0.1, "name": "Abc"}}),
        (f"{project} '' pretrain", 1, {"label": "best two", "flags": {"lr": 0.2, "name": "abc"}}),
        (f"{project} '' train-final", 48, {"label": "train", "flags": {"lr": 5}}),
        (f"{demo} model train", 96, {"flags": {"lr": 0.1}}),
        (f"{demo} '' train", 0.08, {"label": ""}),
        ("package:gpkg.other 1.0 model train", 71, {}),
        ("script:/x '' '' train.py", 73, {"label": "best"}),
        (f"{demo} model Train", 92, {"label": "-"}),
        (f"{project} '' eval", 200, {}),
    ]
    for number, (opref, hours, attributes) in enumerate(made, 1):
        at = now - round(hours * hour)
        run_dir = make(
            *(guild.home, f"{number:032x}"),
            **{"started": at, "stopped": at, "exit_status": 0, **attributes},
        )
        (run_dir / ".guild/opref").write_text(opref)
    for words in FILTERS:
        theirs = set(guild_ai.runs(*words))
        assert {run["id"] for run in json.loads(guild("runs", "--json", *words).out)} == theirs, (
            words
        )


def test_guild_changes_what_guild_ai_wrote(place: Place, guild_ai_there: GuildAi) -> None:
    run_id = guild_ai_there.run("train", "--label", "old", "--tag", "t1", "--tag", "t2", "-c", "a")
    guild_ai_there.ok("mark", run_id, "-y")
    place.ok("label", "-a", "new", "-y")
    place.ok("tag", "-d", "t1", "-y")
    place.ok("comment", "-a", "b", "-y")
    run = guild_ai_there.runs()[run_id]
    assert (run["label"], run["tags"], run["marked"]) == ("old new", ["t2"], True)
    assert [comment["body"] for comment in run["comments"]] == ["a", "b"]
    place.ok("mark", "--clear", "-y")
    assert guild_ai_there.info(run_id)["marked"] == "no"
    place.ok("rm", run_id, "-y")
    assert guild_ai_there.runs() == {}
    assert run_id in guild_ai_there.runs("--deleted")
    guild_ai_there.ok("runs", "restore", run_id, "-y")
    assert place.status(run_id) == "completed"
    guild_ai_there.ok("runs", "rm", run_id, "-y")
    assert place.ok("restore", "-y").lines == [f"Restored 1 run{place.on}"]
    guild_ai_there.ok("runs", "rm", run_id, "-y")
    place.ok("purge", "-y")
    assert guild_ai_there.runs("--deleted") == {}


def test_a_run_of_guild_ais_is_the_model_for_a_new_one(
    place: Place, guild_ai_there: GuildAi
) -> None:
    run_id = guild_ai_there.run("train", "rate=2")
    place.ok("run", "--proto", run_id, "-y")
    (new,) = guild_ai_there.ids() - {run_id}
    assert guild_ai_there.info(new)["flags"] == {"rate": 2}
    assert place.output(new) == "trained --rate 2\n"


def test_a_run_of_guild_ais_is_not_started_again(place: Place, guild_ai_there: GuildAi) -> None:
    """What it takes to do so is written in another form; a new run like it can be made."""
    ended, staged = guild_ai_there.run("train"), guild_ai_there.run("train", "--stage")
    for words in (["--restart", ended], ["--start", staged]):
        refused = place("run", *words, "-y")
        assert refused.code == 1
        assert "was made by another program" in refused.err
        assert f"--proto {words[1]}" in refused.err
    assert place.status(ended) == "completed"
    assert place.status(staged) == "staged"


def test_runs_of_guild_ais_come_home_and_go_back(
    guild: Guild, guild_ai: GuildAi, guild_ai_program: Path, remote: str, there: Path
) -> None:
    away = GuildAi(guild_ai_program, guild.folder, guild.env, there)
    ended, failed = away.run("train", "rate=2", "--label", "best"), away.run("fail")
    used = (away.run("make"), away.run("use"))[1]
    staged = away.run("train", "--stage")
    running = away.run("wait", "--background")
    Place(guild, there, remote).wait_for_output(running, "up\n")
    guild.ok("pull", remote, "-y")
    expected = {
        ended: "completed",
        failed: "error",
        used: "completed",
        staged: f"staged ({remote})",
        running: f"running ({remote})",
    }
    assert {i: guild.status(i) for i in expected} == expected
    # Guild AI calls everything that has a remote's mark running.
    seen = {**expected, staged: f"running ({remote})"}
    assert guild_ai.statuses().items() >= short(seen).items()
    names = ("cmd", "label", "started", "stopped", "exit_status")
    for run_id in (ended, failed, used):
        here, origin = guild_ai.runs()[run_id], away.runs()[run_id]
        assert {n: here[n] for n in names} == {n: origin[n] for n in names}
    assert guild.ok("cat", used, "-p", "data.csv").out == "made\n"

    guild.ok("stop", running, "-r", remote, "-y")
    guild.ok("sync")
    assert guild.status(running) == "terminated"
    assert guild_ai.statuses()[running[:8]] == "terminated"

    guild.ok("rm", ended, "-r", remote, "--permanent", "-y")
    assert ended not in away.runs()
    guild.ok("label", ended, "-s", "from here", "-y")
    guild.ok("push", remote, ended, "-y")
    assert away.runs()[ended]["label"] == "from here"
    assert away.ok("cat", ended, "-p", "out/model.txt") == ["--rate 2"]
    assert guild_ai.runs()[ended]["started"] == away.runs()[ended]["started"]


@pytest.fixture
def both(
    guild: Guild, guild_ai_program: Path, sshd: Server, there: Path, tmp_path: Path
) -> GuildAi:
    """Guild AI that reaches the remote `far` as guild does, and finds itself there."""
    guild.env["PATH"] = sshd.path_with_ssh(tmp_path / "bin", guild.env["PATH"])
    venv = str(guild_ai_program.parent.parent)
    guild.configure(far=sshd.keys(there, venv_path=venv))
    there.mkdir(exist_ok=True)
    return GuildAi(guild_ai_program, guild.folder, guild.env, guild.home)


def test_guild_syncs_a_run_that_guild_ai_started_on_a_remote_and_pulled(
    guild: Guild, both: GuildAi, there: Path
) -> None:
    both("run", "wait", "-r", "far", "--no-wait", "-y")
    (run_id,) = guild.ok("select", "-r", "far").lines
    Place(guild, there, "far").wait_for_output(run_id, "up\n")
    wait_until(lambda: guild.ok("runs", "-Sr", "-r", "far").lines, "the run's start")
    both.ok("pull", "far", "-y")
    assert guild.status(run_id) == both.statuses()[run_id[:8]] == "running (far)"
    guild.ok("sync")
    assert guild.status(run_id) == "running (far)"
    guild.ok("stop", run_id, "-r", "far", "-y")
    guild.ok("sync")
    assert guild.status(run_id) == both.statuses()[run_id[:8]] == "terminated"


def test_guild_ai_syncs_a_run_that_guild_started_on_a_remote_and_pulled(
    guild: Guild, both: GuildAi, there: Path
) -> None:
    run_id = guild.started(op="wait", remote="far")
    guild.ok("pull", "far", "-y")
    both.ok("sync")
    assert guild.status(run_id) == both.statuses()[run_id[:8]] == "running (far)"
    both.ok("stop", run_id, "-r", "far", "-y")
    Place(guild, there, "far").wait_for_end(run_id)
    both.ok("sync")
    assert guild.status(run_id) == both.statuses()[run_id[:8]] == "terminated"
    guild.ok("sync")
    assert guild.status(run_id) == "terminated"


def test_guild_ai_lists_and_pulls_runs_of_a_remote_that_guild_made(
    guild: Guild, both: GuildAi
) -> None:
    run_id = guild.started("rate=2", op="train", remote="far")
    guild.ok("watch", run_id, "-r", "far")
    assert run_id[:8] in both.ok("runs", "-r", "far")[0]
    both.ok("pull", "far", "-y")
    assert guild.status(run_id) == both.statuses()[run_id[:8]] == "completed"
    assert guild.ok("cat", "-p", "out/model.txt").out == "--rate 2\n"
    assert guild.ok("diff", run_id, f"far:{run_id}").out == ""


def test_guild_ai_stops_a_run_that_guild_started(guild: Guild, guild_ai: GuildAi) -> None:
    here = Place(guild, guild.home)
    run_id = here.started(op="wait")
    here.wait_for_output(run_id, "up\n")
    guild_ai.ok("stop", run_id, "-y")
    here.wait_for_end(run_id)
    assert guild.status(run_id) == guild_ai.statuses()[run_id[:8]] == "terminated"


def test_guild_watches_a_run_that_guild_ai_made(place: Place, guild_ai_there: GuildAi) -> None:
    running = guild_ai_there.run("wait", "--background")
    place.wait_for_output(running, "up\n")
    wait_until(lambda: place.status(running) == "running")
    watching = place.guild.popen("watch", running, *place.args)
    assert watching.stdout is not None
    assert watching.stdout.readline() == b"up\n"
    place.ok("stop", running, "-y")
    said, _ = watching.communicate(timeout=60)
    assert said.decode().endswith(f"Run {running} stopped with a status of 'terminated'\n")


# One config file for both.

CONFIG = """
remotes:
  bucket:
    type: s3
    description: Runs of the team
    bucket: runs.example.com
    root: team-a
    region: us-east-2
    local-sync: yes
  blob: {type: azure-blob, container: 'https://example.com/runs', root: x}
  gist: {type: gist, user: ann, gist-name: runs}
  cloud:
    type: ec2
    region: us-east-2
    ami: ami-0123
    instance-type: p3.2xlarge
    root-device-size: 80
    public-key: ~/.ssh/id.pub
    init: |
      sudo apt-get update
      sudo apt-get install -y python3
  gpu:
    type: ssh
    description: The machine in the cellar
    host: gpu.example.com
    port: 2222
    user: ann
    private-key: ~/.ssh/gpu
    connect-timeout: 7
    guild-home: /data/guild
    guild-env: ~/env
    proxy: ssh -W %h:%p jump
    init: echo ready
    use-prompt: yes
  conda: {type: ssh, host: gpu.example.com, conda-env: /opt/conda/envs/torch}
  active: {type: ssh, host: gpu.example.com, venv-activate: source ~/env/bin/activate}
"""


def test_a_config_file_of_guild_ais_is_listed_whole(guild: Guild, guild_ai: GuildAi) -> None:
    guild.config.write_text(CONFIG)
    named = {tuple(line.split()[:2]) for line in guild_ai.ok("remotes")}
    assert len(named) == 7
    listed = guild("remotes")
    assert {tuple(line.split()[:2]) for line in listed.lines} == named | {("sandbox", "sandbox")}
    assert listed.err == (
        "guild: warning: remotes: gpu: use-prompt: is a key of Guild AI's, "
        "which guild passes over\n"
    )


@pytest.mark.parametrize("words", [("pull",), ("push",), ("runs", "-r"), ("run", "train", "-r")])
def test_a_remote_of_another_type_is_refused_where_it_is_used(
    guild: Guild, words: tuple[str, ...]
) -> None:
    guild.config.write_text(CONFIG)
    refused = guild(*words, "bucket")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.splitlines() == [
        "guild: remote 'bucket' is of type 's3', which is not supported",
        "Supported types: ssh, slurm, pbs, sandbox.",
    ]


def test_remotes_of_other_types_are_in_nobodys_way(guild: Guild, remote: str, there: Path) -> None:
    both = yaml.safe_load(CONFIG)["remotes"] | yaml.safe_load(guild.config.read_text())["remotes"]
    guild.config.write_text(yaml.safe_dump({"remotes": both}))
    run_id = guild.started(op="train", remote=remote)
    guild.ok("watch", run_id, "-r", remote)
    guild.ok("pull", remote, "-y")
    guild.ok("sync")
    assert guild.status(run_id) == "completed"
