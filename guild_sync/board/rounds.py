"""Remotes asked again and again, each by a thread of its own: none waits for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

from guild_sync.board.known import known
from guild_sync.board.states import ASKED, UNASKED, BoardModel, RemoteState
from guild_sync.config import remotes
from guild_sync.errors import GuildError
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.transport.background import begun, with_files

ANSWER_SECONDS = 30  # for an answer of a remote whose keys do not say how long
LEAST_OF_CLUSTER = 30.0  # seconds between two questions, each of which has its scheduler asked
_STAYS = 50.0  # seconds between questions for which an agent stays there


class Rounds:
    """Keeps a board up to date, from its beginning with what is known here until it is ended."""

    def __init__(self, names: Sequence[str], interval: float, lately: float) -> None:
        """`interval`: seconds from an answer to the next question. `lately`: as `glance` has it."""
        self._model = BoardModel(names)
        self._interval = interval
        self._lately = lately
        self._changed = threading.Condition()
        self._count = 0  # of changes so far
        self._hurries = 0
        self._has_ended = False
        self._threads: list[Future[None]] = []

    def remember(self, here: LocalHost) -> None:
        """Take what is known here."""
        found = [*known(here, self._model.names)]
        with self._changed:
            for standing, copies in found:
                self._model.remember(standing, copies)
            self._note()

    def begin(self) -> None:
        """Begin to ask, side by side."""
        names = self._model.names
        threads = with_files(len(names))
        self._threads = [begun(partial(self._ask_on, names[at::threads])) for at in range(threads)]

    def end(self) -> None:
        """Ask no more; nobody waits for what was asked."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def hurry(self) -> None:
        """Ask all of them now, those too that were left alone."""
        with self._changed:
            self._model.hurry()
            self._hurries += 1
            self._changed.notify_all()

    def remotes(self) -> tuple[int, list[RemoteState]]:
        """How many changes there were, and how each remote stands now."""
        with self._changed:
            return self._count, self._model.remotes(time.time())

    def await_change(self, count: int, seconds: float) -> None:
        """Wait until there were more changes than that, or so long. Raises what a thread raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > count, seconds)
        for thread in self._threads:
            if thread.done() and not self._has_ended:
                thread.result()

    def await_all(self, seconds: float) -> None:
        """Wait until each remote has answered or failed, at most so long."""
        with self._changed:
            self._changed.wait_for(self._all_replied, seconds)
        self.await_change(-1, 0)

    def _all_replied(self) -> bool:
        states = (self._model.state(name) for name in self._model.names)
        return all(
            (state.is_live or state.error is not None) and state.state not in (UNASKED, ASKED)
            for state in states
        )

    def _note(self) -> None:
        self._count += 1
        self._changed.notify_all()

    def _ask_on(self, names: Sequence[str]) -> None:
        """Ask these remotes, of which there is one as a rule, again and again."""
        due = dict.fromkeys(names, 0.0)
        while not self._has_ended:
            name = min(due, key=lambda one: due[one])
            hurries = self._hurries
            if not self._pause(due[name] - time.monotonic(), hurries):
                if self._has_ended:
                    return
                due = dict.fromkeys(names, 0.0)
                continue
            wait = self._visit(name, stays=len(names) == 1)
            due[name] = time.monotonic() + wait

    def _visit(self, name: str, stays: bool) -> float:
        """Ask a remote, and where its agent stays for as long as it answers; seconds to wait."""
        try:
            configured = remotes.remote(name)
            interval = self._interval
            if configured.scheduler is not None:
                interval = max(interval, LEAST_OF_CLUSTER)
            # One that is known has a guild home: where that is not there, none is to be made.
            is_new = self._model.state(name).heard is None
            timeout = configured.timeout or ANSWER_SECONDS
            host = remote_host(configured._replace(timeout=timeout), make_home=is_new)
            if stays and interval <= _STAYS:
                with host.staying():
                    while not self._has_ended:
                        self._ask(host)
                        self._pause(interval, self._hurries)
                return 0.0
            self._ask(host)
            return interval
        except GuildError as e:
            with self._changed:
                self._model.failed(name, time.time(), e)
                self._note()
                return self._model.wait(name, time.time(), self._interval)

    def _ask(self, host: RemoteHost) -> None:
        with self._changed:
            self._model.asked(host.name, time.time())
            ids = self._model.state(host.name).open_ids
            self._note()
        found = host.glance(host.environment(), self._lately, ids)
        with self._changed:
            self._model.answered(host.name, time.time(), found)
            self._note()

    def _pause(self, seconds: float, hurries: int) -> bool:
        """Wait so long; whether nobody was in a hurry meanwhile, and this has not ended."""
        with self._changed:
            return not self._changed.wait_for(
                lambda: self._has_ended or self._hurries != hurries, max(0.0, seconds)
            )
