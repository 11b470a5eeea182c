"""Who is told of events: what hooks and notifications have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from guild_sync.agent.protocol import Run, ScalarForm
from guild_sync.hooks.events import Event

DEFAULT_TIMEOUT = 60  # seconds
MOST_SCALARS = 100  # of a run that is told of, by their names' order


class News(NamedTuple):
    """An event, and the run that it is about: None for one of a remote, or that was removed.

    `scalars`: those of the run, the first MOST_SCALARS of them.
    """

    event: Event
    run: Run | None
    is_test: bool = False
    scalars: Mapping[str, ScalarForm] = {}


class Reply(NamedTuple):
    """Whether it was told, and what came back, in one line."""

    ok: bool
    said: str


@dataclass(frozen=True)
class Listener(ABC):
    """Is told of events `on`, of these remotes, or of any where there are none."""

    kind: ClassVar[str]
    on: tuple[str, ...]
    timeout: int
    remotes: tuple[str, ...]

    @property
    @abstractmethod
    def key(self) -> str:
        """What tells it from others, and is the same from one sync to the next."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called in messages: nothing secret is in it."""

    @abstractmethod
    def tell(self, news: News) -> Reply:
        """What comes back. Raises GuildError for what keeps all others of its kind from it too."""

    def wants(self, event: Event) -> bool:
        return event["event"] in self.on and (not self.remotes or event["remote"] in self.remotes)
