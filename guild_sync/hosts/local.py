"""This machine as a host: the agent in process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from guild_sync.agent import calls
from guild_sync.hosts.base import agent_errors


class LocalHost:
    """The runs of this machine."""

    name = None

    def __init__(self, home: str) -> None:
        self.home = home

    def call(self, function: str, **args: Any) -> Any:
        with agent_errors():
            return calls.call(self.home, function, args)

    def run(self, directory: str, echo: int) -> int:
        """Be the runner of a pending run, its output on `echo` too; its exit status."""
        from guild_sync.agent.running import runner

        with agent_errors():
            return runner.run(directory, echo)

    def stream(self, function: str, on_bytes: Callable[[bytes], None], **args: Any) -> None:
        with agent_errors():
            for chunk in calls.stream(self.home, function, args):
                on_bytes(chunk)

    def environment(self) -> dict[str, str]:
        return {"python": sys.executable}
