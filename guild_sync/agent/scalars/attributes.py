"""Attributes of a run that its output tells, as `output-attrs` says."""

from __future__ import annotations

import re
from typing import Dict, List

from ..errors import AgentError
from ..protocol import RESERVED, Plain
from ..store import rundir
from .patterns import OutputSpec
from .reading import LineReader, Matcher

MOST_ATTRIBUTES = 100
MOST_OF_A_VALUE = 1000  # characters; a longer one is none
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.?[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class AttributeReader:
    """The attributes that an output tells as it comes; of each the last value counts."""

    def __init__(self, directory: str, asked: OutputSpec) -> None:
        self._directory = directory
        self._lines = LineReader()
        self._matcher = Matcher(asked)
        self._found: Dict[str, Plain] = {}
        self._written: Dict[str, Plain] = {}

    def feed(self, data: bytes) -> None:
        """Take output as it comes."""
        self._read(self._lines.feed(data))

    def skip(self) -> None:
        """Take that some of the output does not come."""
        self._lines.skip()

    def end(self) -> None:
        """Take the last line, which nothing ends."""
        self._read(self._lines.rest())

    def given_up(self) -> List[str]:
        """As Matcher has it."""
        return self._matcher.given_up()

    def write(self) -> None:
        """Write down those that are new, or others than before."""
        new = {
            name: value
            for name, value in self._found.items()
            if name not in self._written or self._written[name] != value
        }
        if new:
            try:
                rundir.write_attrs(self._directory, new)
                self._written.update(new)
            except (AgentError, OSError):  # as on a full disk: the next time
                pass

    def _read(self, text: str) -> None:
        if not text:
            return
        for _, name, value in self._matcher.texts(text, text.split("\n")):
            is_new = name not in self._found
            if is_new and (not is_name(name) or len(self._found) == MOST_ATTRIBUTES):
                continue
            if len(value) <= MOST_OF_A_VALUE:
                self._found[name] = value_of(value)


def is_name(name: str) -> bool:
    """Whether output may give a run an attribute of this name: none that is guild's own."""
    return rundir.is_attr_name(name) and name not in RESERVED


def value_of(text: str) -> Plain:
    """What a text in an output stands for: a number, or itself."""
    text = _CONTROLS.sub("", text).strip()
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        number = float(text)
        if number not in (float("inf"), float("-inf")):
            return number
    return text
