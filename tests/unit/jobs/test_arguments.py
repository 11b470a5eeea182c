"""How values become words: the `arg-` keys of guild.yml, as Guild AI 0.9 has them, and places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import job, message, only

from guild_sync.agent.protocol import Value
from guild_sync.errors import ConfigError
from guild_sync.jobs import recipe
from guild_sync.jobs.arguments import arguments
from guild_sync.project import flags


def words(folder: Path, flag: str, *assignments: str, main: str = "module") -> list[str]:
    """The arguments of an operation whose only flag is this one."""
    text = f"op: {{main: '{main}', flags-dest: args, flags: {{x: {flag}}}}}"
    made: list[str] = job(only(folder, text), *assignments)["args"]
    return made


# Each line is what Guild AI 0.9.0 does with --print-cmd, which is what is expected here.
@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("1", ["--x", "1"]),
        ("yes", ["--x", "1"]),
        ("no", ["--x", ""]),
        ("null", []),
        ("''", ["--x", ""]),
        ("1e-7", ["--x", "1e-07"]),
        ("1.0", ["--x", "1.0"]),
        ("{default: {a: 1}}", ["--x", "{'a': 1}"]),
        ("{default: 1, arg-name: aa}", ["--aa", "1"]),
        ("{default: 1, arg-skip: yes}", []),
        ("{default: 1, arg-skip: no}", ["--x", "1"]),
        ("{default: yes, arg-switch: yes}", ["--x"]),
        ("{default: no, arg-switch: yes}", []),
        ("{default: no, arg-switch: no}", ["--x"]),
        ("{default: 5, arg-switch: 5}", ["--x"]),
        ("{default: low, arg-switch: low}", ["--x"]),
        ("{default: , arg-switch: yes}", []),
        ("{default: a b c, arg-split: yes}", ["--x", "a", "b", "c"]),
        ("{default: \"a 'b c'\", arg-split: yes}", ["--x", "a", "b c"]),
        ("{default: \"a 'b c'\", arg-split: shlex}", ["--x", "a", "b c"]),
        ("{default: 'a,b,c', arg-split: ','}", ["--x", "a", "b", "c"]),
        ("{default: 'a, b', arg-split: ','}", ["--x", "a", " b"]),
        ("{default: 'a,,b,', arg-split: ','}", ["--x", "a", "b"]),
        ("{default: 'a::b', arg-split: '::'}", ["--x", "a", "b"]),
        ("{default: a  b, arg-split: ' '}", ["--x", "a", "b"]),
        ("{default: a b, arg-split: no}", ["--x", "a b"]),
        ("{default: '', arg-split: yes}", []),
        ("{default: , arg-split: yes}", []),
        ("{default: yes, arg-encoding: {yes: 'on', no: 'off'}}", ["--x", "on"]),
        ("{default: 3, arg-encoding: {3: three}}", ["--x", "three"]),
        ("{default: other, arg-encoding: {three: 3}}", ["--x", "other"]),
        ("{default: yes, arg-encoding: {yes: no}}", ["--x", ""]),
        ("{default: yes, arg-encoding: {true: }}", ["--x", ""]),
        ("{default: , arg-encoding: {null: none}}", []),
    ],
)
def test_a_flag_is_written_as_its_keys_say(tmp_path: Path, flag: str, expected: list[str]) -> None:
    assert words(tmp_path, flag) == expected


def test_an_encoding_takes_numbers_too_and_words_of_a_split_one_by_one(tmp_path: Path) -> None:
    """Guild AI ends with a traceback at these two."""
    assert words(tmp_path, "{default: three, arg-encoding: {three: 3}}") == ["--x", "3"]
    flag = "{default: a b, arg-split: yes, arg-encoding: {a: AA}}"
    assert words(tmp_path, flag) == ["--x", "AA", "b"]
    assert words(tmp_path, "{default: 5, arg-split: yes}") == ["--x", "5"]


@pytest.mark.parametrize(
    "flag",
    [
        "{arg-skip: maybe}",
        "{arg-split: [1]}",
        "{arg-encoding: text}",
        "{arg-encoding: {a: [1]}}",
        "{arg-encoding: {!!binary YQ==: 1}}",
        "{arg-split: !!binary YQ==}",
        "{arg-switch: !!set {a}}",
        "{default: !!set {a}}",
        "{default: [!!binary YQ==]}",
        "{arg-switch: {a: 1}}",
    ],
)
def test_a_key_that_does_not_fit_is_a_fault(tmp_path: Path, flag: str) -> None:
    said = message(tmp_path, f"op: {{main: a, flags: {{x: {flag}}}}}")
    assert "flags: x:" in said or "nothing is read from a value of the kind" in said


def test_a_key_of_guild_yml_has_the_last_word_over_the_source(tmp_path: Path) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', nargs='+')\n"
    source += "p.add_argument('--y', action=argparse.BooleanOptionalAction)\n"
    text = "op: {main: module, flags: {x: {arg-split: no, arg-name: X}, y: {arg-name: z}}}"
    made = job(only(tmp_path, text, module=source), "x=a b", "y=no")
    assert made["args"] == ["--X", "a b", "--no-z"]


def test_flags_may_be_left_out_of_the_arguments_by_default(tmp_path: Path) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--y')\n"
    text = """
    op:
      main: module
      flags-import: all
      default-flag-arg-skip: yes
      flags: {x: 1, z: {default: 2, arg-skip: no}}
    """
    made = job(only(tmp_path, text, module=source), "y=3")
    assert made["args"] == ["--z", "2"]
    assert made["env"]["FLAG_X"] == "1"
    assert "default-flag-arg-skip" in message(tmp_path, "op: {main: a, default-flag-arg-skip: 7}")


# What is typed for an option of which argparse makes text.

NUMERIC, TEXT = ", default=5", ", type=str"


@pytest.mark.parametrize(
    ("option", "flag", "given", "value", "word"),
    [
        (NUMERIC, "{}", "x=yes", "yes", "yes"),
        (NUMERIC, "{}", "x=no", "no", "no"),
        (NUMERIC, "{}", "x=many", "many", "many"),
        (NUMERIC, "{}", "x=6", 6, "6"),
        (NUMERIC, "{}", "x=1e3", 1000.0, "1000.0"),
        (NUMERIC, "{}", "x=null", None, None),
        (NUMERIC, "{default: yes}", "", True, "1"),
        (TEXT, "{}", "x=6", 6, "6"),
        (TEXT, "{}", "x=0.10", "0.10", "0.10"),
        (TEXT, "{}", "x=007", "007", "007"),
        (TEXT, "{}", "x=yes", "yes", "yes"),
        (TEXT, "{}", "x=null", "null", "null"),
        (TEXT, "{}", "x='6'", "6", "6"),
        (TEXT, "5", "", 5, "5"),
        (TEXT, "{default: 5, min: 3}", "", 5, "5"),
        (TEXT, "{min: 3}", "x=4e1", 40.0, "40.0"),
        (TEXT, "{default: 5, choices: [5, 6]}", "x=6", 6, "6"),
        (TEXT, "{default: 5, choices: [5, 6]}", "", 5, "5"),
        ("", "{choices: [1, 2]}", "x=2", 2, "2"),
        (", default='a'", "{max: 9}", "x=2", 2, "2"),
        (", choices=['a', '6']", "{}", "x=6", "6", "6"),
        (", type=int", "{}", "x=6", 6, "6"),
        (", type=open, default=5", "{}", "x=yes", True, "True"),
        (", nargs='?', const=True, default=5", "{}", "x=yes", True, ""),
    ],
)
def test_what_is_typed_arrives_and_is_recorded_as_a_number_where_it_is_one(
    tmp_path: Path, option: str, flag: str, given: str, value: Value, word: str | None
) -> None:
    source = f"import argparse\np = argparse.ArgumentParser()\np.add_argument('--x'{option})\n"
    operation = only(tmp_path, f"op: {{main: module, flags: {{x: {flag}}}}}", module=source)
    found = flags.flag_values(operation, given.split())["x"]
    assert (type(found), found) == (type(value), value)
    expected = [] if word is None else ["--x", *([word] if word else [])]
    assert job(operation, *given.split())["args"] == expected


def test_fire_reads_values_by_itself_and_gets_text_in_quotes(tmp_path: Path) -> None:
    source = "import fire\ndef f(x='a'): pass\nfire.Fire(f)\n"
    operation = only(tmp_path, "op: {main: module, flags: {x: {}}}", module=source)
    assert job(operation, "x=6")["args"] == ["--x", "'6'"]


# What `main` says itself.


def test_main_may_name_flags(tmp_path: Path) -> None:
    main = 'module ${x} --n=${x} "${x} z" x${x}'
    flag = "{default: a b, arg-skip: yes}"
    expected = ["a b", "--n=a b", "a b z", "xa b"]
    assert words(tmp_path, flag, main=main) == expected
    assert words(tmp_path, "{default: , arg-skip: yes}", main="module ${x}") == [""]


def test_a_flag_that_main_names_is_an_option_too_unless_it_is_to_be_left_out(
    tmp_path: Path,
) -> None:
    assert words(tmp_path, "5", main="module --seed ${x}") == ["--seed", "5", "--x", "5"]


def test_main_with_a_flag_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        words(tmp_path, "5", main="module ${y}")
    assert error.value.message == "main: there is no flag 'y': module ${y}"


def test_an_option_that_main_has_is_not_written_again_unless_it_is_asked_for(
    tmp_path: Path,
) -> None:
    assert words(tmp_path, "5", main="module --x 7") == ["--x", "7"]
    assert words(tmp_path, "5", main="module --x=7") == ["--x=7"]
    assert words(tmp_path, "{default: yes, arg-switch: yes}", main="module --x") == ["--x"]
    assert words(tmp_path, "5", "x=6", main="module --x 7") == ["--x", "7", "--x", "6"]


def test_a_command_may_have_all_flags_as_arguments_as_a_module_has_them(tmp_path: Path) -> None:
    text = """
    op:
      exec: 'echo ${flag_args} ${a}'
      flags: {a: {default: 1, arg-skip: yes}, t: yes, w: {default: yes, arg-switch: yes}}
    """
    assert job(only(tmp_path, text))["argv"] == ["echo", "--t", "1", "--w", "1"]


# What a run keeps.


def test_an_operation_that_its_run_keeps_is_written_as_at_first(tmp_path: Path) -> None:
    source = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--size", type=int, nargs=2, default=(1, 2))
p.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--lr", type=float, default=0.1)
p.add_subparsers().add_parser("train")
"""
    text = "op: {main: module train, flags: {lr: {arg-encoding: {0.5: half}, arg-split: ','}}}"
    operation = only(tmp_path, text, module=source)
    kept = recipe.operation_of(of_run(recipe.definition(operation)))
    assert kept == operation and kept is not None
    values: dict[str, Value] = {"size": [3, 4], "amp": False, "lr": 0.5}
    assert arguments(kept, values, ("train",)) == arguments(operation, values, ("train",))
    assert arguments(kept, {"size": [1, 2], "amp": True, "lr": 0.1}, ("train",)) == ["train"]


def test_an_operation_that_an_earlier_guild_kept_is_written_as_it_did(tmp_path: Path) -> None:
    operation = only(tmp_path, "op: {main: module, flags-dest: args, flags: {x: yes, y: 1}}")
    data: Any = recipe.definition(operation)
    for flag in data["flags"].values():
        del flag["spelling"], flag["own"]
    kept = recipe.operation_of(of_run(data))
    assert kept is not None
    assert arguments(kept, {"x": False, "y": 2}, ()) == ["--x", "false", "--y", "2"]


def of_run(operation: Any) -> Any:
    """What is known of a run that keeps this operation."""
    return {"id": "1" * 32, "work": {"op": "op", "operation": operation}}
