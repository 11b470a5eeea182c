"""What there is to be told of processes, whoever tells it, and that it is not known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import List, NamedTuple, Optional, Sequence

from ..errors import AgentError


class Process(NamedTuple):
    """A process as the kernel lists it."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start: int  # as `ProcessTeller.start_time` has it
    ticks: int  # of CPU, with those of the children that it has waited for

    @property
    def lives(self) -> bool:
        """Whether it does; a dead one that nobody has waited for yet is listed, too."""
        return self.state not in ("Z", "X")


class Untold(AgentError):
    """The system does not tell who a process is: it may be anybody, and may live."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "cannot tell which processes live here: %s" % why,
            "It takes /proc, or a ps that knows 'lstart'.",
        )


class ProcessTeller(ABC):
    """What one kind of system tells; what it need not tell is unknown here."""

    tells_of_files = False  # what processes have open
    starts_programs = False  # to find out

    @abstractmethod
    def start_time(self, pid: int, is_fresh: bool = False) -> Optional[int]:
        """When a process started: a number that only this process has of all that get its pid.

        None where it has ended. Raises Untold. `is_fresh`: its end within the last second counts.
        """

    @abstractmethod
    def started_at(self, pid: int) -> Optional[float]:
        """As `start_time`, in seconds since 1970."""

    @abstractmethod
    def is_gone(self, number: int) -> bool:
        """Whether no process, or thread if they have such numbers, has this number."""

    def is_one(self, start: Optional[int], other: Optional[int]) -> bool:
        """Whether a process that started at the one, and one at the other, may be the same."""
        return start == other

    @abstractmethod
    def processes(self) -> List[Process]:
        """All processes. Raises Untold."""

    @abstractmethod
    def number(self) -> int:
        """What stands for this thread, of which `is_gone` tells, or else for its process."""

    def boot(self) -> Optional[str]:
        """What is another with each boot."""
        return None

    def namespace(self) -> Optional[int]:
        """Where the numbers of processes count, if that is not the whole machine."""
        return None

    def network(self) -> Optional[int]:
        """Where addresses of loopback count."""
        return None

    def open_files(self, pid: int) -> Sequence[str]:
        """What a process has open, `pipe:[INODE]` for a pipe, as far as we may look."""
        return ()

    def folder(self, pid: int) -> Optional[str]:
        """The folder in which a process works."""
        return None

    def variables(self, pid: int) -> Sequence[bytes]:
        """The variables that a process was started with, `NAME=VALUE`."""
        return ()

    def words(self, pid: int) -> Sequence[bytes]:
        """The command line of a process."""
        return ()
