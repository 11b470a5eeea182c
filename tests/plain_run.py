"""A run as a host lists it that has nothing but what every run has."""

from __future__ import annotations

from guild_sync.agent.protocol import Run

RUN: Run = {
    "id": "0123456789abcdef0123456789abcdef",
    "run_dir": "/home/x/.guild/runs/0123456789abcdef0123456789abcdef",
    "opref": {"type": "package", "package": "gpkg.demo", "version": "1", "model": "", "name": "op"},
    "status": "completed",
    "remote": None,
    "machine": None,
    "unreadable": [],
    "indexed": True,
    "exit_status": 0,
    "initialized": None,
    "started": None,
    "stopped": None,
    "label": None,
    "flags": {},
    "tags": None,
    "marked": None,
    "comments": None,
    "cmd": None,
    "started_by": None,
    "attempt": 1,
    "ended_by": None,
    "waits": None,
    "deal": None,
    "job": None,
}
