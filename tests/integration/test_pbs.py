"""A remote of type pbs. Its programs are none of PBS (pbs_programs.py), all else is real."""

from __future__ import annotations

from pathlib import Path

import pytest
from pbs_programs import Pbs
from support import Guild, Server, project

TRAIN = "n = 1\nprint('trained', n)\n"


@pytest.fixture
def hpc(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> Pbs:
    pbs = Pbs(tmp_path / "pbs")
    job = {"path": str(pbs.folder), "time": "10:00", "cpus": 2}
    guild.configure(hpc={**sshd.keys(there), "type": "pbs", "job": job})
    project(guild.folder, "train: {main: train, flags-import: all}", train=TRAIN)
    return pbs


def test_a_run_is_a_job_of_pbs_which_is_submitted_once(guild: Guild, hpc: Pbs, there: Path) -> None:
    done = guild.ok("run", "train", "-r", "hpc", "-y", "--job", "mem=2G")

    assert "waits in the queue of hpc as job 1.pbs" in done.out
    assert "trained 1" in done.out
    assert hpc.calls().count("qsub") == 1
    assert "completed" in guild.ok("runs", "-r", "hpc").out

    hpc.is_full(True)
    waits = guild.ok("run", "train", "-r", "hpc", "-y", "--no-wait")
    assert "waits in the queue of hpc as job 2.pbs" in waits.out
    assert "pending" in guild.ok("runs", "-r", "hpc").out

    refused = guild("run", "train", "-r", "hpc", "-y", "--job", "partition=nonsense")
    assert refused.code == 1
    assert "qsub: Unknown queue" in refused.err
    means_nothing = guild("run", "train", "-r", "hpc", "-y", "--job", "qos=high")
    assert means_nothing.err == "guild: train cannot be a job on hpc: qos: PBS has none\n"
    assert len([*there.glob("runs/" + "?" * 32)]) == 2
