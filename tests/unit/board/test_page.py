"""A board as rows of text."""

from __future__ import annotations

import pytest
from boards import MICROSECONDS, NOW, A, B, C, glance, glanced, scalar

from guild_sync.board import page
from guild_sync.board.states import BoardModel, RemoteState
from guild_sync.errors import Unreachable
from guild_sync.monitoring.standings import Open, Standing
from guild_sync.output import formats
from guild_sync.sync.ledger import Entry


def told(*runs: object, name: str = "gpu1", **keys: object) -> RemoteState:
    model = BoardModel([name])
    model.answered(name, NOW, glance(*runs, **keys))  # type: ignore[arg-type]
    return model.state(name)


def cells(state: RemoteState, now: float = NOW) -> dict[str, str]:
    (one,) = page.run_rows([state], now)
    return dict(zip(page.RUNS, one.cells, strict=True))


def test_a_remotes_row() -> None:
    row = dict(zip(page.REMOTES, page.remote_row(told(glanced(), failed=2), NOW + 3), strict=True))
    assert row == {
        "REMOTE": "gpu1", "STATE": "answers", "RUNS": "1 running, 2 failed", "GPUS": "1/2",
        "CORES": "12/64", "LOAD": "51.3", "MEMORY": "256.0G/512.0G", "ROOM": "1.0T",
        "HEARD": "3s ago",
    }  # fmt: skip


def test_what_is_not_known_is_not_shown() -> None:
    row = page.remote_row(told(free=None), NOW)
    assert row[3:8] == ("", "", "", "", "")
    assert page.remote_row(RemoteState("gpu1"), NOW)[-1] == "never"


def test_a_runs_row() -> None:
    run = glanced(
        label="lr=0.1", said="epoch 3/10", scalars={"loss": scalar(0.25), "acc": scalar("nan")}
    )
    assert cells(told(run)) == {
        "RUN": "gpu1:aaaaaaaa", "OPERATION": "train", "LABEL": "lr=0.1", "STATUS": "running",
        "AGE": "1h", "PROGRESS": "3/10", "SCALARS": "loss=0.25  acc=nan", "LAST LINE": "epoch 3/10",
    }  # fmt: skip


def test_ages_are_those_of_the_remotes_clock() -> None:
    run = glanced(started=int((NOW + 7200 - 60) * MICROSECONDS))
    assert cells(told(run, at=NOW + 7200))["AGE"] == "1m"


def test_one_that_has_ended_says_when() -> None:
    run = glanced(status="error", stopped=int((NOW - 90) * MICROSECONDS))
    assert cells(told(run))["AGE"] == "ended 1m ago"


@pytest.mark.parametrize("time", [10**400, -1, True, "now", float("nan")])
@pytest.mark.parametrize("status", ["running", "pending", "error"])
def test_what_is_no_time_of_a_clock_has_no_age(status: str, time: object) -> None:
    run = glanced(status=status, started=time, initialized=time, stopped=time)
    assert cells(told(run))["AGE"] == ""


def test_one_that_waits_says_for_what_and_since_when() -> None:
    at = int((NOW - 5) * MICROSECONDS)
    run = glanced(status="pending", started=None, initialized=at, waits="2 GPUs: gpu1 has none")
    assert cells(told(run))["STATUS"] == "pending, waits for 2 GPUs"
    assert cells(told(run))["AGE"] == "5s"


def test_how_old_it_is_stands_beside_what_is_no_remotes_word_of_now() -> None:
    model = BoardModel(["gpu1"])
    entry = Entry("gpu1")
    standing = Standing(entry, {"running": 1}, (Open(A, "running", NOW - 300),))
    model.remember(standing, [glanced(remote="gpu1")])
    assert cells(model.state("gpu1"))["STATUS"] == "running, 5m ago"
    model.answered("gpu1", NOW, glance(glanced()))
    assert cells(model.state("gpu1"), NOW + 9)["STATUS"] == "running"
    model.failed("gpu1", NOW + 10, Unreachable("gone"))
    assert cells(model.state("gpu1"), NOW + 60)["STATUS"] == "running, 1m ago"


def test_what_runs_is_first_then_what_waits_then_what_has_ended() -> None:
    runs = [
        glanced(A, status="completed", stopped=1),
        glanced(B, status="pending", started=None),
        glanced(C),
    ]
    assert [one.run["id"] for one in page.run_rows([told(*runs)], NOW)] == [C, B, A]


def test_a_filter_leaves_rows_with_its_text() -> None:
    states = [told(glanced(label="Warm")), told(glanced(B), name="gpu2")]
    assert [one.place for one in page.run_rows(states, NOW, "warm")] == ["gpu1:aaaaaaaa"]
    assert [one.place for one in page.run_rows(states, NOW, "GPU2")] == ["gpu2:bbbbbbbb"]


def test_the_whole_board_has_no_column_without_anything_in_it() -> None:
    lines = page.lines([told(glanced(), free=None)], NOW)
    assert lines[0].split() == ["REMOTE", "STATE", "RUNS", "HEARD"]
    assert lines[3].split() == ["RUN", "OPERATION", "STATUS", "AGE"]


def test_why_a_remote_could_not_be_asked_is_a_line() -> None:
    model = BoardModel(["gpu1"])
    model.failed("gpu1", NOW, Unreachable("remote 'gpu1' is\x1b[31m down"))
    lines = page.lines(model.remotes(NOW + 65), NOW + 65)
    assert "down for 1m5s" in lines[1]
    assert lines[3] == "gpu1: remote 'gpu1' is?[31m down"


def test_more_runs_than_are_told_of_are_counted() -> None:
    found = glance(glanced())
    found["open"] = {"running": 1000}
    model = BoardModel(["gpu1"])
    model.answered("gpu1", NOW, found)
    assert page.lines([model.state("gpu1")], NOW)[-1].startswith("999 runs more: ")


EVIL = "\x1b]0;owned\x07\x1b[2J[red]x[/red]\n\u202eevil\r"


@pytest.mark.parametrize("place", ["label", "said", "name", "status", "waits", "scalar"])
def test_nothing_of_a_run_moves_the_cursor(place: str) -> None:
    opref = {**glanced()["opref"], "name": EVIL if place == "name" else "train"}
    run = glanced(
        label=EVIL if place == "label" else None,
        said=EVIL if place == "said" else "",
        opref=opref,
        waits=EVIL if place == "waits" else None,
        scalars={EVIL if place == "scalar" else "loss": scalar(1.0)},
    )
    found = glance(run)
    if place == "status":
        found["open"] = {EVIL: 1}
    model = BoardModel(["gpu1"])
    model.answered("gpu1", NOW, found)
    text = "\n".join(page.lines([model.state("gpu1")], NOW))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 5


def test_a_label_and_a_line_of_a_megabyte_are_cut() -> None:
    run = glanced(label="x" * (1 << 20), said="y" * (1 << 20), waits="z" * (1 << 20))
    run["opref"]["name"] = "n" * (1 << 20)
    assert sum(map(len, cells(told(run)).values())) < 500


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (-5, "0s"), (59.9, "59s"), (60, "1m"), (3725, "1h2m"), (3605, "1h"),
     (90061, "1d1h"), (86400 * 400, "400d")],
)  # fmt: skip
def test_a_length_of_time(seconds: float, expected: str) -> None:
    assert formats.age(seconds) == expected
