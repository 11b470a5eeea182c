"""What pages are made with: where it is missing, and what it keeps text from becoming."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from reported import HOSTILE, several

from guild_sync.errors import GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.output import extra
from guild_sync.reports import making, pages, writing


def test_without_the_extra_a_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with pytest.raises(GuildError) as error:
        writing.write(LocalHost(str(tmp_path)), tmp_path / "out", ())
    assert error.value.message.startswith("reports need jinja2")
    assert "guild-sync[report]" in error.value.hint
    assert not (tmp_path / "out").exists()


def test_json_for_a_script_ends_no_script() -> None:
    text = pages.data({HOSTILE: [HOSTILE, "\u2028\ud800"]})
    assert not {"<", ">", "&", "\u2028"} & set(text)
    assert json.loads(text) == {HOSTILE: [HOSTILE, "\u2028\ud800"]}


def test_many_pages_are_made_by_processes_as_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    several(tmp_path / "home")
    here = LocalHost(str(tmp_path / "home"))
    writing.write(here, tmp_path / "one", ())
    monkeypatch.setattr(making, "_MANY", 1)
    monkeypatch.setattr(making, "_SHARD", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    writing.write(here, tmp_path / "several", ())
    one, other = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*/*.html")}
        for top in (tmp_path / "one", tmp_path / "several")
    )
    assert one == other and len(one) == 5


def test_what_goes_wrong_in_a_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_MANY", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    with pytest.raises(ZeroDivisionError):
        list(making.over(lambda things: [1 // thing for thing in things], [1, 0], 2))


def test_a_process_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_MANY", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    # Beside threads, as a worker of pytest's has, all would be done in this process.
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    with pytest.raises(GuildError, match="was killed"):
        list(making.over(lambda things: os._exit(9), [1, 2], 2))
