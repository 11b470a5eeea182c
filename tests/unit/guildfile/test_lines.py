"""guild.yml as values with their lines."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from guild_sync.errors import ConfigError
from guild_sync.guildfile import lines
from guild_sync.guildfile.lines import Listed, Mapped, Spot, parsed

HERE = Path("guild.yml")


def test_values_are_plain_and_know_their_lines() -> None:
    value = parsed(HERE, "a: 1\nb:\n  - x\n  - {c: yes}\n", "sub.yml")
    assert value == {"a": 1, "b": ["x", {"c": True}]}
    assert isinstance(value, Mapped)
    assert value.where == {"a": "sub.yml, line 1", "b": "sub.yml, line 2"}
    items = value["b"]
    assert isinstance(items, Listed)
    assert items.where == ["sub.yml, line 3", "sub.yml, line 4"]


def test_a_number_that_python_cannot_write_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not valid YAML: Exceeds the limit"):
        parsed(HERE, f"a: 0x{'f' * 5000}\n")


def test_anchors_and_merges_are_put_in() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: {w: 0, <<: *a}\n"
    value = parsed(HERE, text)
    assert isinstance(value, dict)
    assert value["c"] == {"x": 1, "y": 1, "z": 3}
    assert value["d"] == {"x": 1, "y": 1, "w": 0}


def test_a_file_of_too_many_values_is_not_read_any_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_VALUES", 500)
    text = f"[{'[],' * 20_000}]"
    tracemalloc.start()
    with pytest.raises(ConfigError, match="it has more than 500 values"):
        parsed(HERE, text)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {<<: *a}",
        "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]),
        "\n".join(
            ["a0: &a0 {x: 1}"]
            + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
        ),
        "[" * 100 + "]" * 100,
        "[" * 100_000,
        "a: !!set {b}",
        "a: !!binary aGk=",
        "a: !!timestamp 2026-01-01",
        "a: !mine {b: 1}",
        "? [a]\n: b",
        "? {a: 1}\n: b",
        "<<: 3",
        "<<: [3]",
        "a: *gone",
        "--- a\n--- b",
        "\x01",
    ],
)
def test_what_is_no_tree_of_plain_values_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(HERE, text)
    assert "\n" not in error.value.message
    assert "not valid YAML" in error.value.message


@pytest.mark.parametrize("text", ["=", "a: =", "= : 1", "<<", "[<<]"])
def test_signs_with_a_meaning_of_old_are_text(text: str) -> None:
    parsed(HERE, text)


def test_a_fault_has_the_line_of_the_key_that_it_names() -> None:
    value = parsed(HERE, "main: 1\nrequires:\n  - file: a\n  - operation:\n      b\n1: x\n")
    place = Spot("op", None, value, "line 0", "an operation")
    place.fault("main: must be text")
    place.fault("gone: is missing")
    place.at("requires, entry 2").fault("operation: must be text")
    place.at("requires, entry 2").fault("must have a file")
    place.at("requires").fault("must be text")
    place.at("1").fault("is none")
    place.at("none").at("of").fault("these")
    place.at("requires, entry 9").fault("is none")
    assert place.faults == [
        "op: main: must be text (line 1)",
        "op: gone: is missing (line 0)",
        "op: requires, entry 2: operation: must be text (line 4)",
        "op: requires, entry 2: must have a file (line 4)",
        "op: requires: must be text (line 2)",
        "op: 1: is none (line 6)",
        "op: none: of: these (line 0)",
        "op: requires, entry 9: is none (line 2)",
    ]


def test_a_key_that_is_passed_over_is_held_against_those_that_are_known() -> None:
    place = Spot("op", None, parsed(HERE, "flags: {x: {}}"), "", "an operation")
    place.at("flags").at("x").pass_over("defualt")
    place.at("steps, entry 1").pass_over("flgs")
    place.at("requires").at("sources, entry 1").pass_over("flie")
    place.at("nowhere").pass_over("flie")
    assert place.warnings == [
        "op: flags: x: defualt is passed over: guild does not know it (did you mean default?)",
        "op: steps, entry 1: flgs is passed over: guild does not know it (did you mean flags?)",
        "op: requires: sources, entry 1: flie is passed over: guild does not know it "
        "(did you mean file?)",
        "op: nowhere: flie is passed over: guild does not know it",
    ]
