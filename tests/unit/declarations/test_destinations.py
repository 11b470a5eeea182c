"""`flags-dest` and `flags-import` of an operation, and the keys of its flags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import job, message, only

from guild_sync.declarations.destinations import is_destination
from guild_sync.jobs import command
from guild_sync.jobs.job import plain_values
from guild_sync.project import flags
from guild_sync.project.flags import Choice
from guild_sync.project.values import Several

MODULE = "params = {'a': 1, 'b': {'c': 'x'}}\nx = 1\n"


@pytest.mark.parametrize(
    "dest",
    ["args", "args:click", "globals", "global:x", "dict:x", "namespace:x", "config:a/b.yml", "env"],
)
def test_where_flags_can_go(dest: str) -> None:
    assert is_destination(dest)


@pytest.mark.parametrize(
    "dest",
    [
        "",
        "strange",
        "dict",
        "dict:",
        "dict:a.b",
        "dict:a b",
        "config:",
        "config:a\0",
        "env:x",
        "x:y",
    ],
)
def test_what_is_no_destination_is_a_fault(tmp_path: Path, dest: str) -> None:
    assert not is_destination(dest)
    found = message(tmp_path, f"op: {{main: m, flags-dest: {json.dumps(dest)}}}")
    assert "op: flags-dest: must be one of args, args:NAME, globals" in found


@pytest.mark.parametrize("dest", ["dict:params", "global:params", "namespace:params"])
def test_the_destination_decides_what_is_imported(tmp_path: Path, dest: str) -> None:
    text = f"op: {{main: m, flags-dest: '{dest}', flags-import: all}}"
    found = only(tmp_path, text, m=MODULE)
    assert {name: flag.default for name, flag in found.flags.items()} == {"a": 1, "b.c": "x"}
    assert found.flags_dest == dest


@pytest.mark.parametrize(
    ("keys", "imported"),
    [
        ("flags-import: all", ["a", "b.c"]),
        ("flags-import: yes", ["a", "b.c"]),
        ("flags-import: no", []),
        ("flags-import: []", []),
        ("flags-import: [b.c]", ["b.c"]),
        ("flags-import: a", ["a"]),
        ("flags-import: all, flags-import-skip: [a]", ["b.c"]),
        ("flags-import: all, flags-import-skip: a", ["b.c"]),
        ("flags-import: all, flags-import-skip: [a], flags: {a: 2}", ["a", "b.c"]),
        ("flags: {a: 2}", ["a"]),
        ("flags: {n: 2}", ["n"]),
        ("description: none of them", []),
    ],
)
def test_flags_import_says_which_have_values(
    tmp_path: Path, keys: str, imported: list[str]
) -> None:
    found = only(tmp_path, f"op: {{main: m, flags-dest: 'dict:params', {keys}}}", m=MODULE)
    assert sorted(name for name, flag in found.flags.items() if not flag.offered) == imported


def test_without_flags_import_what_the_module_has_can_be_given(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: m}", m="x = 1\ny = 2\n")
    assert "FLAG_X" not in job(found)["env"]
    assert job(found, "x=3")["env"]["FLAG_X"] == "3"


def test_a_flag_without_a_default_has_the_modules(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: m, flags: {x: {min: 0}, y: null}}", m="x = 1\ny = 2\n")
    assert (found.flags["x"].default, found.flags["y"].default) == (1, 2)


def test_only_what_differs_is_put_into_a_nested_destination(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: m, flags-dest: 'dict:params', flags-import: all}", m=MODULE)
    assert job(found)["env"]["GUILD_NESTED"] == "{}"
    assert job(found, "b.c=y", "a=1")["env"]["GUILD_NESTED"] == '{"b.c": "y"}'


def test_a_list_in_guild_yml_is_a_batch(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {exec: x, flags: {a: [1, 2], b: [], c: {default: [x, [1, 2]]}}}")
    assert {name: flag.default for name, flag in found.flags.items()} == {
        "a": Several((1, 2)),
        "b": [],
        "c": Several(("x", [1, 2])),
    }


def test_a_list_of_a_flag_that_takes_lists_is_its_value(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: m, flags: {x: [3]}}", m="x = [1, 2]\n")
    assert found.flags["x"].default == [3]


def test_keys_of_a_flag_are_read(tmp_path: Path) -> None:
    text = """
op:
  exec: x
  flags:
    a:
      alias: ay
      allow-other: yes
      env-name: AY
      env-encoding: {yes: 'on', 5: five}
      null-label: no
      distribution: uniform
      choices: [1, {value: 5, alias: high, description: much, flags: {b: 2}}]
    b: 1
