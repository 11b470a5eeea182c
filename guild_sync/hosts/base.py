"""What a host is to the commands: functions of the agent, called by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from guild_sync.agent.errors import AgentError
from guild_sync.errors import GuildError, RunNotFound


class FileMissing(GuildError):
    """The run has no such file."""


class Host(Protocol):
    """This machine or a remote."""

    @property
    def name(self) -> str | None:
        """The remote's name, None for this machine."""

    def call(self, function: str, **args: Any) -> Any:
        """The answer of the agent's `function` there."""

    def stream(self, function: str, on_bytes: Callable[[bytes], None], **args: Any) -> None:
        """Hand over the bytes that the agent's `function` sends, as they come."""

    def environment(self) -> dict[str, str]:
        """The environment for operations there, in the agent's words."""


class agent_errors:
    """Turn the agent's errors into ours."""

    def __init__(self, where: str = "") -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, AgentError):
            raise error_of_kind(error.kind, self._where + error.message, error.hint) from None


def error_of_kind(kind: str, message: str, hint: str) -> GuildError:
    """The exception that stands for one of the agent's error kinds (agent/errors.py)."""
    kinds = {"not-found": RunNotFound, "missing-file": FileMissing}
    return kinds.get(kind, GuildError)(message, hint)
