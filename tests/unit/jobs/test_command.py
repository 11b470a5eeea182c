"""What a command line makes of an operation: words, variables, globals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import HOSTILE, job, only, op

from guild_sync.errors import ConfigError, GuildError
from guild_sync.jobs import recipe
from guild_sync.jobs.command import command_of
from guild_sync.project import flags
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Flag


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
        *("--layers", "1", "2", "--loud", "1", "--lr", "0.1", "--name", "cnn"),
        *("--on", "--the-size", "3"),  # by the names of the flags, as Guild AI has them
    ]


def test_the_words_behind_a_module_may_name_flags() -> None:
    operation = Operation("op", main="top --x ${n} 'b ${n}' $n ${n}", flags={"n": Flag("n", "a b")})
    assert job(operation)["args"] == ["--x", "a b", "b a b", "$n", "a b", "--n", "a b"]
    with pytest.raises(ConfigError) as error:
        job(Operation("op", main="top ${nope}"))
    assert error.value.message == "main: there is no flag 'nope': top ${nope}"


def test_a_value_that_begins_with_a_dash_is_not_an_option_of_its_own() -> None:
    assert job(op(x="--help"))["args"] == ["--x=--help"]


def test_a_run_keeps_all_that_is_said_of_its_flags(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("a: 1\n")
    text = """
op:
  exec: x
  flags-dest: config:c.yml
  flags:
    a: {alias: ay, env-encoding: {1: one}, choices: [{value: 1, alias: one, flags: {b: 2}}]}
"""
    operation = only(tmp_path, text)
    kept = json.loads(json.dumps(recipe.definition(operation)))
    assert recipe._operation(kept) == operation
    # One of an earlier version has none of it.
    for key in ("details", "alias", "env_texts", "offered", "checked", "there"):
        del kept["flags"]["a"][key]
    del kept["config"]
    assert recipe._operation(kept).config is None


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


def test_all_flags_within_a_word_are_refused_and_it_is_said_where_they_belong() -> None:
    with pytest.raises(ConfigError) as error:
        command_of(Operation("op", exec="sh -c 'echo ${flag_args}'"), {})
    assert error.value.message == "exec: there is no flag 'flag_args': sh -c 'echo ${flag_args}'"
    assert error.value.hint.startswith("${flag_args} stands for several words: write it as a word")


@pytest.mark.parametrize("command", ["echo 'a", " "])
def test_a_command_that_is_no_line_of_words_is_a_fault(command: str) -> None:
    with pytest.raises(ConfigError):
        command_of(Operation("op", exec=command), {})


def test_a_main_that_is_no_line_of_words_is_a_fault() -> None:
    with pytest.raises(ConfigError):
        command_of(Operation("op", main="train 'a"), {})


def test_an_operation_with_nothing_to_run_is_said_to_have_none(tmp_path: Path) -> None:
    operation = only(tmp_path, "op: {notebook: x.ipynb}")
    with pytest.raises(GuildError) as error:
        command_of(operation, {})
    assert (
        error.value.message == "operation 'op' has none of main, exec and steps (it has notebook)"
    )


def test_a_number_is_an_argument_that_python_reads_back() -> None:
    for number in (1e-7, 1e300, 0.1, -0.0):
        (word,) = [w for w in job(op(x=number))["args"] if w != "--x"]
        assert float(word.removeprefix("--x=")) == number
