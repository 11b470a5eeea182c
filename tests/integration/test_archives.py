"""Runs exported and imported as a user does it, and as Guild AI 0.9.0 does, each the other's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from guild_ai import GuildAi
from packed import KINDS
from rundirs import give_scalars
from support import Done, Guild, keep_nothing_free

OTHER = "elsewhere"  # the guild home of another machine


def elsewhere(guild: Guild, *argv: str, stdin: str = "") -> Done:
    """Call guild on another guild home."""
    other = Guild(guild.folder, {**guild.env, "GUILD_HOME": str(guild.folder / OTHER)})
    return other(*argv, stdin=stdin)


def attributes(run: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (run / ".guild" / "attrs").iterdir()}


def test_runs_go_into_an_archive_are_looked_at_there_and_come_out(guild: Guild) -> None:
    keep_nothing_free(guild)
    for sleep in ("0", "0.1"):
        guild.ok("run", "op", f"sleep={sleep}", "--tag", "good", "-y")
    first, second = (run["id"] for run in json.loads(guild.ok("runs", "--json").out))

    for run_id, numbers in ((first, (0.5, 0.75)), (second, (0.25, 0.5))):
        give_scalars(guild.home / "runs" / run_id, {"loss": numbers})
    done = guild("export", "x.tar.zst", "-Ft", "good", stdin="y\n")
    assert done.code == 0, done
    assert done.out.startswith("You are about to copy to 'x.tar.zst' the following runs:\n  [")
    assert "Export 2 runs? (Y/n) Exported 2 runs to x.tar.zst (" in done.out

    listed = guild.ok("runs", "-A", "x.tar.zst").lines
    assert listed == guild.ok("runs").lines
    columns = ("--columns", "sleep,loss,min loss")
    of_archive = guild.ok("runs", "-A", "x.tar.zst", *columns).lines
    assert of_archive == guild.ok("runs", *columns).lines
    assert [line.split()[-5:-2] for line in of_archive[1:]] == [
        ["0.1", "0.75", "0.5"],
        ["0", "0.5", "0.25"],
    ]
    found = json.loads(guild.ok("runs", "-A", "x.tar.zst", "--json").out)
    assert [run["id"] for run in found] == [first, second]
    place = str(guild.folder / "x.tar.zst" / first)
    assert found[0]["run_dir"] == place
    assert f"run_dir: {place}" in guild.ok("info", "-A", "x.tar.zst").lines
    files = guild.ok("ls", "-A", "x.tar.zst", "-n", first).lines
    assert files == guild.ok("ls", "-n", first).lines
    for words in ((), ("2", "-a"), ("-g",)):  # an index means the run that it means
        assert guild.ok("ls", "-A", "x.tar.zst", "-nh", *words).lines == [
            line for line in guild.ok("ls", "-nh", *words).lines if "/LOCK" not in line
        ]
    output = guild.ok("cat", "-A", "x.tar.zst", "--output", second).out
    assert output == guild.ok("cat", "--output", second).out != ""
    name = next(name for name in files if name.endswith(".py"))
    text = guild.ok("cat", "-A", "x.tar.zst", "-p", name).out
    assert text == guild.ok("cat", "-p", name).out != ""
    assert "-sleep: 0\n+sleep: 0.1" in guild("diff", "-A", "x.tar.zst", "--flags").out
    done = guild("runs", "-A", "x.tar.zst", "-r", "gpu1")
    assert (done.code, done.err) == (1, "guild: --archive and --remote exclude each other\n")

    plan = elsewhere(guild, "import", "x.tar.zst", "--plan")
    assert plan.code == 0 and plan.lines[-1].endswith("files would be written."), plan
    assert not (guild.folder / OTHER / "runs").exists()
    asked = elsewhere(guild, "import", "x.tar.zst", stdin="n\n")
    assert plan.lines[-1] in asked.lines and not (guild.folder / OTHER / "runs").exists()
    assert elsewhere(guild, "import", "x.tar.zst", "2", "-y").lines == [
        "Imported 1 run from x.tar.zst"
    ]
    rest = elsewhere(guild, "import", "x.tar.zst", "--plan").lines
    assert rest[1].strip().startswith(f"[{first[:8]}]") and second[:8] not in rest[-2]
    assert rest[2].endswith("files would be written. 1 run is here already.")
    assert elsewhere(guild, "runs", "import", "x.tar.zst", "-y").lines == [
        f"run {second} is here already, and was left as it is",
        "Imported 1 run from x.tar.zst",
    ]
    assert elsewhere(guild, "runs").lines == listed
    nothing = "0 in 0 files would be written. 2 runs are here already."
    assert elsewhere(guild, "import", f"{OTHER}/runs", "--plan").lines == [nothing]
    assert elsewhere(guild, "import", OTHER, "--plan").lines == [
        f"Nothing to import. Its runs are in '{guild.folder / OTHER / 'runs'}'."
    ]
    assert not [p for p in (guild.folder / OTHER / "runs").iterdir() if p.name[0] == "."]


def test_a_run_that_is_moved_away_comes_back(guild: Guild) -> None:
    keep_nothing_free(guild)
    guild.ok("run", "op", "sleep=0", "-y")
    (run,) = (guild.home / "runs").glob("[0-9a-f]*")
    before = attributes(run)

    assert guild.ok("export", "out", "--move", "-y").lines[0].startswith("Moved 1 run to out (")
    assert guild.ok("runs").lines == []
    assert guild.ok("import", "out", "--move", "-y").lines == ["Moved 1 run from out"]
    assert attributes(run) == before
    assert os.listdir(guild.folder / "out") == [".guild-nocopy"]
    assert guild.ok("import", "out", "-y").lines == ["Nothing to import."]

    # What the archive says of its environment counts in a shell once it is started here.
    job = json.loads((run / ".guild/job.json").read_text())
    (run / ".guild/job.json").write_text(json.dumps({**job, "env": {"FLAG_X": "1", "OWN": "2"}}))
    shell = ("shell", "--", "sh", "-c", "echo $FLAG_X $OWN")
    assert guild.ok(*shell).lines == ["1"]
    guild.ok("run", "--restart", run.name, "-y")
    (run / ".guild/job.json").write_text(json.dumps({**job, "env": {"FLAG_X": "1", "OWN": "2"}}))
    assert guild.ok(*shell).lines == ["1 2"]


def test_where_there_is_no_room_nothing_is_written(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    keep_nothing_free(guild)
    guild.ok("export", "x.zip", "-y")
    with open(guild.config, "a") as f:
        f.write("\nkeep-free: 1000000G\n")
    for words in (["import", "x.zip", "--plan"], ["import", "x.zip", "-y"]):
        done = elsewhere(guild, *words)
        assert done.code == 1 and done.err.startswith("guild: no room: "), done
    done = guild("export", "x.tar", "-y")
    assert done.code == 1 and done.err.startswith("guild: no room: "), done
    assert not (guild.folder / "x.tar").exists()
    assert not (guild.folder / OTHER / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "nothing.zip"], "guild: there is no archive 'nothing.zip'\n"),
        (["runs", "-A", "nothing"], "guild: there is no archive 'nothing'\n"),
        (["import", "not.zip"], "guild: cannot unpack 'not.zip': File is not a zip file\n"),
        (["runs", "-A", "not.tar"], "guild: cannot unpack 'not.tar': "),
        (["export", "x.tar.gz", "-y"], "guild: 'x.tar.gz' is no kind of archive that guild knows"),
        (["export", "x", "-r", "sandbox", "-y"], "guild: 'sandbox' is a remote, and -r is"),
        (["export", "x", "99", "-r", "-y"], "guild: could not find a run matching '99'"),
        (["export", "no/such/x.zip", "-y"], "guild: '"),
        (["export", "not.tar", "-y"], "guild: cannot unpack 'not.tar': "),
        (["export"], "guild: FILE is missing\n"),
    ],
)
def test_what_is_no_archive_is_one_line(guild: Guild, words: list[str], said: str) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    for name in ("not.zip", "not.tar"):
        (guild.folder / name).write_text("no archive")
    done = guild(*words)
    assert (done.code, done.out) == (1, ""), done
    assert done.err.startswith(said) and "Traceback" not in done.err
    assert (guild.folder / "not.tar").read_text() == "no archive"


# Guild AI.


@pytest.mark.parametrize("name", KINDS[:2])
def test_guild_ai_imports_what_guild_exports(
    guild: Guild, guild_ai: GuildAi, guild_ai_program: Path, name: str
) -> None:
    keep_nothing_free(guild)
    guild.ok("run", "op", "sleep=0", "--label", "ours", "--comment", "well", "-y")
    guild.ok("export", name, "-y")
    other = GuildAi(guild_ai_program, guild.folder, guild.env, guild.folder / OTHER)

    assert [*other.runs("--archive", name)] == [*guild_ai.runs()]
    other.ok("import", name, "-y")

    (run_id,) = other.ids()
    assert other.runs()[run_id]["status"] == "completed"
    assert attributes(guild.folder / OTHER / "runs" / run_id) == attributes(
        guild.home / "runs" / run_id
    )
    # And back, by what Guild AI makes of it.
    other.ok("export", f"back-{name}", "-y")
    guild.ok("rm", "-p", "-y")
    assert guild.ok("import", f"back-{name}", "-y").lines == [f"Imported 1 run from back-{name}"]
    assert guild.status(run_id) == "completed"


@pytest.mark.parametrize("name", KINDS[:2])
def test_guild_imports_what_guild_ai_exports(
    guild: Guild, guild_ai: GuildAi, guild_ai_program: Path, name: str
) -> None:
    keep_nothing_free(guild)
    run_id = guild_ai.run("op", "sleep=0", "--label", "theirs")
    staged = guild_ai.run("op", "sleep=0", "--stage")
    guild_ai.ok("export", name, "-y")

    listed = json.loads(guild.ok("runs", "-A", name, "--json").out)
    assert {run["id"]: run["status"] for run in listed} == {
        run_id: "completed",
        staged: "staged",
    }
    before = attributes(guild.home / "runs" / run_id)
    done = elsewhere(guild, "import", name, "-y")
    assert (done.code, done.err) == (0, ""), done
    assert attributes(guild.folder / OTHER / "runs" / run_id) == before
    # Each leaves alone what is there, and adds what is not.
    assert elsewhere(guild, "export", name, "-y").lines[-1] == f"Exported 0 runs to {name}"
    third = guild_ai.run("op", "sleep=0")
    assert guild.ok("export", name, "-y").lines[-1].startswith(f"Exported 1 run to {name}")
    other = GuildAi(guild_ai_program, guild.folder, guild.env, guild.folder / "third")
    other.ok("import", name, "-y")
    assert other.ids() == {run_id, staged, third}
