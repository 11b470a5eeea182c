"""What is said where something is missing, or amiss: each line names what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support import Guild, Place, Server, project
from test_login import typing
from test_unreachable import another_sshd, own_connections

# Fixtures of other modules, for here too.
__all__ = ["own_connections"]

ID = "abcdef0123456789abcdef0123456789"


def shown(guild: Guild, *argv: str) -> str:
    """What a person sees."""
    with typing(guild, *argv) as terminal:
        terminal.end()
        return terminal.shown


# guild.yml.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "train: {main: train.py}",
            "train: main: takes a module, and train.py is its file: write train (line 1)",
        ),
        (
            "train: {main: ./train.py --lr 3}",
            "train: main: takes a module, and ./train.py is its file: write train (line 1)",
        ),
        (
            "train: {main: train}\nrequires: {file: x}",
            "requires: is a key of an operation, not an operation: put it below one (line 2)",
        ),
        (
            "train: {main: train}\nrequires: [{file: x}]",
            "requires: is a key of an operation, not an operation: put it below one (line 2)",
        ),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_with_the_right_one(
    guild: Guild, text: str, said: str
) -> None:
    project(guild.folder, text, train="print(1)")
    name = said.partition(":")[0]
    for argv in (("operations",), ("run", name, "-y")):
        assert said in guild(*argv).out + guild(*argv).err
    assert guild.ok("runs", "-a").out == ""
    if name == "requires":  # another operation does without what was meant for it
        assert guild("run", "train", "--print-cmd").err == f"guild: warning: {said}\n"


def test_a_requirement_among_flags_is_told_and_a_flag_of_that_name_is_one(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'true', flags: {requires: {file: x}, env: prod}}")
    said = "op: flags: requires is a flag here: as a key of the operation it is not below flags"
    done = guild("run", "op", "-y")
    assert (done.code, said in done.err) == (0, True)
    project(guild.folder, "op: {exec: 'true', flags: {requires: {default: 1}, steps: 3}}")
    assert guild.ok("run", "op", "steps=4", "-y").err == ""


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("trian", "the project has no module trian: did you mean train?"),
        ("my-train", "the project has no module my-train: did you mean train?"),
        ("sub.atc", "the project has no module sub.atc: did you mean sub.act?"),
        ("sub/atc", "the project has no module sub/atc: did you mean sub/act?"),
        ("sub.xyz", "there is no module xyz in sub"),
        ("sub", "sub is a folder of modules without a __main__.py: which of them?"),
        ("gone", "neither the project nor a package here has gone"),
        ("gone.away --x 3", "neither the project nor a package here has gone.away"),
    ],
)
def test_a_module_that_is_not_there_is_told_before_the_run(
    guild: Guild, main: str, said: str
) -> None:
    project(guild.folder, f"op: {{main: {main}}}\np: {{steps: [op]}}", train="print(1)")
    (guild.folder / "sub").mkdir()
    (guild.folder / "sub" / "act.py").write_text("print(2)")
    for operation in ("op", "p"):
        shown = guild("run", operation, "--print-cmd")
        assert shown.err == f"guild: warning: op: main: {said}\n"
    done = guild("run", "op", "-y")
    assert done.code == 1
    assert done.err.startswith(f"guild: warning: op: main: {said}\n")


@pytest.mark.parametrize(
    "text",
    [
        "op: {main: json.tool}",
        "op: {main: sub/act}",
        "op: {main: sub.act}",
        "op: {main: 3d}",
        "op: {main: guild.pass}",
        "op: {main: brought, requires: {file: sub}}",
        "op: {main: brought, env: {PYTHONPATH: /x}}",
        "- {package: x, requires: [brought]}\n- {operations: {op: {main: brought}}}",
    ],
)
def test_a_module_that_is_there_or_may_come_is_no_warning(guild: Guild, text: str) -> None:
    project(guild.folder, text, **{"3d": "print(1)"})
    (guild.folder / "sub").mkdir()
    (guild.folder / "sub" / "act.py").write_text("print(2)")
    assert guild.ok("run", "op", "--print-cmd").err == ""


def test_a_module_that_a_remote_alone_may_have_is_no_warning(guild: Guild, remote: str) -> None:
    project(guild.folder, "op: {main: gone}")
    assert guild.ok("run", "op", "-r", remote, "--print-cmd").err == ""


def test_a_package_of_that_name_is_a_module(guild: Guild) -> None:
    package = guild.folder / "train"
    package.mkdir()
    (package / "py.py").write_text("print('of the package')\n")
    project(guild.folder, "op: {main: train.py}")
    assert guild.ok("run", "op", "-y").lines == ["of the package"]


def test_a_declared_package_that_a_run_here_lacks_is_named(guild: Guild) -> None:
    guild.env.update(UV_OFFLINE="1", PIP_NO_INDEX="1")
    text = "- {package: x, requires: [no-such-package-of-anyone]}\n- {operations: {op: {exec: ls}}}"
    project(guild.folder, text)
    done = guild("run", "op", "-y")
    said = [line for line in done.lines if line.startswith("Warning: cannot install")]
    assert len(said) == 1 and "no-such-package-of-anyone" in said[0]
    assert said[0].endswith("so the run goes on without")


# Commands.


def test_cat_without_a_file_says_how_to_find_one(place: Place, guild: Guild) -> None:
    on = f" -r {place.remote}" if place.remote else ""
    assert place("cat").err.splitlines() == [
        "guild: which file of the run?",
        f"One of those that 'guild ls 1{on}' lists: --path FILE",
        f"What the run has printed: guild cat 1{on} --output",
    ]
    assert "'guild ls 1 -r" in place("cat", "-s").err or not place.remote


@pytest.mark.parametrize("command", ["info", "ls", "select"])
def test_no_run_on_a_remote_names_the_listing_of_that(
    guild: Guild, remote: str, command: str
) -> None:
    done = guild(command, "5" if command != "select" else "7", "-r", remote)
    assert f"guild runs -r {remote}" in done.err


def test_an_empty_listing_says_why_to_a_person_alone(place: Place, guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    where = f" on {place.remote}" if place.remote else " here"
    assert place.ok("runs").out == ""
    assert f"There are no runs{where}. To start one: guild run OP" in shown(
        guild, "runs", *place.args
    )
    place.ok("run", "op", "-y")
    assert "is meant by that. All that there are: guild runs" in shown(
        guild, "runs", "--error", *place.args
    )
    assert "No run is deleted" in shown(guild, "runs", "-d", *place.args)
    assert "There are" not in shown(guild, "runs", *place.args)
    assert place.ok("runs", "--error").out == ""


@pytest.mark.parametrize(
    "argv",
    [
        ("info",), ("watch",), ("stop", "-y"), ("cat", "-O"), ("select",), ("label", "-ys", "l"),
        ("runs", "rm", "-y"), ("verify",), ("compare",), ("mark", "-y"), ("push", "gpu1"),
    ],
)  # fmt: skip
def test_a_remote_in_the_place_of_a_run_is_told_with_what_means_its_runs(
    guild: Guild, argv: tuple[str, ...]
) -> None:
    guild.configure(gpu1={"type": "ssh", "host": "gpu1.invalid"})
    means = "'-r gpu1' means its runs there, 'guild pull gpu1' copies them here."
    for word, said in (("gpu1", "gpu1 is a remote: "), ("gpu", "Did you mean the remote gpu1? ")):
        done = guild(*argv, word)
        assert (done.code, done.out) == (1, "")
        assert done.err.splitlines() == [
            f"guild: could not find a run matching '{word}'",
            "Show runs with 'guild runs'.",
            f"{said}{means}",
        ]
    assert "remote" not in guild(*argv, "zzz").err


def test_a_sync_of_what_is_no_open_run_of_a_remote_says_so(guild: Guild, remote: str) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    guild.ok("run", "op", "-y", "--run-id", ID)
    guild.configure(**{"0123": {"type": "ssh", "host": "x.invalid"}, "abc": {"type": "sandbox"}})
    said = [f"Nothing to sync: run {ID} is completed, and was made here"]
    for options in ((), ("--watch",), ("--watch", "--until-done")):
        assert guild.ok("sync", "abcdef", *options).lines == said
        assert guild.ok("sync", "1", *options).lines == said
    assert guild.ok("sync").out == guild.ok("sync", "1", "--cron").out == ""
    for options in ((), ("--watch",), ("--plan",)):
        done = guild("sync", "abc", *options)
        assert (done.code, done.out) == (1, "")
        assert done.err.splitlines() == [
            "guild: sync takes runs, and abc is a remote",
            "'guild pull abc' copies its runs here. A run: give more of its id.",
        ]
        done = guild("sync", "b", *options)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("guild: could not find a run matching 'b'\n")


def test_after_a_run_elsewhere_a_person_is_told_what_is_next(guild: Guild, remote: str) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    said = shown(guild, "run", "op", "-r", remote, "-y")
    assert re.search(r"Its files: 'guild ls [0-9a-f]{8}'\n", said), said
    said = shown(guild, "run", "op", "-r", remote, "--no-track", "-y")
    there = re.search(rf"'guild ls ([0-9a-f]{{8}}) -r {remote}'\n(.*)\n", said)
    assert there and there[2] == f"To bring it home: 'guild pull {remote} {there[1]}'", said
    said = shown(guild, "watch", there[1], "-r", remote)
    assert f"To bring it home: 'guild pull {remote} {there[1]}'" in said
    assert "Its files" not in guild.ok("run", "op", "-r", remote, "-y").out


def test_after_a_batch_elsewhere_a_person_is_told_how_to_compare(guild: Guild, remote: str) -> None:
    project(guild.folder, "op: {exec: 'true', flags: {x: 1}}")
    said = shown(guild, "run", "op", "x=[1,2]", "-r", remote, "-y")
    assert "Its trials beside each other: 'guild compare'\n" in said
    assert "Its files" not in said
    batch = re.search("Run ([0-9a-f]{32}) stopped", said)
    assert batch
    said = shown(guild, "watch", batch[1], "-r", remote)
    assert f"Its trials beside each other: 'guild compare -r {remote}'\n" in said


def test_an_rsync_that_is_too_old_is_named_with_what_is_needed(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    bin_ = tmp_path / "old"
    bin_.mkdir()
    old = bin_ / "rsync"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "rsync  version 2.6.9  protocol 29"\n')
    old.chmod(0o755)
    path = subprocess.check_output(["sh", "-c", "echo $PATH"], text=True).strip()
    with another_sshd(sshd, tmp_path / "other", path=f"{bin_}:{path}") as server:
        guild.configure(x=server.keys(there))
        done = guild("check", "-r", "x")
    assert done.code == 1
    assert "version 2.6.9" in done.out
    assert "guild needs rsync 3.1 or newer" in done.out