"""
    operation = only(tmp_path, text)
    found = operation.flags["a"]
    assert (found.alias, found.allow_other, found.null_label) == ("ay", True, "no")
    assert found.details == (Choice(5, "high", "much", {"b": 2}),)
    assert job(operation, "ay=high")["env"]["AY"] == "five"
    env = job(operation, "a=yes")["env"]
    assert (env["AY"], env["FLAG_B"], "FLAG_A" in env) == ("on", "1", False)


def test_a_variable_of_a_flag_wins_over_env(tmp_path: Path) -> None:
    text = (
        "op: {exec: x, env: {A: mine, FLAG_B: mine}, flags: {a: {env-name: A, default: 1}, b: 1}}"
    )
    env = job(only(tmp_path, text))["env"]
    assert (env["A"], env["FLAG_B"]) == ("1", "mine")


def test_a_type_that_is_none_is_a_warning_and_its_values_are_taken(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {exec: x, flags: {a: {type: strange, default: 5}}}")
    assert found.flags["a"].type is None
    auto = only(tmp_path, "op: {exec: x, flags: {a: {type: auto, default: 5}}}")
    assert auto.flags["a"].type is None


def test_a_flag_encoder_is_refused_in_a_line(tmp_path: Path) -> None:
    assert "op: flag-encoder: " in message(tmp_path, "op: {main: m, flag-encoder: 'm:encode'}")


@pytest.mark.parametrize("wanted", ["7", "{a: 1}", "1.5"])
def test_flags_import_of_another_form_is_a_fault(tmp_path: Path, wanted: str) -> None:
    assert "op: flags-import: " in message(tmp_path, f"op: {{main: m, flags-import: {wanted}}}")


def test_a_config_file_is_kept_with_the_operation(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("a: {b: 1}\n")
    found = only(tmp_path, "op: {exec: x, flags-dest: 'config:c.yml', flags-import: all}")
    assert found.config is not None and found.config.text == "a: {b: 1}\n"
    assert job(found, "a.b=2")["config"] == {
        "path": "c.yml",
        "source": "c.yml",
        "text": "a:\n  b: 2\n",
        "problem": "",
    }


def test_a_config_file_that_is_not_there_is_told_when_the_operation_runs(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {exec: x, flags-dest: 'config:c.yml', flags: {a: 1}}")
    assert job(found)["config"]["problem"] == "the config file c.yml is not there"


GLOBALS = "f_int = 6\nf_str = 'hi'\nf_bool = False\n"


@pytest.mark.parametrize("dest", ["no", "off", "'no'", "'off'", "none"])
def test_flags_go_nowhere_but_into_the_environment_where_that_is_said(
    tmp_path: Path, dest: str
) -> None:
    text = f"op: {{main: module, flags-dest: {dest}, flags: {{f_int: 7}}}}"
    operation = only(tmp_path, text, module=GLOBALS)
    job = command.command_of(operation, {"f_int": 7})

    assert operation.faults == ()
    assert (job["args"], job["env"]["FLAG_F_INT"]) == ([], "7")
    assert "GUILD_GLOBALS" not in job["env"]


def test_a_flag_may_be_called_otherwise_than_the_global_that_it_sets(tmp_path: Path) -> None:
    text = """
op:
  main: module
  flags-import: [f_int, f_str, f_bool]
  flags:
    text: {arg-name: f_str, default: hi2}
    yes-or-no: {arg-name: f_bool}
    other: {arg-name: none-there, default: 1}
"""
    operation = only(tmp_path, text, module=GLOBALS)
    values = plain_values(flags.flag_values(operation, ["yes-or-no=yes"]))
    env = command.command_of(operation, values)["env"]

    assert values == {"f_int": 6, "text": "hi2", "yes-or-no": True, "other": 1}
    assert json.loads(env["GUILD_GLOBALS"]) == {
        "text": "f_str", "yes-or-no": "f_bool", "other": "none_there"
    }  # fmt: skip


def test_a_flag_may_be_called_otherwise_than_the_option_that_it_is(tmp_path: Path) -> None:
    source = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('-e', type=int, default=3)\n"
        "p.add_argument('--fast', action='store_true')\np.parse_args()\n"
    )
    text = (
        "op: {main: module, flags-import: all, "
        "flags: {epochs: {arg-name: e}, quick: {arg-name: fast, default: yes}}}"
    )
    operation = only(tmp_path, text, module=source)
    values = plain_values(flags.flag_values(operation, ["epochs=5"]))

    assert values == {"epochs": 5, "quick": True}
    assert command.command_of(operation, values)["args"] == ["-e", "5", "--fast"]


def test_a_flag_may_be_called_otherwise_than_what_it_is_in_a_config_file(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"a": 0, "d": {"a": 1, "b": [true, 1.5, "x y"]}}')
    text = (
        "op: {main: module, flags-dest: 'config:c.json', flags-import: all, "
        "flags: {a: {arg-name: d.a, default: 2}}}"
    )
    operation = only(tmp_path, text, module="")
    values = plain_values(flags.flag_values(operation, []))
    written = command.command_of(operation, values)["config"]["text"]

    assert values == {"a": 2, "d.b": "true 1.5 'x y'"}
    assert json.loads(written) == {"a": 0, "d": {"a": 2, "b": [True, 1.5, "x y"]}}


def test_a_config_file_may_be_a_template(tmp_path: Path) -> None:
    (tmp_path / "c.yml.in").write_text("x: 1\n")
    text = "op: {main: module, flags-dest: 'config:c.yml.in', requires: {config: c.yml.in}}"
    operation = only(tmp_path, text, module="")
    config = command.command_of(operation, {"x": 2})["config"]

    assert operation.faults == ()
    assert (config["path"], config["text"]) == ("c.yml.in", "x: 2\n")
