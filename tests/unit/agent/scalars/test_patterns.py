"""What output-scalars says is read as Guild AI 0.9 reads it, but for what is told here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.protocol import Value
from guild_sync.agent.scalars import patterns
from guild_sync.agent.scalars.reading import ScalarReader

Number = tuple[str, int, str]
# Each case as Guild AI 0.9.0 has recorded it: what was printed, `output-scalars` of the operation,
# and the event file that it has made of that. No step is 0 there.
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "guild_ai_scalars.json").read_text()
)
# What we read otherwise: what is more here, what is not read here, and why that is so.
MORE: dict[str, tuple[list[Number], list[Number], str]] = {
    "forms": (
        [("c", 0, "3"), ("f", 0, "nan"), ("g", 0, "inf"), ("h", 0, "-inf"), ("i", 0, "nan")],
        [],
        "programs print signs, and what they print where they diverge is what one looks for",
    ),
    "cr": (
        [("loss", 0, "1"), ("loss", 0, "2"), ("loss", 0, "3")],
        [],
        "bars of progress end their lines so",
    ),
    "ansi": ([("acc", 0, "5"), ("loss", 0, "1")], [], "colours are no part of a number"),
    "map list": (
        [("loss", 0, "0.25"), ("loss", 0, "0.5"), ("loss", 0, "7")],
        [],
        "several patterns of one name are what is meant",
    ),
    "one group text": (
        [],
        [("", 0, "0.25"), ("", 0, "0.5")],
        "what has no name cannot be asked for: there is a warning",
    ),
    "value forms2": (
        [("v", 0, "1"), ("v", 0, "1e-05")],
        [("v", 0, "1")],
        "1E-5 is not 1, and +1 is",
    ),
    "tabs": ([("c", 8, "3")], [("c", 0, "3")], "a tab before the step is as good as a blank"),
    "json": ([("loss", 0, "5")], [], "a word of ours"),
}


def read(output: bytes, asked: Value) -> list[Number]:
    """As Guild AI's files have them: with the precision of 4 bytes, and by name within a line."""
    reader = ScalarReader(patterns.scalars_asked(asked))
    found = reader.feed(output) + reader.rest()
    return sorted(
        (name, step or 0, f"{value:.6g}")
        for name, values, steps in found
        for value, step in zip(values, steps or [0] * len(values), strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_an_output_is_read_as_guild_ai_reads_it(case: dict[str, Any]) -> None:
    found = read(case["output"].encode("latin-1"), case["asked"])
    expected = sorted((name, step, f"{float(value):.6g}") for name, step, value in case["series"])
    more, less, _ = MORE.get(case["name"], ([], [], ""))
    for number in less:
        expected.remove(number)
    assert found == sorted(expected + more)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("(", "'(' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("x", "'x' has 0 groups: one is the value, two are a name and its value"),
        ("(.)(.)(.)", "'(.)(.)(.)' has 3 groups: one is the value, two are a name and its value"),
        ("(.)", "'(.)' names nothing: write 'NAME: PATTERN', or (?P<NAME>...) for its group"),
        ({"a": 5}, "5 is not a pattern"),
        ({"a": None}, "None is not a pattern"),
        ([5], "5 is not a pattern, a mapping of names to patterns, a list, or no"),
        ([["(.)"]], "['(.)'] is not a pattern, a mapping of names to patterns, a list, or no"),
        (
            {f"n{i}": "(.)" for i in range(201)},
            "it has more than 200 patterns: the others are passed over",
        ),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line_and_passed_over(value: Value, fault: str) -> None:
    assert patterns.scalars_asked(value).faults == (fault,)


def test_what_is_good_beside_a_fault_counts() -> None:
    asked = patterns.scalars_asked([None, "(", {"a": ["(.)", 5], "b": "("}])
    assert [pattern.name for pattern in asked.patterns] == ["a"]
    assert len(asked.faults) == 3


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        (r"loss (\value)", "loss "),
        (r"^loss=(\value)", "loss="),
        (r"loss?(.)", "los"),
        (r"loss{2}(.)", "los"),
        (r"loss*(.)", "los"),
        (r"a+(.)", ""),
        (r"a|b(.)", ""),
        (r"(?i)loss (.)", ""),
        (r"(?x)loss (.)", ""),
        (r"\key (.)", ""),
        (r"a.b(.)(.)", "a"),
    ],
)
def test_what_every_match_has_is_looked_for_first(pattern: str, literal: str) -> None:
    (found,) = patterns.scalars_asked({"x": pattern}).patterns
    assert found.literal == literal


def test_a_group_that_finds_nothing_tells_nothing_and_one_that_finds_no_letters_does() -> None:
    said = patterns.scalars_asked({"x": [r"a(b)?", r"a(b*)"]}).patterns
    assert [one.values("a ab a") for one in said] == [["b"], ["", "b", ""]]
    assert [one.found("a ab") for one in said] == [[("x", "b")], [("x", ""), ("x", "b")]]


def test_attributes_are_none_unless_they_are_asked_for() -> None:
    values: tuple[Value, ...] = (None, True, False, [], {})
    for value in values:
        assert patterns.attributes_asked(value).is_empty
    assert patterns.scalars_asked(None).is_default
    assert patterns.scalars_asked(True).is_default
    assert patterns.scalars_asked(False).is_empty
