"""Which source code a run is given, and which of it each step of a pipeline has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import project
from trees import fill

from guild_sync.guildfile import reader
from guild_sync.jobs.job import job_of
from guild_sync.jobs.notes import BatchOptions, Notes
from guild_sync.project import operations
from guild_sync.project.definitions import Operation, Package
from guild_sync.project.sourcecode import Source
from guild_sync.runs.launch import Given, given_of
from guild_sync.runs.offered import Installed
from guild_sync.runs.resolve import Meant

GUILDFILE = """
a: {exec: echo a, sourcecode: 'a/*'}
again: {exec: echo again, sourcecode: 'a/*'}
inner: {exec: echo inner, sourcecode: {root: a, select: '*'}}
alike: {steps: [a, again]}
other: {steps: [a, {run: alike, name: all}, inner]}
deep: {steps: [a, other]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = project(tmp_path / "project", GUILDFILE)
    fill(folder, "a/x.py", "b.py")
    return folder


def given(folder: Path, name: str) -> Given:
    found = reader.load(folder)
    operation = operations.with_steps(found, operations.find(found, name))
    return given_of(Meant(operation, found), None)


def numbers(operation: Operation) -> list[object]:
    return [
        step.source_part
        if step.source_part is not None or step.operation is None
        else numbers(step.operation)
        for step in operation.steps
    ]


def test_steps_that_have_the_same_source_code_take_all_of_the_pipelines(folder: Path) -> None:
    found = given(folder, "alike")
    assert found.source == Source(folder, ("a/x.py",))
    assert found.parts == ()
    assert found.operation.steps[0].source_part is None


def test_steps_have_each_its_part_and_every_file_is_there_once(folder: Path) -> None:
    found = given(folder, "other")
    assert found.source == Source(folder, ("a/x.py",))
    assert found.parts == (
        {"root": ".", "files": ["a/x.py"]},
        {"root": "a", "files": ["x.py"]},
    )
    assert numbers(found.operation) == [0, 0, 1], "of a pipeline whose steps are alike, too"
    assert numbers(given(folder, "deep").operation) == [0, [0, 0, 1]]


@pytest.mark.parametrize("pipeline", ["alike", "other", "deep"])
def test_what_is_left_out_of_several_steps_is_said_once(folder: Path, pipeline: str) -> None:
    os.mkfifo(folder / "a/pipe")
    found = given(folder, pipeline).source
    assert found is not None
    assert found.left_out == ("a/pipe is left out: it is no file",)


def test_the_job_of_a_pipeline_says_which_part_is_whose(folder: Path) -> None:
    job = job_of(given(folder, "deep").operation, {}, 1, Notes(), BatchOptions())
    first, other = job["children"]
    assert (first["source"], "source" in other) == (0, False)
    assert [child["source"] for child in other["job"]["children"]] == [0, 0, 1]


def test_steps_of_an_installed_package_have_the_files_below_their_roots(folder: Path) -> None:
    found = reader.load(folder)
    operation = operations.with_steps(found, operations.find(found, "other"))
    names = ("a/x.py", "b.py", "guild.yml")
    installed = Installed(operation, Package("p", "1"), Path("/there/p"), names, ())
    package = given_of(Meant(operation, installed=installed), None)
    assert package.source == Source(Path("/there/p"), names)
    assert package.parts == (
        {"root": ".", "files": [*names]},
        {"root": "a", "files": ["x.py"]},
    )
