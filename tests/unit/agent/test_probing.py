"""A small job tells what it finds on its node, and leaves nothing behind."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import pytest
from little_slurm import LittleSlurm

from guild_sync.agent import probing
from guild_sync.agent.errors import AgentError
from guild_sync.agent.scheduling.face import Refused, SchedulerDown

RUNS = """
for word in $(cat argv); do
    case $word in --output=*) bash script >"${word#*=}" 2>&1;; esac
done
"""
TESTS = """
case $* in *--test-only)
    [ ! -e refuses ] || { cat refuses >&2; exit 1; }
    exit 0
esac
"""
BECOMES = "sed -i 's/PENDING\\(.*\\)|Priority/{}/' jobs"


@pytest.fixture
def slurm(tmp_path: Path) -> LittleSlurm:
    return LittleSlurm(tmp_path)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_ARRIVES", 0.1)
    monkeypatch.setattr(probing, "_LOOK", 0.02)


@pytest.fixture(autouse=True)
def _cancels(slurm: LittleSlurm) -> None:
    (slurm.folder / "scancel").write_text(f'#!/bin/sh\necho "$@" >>{slurm.folder}/cancelled\n')
    (slurm.folder / "scancel").chmod(0o755)


def cancelled(slurm: LittleSlurm) -> str:
    file = slurm.folder / "cancelled"
    return file.read_text() if file.exists() else ""


def left(slurm: LittleSlurm) -> list[str]:
    return [name for name in os.listdir(slurm.home) if name.startswith("check-")]


def test_a_job_tells_what_it_finds_on_its_node(slurm: LittleSlurm) -> None:
    slurm.fault("after", RUNS)
    found = probing.probe(slurm.home, slurm.form(time="4:00:00", partition="gpu", setup="echo hi"))
    assert found["node"] == {"host": platform.node(), "python": platform.python_version()}
    assert (found["job"], found["is_over"], found["said"]) == ("1", True, "hi")
    argv = (slurm.folder / "argv").read_text()
    assert "--time=5 --partition=gpu" in argv
    assert slurm.jobs == [], "it has no run's name"
    assert (left(slurm), cancelled(slurm)) == ([], "")


def test_a_job_that_only_a_person_can_have_begin_is_not_waited_for(slurm: LittleSlurm) -> None:
    slurm.fault("after", BECOMES.format("PENDING\\1|PartitionDown"))
    found = probing.probe(slurm.home, slurm.form())
    assert (found["is_held"], found["is_over"], found["node"]) == (True, False, None)
    assert (found["state"], found["reason"]) == ("PENDING", "PartitionDown")
    assert (left(slurm), cancelled(slurm)) == ([], "1\n")


def test_a_job_that_does_not_begin_is_cancelled(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_SECONDS", 1.0)
    found = probing.probe(slurm.home, slurm.form())
    assert (found["state"], found["is_held"], found["is_over"]) == ("PENDING", False, False)
    assert (left(slurm), cancelled(slurm)) == ([], "1\n")


def test_a_job_that_is_over_without_an_answer_says_its_last_line(slurm: LittleSlurm) -> None:
    slurm.fault("after", RUNS + BECOMES.format("FAILED\\1|None"))
    setup = "echo one; echo two; exit 1"
    found = probing.probe(slurm.home, slurm.form(setup=setup))
    assert (found["node"], found["is_over"], found["state"]) == (None, True, "FAILED")
    assert found["said"] == "two"
    assert (left(slurm), cancelled(slurm)) == ([], "")


def test_what_is_not_taken_is_told_and_leaves_nothing(slurm: LittleSlurm) -> None:
    slurm.fault("before", "echo 'sbatch: error: Batch job submission failed: No such' >&2; exit 1")
    with pytest.raises(Refused, match="No such"):
        probing.probe(slurm.home, slurm.form())
    with pytest.raises(AgentError, match="partition"):
        probing.probe(slurm.home, slurm.form(partition=["a"]))
    assert left(slurm) == []


def test_what_a_killed_agent_has_left_is_removed_a_day_later(slurm: LittleSlurm) -> None:
    for name, age in (("check-old", 90_000), ("check-new", 60)):
        folder = Path(slurm.home, name)
        folder.mkdir()
        os.utime(folder, times=(time.time() - age,) * 2)
    slurm.fault("after", RUNS)
    probing.probe(slurm.home, slurm.form())
    assert left(slurm) == ["check-new"]


def test_whether_a_job_would_be_taken_is_asked_without_a_job(slurm: LittleSlurm) -> None:
    slurm.fault("before", TESTS)
    form = slurm.form(partition="gpu")
    assert probing.refusal(slurm.home, form) == ""
    (slurm.folder / "refuses").write_text("allocation failure: Invalid partition name specified\n")
    assert probing.refusal(slurm.home, form) == "sbatch: Invalid partition name specified"
    (slurm.folder / "refuses").write_text(
        "allocation failure: Unable to contact slurm controller\n"
    )
    with pytest.raises(SchedulerDown, match=r"^Unable to contact"):
        probing.refusal(slurm.home, form)
    assert (slurm.folder / "jobs").read_text() == ""
