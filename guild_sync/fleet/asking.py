"""Remotes asked side by side: what each answers, as soon as that is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from guild_sync.config import remotes
from guild_sync.errors import Exit, GuildError, RunNotFound, Unreachable
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console
from guild_sync.transport.background import begun_in_turn

T = TypeVar("T")


@dataclass(frozen=True)
class Replies(Generic[T]):
    """What remotes have answered, and why the others have not, each in the order of asking."""

    answers: dict[str, T] = field(default_factory=dict)
    errors: dict[str, GuildError] = field(default_factory=dict)

    @property
    def exit(self) -> Exit:
        """The exit status that the errors stand for; of several the highest counts."""
        return worst(self.errors)

    def besides(self, errors: Mapping[str, GuildError]) -> Replies[T]:
        """These, where others could not be asked before."""
        return Replies(self.answers, {**errors, **self.errors})

    def without(self, what: str, why: str = "") -> RunNotFound:
        """The error that none of those which have answered has what is looked for.

        Its exit status is no lower than that of the errors: one of the others may have it.
        """
        names = [*self.answers, *self.errors]
        message = f"{what} on {', '.join(self.answers)}{why}"
        if not self.answers:
            message = f"none of {', '.join(names)} could be asked"
        error = RunNotFound(message, f"Show runs with 'guild runs -r {','.join(names)}'.")
        error.exit = max(error.exit, self.exit)
        return error


def worst(errors: Mapping[str, GuildError]) -> Exit:
    """The exit status that errors stand for; the highest counts."""
    return max((error.exit for error in errors.values()), default=Exit.OK)


def asked(names: Sequence[str], question: Callable[[RemoteHost], T]) -> Replies[T]:
    """What each remote answers, once all have, or cannot.

    One that fails is named on stderr as soon as that is known; it keeps the others waiting for
    no longer than its own time limits.
    """
    told: dict[tuple[str, str], str] = {}

    def tell(name: str, error: GuildError) -> None:
        if told.setdefault((error.message, error.hint), name) == name:  # as faults of the config
            console.warn(error)

    return gathered(names, question, tell)


def gathered(
    names: Sequence[str],
    question: Callable[[RemoteHost], T],
    tell: Callable[[str, GuildError], None],
) -> Replies[T]:
    """As `asked`, where `tell` says of a remote that it failed; it is called in threads."""

    def ask(name: str) -> T:
        try:
            return question(remote_host(remotes.remote(name)))
        except GuildError as e:
            tell(name, e)
            raise

    found: Replies[T] = Replies()
    for name, reply in replies({name: partial(ask, name) for name in names}):
        if isinstance(reply, GuildError):
            found.errors[name] = reply
        else:
            found.answers[name] = reply
    return found


def replies(
    questions: Mapping[str, Callable[[], T]], within: Mapping[str, float] | None = None
) -> Iterator[tuple[str, T | GuildError]]:
    """What each of several remotes says to its question, in their order, each once it is known.

    All are asked at once, or as many as files may be open for. One that has not replied in the
    seconds that `within` has for it is unreachable. Ctrl-C waits for none.
    """
    begin = time.monotonic()
    futures = begun_in_turn(list(questions.values()), len(questions))
    awaited = dict(zip(questions, futures, strict=True))
    for name, reply in awaited.items():
        wait([reply], None if within is None else max(0.0, begin + within[name] - time.monotonic()))
        if not reply.done():
            yield name, Unreachable(f"remote {name!r} did not answer in time")
        elif isinstance(error := reply.exception(), GuildError):
            yield name, error
        else:
            yield name, reply.result()
