"""A content in a run: shared while nobody can write to it, and else a copy."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from contents import as_a_user, form, path_of, sent

from guild_sync.agent.contents import kept, placed
from guild_sync.agent.contents.inputs import Content
from guild_sync.agent.errors import AgentError

ID = "a" * 32


@pytest.fixture
def content(home: Path) -> Content:
    sent(home, ID, b"data")
    wanted = form(b"data")
    assert kept.take(str(home), ID, {wanted["digest"]: 4}) == []
    return Content(wanted["digest"], 4)


def give(home: Path, run: Path, content: Content, own: bool = False, name: str = "in/x") -> Path:
    placed.give(str(path_of(home, b"data")), content, str(run), name, own)
    return run / name


def is_copy(home: Path, file: Path) -> bool:
    """Whether the run may write to the file, and changes nobody's by that."""
    file.write_bytes(b"changed")
    return path_of(home, b"data").read_bytes() == b"data"


def is_shared(home: Path, file: Path) -> bool:
    """Whether the file takes no room of its own: blocks are shared, or it is another name."""
    return file.stat().st_ino == path_of(home, b"data").stat().st_ino or is_copy(home, file)


def test_a_user_has_another_name_of_it_and_may_not_write_to_it(
    home: Path, run: Path, content: Content
) -> None:
    def work() -> None:
        first, second = give(home, run, content), give(home, run, content, name="again")
        kept_file = path_of(home, b"data")
        if first.stat().st_ino != kept_file.stat().st_ino:
            assert is_copy(home, first), "the file system shares blocks"
            return
        for open_as in ("r+b", "wb", "ab"):
            with pytest.raises(PermissionError), open(first, open_as):
                pass
        (run / "new").write_bytes(b"changed")
        os.replace(run / "new", first)  # as editors do
        assert second.read_bytes() == kept_file.read_bytes() == b"data"
        second.unlink()

    as_a_user(home, work)


@pytest.mark.parametrize("why", ["own", "program"])
def test_what_is_to_be_the_runs_own_is_a_copy(
    home: Path, run: Path, content: Content, why: str
) -> None:
    def work() -> None:
        given = give(home, run, content._replace(is_program=why == "program"), own=why == "own")
        assert stat.S_IMODE(given.stat().st_mode) == (0o755 if why == "program" else 0o644)
        assert is_copy(home, given)

    as_a_user(home, work)


@pytest.mark.skipif(os.geteuid() != 0, reason="modes stop a user")
def test_root_whom_no_mode_stops_has_a_copy(home: Path, run: Path, content: Content) -> None:
    assert is_copy(home, give(home, run, content))


def test_where_there_can_be_no_other_name_there_is_a_copy(
    home: Path, run: Path, content: Content, tmp_path: Path
) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == home.stat().st_dev:
        pytest.skip("no other file system is at hand")
    elsewhere = shared_memory / f"guild-tests-{os.getpid()}"
    elsewhere.mkdir()
    try:
        os.chmod(elsewhere, 0o777)
        as_a_user(home, lambda: _is_a_copy_elsewhere(home, elsewhere, content))
    finally:
        for path in sorted(elsewhere.rglob("*"), reverse=True):
            path.unlink() if path.is_file() or path.is_symlink() else path.rmdir()
        elsewhere.rmdir()


def _is_a_copy_elsewhere(home: Path, elsewhere: Path, content: Content) -> None:
    guild = elsewhere / ".guild"
    guild.mkdir(mode=0o777)
    placed.keep_name(str(path_of(home, b"data")), str(guild), "files/x")
    assert (guild / "files/x").is_symlink(), "there is room for one only"
    placed.give(str(guild / "files/x"), content, str(elsewhere), "x", own=False)
    assert is_copy(home, elsewhere / "x")


def test_a_file_that_was_given_is_as_given_until_somebody_writes_to_it(
    home: Path, run: Path, content: Content
) -> None:
    given = give(home, run, content, own=True)
    assert kept.is_as_kept(given.lstat(), content.digest, content.size)
    given.write_bytes(b"DATA")
    assert not kept.is_as_kept(given.lstat(), content.digest, content.size)


def test_one_that_somebody_has_written_to_is_given_to_nobody(
    home: Path, run: Path, content: Content
) -> None:
    path = path_of(home, b"data")
    path.chmod(0o644)
    path.write_bytes(b"DATA")
    with pytest.raises(AgentError, match="was changed on this machine after it was sent"):
        give(home, run, content)
    assert not (run / "in/x").exists()


def test_one_that_a_run_has_touched_or_made_writable_is_given_read_only_again(
    home: Path, run: Path, content: Content
) -> None:
    path = path_of(home, b"data")
    path.chmod(0o644)
    os.utime(path)
    assert kept.missing(str(home), {content.digest: 4}) == [], "it need not be sent again"
    assert kept.is_as_kept(path.lstat(), content.digest, 4)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444

    path.chmod(0o644)
    os.utime(path)
    assert give(home, run, content).read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
