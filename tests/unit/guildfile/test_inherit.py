"""What models have of others. What is expected of each file here, Guild AI 0.9 makes of it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import load

from guild_sync.config.faults import Place
from guild_sync.declarations.sourcecode import source_code_of
from guild_sync.project import operations
from guild_sync.project.definitions import Operation, Project
from guild_sync.project.values import Several


def of(found: Project) -> dict[str, Operation]:
    return {operation.full_name: operation for operation in found.operations}


def defaults(found: Project) -> dict[str, dict[str, object]]:
    """The flags of each operation, with their defaults; none of the operations has a fault."""
    assert [o.faults for o in found.operations] == [()] * len(found.operations)
    return {n: {f.name: f.default for f in o.flags.values()} for n, o in of(found).items()}


def faults(found: Project) -> dict[str, tuple[str, ...]]:
    return {name: operation.faults for name, operation in of(found).items()}


# extends.


def test_a_model_has_what_it_extends_beneath_its_own(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: a
  operations:
    t:
      exec: 'true'
      flags: {x: {default: 1, description: ax, max: 9}, y: 1, z: {default: 7}, w: 1}
      env: {A: 1, B: 1}
    u: other
    v: {main: other, flags: {q: 1}}
    w: {exec: 'true'}
- config: b
  operations:
    t: {flags: {x: {default: 2}, w: 2}}
    u: {flags: {k: 1}}
- model: m
  extends: [b, a]
  operations:
    t: {flags: {x: {default: 3}, y: {description: yy}, z: 8}, env: {B: 2}}
    v: third
""",
    )
    assert defaults(found) == {
        "m:t": {"x": 3, "y": 1, "z": 8, "w": 2},
        "m:u": {"k": 1},
        "m:v": {"q": 1},
        "m:w": {},
    }
    t = of(found)["m:t"]
    assert (t.flags["x"].description, t.flags["x"].maximum, t.flags["y"].description) == (
        *("ax", 9, "yy"),
    )
    assert t.env == {"A": "1", "B": "2"}
    assert (of(found)["m:u"].main, of(found)["m:v"].main) == ("other", "third")


def test_the_first_of_several_parents_wins(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: a
  operations: {t: {exec: 'true', flags: {x: 1, y: 1}}}
- config: b
  operations: {t: {flags: {x: 2, y: 2, z: 2}}}
- model: m
  extends: [a, b]
  operations: {t: {flags: {x: 3}}}
""",
    )
    assert defaults(found) == {"m:t": {"x": 3, "y": 1, "z": 2}}


def test_a_list_takes_the_place_of_the_parents(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: a
  sourcecode: ['*.py']
  operations: {t: {exec: 'true', requires: [file: a, file: b]}}
- model: m
  extends: a
  operations: {t: {requires: [file: c]}}
- model: n
  extends: a
  sourcecode: no
""",
    )
    assert [r.source for r in of(found)["m:t"].requires] == ["c"]
    assert [r.source for r in of(found)["n:t"].requires] == ["a", "b"]
    assert [o.sourcecode for o in found.operations] == [
        source_code_of([["*.py"]], Place()),
        source_code_of([False], Place()),
    ]


