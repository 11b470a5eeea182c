"""How remotes and their runs stand: for people, for machines, for Nagios."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import Guild, Server
from test_fleet import bind, pulled
from test_lost import a_minute_later


@pytest.fixture
def fleet(guild: Guild, sshd: Server, there: Path) -> dict[str, str]:
    """Remotes of each kind: `good`, `down` with an open run, `idle`; the runs' ids by remote."""
    keys = sshd.keys(there)
    guild.configure(good=keys, down=keys, idle=keys)
    done, open_run, lost = (pulled(guild, "good") for _ in range(3))
    bind(guild, lost, "good")
    guild.ok("sync")
    bind(guild, lost, "good")
    shutil.move(there / "runs" / lost, there / "lost")
    guild("sync")
    a_minute_later(guild)
    guild("sync")
    bind(guild, open_run, "down")
    guild.configure(good=keys, down={**keys, "port": 1}, idle=keys)
    assert guild("sync").code == 3
    return {"good": done, "down": open_run, "lost": lost}


def as_json(guild: Guild, *words: str) -> dict[str, dict[str, Any]]:
    done = guild("status", "--json", *words)
    return {found["remote"]: found for found in json.loads(done.out)}


def test_a_page_for_people(guild: Guild, fleet: dict[str, str]) -> None:
    lines = guild.ok("status").lines
    rows = {line.split()[0]: line for line in lines[1:4]}
    assert lines[0].split() == ["REMOTE", "STATE", "RUNS", "LAST", "SUCCESS", "NEXT", "TRY"]
    assert list(rows) == ["down", "good", "idle"]
    assert "  reachable  " in rows["good"]
    assert "  1 completed, 1 lost  " in rows["good"]
    assert "  unreachable since 20" in rows["down"]
    assert rows["down"].split()[5:8] == ["1", "running", "never"]
    assert rows["idle"].split(None, 1)[1] == "not synced yet" + rows["idle"].split("yet")[1]
    assert rows["idle"].split()[4:] == ["none", "never"]
    assert lines[5].startswith("down: cannot reach remote 'down': ")
    assert lines[6].startswith(f"  {fleet['down']}  running (down)  last confirmed 20")


def test_a_remote_that_is_gone_is_shown_while_runs_of_it_are_here(
    guild: Guild, sshd: Server, there: Path, fleet: dict[str, str]
) -> None:
    guild.configure(idle=sshd.keys(there))
    assert [*as_json(guild)] == ["down", "good", "idle"]
    guild.ok("runs", "rm", fleet["good"], fleet["lost"], "-y")
    assert [*as_json(guild)] == ["down", "idle"]


def test_the_same_as_json(guild: Guild, fleet: dict[str, str]) -> None:
    found = as_json(guild)
    assert found["good"]["state"] == "reachable"
    assert found["good"]["runs"] == {"completed": 1, "lost": 1}
    assert found["good"]["open"] == []
    assert found["down"]["state"] == "unreachable"
    assert found["down"]["next_try"] > found["down"]["last_try"] >= found["down"]["since"]
    assert found["down"]["failures"] == 1
    assert [run["run"] for run in found["down"]["open"]] == [fleet["down"]]
    assert found["idle"]["last_success"] is None


def test_nothing_is_asked_of_a_remote(guild: Guild, fleet: dict[str, str]) -> None:
    guild.env["PATH"] = "/nowhere"
    assert guild.ok("status").lines


def test_a_pull_counts_as_a_success(guild: Guild, sshd: Server, there: Path) -> None:
    keys = sshd.keys(there)
    guild.configure(x=keys)
    guild.ok("pull", "x", "-y")
    found = as_json(guild)["x"]
    assert (found["state"], found["failures"]) == ("reachable", 0)
    bind(guild, pulled(guild, "x"), "x")
    guild.configure(x={**keys, "port": 1})
    assert guild("sync").code == 3
    assert as_json(guild)["x"]["state"] == "unreachable"
    guild.configure(x=keys)
    guild.ok("pull", "x", "-y")
    found = as_json(guild)["x"]
    assert (found["state"], found["failures"], found["next_try"]) == ("reachable", 0, None)
    assert found["last_success"] >= found["last_try"]


