"""Source code of a project in a run: which files, where they lie, and what runs of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from guild_ai import GuildAi
from support import Guild, Place, project
from trees import fill

from guild_sync.agent.store import rundir
from guild_sync.agent.store.manifest import fields, manifest_lines

SAY = """
import os, sys
lr = 1
print("lr", lr, __name__, os.path.relpath(__file__, os.environ["RUN_DIR"]), *sys.argv[1:])
"""


def write(folder: Path, guildfile: str) -> None:
    project(folder, guildfile)
    for name in ("src/say.py", "scripts/talk.py", "say.py"):
        fill(folder, name, content=SAY.encode())
    fill(folder, "notes.txt", "src/a.txt", "data.csv")


def sources(run_dir: Path) -> set[str]:
    """The paths that the run's manifest says are source code, once they are there."""
    lines = (fields(line) for line in manifest_lines(str(run_dir)))
    names = {words[1] for words in lines if words and words[0] == "s"}
    assert all((run_dir / name).is_file() for name in names)
    return names


def last(place: Place) -> Path:
    return place.run_dir(place.ok("select").lines[0])


@pytest.mark.parametrize(
    ("operation", "says", "files"),
    [
        ("{main: scripts/talk}", "lr 1 __main__ scripts/talk.py", {"scripts/talk.py", "notes.txt"}),
        ("{main: say, sourcecode: {root: src}}", "lr 1 __main__ say.py", {"say.py", "a.txt"}),
        (
            "{main: say, sourcecode: {root: src, dest: code}}",
            "lr 1 __main__ code/say.py",
            {"code/say.py", "code/a.txt"},
        ),
        (
            "{main: scripts/talk, sourcecode: {dest: .guild/sourcecode, select: '*.py'}}",
            "lr 1 __main__ .guild/sourcecode/scripts/talk.py",
            {".guild/sourcecode/scripts/talk.py", ".guild/sourcecode/say.py"},
        ),
        (
            "{main: scripts.talk, sourcecode: [{exclude: '*'}, {include: {text: scripts/*}}]}",
            "lr 1 __main__ scripts/talk.py",
            {"scripts/talk.py"},
        ),
        (
            "{exec: 'echo ${lr} ${x}', sourcecode: no, flags: {lr: 1, x: 2}, flags-import: no}",
            "1 2",
            set(),
        ),
        (
            "{main: 'say --to ${to}/x', flags: {to: here}, flags-dest: env}",
            "lr 1 __main__ say.py --to here/x",
            {"say.py", "notes.txt"},
        ),
    ],
)
def test_an_operation_runs_from_its_source_code(
    place: Place, operation: str, says: str, files: set[str]
) -> None:
    write(place.guild.folder, f"op: {operation}\n")
    done = place("run", "op", "-y")
    assert says in done.out.splitlines(), done
    found = sources(last(place))
    assert files <= found
    whole = {name for name in found if name.startswith((".guild", "code/"))}
    assert whole in (set(), found)


def test_a_run_is_made_again_where_its_source_code_was(place: Place) -> None:
    operation = "{main: scripts/talk, sourcecode: {dest: code, select: '*.py'}}"
    write(place.guild.folder, f"op: {operation}\n")
    place.ok("run", "op", "-y")
    first = last(place)
    says = "lr 3 __main__ code/scripts/talk.py"
    assert says in place.ok("run", "--proto", "1", "lr=3", "-y").lines
    assert sources(last(place)) == sources(first)
    assert says in place.ok("run", "--restart", first.name, "lr=3", "-y").lines
    assert place.ok("ls", first.name, "-n", "--sourcecode").lines == [
        *("code/say.py", "code/scripts/talk.py", "code/sleep.py", "code/src/say.py"),
    ]


def test_each_step_finds_its_own_source_code(place: Place) -> None:
    write(
        place.guild.folder,
        """
- operations:
    all: {steps: [one, 'm:two']}
    one: {main: scripts/talk, sourcecode: 'scripts/*.py'}
- model: m
  sourcecode: {dest: code, select: say.py}
  operations: {two: {main: say}}
""",
    )
    out = place.ok("run", "all", "-y").lines
    assert "lr 1 __main__ scripts/talk.py" in out
    assert "lr 1 __main__ code/say.py" in out


