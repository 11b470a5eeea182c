"""What a step's line and keys can say beside its operation and flags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from guild_sync.errors import GuildError
from guild_sync.guildfile import reader
from guild_sync.jobs.job import job_of
from guild_sync.jobs.notes import BatchOptions, Notes
from guild_sync.project import operations
from guild_sync.project.definitions import Expectation, Operation, Project, Step


def load(folder: Path, operations: dict[str, Any]) -> Project:
    (folder / "guild.yml").write_text(yaml.safe_dump(operations, sort_keys=False))
    return reader.load(folder)


def step(folder: Path, entry: Any) -> Step:
    (found,) = load(folder, {"op": {"steps": [entry]}}).operations[0].steps
    return found


def faults(folder: Path, **entry: Any) -> str:
    operations = {"op": {"exec": "true", **entry} if "steps" not in entry else entry}
    (operation,) = load(folder, operations).operations
    assert operation.faults
    return "\n".join(operation.faults)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("op -l step-1", Step("op", "op", label="step-1")),
        ("op --label='a b' x=1", Step("op", "op", {"x": "1"}, label="a b")),
        ("-l 1 op", Step("op", "op", label="1")),
        ("op -la", Step("op", "op", label="a")),
        ("op -t a --tag b", Step("op", "op", tags=("a", "b"))),
        ("op --needed -f", Step("op", "op", needed=True, force_flags=True)),
        ("op -m 3", Step("op", "op", max_trials=3)),
        (
            "op --max-trials=3 --random-seed 5",
            Step("op", "op", max_trials=3, random_seed=5),
        ),
        ("op --gpus 0,1", Step("op", "op", gpus="0,1")),
        ("op --no-gpus", Step("op", "op", gpus="")),
        ("op --fail-on-trial-error", Step("op", "op", fail_on_trial_error=True)),
        ("op @a.csv x=1 @b.json", Step("op", "op", {"x": "1"}, batch_files=("a.csv", "b.json"))),
        ("""op x='a  "b"' y=c\\ d""", Step("op", "op", {"x": 'a  "b"', "y": "c d"})),
        ("m:op", Step("m-op", "m:op")),
        ("gpkg.x/m:op", Step("gpkg.x_m-op", "gpkg.x/m:op")),
        ({"run": "op", "label": 3}, Step("op", "op", label="3")),
        ({"run": "op", "tags": "a"}, Step("op", "op", tags=("a",))),
        ({"run": "op -t a", "tags": ["b", 1]}, Step("op", "op", tags=("b", "1"))),
        ({"run": "op", "needed": True, "gpus": 1}, Step("op", "op", needed=True, gpus="1")),
        ({"run": "op", "isolate-runs": False}, Step("op", "op", isolated=False)),
        ({"run": "op", "isolate-runs": True}, Step("op", "op", isolated=True)),
        (
            {"run": "op", "expect": {"file": "a*.txt", "contains": "x.z"}},
            Step("op", "op", expect=(Expectation("a*.txt", "", "x.z"),)),
        ),
        (
            {
                "run": "op",
                "expect": [
                    {"file": "a", "compare-to": "${PROJECT_DIR}/refs/a"},
                    {"output": "done"},
                    {"output": {"contains": "d"}},
                    {"output": True, "contains": 1},
                ],
            },
            Step(
                "op",
                "op",
                expect=(
                    Expectation("a", "refs/a"),
                    Expectation(contains="done"),
                    Expectation(contains="d"),
                    Expectation(contains="1"),
                ),
            ),
        ),
    ],
)
def test_a_step_has_options_of_run(tmp_path: Path, entry: Any, found: Step) -> None:
    assert step(tmp_path, entry) == found


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("a --bogus", "run: --bogus is no option that a step can have"),
        ("a --stop-after 3", "run: --stop-after is no option that a step can have"),
        ({"run": "a", "stop-after": 3}, "stop-after: guild has no such option"),
        ("a -l", "run: -l needs a value"),
        ("a --needed=yes", "run: --needed takes no value"),
        ("a --max-trials 0", "max-trials: must be a whole number from 1 on"),
        ("a -m 1e3", "max-trials: must be a whole number from 1 on"),
        ("a --random-seed 99999999999", "random-seed: must be a whole number from 0 on"),
        ("a --random-seed -1", "random-seed: must be a whole number from 0 on"),
        ({"run": "a", "label": ["x"]}, "label: must be text on one line"),
        ({"run": "a", "label": "x\ny"}, "label: must be text on one line"),
        ({"run": "a", "gpus": "0\0"}, "gpus: must be text on one line"),
        ("a --gpus 1 --no-gpus", "gpus and no-gpus exclude each other"),
        ({"run": "a", "tags": [{}]}, "tags: must be text on one line"),
        ({"run": "a", "needed": 1}, "needed: must be yes or no"),
        ({"run": "a", "isolate-runs": "x"}, "isolate-runs: must be yes or no"),
        ({"run": "a", "expect": "x"}, "expect: must be a mapping with one of file and output"),
        ({"run": "a", "expect": [{}]}, "expect, entry 1: must be a mapping with one of"),
        ({"run": "a", "expect": {"output": "("}}, "expect: contains: '(' is not a regular"),
        ({"run": "a", "expect": {"output": {"is": "x"}}}, "expect: contains: None is not"),
        ({"run": "a", "expect": {"file": "../x"}}, "expect: file: must be a path without '..'"),
        ({"run": "a", "expect": {"file": "/x"}}, "expect: file: must be a path in the run"),
        ({"run": "a", "expect": {"file": "x", "compare-to": 3}}, "expect: compare-to: must be"),
        ({"run": "a", "expect": {"file": "x", "size": 3}}, "expect: size is not one of file"),
        ("@a.csv", "run: must be a line of words, the first of them an operation"),
        ("x=1", "run: must be a line of words, the first of them an operation"),
    ],
)
def test_an_option_that_is_wrong_is_a_fault(tmp_path: Path, entry: Any, fault: str) -> None:
    assert f"op: steps, entry 2: {fault}" in faults(tmp_path, steps=["fine", entry])


def test_each_fault_of_a_step_is_told_once_with_all_others(tmp_path: Path) -> None:
    entry = {"run": "--what 3 --stop-after 2", "expect": 5, "needed": 1}
    told = faults(tmp_path, steps=["fine", entry]).splitlines()
    assert [line.split(": ", 2)[2].split(" (line")[0] for line in told] == [
        "run: --what is no option that a step can have",
        "run: --stop-after is no option that a step can have",
        "expect: must be a mapping with one of file and output, not 5",
        "needed: must be yes or no, not 1",
    ]


@pytest.mark.parametrize(
    ("entry", "passed_over"),
    [
        ("a --stage", ["stage"]),
        ("a --run-dir /x -y", ["run-dir", "yes"]),
        ("a --optimizer gp --minimize loss", ["optimizer", "minimize"]),
        ({"run": "a", "batch-label": "x"}, ["batch-label"]),
    ],
)
def test_an_option_that_makes_no_sense_for_a_step_is_warned_of(
    tmp_path: Path, entry: Any, passed_over: list[str]
) -> None:
    project = load(tmp_path, {"op": {"steps": [entry]}})
    assert [warning.split()[4] for warning in project.warnings] == passed_over
    assert project.operations[0].steps[0].spec == "a"


def pipeline(folder: Path, *steps: Any, **other: Any) -> Operation:
    """The pipeline of these steps of `a`, which has the flags x and y."""
    a = {"exec": "true", "flags": {"x": 1, "y": 2}}
    project = load(folder, {"op": {"steps": [*steps], "flags": {"z": 3}}, "a": a, **other})
    return operations.with_steps(project, project.operations[0])


def children(operation: Operation, notes: Notes = Notes()) -> Any:  # noqa: B008
    return job_of(operation, {"z": 3}, 1, notes, BatchOptions())["children"]


def test_label_and_tags_of_the_pipeline_are_those_of_steps_that_have_none(tmp_path: Path) -> None:
    op = pipeline(tmp_path, "a", "a -l own -t mine", {"run": "a", "label": "z is ${z}"})
    found = [child["attributes"] for child in children(op, Notes("all", ("t",)))]
    assert [(a["label"], a["tags"]) for a in found] == [
        ("all", ["t"]), ("own", ["mine"]), ("z is 3", ["t"]),
    ]  # fmt: skip
    assert [child["attributes"]["label"] for child in children(op)] == ["x=1 y=2", "own", "z is 3"]


def test_a_label_that_names_no_flag_of_the_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuildError, match="step a: the pipeline has no flag 'x'"):
        children(pipeline(tmp_path, {"run": "a", "label": "${x}"}))


def test_the_devices_of_a_step_are_those_of_all_that_it_consists_of(tmp_path: Path) -> None:
    inner = {"steps": ["a", "a --gpus 3"]}
    op = pipeline(tmp_path, "a", "a x=[1,2] --gpus 1", "inner --no-gpus", inner=inner)
    first, batch, nested = (child["job"] for child in children(op))
    seen = "CUDA_VISIBLE_DEVICES"
    assert seen not in first["env"]
    assert [trial["job"]["env"][seen] for trial in batch["children"]] == ["1", "1"]
    assert [step["job"]["env"][seen] for step in nested["children"]] == ["", "3"]
    assert nested["children"][1]["job"]["operation"]["gpus"] == "3", "for a restart"


def test_the_devices_of_a_pipeline_are_those_of_steps_that_say_nothing(tmp_path: Path) -> None:
    a = {"exec": "true", "env": {"CUDA_VISIBLE_DEVICES": "9"}}
    data = {"op": {"flags": {"z": 3}, "steps": ["a", "a --gpus ${z}", "a --no-gpus", "in"]}}
    project = load(tmp_path, {**data, "in": {"steps": ["a"]}, "a": a})
    op = operations.with_steps(project, project.operations[0])
    *jobs, nested = (child["job"] for child in children(replace(op, gpus="0,1")))
    found = [job["env"]["CUDA_VISIBLE_DEVICES"] for job in (*jobs, nested["children"][0]["job"])]
    assert found == ["0,1", "3", "", "0,1"]
    assert children(op)[0]["job"]["env"]["CUDA_VISIBLE_DEVICES"] == "9"


def test_a_batch_of_a_step_has_its_own_trials_and_seed(tmp_path: Path) -> None:
    op = pipeline(tmp_path, "a x=[1:50] -m 3 --random-seed 4", "a x=[1:9]", "a q=1 -f")
    one, two, forced = children(op)
    assert (len(one["job"]["children"]), len(two["job"]["children"])) == (3, 9)
    assert one["attributes"]["random_seed"] == 4
    assert forced["attributes"]["flags"]["q"] == 1


def test_flags_of_steps_are_given_by_the_names_of_steps_or_operations(tmp_path: Path) -> None:
    inner = {"steps": ["a", {"run": "a", "name": "n"}]}
    op = pipeline(tmp_path, "a x=5", "inner", inner=inner)
    found, own = operations.with_step_flags(op, ["z=1", "n:y=7", "a:x=8", "b=a:c"])
    assert own == ["z=1", "b=a:c"]
    flat = [child["attributes"]["flags"] for child in children(found)]
    assert flat[0] == {"x": 8, "y": 2}
    deep = [child["attributes"]["flags"] for child in children(found)[1]["job"]["children"]]
    assert deep == [{"x": 8, "y": 2}, {"x": 8, "y": 7}]


def test_the_run_that_a_step_requires_is_said_by_either_name_of_its_flag(tmp_path: Path) -> None:
    b = {"exec": "true", "requires": {"operation": "m:a"}}
    data: dict[str, Any] = {"op": {"steps": ["b"], "flags": {"z": 3}}, "b": b}
    for word in ("b:m:a=7", "b:operation:m:a=7"):
        project = load(tmp_path, data)
        whole = operations.with_steps(project, project.operations[0])
        found, own = operations.with_step_flags(whole, [word])
        assert (own, children(found)[0]["attributes"]["flags"]) == ([], {"operation:m:a": "7"})


def test_a_flag_of_a_step_that_is_not_there_is_refused(tmp_path: Path) -> None:
    op = pipeline(tmp_path, "a")
    with pytest.raises(GuildError, match="op has no step 'b': 'b:x' is no flag of it"):
        operations.with_step_flags(op, ["b:x=1"])
    found, _ = operations.with_step_flags(op, ["a:q=1"])
    with pytest.raises(GuildError, match="step a: unsupported flag 'q' for a"):
        children(found)


def test_default_max_trials_hold_where_nobody_says_another(tmp_path: Path) -> None:
    a = {"exec": "true", "flags": {"x": 1}, "default-max-trials": 2}
    op = load(tmp_path, {"op": {"steps": ["a x=[1:9]", "a x=[1:9] -m 4"]}, "a": a})
    found = children(operations.with_steps(op, op.operations[0]))
    assert [len(child["job"]["children"]) for child in found] == [2, 4]
    assert "default-max-trials: must be a whole number from 1 on" in faults(
        tmp_path, **{"default-max-trials": 0}
    )
