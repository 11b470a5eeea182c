"""Which files of a run a copy takes: what a remote's config and a call ask for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from guild_sync.agent import protocol
from guild_sync.config.texts import size
from guild_sync.errors import UsageError

AT_END = "at-end"
DEFAULT_LARGE = 10 << 20  # bytes


class Selection(NamedTuple):
    """What is left out of a copy, and what it removes. A run's metadata and output never are.

    A pattern without a slash is for a name at any depth; another one for a path in the run.
    """

    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()  # comes even so
    max_size: int | None = None  # bytes; larger files are left out
    large: int | None = None  # bytes; larger files come when their run has ended
    delete: bool = False  # whether files go here that came from there, and are there no more
    inputs: bool = False  # whether what runs were given comes too, and not what they made alone

    def __bool__(self) -> bool:
        return bool(self.exclude) or self.max_size is not None or self.large is not None

    def with_call(
        self, exclude: Sequence[str], include: Sequence[str], max_size: str | None
    ) -> Selection:
        """This one with what a command line asks for. Raises UsageError where that is none."""
        for pattern in (*exclude, *include):
            if not is_pattern(pattern):
                raise UsageError(f"{pattern!r} is not a pattern of a path in a run")
        limit = self.max_size
        if max_size is not None and (limit := size(max_size)) is None:
            raise UsageError(f"--max-size takes a size such as 100M or 1.5G, not {max_size!r}")
        return self._replace(
            exclude=(*self.exclude, *exclude),
            include=(*self.include, *include),
            max_size=limit,
        )

    def with_delete(self, delete: bool = True) -> Selection:
        """This one that removes here what came from there and is there no more, or does not."""
        return self._replace(delete=delete)

    def with_inputs(self) -> Selection:
        """This one with what runs were given."""
        return self._replace(inputs=True)

    def as_request(self) -> protocol.SelectionForm | None:
        """It as the agent takes it; None where nothing is left out, and nothing removed."""
        if not self and not self.delete and self.inputs:
            return None
        return {
            "exclude": list(self.exclude),
            "include": list(self.include),
            "max_size": self.max_size,
            "large": self.large,
            "delete": self.delete,
            "inputs": self.inputs,
        }


USUAL = Selection()
EVERYTHING = Selection(inputs=True)


def is_pattern(value: object) -> bool:
    """Whether it can be a pattern of a path in a run."""
    return (
        isinstance(value, str)
        and bool(value.strip("/"))
        and "\0" not in value
        and ".." not in value.split("/")
        and _is_encodable(value)
    )


def _is_encodable(path: str) -> bool:
    """Whether a file can have this name: bytes that are no text travel as some surrogates."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