SEVERAL_ROOTS = """
all: {steps: [one, 'mixed x=[1]', 'two lr=[1]']}
mixed: {flags: {x: 1}, steps: ['two lr=${x}', three]}
one: {main: scripts/talk, sourcecode: 'scripts/*.py'}
two: {main: say, sourcecode: {root: src, select: '*.py'}}
three: {main: talk, sourcecode: {root: ../beside, dest: code}}
"""


def files_and_digest(run_dir: Path) -> tuple[set[str], object]:
    return sources(run_dir), rundir.read_attr(str(run_dir), "sourcecode_digest")


def steps_below(run_dir: Path) -> dict[str, Path]:
    """The runs of single operations that a run consists of, at any depth, by their names."""
    links = [path for path in run_dir.iterdir() if path.is_symlink() and path.is_dir()]
    below = {name: path for link in links for name, path in steps_below(link.resolve()).items()}
    return below if links else {rundir.opref(str(run_dir))["name"]: run_dir}


def test_each_step_has_the_files_that_it_has_by_itself_whatever_its_root(place: Place) -> None:
    folder = place.guild.folder
    write(folder, SEVERAL_ROOTS)
    fill(folder.parent / "beside", "talk.py", content=SAY.encode())
    alone = {}
    for name in ("one", "two", "three"):
        place.ok("run", name, "-y")
        alone[name] = files_and_digest(last(place))
    assert [files for files, _ in alone.values()] == [
        {"scripts/talk.py"},
        {"say.py"},
        {"code/talk.py"},
    ]
    place.ok("run", "all", "-y")
    made = place.run_dir(place.ok("select", "--operation", "all").lines[0])
    (folder / "guild.yml").unlink()
    place.ok("run", "--proto", made.name, "three:lr=5", "-y")
    again = place.run_dir(place.ok("select", "--operation", "all").lines[0])
    assert made != again
    for run in (made, again):
        found = {name: files_and_digest(step) for name, step in steps_below(run).items()}
        assert found == alone
        sent = ("beside/talk.py", f"{folder.name}/scripts/talk.py", f"{folder.name}/src/say.py")
        assert sources(run) == {f".guild/sourcecode/{name}" for name in sent}
    assert rundir.read_attr(str(steps_below(again)["three"]), "flags") == {"lr": 5}


# Beside Guild AI.

SELECTIONS = (
    *("{}", "'*.py'", "['*.py', a]", "a", "a/b", "'*/x.py'", "'/x.py'", "'te*'", "'*'", "[]"),
    *("[{exclude: a}]", "[{exclude: '*.py'}, {include: train.py}]", "['*.py', {exclude: a}]"),
    *("[{exclude: '**/x.py'}]", "[{exclude: {dir: a}}]", "[{exclude: {dir: [a/b, c]}}]"),
    *("[{exclude: {text: '*.py'}}]", "[{exclude: '*'}, {include: {text: '*'}}]"),
    *("{select: ['*.txt', {exclude: a}], root: .}", "{root: a}", "{dest: code}"),
    *("[{include: {dir: not}}]", "[{exclude: {dir: a}}, {include: a/x.py}]", "no"),
)


def test_a_run_has_the_files_that_guild_ai_gives_it(guild: Guild, guild_ai: GuildAi) -> None:
    names = ("train.py", "x.py", "root.txt", "a/x.py", "a/x.txt", "a/b/y.py", "t/a/z.py", "t/c/q")
    fill(guild.folder, *names, "not/.guild-nocopy", "not/n.py", content=b"x")
    operations = "".join(
        f"n{n}: {{exec: 'true', sourcecode: {text}}}\n" for n, text in enumerate(SELECTIONS)
    )
    project(guild.folder, operations)
    for number, text in enumerate(SELECTIONS):
        theirs = sources(guild.home / "runs" / guild_ai.run(f"n{number}"))
        guild("run", f"n{number}", "-y")
        ours = sources(guild.home / "runs" / guild.ok("select").lines[0])
        assert ours == theirs, text
