"""guild.yml in both its forms, and what a command line makes of an operation."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import project

from guild_sync.errors import ConfigError, GuildError, UsageError
from guild_sync.jobs import label
from guild_sync.jobs.command import command_of
from guild_sync.project import flags, guildfile, operations
from guild_sync.project import values as project_values
from guild_sync.project.definitions import Operation, Package, Project
from guild_sync.project.flags import Flag
from guild_sync.project.values import Several, plain_value, shown

HOSTILE = [
    "a b",
    " leading and trailing ",
    "it's",
    'say "hi"',
    "a\nb\n",
    "\t",
    "$(touch x)",
    "`touch x`",
    "${other}",
    "a;b|c&d>e",
    "*",
    "~",
    "%s\\n\\0101",
    "--help",
    "-1x",
    "=",
    "a=b=c",
    "é 日本 \U0001f600",
    "x" * 100_000,
]


def load(folder: Path, text: str, **modules: str) -> Project:
    return guildfile.load(project(folder, text, **modules))


def only(folder: Path, guildfile: str, **modules: str) -> Operation:
    (operation,) = load(folder, guildfile, **modules).operations
    return operation


def message(folder: Path, guildfile: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(folder, guildfile)
    return f"{error.value.message}\n{error.value.hint}"


def job(operation: Operation, *assignments: str) -> dict[str, Any]:
    return command_of(operation, flags.flag_values(operation, assignments))


def op(**flags: Any) -> Operation:
    """An operation with these flags and their defaults."""
    return Operation("op", main="train", flags={name: Flag(name, d) for name, d in flags.items()})


# guild.yml.


def test_a_file_may_be_a_mapping_of_operations(tmp_path: Path) -> None:
    found = load(tmp_path, "train: {main: train, description: trains}\ntest: test_main\n")
    assert [(o.full_name, o.main, o.description) for o in found.operations] == [
        ("train", "train", "trains"),
        ("test", "test_main", ""),
    ]


def test_a_file_may_be_a_list_of_entries(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- package: demo
  version: 1.2
  description: A demo
  python-requires: '>=3.8'
  requires: [numpy, 'pandas>=2']
- model: cnn
  operations:
    train: train
- operations:
    test: {exec: echo hi}
""",
    )
    assert [o.full_name for o in found.operations] == ["cnn:train", "test"]
    assert found.package == Package("demo", "1.2", "A demo", ">=3.8", ("numpy", "pandas>=2"))
    assert found.warnings == ()


def test_an_empty_file_has_no_operations(tmp_path: Path) -> None:
    assert load(tmp_path, "").operations == ()


def test_every_key_of_an_operation_is_read(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        """
train:
  main: train --fast
  description: trains
  flags-dest: globals
  env: {A: 1, B: yes, C: text}
  label: lr ${lr}
  default: yes
  sourcecode: ['*.py']
  flags:
    lr: {default: 0.1, min: 0, max: 1, description: the rate, required: yes, type: float}
    size: {choices: [s, {value: l, description: large}], arg-name: the-size}
""",
    )
    assert found == Operation(
        "train",
        description="trains",
        main="train --fast",
        flags={
            "lr": Flag(
                "lr", 0.1, "float", (), True, 0, 1, global_name="lr", description="the rate"
            ),
            "size": Flag("size", choices=("s", "l"), arg_name="the-size", global_name="size"),
        },
        flags_dest="globals",
        env={"A": "1", "B": "1", "C": "text"},
        label="lr ${lr}",
        default=True,
        sourcecode=["*.py"],
    )


