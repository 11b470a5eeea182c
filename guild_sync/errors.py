"""What can go wrong, and the exit status that says so."""

from __future__ import annotations

from enum import IntEnum

_MOST_SAID = 500  # characters of what a scheduler says
_UNKNOWN = "Of its runs that had not ended nothing is known for now, and nothing was changed."


class Exit(IntEnum):
    """Exit statuses of every command (docs/design.md, "Exit codes")."""

    OK = 0
    ERROR = 1
    UNREACHABLE = 3
    INCOMPLETE = 4
    BUG = 70
    INTERRUPTED = 130


class GuildError(Exception):
    """An error that the user can mend: one line that says what, then what to do.

    `message` is printed after `guild: `; `hint` follows on lines of its own.
    """

    exit = Exit.ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def refused(error: OSError) -> GuildError:
    """What this machine refused: a full disk, a folder that may not be read."""
    place = f" ({error.filename})" if error.filename else ""
    return GuildError(f"{error.strerror or error}{place}")


class UsageError(GuildError):
    """The command line is not one that the command takes."""


class ConfigError(GuildError):
    """The config file or guild.yml has faults; the message names every one."""


class FaultyRemote(ConfigError):
    """A remote that is meant has faults; with them goes what else is wrong in the config file."""


class RemoteNotFound(ConfigError):
    """No remote that guild can use is what the user named, whatever else the file defines."""


class RunNotFound(GuildError):
    """No run, or more than one, is what the user named."""


class RunAmbiguous(RunNotFound):
    """What the user named could be any of several runs."""


class RemoteError(GuildError):
    """The remote was reached and cannot do what was asked, however often it is asked."""


class NotFree(GuildError):
    """What the run needs of its host is not free, or not there."""


class Busy(GuildError):
    """Another guild process works with this remote."""


class Unreachable(GuildError):
    """The remote could not be reached, or was lost; the same may work later."""

    exit = Exit.UNREACHABLE


class SchedulerSilent(Unreachable):
    """The scheduler of a host cannot be asked: how its runs are is not known for now."""

    def __init__(self, host: str | None, why: str, hint: str = "") -> None:
        of = f" of {host}" if host else ""
        super().__init__(f"cannot ask the scheduler{of}: {why[:_MOST_SAID]}", hint)


# What a command could not find out, by the names of hosts: it is told at the end, and then counts.
unasked: dict[str, SchedulerSilent] = {}


def note_scheduler(host: str | None, said: object) -> None:
    """Keep what an answer says of its host's scheduler: nothing, or why it cannot be asked."""
    if isinstance(said, str):
        unasked.pop(host or "", None)
        if said:
            unasked[host or ""] = SchedulerSilent(host, said, _UNKNOWN)


def scheduler_silent(host: str | None, why: str, hint: str) -> SchedulerSilent:
    """The error of a request that its host's scheduler would have had to answer: that tells it."""
    unasked.pop(host or "", None)
    return SchedulerSilent(host, why, hint)


class NotReached(Unreachable):
    """No connection came to be: nothing of what was asked has got there."""


class LoginRefused(NotReached):
    """The remote answers, and lets nobody in with the keys that guild has."""


class PersonNeeded(LoginRefused):
    """The remote asks for what only a person can type: a second factor, or a password."""


class Incomplete(GuildError):
    """Not everything was transferred."""

    exit = Exit.INCOMPLETE


class DeadlinePassed(Incomplete):
    """The time that was given for all of it is over."""
