"""The agent's folder on a remote: mended where it is damaged, and no other version's to remove."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import BIN, Done, Guild, Place, Server, wait_until

import guild_sync
from guild_sync.agent.machine import folder
from guild_sync.hosts.bootstrap import agent_digest

pytestmark = pytest.mark.usefixtures("not_used_before")

EIGHT_DAYS = 8 * 86400.0


def agents(there: Path) -> set[str]:
    return {path.name for path in (there / "agent").iterdir()}


@pytest.fixture
def agent(guild: Guild, remote: str, there: Path) -> Path:
    """The agent's folder on the remote, which has been used."""
    guild.ok("runs", "-r", remote)
    return there / "agent" / agent_digest()


def unused(agent: Path, seconds: float = EIGHT_DAYS) -> None:
    """Have an agent's folder be one that was last used so long ago."""
    then = time.time() - seconds
    os.utime(agent / "__main__.py", (then, then))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """In a statement: what is cut behind one may do for what is asked."""
    os.truncate(path, path.read_bytes().index(b"(", path.stat().st_size * 2 // 3) + 1)


def overwrite(path: Path) -> None:
    """Of the same size and time, so that what is compiled of it counts as its."""
    found = path.stat()
    path.write_bytes(b"\0" * found.st_size)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()


@pytest.mark.parametrize("damage", [empty, cut, overwrite, Path.unlink])
def test_a_damaged_agent_is_sent_anew(
    guild: Guild, remote: str, agent: Path, damage: Callable[[Path], None]
) -> None:
    for name in ("__main__.py", "serve.py", "calls.py", "machine/folder.py", "store/rundir.py"):
        damage(agent / name)
        guild.ok("runs", "-r", remote)
        assert folder.is_whole(str(agent)), name
        assert agents(agent.parents[1]) == {agent.name}


def test_an_agent_whose_compiled_files_are_cut_off_is_mended(
    guild: Guild, remote: str, agent: Path
) -> None:
    (compiled,) = agent.glob("catalog/__pycache__/describe.*.pyc")
    os.truncate(compiled, 300)
    guild.ok("runs", "-r", remote)
    assert folder.is_whole(str(agent))


def test_an_agents_folder_that_is_a_file_is_replaced(
    guild: Guild, remote: str, agent: Path
) -> None:
    shutil.rmtree(agent)
    agent.touch()
    guild.ok("runs", "-r", remote)
    assert folder.is_whole(str(agent))


@pytest.mark.parametrize("name", ["running/runner.py", "running/op_main.py", "running/series.py"])
def test_a_run_is_not_begun_by_a_damaged_agent(
    guild: Guild, remote: str, there: Path, agent: Path, name: str
) -> None:
    op = "steps" if "series" in name else "op"
    (agent / name).write_text("")
    guild.ok("run", op, *(["sleep=0"] if op == "op" else []), "-r", remote, "-y")
    assert Place(guild, there, remote).ok("runs", "--completed").lines
    assert not Place(guild, there, remote).ok("runs", "--error").lines


def test_a_stream_of_a_damaged_agent_is_had_anew(guild: Guild, remote: str, agent: Path) -> None:
    guild.ok("run", "op", "sleep=0", "-r", remote, "-y")
    (agent / "files/archive.py").write_text("")
    assert "Done" in guild.ok("cat", "-O", "-r", remote).lines


def with_python(guild: Guild, sshd: Server, there: Path, path: Path, script: str) -> str:
    """A remote whose Python is this script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    guild.configure(guild_uat=sshd.keys(there, python=str(path)))
    return "guild-uat"


def test_an_agent_that_is_damaged_again_at_once_is_one_error(
    guild: Guild, sshd: Server, there: Path, agent: Path, tmp_path: Path
) -> None:
    # A disk that loses what is written to it.
    script = f'case "$*" in *mend*) ;; *) : > {agent}/serve.py;; esac\nexec python3 "$@"'
    remote = with_python(guild, sshd, there, tmp_path / "python", script)
    done = guild("runs", "-r", remote)
    assert done.code == 1
    said = done.err.splitlines()
    assert said[0] == f"guild: the agent on remote '{remote}' is damaged, and was sent anew in vain"
    assert f"{there}/agent" in said[-1]
    assert agents(there) == {agent.name}


def test_a_python_that_says_nothing_is_one_error_and_leaves_nothing(
    guild: Guild, sshd: Server, there: Path, agent: Path, tmp_path: Path
) -> None:
    remote = with_python(guild, sshd, there, tmp_path / "python", "echo broken >&2; exit 1")
    done = guild("runs", "-r", remote)
    assert done.code == 1
    assert f"remote '{remote}' gave no answer that guild understands" in done.err
    assert "broken" in done.err
    assert agents(there) == {agent.name}


@pytest.fixture
def other(guild: Guild, remote: str, tmp_path: Path) -> Guild:
    """Another version of guild on another workstation, which shares the remote."""
    package = tmp_path / "other" / "guild_sync"
    shutil.copytree(Path(guild_sync.__file__).parent, package)
    with (package / "agent/errors.py").open("a") as f:
        f.write("# another version\n")
    shutil.copy(BIN / "guild", tmp_path / "other/guild")
    return OfFolder(guild, tmp_path / "other")


class OfFolder(Guild):
    """The guild whose package is in this folder, with a guild home of its own."""

    def __init__(self, guild: Guild, package: Path) -> None:
        env = {**guild.env, "GUILD_HOME": str(package.parent / "other-home")}
        super().__init__(guild.folder, env)
        self._program = package / "guild"

    def argv(self, *argv: str) -> list[str]:
        return [sys.executable, str(self._program), *argv]


def test_two_versions_that_share_a_remote_leave_each_others_agent_there(
    guild: Guild, other: Guild, remote: str, there: Path, agent: Path
) -> None:
    made = agent.stat().st_ino
    other.ok("runs", "-r", remote)
    (others,) = agents(there) - {agent.name}
    its = (there / "agent" / others).stat().st_ino
    guild.ok("runs", "-r", remote)
    other.ok("runs", "-r", remote)
    assert agents(there) == {agent.name, others}
    assert (agent.stat().st_ino, (there / "agent" / others).stat().st_ino) == (made, its)


def test_two_versions_use_a_remote_at_once_and_no_call_fails(
    guild: Guild, other: Guild, remote: str, there: Path
) -> None:
    calls = [one.popen("runs", "-r", remote) for _ in range(4) for one in (guild, other)]
    said = [call.communicate(timeout=120)[0] for call in calls]
    assert [call.returncode for call in calls] == [0] * 8, said
    assert len(agents(there)) == 2
    for path in (there / "agent").iterdir():
        assert folder.is_whole(str(path))
        assert not list(path.glob(".[0-9a-f]*"))


def slow_python(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> tuple[str, Path]:
    """A remote whose Python starts once a file is removed; that file."""
    slow = tmp_path / "slow"
    script = (
        f"if mv {slow} {slow}.now 2>/dev/null; then while [ -e {slow}.now ]; do sleep 0.02; "
        'done; fi\nexec python3 "$@"'
    )
    return with_python(guild, sshd, there, tmp_path / "python", script), slow


def ended(process: subprocess.Popen[bytes]) -> Done:
    out, _ = process.communicate(timeout=60)
    return Done(process.returncode, out.decode(), "")


def test_an_agent_that_is_about_to_start_is_not_removed_by_another_version(
    guild: Guild, other: Guild, sshd: Server, there: Path, agent: Path, tmp_path: Path
) -> None:
    remote, slow = slow_python(guild, sshd, there, tmp_path)
    slow.touch()
    call = guild.popen("runs", "-r", remote)
    wait_until(lambda: (tmp_path / "slow.now").exists())
    made = agent.stat().st_ino
    other.configure(guild_uat=sshd.keys(there))
    other.ok("runs", "-r", remote)
    (tmp_path / "slow.now").unlink()
    assert ended(call) == Done(0, "", "")
    assert agent.stat().st_ino == made


def test_an_agent_that_is_removed_just_before_it_starts_is_sent_again(
    guild: Guild, sshd: Server, there: Path, agent: Path, tmp_path: Path
) -> None:
    remote, slow = slow_python(guild, sshd, there, tmp_path)
    slow.touch()
    call = guild.popen("runs", "-r", remote)
    wait_until(lambda: (tmp_path / "slow.now").exists())
    shutil.rmtree(agent)  # as versions before this one do
    (tmp_path / "slow.now").unlink()
    assert ended(call) == Done(0, "", "")
    assert folder.is_whole(str(agent))


def test_an_agent_that_nobody_uses_any_more_goes_without_another_being_sent(
    guild: Guild, other: Guild, remote: str, there: Path, agent: Path
) -> None:
    """So does an environment of requirements that no run has used for a month."""
    installed = there / "environments" / ("0" * 16)
    (installed / "lib").mkdir(parents=True)
    (installed / "environment.json").touch()
    os.utime(installed / "environment.json", (0, 0))
    other.ok("runs", "-r", remote)
    (others,) = agents(there) - {agent.name}
    unused(there / "agent" / others)
    guild.ok("runs", "-r", remote)
    assert agents(there) == {agent.name, others}, "it is looked at once a day"
    assert installed.is_dir()
    unused(agent, seconds=2 * 86400.0)
    guild.ok("runs", "-r", remote)
    wait_until(lambda: agents(there) == {agent.name}, "the end of the unused agent")
    wait_until(lambda: not installed.exists(), "the end of the unused environment")


def test_an_older_agent_that_a_run_uses_stays_until_the_run_is_over(
    guild: Guild, other: Guild, remote: str, there: Path, agent: Path
) -> None:
    run_id = other.started("sleep=600", remote=remote)
    Place(other, there, remote).wait_for_output(run_id, "Sleeping")
    (others,) = agents(there) - {agent.name}
    unused(there / "agent" / others)
    unused(agent, seconds=2 * 86400.0)
    guild.ok("runs", "-r", remote)
    assert agents(there) == {agent.name, others}
    guild.ok("stop", run_id, "-r", remote, "-y")
    Place(guild, there, remote).wait_until_dead(run_id)
    unused(agent, seconds=2 * 86400.0)
    unused(there / "agent" / others)
    guild.ok("runs", "-r", remote)
    wait_until(lambda: agents(there) == {agent.name}, "the end of the older agent")
