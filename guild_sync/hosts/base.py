"""What a host is to the commands, and the errors that the agent there can say."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from guild_sync.agent.errors import AgentError
from guild_sync.errors import GuildError, NotFree, RunAmbiguous, RunNotFound, scheduler_silent
from guild_sync.hosts.agent import AgentClient

if TYPE_CHECKING:
    from types import TracebackType

# A command of those that hints of the agent name, with the run that may follow.
_COMMAND = r"\bguild (?:runs (?:info|rm)|runs|stop|ls|run --start)(?: [0-9a-f]{32})?(?![\w-]| -r)"


class FileMissing(GuildError):
    """The run has no such file."""


class NoInstaller(GuildError):
    """Nothing there can install packages."""


class Host(AgentClient):
    """This machine or a remote."""

    name: str | None = None  # the remote's name, None for this machine
    home: str  # the guild home there
    rsync: str = "rsync"  # the program that copies use there
    track: bool = False  # whether runs that are started there are brought here by themselves

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment for operations there, in the agent's words."""

    def is_connected(self) -> bool:
        """Whether what is asked next gets there, as far as is known without asking."""
        return True

    @abstractmethod
    def enter(self, run_id: str, command: Sequence[str]) -> int:
        """Become the user's shell in a run's directory there, or `command`, on our own terminal.

        Returns an exit status only where there was nothing to become.
        """


def option(host: str | None) -> str:
    """What a command line needs to mean that host: ` -r NAME`, or nothing for this machine."""
    return f" -r {host}" if host else ""


def from_here(hint: str, host: str) -> str:
    """An agent's hint, its commands as they are typed here to mean that host."""
    return re.sub(_COMMAND, lambda command: command[0] + option(host), hint)


def on(host: Host) -> str:
    """Where something is, in a message: ` on NAME`, or nothing for this machine."""
    return f" on {host.name}" if host.name else ""


class agent_errors:
    """Turn the agent's errors into ours."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, AgentError):
            raise error_of_kind(error.kind, error.message, error.hint) from None


def error_of_kind(kind: str, message: str, hint: str) -> GuildError:
    """The exception that stands for one of the agent's error kinds (agent/errors.py)."""
    if kind == "scheduler":
        return scheduler_silent(None, message, hint)
    kinds = {
        "not-found": RunNotFound,
        "ambiguous": RunAmbiguous,
        "missing-file": FileMissing,
        "taken": NotFree,
        "no-installer": NoInstaller,
    }
    return kinds.get(kind, GuildError)(message, hint)
