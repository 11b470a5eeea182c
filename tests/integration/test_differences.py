"""What is otherwise than in Guild AI 0.9 on purpose: each line of its table, tried with both."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from guild_ai import GuildAi
from rundirs import A, B, C, make
from support import Guild, project

from guild_sync.starting.left_out import INSTEAD

PAGE = Path(__file__).parents[2] / "docs" / "from-guild-ai.md"
HEADING = "## What is otherwise on purpose"
PROJECT = """
- model: net
  operations:
    train: {main: train, default: yes, flags-import: all}
    echo: {exec: 'echo ${x}', flags: {x: {default: 3, description: An x}}}
    p: {steps: [echo]}
"""
TRAIN = """
import argparse
open({trace!r}, "a").write("x")
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.parse_args()
"""
ID = "0123456789abcdef0123456789abcdef"


class Both:
    """guild and Guild AI on one guild home, in one project; `calls` has what each had of ssh."""

    def __init__(self, ours: Guild, program: Path, folder: Path) -> None:
        self.ours = ours
        self.trace = folder / "trace"
        self._calls = folder / "calls"
        bin_ = folder / "fakes"
        bin_.mkdir()
        for name in ("ssh", "rsync"):  # nobody answers
            fake = bin_ / name
            fake.write_text(
                f'#!/bin/sh\necho "{name} $*" | tr "\\n" " " >>{self._calls}\n'
                f"echo >>{self._calls}\nexit 255\n"
            )
            fake.chmod(0o755)
        ours.env["PATH"] = f"{bin_}:{ours.env['PATH']}"
        self.theirs = GuildAi(program, ours.folder, ours.env, ours.home)
        project(ours.folder, PROJECT, train=TRAIN.format(trace=str(self.trace)))

    def calls(self) -> list[str]:
        """What ssh and rsync were called with since this was asked last."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return [line for line in lines if " -G " not in line and " -O " not in line]

    def copies(self, *of: str) -> None:
        """Two copies of runs of the remotes."""
        keys = {"type": "ssh", "host": "127.0.0.1", "port": 1}
        self.ours.configure(far=keys, near=keys)
        for number, (run_id, remote) in enumerate(zip((A, B), of, strict=True)):
            marks = {"LOCK.remote": remote}
            make(self.ours.home, run_id, marks, initialized=1, started=number, id=run_id)


@pytest.fixture
def both(guild: Guild, guild_ai_program: Path, tmp_path: Path) -> Both:
    return Both(guild, guild_ai_program, tmp_path)


def unreached(both: Both) -> None:
    both.copies("far", "far")
    theirs, ours = both.theirs("sync"), both.ours("sync")
    assert (theirs.code, theirs.out) == (0, "")
    assert ours.code == 3 and "far" in ours.err


def undefined(both: Both) -> None:
    both.copies("nosuch", "far")
    assert "Traceback" in both.theirs("sync").err
    both.calls()
    ours = both.ours("sync")
    assert "'nosuch' is not defined" in ours.err and "Traceback" not in ours.err
    assert both.calls(), "the others are asked"


def connections(both: Both) -> None:
    both.copies("far", "far")
    both.theirs("sync")
    assert len(both.calls()) == 2
    both.ours("sync")
    assert len(both.calls()) == 1


def host_keys(both: Both) -> None:
    both.copies("far", "far")
    both.theirs("runs", "-r", "far")
    assert "-oStrictHostKeyChecking=no" in " ".join(both.calls())
    both.ours("runs", "-r", "far")
    assert "stricthostkeychecking" not in " ".join(both.calls()).lower()


def time_limit(both: Both) -> None:
    both.copies("far", "far")
    both.theirs("runs", "-r", "far")
    assert "ConnectTimeout" not in " ".join(both.calls())
    both.ours("runs", "-r", "far")
    (call,) = both.calls()
    words = call.split()
    options = Path(words[words.index("-F") + 1]).read_text()
    assert re.search(r"^\s*ConnectTimeout[ =]10$", options, re.M), options


def json_there(both: Both) -> None:
    both.copies("far", "far")
    both.theirs("runs", "-r", "far", "--json")
    (call,) = both.calls()
    assert call.split()[-3:] == ["guild", "runs", "list"]
    assert "json" in both.ours.ok("runs", "--help").out  # with -r: test_remotes and others


