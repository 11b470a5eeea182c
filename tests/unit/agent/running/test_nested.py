"""Values put by dotted names into mappings and objects."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import pytest

from guild_sync.agent.running.nested import MAPPING, NAMESPACE, NestedError, converted, leaves, put


def test_a_dotted_name_is_what_is_nested() -> None:
    data = {"a": {"b": 1}, "c": SimpleNamespace(d={"e": 2})}
    put(data, "a.b", 5)
    put(data, "c.d.e", 6)
    assert data == {"a": {"b": 5}, "c": SimpleNamespace(d={"e": 6})}


def test_what_is_missing_is_made_of_the_kind_that_it_is_to_be() -> None:
    data: dict[str, object] = {}
    put(data, "a.b.c", 1)
    assert data == {"a": {"b": {"c": 1}}}
    space = SimpleNamespace()
    put(space, "a.b.c", 1, NAMESPACE)
    assert space == SimpleNamespace(a=SimpleNamespace(b=SimpleNamespace(c=1)))


def test_a_key_may_have_dots_and_be_a_number() -> None:
    data: dict[object, object] = {"a.b": 1, 3: {"x.y": 2}, "a": {"b": 0}}
    put(data, "a.b", 5)
    put(data, "3.x.y", 6)
    assert data == {"a.b": 5, 3: {"x.y": 6}, "a": {"b": 0}}


def test_a_tuple_stays_one() -> None:
    data = {"size": (1, 2), "sizes": [1]}
    put(data, "size", [3, 4])
    put(data, "sizes", [3, 4])
    assert data == {"size": (3, 4), "sizes": [3, 4]}


@pytest.mark.parametrize(
    "data", [{"a": 1}, {"a": "text"}, {"a": [1]}, {"a": None}, {"a": MappingProxyType({})}]
)
def test_what_can_hold_nothing_is_told(data: dict[str, object]) -> None:
    with pytest.raises(NestedError, match=r"a\.b: "):
        put(data, "a.b", 1)


def test_what_is_of_the_other_kind_is_made_one_of_the_kind() -> None:
    data = {"a": {"b": 1}}
    space = SimpleNamespace(a=SimpleNamespace(b=1))
    assert converted(data, NAMESPACE) == space
    assert converted(space, MAPPING) == data
    assert converted(data, MAPPING) is data
    assert converted(space, NAMESPACE) is space
    assert converted(None, MAPPING) == {}
    assert converted(None, NAMESPACE) == SimpleNamespace()


def test_leaves_are_what_is_no_mapping_with_something_in_it() -> None:
    data = {"a": {"b": 1, "c": {}}, 3: [1], "d": None}
    assert list(leaves(data)) == [("a.b", 1), ("a.c", {}), ("3", [1]), ("d", None)]
