"""A remote that no config file defines: `ssh:[USER@]HOST[:PORT][:PATH]`, used for real."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from support import Guild, Place, Server

FORMS = ["ssh:{user}@{host}:{port}:{path}", "ssh:{host}:{port}:{path}"]


@pytest.fixture(params=FORMS, ids=["with a user", "without a user"])
def spec(
    request: pytest.FixtureRequest, guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> str:
    """A spec of the tests' sshd."""
    guild.env["PATH"] = sshd.path_with_ssh(tmp_path / "bin", guild.env["PATH"])
    form = str(request.param)
    return form.format(user=getpass.getuser(), host="127.0.0.1", port=sshd.state.port, path=there)


def test_a_spec_does_what_a_named_remote_does(guild: Guild, spec: str, there: Path) -> None:
    far = Place(guild, there, spec)
    run_id = far.started("sleep=600")
    assert far.status(run_id) == "running"
    guild.ok("pull", spec, "-y")
    assert guild.status(run_id) == f"running ({spec})"
    assert guild.ok("sync").lines[0] == f"Resolving run on {spec}"
    assert guild.ok("diff", "1", f"{spec}:1").out == ""
    assert guild.ok("stop", "-r", spec, "-y").lines[0] == f"Stopping {run_id} on {spec}"
    guild.ok("sync")
    assert guild.status(run_id) == "terminated"
    guild.ok("label", "-s", "here", "-y")
    guild.ok("push", spec, "-y")
    assert far.attr(run_id, "label") == "here"
    assert guild.ok("rm", "-r", spec, "-y").lines == [f"Deleted 1 run on {spec}"]
    assert guild.ok("runs", "-d", "-r", spec).lines[0].startswith(f"[1:{run_id[:8]}]")
