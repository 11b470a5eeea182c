"""Whose runs are: which of a guild home are one person's own."""

from __future__ import annotations

import os
from typing import Optional

from ..errors import AgentError
from ..protocol import STARTED_BY, Value
from ..store import rundir


class Owner:
    """A person at a guild home: the user's name, and the home's own.

    Their own are the runs that they started from there. A run that does not say who started it,
    as one that an earlier version or Guild AI made, is theirs too where no other run in this guild
    home, and none in its trash, says that somebody else has.
    """

    def __init__(self, home: str, who: Value) -> None:
        asked = rundir.mapping(who)
        self._user, self._from = asked.get("user"), asked.get("home")
        if not isinstance(self._user, str) or not isinstance(self._from, str):
            raise AgentError("the filter 'mine' does not say whose runs are meant")
        self._home = home
        self._is_alone: Optional[bool] = None

    def has(self, directory: str) -> bool:
        """Whether that run is their own."""
        said = rundir.read_attr(directory, STARTED_BY)
        if said is not None:
            return self._is_theirs(said)
        if self._is_alone is None:  # a look at every run
            self._is_alone = self._find_alone()
        return self._is_alone

    def _is_theirs(self, said: Value) -> bool:
        who = rundir.starter(said)
        # A home that has no name, as none can be written there, is like any other such.
        is_there = who is not None and who["home"] == self._from != ""
        return who is not None and is_there and who["user"] == self._user

    def _find_alone(self) -> bool:
        for deleted in (False, True):
            top = rundir.runs_dir(self._home, deleted)
            for name in rundir.names(top):
                said = rundir.read_attr(os.path.join(top, name), STARTED_BY)
                if said is not None and not self._is_theirs(said):
                    return False
        return True