def reused_pid(both: Both) -> None:
    run = make(both.ours.home, C, {"LOCK": str(os.getpid())}, initialized=1, started=1, id=C)
    os.utime(run / ".guild" / "LOCK", (1, 1))  # older than the process of that number
    assert "running" in both.theirs("runs").out
    assert "error" in both.ours.ok("runs").out


def executed(both: Both) -> None:
    both.ours.ok("run", "train", "--help-op")
    assert not both.trace.exists()
    both.theirs("run", "train", "--help-op")
    assert both.trace.exists()


def staged_copy(both: Both) -> None:
    both.copies("far", "far")
    guild = both.ours.home / "runs" / A / ".guild"
    (guild / "STAGED").touch()
    (guild / "LOCK.remote").write_text("far")
    assert both.theirs.statuses()[A[:8]] == "running (far)"
    assert both.ours.status(A) == "staged (far)"


def home_there(both: Both) -> None:
    keys = {"type": "ssh", "host": "127.0.0.1", "port": 1, "venv-path": "/opt/venv"}
    both.ours.configure(far=keys)
    both.theirs("runs", "-r", "far")
    assert "GUILD_HOME=/opt/venv/.guild" in " ".join(both.calls())
    both.ours("runs", "-r", "far")
    assert "/opt/venv" not in " ".join(both.calls())


def activate(both: Both) -> None:
    keys = {"type": "ssh", "host": "127.0.0.1", "port": 1, "venv-activate": "module load x"}
    both.ours.configure(far=keys)
    both.theirs("runs", "-r", "far")
    assert "module load x; " in " ".join(both.calls())
    both.ours("runs", "-r", "far")
    assert "module" not in " ".join(both.calls())


def run_id(both: Both) -> None:
    for x in ("1", "2"):
        assert both.theirs("run", "net:echo", f"x={x}", "--run-id", ID, "-y").code == 0
    assert len(both.ours.ok("runs").lines) == 1
    done = both.ours("run", "net:echo", "--run-id", ID, "-y")
    assert done.err.startswith(f"guild: --run-id: there is run {ID} already")


def help_of_run(both: Both) -> None:
    assert "net:train" in both.theirs("run", "-h").out
    assert both.ours.ok("run", "-h").out == both.ours.ok("run", "--help").out


def variables(both: Both) -> None:
    argv = ("run", "net:echo", "x=[1,2]", "--print-env")
    assert both.theirs(*argv).out.count("FLAG_X=") == 1
    assert both.ours.ok(*argv).out.count("FLAG_X=") == 2


def source_code(both: Both) -> None:
    theirs = both.theirs("run", "net:echo", "--test-sourcecode").out
    assert "Rules:" in theirs and "Selected for copy:" in theirs and "Skipped:" in theirs
    assert "Rules:" not in both.ours.ok("run", "net:echo", "--test-sourcecode").out
    assert "Traceback" in both.theirs("run", "p", "--test-sourcecode").err
    assert both.ours.ok("run", "p", "--test-sourcecode").out


def stage_trials(both: Both) -> None:
    argv = ("run", "net:echo", "--stage-trials", "-y")
    assert both.theirs(*argv).out.strip() == "3"
    assert both.ours(*argv).err.startswith("guild: --stage-trials belongs to a batch")


def given_to_a_pipeline(both: Both) -> None:
    (both.ours.folder / "own.bin").write_bytes(b"\0")

    def with_it() -> int:
        return len([*both.ours.home.glob("runs/*/own.bin")])

    argv = ("run", "p", "--dep", "own.bin", "-y")
    assert both.theirs(*argv).code == 0
    (there,) = both.ours.home.glob("runs/*/own.bin")
    assert (there.parent / "echo").is_symlink(), "of the pipeline, whose steps are linked to"
    both.ours.ok(*argv)
    of_steps = [
        path
        for path in both.ours.home.glob("runs/*/own.bin")
        if not (path.parent / "echo").exists()
    ]
    assert with_it() > 1 and len(of_steps) == 1


