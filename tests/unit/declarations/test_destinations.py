"""Where flags go, and what they are called there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import only

from guild_sync.jobs import command
from guild_sync.jobs.job import plain_values
from guild_sync.project import flags

MODULE = "f_int = 6\nf_str = 'hi'\nf_bool = False\n"


@pytest.mark.parametrize("dest", ["no", "off", "'no'", "'off'", "none"])
def test_flags_go_nowhere_but_into_the_environment_where_that_is_said(
    tmp_path: Path, dest: str
) -> None:
    text = f"op: {{main: module, flags-dest: {dest}, flags: {{f_int: 7}}}}"
    operation = only(tmp_path, text, module=MODULE)
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
    operation = only(tmp_path, text, module=MODULE)
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
