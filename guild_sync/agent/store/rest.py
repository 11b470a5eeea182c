"""A run that nobody runs, held, so that nobody can start it meanwhile."""

from __future__ import annotations

import os
from typing import Callable, Optional

from ..errors import AgentError
from . import locks, rundir


class AtRest:
    """Hold the lock of a run that nobody runs; raises a refusal where somebody does.

    `refusal` makes it; it gets " on MACHINE" where another machine on this disk runs the run,
    else nothing. With `force` that machine's word, which cannot be asked, is not believed.
    Where `or_unwritable`, a run whose folder cannot be written counts as held: no runner can
    start in it.
    """

    def __init__(
        self,
        directory: str,
        refusal: Callable[[str], AgentError],
        or_unwritable: bool = False,
        force: bool = False,
    ) -> None:
        self._directory = directory
        self._refusal = refusal
        self._or_unwritable = or_unwritable
        self._force = force
        self._held: Optional[int] = None

    def __enter__(self) -> "AtRest":
        guild = rundir.guild_dir(self._directory)
        # Guild AI holds no flock: whether its process lives must be asked first.
        holder = locks.held_by(guild)
        machine = holder.machine if holder else None
        where = " on %s" % machine if machine else ""
        if holder is not None and not (machine and self._force):
            raise self._refusal(where)
        try:
            self._held = locks.hold(guild, self._force)
        except OSError:
            if not self._or_unwritable:
                raise
            return self
        if self._held is None:
            raise self._refusal(where)
        return self

    def move(self, target: str) -> None:
        """Move the run, which stays held; of one that lies elsewhere, its link."""
        if os.path.islink(self._directory):
            _make_absolute(self._directory)
        os.rename(self._directory, target)
        self._directory = target

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            locks.release(rundir.guild_dir(self._directory), self._held)


def _make_absolute(link: str) -> None:
    """Let a link lead from wherever it is moved to where it leads now."""
    if os.path.isabs(os.readlink(link)):
        return
    above, name = os.path.split(link)
    made = os.path.join(above, "%s%s.%s" % (rundir.DELETING, name, os.urandom(8).hex()))
    os.symlink(os.path.realpath(link), made)
    os.replace(made, link)
