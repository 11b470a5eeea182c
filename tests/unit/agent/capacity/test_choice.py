"""Which cards a run gets, and why it gets none."""

from __future__ import annotations

import pytest

from guild_sync.agent import protocol
from guild_sync.agent.capacity import choice
from guild_sync.agent.capacity.cards import NVIDIA, Card, Cards
from guild_sync.agent.capacity.choice import Refusal, Stock
from guild_sync.agent.capacity.load import Load
from guild_sync.agent.capacity.shares import Share, Taken
from guild_sync.agent.protocol import NeedsForm

GIB = 1 << 30
IDLE = Load(16, 0.0, 64 * GIB, 60 * GIB)


def card(number: int, used: int = 10, use: int = 0, *processes: int) -> Card:
    return Card(str(number), f"GPU-{number}", "X", NVIDIA, 80000, used, use, len(processes))


def having(*numbers: int, devices: str = "", **needs: int) -> Share:
    taken = tuple(Taken(str(n), f"GPU-{n}") for n in numbers)
    return Share("/runs/r1", NeedsForm(**needs), taken, devices)  # type: ignore[typeddict-item]


def host(*cards: Card, had: tuple[Share, ...] = (), load: Load = IDLE, problem: str = "") -> Stock:
    return Stock(Cards(cards, problem), load, had)


def refused(needs: NeedsForm, of: Stock, *ahead: Share) -> Refusal:
    found = choice.chosen(needs, of, ahead)
    assert isinstance(found, Refusal)
    return found


FOUR = [card(n) for n in range(4)]


def test_the_least_used_cards_that_nobody_has_are_taken() -> None:
    four = [card(0, use=30), card(1, used=400), card(2, use=5), card(3)]
    found = choice.chosen({"gpus": 2}, host(*four, had=(having(3),)))
    assert [c.number for c in found if isinstance(c, Card)] == ["1", "2"]


@pytest.mark.parametrize(
    "had",
    [having(0, 1), having(devices="0,GPU-1"), having(devices="1,0")],
)
def test_what_runs_have_or_were_told_to_see_is_not_free(had: Share) -> None:
    assert [c.number for c in choice.free_cards(host(*FOUR, had=(had,)))] == ["2", "3"]


def test_what_others_work_on_is_not_free() -> None:
    assert choice.free_cards(host(card(0, 10, 0, 4711), card(1, used=5000))) == []
    assert refused({"gpus": 1}, host(card(0, 10, 0, 7))) == Refusal(
        "none of 1 GPU free", all_taken=True
    )


def test_what_a_host_does_not_have_is_never_free() -> None:
    for needs, text in (
        (NeedsForm(gpus=5), "it has 4 GPUs"),
        (NeedsForm(cpus=17), "it has 16 cores"),
        (NeedsForm(memory=65 * GIB), "it has 64.0G of memory"),
    ):
        assert refused(needs, host(*FOUR)) == Refusal(text, never=True)
    assert refused({"gpus": 1}, host()) == Refusal("it has no GPUs", never=True)


def test_a_program_that_fails_now_may_tell_of_cards_later() -> None:
    told = "nvidia-smi: failed"
    assert refused({"gpus": 1}, host(problem=told)) == Refusal(told)


@pytest.mark.parametrize(
    ("reserved", "load", "free"), [(0, 0.0, 16), (4, 2.0, 12), (4, 9.5, 6), (20, 0, 0)]
)
def test_cores_are_free_that_neither_runs_reserve_nor_others_use(
    reserved: int, load: float, free: int
) -> None:
    there = host(had=(having(cpus=reserved),), load=IDLE._replace(load=load))
    assert choice.free_cores(there) == free
    if free < 16:
        text = f"{free or 'none'} of 16 cores free"
        assert refused({"cpus": free + 1}, there) == Refusal(text, all_taken=not free)


def test_memory_is_free_that_neither_runs_reserve_nor_others_use() -> None:
    there = host(had=(having(memory=50 * GIB),))
    assert choice.free_memory(there) == 14 * GIB
    assert choice.free_memory(host()) == 60 * GIB
    assert refused({"memory": 15 * GIB}, there) == Refusal("14.0G of 64.0G of memory free")
    assert choice.chosen({"memory": 15 * GIB}, host(load=Load(1, 0, None, None))) == ()


def test_who_came_first_is_first() -> None:
    first = having(0, 1, 2, 3, gpus=3)
    there = host(*FOUR, had=(having(0, 1),))
    assert refused({"gpus": 1}, there, first) == Refusal("1 run waits for it")
    assert refused({"gpus": 1}, there, first, first) == Refusal("2 runs wait for it")
    assert choice.chosen({"cpus": 1}, there, [first]) == (), "which nobody waits for"
    elsewhere = having(7, 8, gpus=2, cpus=1)
    assert choice.chosen({"gpus": 1}, there, [elsewhere]) == (FOUR[2],), "that sees other cards"
    many = elsewhere._replace(needs={"gpus": 2, "cpus": 16})
    assert refused({"gpus": 1, "cpus": 1}, there, many) == Refusal("1 run waits for it")


def test_who_wants_no_more_than_what_those_before_leave_need_not_wait_for_them() -> None:
    one = having(0, 1, 2, 3, gpus=1)
    there = host(*FOUR, had=(having(0),))
    assert choice.chosen({"gpus": 1}, there, [one, one]) == (FOUR[1],)
    assert refused({"gpus": 1}, there, one, one, one) == Refusal("3 runs wait for it")
    assert refused({"gpus": 2}, there, one, one) == Refusal("2 runs wait for it")


def test_a_card_of_a_run_cannot_be_named_for_another() -> None:
    had = [having(2), having(devices="0")]
    assert choice.why_not_named("0,2", had) == "GPU 2 is run r1's"
    assert choice.why_not_named("GPU-2", had) == "GPU GPU-2 is run r1's"
    assert choice.why_not_named("0,1", had) == "", "runs that name the same have it together"


def test_needs_are_said_in_words() -> None:
    assert (
        protocol.needed({"gpus": 1, "cpus": 4, "memory": 16 * GIB})
        == "1 GPU, 4 cores, 16.0G of memory"
    )