def given_that_is_not_there(both: Both) -> None:
    argv = ("run", "net:echo", "--dep", "nothere", "-y")
    assert both.theirs(*argv).code == 1
    assert len(both.ours.ok("runs").lines) == 1
    assert both.ours(*argv).err.startswith("guild: --dep: there is no file or folder ")
    assert len(both.ours.ok("runs").lines) == 1


def kept_batch(both: Both) -> None:
    argv = ("run", "net:echo", "x=[1,2]", "-y")
    both.theirs(*argv)
    assert len(both.theirs.ids()) == 2
    both.theirs(*argv, "--keep-batch")
    assert len(both.theirs.ids()) == 2 + 3
    both.ours.ok(*argv)
    assert len(both.theirs.ids()) == 2 + 3 + 3


def flags_known(both: Both) -> None:
    theirs = both.theirs("run", "net:echo", "--test-flags").out
    ours = both.ours.ok("run", "net:echo", "--test-flags").out
    assert "null-label:" in theirs and "null-label" not in ours
    assert "default: 3" in theirs and "default: 3" in ours


def left_out(both: Both) -> None:
    """All of these are options of Guild AI's `run`, and say here what to do instead."""
    usage = both.theirs("run", "--help").out.replace(",", " ").split()
    names = [name for names in INSTEAD for name in names]
    assert {*names} <= {*usage}
    for name in names:
        done = both.ours("run", "net:echo", name, "x")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"guild: {name} is left out here: ")


def installed(both: Both) -> None:
    for command in ("operations", "models"):
        assert "--installed" in both.theirs(command, "--help").out
        done = both.ours(command, "-i")
        assert done.code == 1 and done.err.startswith("guild: ")


def opened(both: Both) -> None:
    both.ours.ok("run", "net:echo", "-y")
    argv = ("open", "-p", "nothere", "-c", "echo")
    assert both.theirs(*argv).out.rstrip().endswith("/nothere")
    assert (both.ours(*argv).code, both.ours(*argv).out) == (1, "")
    assert "--shell-cmd" in both.theirs("open", "--help").out


def init(both: Both) -> None:
    assert "virtual environment" in both.theirs("init", "--help").out
    (both.ours.folder / "guild.yml").unlink()
    both.ours.ok("init")
    assert "train" in (both.ours.folder / "guild.yml").read_text()


# By what a line of the table begins with.
LINES: dict[str, Callable[[Both], None]] = {
    "`sync`, of a remote": unreached,
    "`sync`, where a run names": undefined,
    "`sync` of several runs": connections,
    "Host key": host_keys,
    "Connection that nobody": time_limit,
    "`runs -r NAME --json`": json_there,
    "Run whose process": reused_pid,
    "Module with argparse": executed,
    "Copy of a run": staged_copy,
    "Guild home": home_there,
    "`venv-activate`": activate,
    "`run --run-id": run_id,
    "`run -h`": help_of_run,
    "`run --print-env`": variables,
    "`run --test-sourcecode`": source_code,
    "`run --stage-trials`": stage_trials,
    "`run --dep FILE` of a pipeline": given_to_a_pipeline,
    "`run --dep FILE` that is not there": given_that_is_not_there,
    "`run --keep-batch`": kept_batch,
    "`run --test-flags`": flags_known,
    "`run --break`": left_out,
    "`run --optimizer`": left_out,
    "`run --edit-flags`": left_out,
    "`run --save-trials": left_out,
    "`run --batch-label`": left_out,
    "`run --force-deps`": left_out,
    "`run --pidfile`": left_out,
    "`run --help-model`": left_out,
    "`operations -i`": installed,
    "`open`": opened,
    "`init`": init,
}


def test_each_line_of_the_table_is_tried() -> None:
    part = PAGE.read_text(encoding="utf-8").split(HEADING)[1].split("\n## ")[0]
    rows = [line[2:] for line in part.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(LINES)
    for row, beginning in zip(rows, LINES, strict=True):
        assert row.startswith(beginning), row


@pytest.mark.parametrize("tried", dict.fromkeys(LINES.values()), ids=lambda tried: tried.__name__)
def test_a_line_of_the_table_is_true_of_both(both: Both, tried: Callable[[Both], None]) -> None:
    tried(both)
