"""What guild has left for itself: old logs, agents that nobody uses, files that were fetched."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from pathlib import Path

import pytest

from guild_sync.agent import leavings
from guild_sync.agent.staging import fetching, stage

OLD = time.time() - 30 * 86400


def written(path: Path, at: float = OLD) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ten bytes.")
    os.utime(path, (at, at))
    return str(path)


def test_logs_and_unused_agents_are_told_and_removed(home: Path) -> None:
    logs = [written(home / "log" / name) for name in ("sync.log", "sync.log.1")]
    logs.insert(0, written(home / "error.log"))
    new = written(home / "log/sync.log.2", at=time.time())
    unused = os.path.dirname(written(home / "agent/aaaa/__main__.py"))
    used = written(home / "agent/bbbb/__main__.py", at=time.time())
    held = written(home / "agent/cccc/__main__.py")
    own = [written(home / name) for name in ("config.yml", "log/mine.log", "errors.log")]
    (home / "log/sync.log.3").symlink_to(home / "config.yml")
    week = time.time() - 7 * 86400
    with open(held, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        told = leavings.leavings(str(home), before=week)
        kinds = [leavings.LOG] * len(logs) + [leavings.AGENT]
        paths = [*logs, unused]
        assert told == [
            {"kind": kind, "path": path, "bytes": 10}
            for kind, path in zip(kinds, paths, strict=True)
        ]
        assert all(map(os.path.exists, [*logs, unused])), "nothing is removed by looking"
        assert leavings.leavings(str(home), week, remove=True) == told
    assert not any(map(os.path.exists, [*logs, unused]))
    assert all(map(os.path.exists, [new, used, held, *own]))
    os.utime(held)
    assert leavings.leavings(str(home), remove=True) == [
        {"kind": leavings.LOG, "path": new, "bytes": 10}
    ]
    assert leavings.leavings(str(home)) == []
    assert leavings.leavings(str(home / "nowhere")) == []


def fetched(home: Path, digest: str) -> Path:
    folder = Path(written(home / "cache" / "resources" / digest / "data.csv")).parent
    os.utime(folder, (OLD, OLD))
    return folder


def test_what_was_fetched_goes_a_week_after_its_last_use_if_no_run_has_a_link_to_it(
    home: Path,
) -> None:
    unused, used, linked, deleted = (fetched(home, letter * 64) for letter in "abcd")
    os.utime(used)
    own = fetched(home, "mine")
    for top, target in (("runs", linked), ("trash/runs", deleted)):
        run = home / top / ("1" * 32)
        run.mkdir(parents=True)
        (run / "data.csv").symlink_to(target / "data.csv")
    told = leavings.leavings(str(home), remove=True)
    assert told == [{"kind": leavings.FETCHED, "path": str(unused), "bytes": 10}]
    assert not unused.exists()
    assert all((folder / "data.csv").exists() for folder in (used, linked, deleted, own))


def test_what_was_fetched_long_ago_stays_where_a_run_was_given_it_just_now(home: Path) -> None:
    url = "https://localhost/data.csv"
    folder = fetched(home, hashlib.sha256(url.encode()).hexdigest())
    assert fetching.fetched(str(home), url) == f"{folder}/data.csv"
    assert leavings.leavings(str(home)) == []


def test_what_listings_have_kept_is_removed_once_it_is_old(home: Path) -> None:
    old = [
        written(home / "cache" / name)
        for name in (".listing-0.0123456789abcdef.7", "listing-0", "listing-12")
    ]
    new = written(home / "cache/listing-7", at=time.time())
    others = [written(home / "cache" / name) for name in ("digests.json", "my-listing-0")]
    told = leavings.leavings(str(home), remove=True)
    assert [leaving["path"] for leaving in told if leaving["kind"] == leavings.LISTING] == old
    assert not any(map(os.path.exists, old))
    assert all(map(os.path.exists, [new, *others]))


def half_made(home: Path, name: str, at: float = OLD) -> Path:
    path = home / "runs" / name
    written(path / ".guild" / "PENDING")
    os.utime(path, (at, at))
    return path


def test_what_a_kill_left_of_a_run_that_was_being_made_goes_after_a_week(home: Path) -> None:
    old = half_made(home, f".stage-{'a' * 32}-00c0ffee")
    new = half_made(home, f".stage-{'b' * 32}-00c0ffee", at=time.time() - 86400)
    others = [half_made(home, name) for name in ("c" * 32, ".incoming-5", "stage-mine")]
    told = leavings.leavings(str(home))
    assert told == [{"kind": leavings.UNMADE, "path": str(old), "bytes": 10}]
    assert old.exists()
    assert leavings.leavings(str(home), remove=True) == told
    assert not old.exists()
    assert all(path.exists() for path in (new, *others))


def test_what_is_gone_by_the_time_that_it_is_looked_at_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = half_made(home, f".stage-{'a' * 32}-00c0ffee")
    unmade = stage.unmade

    def made_meanwhile(home: str) -> list[str]:
        paths = unmade(home)
        found.rename(found.parent / ("a" * 32))
        return paths

    monkeypatch.setattr(stage, "unmade", made_meanwhile)
    assert leavings.leavings(str(home), remove=True) == []
    assert (found.parent / ("a" * 32)).exists()


def test_where_nobody_cleans_it_goes_after_a_month(home: Path) -> None:
    old = half_made(home, f".stage-{'a' * 32}-00c0ffee", at=OLD - 86400)
    new = half_made(home, f".stage-{'b' * 32}-00c0ffee", at=OLD + 86400)
    (home / "agent").mkdir()
    leavings.once_a_day(str(home), "")
    assert (old.exists(), new.exists()) == (False, True)
