"""Contents by their digests: whole or not there, and told from what somebody has written to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from contents import form, path_of, sent

from guild_sync.agent.contents import kept

ID, OTHER = "a" * 32, "b" * 32


def take(home: Path, *datas: bytes, run_id: str = ID) -> list[str]:
    return kept.take(str(home), run_id, {form(d)["digest"]: len(d) for d in datas})


def test_what_has_come_is_kept_read_only_and_asked_for_no_more(home: Path) -> None:
    sizes = {form(b"one")["digest"]: 3}
    assert kept.missing(str(home), sizes) == [*sizes]
    sent(home, ID, b"one")
    assert take(home, b"one") == []
    assert path_of(home, b"one").read_bytes() == b"one"
    assert stat.S_IMODE(path_of(home, b"one").stat().st_mode) == 0o444
    assert kept.missing(str(home), sizes) == []
    assert not os.path.exists(kept.incoming(str(home), ID))


@pytest.mark.parametrize("came", [b"", b"on", b"two", None])
def test_what_has_not_come_as_it_is_called_is_missing(home: Path, came: bytes | None) -> None:
    kept.make_incoming(str(home), ID)
    if came is not None:
        Path(kept.incoming(str(home), ID), form(b"one")["digest"]).write_bytes(came)
    assert take(home, b"one") == [form(b"one")["digest"]]
    assert not path_of(home, b"one").exists()


def test_a_link_that_has_come_is_no_content(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"one")
    kept.make_incoming(str(home), ID)
    Path(kept.incoming(str(home), ID), form(b"one")["digest"]).symlink_to(tmp_path / "secret")
    assert take(home, b"one") == [form(b"one")["digest"]]
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) != 0o444


@pytest.mark.parametrize("harm", ["written", "grown", "replaced"])
def test_one_that_somebody_has_changed_is_missing_and_replaced(home: Path, harm: str) -> None:
    sent(home, ID, b"one")
    take(home, b"one")
    path = path_of(home, b"one")
    if harm in ("written", "grown"):
        path.chmod(0o644)
        path.write_bytes(b"two" if harm == "written" else b"one more")
    else:
        path.unlink()
        path.symlink_to("elsewhere")
    assert take(home, b"one") == [form(b"one")["digest"]]
    sent(home, OTHER, b"one")
    assert take(home, b"one", run_id=OTHER) == []
    assert path.read_bytes() == b"one"


def test_two_starts_that_were_sent_the_same_share_it(home: Path) -> None:
    sent(home, ID, b"one")
    sent(home, OTHER, b"one", b"two")
    assert take(home, b"one") == []
    inode = path_of(home, b"one").stat().st_ino
    assert take(home, b"one", b"two", run_id=OTHER) == []
    assert path_of(home, b"one").stat().st_ino == inode


def test_contents_of_one_size_have_different_times() -> None:
    times = {kept.time_of(form(str(n).encode())["digest"]) for n in range(100)}
    assert len(times) == 100, "rsync would take one for the other"
