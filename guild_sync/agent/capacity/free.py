"""What of a host is free, as it is told to those who choose one."""

from __future__ import annotations

import os
from typing import Mapping, Optional

from ..machine.environment import Environment
from ..protocol import Free, FreeCard, NeedsForm
from ..store import rundir
from . import choice, load, shares, smi, turns, visible
from .cards import Card
from .choice import Refusal, Stock


def free(
    home: str,
    spec: Mapping[str, str],
    needs: Optional[NeedsForm] = None,
    running: Optional[int] = None,
) -> Free:
    """What there is, what of it is free, and why a run with these needs could not start now.

    `spec` is the environment of operations there: its PATH has the programs that are asked.
    `running`: how many runs run, where that is known already.
    """
    variables = Environment.load(spec).variables
    found = smi.found(variables)
    seen = found._replace(cards=tuple(visible.seen(found.cards, variables)))
    with turns.turn() as folder:
        stock, ahead = Stock(seen, load.load(), shares.had(folder)), shares.waiting(folder)
    chosen = choice.chosen(needs or {}, stock, ahead)
    refusal = chosen if isinstance(chosen, Refusal) else None
    idle = choice.free_cards(stock)
    return {
        "cards": [_card(card, card in idle, stock) for card in seen.cards],
        "problem": seen.problem,
        "cores": stock.load.cores,
        "free_cores": choice.free_cores(stock),
        "load": stock.load.load,
        "memory": stock.load.memory,
        "free_memory": choice.free_memory(stock),
        "room": _room(home),
        "runs": _running(home) if running is None else running,
        "waiting": len(ahead),
        "refusal": refusal.text if refusal else "",
        "never": bool(refusal and refusal.never),
        "all_taken": bool(refusal and refusal.all_taken),
    }


def _card(card: Card, is_free: bool, stock: Stock) -> FreeCard:
    holder = choice.holder_of(card, stock.had)
    return {
        "index": card.number,
        "uuid": card.uuid,
        "name": card.name,
        "memory": card.total,
        "used": card.used,
        "use": card.use,
        "free": is_free,
        "run": os.path.basename(holder.run) if holder else None,
    }


def _room(home: str) -> int:
    """The bytes that are free where the guild home is, or will be."""
    while not os.path.isdir(home) and os.path.dirname(home) != home:
        home = os.path.dirname(home)
    state = os.statvfs(home)
    return state.f_bavail * state.f_frsize


def _running(home: str) -> int:
    """How many runs of this guild home run here."""
    top = rundir.runs_dir(home)
    directories = (os.path.join(top, name) for name in rundir.names(top))
    return sum(rundir.status(path) == rundir.Status("running") for path in directories)
