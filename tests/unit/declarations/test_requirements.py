"""`requires` and `steps` of guild.yml: what they say, what is wrong with them."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from guild_sync.agent.protocol import Job, Recipe, Value
from guild_sync.config.faults import refuse
from guild_sync.declarations import sources
from guild_sync.errors import ConfigError, GuildError
from guild_sync.guildfile import keys, reader
from guild_sync.jobs import command
from guild_sync.jobs.job import plain_values
from guild_sync.jobs.recipe import definition, flags_of, operation_of
from guild_sync.project import flags, operations
from guild_sync.project.definitions import Operation, Project, Requirement, Step
from guild_sync.project.flags import Flag
from guild_sync.project.values import Several


def recipe(**job: Any) -> Recipe:
    """What it takes to make a run with this job again."""
    return {
        "id": "1", "run_dir": "", "status": "completed", "remote": None, "exit_status": 0,
        "opref": {"type": "guildfile", "package": "", "version": "", "model": "", "name": "op"},
        "initialized": 1, "started": 1, "stopped": 2, "label": None, "flags": {}, "tags": None,
        "marked": None, "comments": None, "cmd": None, "opref_text": "",
        "work": Job(**job),  # type: ignore[typeddict-item]
        "random_seed": None, "confirmed": None,
    }  # fmt: skip


def load(folder: Path, operations: dict[str, Any]) -> Project:
    (folder / "guild.yml").write_text(yaml.safe_dump(operations, sort_keys=False))
    return reader.load(folder)


def read(folder: Path, **entry: Any) -> Operation:
    key = {} if "steps" in entry else {"exec": "true"}
    (operation,) = load(folder, {"op": {**key, **entry}}).operations
    return operation


def requirement(folder: Path, entry: Any) -> Requirement:
    (found,) = read(folder, requires=entry).requires
    return found


def step(folder: Path, entry: Any) -> Step:
    (found,) = read(folder, steps=[entry]).steps
    return found


def of_run(source: str) -> Requirement:
    return Requirement("operation", source, source, copy=True, flag=f"operation:{source}")


def faults(folder: Path, **entry: Any) -> str:
    with pytest.raises(ConfigError) as error:
        refuse(folder / "guild.yml", read(folder, **entry).faults)
    assert "\n" not in error.value.message
    return error.value.hint


# What an operation requires.


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("file:data.csv", Requirement("file", "data.csv", "data.csv")),
        ("operation:m:train", of_run("m:train")),
        ("operation:a, b.*", of_run("a, b.*")),
        ("config:c.yml", Requirement("config", "c.yml", "c.yml")),
        ("config:d/c.INI", Requirement("config", "d/c.INI", "d/c.INI")),
        ("module:a.b", Requirement("module", "a.b", "a.b")),
        ("https://h/a.zip", Requirement("url", "https://h/a.zip", "https://h/a.zip")),
        ("url:ftp://h/a", Requirement("url", "ftp://h/a", "ftp://h/a")),
        ({"file": "data/"}, Requirement("file", "data", "data/")),
        ({"file": "/"}, Requirement("file", "/", "/")),
        ({"file": "./../a/./b"}, Requirement("file", "../a/b", "./../a/./b")),
        ({"file": "a=b"}, Requirement("file", "a=b", "a=b")),
        ({"file": "${f}"}, Requirement("file", "${f}", "${f}")),
        ({"file": "a b", "name": "x"}, Requirement("file", "a b", "x", flag="x")),
        ({"file": "a", "flag-name": "x"}, Requirement("file", "a", "a", flag="x", has_flag=True)),
        ({"file": "d", "select-max": "(.)"}, Requirement("file", "d", "d", greatest=("(.)",))),
        ({"file": "d", "select-min": ["(.)"]}, Requirement("file", "d", "d", least=("(.)",))),
        ({"file": "d", "unpack": False}, Requirement("file", "d", "d", unpack=False)),
        ({"file": "d", "optional": True}, Requirement("file", "d", "d", optional=True)),
        ({"file": "d", "fail-if-empty": True}, Requirement("file", "d", "d", if_empty="fail")),
        ({"file": "d", "warn-if-empty": False}, Requirement("file", "d", "d", if_empty="pass")),
        ({"file": "d", "warn-if-empty": True}, Requirement("file", "d", "d")),
        ({"file": "d", "sha256": "aB" * 32}, Requirement("file", "d", "d", sha256="aB" * 32)),
        ({"file": "d", "sha256": "${h}"}, Requirement("file", "d", "d", sha256="${h}")),
        ({"file": "d", "replace-existing": True}, Requirement("file", "d", "d", replace=True)),
        ({"file": "d", "always-resolve": True}, Requirement("file", "d", "d", always=True)),
        (
            {"file": "d", "post-process": "sort d"},
            Requirement("file", "d", "d", post_process="sort d"),
        ),
        ({"file": "d", "private": True, "references": [1]}, Requirement("file", "d", "d")),
        ({"module": "m", "help": "pip"}, Requirement("module", "m", "m", help="pip")),
        ({"file": "d", "select": "a|b"}, Requirement("file", "d", "d", ("a|b",))),
        ({"file": "d", "select": ["a", "b"]}, Requirement("file", "d", "d", ("a", "b"))),
        ({"file": "d", "target-path": "x/y/"}, Requirement("file", "d", "d", target_path="x/y")),
        ({"file": "d", "path": "x"}, Requirement("file", "d", "d", target_path="x")),
        (
            {"operation": "t", "target-type": "link"},
            Requirement("operation", "t", "t", flag="operation:t", link=True),
        ),
        ({"file": "d", "target-type": "copy"}, Requirement("file", "d", "d", copy=True)),
        ({"file": "d", "target-type": "link"}, Requirement("file", "d", "d", link=True)),
        ({"file": "d", "preserve-path": True}, Requirement("file", "d", "d", keep_folders=True)),
    ],
)
def test_a_requirement_says_what_is_taken_and_how(
    tmp_path: Path, entry: Any, found: Requirement
) -> None:
    assert requirement(tmp_path, entry) == found
    assert requirement(tmp_path, [entry]) == found


@pytest.mark.parametrize(
    ("rename", "pairs"),
    [
        ("a b", [("a", "b")]),
        ("c.yml", [(".*", "c.yml")]),
        ("'a b' ''", [("a b", "")]),
        (r"'(a)' '\1-\g<1>'", [("(a)", r"\1-\g<1>")]),
        ("'(?i)a' b", [("(?i)a", "b")]),
        ({"pattern": "a", "repl": "b"}, [("a", "b")]),
        (["a b", {"pattern": "c", "repl": "d"}], [("a", "b"), ("c", "d")]),
    ],
)
def test_rename_is_a_pattern_and_what_takes_its_place(
    tmp_path: Path, rename: Any, pairs: list[tuple[str, str]]
) -> None:
    assert requirement(tmp_path, {"file": "x", "rename": rename}).rename == tuple(pairs)


@pytest.mark.parametrize("key", sorted({*keys.SOURCE, *keys.RESOURCE} - {"sources"}))
def test_a_key_without_a_value_is_as_if_it_were_not_there(tmp_path: Path, key: str) -> None:
    for entry in ({"file": "a"}, {"sources": ["a"]}):
        if key in entry or (key in sources.KINDS and "file" in entry):
            continue
        assert requirement(tmp_path, {**entry, key: None}) == requirement(tmp_path, entry)


def test_an_operation_may_require_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, requires=None).requires == ()
    assert read(tmp_path, requires=[]).requires == ()


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("data.csv", "the model has no resource 'data.csv'"),
        ("file:", "must be a resource's name, or have one of file, operation, config, module, url"),
        (7, "must be a resource's name, or have one of file, operation"),
        ({}, "must be a resource's name, or have one of file, operation"),
        ({"file": "a", "operation": "b"}, "must be a resource's name, or have one of"),
        ("url:x", "url: must be an address of http://, https:// or ftp://, not 'url:x'"),
        ("gopher://h/a", "url: must be an address of http://"),
        ("config:a.py", "config: must be a file that ends with one of .json, .yml"),
        ("operation:a(", "operation: 'a(' is no name, and no regular expression"),
        ({"file": "a", "select-max": "x"}, "select-max: 'x' has no group"),
        ({"file": "a", "select-min": "("}, "select-min: '(' is not a regular expression"),
        ({"file": "a", "sha256": "abc"}, "sha256: must be 64 hexadecimal digits"),
        ({"file": "a", "sha256": 12}, "sha256: must be 64 hexadecimal digits"),
        ({"file": "a", "help": 3}, "help: must be text"),
        ({"file": "a", "post-process": ["x"]}, "post-process: must be text"),
        ({"file": "a", "post-process": "x\0"}, "post-process: must be text"),
        ({"file": "a", "optional": "x"}, "optional: must be yes or no"),
        ({"file": "a", "unpack": 1}, "unpack: must be yes or no"),
        ({"sources": []}, "sources: must be a list"),
        ({"sources": [{"file": " "}]}, "source, entry 1: file: must be text"),
        ({"sources": ["a"], "name": 3}, "name: must be text on one line"),
        ({"file": ["a"]}, "file: must be text on one line"),
        ({"file": " "}, "file: must be text on one line"),
        ({"file": "a\nb"}, "file: must be text on one line"),
        ({"file": "a\0b"}, "file: must be text on one line"),
        ({"operation": "a\x1b[2J"}, "operation: must be text on one line"),
        ({"file": "a", "name": 1}, "name: must be text on one line"),
        ({"file": "a", "name": "a=b"}, "name: must have no '='"),
        ({"operation": "a=b"}, "name: must have no '='"),
        ({"file": "a", "flag-name": "a=b"}, "flag-name: must have no '='"),
        ({"file": "a", "target-type": "move"}, "target-type: must be one of copy, link"),
        ({"file": "a", "target-type": []}, "target-type: must be one of copy, link"),
        ({"file": "a", "select": "("}, "select: '(' is not a regular expression"),
        ({"file": "a", "select": [3]}, "select: 3 is not a regular expression"),
        ({"file": "a", "select": {"x": 1}}, "is not a regular expression"),
        ({"file": "a", "rename": "''"}, "rename: must be 'PATTERN TEXT'"),
        ({"config": "a.yml", "params": [1]}, "params: must be a mapping of names to values"),
        ({"config": "a.yml", "params": {1: 2}}, "params: must be a mapping of names to values"),
        ({"file": "a", "rename": "'x"}, "rename: must be 'PATTERN TEXT'"),
        ({"file": "a", "rename": "a b c"}, "rename: must be 'PATTERN TEXT'"),
        ({"file": "a", "rename": {"pattern": "x"}}, "rename: must be 'PATTERN TEXT'"),
        ({"file": "a", "rename": 3}, "rename: must be 'PATTERN TEXT'"),
        ({"file": "a", "rename": "( x"}, "is no pattern and its replacement"),
        ({"file": "a", "rename": r"a '\1'"}, "is no pattern and its replacement"),
        ({"file": "a", "rename": r"a '\g<x>'"}, "is no pattern and its replacement"),
        ({"file": "a", "target-path": ".."}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": "x/../../y"}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": "/x"}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": "x\ny"}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": ""}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": 3}, "target-path: must be a path in the run"),
        ({"file": "a", "target-path": ".guild"}, "target-path: .guild is guild's own"),
        ({"file": "a", "target-path": "./.guild/x"}, "target-path: .guild is guild's own"),
        ({"file": "a", "preserve-path": "x"}, "preserve-path: must be yes or no"),
    ],
)
def test_a_requirement_that_is_wrong_is_a_fault(tmp_path: Path, entry: Any, fault: str) -> None:
    found = faults(tmp_path, requires=entry)

    assert found.strip().startswith("op: requires: ")
    assert fault in found
    assert "op: requires, entry 2: " in faults(tmp_path, requires=["file:fine", entry])


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path, requires=[{"file": "a\n", "select": "("}, "x"], flags={"f": {"choices": 1}}
    )

    assert len(found.splitlines()) == 4


def test_a_key_that_guild_does_not_know_is_passed_over(tmp_path: Path) -> None:
    both = {"file": "a", "preserve-path": True, "target-path": "x"}
    resource = {"sources": ["a"], "rename": "a b"}
    requires = [{"file": "b", "x": 1}, both, resource]
    project = load(tmp_path, {"op": {"exec": "true", "requires": requires}})

    assert project.warnings == (
        "op: requires, entry 1: x is passed over: guild does not know it",
        "op: requires, entry 2: target-path is passed over: preserve-path says where the files go",
        "op: requires, entry 3: rename is passed over: it is a key of a source",
    )


def test_two_requirements_of_one_name_are_put_together(tmp_path: Path) -> None:
    found = read(tmp_path, requires=["file:a", "file:a", {"file": "b", "name": "a"}]).requires

    assert [(requirement.source, requirement.name) for requirement in found] == [
        ("a", "a"),
        ("b", "a"),
    ]


def of_resources(folder: Path, resources: Any, requires: Any = "r") -> list[Requirement]:
    """What an operation of a model with these resources requires."""
    operations = {"op": {"exec": "true", "requires": requires}}
    model = {"model": "m", "resources": resources, "operations": operations}
    (folder / "guild.yml").write_text(yaml.safe_dump([model], sort_keys=False))
    (operation,) = reader.load(folder).operations
    return list(operation.requires)


@pytest.mark.parametrize(
    "resource",
    [
        {"sources": ["a", {"file": "b"}]},
        {"sources": ["file:a", "file:b"]},
        {"sources": [{"file": "a"}, "b"], "private": True, "references": ["x"]},
        ["a", {"file": "b"}],
    ],
)
def test_a_resource_is_required_by_its_name(tmp_path: Path, resource: Any) -> None:
    found = of_resources(tmp_path, {"r": resource})

    assert found == [Requirement("file", "a", "r"), Requirement("file", "b", "r")]
    assert of_resources(tmp_path, {"r": resource}, {"resource": "r"}) == found


def test_a_resource_may_be_called_as_a_kind_of_source_is(tmp_path: Path) -> None:
    resources = {"file": {"file": "a"}, "url": ["file:b"]}
    found = of_resources(tmp_path, resources, ["file", "url", "file:c"])
    assert [(r.name, r.source) for r in found] == [("file", "a"), ("url", "b"), ("c", "c")]


def test_a_resource_may_be_one_source(tmp_path: Path) -> None:
    assert of_resources(tmp_path, {"r": {"file": "a"}}) == [Requirement("file", "a", "r")]
    assert of_resources(tmp_path, {"r": "file:a"}) == [Requirement("file", "a", "r")]


def test_what_a_resource_says_holds_for_sources_that_do_not_say_it(tmp_path: Path) -> None:
    sources = ["a.zip", {"file": "b", "path": "y", "target-type": "link", "unpack": True}]
    inline = {
        "sources": sources,
        "target-path": "x",
        "default-unpack": False,
        "target-type": "copy",
    }
    found = of_resources(tmp_path, {}, inline)

    first, second = found
    assert (first.name, second.name) == ("a.zip", "b")
    assert (first.target_path, first.unpack, first.copy) == ("x", False, True)
    assert (second.target_path, second.unpack, second.copy) == ("y", True, False)


def test_each_run_that_a_resource_requires_has_a_flag_of_its_own(tmp_path: Path) -> None:
    resource = {"sources": [{"operation": "a"}, {"operation": "b", "name": "c"}]}
    found = of_resources(tmp_path, {"r": resource})

    found_flags = [(r.name, r.flag, r.model) for r in found]
    assert found_flags == [("r", "operation:a", "m"), ("r", "c", "m")]


@pytest.mark.parametrize(
    ("resources", "fault"),
    [
        ({"a": {"file": "x"}, "b": {"file": "y"}}, "the model has no resource 'r': it has a, b"),
        ({"r": {"sources": [7]}}, "requires: resource r: source, entry 1: must be"),
        ({"r": ["s"], "s": ["r"]}, "resource r requires itself"),
    ],
)
def test_a_resource_that_is_wrong_is_a_fault(tmp_path: Path, resources: Any, fault: str) -> None:
    of_resources(tmp_path, resources)
    (operation,) = reader.load(tmp_path).operations
    assert fault in " ".join(operation.faults)


def test_a_required_run_has_a_flag_that_is_not_the_operations_own(tmp_path: Path) -> None:
    operation = read(
        tmp_path, requires=[{"operation": "train", "name": "model"}, "file:a"], flags={"x": 1}
    )
    values = plain_values(flags.flag_values(operation, ["model=12345678"]))

    assert list(operation.flags) == ["x", "model"]
    assert values == {"x": 1, "model": "12345678"}
    assert command.own_values(operation, values) == {"x": 1}
    assert "FLAG_MODEL" not in command.command_of(operation, values)["env"]


def test_a_flag_that_the_operation_has_says_the_run_or_the_file(tmp_path: Path) -> None:
    of_run = {"operation": "train", "name": "train"}
    requires = [of_run, {"file": "a", "name": "f"}, {"file": "b", "flag-name": "g"}]
    operation = read(tmp_path, requires=requires, flags={"train": None, "f": "x"})
    values = plain_values(flags.flag_values(operation, ["train=12345678", "g=y"]))
    job = command.command_of(operation, values)

    assert list(operation.flags) == ["train", "f", "g"]
    assert [form["source"] for form in job["requires"]] == ["train", "x", "y"]
    assert job["env"]["FLAG_TRAIN"] == "12345678"  # a flag of the operation's own
    assert "FLAG_G" not in job["env"]


def test_a_flag_of_the_operations_name_is_another_than_that_of_its_run(tmp_path: Path) -> None:
    """So it is for Guild AI 0.9, which gives `train=RUN` to the latter."""
    operation = read(tmp_path, requires="operation:train", flags={"train": 5})
    for words in (["train=12345678"], ["operation:train=12345678"]):
        values = plain_values(flags.flag_values(operation, words))
        assert values == {"train": 5, "operation:train": "12345678"}
        assert command.command_of(operation, values)["env"]["FLAG_TRAIN"] == "5"


def test_a_command_may_name_the_run_that_is_taken(tmp_path: Path) -> None:
    text = "echo ${operation:train}"
    operation = read(tmp_path, requires="operation:train", exec=text, label=text)
    values: dict[str, Value] = {"operation:train": "a" * 32}
    assert command.command_of(operation, values)["argv"] == ["echo", "a" * 32]
    with pytest.raises(ConfigError, match="there is no flag 'operation:train'") as error:
        command.command_of(operation, {"operation:train": None})  # of a step, before it starts
    assert error.value.hint.endswith("FLAG_OPERATION_TRAIN has it then.")


def test_the_flag_of_a_file_has_its_path_and_is_no_argument_unless_it_says_so(
    tmp_path: Path,
) -> None:
    requires = [
        {"file": "a.txt", "flag-name": "f"},
        {"file": "b.txt", "flag-name": "g"},
        {"file": "c.txt", "flag-name": "h"},
        {"file": "${f}.d", "flag-name": "i"},
        {"name": "r", "sources": [{"file": "d.txt", "name": "no"}]},
        {"operation": "t", "flag-name": False},
    ]
    own = {"g": {"description": "which"}, "h": {"default": "x", "arg-skip": False}}
    entry = {"main": "m", "flags": own, "flags-dest": "args", "requires": requires}
    (operation,) = load(tmp_path, {"op": entry}).operations
    values = plain_values(flags.flag_values(operation, []))
    job = command.command_of(operation, values)

    assert values == {"g": "b.txt", "h": "x", "f": "a.txt", "i": None, "operation:t": None}
    assert job["args"] == ["--h", "x"]
    found = [form["source"] for form in job["requires"]]
    assert found == ["a.txt", "b.txt", "x", "a.txt.d", "d.txt", "t"]


def test_params_are_put_into_a_configuration_and_flags_over_them(tmp_path: Path) -> None:
    params = {"lr": 7, "net.size": 3, "day": datetime.date(2026, 1, 2), "n": "${k}", "t": "k ${k}"}
    requires = {"config": "c.yml", "params": params}
    operation = read(tmp_path, requires=requires, flags={"lr": 0.1, "k": 4})
    (form,) = command.command_of(operation, plain_values(flags.flag_values(operation, [])))[
        "requires"
    ]

    assert operation.warnings == ()
    assert form["values"] == {
        "lr": 0.1, "net.size": 3, "day": "2026-01-02", "n": 4, "t": "k 4", "k": 4
    }  # fmt: skip


def test_a_configuration_has_what_flags_are_called_there_and_keeps_what_has_no_value(
    tmp_path: Path,
) -> None:
    own = {"lr": None, "depth": {"default": 3, "arg-name": "net.depth"}}
    operation = read(tmp_path, requires={"config": "c.yml"}, flags=own)
    values = plain_values(flags.flag_values(operation, []))
    (form,) = command.command_of(operation, values)["requires"]

    assert form["values"] == {"net.depth": 3}


def test_params_of_another_source_mean_nothing(tmp_path: Path) -> None:
    operation = read(tmp_path, requires={"file": "a", "params": {"x": 1}})
    assert operation.warnings == ("op: requires: params is passed over: it is a key of config",)


def test_values_of_flags_stand_in_what_is_required(tmp_path: Path) -> None:
    texts = {
        "file": "${d}/x", "select": "${d}[.]csv", "select-max": "${d}-(.)", "rename": "${d} ${e}",
        "target-path": "in/${e}", "sha256": "${h}", "post-process": "sort ${e} '${e}' ${other}",
    }  # fmt: skip
    operation = read(tmp_path, requires=texts, flags={"d": "a", "e": "b; rm x", "h": "0" * 64})
    (form,) = command.command_of(operation, plain_values(flags.flag_values(operation, [])))[
        "requires"
    ]

    assert (form["source"], form["select"], form["greatest"]) == ("a/x", ["a[.]csv"], ["a-(.)"])
    assert (form["rename"], form["target_path"]) == ([("a", "b; rm x")], "in/b; rm x")
    assert form["sha256"] == "0" * 64
    # A value is a variable of the shell's, never part of the command.
    assert form["post_process"].splitlines() == [
        "export GUILD_VALUE_1='b; rm x'",
        "sort ${GUILD_VALUE_1} '${GUILD_VALUE_1}' ${other}",
    ]


# Steps.


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("train", Step("train", "train", {})),
        ("m:train x=1 y='a b' z=", Step("m-train", "m:train", {"x": "1", "y": "a b", "z": ""})),
        ({"run": "p/train", "name": "first"}, Step("first", "p/train", {})),
        (
            {"run": "train x=1 y=2", "flags": {"x": [1, 2], "z": True, 3: None}},
            Step("train", "train", {"x": "[1, 2]", "y": "2", "z": "yes", "3": "null"}),
        ),
        ({"run": "train", "flags": {"x": "${y}"}}, Step("train", "train", {"x": "${y}"})),
        (
            {"run": "train", "flags": {"x": "logspace[-2:0:3]", "y": "a b"}},
            Step("train", "train", {"x": "logspace[-2:0:3]", "y": "'a b'"}),
        ),
    ],
)
def test_a_step_is_an_operation_and_its_flags(tmp_path: Path, entry: Any, found: Step) -> None:
    assert step(tmp_path, entry) == found


def test_steps_of_one_name_are_numbered(tmp_path: Path) -> None:
    steps = read(tmp_path, steps=["a", "a", "a", {"run": "b", "name": "a_2"}]).steps

    assert [step.name for step in steps] == ["a", "a_2", "a_3", "a_2_2"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (3, "must be 'OPERATION FLAG=VALUE ...', or have run"),
        (None, "must be 'OPERATION FLAG=VALUE ...', or have run"),
        ({}, "must be 'OPERATION FLAG=VALUE ...', or have run"),
        ({"run": ["a"]}, "must be 'OPERATION FLAG=VALUE ...', or have run"),
        ("", "run: must be a line of words"),
        ("'a", "run: no closing quotation: "),
        ("a b", "run: 'b' is not a flag"),
        ("a =b", "run: '=b' is not a flag"),
        ("a --x=1", "run: --x is no option that a step can have"),
        ({"run": "a", "flags": ["x"]}, "flags: must be a mapping"),
        ({"run": "a", "name": 3}, "name: 3 is none"),
        ({"run": "a", "name": ".."}, "name: '..' is none"),
        ({"run": "a", "name": ".guild"}, "name: '.guild' is none"),
        ({"run": "a", "name": "a/b"}, "name: 'a/b' is none"),
        ({"run": "a", "name": "a\n"}, "name: 'a\\n' is none"),
        ("-x", "run: -x is no option that a step can have"),
    ],
)
def test_a_step_that_is_wrong_is_a_fault(tmp_path: Path, entry: Any, fault: str) -> None:
    assert f"op: steps, entry 2: {fault}" in faults(tmp_path, steps=["fine", entry])


def test_steps_are_a_list_and_no_command_beside_them(tmp_path: Path) -> None:
    assert "op: steps: must be a list" in faults(tmp_path, steps="a")
    for key in ("exec", "main"):
        found = load(tmp_path, {"op": {key: "true", "steps": ["a"]}})
        assert found.warnings == (f"op: steps is passed over: {key} runs instead",)
        assert found.operations[0].steps == ()


def test_a_key_of_a_step_that_guild_does_not_know_is_passed_over(tmp_path: Path) -> None:
    project = load(tmp_path, {"op": {"steps": ["a", {"run": "a", "unheard-of": True}]}})

    assert project.warnings == (
        "op: steps, entry 2: unheard-of is passed over: guild does not know it",
    )


def test_steps_have_their_operations_and_those_theirs(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {"all": {"steps": ["some", "a"]}, "some": {"steps": ["a"]}, "a": {"exec": "true"}},
    )
    found = operations.with_steps(project, project.operations[0])

    first, second = (step.operation for step in found.steps)
    assert first and second
    assert first.steps[0].operation == second == project.operations[2]


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ({"a": ["a"]}, "a -> a"),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a -> b -> c -> a"),
        ({"a": ["b"], "b": ["b"]}, "b -> b"),
        ({"a": ["b", "c"], "b": ["c"], "c": ["d", "b"], "d": []}, "b -> c -> b"),
    ],
)
def test_steps_that_go_round_are_refused(
    tmp_path: Path, steps: dict[str, list[str]], way: str
) -> None:
    project = load(tmp_path, {name: {"steps": entries} for name, entries in steps.items()})
    with pytest.raises(ConfigError, match="fault") as error:
        operations.with_steps(project, project.operations[0])
    assert f"steps: {way} goes round" in error.value.hint


def test_the_flags_of_a_step_take_the_pipelines_values() -> None:
    texts = {"a": "${x}", "b": "is-${x}-${s}", "c": "${none}", "d": "plain", "e": "${s}"}
    values: dict[str, Value] = {"x": True, "s": "a b", "none": None}

    found = command.step_flags(Step("s", "s", texts), values)

    assert found == {"a": "yes", "b": "is-1-a b", "d": "plain", "e": "'a b'"}
    with pytest.raises(ConfigError, match="step s: the pipeline has no flag 'y'"):
        command.step_flags(Step("s", "s", {"a": "${y}"}), values)


# What a run keeps of them.


def test_a_run_keeps_requirements_and_steps_as_they_were(tmp_path: Path) -> None:
    rename = ["a b", {"pattern": "(c)", "repl": r"\1"}]
    config = {"config": "c.yml", "params": {"a": [1, {"b": None}]}}
    requires = [{"file": "d", "select": ["x"], "rename": rename}, "operation:m", config]
    project = load(
        tmp_path,
        {
            "op": {
                "steps": ["a x=2", {"run": "some", "name": "n"}],
                "flags": {"f": {"choices": [1]}},
            },
            "some": {"steps": ["a"]},
            "a": {"exec": "echo", "flags": {"x": 1}, "requires": requires},
        },
    )
    operation = operations.with_steps(project, project.operations[0])
    kept = json.loads(json.dumps(definition(operation)))

    assert operation_of(recipe(operation=kept)) == operation


def test_a_run_keeps_the_values_of_a_batch_as_lists() -> None:
    operation = Operation("op", exec="true", flags={"x": Flag("x", Several((1, 2)))})
    kept = definition(operation)

    found = operation_of(recipe(operation=kept))
    assert found == replace(operation, flags={"x": Flag("x", [1, 2])})
    earlier = recipe(several=["x"])
    earlier["flags"] = {"x": [1, 2], "y": [3]}
    assert flags_of(earlier) == {"x": Several((1, 2)), "y": [3]}


@pytest.mark.parametrize("bad", [{"steps": [{}]}, {"requires": [{"kind": "file"}]}, {"steps": 3}])
def test_a_job_that_cannot_be_read_is_said(bad: dict[str, Any]) -> None:
    kept = {**definition(Operation("op", exec="true")), **bad}
    with pytest.raises(GuildError, match="the job of run 1 cannot be read"):
        operation_of(recipe(operation=kept))