def test_what_is_a_models_alone_is_passed_on_to_nobody(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: a
  default: yes
  python-requires: '>=99'
  operations: {t: {exec: 'true'}}
- model: m
  extends: a
""",
    )
    assert (found.default_model, faults(found)) == (None, {"m:t": ()})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {model: m, extends: m, OPS}", "extends: m -> m goes round in a circle (line 1)"),
        (
            "- {model: m, extends: a, OPS}\n- {config: a, extends: b}\n- {config: b, extends: a}",
            "extends: m -> a -> b -> a goes round in a circle (line 3)",
        ),
        (
            "- {model: m, extends: bsae, OPS}",
            "extends: there is no model or config 'bsae' (line 1)",
        ),
        (
            "- {model: m, extends: bsae, OPS}\n- config: base",
            "extends: there is no model or config 'bsae': did you mean base? (line 1)",
        ),
        ("- {model: m, extends: {a: 1}, OPS}", "extends: must be a name or a list of names, not "),
        ("- {model: m, extends: [[a]], OPS}", "extends: must be a name or a list of names, not "),
        (
            "- {model: m, extends: a, OPS}\n- config: a\n- config: a",
            "extends: there are 2 of the name 'a' (line 1)",
        ),
    ],
)
def test_a_parent_that_cannot_be_had_is_one_line_of_that_models_operations(
    tmp_path: Path, text: str, fault: str
) -> None:
    text = text.replace("OPS", "operations: {t: {exec: 'true'}, u: {exec: 'true'}}")
    found = load(tmp_path, f"{text}\n- operations: {{fine: {{exec: 'true'}}}}\n")
    by_name = faults(found)
    assert by_name.pop("fine") == ()
    assert by_name.keys() == {"m:t", "m:u"}
    for said in by_name.values():
        assert said[0].startswith(f"entry 1: {fault}")


def test_a_model_without_operations_of_its_own_says_its_fault_beside_the_list(
    tmp_path: Path,
) -> None:
    found = load(tmp_path, "- {model: m, extends: gone}\n- operations: {fine: {exec: 'true'}}\n")
    assert found.faults == ("entry 1: extends: there is no model or config 'gone' (line 1)",)
    assert faults(found) == {"fine": ()}


def test_a_chain_of_parents_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    entries = [f"- {{config: c{n}, extends: c{n + 1}}}" for n in range(3000)]
    entries.append("- {model: m, extends: c0, operations: {t: {exec: 'true'}}}")
    found = load(tmp_path, "\n".join([*entries, "- {config: c3000}"]))
    assert faults(found)["m:t"] in ((), ("entry 3001: extends: goes too deep",))


def test_a_fault_of_what_is_extended_is_one_of_the_operations_that_have_it(tmp_path: Path) -> None:
    text = "- {config: a, params: 3, zork: 1}\n- {model: m, extends: a, operations: {t: x}}\n"
    found = load(tmp_path, text + "- operations: {fine: x}\n")
    assert faults(found) == {
        "m:t": ("entry 2: params: must be a mapping, not 3 (line 1)",),
        "fine": (),
    }
    assert found.warnings == ("entry 2: zork is passed over: guild does not know it",)


# params.


def test_params_are_put_in_wherever_texts_name_them(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: a
  params: {p: pa, q: qa, nest: 'n-{{p}}'}
  operations:
    '{{q}}-op': {exec: 'run {{ p }}', flags: {'{{q}}': '{{nest}}'}, label: '{{p}}-{{nope}}'}
- model: m
  extends: a
  params: {p: mine}
- model: n
  extends: m
  params: {q: nq}
""",
    )
    assert defaults(found) == {"m:qa-op": {"qa": "n-mine"}, "n:nq-op": {"nq": "n-mine"}}
    operation = of(found)["n:nq-op"]
    assert (operation.exec, operation.label) == ("run mine", "mine-{{nope}}")


