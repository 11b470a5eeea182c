"""The table of keys, and what is made from it: checks, messages, the schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import load

from guild_sync.declarations import (
    flags,
    package,
    requirements,
    sources,
    step_options,
    steps,
)
from guild_sync.guildfile import keys, schema
from guild_sync.guildfile.lines import Mapped, Spot
from guild_sync.project.definitions import Yaml

SAMPLES: dict[str, list[Yaml]] = {
    keys.TEXT: ["x"],
    keys.NUMBER: [1, 1.5],
    keys.SWITCH: [True, False],
    keys.LIST: [["x"]],
    keys.MAPPING: [{"x": 1}],
}
CHECKED = ("a model", "an operation")


@pytest.mark.parametrize("group", CHECKED)
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_key_takes_what_the_table_says_and_nothing_else(group: str, kind: str) -> None:
    for name, key in keys.GROUPS[group].items():
        if name in keys._SAY_IT_THEMSELVES or not key.means:
            continue
        for value in [*SAMPLES[kind], None]:
            place = Spot("op", None, Mapped({name: value}.items()))
            unread = keys.check({name: value}, group, place)
            assert place.warnings == []
            if value is False and name in keys._NO_IS_NONE:
                assert unread == [name]
            elif value is None or kind in key.takes:
                assert place.faults == []
            else:
                (fault,) = place.faults
                assert fault.startswith(f"op: {name}: must be ")
                assert fault.endswith(f", not {value!r}")


@pytest.mark.parametrize("name", sorted(keys._NO_IS_NONE))
@pytest.mark.parametrize("none", ["no", "''", "~"])
def test_no_takes_away_what_a_parent_says_and_an_empty_key_is_none(
    tmp_path: Path, name: str, none: str
) -> None:
    """So it is for Guild AI 0.9."""
    said = "requires: file:x, env: {A: 1}, objective: loss, compare: [a], run-attrs: {a: 1}"
    text = f"- {{config: c, operations: {{op: {{exec: a, {said}}}}}}}\n- model: m\n  extends: c\n"
    (expected,) = load(
        tmp_path, f"- model: m\n  operations: {{op: {{exec: a, {name}: ~}}}}"
    ).operations
    (found,) = load(tmp_path, f"{text}  operations: {{op: {{{name}: {none}}}}}").operations
    assert found.faults == ()
    field = name.replace("-", "_")
    if hasattr(found, field):
        assert getattr(found, field) == getattr(expected, field)
    else:
        assert not found.kept.get(name)


@pytest.mark.parametrize("name", sorted(keys.FLAG))
def test_a_key_of_a_flag_without_a_value_is_as_if_it_were_not_there(
    tmp_path: Path, name: str
) -> None:
    given = "" if name == "default" else "default: 5, "
    alone, beside = (
        load(tmp_path, f"op: {{exec: a, flags: {{x: {{{given}{more}}}}}}}").operations[0]
        for more in ("", f"{name}: ~")
    )
    assert beside == alone
    assert beside.faults == ()


def test_a_key_that_would_change_what_is_computed_is_honoured_or_a_fault(tmp_path: Path) -> None:
    found = load(tmp_path, "op: {exec: 'true', flag-encoder: x}")
    assert found.operations[0].faults == (
        "op: flag-encoder: guild runs no code of a project to make the values of flags (line 1)",
    )


@pytest.mark.parametrize("name", [n for n, key in keys.OPERATION.items() if not key.means])
def test_a_key_that_means_nothing_is_one_warning(name: str) -> None:
    place = Spot("op", None, Mapped(), "line 1", "an operation")
    keys.check({name: "x"}, "an operation", place)
    assert (place.faults, place.warnings) == (
        [],
        [f"op: {name} is passed over: it means nothing to guild"],
    )


def test_the_table_has_the_keys_that_are_read() -> None:
    """Each module of declarations/ knows its own: what it reads, people are told of."""
    assert keys.FLAG.keys() == flags._FLAG_KEYS
    assert keys.SOURCE.keys() == sources.SOURCE_KEYS
    assert keys.RESOURCE.keys() == requirements._RESOURCE_KEYS
    assert {*package._KEYS, "packages"} == keys.PACKAGE.keys()
    assert {*steps._OWN_KEYS, *step_options._TAKEN} == keys.STEP.keys()


def test_every_key_says_what_it_means_in_a_line() -> None:
    for known in keys.GROUPS.values():
        for name, key in known.items():
            assert key.about[:1].isupper(), name
            assert set(key.takes) <= set(keys.ANY), name
            assert key.since in ("0.1", "0.2"), name


# The schema.


def refs_of(value: Yaml) -> Iterator[str]:
    """What the schema refers to."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                yield item
            yield from refs_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from refs_of(item)


def test_the_schema_has_every_key_of_the_table_with_what_it_takes() -> None:
    made = schema.schema()
    definitions = made["definitions"]
    assert isinstance(definitions, dict)
    for group, known in keys.GROUPS.items():
        of_group = definitions[group.split()[-1]]
        assert isinstance(of_group, dict)
        properties = of_group["properties"]
        assert isinstance(properties, dict)
        assert list(properties) == list(known)
        for name, key in known.items():
            found = properties[name]
            assert isinstance(found, dict)
            assert found["description"] == f"{keys.about(group, name)} (since {key.since})"
            if isinstance(found.get("type"), list) and "$ref" not in json.dumps(found):
                assert len(found["type"]) == len(key.takes) + 1  # type: ignore[arg-type]


def test_the_schema_is_whole_and_json() -> None:
    made: Yaml = json.loads(json.dumps(schema.schema()))
    assert isinstance(made, dict)
    assert isinstance(made["definitions"], dict)
    assert {ref.rpartition("/")[2] for ref in refs_of(made)} <= {*made["definitions"]}
    assert {*refs_of(made)} >= {"#/definitions/flag", "#/definitions/step", "#/definitions/source"}
