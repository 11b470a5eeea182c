"""Which GPUs a run gets, and whether there are cores and memory for it; why not, in a line."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from ..protocol import NeedsForm, counted, sized
from .cards import Card, Cards, is_named, tokens_of
from .load import Load
from .shares import Share


class Stock(NamedTuple):
    """What there is on this host, and what of it runs have."""

    cards: Cards  # those that runs of this login see
    load: Load
    had: Sequence[Share] = ()


class Refusal(NamedTuple):
    """Why a run cannot have what it needs.

    `never`: not even where nobody else had any. `all_taken`: others have all that there is of it.
    """

    text: str
    never: bool = False
    all_taken: bool = False


def free_cards(stock: Stock) -> List[Card]:
    """The GPUs that neither a run has nor anybody else works on; the least used first."""
    free = [c for c in stock.cards.cards if not c.is_used and holder_of(c, stock.had) is None]
    return sorted(free, key=lambda card: (card.use or 0, card.used or 0))


def holder_of(card: Card, had: Sequence[Share]) -> Optional[Share]:
    """The run that has a card, one of those that do."""
    for share in had:
        taken = any(t.uuid == card.uuid and t.number == card.number for t in share.cards)
        if taken or any(is_named(t, card.number, card.uuid) for t in tokens_of(share.devices)):
            return share
    return None


def free_cores(stock: Stock) -> int:
    """The cores that neither runs have reserved nor others use."""
    reserved = sum(share.needs.get("cpus", 0) for share in stock.had)
    return max(0, int(stock.load.cores - max(reserved, stock.load.load)))


def free_memory(stock: Stock) -> Optional[int]:
    """The bytes that neither runs have reserved nor others use; None where it is not told."""
    if stock.load.memory is None:
        return None
    left = stock.load.memory - sum(share.needs.get("memory", 0) for share in stock.had)
    return max(0, left if stock.load.available is None else min(left, stock.load.available))


def chosen(
    needs: NeedsForm, stock: Stock, ahead: Sequence[Share] = ()
) -> Union[Tuple[Card, ...], Refusal]:
    """The GPUs that a run gets that needs this, or why it cannot have it now.

    What those need that wait `ahead` of it is left to them.
    """
    refusal = _of_cards(needs, stock) or _of_cores(needs, stock) or _of_memory(needs, stock)
    if refusal is not None:
        return refusal
    before = [share.needs for share in ahead if _wants_the_same(share, needs, stock)]
    if before and not _is_enough([*before, needs], needs, stock):
        one = len(before) == 1
        return Refusal("%d run%s for it" % (len(before), " waits" if one else "s wait"))
    return tuple(free_cards(stock)[: needs.get("gpus", 0)])


def _wants_the_same(share: Share, needs: NeedsForm, stock: Stock) -> bool:
    """Whether a run that waits wants something that one with these needs wants, too.

    Of GPUs, it does where there is one that both see.
    """
    seen = {(card.number, card.uuid) for card in stock.cards.cards}
    of_cards = bool(share.needs.get("gpus") and needs.get("gpus") and seen & {*share.cards})
    of_cores = bool(share.needs.get("cpus") and needs.get("cpus"))
    return of_cards or of_cores or bool(share.needs.get("memory") and needs.get("memory"))


def _is_enough(all_needs: Sequence[NeedsForm], of: NeedsForm, stock: Stock) -> bool:
    """Whether there is enough for all of these, of each kind that one of them needs."""
    memory = free_memory(stock)
    gpus, cpus, size = (
        sum(needs.get("gpus", 0) for needs in all_needs),
        sum(needs.get("cpus", 0) for needs in all_needs),
        sum(needs.get("memory", 0) for needs in all_needs),
    )
    return (
        (not of.get("gpus") or gpus <= len(free_cards(stock)))
        and (not of.get("cpus") or cpus <= free_cores(stock))
        and (not of.get("memory") or memory is None or size <= memory)
    )


def _of_cards(needs: NeedsForm, stock: Stock) -> Optional[Refusal]:
    wanted, there, free = needs.get("gpus", 0), len(stock.cards.cards), free_cards(stock)
    if wanted > there:
        if stock.cards.problem:
            return Refusal(stock.cards.problem)
        return Refusal("it has %s" % (counted(there, "GPU") if there else "no GPUs"), never=True)
    if wanted > len(free):
        return _short_of(len(free), counted(there, "GPU"))
    return None


def _of_cores(needs: NeedsForm, stock: Stock) -> Optional[Refusal]:
    wanted, there = needs.get("cpus", 0), stock.load.cores
    if wanted > there:
        return Refusal("it has %s" % counted(there, "core"), never=True)
    if wanted and wanted > (free := free_cores(stock)):
        return _short_of(free, counted(there, "core"))
    return None


def _short_of(free: int, there: str) -> Refusal:
    return Refusal("%s of %s free" % (free or "none", there), all_taken=not free)


def _of_memory(needs: NeedsForm, stock: Stock) -> Optional[Refusal]:
    wanted, there, free = needs.get("memory", 0), stock.load.memory, free_memory(stock)
    if not wanted or there is None or free is None:
        return None
    if wanted > there:
        return Refusal("it has %s of memory" % sized(there), never=True)
    if wanted > free:
        return Refusal("%s of %s of memory free" % (sized(free), sized(there)))
    return None


def why_not_named(devices: str, had: Sequence[Share]) -> str:
    """Why a run cannot have the GPUs that its user has named: another run has one for itself."""
    for token in tokens_of(devices):
        for share in had:
            if any(is_named(token, card.number, card.uuid) for card in share.cards):
                return "GPU %s is run %s's" % (token, share.run.rpartition("/")[2])
    return ""
