"""What the user says of a run, and how the trials of a batch are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guild_sync.agent.protocol import Value, now
from guild_sync.project.values import FlagValue

MAX_SEED = 2**32 - 1  # the largest that numpy takes


class Notes(NamedTuple):
    """What the user says of a run: None where nothing is said."""

    label: str | None = None
    tags: tuple[str, ...] = ()
    comment: str | None = None
    random_seed: int | None = None

    def attributes(self) -> dict[str, Value]:
        """The run's attributes that say so."""
        found: dict[str, Value] = {}
        if self.label is not None:
            found["label"] = self.label
        if self.tags:
            found["tags"] = list(self.tags)
        if self.comment is not None:
            import socket

            from guild_sync.agent.machine.environment import user_name

            author = {"user": user_name(), "host": socket.gethostname()}
            found["comments"] = [{"body": self.comment, **author, "time": now()}]
        return found


class BatchOptions(NamedTuple):
    """How the trials of a batch are chosen, and when it ends."""

    max_trials: int | None = None
    fail_on_trial_error: bool = False
    needed: bool = False
    rows: tuple[Mapping[str, FlagValue], ...] = ()  # of batch files: what each trial, or some, have


def random_seed_of(notes: Notes) -> int:
    if notes.random_seed is not None:
        return notes.random_seed
    import random

    return random.randint(0, MAX_SEED)


def seed_variable(seed: int | None) -> dict[str, str]:
    return {} if seed is None else {"RANDOM_SEED": str(seed)}
