"""What a remote itself may not read of its runs does not keep their end from coming home."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Guild, project, wait_until

_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


class Bound(Guild):
    """guild as a user who is not root, and its sandbox with it: modes count for them."""

    def argv(self, *argv: str) -> list[str]:
        words = super().argv(*argv)
        return [*_BOUND, *words] if os.getuid() == 0 else words


@pytest.fixture
def bound(guild: Guild) -> Iterator[Bound]:
    if os.getuid() == 0:
        can = shutil.which("setpriv") and subprocess.run([*_BOUND, "true"]).returncode == 0
        if not can:
            pytest.skip("root reads everything here")
    user = Bound(guild.folder, guild.env)
    user.config.write_text("remotes: {box: {type: sandbox}}")
    user.ok("remote", "start", "box")
    yield user
    user("remote", "stop", "box", "-y")


def run_with(user: Bound, script: str) -> tuple[str, Path]:
    """A run on the sandbox that does this and ends; its id, and its directory there."""
    project(user.folder, "op: {exec: sh script}")
    (user.folder / "script").write_text(script)
    user.ok("run", "op", "-r", "box", "-y", "--no-track")
    there = next((user.home / "sandboxes/box/home/.guild/runs").glob("[0-9a-f]*"))
    return there.name, there


def test_the_end_is_told_with_what_could_not_be_read(bound: Bound) -> None:
    run_id, _ = run_with(bound, "echo x > f; echo y > g; chmod 0 f\n")
    done = bound("pull", "box", run_id, "-y")
    assert done.code == 4
    line, hint = done.err.splitlines()
    assert line == (
        f"guild: run {run_id} was copied from box but for 1 file that is not readable there: f"
    )
    assert hint.endswith(f"guild pull box {run_id} --exclude /f")
    assert bound.status(run_id) == "completed, 1 file not readable there"
    assert (bound.home / "runs" / run_id / "g").exists()
    assert "  f (not readable there, not copied)" in bound.ok("ls", run_id).lines
    bound.ok("sync")


def test_the_hint_helps(bound: Bound) -> None:
    run_id, _ = run_with(bound, "mkdir 'a b'; echo x > 'a b/f'; chmod 0 'a b'\n")
    hint = bound("pull", "box", run_id, "-y").err.splitlines()[1]
    words = hint.partition("--exclude ")[2]
    assert bound.status(run_id) == "completed, 1 file not readable there"
    bound.ok("pull", "box", run_id, "-y", "--exclude", words.strip("'"))
    assert bound.status(run_id) == "completed"


def test_it_comes_once_it_can_be_read(bound: Bound) -> None:
    run_id, there = run_with(bound, "echo x > f; chmod 0 f\n")
    assert bound("pull", "box", run_id, "-y").code == 4
    (there / "f").chmod(0o600)
    bound.ok("pull", "box", run_id, "-y")
    assert bound.status(run_id) == "completed"
    assert (bound.home / "runs" / run_id / "f").read_text() == "x\n"


def test_a_sync_settles_it_and_says_so_once(bound: Bound) -> None:
    run_id, there = run_with(bound, "echo x > f; chmod 0 f\n")
    (there / "f").chmod(0o600)
    bound.ok("pull", "box", run_id, "-y")
    (there / "f").chmod(0)
    (bound.home / "runs" / run_id / ".guild/LOCK.remote").write_text("box\n")
    os.utime(there / "f", (1, 1))
    assert bound("sync").code == 4
    assert bound.status(run_id) == "completed, 1 file not readable there"
    bound.ok("sync")


def test_an_end_that_cannot_be_read_is_none(bound: Bound) -> None:
    run_id, there = run_with(bound, "echo x > f\n")
    bound.ok("pull", "box", run_id, "-y")
    (there / ".guild/attrs/env").write_text("new\n")
    (there / ".guild/attrs/env").chmod(0)
    done = bound("pull", "box", run_id, "-y")
    assert done.code == 4
    assert "was not copied whole" in done.err


def test_an_output_that_cannot_be_read_is_an_error_and_no_output(bound: Bound) -> None:
    project(bound.folder, "op: {exec: sh script}")
    (bound.folder / "script").write_text("echo x; chmod 0 .guild/output; sleep 600\n")
    run_id = bound.started(remote="box")
    there = bound.home / "sandboxes/box/home/.guild/runs" / run_id / ".guild/output"
    wait_until(lambda: there.stat().st_mode & 0o777 == 0, "the run")
    for words in (["watch", run_id], ["cat", "-O", run_id]):
        done = bound(*words, "-r", "box")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("guild: remote 'box': ") and "Permission denied" in done.err
    bound("sync")
    done = bound("diff", "-O", run_id, f"box:{run_id}")
    assert done.code == 1
    assert "cannot read .guild/output: Permission denied" in done.err
    with bound.popen("sync", "--watch", "--until-done", "-n", "1") as watching:
        assert watching.stdout is not None
        said = map(bytes.decode, watching.stdout)
        fault = f"guild: cannot read the output of run {run_id} on box: Permission denied\n"
        assert fault in said
        bound.ok("stop", run_id, "-r", "box", "-y")
        assert f"{run_id} on box: running -> terminated" in "".join(said)
