"""Machines in FIPS mode, where Python refuses MD5 for all that does not say what it is for."""

from __future__ import annotations

import sys
from pathlib import Path

from support import Guild, Server

REFUSE = """
import hashlib

md5 = hashlib.md5

def refuse(*data, usedforsecurity=True):
    if usedforsecurity:
        raise ValueError("[digital envelope routines] unsupported")
    return md5(*data, usedforsecurity=False)

hashlib.md5 = refuse
"""
AGENT = """
import os, runpy, sys

if "-I" not in sys.argv:  # the operation
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
sys.argv = sys.argv[sys.argv.index("utf8") + 1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_runs_start_and_are_synced_where_md5_is_refused(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{REFUSE}{AGENT}")
    python.chmod(0o755)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(REFUSE)
    guild.configure(far=sshd.keys(there, python=str(python)))
    guild.env["PYTHONPATH"] = str(tmp_path / "lib")
    guild.ok("run", "op", "sleep=0", "-y")
    run = guild.started("sleep=600", remote="far")
    guild.ok("pull", "far", "-y")
    guild.ok("sync")
    guild.ok("stop", run[:8], "-r", "far", "-y")
    guild.ok("sync")
    assert guild.ok("select", "--terminated").out == f"{run}\n"
