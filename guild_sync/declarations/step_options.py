"""Options of `guild run` that a step of a pipeline can have, on its line or as keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict

from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import is_one_line
from guild_sync.project.definitions import Yaml
from guild_sync.project.values import shown

_MOST = 2**32 - 1  # the largest seed that numpy takes


class Fields(TypedDict, total=False):
    """What options of a step become in its record."""

    label: str | None
    tags: tuple[str, ...]
    needed: bool
    force_flags: bool
    fail_on_trial_error: bool
    max_trials: int | None
    random_seed: int | None
    gpus: str | None


class _Option(NamedTuple):
    """An option: its spellings on a line, and whether a value follows them."""

    spellings: tuple[str, ...]
    has_value: bool = True


# By their names as keys of a step.
_TAKEN = {
    "label": _Option(("-l", "--label")),
    "tags": _Option(("-t", "--tag")),
    "max-trials": _Option(("-m", "--max-trials", "--trials")),
    "random-seed": _Option(("--random-seed",)),
    "gpus": _Option(("--gpus",)),
    "no-gpus": _Option(("--no-gpus",), has_value=False),
    "needed": _Option(("--needed",), has_value=False),
    "force-flags": _Option(("-f", "--force-flags"), has_value=False),
    "fail-on-trial-error": _Option(("--fail-on-trial-error",), has_value=False),
}
# What makes no sense for a step, or changes nothing of what it does.
_PASSED_OVER = {
    "optimizer": _Option(("-o", "--optimizer")),
    "optimize": _Option(("-O", "--optimize"), has_value=False),
    "minimize": _Option(("-N", "--minimize")),
    "maximize": _Option(("-X", "--maximize")),
    "opt-flags": _Option(("-Fo", "--opt-flag")),
    "comment": _Option(("-c", "--comment")),
    "batch-label": _Option(("-bl", "--batch-label")),
    "batch-tags": _Option(("-bt", "--batch-tag")),
    "batch-comment": _Option(("-bc", "--batch-comment")),
    "run-dir": _Option(("-d", "--run-dir")),
    "stage": _Option(("--stage",), has_value=False),
    "stage-trials": _Option(("--stage-trials",), has_value=False),
    "start": _Option(("--start",)),
    "restart": _Option(("--restart",)),
    "proto": _Option(("--proto",)),
    "remote": _Option(("-r", "--remote")),
    "pidfile": _Option(("--pidfile",)),
    "save-trials": _Option(("--save-trials",)),
    "background": _Option(("-b", "--background"), has_value=False),
    "no-wait": _Option(("-n", "--no-wait"), has_value=False),
    "yes": _Option(("-y", "--yes"), has_value=False),
    "quiet": _Option(("-q", "--quiet"), has_value=False),
    "keep-run": _Option(("--keep-run",), has_value=False),
    "keep-batch": _Option(("--keep-batch",), has_value=False),
}
# What changes what a run does, and no run of ours can have.
REFUSED = ("stop-after", "force-deps", "dep", "deps")
_OF_SPELLING = {
    spelling: name
    for name, option in {**_TAKEN, **_PASSED_OVER}.items()
    for spelling in option.spellings
}


def named(key: Yaml) -> str | None:
    """The option that a key of a step stands for; None for one that is no option's."""
    aliases = {"tag": "tags", "trials": "max-trials"}
    name = aliases.get(key, key) if isinstance(key, str) else None
    return name if name in _TAKEN or name in _PASSED_OVER else None


def taken_from(words: Sequence[str], place: Place) -> tuple[list[str], dict[str, Yaml]]:
    """The words without those that are options, and the options by their names as keys.

    An option that nobody knows is a fault: it could change what the step does.
    """
    left: list[str] = []
    options: dict[str, Yaml] = {}
    tags: list[Yaml] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            left += rest
            break
        if not word.startswith("-") or word == "-":
            left.append(word)
            continue
        name, value, joined = _split(word)
        if name is None:
            place.fault(f"run: {word.partition('=')[0]} is no option that a step can have")
            continue
        option = _TAKEN.get(name) or _PASSED_OVER[name]
        if option.has_value and not joined:
            if not rest:
                place.fault(f"run: {word} needs a value")
                break
            value = rest.pop(0)
        elif joined and not option.has_value:
            place.fault(f"run: {word.partition('=')[0]} takes no value")
        if name == "tags":
            tags.append(value)
        options[name] = value if option.has_value else True
    return left, {**options, "tags": tags} if tags else options


def _split(word: str) -> tuple[str | None, str, bool]:
    """The option that a word is, and the value that it has within the word, if it has one."""
    name, equals, value = word.partition("=")
    if word.startswith("--"):
        return _OF_SPELLING.get(name), value, bool(equals)
    if word in _OF_SPELLING:
        return _OF_SPELLING[word], "", False
    if word[:2] in _OF_SPELLING:  # -lLABEL
        return _OF_SPELLING[word[:2]], word[2:], True
    return None, "", False


def fields_of(options: dict[str, Yaml], place: Place) -> Fields:
    """What the options become in the step's record; what is passed over is warned of."""
    found: Fields = {}
    for name in options:
        if name in _PASSED_OVER:
            place.warn(f"{name} is passed over: a step has no use for it")
    if "label" in options:
        found["label"] = _text(options["label"], "label", place)
    if "tags" in options:
        given = options["tags"]
        texts = given if isinstance(given, list) else [given]
        found["tags"] = tuple(_text(text, "tags", place) for text in texts)
    if "max-trials" in options:
        found["max_trials"] = whole_number(options["max-trials"], "max-trials", 1, place)
    if "random-seed" in options:
        found["random_seed"] = whole_number(options["random-seed"], "random-seed", 0, place)
    if _is_on(options, "no-gpus", place):
        found["gpus"] = ""
    if options.get("gpus") is not None:
        if "gpus" in found:
            place.fault("gpus and no-gpus exclude each other")
        found["gpus"] = _text(options["gpus"], "gpus", place)
    found["needed"] = _is_on(options, "needed", place)
    found["force_flags"] = _is_on(options, "force-flags", place)
    found["fail_on_trial_error"] = _is_on(options, "fail-on-trial-error", place)
    return found


def _text(value: Yaml, name: str, place: Place) -> str:
    """A text on one line, or a number as one."""
    text = shown(value) if isinstance(value, (bool, int, float)) else value
    if isinstance(text, str) and (not text or is_one_line(text)):
        return text
    place.must_be("text on one line", name)
    return ""


def whole_number(value: Yaml, name: str, least: int, place: Place) -> int | None:
    """The value of an option that takes whole numbers; a fault where it is none."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if re.fullmatch("[0-9]{1,10}", text) and least <= int(text) <= _MOST:
        return int(text)
    place.must_be(f"a whole number from {least} on", name)
    return None


def default_max_trials(entry: Mapping[Yaml, Yaml], place: Place) -> int | None:
    """How many trials a batch of an operation has at most where nobody says it."""
    value = entry.get("default-max-trials")
    return None if value is None else whole_number(value, "default-max-trials", 1, place)


def _is_on(options: Mapping[str, Yaml], name: str, place: Place) -> bool:
    return yes_or_no(options.get(name), name, place) is True
