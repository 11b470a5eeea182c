"""Copies are compressed where that makes them faster: what packs well, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import RUNS, write_run
from support import Guild, Server

from guild_sync.agent.machine.abilities import has_zstd

pytestmark = pytest.mark.skipif(not has_zstd("rsync", 5), reason="the rsync here has no zstd")

LOG = b"".join(b"step %d loss 0.5 acc 0.9 lr 0.001\n" % step for step in range(30_000))
MODEL = os.urandom(8 * len(LOG))
RUN = RUNS[0]


@pytest.fixture
def traffic(guild: Guild, tmp_path: Path) -> Callable[..., int]:
    """What rsync has sent and received in all of a command, as it told guild."""
    rsync, told = tmp_path / "bin/rsync", tmp_path / "told"
    rsync.parent.mkdir()
    real = shutil.which("rsync", path=guild.env["PATH"])
    rsync.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real} "$@"\n{real} "$@" | tee -a {told}\n'
    )
    rsync.chmod(0o755)
    guild.env["PATH"] = f"{rsync.parent}:{guild.env['PATH']}"

    def of(*argv: str) -> int:
        told.unlink(missing_ok=True)
        guild.ok(*argv)
        lines = [line.split() for line in told.read_text(errors="replace").splitlines()]
        return sum(int(line[1]) + int(line[4]) for line in lines if line[:1] == ["sent"])

    return of


def test_what_packs_well_is_compressed_both_ways_and_nothing_else(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, traffic: Callable[..., int]
) -> None:
    run = write_run(there, RUN)
    guild.configure(far=sshd.keys(there), plain=sshd.keys(there, compress=False))
    here = guild.home / "runs" / RUN
    (run / "log").write_bytes(LOG)
    assert traffic("pull", "far", "-y") < len(LOG) / 2, "the first copy of all, too"
    assert (here / "log").read_bytes() == LOG
    shutil.rmtree(run)
    assert traffic("push", "far", "-y") < len(LOG) / 2
    assert (run / "log").read_bytes() == LOG

    shutil.rmtree(here)
    assert traffic("pull", "plain", "-y") > len(LOG), "the user has the last word"
    shutil.rmtree(here)
    (run / "model").write_bytes(MODEL)
    assert traffic("pull", "far", "-y") > len(LOG) + len(MODEL), "most of it does not pack"
