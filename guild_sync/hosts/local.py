"""This machine as a host: the agent in process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from guild_sync.agent import calls
from guild_sync.agent.errors import NoSuchRun
from guild_sync.agent.protocol import Expected
from guild_sync.errors import GuildError, note_scheduler
from guild_sync.hosts.base import Host, agent_errors
from guild_sync.output.terminal import clean

T = TypeVar("T")
_DIGITS = "0123456789:"  # of which indexes and ranges are


class LocalHost(Host):
    """The runs of this machine."""

    def __init__(self, home: str) -> None:
        self.home = home

    def ask(self, function: calls.Function[T], **args: object) -> T:
        with agent_errors(), self._pointing_elsewhere():
            if function.looks:
                note_scheduler(None, calls.looked(self.home, [args]))
            if calls.tells_scalars(function, args) or calls.has_expression(args):
                from guild_sync.eventfiles import noting

                noting.note_for(self.home, function, args)
            return self.answered(calls.call(self.home, function, args))

    def answered(self, answer: T) -> T:
        """An answer as others get it: where runs are may have another name for them."""
        return answer

    def stream(
        self, function: calls.Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        with agent_errors(), self._pointing_elsewhere():
            packets = calls.packets(self.home, function, args)
            while True:
                try:
                    packet = next(packets)
                except StopIteration as e:
                    ended: T = e.value
                    return ended
                on_packet(*packet)

    @contextmanager
    def _pointing_elsewhere(self) -> Iterator[None]:
        """Where no run here is the one that is meant, tell of where it may be.

        Of a remote of that name, or else of the runs that are not here yet, if a word could mean
        them: an index, or the beginning of an id.
        """
        try:
            yield
        except NoSuchRun as e:
            if of_remote := _of_remote(e.spec):
                e.hint += f"\n{of_remote}"
                raise
            expected = calls.call(self.home, calls.Functions.expected, {})
            if e.spec.strip(_DIGITS):  # no index
                expected = [run for run in expected if run["run"].startswith(e.spec)]
            ids = calls.call(
                self.home, calls.Functions.absent, {"ids": [run["run"] for run in expected]}
            )
            if ids:
                e.hint += _not_here_yet([run for run in expected if run["run"] in ids])
            raise

    def run(self, directory: str, echo: int, wait_free: bool = False) -> int:
        """Be the runner of a pending run, its output on `echo` too; its exit status.

        With `wait_free` it waits where what it needs of this machine is not free.

        The operation has our stdin, unless that is a terminal which is another program's now.
        """
        from guild_sync.agent.running import runner

        with agent_errors():
            on_wait = (lambda: None) if wait_free else None
            return runner.run(directory, echo, stdin=_own_stdin(), on_wait=on_wait)

    def enter(self, run_id: str, command: Sequence[str]) -> int:
        from guild_sync.agent import shell

        with agent_errors():
            return shell.enter(self.home, run_id, command)

    def environment(self) -> dict[str, str]:
        return {"python": sys.executable}


def _of_remote(spec: str) -> str:
    """What is typed where a remote, or what is like its name, was given in the place of a run."""
    from guild_sync.config import remotes, texts

    if ":" in spec or not spec.strip(_DIGITS):
        return ""
    try:
        known = [*remotes.defined(), remotes.SANDBOX]
    except GuildError:  # a fault of the config file has nothing to do with it
        return ""
    if not (name := spec if spec in known else texts.nearest(spec, known)):
        return ""
    shown = clean(name)
    said = f"{shown} is a remote" if name == spec else f"Did you mean the remote {shown}"
    mark = ":" if name == spec else "?"
    return f"{said}{mark} '-r {shown}' means its runs there, 'guild pull {shown}' copies them here."


def _not_here_yet(runs: Sequence[Expected]) -> str:
    remotes = sorted({clean(run["remote"]) for run in runs})
    which, are, them = f"Run {runs[0]['run']}", "is", "it"
    if len(runs) > 1:
        which, are, them = f"{len(runs)} runs of {', '.join(remotes)}", "are", "them"
    there = remotes[0] if len(remotes) == 1 else "REMOTE"
    means = f"'guild sync' brings {them}, '-r {there}' means {them} there"
    return f"\n{which} {are} not here yet: {means}."


def _own_stdin() -> int | None:
    """Our stdin; None where we are in the background of a terminal, whose keys are not for us."""
    try:
        return 0 if os.tcgetpgrp(0) == os.getpgrp() else None
    except OSError:  # no terminal, or one of another session
        return 0
