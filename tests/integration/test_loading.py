"""`sh`, which starts copies, takes 70 ms to load: nobody waits for it, or loads it in vain."""

from __future__ import annotations

import _asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import Guild, imported_by, wait_until
from test_check import program

LOADED = "_asyncio"  # what sh loads last of all that shows in a process's memory
# Each question is asked once that is loaded: where guild waits for the answer first, never.
PATIENT_SSH = """#!/bin/sh
case "$*" in *rsync*) exec {ssh} "$@";; esac
tries=0
until grep -q {loaded} /proc/$PPID/maps; do
    tries=$((tries + 1)); [ $tries -lt 500 ] || exit 99
    sleep 0.02
done
exec {ssh} "$@"
"""


def test_a_sync_without_news_does_without_what_starts_copies(guild: Guild, remote: str) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    assert f"Copying {run_id}" in guild.ok("sync").lines
    modules = imported_by(guild, "sync")
    assert "guild_sync.transport.question" in modules, "it has asked"
    assert not modules & {"sh", "asyncio", "yaml", "tempfile", "shutil", "guild_sync.transfer.pull"}


def test_a_copy_loads_it_while_the_remote_is_asked(
    guild: Guild, remote: str, tmp_path: Path
) -> None:
    if not hasattr(_asyncio, "__file__"):
        pytest.skip("this Python has all of its modules in itself")
    guild.started("sleep=0", remote=remote)
    script = PATIENT_SSH.format(ssh=shutil.which("ssh"), loaded=LOADED)
    program(tmp_path / "patient/ssh", script)
    env = {**guild.env, "PATH": f"{tmp_path}/patient:{os.environ['PATH']}"}
    wait_until(lambda: "completed" in guild.ok("runs", "-r", remote).out, "its end")
    for words in (("sync",), ("pull", remote, "-y"), ("push", remote, "-y"), ("verify",)):
        done = subprocess.run(guild.argv(*words), env=env, capture_output=True, text=True)
        assert done.returncode == 0, done


def test_a_pull_loads_nothing_that_only_its_options_and_hooks_have_need_of(
    guild: Guild, remote: str
) -> None:
    guild.started("sleep=600", remote=remote)
    modules = imported_by(guild, "pull", remote, "1", "-y")
    assert "guild_sync.transfer.pull" in modules
    seldom = {"transfer.mend", "sync.preview", "hooks.delivery", "fleet.asking", "output.tables"}
    assert not modules & {f"guild_sync.{name}" for name in seldom}
