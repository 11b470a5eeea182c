"""What a run needs of its host, taken when it starts, waited for where that was asked for."""

from __future__ import annotations

import os
import time
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import AgentError
from ..machine.children import shared_handles
from ..machine.environment import Environment
from ..protocol import DEVICES, SHARED, Job, NeedsForm, Plain, needed
from . import choice, load, shares, smi, turns, visible
from .cards import Card, Cards
from .choice import Refusal, Stock
from .shares import Held, Share, Taken

_PAUSE = 1.0  # seconds between looks at what other runs of this login have
_ASK_AGAIN = 5.0  # likewise, at what everybody has: it starts a program


class Waiting(NamedTuple):
    """How a run waits: who is told that it does and for what, and what lets time pass.

    `pause` returns False where the run is to end instead.
    """

    tell: Callable[[str], None]
    pause: Callable[[float], bool]


class Possession:
    """What a run has of its host until it is released."""

    def __init__(
        self,
        needs: NeedsForm,
        taken: Sequence[Card] = (),
        variables: Optional[Dict[str, str]] = None,
        held: Optional[Held] = None,
        inherited: Tuple[int, ...] = (),
    ) -> None:
        self.variables = variables or {}  # by which its operation sees what it has
        self._needs = needs
        self._cards = taken
        self._held = held
        self._folder = turns.held_folder() if held else -1
        # What its operation inherits, so that nothing is free before that has ended, too.
        self.handles = (held.fd,) if held else inherited

    @property
    def shared(self) -> Dict[str, str]:
        """The variable by which the runs that its operation starts have it, too."""
        return {SHARED: str(self.handles[0])} if self.handles else {}

    @property
    def record(self) -> Dict[str, Plain]:
        """What the run keeps of it; nothing where it has nothing for itself."""
        found: Dict[str, Plain] = {}
        if self._cards:
            found["gpus"] = [
                {"index": card.number, "uuid": card.uuid, "name": card.name} for card in self._cards
            ]
        if self._needs.get("cpus"):
            found["cpus"] = self._needs["cpus"]
        if self._needs.get("memory"):
            found["memory"] = self._needs["memory"]
        return found

    def release(self, with_what_is_left: bool = True) -> None:
        """Give it back; where runs may be left that have it too, once they have ended."""
        if self._held:
            self._held.release(with_what_is_left)
            os.close(self._folder)


def take(
    directory: str, job: Job, environment: Environment, waiting: Optional[Waiting]
) -> Possession:
    """What the run needs, which nobody else has then.

    Raises AgentError where it is not free; with `waiting` where it could not be from the start, or
    where the run is told to end before it is.
    """
    needs, env = job.get("needs") or {}, job.get("env") or {}
    if handles := shared_handles():
        of_parent = {name: os.environ[name] for name in visible.ALL if name in os.environ}
        of_parent = {} if DEVICES in env else of_parent  # it says itself what it sees
        return Possession({}, variables=of_parent, inherited=handles)
    taker = _Taker(Share(directory, needs, devices=env.get(DEVICES, "")), environment.variables)
    try:
        return taker.take(waiting)
    finally:
        taker.leave_queue()


class _Taker:
    """One run that wants its share, once or again and again."""

    def __init__(self, share: Share, variables: Dict[str, str]) -> None:
        self._share = share
        self._variables = variables
        self._cards = Cards()  # as they were when they were asked for last
        self._of_others = self._cards  # likewise, without what runs did on theirs
        self._asked = float("-inf")
        self._ticket = ""
        self._place: Optional[Held] = None

    def take(self, waiting: Optional[Waiting]) -> Possession:
        said = ""
        while True:
            found = self._taken_now(waiting is not None)
            if isinstance(found, Possession):
                return found
            what = needed(self._share.needs) or "GPU %s" % self._share.devices
            text = "%s: %s" % (what, found.text)
            # Whoever waits by now goes on: GPUs are gone while their driver is exchanged.
            if waiting is None or (found.never and not said):
                hint = "" if found.never else "To have it wait: --wait-free"
                raise AgentError("there is no room for %s" % text, hint, "taken")
            if text != said:
                said = text
                waiting.tell(text)
            if not waiting.pause(_PAUSE):
                raise AgentError("told to end while it waited for %s" % text, kind="refused")

    def leave_queue(self) -> None:
        if self._place:
            self._place.release()

    def _taken_now(self, waits: bool) -> Union[Possession, Refusal]:
        """What it needs, where that is free; else why not, and its place in the queue is taken."""
        if self._share.needs.get("gpus"):
            if time.monotonic() - self._asked < _ASK_AGAIN:
                with turns.turn() as folder:
                    refusal = self._chosen(folder, shares.had(folder), self._of_others)
                if isinstance(refusal, Refusal):
                    return refusal
            self._asked, found = time.monotonic(), smi.found(self._variables)
            seen = visible.seen(found.cards, self._variables)
            self._cards = found._replace(cards=tuple(seen))
        with turns.turn() as folder:
            had = shares.had(folder)
            self._of_others = without_runs(self._cards, had)
            chosen = self._chosen(folder, had, self._cards)
            if isinstance(chosen, Refusal):
                if waits and not chosen.never and not self._ticket:
                    wanted = self._share_of(self._cards.cards)
                    self._ticket, self._place = shares.queue_up(folder, wanted)
                return chosen
            held = shares.add(folder, self._share_of(chosen))
        variables = visible.showing(chosen) if chosen else {}
        return Possession(self._share.needs, chosen, variables, held)

    def _share_of(self, some: Sequence[Card]) -> Share:
        return self._share._replace(cards=tuple(Taken(card.number, card.uuid) for card in some))

    def _chosen(
        self, folder: str, had: Sequence[Share], seen: Cards
    ) -> Union[Tuple[Card, ...], Refusal]:
        if why := choice.why_not_named(self._share.devices, had):
            return Refusal(why)
        ahead = shares.waiting(folder, before=self._ticket)
        return choice.chosen(self._share.needs, Stock(seen, load.load(), had), ahead)


def without_runs(seen: Cards, had: Sequence[Share]) -> Cards:
    """The cards as if nobody worked on those that runs have."""
    return seen._replace(
        cards=tuple(
            card._replace(used=0, processes=0) if choice.holder_of(card, had) else card
            for card in seen.cards
        )
    )
