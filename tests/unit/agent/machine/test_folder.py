"""The agent's folder: whole or not, mended, and removed where nobody uses it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest

from guild_sync.agent.machine import folder, upkeep

AGENT = Path(folder.__file__).parents[1]
EIGHT_DAYS = 8 * 86400.0


@pytest.fixture
def sent(home: Path) -> Path:
    """The agent as it is on a remote."""
    return sent_to(home)


def sent_to(home: Path) -> Path:
    path = home / "agent" / folder.digest(str(AGENT))
    shutil.copytree(AGENT, path, ignore=shutil.ignore_patterns("__pycache__"))
    return path


def other(home: Path, name: str, unused: float = EIGHT_DAYS) -> Path:
    """Another version's agent, last used so many seconds ago."""
    path = home / "agent" / name
    path.mkdir(parents=True)
    (path / "__main__.py").touch()
    then = time.time() - unused
    for found in (path / "__main__.py", path):
        os.utime(found, (then, then))
    return path


def test_a_folder_is_whole_whose_name_is_the_digest_of_its_files(sent: Path) -> None:
    assert folder.is_whole(str(sent))
    (sent / "serve.py").write_text("")
    assert not folder.is_whole(str(sent))


def test_a_file_that_moves_from_one_folder_of_the_agent_to_another_makes_another_agent(
    sent: Path,
) -> None:
    before = folder.digest(str(sent))
    (sent / "store/job.py").rename(sent / "files/job.py")
    assert folder.digest(str(sent)) != before


def test_the_folder_of_an_installed_guild_is_taken_at_its_word(tmp_path: Path) -> None:
    shutil.copytree(AGENT, tmp_path / "agent")
    (tmp_path / "agent/serve.py").write_text("")
    assert folder.is_whole(str(tmp_path / "agent"))


def test_a_folder_is_not_whole_of_which_a_file_cannot_be_read(sent: Path) -> None:
    (sent / "serve.py").unlink()
    (sent / "serve.py").symlink_to("serve.py")
    assert not folder.is_whole(str(sent))


def test_a_folder_is_not_whole_whose_compiled_files_are_cut_off(sent: Path) -> None:
    compiled = sent / "__pycache__" / "serve.cpython-311.pyc"
    compiled.parent.mkdir()
    shutil.copy(next(Path(os.__file__).parent.glob("__pycache__/os.*.pyc")), compiled)
    assert folder.is_whole(str(sent))
    os.truncate(compiled, 200)
    assert not folder.is_whole(str(sent))


def test_a_folder_is_whole_while_another_copy_lies_in_it(sent: Path) -> None:
    (sent / ".new").mkdir()
    (sent / ".new/serve.py").touch()
    assert folder.is_whole(str(sent))


def test_a_mended_folder_is_whole_whatever_was_in_it(sent: Path, tmp_path: Path) -> None:
    new = sent_to(tmp_path / "new")
    (sent / "__main__.py").write_text("")
    (sent / "serve.py").unlink()
    (sent / "serve.py").mkdir()
    shutil.rmtree(sent / "store")
    (sent / "calls.py").write_bytes(b"\0" * 100)
    (sent / "__pycache__").mkdir()
    (sent / "__pycache__/calls.cpython-311.pyc").touch()
    folder.mend(str(new), str(sent))
    assert folder.is_whole(str(sent))


def test_mending_leaves_files_alone_that_are_whole(sent: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_ino for path in sent.rglob("*.py")}
    (sent / "serve.py").write_text("")
    folder.mend(str(sent_to(tmp_path)), str(sent))
    after = {path: path.stat().st_ino for path in sent.rglob("*.py")}
    assert {path for path in after if after[path] != before[path]} == {sent / "serve.py"}


def test_a_run_holds_its_agent_through_its_mending(sent: Path, home: Path, tmp_path: Path) -> None:
    with open(sent / "__main__.py", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        (sent / "__main__.py").write_text("")
        folder.mend(str(sent_to(tmp_path)), str(sent))
        os.utime(sent / "__main__.py", (0, 0))
        upkeep.clean_agents(str(home), {"another"})
        assert sent.exists()
    upkeep.clean_agents(str(home), {"another"})
    assert not sent.exists()


def test_an_agent_is_removed_once_it_has_not_been_used_for_a_week(home: Path) -> None:
    used, unused = other(home, "used", unused=6 * 86400.0), other(home, "unused")
    upkeep.clean_agents(str(home), {"kept"})
    assert used.exists()
    assert not unused.exists()
    assert os.listdir(home / "agent") == ["used"]


def test_the_agent_that_asks_keeps_its_own_folder(home: Path) -> None:
    own = other(home, "own")
    upkeep.clean_agents(str(home), {"own"})
    assert own.exists()


def test_what_was_sent_or_removed_in_part_goes_after_a_week(home: Path) -> None:
    cut, now = other(home, ".0123.abcd"), other(home, ".4567.abcd", unused=60)
    (other(home, "damaged") / "__main__.py").unlink()
    os.utime(home / "agent/damaged", (0, 0))
    upkeep.clean_agents(str(home), {"kept"})
    assert not cut.exists()
    assert os.listdir(home / "agent") == [now.name]


def test_use_is_noted_once_a_day(home: Path) -> None:
    used = other(home, "0123456789abcdef", unused=2 * 86400.0)
    assert folder.note_use(str(used))
    assert not folder.note_use(str(used))
    assert time.time() - folder.last_use(str(used)) < 3600


def test_the_files_of_an_installed_guild_are_not_touched(home: Path) -> None:
    installed = other(home, "guild_sync")
    assert not folder.note_use(str(installed))


def test_an_agent_that_notes_no_use_counts_as_used_when_it_was_read(home: Path) -> None:
    read = other(home, "read")
    os.utime(read / "__main__.py", (time.time(), 0))
    upkeep.clean_agents(str(home), {"kept"})
    assert read.exists()
