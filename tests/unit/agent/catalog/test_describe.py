"""What a listing shows, and all that is known of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rundirs import A, B, make

from guild_sync.agent.catalog import describe

# The order of a listing.


def test_a_limit_is_told_with_the_number_of_all(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=2)
    found = describe.list_runs(str(home), limit=1)
    assert ([run["id"] for run in found["runs"]], found["total"]) == ([B], 2)


# What a sync asks.


def test_all_of_a_run_is_told_by_info(home: Path, flocked: Any) -> None:
    run = make(home, label="x", flags={"a": 1})
    (run / ".guild" / "manifest").write_text("s a b a\n")
    flocked(run)
    found = describe.info(str(home), "1")
    assert found["attrs"] == {"label": "x", "flags": {"a": 1}}
    assert found["manifest"] == ["s a b a"]
    assert str(found["pid"]) == (run / ".guild" / "LOCK").read_text().strip()
