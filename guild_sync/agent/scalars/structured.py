"""Lines of JSON and of logfmt, read for numbers: `{"loss": 0.25}`, `loss=0.25 step=5`."""

from __future__ import annotations

import json
import math
import re
from typing import Dict, Iterator, List, Tuple

from ..protocol import Value

# By which the step is told, the first of these that a line has; the others are scalars.
_STEPS = ("global_step", "step", "epoch")
_TIMES = {"time", "ts", "timestamp", "@timestamp"}  # when it was logged, which is no scalar
_MOST_DEPTH = 16
_MOST_OF_NAMES = 1000  # characters of those above, with dots: of longer ones there is no scalar
_PAIR = re.compile(r"(?:^|[ \t])([^\s=\"]+)=(?:\"(?:[^\"\\]|\\.)*\"|([^\s\"]*))(?=[ \t]|$)")


def numbers_in(line: str, has_json: bool) -> Dict[str, float]:
    """The numbers of a line by their names, those of what is nested with dots; its step as `step`.

    Nothing where it is neither JSON nor logfmt.
    """
    if has_json and line.lstrip()[:1] == "{":
        return _with_step(dict(_numbers(_read(line), "", 0)))
    return _with_step(dict(_pairs(line))) if "=" in line else {}


def _read(line: str) -> Value:
    try:
        found: Value = json.loads(line)
        return found
    except (ValueError, RecursionError):
        return None


def _numbers(value: Value, above: str, depth: int) -> Iterator[Tuple[str, float]]:
    for name, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            if depth < _MOST_DEPTH and len(above) + len(name) < _MOST_OF_NAMES:
                yield from _numbers(item, above + name + ".", depth + 1)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            if above or name not in _TIMES:
                yield above + name, _float(item)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _pairs(line: str) -> List[Tuple[str, float]]:
    found = []
    for name, text in _PAIR.findall(line):
        try:
            if name not in _TIMES:
                found.append((name, float(text)))
        except ValueError:
            pass
    return found


def _with_step(found: Dict[str, float]) -> Dict[str, float]:
    for name in _STEPS:
        if name in found:
            step = found.pop(name)
            return {**found, "step": step}
    return found
