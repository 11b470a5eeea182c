"""Which of several remotes a run is to go to: the freest of those that have what it needs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from guild_sync.agent.protocol import Free, NeedsForm, needed
from guild_sync.config import remotes
from guild_sync.errors import Exit, GuildError, NotFree, Unreachable
from guild_sync.fleet.asking import Replies, gathered
from guild_sync.fleet.naming import clusters
from guild_sync.hosts.base import Host, on
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console
from guild_sync.output.terminal import clean

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 15.0  # seconds between questions while none is free


def freest(names: Sequence[str], needs: NeedsForm, wait: bool) -> Iterator[RemoteHost]:
    """The remotes that have what is needed, the freest first; which and why is said.

    A cluster is never free and never full: where no other remote is, the run waits in its queue.

    Whoever is given one may find that it was taken meanwhile, and asks for the next. Raises
    NotFree where there is no other, unless it is to `wait` for one and there can be one;
    Unreachable, or the like, where none can be asked.
    """
    queues = clusters(names)
    names = [name for name in names if name not in queues]
    told: dict[str, str] = {}  # of a remote that could not be asked, what was said of it
    said, pause = "", _FIRST_PAUSE
    while True:
        found = _asked(names, needs, told)
        if not found.answers and not queues:
            error = GuildError(f"none of {', '.join(names)} could be asked")
            error.exit = found.exit
            raise error
        ranking = ranked(found.answers)
        for name in ranking:
            console.say(why(found.answers, name))
            yield remote_host(remotes.remote(name))
        text = "; ".join(f"{name}: {_short(free)}" for name, free in found.answers.items())
        for name in queues:
            console.say("; ".join(filter(None, [f"{name}: has a queue", text])))
            yield remote_host(remotes.remote(name))
        never = _never(found)
        if never or not wait:
            raise _refusal(found, needs, text, never)
        if text != said and not ranking:
            console.say(f"Waiting for {needed(needs) or 'a remote'}: {text}")
            said = text
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _asked(names: Sequence[str], needs: NeedsForm, told: dict[str, str]) -> Replies[Free]:
    """What each remote has; one that cannot be asked is told of, once for each reason."""

    def tell(name: str, error: GuildError) -> None:
        if told.get(name) != error.message:
            told[name] = error.message
            console.warn(error)

    return gathered(names, lambda there: there.free(there.environment(), needs), tell)


def refuse_if_taken(target: Host, needs: NeedsForm, wait: bool) -> None:
    """Raise NotFree where a host does not have what is needed; with `wait`, where it never can."""
    free = target.free(target.environment(), needs)
    if free["never"] or (free["refusal"] and not wait):
        hint = "" if free["never"] else "To have it wait: --wait-free"
        raise NotFree(f"there is no room for {needed(needs)}{on(target)}: {free['refusal']}", hint)


def ranked(answers: Mapping[str, Free]) -> list[str]:
    """The remotes that have what is needed, the freest first: by GPUs, then by cores."""
    able = [name for name, free in answers.items() if not free["refusal"]]
    return sorted(able, key=lambda name: _freedom(answers[name]), reverse=True)


def _freedom(free: Free) -> tuple[int, float, int]:
    idle = free["cores"] - free["load"]
    return free_gpus(free), min(float(free["free_cores"]), idle), free["free_memory"] or 0


def free_gpus(free: Free) -> int:
    """How many GPUs are free."""
    return sum(card["free"] for card in free["cards"])


def why(answers: Mapping[str, Free], chosen: str) -> str:
    """Why it is this one, in a line: `gpu2: 2 of 4 GPUs free; gpu1: none`."""
    free = answers[chosen]
    by_cards = any(answer["cards"] for answer in answers.values())
    what = "GPUs" if by_cards else "cores"
    others = [f"{name}: {_short(one, by_cards)}" for name, one in answers.items() if name != chosen]
    return "; ".join([f"{chosen}: {_amount(free, by_cards)} {what} free", *others])


def _short(free: Free, by_cards: bool = True) -> str:
    if free["refusal"]:
        return "none" if free["all_taken"] else clean(free["refusal"])
    return _amount(free, by_cards)


def _amount(free: Free, by_cards: bool) -> str:
    if by_cards:
        return f"{free_gpus(free)} of {len(free['cards'])}"
    return f"{free['free_cores']} of {free['cores']}"


def _never(found: Replies[Free]) -> bool:
    """Whether no remote can ever have what is needed; one that is down might."""
    down = any(isinstance(error, Unreachable) for error in found.errors.values())
    return not down and all(free["never"] for free in found.answers.values())


def _refusal(found: Replies[Free], needs: NeedsForm, text: str, never: bool) -> GuildError:
    hint = "" if never else "To wait for it: --wait-free"
    error = NotFree(f"there is no room for {needed(needs) or 'the run'}: {text}", hint)
    error.exit = max(Exit.ERROR, found.exit)
    return error