def test_a_param_that_is_all_of_a_text_keeps_its_type(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- model: m
  params: {b: yes, i: 3, f: 1.5, n: ~, e: 1e-3, l: [1, 2]}
  operations:
    t:
      exec: 'true'
      flags: {b: '{{b}}', bx: 'x{{b}}', i: '{{ i }}', ix: 'x{{i}}', d: '{{i}}{{ f }}', n: '{{n}}',
              nx: 'x{{n}}', e: '{{e}}', ex: 'x{{e}}', l: '{{l}}'}
""",
    )
    assert defaults(found)["m:t"] == {
        "b": True, "bx": "xTrue", "i": 3, "ix": "x3", "d": "31.5", "n": None, "nx": "xNone",
        "e": 0.001, "ex": "x0.001", "l": Several((1, 2)),
    }  # fmt: skip


def test_params_that_go_round_stay_as_they_are(tmp_path: Path) -> None:
    text = "- {model: m, params: {a: '{{b}}', b: '{{a}}'}, operations: {t: {exec: 'r {{a}}'}}}"
    assert of(load(tmp_path, text))["m:t"].exec == "r {{a}}"


def test_params_that_grow_without_end_are_a_fault(tmp_path: Path) -> None:
    params = ", ".join(f"p{n}: '{{{{p{n + 1}}}}}{{{{p{n + 1}}}}}'" for n in range(40))
    lists = ", ".join(f"q{n}: ['{{{{q{n + 1}}}}}', '{{{{q{n + 1}}}}}']" for n in range(40))
    for name, given in (("p0", params), ("q0", lists)):
        text = f"- {{model: m, params: {{{given}}}, operations: {{t: {{exec: '{{{{{name}}}}}'}}}}}}"
        (fault,) = faults(load(tmp_path, text))["m:t"]
        assert fault.startswith("entry 1: params: ")
        assert "more than 100000" in fault


def test_two_keys_that_params_make_one_are_a_fault(tmp_path: Path) -> None:
    text = "- {model: m, params: {p: x}, operations: {'{{p}}': {exec: a}, x: {exec: b}}}"
    assert "params: 'x' stands twice with them" in faults(load(tmp_path, text))["m:x"][0]


# $include.

INCLUDED = """
- config: c
  flags: {a: 1, b: 2}
- config: d
  flags: {b: 3, c: {default: 4, description: dc}}
  operations: {train: {exec: 'true', flags: {e: 5, f: 6}}, test: {exec: 'true'}}
  resources: {r1: {sources: [file: x]}, r2: {sources: [file: y]}}
"""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("{$include: c}", {"a": 1, "b": 2}),
        ("{$include: [c, d], b: 9}", {"a": 1, "b": 9, "c": 4}),
        ("{$include: [c, d]}", {"a": 1, "b": 3, "c": 4}),
        ("{$include: [d, c]}", {"b": 2, "c": 4, "a": 1}),
        ("{$include: 'c#b'}", {"b": 2}),
        ("{$include: 'c#b, a', z: 1}", {"b": 2, "a": 1, "z": 1}),
        ("{$include: 'd:train'}", {"e": 5, "f": 6}),
        ("{$include: 'd:train#e'}", {"e": 5}),
        ("{$include: [d, 'c#b']}", {"b": 2, "c": 4}),
        ("{$include: d, c: {default: 7}}", {"b": 3, "c": 7}),
    ],
)
def test_flags_of_others_are_included(
    tmp_path: Path, flags: str, expected: dict[str, object]
) -> None:
    found = load(tmp_path, f"{INCLUDED}\n- operations: {{t: {{exec: 'true', flags: {flags}}}}}")
    assert defaults(found) == {"t": expected}
    assert found.warnings == ()


def test_flags_of_an_operation_of_the_model_without_a_name_are_included(tmp_path: Path) -> None:
    text = """
a: {exec: 'true', flags: {x: 1, y: 2}}
b: {exec: 'true', flags: {$include: ':a'}}
c: {exec: 'true', flags: {$include: ':a#y', z: 3}}
"""
    found = {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"y": 2, "z": 3}}
    assert defaults(load(tmp_path, text)) == found


def test_operations_of_others_are_included(tmp_path: Path) -> None:
    text = f"""{INCLUDED}
- model: m
  operations: {{$include: d, train: {{flags: {{e: 9}}}}}}
- model: n
  operations: {{$include: 'd#test'}}
- model: o
  operations: {{$include: 'd:train'}}
- model: p
  operations: {{$include: 'm#test'}}
"""
    assert defaults(load(tmp_path, text)) == {
        "m:train": {"e": 9, "f": 6}, "m:test": {}, "n:test": {}, "o:train": {"e": 5, "f": 6},
        "p:test": {},
    }  # fmt: skip


def test_an_include_may_be_a_param_and_go_round(tmp_path: Path) -> None:
    text = """
- config: c
  flags: {x: 1, $include: d}
- config: d
  flags: {y: 2, $include: c}
- model: m
  params: {from: c}
  operations: {t: {exec: 'true', flags: {$include: '{{from}}'}}}
"""
    assert defaults(load(tmp_path, text)) == {"m:t": {"y": 2, "x": 1}}


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("nope", "there is no model or config 'nope'"),
        ("'d:nope'", "d has no operation 'nope'"),
        ("odd", "flags of odd: must be a mapping"),
        ("{c: 1}", "must be a name or a list of names, not {'c': 1}"),
    ],
)
def test_what_cannot_be_included_is_a_fault_of_that_operation(
    tmp_path: Path, reference: str, fault: str
) -> None:
    entry = f"{{bad: {{exec: a, flags: {{$include: {reference}}}}}, good: {{exec: a}}}}"
    text = f"{INCLUDED}\n- operations: {entry}\n- {{config: odd, flags: [x]}}\n"
    found = faults(load(tmp_path, text))
    assert found["good"] == ()
    assert found["bad"] == (f"bad: flags: $include: {fault} (line 9)",)


def test_what_is_not_there_to_be_included_is_a_warning(tmp_path: Path) -> None:
    found = load(
        tmp_path, f"{INCLUDED}\n- operations: {{t: {{exec: a, flags: {{$include: 'c#a,z'}}}}}}"
    )
    assert defaults(found) == {"t": {"a": 1}}
    assert found.warnings == ("t: flags: $include: c has no 'z' in its flags",)


# operation-defaults, and what an operation is without main.


def test_an_operation_has_the_defaults_that_it_does_not_say_otherwise(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: base
  operation-defaults: {label: dflt, env: {A: 1}}
- model: m
  extends: base
  operation-defaults: {flags: {a: 1, b: 2}, main: other, sourcecode: ['*.py']}
  operations:
    one: {flags: {a: 5}, env: {B: 2}}
    two: {label: mine}
    three: {exec: echo hi}
    four: {steps: [three]}
    five: fifth
""",
    )
    assert defaults(found) == {
        "m:one": {"a": 5},
        "m:two": {"a": 1, "b": 2},
        "m:three": {"a": 1, "b": 2},
        "m:four": {"a": 1, "b": 2},
        "m:five": {"a": 1, "b": 2},
    }
    operations = of(found).values()
    assert [(o.main, o.exec, len(o.steps), o.label, o.env) for o in operations] == [
        ("other", None, 0, "dflt", {"B": "2"}),
        ("other", None, 0, "mine", {"A": "1"}),
        (None, "echo hi", 0, "dflt", {"A": "1"}),
        (None, None, 1, "dflt", {"A": "1"}),
        ("fifth", None, 0, "dflt", {"A": "1"}),
    ]
    assert found.warnings == ()


