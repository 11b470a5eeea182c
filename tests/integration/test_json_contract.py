"""What `--json` prints is a promise to programs: its forms stay, and keys are only ever added.

A line may be added to a contract below, with its key; none may be removed or changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Place, Server, keep_nothing_free
from test_fleet import bind, pulled
from test_lost import a_minute_later

Contract = Mapping[str, str]  # key -> the kinds of its values, as `text or nothing`
LABELS = ("--label", "one", "--tag", "two", "--comment", "three", "-y")

OPREF = dict.fromkeys(("type", "package", "version", "model", "name"), "text")
RUN = {
    "id": "text",
    "run_dir": "text",
    "opref": "mapping",
    "status": "text",
    "remote": "text or nothing",
    "machine": "text or nothing",
    "unreadable": "list",
    "indexed": "flag",
    "exit_status": "whole or nothing",
    "initialized": "whole or nothing",
    "started": "whole or nothing",
    "stopped": "whole or nothing",
    "label": "text or nothing",
    "flags": "mapping or nothing",
    "tags": "list or nothing",
    "marked": "flag or nothing",
    "comments": "list or nothing",
    "cmd": "list or nothing",
    "started_by": "mapping or nothing",
    "attempt": "whole",
    "ended_by": "text or nothing",
    "waits": "text or nothing",
    "deal": "mapping or nothing",
    "job": "mapping or nothing",
}
DETAILED_RUN = {
    **RUN,
    "pid": "whole or nothing",
    "waits_for": "list",
    "confirmed": "mapping or nothing",
    "sourcecode_digest": "text or nothing",
    "host": "text or nothing",
}
SCALARS = {"scalars": "mapping"}
FULL_RUN = {**DETAILED_RUN, **SCALARS, "attrs": "mapping", "manifest": "list", "attempts": "list"}
FIGURE = "number or whole or text"  # a text: nan, inf or -inf
SCALAR = {
    **dict.fromkeys(("last", "first"), FIGURE),
    **dict.fromkeys(("min", "max", "mean"), f"{FIGURE} or nothing"),
    **dict.fromkeys(("count", "step", "time", "min_step", "max_step"), "whole"),
}
ATTEMPT = {
    "number": "whole",
    "status": "text",
    **dict.fromkeys(("started", "stopped", "exit_status"), "whole or nothing"),
    "ended_by": "text or nothing",
    "retried": "flag",
}
CONFIRMED = {"time": "whole", "remote": "text", "stamp": "text"}
STARTER = dict.fromkeys(("user", "client", "home"), "text")
COMMENT = {"body": "text", "user": "text", "host": "text", "time": "whole"}
HOOK = {
    **dict.fromkeys(("kind", "name"), "text"),
    **dict.fromkeys(("on", "remotes"), "list"),
    **dict.fromkeys(("waiting", "tries"), "whole"),
}
HOOK_TEST = {
    **dict.fromkeys(("kind", "name", "said"), "text"),
    "event": "text or nothing",
    "ok": "flag",
}
CHECKS = {"host": "text or nothing", "checks": "list"}
CHECK = {
    "name": "text",
    "ok": "flag",
    "text": "text",
    "hint": "text or nothing",
    "figures": "mapping or nothing",
}
FIGURES = {
    "round trip": {"milliseconds"},
    "speed": {"from_mb_s", "to_mb_s"},
    "lanes": {"rsyncs"},
}
REMOTE = dict.fromkeys(("name", "type", "host", "description"), "text")
ASKED_REMOTE = {
    **REMOTE,
    "status": "text",
    **dict.fromkeys(("message", "hint", "python", "home"), "text or nothing"),
    "logged_in": "whole or nothing",
    "keep_open": "whole or nothing",
}
FREE_REMOTE = {
    **REMOTE,
    "status": "text",
    **dict.fromkeys(("message", "hint"), "text or nothing"),
    "free": "mapping or nothing",
}
FREE = {
    "cards": "list",
    **dict.fromkeys(("problem", "refusal"), "text"),
    **dict.fromkeys(("cores", "free_cores", "room", "runs", "waiting"), "whole"),
    "load": "number",
    **dict.fromkeys(("memory", "free_memory"), "whole or nothing"),
    "never": "flag",
    "all_taken": "flag",
}
FREE_CARD = {
    **dict.fromkeys(("index", "uuid", "name"), "text"),
    **dict.fromkeys(("memory", "used", "use"), "whole or nothing"),
    "free": "flag",
    "run": "text or nothing",
}
COMPARISON = {
    "columns": "list",
    **dict.fromkeys(("objective", "sorted"), "text or nothing"),
    "descending": "flag",
    "runs": "list",
    "total": "whole",
}
COMPARED_COLUMN = dict.fromkeys(("heading", "kind"), "text")
# Beside what a run has in a listing.
COMPARED_RUN = {
    "scalars": "mapping",
    "objective": "text",
    **dict.fromkeys(("compare", "cells"), "list"),
    "on_remote": "text or nothing",
    **dict.fromkeys(("index", "rank"), "whole or nothing"),
    "values": "mapping",
}
MODEL = {"name": "text", "description": "text", "operations": "list"}
OPERATION = {"name": "text", "description": "text", "flags": "mapping", "faults": "list"}
FLEET_REMOTE = {
    **dict.fromkeys(("remote", "state"), "text"),
    **dict.fromkeys(("since", "heard"), "number or nothing"),
    "live": "flag",
    **dict.fromkeys(("message", "hint"), "text or nothing"),
    "open": "mapping",
    "failed": "whole or nothing",
    "free": "mapping or nothing",
    "runs": "list",
}
# Beside what a run has in a listing.
FLEET_RUN = {
    "said": "text",
    "said_at": "whole",
    "scalars": "mapping",
    "step": "whole or nothing",
    "progress": "text or nothing",
    "part": "number or nothing",
    "confirmed": "number or nothing",
    "is_over": "flag",
}
STANDING = {
    "remote": "text",
    "state": "text",
    "since": "number or nothing",
    "reason": "text",
    "failures": "whole",
    "last_try": "number or nothing",
    "last_success": "number or nothing",
    "next_try": "number or nothing",
    "runs": "mapping",
    "open": "list",
    "missing": "mapping",
    "no_room": "mapping",
    "lag": "number",
    "stale": "list",
}
OPEN_RUN = {"run": "text", "status": "text", "confirmed": "number"}
VERIFY = {
    **dict.fromkeys(("runs", "remotes"), "list"),
    **dict.fromkeys(("files", "bytes", "differing"), "whole"),
}
CLEAN = {
    **dict.fromkeys(("others", "bytes"), "whole"),
    "remote": "text or nothing",
    "plan": "flag",
    **dict.fromkeys(("runs", "files"), "list"),
}
CLEANED_FILE = {"kind": "text", "path": "text", "bytes": "whole"}
CLEANED_RUN = {"run": "text", "kept": "text or nothing", "bytes": "whole or nothing"}
VERIFIED_RUN = {
    **dict.fromkeys(("run", "remote", "verdict"), "text"),
    "why": "text or nothing",
    **dict.fromkeys(("differing", "unreadable", "left_out"), "list"),
    **dict.fromkeys(("files", "bytes"), "whole"),
}
FAILED_REMOTE = dict.fromkeys(("remote", "error"), "text")
PLAN = {"remotes": "list", "bytes": "whole", "free": "whole", "fits": "flag"}
REMOTE_PLAN = {
    "remote": "text",
    "error": "text or nothing",
    "runs": "list",
    "missing": "list",
    "files": "whole",
    "bytes": "whole",
}
PLANNED_RUN = {
    "run": "text",
    "before": "text or nothing",
    "after": "text",
    "files": "whole",
    "bytes": "whole",
}

EXPORTED = {
    "file": "text",
    **dict.fromkeys(("done", "there"), "list"),
    **dict.fromkeys(("refused", "running", "inputs"), "mapping"),
    "bytes": "whole",
}
EVENT_FILES = {"folder": "text", **dict.fromkeys(("done", "unchanged", "without"), "list")}
IMPORTED = {
    "file": "text",
    **dict.fromkeys(("done", "there", "open"), "list"),
    **dict.fromkeys(("refused", "links", "kept"), "mapping"),
}


def kinds(value: object) -> set[str]:
    """What a contract calls a value."""
    found = {
        bool: {"flag"},
        int: {"whole", "number"},
        float: {"number"},
        str: {"text"},
        list: {"list"},
        dict: {"mapping"},
        type(None): {"nothing"},
    }
    return found[type(value)]


def breaches(value: Any, contract: Contract) -> list[str]:
    """Where a record does not keep its contract: keys that are missing, or new; other values."""
    if not isinstance(value, dict):
        return [f"{value!r} is no mapping"]
    wrong = [f"{key} is missing" for key in contract if key not in value]
    wrong += [f"{key} is new: add it to the contract" for key in value if key not in contract]
    return wrong + [
        f"{key} is {value[key]!r}, not {kind}"
        for key, kind in contract.items()
        if key in value and not kinds(value[key]) & set(kind.split(" or "))
    ]


def records(text: str, contract: Contract) -> list[dict[str, Any]]:
    """A list of records, as it was printed, each of which keeps the contract."""
    found: list[dict[str, Any]] = json.loads(text)
    assert isinstance(found, list)
    assert found
    assert [wrong for record in found for wrong in breaches(record, contract)] == []
    return found


def record(text: str, contract: Contract) -> dict[str, Any]:
    """A mapping, as it was printed, which keeps the contract."""
    found: dict[str, Any] = json.loads(text)
    assert breaches(found, contract) == []
    return found


def all_keep(found: list[Any], contract: Contract) -> Iterator[Any]:
    for each in found:
        assert breaches(each, contract) == []
        yield each


def test_a_key_that_goes_or_comes_or_changes_its_kind_is_a_breach() -> None:
    assert breaches({"a": 1, "c": 1.5}, {"a": "text", "b": "whole", "c": "number"}) == [
        "b is missing",
        "a is 1, not text",
    ]
    assert breaches({"a": True}, {"a": "whole"}) == ["a is True, not whole"]
    assert breaches({"a": None, "b": 1}, {"a": "text or nothing"}) == [
        "b is new: add it to the contract"
    ]
    assert breaches([], {}) == ["[] is no mapping"]


# Runs.


def test_runs_are_a_list_and_one_run_is_a_mapping(place: Place) -> None:
    place.ok("run", "op", "sleep=0", *LABELS)
    place.ok("mark", "1", "-y")
    staged = place.staged()
    runs = records(place.ok("runs", "--json").out, {**RUN, **SCALARS})
    assert [run["status"] for run in runs] == ["staged", "completed"]
    assert records(place.ok("runs", "--json", "-v").out, {**DETAILED_RUN, **SCALARS})
    assert records(place.ok("runs", "--json", "-a").out, {**RUN, **SCALARS})
    full = record(place.ok("info", "2", "--json").out, FULL_RUN)
    for key in ("exit_status", "started", "stopped", "label", "flags", "tags", "marked", "cmd"):
        assert full[key] is not None, key
    assert breaches(full["opref"], OPREF) == []
    assert list(all_keep(full["comments"], COMMENT))
    assert breaches(full["started_by"], STARTER) == []
    assert {type(value) for value in (*full["tags"], *full["cmd"], *full["manifest"])} == {str}
    record(place.ok("info", staged, "--json").out, FULL_RUN)
    place.ok("run", "--restart", full["id"], "-y")
    again = record(place.ok("info", full["id"], "--json").out, FULL_RUN)
    assert list(all_keep(again["attempts"], ATTEMPT))


def test_a_deleted_run_is_as_another_is(place: Place) -> None:
    place.ok("run", "op", "sleep=0", "-y")
    place.ok("rm", "1", "-y")
    records(place.ok("runs", "--deleted", "--json", "-v").out, {**DETAILED_RUN, **SCALARS})
    records(place.ok("runs", "--deleted", "--json", "-a").out, {**RUN, **SCALARS})


def test_runs_beside_each_other_are_a_mapping_with_columns_and_runs(place: Place) -> None:
    place.ok("run", "op", "sleep=0", *LABELS)
    place.staged()
    for words in ([], ["--sort", "sleep"]):
        found = record(place.ok("compare", "--json", *words).out, COMPARISON)
        assert list(all_keep(found["columns"], COMPARED_COLUMN))
        assert len(list(all_keep(found["runs"], {**RUN, **COMPARED_RUN}))) == 2
        headings = [column["heading"] for column in found["columns"]]
        assert [*found["runs"][0]["values"]] == headings


def test_no_runs_are_an_empty_list(place: Place) -> None:
    assert json.loads(place.ok("runs", "--json").out) == []


def test_a_copy_says_whose_it_is_and_since_when(guild: Guild, remote: str) -> None:
    run_id = pulled(guild, remote)
    guild.ok("sync")
    bind(guild, run_id, remote)
    full = record(guild.ok("info", run_id, "--json").out, FULL_RUN)
    assert full["remote"] == remote
    assert breaches(full["confirmed"], CONFIRMED) == []


def test_what_became_of_runs_that_are_exported_and_imported(guild: Guild) -> None:
    keep_nothing_free(guild)
    guild.ok("run", "op", "sleep=0", "-y")
    (run,) = (guild.home / "runs").glob("[0-9a-f]*")
    (run / "away").symlink_to("/etc/passwd")
    found = record(guild.ok("export", "out", "--move", "--json").out, EXPORTED)
    assert found["done"] == [run.name] and found["bytes"] > 0
    done = guild("import", "out", "--json")
    assert record(done.out, IMPORTED)["links"] == {run.name: 1}
    assert done.err == (
        f"guild: of run {run.name} 1 link leads out of the runs, and came not\n"
        f"Show where: 'guild ls {run.name}'.\n"
    )
    assert record(guild.ok("import", "out", "--json").out, IMPORTED)["there"] == [run.name]


def test_what_became_of_runs_that_are_written_for_tensorboard(guild: Guild) -> None:
    pytest.importorskip("tensorboard")
    guild.ok("run", "op", "sleep=0", "-y")
    found = record(guild.ok("export", "--tensorboard", "tb", "--json").out, EVENT_FILES)
    assert found["without"] == guild.ok("select").lines


# Operations, remotes, checks.


def test_operations_are_a_list_with_the_defaults_of_their_flags(guild: Guild) -> None:
    assert any(o["flags"] for o in records(guild.ok("operations", "--json").out, OPERATION))


def test_models_are_a_list_with_their_operations(guild: Guild) -> None:
    (guild.folder / "guild.yml").write_text("- {model: net, operations: {a: {exec: 'true'}}}\n")
    assert records(guild.ok("models", "--json").out, MODEL)[0]["operations"] == ["a"]


def test_remotes_are_a_list(guild: Guild, remote: str) -> None:
    records(guild.ok("remotes", "--json").out, REMOTE)


def test_remotes_that_were_asked_say_what_they_answered(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(up=sshd.keys(there), down=sshd.keys(there, port=1))
    found = records(guild("remotes", "--status", "--json").out, ASKED_REMOTE)
    assert {r["status"] for r in found} == {"answers", "stopped", "unreachable"}


def test_what_is_free_is_a_list_of_remotes(guild: Guild, sshd: Server, there: Path) -> None:
    smi = there.parent / "nvidia-smi"
    smi.write_text(
        '#!/bin/sh\ncase "$*" in *query-gpu*) echo 0, GPU-1, X, 80000, 1, [N/A];; esac\n'
    )
    smi.chmod(0o755)
    path = f"{smi.parent}:/usr/bin:/bin"
    guild.configure(up=sshd.keys(there, env={"PATH": path}), down=sshd.keys(there, port=1))
    found = records(guild("remotes", "--free", "--json").out, FREE_REMOTE)
    down, up = sorted(found, key=lambda remote: str(remote["name"]))
    assert (down["status"], down["free"], up["status"]) == ("unreachable", None, "answers")
    assert breaches(up["free"], FREE) == []
    assert list(all_keep(up["free"]["cards"], FREE_CARD))


def test_checks_are_a_list_of_hosts(guild: Guild, remote: str) -> None:
    found = records(guild("check", "-r", remote, "--json").out, CHECKS)
    assert [section["host"] for section in found] == [None, remote]
    for section in found:
        assert list(all_keep(section["checks"], CHECK))
    told = {line["name"]: line["figures"] for line in found[1]["checks"] if line["figures"]}
    assert {name: told[name].keys() for name in told} == FIGURES
    assert all(figure > 0 for figures in told.values() for figure in figures.values())


def test_hooks_are_a_list_and_so_is_what_came_back_from_each(guild: Guild) -> None:
    hook = "{on: [lost], command: 'true'}"
    guild.config.write_text(f"hooks: [{hook}]\nheartbeat: http://127.0.0.1:1/x\n")
    assert len(records(guild.ok("hooks", "--json").out, HOOK)) == 2
    found = records(guild("hooks", "test", "--json").out, HOOK_TEST)
    assert [one["ok"] for one in found] == [True, False]


# Syncs.


@pytest.fixture
def fleet(guild: Guild, sshd: Server, remote: str, there: Path) -> None:
    """One remote with a run to copy and one that it has lost, and one that is down."""
    keys = sshd.keys(there)
    guild.configure(up=keys)
    gone, waits, other = (pulled(guild, "up") for _ in range(3))
    guild.ok("sync")
    bind(guild, gone, "up")
    shutil.move(there / "runs" / gone, there / "gone")
    assert guild("sync").code == 1
    a_minute_later(guild)
    bind(guild, waits, "up")
    (there / "runs" / waits / "new").write_text("more")
    bind(guild, other, "down")
    guild.configure(up=keys, down={**keys, "port": 1})


def test_how_remotes_stand_is_a_list(guild: Guild, fleet: None) -> None:
    assert guild("sync", "--cron").code == 3
    found = {s["remote"]: s for s in records(guild.ok("status", "--json").out, STANDING)}
    assert (found["up"]["state"], found["down"]["state"]) == ("reachable", "unreachable")
    assert list(all_keep(found["down"]["open"], OPEN_RUN))
    assert kinds(found["down"]["next_try"]) == {"number"}
    assert found["up"]["runs"] == {"completed": 1, "lost": 1}
    stale = records(guild("status", "--json", "--stale", "1s").out, STANDING)
    assert {type(run) for s in stale for run in s["stale"]} <= {str}


def test_what_is_seen_at_one_glance_is_a_list_of_remotes_with_runs(
    guild: Guild, fleet: None
) -> None:
    found = records(guild("fleet", "--json").out, FLEET_REMOTE)
    told = {str(one["remote"]): one for one in found}
    assert (told["up"]["state"], told["down"]["state"]) == ("answers", "down")
    assert (told["up"]["live"], told["down"]["failed"]) == (True, None)
    assert breaches(told["up"]["free"], FREE) == []
    for one in found:
        assert list(all_keep(one["runs"], {**RUN, **FLEET_RUN}))


def test_a_plan_is_a_mapping_with_a_list_of_remotes(guild: Guild, fleet: None) -> None:
    plan = record(guild("sync", "--plan", "--json").out, PLAN)
    found = {each["remote"]: each for each in all_keep(plan["remotes"], REMOTE_PLAN)}
    assert (found["up"]["error"], bool(found["down"]["error"])) == (None, True)
    assert list(all_keep(found["up"]["runs"], PLANNED_RUN))
    assert {type(run) for run in found["up"]["missing"]} == {str}


def test_what_was_verified_is_a_mapping_with_runs_and_the_remotes_that_failed(
    guild: Guild, fleet: None
) -> None:
    assert guild("sync", "--cron").code == 3
    told = record(guild("verify", "--json").out, VERIFY)
    found = {each["verdict"]: each for each in all_keep(told["runs"], VERIFIED_RUN)}
    assert found["same"]["why"] is None
    assert found["not checked"]["why"] == "it is not on up any more"
    assert list(all_keep(told["remotes"], FAILED_REMOTE))
    cleaned = record(guild("clean", "-r", "up", "--plan", "--json").out, CLEAN)
    reasons = {each["run"]: each["kept"] for each in all_keep(cleaned["runs"], CLEANED_RUN)}
    assert {None, "not home"} == {*reasons.values()}
    here = record(guild("clean", "--plan", "--json").out, CLEAN)
    assert list(all_keep(here["files"], CLEANED_FILE)), "the log of the test's own syncs"


def test_a_report_says_what_was_written(guild: Guild) -> None:
    counts = dict.fromkeys(("runs", "written", "removed", "bytes"), "whole")
    record(guild.ok("report", "--json").out, {"page": "text", **counts})
