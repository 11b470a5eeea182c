"""`sourcecode` as guild.yml has it; which files it selects is in tests/unit/project."""

from __future__ import annotations

import pytest

from guild_sync.config.faults import Place
from guild_sync.declarations.sourcecode import NOTHING, source_code_of
from guild_sync.project.definitions import SourceCode, SourceRule, Yaml


def read(*values: Yaml) -> SourceCode:
    place = Place()
    found = source_code_of(values, place)
    assert (place.faults, place.warnings) == ([], [])
    return found


def test_nothing_said_is_all_that_is_source_code_by_default() -> None:
    assert read(None) == read(None, None) == read({}) == read(True) == SourceCode()


def test_patterns_alone_leave_out_all_else() -> None:
    expected = SourceCode((NOTHING, SourceRule(True, ("*.py",)), SourceRule(True, ("a",))))
    assert read(["*.py", "a"]) == read({"select": ["*.py", "a"]}) == expected


def test_each_kind_of_rule_is_read_in_its_order() -> None:
    found = read([{"exclude": {"dir": ["a", "b"], "text": "*"}}, "x", {"include": ["c", "d"]}])
    assert found.rules == (
        SourceRule(False, ("a", "b"), "dir"),
        SourceRule(False, ("*",), "text"),
        SourceRule(True, ("x",)),
        SourceRule(True, ("c", "d")),
    )


def test_folders_of_the_operation_count_before_those_of_its_model() -> None:
    found = read({"root": "src/", "dest": "./code"}, {"root": "../lib"})
    assert (found.root, found.dest) == ("../lib", "code")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (3, "must be a pattern or a list of patterns"),
        ([3], "must be a pattern or a list of patterns"),
        ("a\0", "must be a pattern or a list of patterns"),
        ([{"include": {"dir": 3}}], "must be a pattern or a list of patterns"),
        ([{"include": {"fir": "a"}}], "fir is not one of text, binary, dir"),
        (
            [{"inclued": "a"}],
            "an item must be a pattern, or a mapping of either include or exclude, "
            "not {'inclued': 'a'}",
        ),
        (
            [{"include": "a", "exclude": "b"}],
            "an item must be a pattern, or a mapping of either include or exclude, "
            "not {'include': 'a', 'exclude': 'b'}",
        ),
        ({"root": 3}, "root: must be a folder"),
        ({"root": "a\nb"}, "root: must be a folder"),
        ({"dest": "/etc"}, "dest: must be a folder of the run"),
        ({"dest": "a/../../b"}, "dest: must be a folder of the run"),
        ({"dest": ".guild/attrs"}, "dest: .guild is the run's own, but for .guild/sourcecode"),
        ({"digest": "perhaps"}, "digest: must be yes or no"),
    ],
)
def test_what_is_no_sourcecode_is_a_fault(value: Yaml, fault: str) -> None:
    place = Place()
    source_code_of([value], place)
    assert place.faults == [f"sourcecode: {fault}"]


def test_a_key_that_is_not_known_is_passed_over_with_a_warning() -> None:
    place = Place()
    assert source_code_of([{"inclued": "x"}], place) == SourceCode()
    assert place.warnings == ["sourcecode: inclued is passed over: guild does not know it"]
    assert not place.faults
