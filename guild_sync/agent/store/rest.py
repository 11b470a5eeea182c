"""A run that nobody runs, held, so that nobody can start it meanwhile."""

from __future__ import annotations

import os
from typing import Optional

from ..errors import AgentError
from . import locks, rundir


class AtRest:
    """Hold the lock of a run that nobody runs; raises `refusal` where somebody does.

    Where `or_unwritable`, a run whose folder cannot be written counts as held: no runner can
    start in it.
    """

    def __init__(self, directory: str, refusal: AgentError, or_unwritable: bool = False) -> None:
        self._directory = directory
        self._refusal = refusal
        self._or_unwritable = or_unwritable
        self._held: Optional[int] = None

    def __enter__(self) -> "AtRest":
        guild = rundir.guild_dir(self._directory)
        # Guild AI holds no flock: whether its process lives must be asked first.
        if locks.holder(guild) is not None:
            raise self._refusal
        try:
            self._held = locks.hold(guild)
        except OSError:
            if not self._or_unwritable:
                raise
            return self
        if self._held is None:
            raise self._refusal
        return self

    def move(self, target: str) -> None:
        """Move the run, which stays held."""
        os.rename(self._directory, target)
        self._directory = target

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            locks.release(rundir.guild_dir(self._directory), self._held)
