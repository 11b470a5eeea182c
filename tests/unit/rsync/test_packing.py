"""What is compressed on its way: what packs well, where both ends can, over a line not so fast."""

from __future__ import annotations

import pytest
from rundirs import state

from guild_sync.agent.protocol import State
from guild_sync.config.remotes import Remote
from guild_sync.rsync import argv, packing
from guild_sync.transport import known, programs

GPU = Remote("gpu", "ssh", host="gpu.example.com")
LOGS, WEIGHTS = (100_000, 20_000), (100_000, 95_000)
LEVEL = ("--compress", "--compress-level=1")


def of(*samples: tuple[int, int]) -> list[State]:
    return [{**state("running"), "sample": sample} for sample in samples]


def options(remote: Remote, *samples: tuple[int, int]) -> tuple[str, ...]:
    """What rsync is told of compression for runs with these samples."""
    words = argv.base_argv(packing.packing(remote, of(*samples)))
    return tuple(word for word in words if "compress" in word)


@pytest.fixture(autouse=True)
def _zstd_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "rsync_has_zstd", lambda: True)
    known.note(GPU, {"aes": False, "zstd": True})


def test_what_packs_well_is_compressed_by_the_lowest_level() -> None:
    assert options(GPU, LOGS) == LEVEL
    assert options(GPU, LOGS, LOGS, WEIGHTS) == LEVEL


def test_what_does_not_pack_is_not() -> None:
    assert options(GPU, WEIGHTS) == ()
    assert options(GPU, (0, 0)) == ()
    assert options(GPU) == ()
    assert options(GPU, LOGS, (10**9, 10**9)) == (), "each counts by its size"


def test_the_user_has_the_last_word() -> None:
    for said, words in (("yes", ("--compress",)), ("no", ())):
        remote = GPU._replace(compress=said)
        assert options(remote, LOGS) == options(remote, WEIGHTS) == words
        assert not packing.may_pack(remote)


def test_it_takes_an_rsync_with_zstd_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    known.note(GPU, {"aes": True, "zstd": False})
    assert (options(GPU, LOGS), packing.may_pack(GPU)) == ((), False)
    known.note(GPU, {"aes": True, "zstd": True})
    monkeypatch.setattr(programs, "rsync_has_zstd", lambda: False)
    assert (options(GPU, LOGS), packing.may_pack(GPU)) == ((), False)


def test_of_a_remote_that_nobody_knows_yet_samples_are_asked_and_not_relied_on() -> None:
    other = Remote("other", "ssh", host="other")
    assert (options(other, LOGS), packing.may_pack(other)) == ((), True)


def test_over_a_line_that_is_as_fast_nothing_is_compressed() -> None:
    packing.note_copy(GPU, 100_000_000, 1.0)
    assert (options(GPU, LOGS), packing.may_pack(GPU)) == ((), False)
    assert packing.may_pack(GPU, "to"), "each way is another line"
    packing.note_copy(GPU, 100_000_000, 10.0)
    assert options(GPU, LOGS) == LEVEL, "it is not as fast any more"


def test_what_is_asked_often_is_asked_over_a_slow_line_alone() -> None:
    assert not packing.may_pack(GPU, often=True)
    packing.note_copy(packing.packing(GPU, of(LOGS)), 3_000_000, 3.0)
    assert packing.may_pack(GPU, often=True)
    packing.note_copy(GPU, 30_000_000, 1.0)
    assert not packing.may_pack(GPU, often=True)
    assert packing.may_pack(GPU)


def test_a_copy_that_is_small_tells_nothing_of_the_line() -> None:
    packing.note_copy(GPU, 100_000_000, 10.0)
    packing.note_copy(GPU, 1_000_000, 0.001)
    packing.note_copy(GPU, 100_000_000, 0.0)
    packing.note_copy(GPU, 50_000, 3.0)  # a disk was slow
    there = known.known_of(GPU)
    assert there is not None
    assert there["from"] == 1e7


def test_what_is_compressed_and_why_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packing.in_words(GPU, "from") == "what packs well is compressed"
    packing.note_copy(GPU, 100_000_000, 1.0)
    assert packing.in_words(GPU, "from") == "none is compressed: a copy had 100 MB/s"
    assert packing.in_words(GPU, "to") == "what packs well is compressed"
    assert packing.in_words(GPU._replace(compress="yes"), "from") == "all is compressed"
    assert packing.in_words(GPU._replace(compress="no"), "to") == "none is compressed"
    assert packing.in_words(Remote("other", "ssh", host="other"), "to") == "not known yet"
    monkeypatch.setattr(programs, "rsync_has_zstd", lambda: False)
    assert packing.in_words(GPU, "to") == "none is compressed: rsync here has no zstd"
    known.note(GPU, {"aes": True, "zstd": False})
    assert packing.in_words(GPU, "to") == "none is compressed: rsync there has no zstd"
