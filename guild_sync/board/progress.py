"""How far a run is, as far as its last line, or a step of its scalars, says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from guild_sync.agent.protocol import GlancedRun, Value, flags_of, number

_PART = r"(\d{1,3}(?:\.\d{1,4})?)\s?%"
# Percents that are of a way, and not a measure as in `accuracy: 93%`: at the beginning of the line,
# in front of tqdm's bar, in brackets, behind `progress`, before `done`.
_PERCENTS = (
    re.compile(rf"^[\s\[(]*{_PART}"),
    re.compile(rf"{_PART}\|"),
    re.compile(rf"[\[(]\s*{_PART}\s*[\])]"),
    re.compile(rf"(?i)\bprogress\b\W{{0,3}}{_PART}"),
    re.compile(rf"(?i){_PART}\s+(?:done|complete|completed|finished)\b"),
)
_COUNTED = r"(\d{1,12})\s*(?:/|of)\s*(\d{1,12})\b"
_COUNTS = (
    re.compile(rf"(?i)\bepochs?\b\W{{0,4}}{_COUNTED}"),
    re.compile(rf"(?i)\b(?:steps?|iter(?:ation)?s?|trials?|folds?|rounds?)\b\W{{0,4}}{_COUNTED}"),
    re.compile(rf"^[\s\[(]*{_COUNTED}"),
)
# What a flag is called that says how many there are to be of what a scalar or a step counts.
_OF_EPOCHS = ("epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs")
_OF_STEPS = ("steps", "num_steps", "n_steps", "max_steps", "total_steps", "train_steps")
_OF_ITERATIONS = ("iterations", "num_iterations", "n_iterations", "max_iterations", "max_iter")
_COUNTERS = {
    "epoch": _OF_EPOCHS,
    "step": _OF_STEPS,
    "global_step": _OF_STEPS,
    "iteration": _OF_ITERATIONS,
    "iter": _OF_ITERATIONS,
}


class Progress(NamedTuple):
    """How far a run is: `text` as its source says it, and the part that is done, 0 to 1."""

    text: str
    part: float


def progress(run: GlancedRun) -> Progress | None:
    """How far a run is that runs; None where nothing says so.

    What the last line says counts more than scalars, and is told as it is: the bar of an epoch
    tells of that epoch.
    """
    if run["status"] != "running":
        return None
    return _of_line(run["said"]) or _of_scalars(run)


def _of_line(line: str) -> Progress | None:
    for pattern in _PERCENTS:
        if (found := pattern.search(line)) and float(found[1]) <= 100:
            return Progress(f"{found[1]}%", float(found[1]) / 100)
    for pattern in _COUNTS:
        if found := pattern.search(line):
            return _counted(int(found[1]), int(found[2]))
    return None


def _of_scalars(run: GlancedRun) -> Progress | None:
    """A counter of the run's, or the step of its scalars, against the one flag that bounds it."""
    flags = flags_of(run)
    for name, bounds in _COUNTERS.items():
        if name in run["scalars"]:
            reached = number(run["scalars"][name]["last"])
            if reached.is_integer() and (most := _one_of(flags, bounds)) is not None:
                return _counted(int(reached), most)
    if run["step"] is None:
        return None
    most = _one_of(flags, (*_OF_EPOCHS, *_OF_STEPS, *_OF_ITERATIONS))
    return None if most is None else _counted(run["step"], most)


def _one_of(flags: Mapping[str, Value], names: tuple[str, ...]) -> int | None:
    """The number of the one flag that has one of these names; None where several have, or none."""
    spelled = {*names, *(name.replace("_", "-") for name in names)}
    found = [value for name, value in flags.items() if name in spelled]
    numbers = [value for value in found if type(value) is int and value > 0]
    return numbers[0] if len(numbers) == len(found) == 1 else None


def _counted(reached: int, most: int) -> Progress | None:
    """None for what cannot be a part of a whole."""
    if not 0 <= reached <= most or most == 0:
        return None
    return Progress(f"{reached}/{most}", reached / most)