def test_no_remotes_and_no_runs(guild: Guild) -> None:
    assert guild.ok("status").lines == ["No remote is configured, and no run here came from one."]
    assert json.loads(guild.ok("status", "--json").out) == []


def age(guild: Guild, run_id: str, seconds: int) -> None:
    """Have the remote's last word for the run be older."""
    path = guild.home / "runs" / run_id / ".guild" / "LOCK.confirmed"
    first, _, rest = path.read_text().partition(" ")
    path.write_text(f"{int(first) - seconds * 1_000_000} {rest}")


def test_what_was_not_confirmed_for_long_is_critical(guild: Guild, fleet: dict[str, str]) -> None:
    fine = guild.ok("status", "--stale", "2h")
    assert fine.lines[0] == "GUILD OK - 1 run not over, confirmed within 2h"
    age(guild, fleet["good"], 99999)
    guild.ok("status", "--stale", "2h")  # it has ended
    age(guild, fleet["down"], 7300)
    late = guild("status", "--stale", "2h")
    assert (late.code, late.err) == (2, "")
    assert late.lines[0].startswith("GUILD CRITICAL - 1 run not confirmed for 2h, since 20")
    assert late.lines[0].endswith(": down")
    assert guild("status", "--stale", "121m").code == 2
    assert guild("status", "--stale", "122m").code == 0
    assert guild("status", "--stale", "1d").code == 0
    assert as_json(guild, "--stale", "2h")["down"]["stale"] == [fleet["down"]]
    assert guild("status", "--stale", "2h", "--json").code == 2


def test_a_copy_that_was_never_confirmed_counts_from_its_beginning(guild: Guild) -> None:
    bind(guild, "a" * 32, "gpu")
    assert guild("status", "--stale", "1h").code == 0
    mark = guild.home / "runs" / ("a" * 32) / ".guild" / "LOCK.remote"
    os.utime(mark, (1, 1))
    assert guild("status", "--stale", "1h").code == 2


@pytest.mark.parametrize("text", ["2", "h", "0h", "-1h", "2 h", "1w", "1.5h"])
def test_an_age_that_is_none(guild: Guild, text: str) -> None:
    done = guild("status", f"--stale={text}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("guild: --stale takes an age such as 2h")


def samples(path: Path) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("remote", "")): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
        if sample.name != "guild_runs"
    }


def test_a_sync_writes_metrics_also_where_it_fails(
    guild: Guild, fleet: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "guild.prom"
    assert guild("sync", "--metrics", str(path)).code == 3
    assert samples(path)["guild_remote_up", "down"] == 0
    assert samples(path)["guild_remote_up", "good"] == 1
    assert samples(path)["guild_remote_failed_syncs_total", "down"] == 2
    assert samples(path)["guild_remote_transferred_bytes_total", "good"] > 0
    first = samples(path)["guild_metrics_timestamp_seconds", ""]
    guild.ok("rm", fleet["down"], "-y")
    assert guild.ok("guild-sync", "--metrics", str(path)).out == "", "there is nothing to sync"
    assert samples(path)["guild_metrics_timestamp_seconds", ""] > first
    assert guild.ok("status", "--metrics", str(tmp_path / "too.prom")).out == ""
    assert samples(tmp_path / "too.prom").keys() == {*samples(path), *idle(samples(path))}


def idle(found: dict[tuple[str, str], float]) -> set[tuple[str, str]]:
    """What `guild status` has more: a configured remote that was never synced with."""
    never = ("up", "last_try_timestamp_seconds", "last_success_timestamp_seconds")
    names = {name for name, remote in found if remote == "good"}
    return {(name, "idle") for name in names if not name.endswith(never)}


def test_metrics_that_cannot_be_written_keep_no_run_from_its_end(
    guild: Guild, remote: str, tmp_path: Path
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    done = guild("sync", "--metrics", str(tmp_path / "none" / "x.prom"))
    assert done.code == 1
    assert done.err.startswith("guild: cannot write the metrics ")
    assert guild.status(run_id) == "completed"
