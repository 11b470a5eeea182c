"""What a person's shell in a run is, and what its environment has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import rundirs

from guild_sync.agent.protocol import ENV, RUN_ENV, RequirementForm
from guild_sync.agent.store.rundir import LOCK_CONFIRMED, LOCK_IMPORTED, LOCK_LOST, LOCK_REMOTE

BECOME = """\
import sys
from guild_sync.agent import shell
sys.exit(shell.main(sys.argv[1], sys.argv[2], sys.argv[3:]))
"""
OWN = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
SHOW = (sys.executable, "-c", "import json, os; print(json.dumps([os.getcwd(), {**os.environ}]))")


def become(
    home: Path, *command: str, run_id: str = rundirs.A, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """How a process ended that was asked to become the shell, or a command."""
    return subprocess.run(
        [sys.executable, "-c", BECOME, str(home), run_id, *command],
        input=stdin,
        capture_output=True,
        env={**OWN, **env},
        text=True,
        timeout=60,
        check=False,
    )


def found(home: Path, **env: str) -> tuple[str, dict[str, str]]:
    """Where a command finds itself, and with which environment."""
    done = become(home, *SHOW, **env)
    assert (done.returncode, done.stderr) == (0, "")
    folder, variables = json.loads(done.stdout)
    return folder, variables


def with_job(home: Path, job: object, **marks: str) -> Path:
    run = rundirs.make(home, marks=marks)
    (run / ".guild" / "job.json").write_text(json.dumps(job))
    return run


def required(flag: str) -> RequirementForm:
    """That an operation requires what this flag names."""
    return {
        "kind": "operation",
        "source": "train",
        "name": flag,
        "flag": flag,
        "select": [],
        "target_path": "",
        "rename": [],
        "keep_folders": False,
        "copy": False,
    }


def environment(folder: Path) -> dict[str, str]:
    """A Python environment, with what a remote and the run itself add."""
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/bin/python").symlink_to(sys.executable)
    return {"venv-path": str(folder / "venv"), f"{ENV}DATA": "/data", f"{RUN_ENV}ONE": "run"}


def test_it_has_what_its_operation_has(home: Path, tmp_path: Path) -> None:
    of_op = {"FLAG_X": "a b", "PYTHONPATH": "/more"}
    job = {"op": "train", "env": of_op, "environment": environment(tmp_path), "source_dest": "src"}
    run = with_job(home, job)
    folder, variables = found(home, MINE="mine")
    assert folder == variables["RUN_DIR"] == variables["PWD"] == str(run)
    wanted = {"FLAG_X": "a b", "DATA": "/data", "ONE": "run", "GUILD_OP": "train", "MINE": "mine"}
    assert {name: variables.get(name) for name in wanted} == wanted
    assert (variables["GUILD_HOME"], variables["RUN_ID"]) == (str(home), rundirs.A)
    assert variables["PATH"] == f"{tmp_path}/venv/bin:{OWN['PATH']}"
    assert variables["VIRTUAL_ENV"] == f"{tmp_path}/venv"
    packages = run / ".guild/job-packages"
    assert variables["PYTHONPATH"].startswith(f"{run}/src:/more:{packages}:")


def test_a_run_that_consists_of_others_or_of_another_program_has_one_too(home: Path) -> None:
    run = with_job(home, {"builtin": "series", "env": {"FLAG_X": "1"}, "children": []})
    assert found(home)[1]["RUN_DIR"] == str(run)
    (run / ".guild/job.json").unlink()
    assert found(home)[1]["RUN_DIR"] == str(run)


def test_what_was_required_is_named_as_the_operation_found_it(home: Path) -> None:
    run = with_job(home, {"env": {}, "requires": [required(flag="prepare")]})
    (run / ".guild/attrs/flags").write_text("prepare: abc\n")
    assert found(home)[1]["FLAG_PREPARE"] == "abc"


@pytest.mark.parametrize("mark", [LOCK_CONFIRMED, LOCK_REMOTE, LOCK_LOST, LOCK_IMPORTED])
def test_nothing_that_a_remote_or_an_archive_has_sent_chooses_what_runs_here(
    home: Path, tmp_path: Path, mark: str
) -> None:
    script = tmp_path / "activate"
    script.write_text(f"touch {tmp_path}/canary\n")
    own = {"FLAG_X": "1", "FLAG_Y\n": "2", "PATH": "/evil", "LD_PRELOAD": "x", "BASH_ENV": "y"}
    job = {
        "env": own,
        "environment": {"venv-activate": str(script), f"{ENV}LD_AUDIT": "z", f"{RUN_ENV}PS4": "q"},
        "python_path": ["evil"],
        "source_dest": "evil",
        "secrets": ["\x1b[2J"],
        "requires": [required(flag="x")],
    }
    with_job(home, job, **{mark: "gpu1"})
    _, variables = found(home)
    assert (variables["FLAG_X"], variables["PATH"]) == ("1", OWN["PATH"])
    assert not {"FLAG_Y\n", "LD_PRELOAD", "BASH_ENV", "LD_AUDIT", "PS4"} & set(variables)
    assert "evil" not in variables["PYTHONPATH"]
    assert not (tmp_path / "canary").exists()


def test_secrets_that_are_not_set_there_are_named(home: Path) -> None:
    with_job(home, {"secrets": ["TOKEN", "KEY"]})
    done = become(home, "true", KEY="set")
    said = "guild: not set here, for guild keeps no value of env-secrets: TOKEN\n"
    assert (done.returncode, done.stderr) == (0, said)


def test_the_shell_is_that_of_the_user_and_ends_with_its_own_status(
    home: Path, tmp_path: Path
) -> None:
    run = with_job(home, {})
    done = become(home, SHELL="/bin/sh", stdin="pwd; exit 9\n")
    assert (done.returncode, done.stdout, done.stderr) == (9, f"{run}\n", "")
    assert become(home, stdin="exit 8\n").returncode == 8  # of passwd, where SHELL is not set
    own = tmp_path / "own"
    own.write_text('#!/bin/sh\necho own "$@"\n')
    own.chmod(0o755)
    assert become(home, SHELL=str(own)).stdout == "own\n"
    # Python ignores what ends a program that nobody reads, and would hand that on.
    assert become(home, "sh", "-c", "kill -PIPE $$").returncode == -13


def test_the_words_of_a_command_are_taken_as_they_are(home: Path) -> None:
    with_job(home, {})
    words = ["a b", "$(id)", "*", "", "'\n"]
    done = become(home, sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
    assert done.stdout == f"{words}\n"


def test_what_cannot_be_is_one_line(home: Path) -> None:
    run = with_job(home, {"environment": {"venv-path": "/nowhere"}})
    done = become(home, "true")
    assert done.returncode == 1
    assert done.stderr.startswith("guild: there is no Python environment at /nowhere\nMake one")
    (run / ".guild/job.json").write_text("{}")
    done = become(home, "no such\nprogram")
    said = "guild: cannot run 'no such\\nprogram': No such file or directory\n"
    assert (done.returncode, done.stderr) == (127, said)
    (run / ".guild/job.json").write_text('{"env": {"X": "a\\u0000b"}}')
    assert become(home, "true").stderr.endswith("a word or a variable has a NUL in it\n")
    for run_id, why in ((rundirs.B, "it is not there any more"), ("x", "'x' is not a run id")):
        done = become(home, "true", run_id=run_id)
        assert done.returncode == 1
        assert done.stderr == f"guild: there is no shell in run {run_id}: {why}\n"
