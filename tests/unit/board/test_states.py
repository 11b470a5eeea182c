"""What is known of remotes, and how answers, faults and time change that."""

from __future__ import annotations

import pytest
from boards import FREE, NOW, A, B, glance, glanced

from guild_sync.board.states import MOST_RUNS, BoardModel
from guild_sync.errors import Exit, RemoteError, Unreachable
from guild_sync.monitoring.standings import Open, Standing
from guild_sync.sync.ledger import Entry

REFUSED = Unreachable("refused")


@pytest.fixture
def model() -> BoardModel:
    return BoardModel(["gpu1", "gpu2"])


def stood(name: str = "gpu1", *, down: bool = False) -> Standing:
    """How a remote stood at its last sync: one run open."""
    entry = Entry(name)
    entry.was_reached(NOW - 100, 0, 0.0)
    if down:
        entry.failed(NOW - 50, REFUSED)
    return Standing(entry, {"running": 1}, (Open(A, "running", NOW - 100),))


def shown(model: BoardModel, now: float = NOW) -> str:
    return model.remotes(now)[0].state


def test_before_anything_is_known_it_is_not_asked_yet(model: BoardModel) -> None:
    assert [state.state for state in model.remotes(NOW)] == ["not asked yet"] * 2


def test_what_syncs_know_is_there_before_an_answer(model: BoardModel) -> None:
    model.remember(stood(), [glanced(A, remote="gpu1")])
    state = model.state("gpu1")
    assert (state.heard, state.counts, state.is_live) == (NOW - 100, {"running": 1}, False)
    assert state.open_ids == [A]
    assert state.confirmed == {A: NOW - 100}


def test_what_was_down_at_the_last_sync_is_down_until_it_answers(model: BoardModel) -> None:
    model.remember(stood(down=True), [])
    model.asked("gpu1", NOW)
    assert shown(model) == "down"
    assert model.state("gpu1").since == NOW - 50
    model.answered("gpu1", NOW, glance())
    assert shown(model) == "answers"


def test_an_answer_counts_more_than_what_syncs_know(model: BoardModel) -> None:
    model.answered("gpu1", NOW, glance(glanced(B)))
    model.remember(stood(down=True), [glanced(A)])
    assert shown(model) == "answers"
    assert model.state("gpu1").open_ids == [B]


def test_a_remote_that_is_no_part_of_the_board_is_passed_over(model: BoardModel) -> None:
    model.remember(stood("gpu9"), [])
    assert model.names == ["gpu1", "gpu2"]


def test_one_that_says_nothing_is_silent_after_a_while(model: BoardModel) -> None:
    model.asked("gpu1", NOW)
    assert shown(model, NOW + 4) == "asked"
    assert shown(model, NOW + 6) == "silent"


def test_one_that_answers_does_so_while_it_is_asked_again(model: BoardModel) -> None:
    model.answered("gpu1", NOW, glance(glanced()))
    model.asked("gpu1", NOW + 5)
    assert shown(model, NOW + 6) == "answers"
    assert shown(model, NOW + 11) == "silent"
    assert model.remotes(NOW + 11)[0].open_ids == [A], "what it said before is there"


def test_one_that_fails_keeps_what_it_said(model: BoardModel) -> None:
    model.answered("gpu1", NOW, glance(glanced()))
    model.failed("gpu1", NOW + 5, REFUSED)
    state = model.state("gpu1")
    assert (state.state, state.since, state.heard) == ("down", NOW + 5, NOW)
    assert state.open_ids == [A]
    assert state.exit == Exit.UNREACHABLE


def test_one_where_guild_cannot_work_fails(model: BoardModel) -> None:
    model.failed("gpu1", NOW, RemoteError("no python3"))
    assert (shown(model), model.state("gpu1").exit) == ("fails", Exit.ERROR)


def test_one_that_fails_is_left_alone_for_longer_each_time(model: BoardModel) -> None:
    waits = []
    for _ in range(7):
        model.failed("gpu1", NOW, REFUSED)
        waits.append(model.wait("gpu1", NOW, 5))
    assert waits == [15, 30, 60, 120, 240, 300, 300]
    assert model.state("gpu1").since == NOW
    assert model.wait("gpu2", NOW, 5) == 5


def test_who_is_in_a_hurry_has_it_asked_at_once(model: BoardModel) -> None:
    model.failed("gpu1", NOW, REFUSED)
    model.hurry()
    assert model.wait("gpu1", NOW, 5) == 5, "as any other, whose question is due now"


def test_after_an_answer_it_is_as_new(model: BoardModel) -> None:
    model.failed("gpu1", NOW, REFUSED)
    model.answered("gpu1", NOW + 9, glance())
    state = model.state("gpu1")
    assert (state.failures, state.error, state.next_try) == (0, None, None)
    assert state.exit == Exit.OK


def test_failed_runs_are_counted_and_the_clock_there_is_known(model: BoardModel) -> None:
    model.answered("gpu1", NOW, glance(glanced(), failed=2, at=NOW - 60))
    state = model.state("gpu1")
    assert state.counts == {"running": 1, "failed": 2}
    assert state.clock == 60
    assert state.free == FREE


def test_a_remote_that_tells_of_more_runs_than_it_may_is_not_believed_to_the_end(
    model: BoardModel,
) -> None:
    many = [glanced(f"{number:032x}") for number in range(MOST_RUNS + 50)]
    model.answered("gpu1", NOW, glance(glanced(A), glanced(A), *many))
    ids = [run["id"] for run in model.state("gpu1").runs]
    assert len(ids) == MOST_RUNS - 1
    assert len({*ids}) == len(ids)
