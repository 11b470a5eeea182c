"""The hooks of the config file: commands, and the events that each is told of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from guild_sync.config.faults import Place
from guild_sync.hooks.events import EVENTS, Event

DEFAULT_TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Hook:
    """A command, and the events that it is told of."""

    on: tuple[str, ...]
    command: str | tuple[str, ...]  # text is for sh
    timeout: int = DEFAULT_TIMEOUT
    remotes: tuple[str, ...] = ()  # none: of any

    @property
    def argv(self) -> tuple[str, ...]:
        return ("sh", "-c", self.command) if isinstance(self.command, str) else self.command

    @property
    def key(self) -> str:
        """What tells it from other hooks, and is the same for the same command."""
        return hashlib.sha256(json.dumps(self.command).encode()).hexdigest()[:16]

    def wants(self, event: Event) -> bool:
        return event["event"] in self.on and (not self.remotes or event["remote"] in self.remotes)


def usable() -> tuple[tuple[Hook, ...], tuple[str, ...]]:
    """The hooks in the config file that have no fault, and the faults of the others.

    Raises ConfigError where the file cannot be read, or is not YAML.
    """
    from guild_sync.config.file import load
    from guild_sync.config.home import config_path

    data = load(config_path())
    given = data.get("hooks") if isinstance(data, dict) else None
    if given is None:
        return (), ()
    place = Place("hooks")
    if not isinstance(given, list):
        place.fault("must be a list")
        given = []
    found = [_hook(value, place.at(str(number))) for number, value in enumerate(given, 1)]
    return tuple(hook for hook in found if hook), tuple(place.faults)


def all_faults() -> tuple[str, ...]:
    """Every fault of the config file, of remotes, of hooks and others, each with its place."""
    from guild_sync.config import limits, remotes

    return (*remotes.usable()[1], *usable()[1], *limits.faults())


def _hook(given: object, place: Place) -> Hook | None:
    from schema import Or, Schema

    from guild_sync.config.schema import WHOLE_SECONDS, fits

    keys = {
        "on": Schema(_are_events, error=f"must be a list of {', '.join(EVENTS)}"),
        "command": Schema(
            Or(_is_text, _are_texts),
            error="must be a command for sh, or a list of words",
        ),
        "timeout": WHOLE_SECONDS,
        "remotes": Schema(_are_texts, error="must be a list of names"),
    }
    if not isinstance(given, dict):
        place.fault("must be a mapping")
        return None
    # YAML 1.1 reads the bare word `on` as true.
    values = {"on" if key is True else key: value for key, value in given.items()}
    before = len(place.faults)
    for key, value in values.items():
        fits(key, value, keys, place, "a hook")
    for key in ("on", "command"):
        if key not in values:
            place.fault(f"{key}: is missing")
    if len(place.faults) > before:
        return None
    command = values["command"]
    return Hook(
        tuple(values["on"]),
        command if isinstance(command, str) else tuple(command),
        values.get("timeout", DEFAULT_TIMEOUT),
        tuple(values.get("remotes", ())),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_events(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(event in EVENTS for event in value)
