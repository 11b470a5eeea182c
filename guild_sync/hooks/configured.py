"""What the config file says of hooks, notifications and the heartbeat, and its faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from guild_sync.config.faults import Place
from guild_sync.config.file import load
from guild_sync.config.home import config_path
from guild_sync.config.schema import WHOLE_SECONDS, fits, must
from guild_sync.config.sections import HEARTBEAT, HOOKS, NOTIFY, section
from guild_sync.hooks import addresses
from guild_sync.hooks.events import EVENTS, OF_ATTEMPTS, STARTED
from guild_sync.hooks.hook import Hook
from guild_sync.hooks.listener import DEFAULT_TIMEOUT, Listener
from guild_sync.hooks.notification import Notification

Listeners = tuple[Listener, ...]
Faults = tuple[str, ...]
Keys = Mapping[Any, Any]  # of a mapping in the file, unchecked
# Who writes no `on` is told how things have ended, not that they begin.
BY_DEFAULT = tuple(event for event in EVENTS if event not in (STARTED, *OF_ATTEMPTS))
_WEB = re.compile(r"https?://[^\s/?#@]+(?:[/?][\x21-\x7e]*)?\Z", re.I | re.ASCII)


def listeners() -> tuple[Listeners, Faults]:
    """The hooks and notifications that have no fault, and the faults of the others.

    Raises ConfigError where the file cannot be read, or is not YAML.
    """
    file = Place()
    found = (*_each(HOOKS, _hook, file), *_each(NOTIFY, _notification, file, text_is="url"))
    return found, tuple(file.faults)


def heartbeat() -> tuple[str | None, Faults]:
    """The URL of the heartbeat, with its variables put in; None where there is none.

    With it come its faults. Raises ConfigError as `listeners` does.
    """
    place = Place()
    given = section(load(config_path()), HEARTBEAT, place)
    if given is None:
        return None, tuple(place.faults)
    url = _url({HEARTBEAT: given}, HEARTBEAT, place)
    if url is not None and not _WEB.match(url):
        # A user and password in it would be in messages of Python's libraries.
        place.fault(f"{HEARTBEAT}: must be http://HOST/... or https://HOST/..., without a user")
        url = None
    return url, tuple(place.faults)


def all_faults() -> Faults:
    """Every fault of the config file, of remotes, of hooks and others, each with its place."""
    from guild_sync.config import groups, limits, remotes

    of_hooks = (*listeners()[1], *heartbeat()[1])
    return (*remotes.usable()[1], *groups.faults(), *of_hooks, *limits.faults())


def _each(
    name: str,
    read: Callable[[Keys, int, Place], Listener | None],
    file: Place,
    text_is: str = "",
) -> Listeners:
    """What is read from each mapping of a list, in which mere text stands for that key."""
    given, place = section(load(config_path()), name, file), file.at(name)
    if given is None:
        return ()
    if text_is and isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        place.fault("must be a list")
        return ()
    found = []
    for number, value in enumerate(given, 1):
        here = place.at(str(number))
        if text_is and isinstance(value, str):
            value = {text_is: value}
        if isinstance(value, dict):
            # YAML 1.1 reads the bare word `on` as true.
            found.append(
                read({"on" if k is True else k: v for k, v in value.items()}, number, here)
            )
        else:
            here.fault("must be a mapping")
    return tuple(one for one in found if one)


def _hook(values: Keys, _: int, place: Place) -> Hook | None:
    before = len(place.faults)
    for key, value in values.items():
        fits(key, value, {**_OF_ALL, "command": _COMMAND}, place, "a hook")
    for key in ("on", "command"):
        if key not in values:
            place.fault(f"{key}: is missing")
    if len(place.faults) > before:
        return None
    command = values["command"]
    return Hook(
        _several(values["on"]),
        values.get("timeout", DEFAULT_TIMEOUT),
        _several(values.get("remotes", ())),
        command if isinstance(command, str) else tuple(command),
    )


def _notification(values: Keys, number: int, place: Place) -> Notification | None:
    """A notification; whatever is no key of one may be part of a URL, and is not shown."""
    before = len(place.faults)
    url = _url(values, "url", place)
    for key, value in values.items():
        if key in _OF_ALL:
            fits(key, value, _OF_ALL, place, "a notification")
        elif key != "url":
            place.fault(f"has a key that is none of url, {', '.join(_OF_ALL)}")
    if url is None or len(place.faults) > before:
        return None
    return Notification(
        _several(values.get("on", BY_DEFAULT)),
        values.get("timeout", DEFAULT_TIMEOUT),
        _several(values.get("remotes", ())),
        number,
        url,
        values["url"],
    )


def _url(values: Keys, key: str, place: Place) -> str | None:
    """The URL of a key, its variables put in; else that is a fault, which shows nothing of it."""
    given = values.get(key)
    if given is None:
        place.fault(f"{key}: is missing")
    elif not isinstance(given, str):
        place.fault(f"{key}: must be text")
    elif missing := addresses.missing_variable(given):
        place.fault(f"{key}: {missing}")
    elif not addresses.is_address(url := addresses.expanded(given)):
        place.fault(f"{key}: must be a URL such as SCHEME://..., on one line")
    else:
        return url
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    """One word stands for a list of it."""
    return (value,) if isinstance(value, str) else tuple(value)


def _is_text_or_several(value: object) -> bool:
    return all(map(_is_text, value or [None])) if isinstance(value, list) else _is_text(value)


def _are_events(value: object) -> bool:
    return value in EVENTS or (
        isinstance(value, list) and bool(value) and all(event in EVENTS for event in value)
    )


_OF_ALL = {
    "on": must(f"one or a list of {', '.join(EVENTS)}", _are_events),
    "timeout": WHOLE_SECONDS,
    "remotes": must("a name, or a list of them", _is_text_or_several),
}
_COMMAND = must("a command for sh, or a list of words", _is_text_or_several)
