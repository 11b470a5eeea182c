"""The order of a listing, and which runs are meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundirs import A, B, C, make

from guild_sync.agent.catalog import describe, find
from guild_sync.agent.errors import AgentError

# The order of a listing.


def listed(home: Path) -> list[str]:
    return [run["id"] for run in describe.list_runs(str(home))["runs"]]


def test_the_latest_run_comes_first(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, started=3)
    make(home, C, started=2)
    assert listed(home) == [B, C, A]


def test_a_run_that_has_not_started_is_in_its_place_by_when_it_was_made(home: Path) -> None:
    make(home, A, started=1)
    make(home, B, initialized=2)
    make(home, C, initialized=1, started=3)
    assert listed(home) == [C, B, A]


def test_times_are_compared_as_numbers(home: Path) -> None:
    make(home, A, started=9)
    make(home, B, started=10)
    assert listed(home) == [B, A]


def test_runs_of_the_same_time_have_an_order_that_stays(home: Path) -> None:
    for run_id in (B, A, C):
        make(home, run_id, started=1)
    assert listed(home) == [C, B, A]


def test_a_run_without_a_time_comes_last(home: Path) -> None:
    make(home, A, started=1)
    make(home, B)
    make(home, C, started="?")
    assert listed(home) == [A, C, B]


@pytest.mark.parametrize("name", ["x", ".stage-" + A, ".incoming-1", "A" * 32, A + "0"])
def test_what_is_no_run_is_not_listed(home: Path, name: str) -> None:
    make(home, name, started=1)
    assert listed(home) == []


def test_an_empty_folder_is_no_run(home: Path) -> None:
    (home / "runs" / A).mkdir(parents=True)
    assert listed(home) == []


def test_a_run_whose_copy_has_just_begun_is_listed(home: Path) -> None:
    run = make(home, marks={"LOCK.remote": "gpu\n"})
    (run / ".guild" / "opref").unlink()
    assert listed(home) == [A]


def test_a_home_without_runs_has_none(home: Path) -> None:
    assert describe.list_runs(str(home)) == {"runs": [], "total": 0, "others": 0}


# Which runs are meant.


IDS = ["00ab" + "0" * 28, "00ac" + "0" * 28, "123" + "0" * 29, "f" * 32]


@pytest.fixture
def four(home: Path) -> str:
    """A home with four runs, the latest first in IDS."""
    for age, run_id in enumerate(IDS):
        make(home, run_id, started=100 - age, exit_status=age % 2)
    return str(home)


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        ((), IDS),
        (("1",), IDS[:1]),
        (("4",), IDS[3:]),
        (("1:2",), IDS[:2]),
        (("2:",), IDS[1:]),
        ((":2",), IDS[:2]),
        ((":",), IDS),
        (("3:99",), IDS[2:]),
        ((IDS[2],), [IDS[2]]),
        (("f",), [IDS[3]]),
        (("00ab",), [IDS[0]]),
        (("1230",), [IDS[2]]),
        (("4", "1", "4", "f"), [IDS[3], IDS[0]]),
    ],
)
def test_runs_are_meant_by_index_range_id_or_its_beginning(
    four: str, specs: tuple[str, ...], found: list[str]
) -> None:
    assert find.select(four, specs) == found


@pytest.mark.parametrize(
    "spec", ["0", "5", "999", "5:9", "0000", "e", "x", "", "-1", "1-2", "F", "2:1", "a" * 32, "é"]
)
def test_what_names_no_run_is_an_error(four: str, spec: str) -> None:
    with pytest.raises(AgentError) as error:
        find.select(four, [spec])
    assert error.value.kind == "not-found"
    assert error.value.message.startswith(f"could not find a run matching {spec!r}")
    assert error.value.hint == "Show runs with 'guild runs'."


def test_an_index_beyond_the_last_says_how_many_there_are(four: str, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"matching '7' \(there are 4\)"):
        find.select(four, ["7"])
    with pytest.raises(AgentError, match=r"matching '1' \(there are none\)"):
        find.select(str(tmp_path / "empty"), ["1"])


def test_a_beginning_that_several_ids_have_is_an_error_that_names_them(four: str) -> None:
    with pytest.raises(AgentError) as error:
        find.select(four, ["00a"])
    assert error.value.message == "'00a' is the beginning of 2 run ids"
    assert error.value.kind == "ambiguous"
    assert error.value.hint == "It could be 00ab00000000, 00ac00000000. Give more of it."


def test_one_spec_that_names_no_run_stops_all(four: str) -> None:
    with pytest.raises(AgentError):
        find.select(four, ["1", "99"])


def test_filters_count_before_indexes_do(four: str) -> None:
    assert find.select(four, ["2"], {"status": ["error"]}) == [IDS[3]]


def test_an_id_that_a_filter_leaves_out_is_not_found(four: str) -> None:
    with pytest.raises(AgentError):
        find.select(four, [IDS[0]], {"status": ["error"]})


def test_an_index_of_digits_of_another_script_is_no_crash(four: str) -> None:
    for spec in ("²", "\u0663", "1:²", f"1:{'9' * 5000}"):
        with pytest.raises(AgentError):
            find.select(four, [spec])


def test_one_run_is_one_run(four: str) -> None:
    assert find.one(four, "1") == IDS[0]
    with pytest.raises(AgentError, match="'1:2' names 2 runs"):
        find.one(four, "1:2")
