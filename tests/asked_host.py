"""A guild home that keeps what it was asked: each question may be a round trip."""

from __future__ import annotations

from typing import TypeVar

from guild_sync.agent.calls import Function
from guild_sync.hosts.local import LocalHost

T = TypeVar("T")


class AskedHost(LocalHost):
    """A host that keeps the names of the functions that it was asked for."""

    def __init__(self, home: str) -> None:
        super().__init__(home)
        self.asked: list[str] = []

    def ask(self, function: Function[T], **args: object) -> T:
        self.asked.append(function.name)
        return super().ask(function, **args)
