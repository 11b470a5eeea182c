"""Metrics as Prometheus reads them, checked with the parser of its own client library."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from guild_sync.errors import RemoteError, Unreachable
from guild_sync.monitoring import metrics
from guild_sync.monitoring.standings import Open, Standing
from guild_sync.sync.ledger import Entry

NOW = 1_700_000_000.0


def read(text: str) -> dict[tuple[str, str, str], float]:
    """(name, remote, status) -> value of every sample; each family has a type and a help."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("gauge", "counter")
        for sample in family.samples:
            key = (sample.name, sample.labels.get("remote", ""), sample.labels.get("status", ""))
            assert key not in found
            found[key] = sample.value
    return found


def standing(name: str, *confirmed: float, **runs: int) -> Standing:
    return Standing(Entry(name), runs, tuple(Open("a" * 32, "running", at) for at in confirmed))


def test_each_remote_has_its_own_samples() -> None:
    good, bad = standing("good", NOW - 60, NOW - 5, running=2, completed=7), standing("bad", lost=1)
    good.entry.was_reached(NOW - 5, 1000, 0.5)
    good.entry.was_reached(NOW - 3, 500, 0.25)
    for _ in range(3):
        bad.entry.failed(NOW - 9, Unreachable("down"))
    found = read(metrics.text([good, bad, standing("new")], NOW))
    of_good = {name: value for (name, remote, _), value in found.items() if remote == "good"}
    assert of_good["guild_remote_up"] == 1
    assert of_good["guild_remote_last_success_timestamp_seconds"] == NOW - 3
    assert of_good["guild_remote_lag_seconds"] == 60
    assert of_good["guild_remote_syncs_total"] == 2
    assert of_good["guild_remote_transferred_bytes_total"] == 1500
    assert of_good["guild_remote_last_sync_transferred_bytes"] == 500
    assert of_good["guild_remote_sync_seconds_total"] == 0.75
    assert of_good["guild_remote_last_sync_duration_seconds"] == 0.25
    assert found["guild_remote_up", "bad", ""] == 0
    assert found["guild_remote_consecutive_failures", "bad", ""] == 3
    assert found["guild_remote_failed_syncs_total", "bad", ""] == 3
    assert ("guild_remote_last_success_timestamp_seconds", "bad", "") not in found
    assert ("guild_remote_up", "new", "") not in found, "it was never asked"
    assert found["guild_runs", "good", "completed"] == 7
    assert found["guild_runs", "good", "error"] == 0
    assert found["guild_runs", "bad", "lost"] == 1
    assert found["guild_metrics_timestamp_seconds", "", ""] == NOW


def test_without_remotes_it_is_metrics_still() -> None:
    assert ("guild_metrics_timestamp_seconds", "", "") in read(metrics.text([], NOW))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_of_a_remote_comes_back(name: str) -> None:
    # The parser takes a carriage return for the end of a line, which Prometheus does not.
    lines = metrics.text([standing(name)], NOW).replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}")
    found = read("".join(f"{line}\n" for line in lines.split("\n") if line))
    wanted = name.replace("\r", "\N{SYMBOL FOR CARRIAGE RETURN}")
    assert ("guild_remote_syncs_total", wanted, "") in found


def test_the_file_is_there_at_one_go_for_everybody_to_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "guild.prom"
    path.parent.mkdir()
    path.write_text("old")
    before = path.stat().st_ino
    metrics.write(path, [standing("gpu")], NOW)
    assert read(path.read_text())
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "guild.prom"
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        metrics.write(path, [], NOW)
    assert list(path.parent.iterdir()) == [path]


def test_a_remote_that_answers_and_cannot_work_is_not_up() -> None:
    bad = standing("bad")
    bad.entry.failed(NOW, RemoteError("no rsync"))
    assert bad.state == "failed"
    assert read(metrics.text([bad], NOW))["guild_remote_up", "bad", ""] == 0