def test_main_is_the_operations_name_as_a_module(tmp_path: Path) -> None:
    text = (
        "train: {}\npre-pare: {flags: {x: 1}}\nyes: {steps: []}\na b: {main: ''}\nsay-it.py: {}\n"
    )
    found = load(tmp_path, text, train="lr = 1\n")
    assert [(o.name, o.main) for o in found.operations] == [
        ("train", "train"),
        ("pre-pare", "pre_pare"),
        ("yes", "yes"),
        ("a b", "'a b'"),
        ("say-it.py", "say_it"),
    ]
    assert list(found.operations[0].flags) == ["lr"]


def test_of_several_things_to_run_one_does_and_the_others_are_warned_of(tmp_path: Path) -> None:
    found = load(tmp_path, "a: {main: x, exec: y}\nb: {main: x, steps: [a]}\n")
    assert [(o.main, o.exec, o.steps) for o in found.operations] == [
        (None, "y", ()),
        ("x", None, ()),
    ]
    assert found.warnings == (
        "a: main is passed over: exec runs instead",
        "b: steps is passed over: main runs instead",
    )


# Names.


def test_keys_that_yaml_takes_for_other_things_are_names_as_typed(tmp_path: Path) -> None:
    found = load(
        tmp_path, "1: a\n2: a\nyes: {exec: b, flags: {no: 1, 2: 3}}\n1.50: a\n~: a\n0x1F: a\n"
    )
    assert list(of(found)) == ["1", "2", "yes", "1.50", "~", "0x1F"]
    assert defaults(found)["yes"] == {"no": 1, "2": 3}


def test_an_operation_that_is_there_twice_is_a_fault_of_both(tmp_path: Path) -> None:
    text = "- {model: m, operations: {a: x, b: x}}\n- {model: m, operations: {b: y, c: y}}\n"
    assert faults(load(tmp_path, text)) == {
        "m:a": (),
        "m:b": ("m:b: is defined 2 times",),
        "m:c": (),
    }


def test_of_models_with_an_operation_of_one_name_the_default_one_is_meant(tmp_path: Path) -> None:
    one = "- {model: a, operations: {t: x, u: {main: x, default: yes}}}\n"
    two = "- {model: b, default: yes, operations: {t: y, w: {main: x, default: yes}}}\n"
    none = "- {operations: {t: z}}\n"
    expected = {one: "a:t", one + two: "b:t", one + none: "t", one + none + two: "b:t"}
    for text, name in expected.items():
        found = load(tmp_path, text)
        assert operations.find(found, "t").full_name == name
        assert operations.find(found, "a:t").full_name == "a:t"
    assert operations.find(load(tmp_path, one + two), None).full_name == "b:w"
    assert operations.find(load(tmp_path, one + none), None).full_name == "t"
    assert operations.find(load(tmp_path, one + none + two), ":t").full_name == "t"
