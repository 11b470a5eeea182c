"""Which remotes answer, all of them asked at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import wait
from functools import partial
from typing import NamedTuple

from guild_sync.config.remotes import DEFAULT_CONNECT_TIMEOUT, SANDBOX, SUPPORTED_TYPES, Remote
from guild_sync.errors import Exit, GuildError, Unreachable
from guild_sync.hosts import sandbox
from guild_sync.hosts.choose import remote_host
from guild_sync.transport.background import begun
from guild_sync.transport.connection import Login, login_of

ANSWER_SECONDS = 20.0  # for an answer once it is connected; the agent may have to be sent


class Answer(NamedTuple):
    """What a remote said to the question whether it is there.

    `status` is `answers`, `stopped` (a sandbox that nobody has started), `unsupported` (of
    a type that guild does not know), `unreachable`, or `error` where guild cannot work there.
    """

    remote: Remote
    status: str
    message: str = ""
    hint: str = ""
    python: str = ""
    home: str = ""
    login: Login | None = None  # by which its connection is open

    @property
    def exit(self) -> Exit:
        """The exit status that it stands for. What is down on purpose is no failure."""
        return {"unreachable": Exit.UNREACHABLE, "error": Exit.ERROR}.get(self.status, Exit.OK)


def answers(remotes: Iterable[Remote], seconds: float = ANSWER_SECONDS) -> Iterator[Answer]:
    """What each remote says, in the order of `remotes`, each as soon as it is known.

    All are asked at once. Each has the time of its `connect-timeout`, and `seconds` more.
    """
    for question in [_Question(remote, seconds) for remote in remotes]:
        yield question.answer()


class _Question:
    """One remote, asked in a thread of its own."""

    def __init__(self, remote: Remote, seconds: float) -> None:
        self._remote = remote
        self._deadline = (
            time.monotonic() + (remote.connect_timeout or DEFAULT_CONNECT_TIMEOUT) + seconds
        )
        self._answer = begun(partial(_answer, remote))

    def answer(self) -> Answer:
        """What the remote said, waited for until its time is over."""
        wait([self._answer], max(0.0, self._deadline - time.monotonic()))
        if self._answer.done():
            return self._answer.result()
        message = f"remote {self._remote.name!r} did not answer in time"
        return Answer(self._remote, "unreachable", message)


def _answer(remote: Remote) -> Answer:
    if remote.type not in SUPPORTED_TYPES:
        return Answer(remote, "unsupported", f"guild does not support the type {remote.type!r}")
    if remote.type == SANDBOX and sandbox.running(remote.name) is None:
        return Answer(remote, "stopped", hint=f"Start it: guild remote start {remote.name}")
    try:
        host = remote_host(remote)
        python = host.python()
        login = login_of(host.remote)
    except Unreachable as e:
        return Answer(remote, "unreachable", e.message, e.hint)
    except GuildError as e:
        return Answer(remote, "error", e.message, e.hint)
    return Answer(remote, "answers", "", "", str(python["version"]), host.home, login)
