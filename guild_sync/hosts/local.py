"""This machine as a host: the agent in process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeVar

from guild_sync.agent import calls
from guild_sync.hosts.base import Host, agent_errors

T = TypeVar("T")


class LocalHost(Host):
    """The runs of this machine."""

    def __init__(self, home: str) -> None:
        self.home = home

    def ask(self, function: calls.Function[T], **args: object) -> T:
        with agent_errors():
            return calls.call(self.home, function, args)

    def stream(
        self, function: calls.Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        with agent_errors():
            packets = calls.packets(self.home, function, args)
            while True:
                try:
                    packet = next(packets)
                except StopIteration as e:
                    ended: T = e.value
                    return ended
                on_packet(*packet)

    def run(self, directory: str, echo: int) -> int:
        """Be the runner of a pending run, its output on `echo` too; its exit status.

        The operation has our stdin, unless that is a terminal which is another program's now.
        """
        from guild_sync.agent.running import runner

        with agent_errors():
            return runner.run(directory, echo, stdin=_own_stdin())

    def environment(self) -> dict[str, str]:
        return {"python": sys.executable}


def _own_stdin() -> int | None:
    """Our stdin; None where we are in the background of a terminal, whose keys are not for us."""
    try:
        return 0 if os.tcgetpgrp(0) == os.getpgrp() else None
    except OSError:  # no terminal, or one of another session
        return 0
