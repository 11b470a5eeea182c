"""What flags a mapping or a namespace of a module offers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.declarations.nested_flags import data_of, flags_in
from guild_sync.project.definitions import Yaml


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("p = {'a': 1, 'b': {'c': 'x'}, 3: None, 'e': -1.5}", {"a": 1, "b": {"c": "x"}, 3: None,
                                                               "e": -1.5}),
        ("p = {'a': 1, 'b': unknown(), **{'c': 2}, **other}", {"a": 1, "c": 2}),
        ("p: dict = {'a': 1}", {"a": 1}),
        ("p = dict(a=1, b=dict(c=2))", {"a": 1, "b": {"c": 2}}),
        ("p = dict({'a': 1}, b=2)", {"a": 1, "b": 2}),
        ("import types\np = types.SimpleNamespace(a=1, b=f())", {"a": 1}),
        ("p = argparse.Namespace(a=1)", {"a": 1}),
        ("p = SimpleNamespace(**{'a': 1})", {"a": 1}),
        ("class p:\n    a = 1\n    b: int = 2\n    c: int\n    _d = 3\n    def f(self): pass",
         {"a": 1, "b": 2}),
        ("class Base:\n    a = 1\nclass C(Base):\n    b = 2\np = C(b=3)", {"a": 1, "b": 3}),
        ("class C: pass\np = C()\np.a = 1\np.b = {}\np.b['c'] = 2", {"a": 1, "b": {"c": 2}}),
        ("p = {'a': 1}\np['a'] = 2\np['n']['m'] = 3", {"a": 2, "n": {"m": 3}}),
        ("p = {'a': 1}\np = {'b': 2}", {"b": 2}),
        ("p = {'a': 1}\np = load()", {}),
        ("p = q = {'a': 1}", {"a": 1}),
        ("q = {'a': 1}", {}),
        ("if x:\n    p = {'a': 1}", {}),
    ],
)  # fmt: skip
def test_what_a_module_says_of_it(source: str, data: dict[object, object]) -> None:
    assert data_of(source, "m.py", "p") == data


def test_flags_are_its_values_with_their_types() -> None:
    data = data_of("p = {'a': 1, 'b': {'c': 'x', 'd': True}, 'n': None, 3: .5}", "m.py", "p")
    assert [(f.name, f.default, f.type) for f in flags_in(data).values()] == [
        ("a", 1, "number"),
        ("b.c", "x", "string"),
        ("b.d", True, "boolean"),
        ("n", None, None),
        ("3", 0.5, "number"),
    ]


def test_a_list_is_a_text_of_words_and_one_of_other_things_is_no_flag() -> None:
    source = "p = {'l': [1, 'a b', True], 't': (1, 2), 'e': [], 'deep': [{'a': 1}], 'm': {}}"
    found = flags_in(data_of(source, "m.py", "p"))
    assert {f.name: f.default for f in found.values()} == {"l": "1 'a b' true", "t": "1 2", "e": ""}
    assert all(flag.is_words for flag in found.values())


def test_what_a_run_cannot_keep_is_no_flag() -> None:
    data: dict[Yaml, Yaml] = {
        "a": "\ud800",
        "b": "x\0",
        "c": 1 << 20_000,
        "d\n": 1,
        "e=f": 1,
        "": 1,
        "g": ["\0"],
    }
    assert flags_in({**data, "ok": 1}).keys() == {"ok"}


def test_a_module_is_never_run() -> None:
    assert data_of("raise SystemExit(1)\np = {'a': 1}", "m.py", "p") == {"a": 1}


@given(st.text(max_size=60) | st.sampled_from(["p = " + "(" * 500, "p = {" * 200, "p.a.b = 1\0"]))
def test_whatever_a_module_holds_is_read_or_refused(source: str) -> None:
    with suppress(SyntaxError, ValueError):
        flags_in(data_of(source, "m.py", "p"))
