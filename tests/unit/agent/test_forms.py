"""JSON of another's making, read into the forms of the protocol."""

from __future__ import annotations

import tracemalloc
from copy import deepcopy

import pytest

from guild_sync.agent import protocol
from guild_sync.agent.forms import Misread, read

A = "a" * 32
STATE: dict[str, object] = {
    **dict.fromkeys(("status", "remote", "exit_status", "started", "stopped", "bytes")),
    "stamp": "",
    "left_out": [["data/x", 3]],
    "inputs": [],
    "links": [],
    "unreadable": [],
    "children": [],
    "notes": {},
    "retries": 0,
    "stalls": 0,
    "sample": [0, 0],
    "large": [],
    "sparse": False,
}


def test_keys_that_a_form_does_not_have_are_dropped_at_any_depth() -> None:
    found = {"run": {"path": "x", "size": 1, "rule": "+ /"}, "more": 1}
    form = dict[protocol.RunId, protocol.ListedFile]
    assert read(form, {A: found["run"]}) == {A: {"path": "x", "size": 1}}
    told = {"running": [A], "status": {A: None}, "home": "/x"}
    assert read(protocol.Waited, told) == {"running": [A], "status": {A: None}}


def test_a_list_becomes_the_tuple_that_a_form_has() -> None:
    assert read(protocol.State, deepcopy(STATE))["left_out"] == [("data/x", 3)]


def test_what_is_read_takes_no_second_copy_in_memory() -> None:
    told = {"states": {A: deepcopy(STATE)}, "home_id": None, "more": 1}
    files: list[object] = [{"path": str(number), "size": number} for number in range(10_000)]
    tracemalloc.start()
    assert read(protocol.SurveyForm, told) is told
    assert read(list[protocol.ListedFile], files) is files
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_keys_that_a_form_may_have_are_read_where_they_are_there() -> None:
    job = {"op": "x", "children": [{"name": "y", "job": {"op": "z", "rule": 1}}]}
    read_job = read(protocol.Job, job)
    assert read_job == {"op": "x", "children": [{"name": "y", "job": {"op": "z"}}]}


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ([], "is not a mapping"),
        ({**STATE, "status": "fine"}, "status: is not a status"),
        ({**STATE, "status": ["completed"]}, "status: is not a status"),
        ({**STATE, "remote": 3}, "remote: is not str"),
        ({**STATE, "left_out": {}}, "left_out: is not a list"),
        ({**STATE, "left_out": [["x", -1]]}, "left_out: 0: 1: is not a count"),
        ({**STATE, "left_out": [["x", True]]}, "left_out: 0: 1: is not a count"),
        ({**STATE, "left_out": [["x", 1, 2]]}, "left_out: 0: is not a list of 2"),
        ({key: value for key, value in STATE.items() if key != "links"}, "links: is missing"),
    ],
)
def test_what_is_not_of_the_form_is_said_with_its_place(told: object, where: str) -> None:
    with pytest.raises(Misread) as e:
        read(protocol.State, deepcopy(told))
    assert str(e.value) == where


@pytest.mark.parametrize("key", ["../x", A.upper(), f"{A}\n", ""])
def test_a_key_that_is_no_runs_id_is_refused(key: str) -> None:
    with pytest.raises(Misread):
        read(dict[protocol.RunId, str], {key: "x"})


@pytest.mark.parametrize("time", ["1", 1e11, float("inf"), float("nan"), None])
def test_a_time_that_no_calendar_has_is_refused(time: object) -> None:
    assert read(protocol.Seconds, 1.5) == 1.5
    with pytest.raises(Misread):
        read(protocol.Seconds, time)


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 10**400, True, 1.0, "1", None])
def test_a_whole_number_that_no_program_counts_with_is_refused(number: object) -> None:
    assert read(list[int], [(1 << 63) - 1, -(1 << 63)]) == [(1 << 63) - 1, -(1 << 63)]
    for form, told in ((int, number), (list[int], [0, number])):
        with pytest.raises(Misread):
            read(form, told)


def test_what_is_nested_without_end_is_refused() -> None:
    job: dict[str, object] = {"op": "x"}
    for _ in range(10_000):
        job = {"op": "x", "children": [{"job": job}]}
    with pytest.raises(Misread, match="is nested too deeply"):
        read(protocol.Job, job)
