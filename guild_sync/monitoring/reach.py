"""Which remotes answer, all of them asked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from guild_sync.config.remotes import DEFAULT_CONNECT_TIMEOUT, SANDBOX, SUPPORTED_TYPES, Remote
from guild_sync.errors import Exit, GuildError, Unreachable
from guild_sync.fleet.asking import replies
from guild_sync.hosts import sandbox
from guild_sync.hosts.choose import remote_host
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


def answers(remotes: Sequence[Remote], seconds: float = ANSWER_SECONDS) -> Iterator[Answer]:
    """What each remote says, in the order of `remotes`, each as soon as it is known.

    All are asked at once. Each has the time of its `connect-timeout`, and `seconds` more.
    """
    within = {r.name: (r.connect_timeout or DEFAULT_CONNECT_TIMEOUT) + seconds for r in remotes}
    questions = {remote.name: partial(_answer, remote) for remote in remotes}
    for remote, (_, reply) in zip(remotes, replies(questions, within), strict=True):
        if isinstance(reply, GuildError):
            status = "unreachable" if isinstance(reply, Unreachable) else "error"
            reply = Answer(remote, status, reply.message, reply.hint)
        yield reply


def _answer(remote: Remote) -> Answer:
    """What a remote says. Raises GuildError where guild cannot work there."""
    if remote.type not in SUPPORTED_TYPES:
        return Answer(remote, "unsupported", f"guild does not support the type {remote.type!r}")
    if remote.type == SANDBOX and sandbox.running(remote.name) is None:
        return Answer(remote, "stopped", hint=f"Start it: guild remote start {remote.name}")
    host = remote_host(remote)
    python = host.python()
    login = login_of(host.remote)
    return Answer(remote, "answers", "", "", str(python["version"]), host.home, login)
