"""Who has what of a host: held by processes, freed by their end, whoever ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import wait_until, wait_until_gone

from guild_sync.agent.capacity import shares, turns
from guild_sync.agent.capacity.shares import Share, Taken
from guild_sync.agent.errors import AgentError
from guild_sync.agent.store import locks

# A process that takes a card, and lives until its stdin ends.
HOLDER = """
import sys
from guild_sync.agent.capacity import shares, turns
from guild_sync.agent.store import locks
turns.TOP = sys.argv[1]
if sys.argv[2] == "no flock":
    locks._flock = lambda fd, how: None
with turns.turn() as folder:
    held = shares.add(folder, shares.Share("/r", {"cpus": 3}, (shares.Taken("0", "GPU-0"),)))
if len(sys.argv) > 3:
    import subprocess
    child = subprocess.Popen(["sleep", "600"], pass_fds=(held.fd,), stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
print("has", flush=True)
sys.stdin.read()
"""


def had() -> list[Share]:
    with turns.turn() as folder:
        return shares.had(folder)


def holder(top: Path, file_system: str, *more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(top), file_system, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process


def ended(process: subprocess.Popen[str]) -> None:
    assert process.stdin and process.stdout
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_what_a_process_has_is_free_when_it_is_killed(top: Path, file_system: str) -> None:
    process = holder(top, file_system)
    assert process.stdout and process.stdout.readline() == "has\n"
    wanted = {"gpus": 0, "cpus": 3, "memory": 0}
    assert had() == [Share("/r", wanted, (Taken("0", "GPU-0"),))]  # type: ignore[arg-type]
    process.kill()
    ended(process)
    assert had() == []
    assert os.listdir(turns.folder()) == ["turn"], "nothing of it is left"


def test_what_its_operation_has_inherited_is_not_free_before_that_has_ended(top: Path) -> None:
    process = holder(top, "flock", "child")
    assert process.stdout
    child = int(process.stdout.readline())
    process.stdout.readline()
    process.kill()
    ended(process)
    assert len(had()) == 1
    os.kill(child, signal.SIGKILL)
    wait_until_gone(child)
    wait_until(lambda: had() == [])


def test_what_is_given_back_is_free_though_a_process_is_left_that_has_it() -> None:
    with turns.turn() as folder:
        held = shares.add(folder, Share("/r", {}))
    child = subprocess.Popen(["sleep", "600"], pass_fds=(held.fd,))
    try:
        assert len(had()) == 1
        held.release()
        assert had() == []
    finally:
        child.kill()
        child.wait()


def test_runs_wait_in_the_order_in_which_they_come(file_system: str) -> None:
    with turns.turn() as folder:
        tickets = [shares.queue_up(folder, Share(f"/{n}", {"gpus": 1})) for n in range(12)]
        second, third = tickets[1], tickets[2]
        assert [s.run for s in shares.waiting(folder)] == [f"/{n}" for n in range(12)]
        assert [s.run for s in shares.waiting(folder, before=third[0])] == ["/0", "/1"]
        second[1].release()
        assert [s.run for s in shares.waiting(folder, before=third[0])] == ["/0"]
        assert shares.queue_up(folder, Share("/last", {}))[0] > tickets[-1][0]


def test_one_process_at_a_time_has_its_turn(
    top: Path, file_system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_SECONDS", 0.05)
    with turns.turn(), pytest.raises(AgentError, match="has not let go of"), turns.turn():
        pass
    process = holder(top, file_system)  # another process can have it now
    assert process.stdout and process.stdout.readline() == "has\n"
    ended(process)


def test_who_lost_its_place_in_the_queue_takes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", lambda fd, how: None)
    folder = Path(turns.folder())
    place = turns._Place(str(folder))
    for file in folder.glob("turn-number-*"):
        file.unlink()
    with turns.turn():
        assert not place.is_first(), "it is behind who came meanwhile"
    assert place.is_first()
    for file in folder.glob("turn-number-*"):
        file.unlink()
    place.leave()


def test_the_turn_of_a_dead_process_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", lambda fd, how: None)
    code = (
        "import os, sys; from guild_sync.agent.capacity import turns;"
        "from guild_sync.agent.store import locks; locks._flock = lambda fd, how: None;"
        "turns.TOP = sys.argv[1]; turn = turns.turn(); turn.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, turns.TOP]).returncode == 9
    assert len(os.listdir(turns.folder())) == 2, "it has left its place"
    assert had() == []


def test_a_folder_of_somebody_elses_is_refused(top: Path) -> None:
    mine = top / f"guild-{os.getuid()}"
    mine.symlink_to("/etc")
    with pytest.raises(AgentError, match="is not this user's folder"):
        turns.folder()
    mine.unlink()
    mine.mkdir(mode=0o777)
    mine.chmod(0o777)
    assert Path(turns.folder()).parent == mine
    assert mine.stat().st_mode & 0o777 == 0o700
    if os.getuid() == 0:
        os.chown(mine, 4711, 4711)
        with pytest.raises(AgentError, match="is not this user's folder"):
            turns.folder()


def test_what_lies_there_that_is_no_record_is_nobodys(top: Path) -> None:
    folder = Path(turns.folder())
    (folder / "has-link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "has-fifo")
    (folder / "has-torn").write_text('{"pid": 1')
    (folder / "waits-x").write_text("[]")
    assert had() == []
    with turns.turn() as at:
        assert shares.waiting(at) == []
    assert os.listdir(folder) == ["turn"]