def test_keys_that_are_not_known_are_named_in_warnings_and_passed_over(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- config: shared
- model: cnn
  colour: red
  operations:
    train: {main: train, mian: x, flags: {lr: {deflaut: 1}, $include: shared}}
- package: demo
  data-files: [a]
""",
    )
    assert found.warnings == (
        "entry 1: config is passed over: guild does not know it yet",
        "entry 2: colour is passed over: guild does not know it",
        "cnn:train: mian is passed over: guild does not know it",
        "cnn:train: flags: lr: deflaut is passed over: guild does not know it",
        "cnn:train: flags: $include is passed over: guild does not know it",
        "entry 3: data-files is passed over: guild does not know it",
    )
    assert [o.full_name for o in found.operations] == ["cnn:train"]


def test_keys_of_later_work_are_accepted_and_kept_to_be_told_of(tmp_path: Path) -> None:
    found = only(tmp_path, "train: {main: train, stoppable: yes, pip-freeze: no}")
    assert found.later_keys == ("stoppable", "pip-freeze")


def test_all_faults_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    text = """
one: 1
'two words': main
three: {main: [x], exec: 2, label: 3}
four: {main: a, exec: b}
five: {main: a, flags-dest: nowhere}
six: {main: a, env: [x]}
"""
    assert message(tmp_path, text).splitlines() == [
        f"{tmp_path}/guild.yml has 9 faults:",
        "  one: must be a mapping",
        "  two words: an operation's name has letters, digits, '-', '_', '.'",
        "  three: main: must be text",
        "  three: exec: must be text",
        "  three: label: must be text",
        "  three: main and exec exclude each other",
        "  four: main and exec exclude each other",
        "  five: flags-dest: must be one of args, globals, env",
        "  six: env: must be a mapping",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("just text", "must be a mapping of operations, or a list of entries"),
        ("- x", "entry 1: must be a mapping"),
        ("- model: [a]", "entry 1: model: must be a name"),
        ("- model: a b", "entry 1: model: must be a name"),
        ("- operations: [a]", "entry 1: operations: must be a mapping"),
        ("- package: a/b", "entry 1: package: must be a name"),
        ("- package: {}", "entry 1: package: must be a name"),
        ("- {package: a, version: new}", "entry 1: version: must be a version, such as 1.0"),
        ("- {package: a, requires: {a: 1}}", "entry 1: requires: must be a list of packages"),
        ('- {package: a, requires: ["a\\nb"]}', "entry 1: requires: must be a list of packages"),
        ("- {package: a, python-requires: 3}", "entry 1: python-requires: must be text"),
        ("op: {main: a, flags: [x]}", "op: flags: must be a mapping"),
        ("op: {exec: a, flags: {x: {choices: 1}}}", "op: flags: x: choices: must be a list"),
        ("op: {exec: a, flags: {x: {min: low}}}", "op: flags: x: min: must be a number"),
        ("1: {main: a}", "1: an operation's name has letters, digits, '-', '_', '.'"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, text: str, what: str) -> None:
    first, second = message(tmp_path, text).splitlines()
    assert first == f"{tmp_path}/guild.yml has a fault:"
    assert second.startswith(f"  {what}")


@pytest.mark.parametrize(
    "flag",
    [
        "{type: [int]}",
        "{type: nonsense}",
        "{min: yes}",
        "{arg-name: 7}",
        "{arg-name: 'a b'}",
        "{arg-switch: [1]}",
    ],
)
def test_a_key_of_a_flag_with_a_value_that_does_not_fit_is_a_fault(
    tmp_path: Path, flag: str
) -> None:
    assert "flags: x:" in message(tmp_path, f"op: {{main: a, flags: {{x: {flag}}}}}")


def test_defaults_are_read_as_values_on_the_command_line_are(tmp_path: Path) -> None:
    values = {
        "1e-3": 0.001,
        "-1E5": -100000.0,
        "1.5e3": 1500.0,
        "010": 8,
        "yes": True,
        "12:30": "12:30",
        "2026-01-01": "2026-01-01",
        "'1e3'": "1e3",
        "x:y": "x:y",
        "~": None,
    }
    lines = "".join(f"    f{number}: {text}\n" for number, text in enumerate(values))
    (operation,) = load(tmp_path, f"op:\n  exec: run\n  flags:\n{lines}").operations
    assert [flag.default for flag in operation.flags.values()] == list(values.values())
    on_the_command_line = [project_values.plain_value(text) for text in values]
    assert on_the_command_line == list(values.values())


def test_default_must_be_yes_or_no(tmp_path: Path) -> None:
    assert "op: default: must be yes or no" in message(tmp_path, "op: {main: a, default: maybe}")


def test_what_is_not_yaml_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    assert message(tmp_path, "op:\n  main: [a\nb: c\n").startswith(
        f"{tmp_path}/guild.yml, line 3, column 2: not valid YAML: "
    )


@pytest.mark.parametrize("text", [f"op: {'9' * 5000}", "a: !!python/name:os.x"])
def test_a_value_that_is_none_is_not_yaml(tmp_path: Path, text: str) -> None:
    assert "not valid YAML" in message(tmp_path, text)


def test_a_folder_without_guild_yml_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        guildfile.load(tmp_path)
    assert error.value.message == f"there is no guild.yml in {tmp_path}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("op", "main", "exec", "flags", "env", "label", "model", "operations"),
                        *("package", "version", "requires", "default", "choices", "flags-import"),
                    ]
                )
                | st.integers(),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@example({"op": {"flags-import": [{}], "main": "x"}})
def test_whatever_a_file_says_is_read_or_refused(data: object) -> None:
    with suppress(ConfigError):
        guildfile._Reader(Path("/nowhere/guild.yml")).project(data)


def test_a_main_of_blanks_is_a_fault(tmp_path: Path) -> None:
    assert "op: main:" in message(tmp_path, "op: {main: ' '}")


# Flags of a module.


def test_a_modules_globals_are_flags(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: train}", train="epochs = 10\nname = 'cnn'\n")
    assert found.flags_dest == "globals"
    assert {name: flag.default for name, flag in found.flags.items()} == {
        "epochs": 10,
        "name": "cnn",
    }


def test_what_the_file_says_of_a_flag_wins_over_the_module(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        "op: {main: train, flags: {epochs: 20, name: {choices: [cnn, rnn]}}}",
        train="epochs = 10\nname = 'cnn'\n",
    )
    assert found.flags["epochs"].default == 20
    assert (found.flags["name"].default, found.flags["name"].choices) == ("cnn", ("cnn", "rnn"))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", ["a", "b"]),
        ("yes", ["a", "b"]),
        ("no", []),
        ("[b]", ["b"]),
        ("b", ["b"]),
        ("[]", []),
        ("~", ["a", "b"]),
    ],
)
def test_flags_import_says_which(tmp_path: Path, wanted: str, names: list[str]) -> None:
    found = only(tmp_path, f"op: {{main: train, flags-import: {wanted}}}", train="a = 1\nb = 2\n")
    assert list(found.flags) == names


def test_a_module_that_is_no_python_is_a_warning(tmp_path: Path) -> None:
    found = load(tmp_path, "op: {main: train}", train="def (:\n")
    (warning,) = found.warnings
    assert warning.startswith("cannot read flags from train.py: ")


def test_a_module_is_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    load(tmp_path, "op: {main: train}", train=f"a = 1\nopen({str(canary)!r}, 'w')\n")
    assert not canary.exists()


# Choosing an operation.


def several(tmp_path: Path, text: str = "") -> Project:
    return load(tmp_path, text or "- model: m\n  operations: {train: a, test: b}\n")


@pytest.mark.parametrize("spec", ["m:train", "train", "gpkg.demo/m:train", "gpkg.demo/train"])
def test_an_operation_is_found_by_its_names(tmp_path: Path, spec: str) -> None:
    assert operations.find(several(tmp_path), spec).full_name == "m:train"


def test_an_operation_that_is_not_there_is_answered_with_the_near_ones(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        operations.find(several(tmp_path), "m:tain")
    assert error.value.message == "operation 'm:tain' is not defined for this project"
    assert error.value.hint.splitlines() == [
        "Did you mean m:train or m:test?",
        "Try 'guild operations' for a list of available operations.",
    ]


def test_the_default_operation_is_the_one_that_says_so(tmp_path: Path) -> None:
    found = several(tmp_path, "a: x\nb: {main: y, default: yes}\n")
    assert operations.find(found, None).name == "b"


def test_the_only_operation_is_the_default_one(tmp_path: Path) -> None:
    assert operations.find(several(tmp_path, "a: x"), None).name == "a"


def test_where_several_operations_could_be_meant_one_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        operations.find(several(tmp_path), None)
    assert error.value.message == "which operation?"


# Values of flags.


def test_flags_have_their_defaults_and_what_the_command_line_says() -> None:
    assert flags.flag_values(op(a=1, b="x", c=[0]), ["a=2", "c=[1, 2]"]) == {
        "a": 2,
        "b": "x",
        "c": [1, 2],
    }


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        (Flag("x", type="number"), "2", 2),
        (Flag("x", type="number"), "2.5", 2.5),
        (Flag("x", type="number"), "1e3", 1000.0),
        (Flag("x", type="string"), "10", "10"),
        (Flag("x", type="string"), "yes", "yes"),
        (Flag("x", type="boolean"), "no", False),
        (Flag("x", 1), "text", "text"),
        (Flag("x", "text"), "10", 10),
        (Flag("x", type="string"), "007", "007"),
        (Flag("x", type="path"), "~/data", "~/data"),
        (Flag("x", type="float"), "3", 3.0),
        (Flag("x", type="int"), "3", 3),
        (Flag("x"), "null", None),
        (Flag("x", [0]), "[1, a]", [1, "a"]),
        (Flag("x"), "[1, a]", Several((1, "a"))),
        (Flag("x", type="string"), "[1:3]", Several(("1", "2", "3"))),
        (Flag("x"), "'[1, a]'", "[1, a]"),
        (Flag("x", choices=("a", "b")), "b", "b"),
        (Flag("x", type="number", minimum=1, maximum=9), "9", 9),
    ],
)
def test_a_value_has_the_flags_type(flag: Flag, text: str, value: object) -> None:
    found = flags.flag_values(Operation("op", flags={"x": flag}), [f"x={text}"])["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("flag", "text", "problem"),
    [
        (Flag("x", type="number"), "", "'' for flag 'x': not a number"),
        (Flag("x", type="number"), "many", "'many' for flag 'x': not a number"),
        (Flag("x", type="number"), "yes", "'yes' for flag 'x': not a number"),
        (Flag("x", type="int"), "1.5", "'1.5' for flag 'x': not a whole number"),
        (Flag("x", type="boolean"), "maybe", "'maybe' for flag 'x': neither yes nor no"),
        (Flag("x", type="int", minimum=1), "0", "'0' for flag 'x': less than 1"),
        (Flag("x", type="number", maximum=9), "9.5", "'9.5' for flag 'x': more than 9"),
        (Flag("x", choices=("a", 2)), "c", "'c' for flag 'x': not one of a, 2"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(flag: Flag, text: str, problem: str) -> None:
    operation = Operation("op", flags={"x": flag})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [f"x={text}"])
    assert error.value.message == f"invalid value {problem}"
    assert flags.flag_values(operation, [f"x={text}"], force=True)


def test_bounds_hold_without_a_type_too() -> None:
    operation = Operation("op", flags={"x": Flag("x", 5, minimum=1)})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=0"])


def test_what_is_no_number_is_within_no_bounds() -> None:
    operation = Operation("op", flags={"x": Flag("x", type="float", minimum=0, maximum=1)})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=.nan"])


def test_a_choice_is_not_taken_for_another_that_python_calls_equal() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=("1", "2"))})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=3"])


@pytest.mark.parametrize("text", ["1e999999", "123e4567"])
def test_a_number_beyond_what_a_float_holds_stays_text(text: str) -> None:
    assert plain_value(text) == text


def test_yes_is_not_the_choice_1() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=(1, 2))})
    with pytest.raises(GuildError):
        flags.flag_values(operation, ["x=yes"])


def test_a_choice_that_looks_like_a_number_can_be_chosen() -> None:
    operation = Operation("op", flags={"x": Flag("x", choices=("1", "2"))})
    assert flags.flag_values(operation, ["x=1"]) == {"x": "1"}


def test_a_flag_that_is_not_there_is_answered_with_the_near_ones() -> None:
    with pytest.raises(GuildError) as error:
        flags.flag_values(op(epochs=1, rate=2), ["epoch=3"])
    assert error.value.message == "unsupported flag 'epoch' for op"
    assert error.value.hint.startswith("Did you mean epochs?\n")


def test_a_flag_that_is_not_there_is_taken_by_force() -> None:
    assert flags.flag_values(op(), ["new=1"], force=True) == {"new": 1}


def test_a_required_flag_needs_a_value() -> None:
    operation = Operation("op", flags={"data": Flag("data", required=True)})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [])
    assert error.value.message == "flag 'data' needs a value"
    assert flags.flag_values(operation, ["data=x"]) == {"data": "x"}


def test_a_word_without_an_equals_sign_is_no_flag() -> None:
    with pytest.raises(UsageError) as error:
        flags.flag_values(op(a=1), ["a"])
    assert error.value.message == "'a' is not a flag: a flag is NAME=VALUE"


def test_a_long_value_is_not_repeated_whole() -> None:
    operation = Operation("op", flags={"a": Flag("a", type="number")})
    with pytest.raises(GuildError) as error:
        flags.flag_values(operation, [f"a={'x' * 100_000}"])
    assert len(error.value.message) < 150


# Values as people write and see them.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-1", -1),
        ("+1", 1),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("10:30", "10:30"),
        ("yes", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("[1, b]", [1, "b"]),
        ("'10'", "10"),
        ('"a b"', "a b"),
        ("a b", "a b"),
        ("{a: 1}", "{a: 1}"),
        ("a: 1", "a: 1"),
        ("- a", "- a"),
        ("a\nb", "a\nb"),
        ("", ""),
        ("  ", "  "),
        ("#x", "#x"),
        ("*x", "*x"),
        ("'unfinished", "'unfinished"),
        ("2026-01-01", "2026-01-01"),
        ("[1, 2", "[1, 2"),
    ],
)
def test_a_word_is_a_value_where_yaml_says_so_and_else_text(text: str, value: object) -> None:
    assert (plain_value(text), type(plain_value(text))) == (value, type(value))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=40)
)


@given(st.booleans() | st.none() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False))
def test_a_number_yes_no_or_null_is_read_back_from_what_is_shown(value: object) -> None:
    assert plain_value(shown(value)) == value
    assert type(plain_value(shown(value))) is type(value)


@given(st.from_regex(r"[A-Za-z0-9_./+-]{1,20}", fullmatch=True))
@example("yes")
@example("10")
@example("1.0e3")
@example("null")
def test_a_word_of_text_is_read_back_as_text(value: str) -> None:
    assert plain_value(shown(value)) == value


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=30))
@example("it's")
@example("both ' and \"")
@example("a\\b")
@example("é")
def test_a_text_on_one_line_is_read_back_as_it_was(value: str) -> None:
    assert plain_value(shown(value)) == value


@given(scalars | st.lists(scalars, max_size=3))
def test_what_is_shown_is_on_one_line(value: object) -> None:
    assert "\n" not in shown(value)


def test_a_list_is_shown_with_its_items_unchanged() -> None:
    assert "a - b" in shown(["a - b"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10, "10"),
        (0.1, "0.1"),
        (True, "yes"),
        (False, "no"),
        (None, "null"),
        ("cnn", "cnn"),
        ("a b", "'a b'"),
        ("10", "'10'"),
        ("yes", "'yes'"),
        ("$x", "'$x'"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_value_is_shown_as_people_write_it(value: object, text: str) -> None:
    assert shown(value) == text


# The label.


def test_a_label_is_the_flags_in_the_order_of_their_names() -> None:
    assert label.label_of(op(), {"b": 2, "a": "x y", "none": None}) == "a='x y' b=2"


def test_an_operations_own_label_has_the_values_in_it() -> None:
    operation = Operation("op", label="run ${a} of ${b} ${gone} $a")
    assert label.label_of(operation, {"a": 1, "b": True}) == "run 1 of 1 ${gone} $a"


def test_a_label_does_not_read_a_value_as_a_variable() -> None:
    operation = Operation("op", label="${a}")
    assert label.label_of(operation, {"a": "${b}", "b": "secret"}) == "${b}"


def test_a_long_label_of_flags_is_cut() -> None:
    text = label.label_of(op(), {"a": "x" * 1000})
    assert (len(text), text[-3:]) == (200, "...")


# What a runner is to do.


def test_flags_go_to_arguments(tmp_path: Path) -> None:
    operation = Operation(
        "op",
        main="train --fast 'a b'",
        flags={
            "lr": Flag("lr", 0.1),
            "name": Flag("name", "cnn"),
            "size": Flag("size", 3, arg_name="the-size"),
            "none": Flag("none"),
            "on": Flag("on", True, switch=True),
            "off": Flag("off", False, switch=True),
            "loud": Flag("loud", True),
            "layers": Flag("layers", [1, 2], several=True),
        },
    )
    made = job(operation)
    assert made["module"] == "train"
    assert made["args"] == [
        *("--fast", "a b"),
        *("--lr", "0.1", "--name", "cnn", "--the-size", "3"),
        *("--on", "--loud", "true", "--layers", "1", "2"),
    ]


def test_a_value_that_begins_with_a_dash_is_not_an_option_of_its_own() -> None:
    assert job(op(x="--help"))["args"] == ["--x=--help"]


def test_flags_go_to_globals_by_the_names_of_globals() -> None:
    operation = Operation(
        "op",
        main="train",
        flags={"lr": Flag("lr", 1, global_name="lr"), "a-b": Flag("a-b", 2, global_name="a_b")},
        flags_dest="globals",
    )
    made = job(operation)
    assert made["args"] == []
    assert json.loads(made["env"]["GUILD_GLOBALS"]) == {"lr": "lr", "a-b": "a_b"}
    assert made["env"]["GUILD_FLAGS_DEST"] == "globals"


def test_a_flag_taken_by_force_goes_to_globals_too() -> None:
    operation = Operation("op", main="train", flags_dest="globals")
    made = command_of(operation, {"new-flag": 1})
    assert json.loads(made["env"]["GUILD_GLOBALS"]) == {"new-flag": "new_flag"}


def test_flags_are_variables_whatever_their_destination() -> None:
    operation = Operation("op", main="train", flags_dest="env", env={"A": "1"})
    values = {"learning-rate": 0.1, "on": True, "off": False, "none": None, "text": "a b"}
    made = command_of(operation, values)
    assert made == {
        "op": "op",
        "module": "train",
        "args": [],
        "env": {
            "FLAG_LEARNING_RATE": "0.1",
            "FLAG_ON": "1",
            "FLAG_OFF": "",
            "FLAG_NONE": "",
            "FLAG_TEXT": "a b",
            "GUILD_FLAGS_DEST": "env",
            "A": "1",
        },
    }


def test_a_command_has_values_within_its_words() -> None:
    operation = Operation("op", exec="echo --x=${x} '${y} and' ${x}${y} plain")
    made = command_of(operation, {"x": 1, "y": "b c"})
    assert made["argv"] == ["echo", "--x=1", "b c and", "1b c", "plain"]
    assert "module" not in made


def test_a_command_may_have_all_flags_as_arguments() -> None:
    operation = Operation("op", exec="python x.py ${flag_args}")
    made = command_of(operation, {"a": 1, "b": "x y", "none": None})
    assert made["argv"] == ["python", "x.py", "--a", "1", "--b", "x y"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_comes_out_of_a_command_as_one_unchanged_word(text: str) -> None:
    flag = Flag("x", type="string")
    operation = Operation("op", exec="run --x=${x} ${x} end", flags={"x": flag})
    made = job(operation, f"x={text}")
    assert made["argv"] == ["run", f"--x={text}", text, "end"]


@pytest.mark.parametrize("text", sorted({*HOSTILE} - {"~"}), ids=range(len(HOSTILE) - 1))
def test_a_hostile_value_is_text_without_a_type_too(text: str) -> None:
    assert flags.flag_values(op(x=""), [f"x={text}"]) == {"x": text}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_comes_out_of_arguments_and_variables_unchanged(text: str) -> None:
    operation = Operation("op", main="train", flags={"x": Flag("x", type="string")})
    made = job(operation, f"x={text}")
    assert made["args"] in (["--x", text], [f"--x={text}"])
    assert made["env"]["FLAG_X"] == text
    assert json.loads(json.dumps(made)) == made


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_no_value_adds_or_splits_a_word_of_a_command(text: str) -> None:
    operation = Operation("op", exec="a ${x} b")
    assert command_of(operation, {"x": text})["argv"] == ["a", text, "b"]


def test_a_value_with_a_nul_is_refused_as_no_process_can_have_it() -> None:
    with pytest.raises(GuildError) as error:
        command_of(op(x="a\0b"), {"x": "a\0b"})
    assert error.value.message == "a value of FLAG_X has a NUL character in it"


def test_a_command_with_a_flag_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(ConfigError) as error:
        command_of(Operation("op", exec="echo ${gone}"), {})
    assert error.value.message == "exec: there is no flag 'gone': echo ${gone}"


@pytest.mark.parametrize("command", ["echo 'a", " "])
def test_a_command_that_is_no_line_of_words_is_a_fault(command: str) -> None:
    with pytest.raises(ConfigError):
        command_of(Operation("op", exec=command), {})


def test_a_main_that_is_no_line_of_words_is_a_fault() -> None:
    with pytest.raises(ConfigError):
        command_of(Operation("op", main="train 'a"), {})


def test_an_operation_with_nothing_to_run_is_said_to_have_none(tmp_path: Path) -> None:
    operation = only(tmp_path, "op: {stoppable: yes}")
    with pytest.raises(GuildError) as error:
        command_of(operation, {})
    assert (
        error.value.message == "operation 'op' has none of main, exec and steps (it has stoppable)"
    )


def test_a_number_is_an_argument_that_python_reads_back() -> None:
    for number in (1e-7, 1e300, 0.1, -0.0):
        (word,) = [w for w in job(op(x=number))["args"] if w != "--x"]
        assert float(word.removeprefix("--x=")) == number


# A script by itself.


def test_a_script_is_a_project_of_one_operation(tmp_path: Path) -> None:
    script = project(tmp_path, "", train="lr = 0.1\n") / "train.py"
    found, operation = guildfile.of_script(script)
    assert (found.folder, operation.name, operation.main) == (tmp_path, "train.py", "train")
    assert operation.flags["lr"].default == 0.1


def test_a_script_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        guildfile.of_script(tmp_path / "gone.py")
    assert error.value.message == f"there is no script {tmp_path}/gone.py"


def test_a_scripts_name_may_have_spaces(tmp_path: Path) -> None:
    (tmp_path / "my script.py").write_text("lr = 1\n")
    _, operation = guildfile.of_script(tmp_path / "my script.py")
    assert command_of(operation, {})["module"] == "my script"
