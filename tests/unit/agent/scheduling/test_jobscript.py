"""Job scripts, run by bash as a node does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guild_sync.agent.scheduling import jobscript, records
from guild_sync.agent.scheduling.slurm import Slurm

# What a script becomes: it says which words it was given.
SHOW = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]
RUNS = ("0" * 31 + "a", "0" * 31 + "b", "0" * 31 + "c")


def run(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "script").write_text(text)
    return subprocess.run(
        ["/bin/bash", folder / "script"],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_script_has_these_lines() -> None:
    text = jobscript.text(["/usr/bin/python3", "/h/agent/1", "job", "/h/runs/1"], ["module load x"])
    assert text == (
        "#!/bin/bash -l\n:\nmodule load x\nexec /usr/bin/python3 /h/agent/1 job /h/runs/1\n"
    )


def test_setup_is_the_users_own_shell_and_all_else_is_words(tmp_path: Path) -> None:
    hostile = [f"a b; touch {tmp_path}/x", "$(touch x)", "-n", "it's", '"', "*"]
    done = run(jobscript.text([*SHOW, *hostile], ["A=1", "export A; echo $A"]), tmp_path)
    assert done.stdout == f"1\n{hostile}\n"
    assert not (tmp_path / "x").exists()


def test_a_script_is_the_program_that_it_becomes(tmp_path: Path) -> None:
    """So a signal to the batch shell reaches the runner."""
    program = [sys.executable, "-c", "import os; print(os.getpid())"]
    done = run(jobscript.text(program, ["echo $$"]), tmp_path)
    shell, runner = done.stdout.split()
    assert shell == runner


def test_no_line_of_setup_is_an_option(tmp_path: Path) -> None:
    """sbatch and qsub read options from comments that nothing but comments comes before."""
    lines = jobscript.text(["x"], ["#SBATCH --partition=x", "#PBS -q x"]).splitlines()
    assert not lines[1].startswith("#")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Three runs, in a folder whose name a shell would take for more than one word."""
    top = tmp_path / "guild home; $(x)"
    for run_id in RUNS:
        (top / "runs" / run_id / ".guild").mkdir(parents=True)
    (top / "listed").write_text("".join(run_id + "\n" for run_id in RUNS))
    return top


def of_array(top: Path, first: int = 0) -> str:
    argv, runs, names = SHOW, str(top / "runs"), str(top / "listed")
    return jobscript.text_of_array(argv, ["echo set up"], runs, names, Slurm.task_variable, first)


@pytest.mark.parametrize(("first", "task", "run_id"), [(0, 0, 0), (0, 2, 2), (1, 1, 2)])
def test_a_task_of_an_array_gets_its_own_run_and_says_there_what_it_says(
    listed: Path, first: int, task: int, run_id: int
) -> None:
    done = run(of_array(listed, first), listed, SLURM_ARRAY_TASK_ID=str(task))
    directory = listed / "runs" / RUNS[run_id]
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert (directory / ".guild" / records.OUTPUT).read_text() == f"set up\n{[str(directory)]}\n"


def test_a_task_without_a_run_fails_and_says_so(listed: Path) -> None:
    done = run(of_array(listed), listed, SLURM_ARRAY_TASK_ID="3")
    assert (done.stdout, done.returncode) == ("guild: no run has number 3\n", 1)
