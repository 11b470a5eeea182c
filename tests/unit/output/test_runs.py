"""A run as people see it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from plain_run import RUN

from guild_sync.agent.protocol import NAME_LENGTH, JobForm, Opref, Run
from guild_sync.output import runs

# Tables.


def test_a_run_is_a_row_of_index_operation_time_status_and_label(utc: None) -> None:
    run: Run = {**RUN, "started": 1_795_395_828_000_000, "label": "sleep=10", "remote": "gpu"}
    run["status"] = "running"
    assert runs.run_row(1, run) == (
        "[1:01234567]",
        "gpkg.demo/op",
        "2026-11-23 01:03:48",
        "running (gpu)",
        "sleep=10",
    )


def test_a_run_that_has_not_started_has_the_time_of_its_making(utc: None) -> None:
    run: Run = {**RUN, "initialized": 0}
    assert runs.run_row(1, run)[2] == "1970-01-01 00:00:00"
    assert runs.run_row(1, RUN)[2:] == ("", "completed", "")


def test_labels_and_remotes_from_elsewhere_are_cleaned() -> None:
    run: Run = {**RUN, "label": "a\nb", "status": "running", "remote": "\x1b[2J"}
    assert runs.run_row(1, run)[3:] == ("running (?[2J)", "a?b")


def test_a_label_that_is_no_text_is_shown_all_the_same() -> None:
    number: Run = {**RUN, "label": 0}
    listed: Run = {**RUN, "label": ["a"]}
    assert runs.run_row(1, number)[4] == "0"
    assert runs.run_row(1, listed)[4] == "['a']"


# Names of operations.


def opref(kind: str, package: str, model: str = "", name: str = "op") -> Run:
    found: Opref = {
        "type": kind, "package": package, "version": "", "model": model, "name": name,
    }  # fmt: skip
    return {**RUN, "opref": found}


def test_an_operation_of_a_package_has_its_name_before_it() -> None:
    assert runs.operation(opref("package", "gpkg.demo")) == "gpkg.demo/op"
    assert runs.operation(opref("package", "gpkg.demo", "cnn")) == "gpkg.demo/cnn:op"


def test_an_operation_of_this_folder_has_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert runs.operation(opref("guildfile", f"{tmp_path}/guild.yml")) == "op"
    assert runs.operation(opref("script", f"{tmp_path}/train.py")) == "op"


def test_an_operation_of_another_folder_has_that_behind_it(tmp_path: Path) -> None:
    assert runs.operation(opref("guildfile", "/data/demo/guild.yml", "m")) == "m:op (/data/demo)"
    home = tmp_path / "user"
    assert runs.operation(opref("guildfile", f"{home}/demo/guild.yml")) == "op (~/demo)"


def test_an_operation_without_a_name_is_shown_as_unknown() -> None:
    assert runs.operation(opref("", "", name="")) == "?"


def test_an_operations_name_from_elsewhere_is_cleaned() -> None:
    assert runs.operation(opref("package", "a\x1b", name="b\n")) == "a?/b?"
    assert runs.operation(opref("guildfile", "/a\nb/guild.yml")) == "op (/a?b)"


# Who started a run.


def test_who_started_a_run_is_a_user_on_a_machine() -> None:
    run: Run = {**RUN, "started_by": {"user": "ann", "client": "laptop", "home": "1" * 32}}
    assert runs.starter(run) == "ann@laptop"
    assert runs.starter(RUN) == ""


def test_a_name_that_a_remote_has_made_up_takes_no_more_than_a_line_of_room() -> None:
    run: Run = {**RUN, "started_by": {"user": "a" * 10**6, "client": "", "home": ""}}
    assert runs.starter(run) == "a" * NAME_LENGTH


# Jobs.

JOB: JobForm = {
    "scheduler": "slurm",
    "id": "4711",
    "state": "PENDING",
    "reason": "Priority",
    "starts": None,
    "nodes": "",
    "held": False,
    "restarts": 0,
}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({}, "4711 PENDING, Priority"),
        ({"reason": "JobHeldUser", "held": True}, "4711 PENDING, JobHeldUser!"),
        ({"starts": 1}, "4711 PENDING, Priority"),
        ({"state": "RUNNING", "reason": "", "nodes": "n[1-2]"}, "4711 RUNNING on n[1-2]"),
        ({"state": "", "reason": "", "nodes": "n1"}, "4711 on n1"),
        ({"state": "RUNNING", "reason": "", "restarts": 2}, "4711 RUNNING, restarts: 2"),
        ({"id": "", "state": "", "reason": ""}, "not submitted yet"),
    ],
)
def test_a_job_is_shown_with_what_is_known_of_it(job: JobForm, expected: str) -> None:
    assert runs.job({**RUN, "job": {**JOB, **job}}) == expected


def test_when_a_job_is_expected_to_begin(utc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_395_828.0)
    today: JobForm = {**JOB, "starts": 1_795_395_828 + 3600}
    run: Run = {**RUN, "status": "pending", "waits": "the queue: Priority", "job": today}
    assert runs.job(run) == "4711 PENDING, Priority, starts about 02:03"
    assert runs.waits(run) == "the queue: Priority, starts about 02:03"
    later: JobForm = {**JOB, "starts": 1_795_395_828 + 86400}
    assert runs.waits({**run, "job": later}) == "the queue: Priority, starts about 2026-11-24 01:03"
    assert runs.status(run) == "pending, waits for the queue"


def test_what_is_no_job_waits_for_what_it_waits_for() -> None:
    assert runs.job(RUN) == runs.waits(RUN) == ""
    assert runs.waits({**RUN, "waits": "2 GPUs: 1 is free"}) == "2 GPUs: 1 is free"


def test_a_listing_on_a_terminal_is_shorter_and_tells_of_duration_and_tags(utc: None) -> None:
    opref: Opref = {**RUN["opref"], "package": "gpkg.anonymous-0123abcd", "name": "train"}
    run: Run = {
        **RUN,
        "opref": opref,
        "started": 1_000_000,
        "stopped": 66_000_000,
        "label": "lr=0.1",
        "tags": ["paper", "\x1b[31mred"],
    }
    assert runs.row_on_terminal(3, run) == (
        "[3:01234567]",
        "train",
        "1970-01-01 00:00",
        "completed",
        "lr=0.1",
        "1m5s",
        "#paper #?[31mred",
    )
    run["stopped"], run["tags"] = None, None
    assert runs.row_on_terminal(None, run)[5:] == ("", "")
