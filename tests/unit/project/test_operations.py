"""An operation of a project, found by its names."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import load

from guild_sync.errors import GuildError, UsageError
from guild_sync.project import operations
from guild_sync.project.definitions import Project


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


@pytest.mark.parametrize("spec", [None, "train"])
@pytest.mark.parametrize("text", ["- package: demo\n", "# nothing\n"])
def test_a_file_that_defines_no_operation_says_so(
    tmp_path: Path, text: str, spec: str | None
) -> None:
    with pytest.raises(GuildError, match=r"guild\.yml defines no operation$"):
        operations.find(several(tmp_path, text), spec)


def test_a_step_may_be_a_script_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text("x = 1\n")
    (tmp_path / "own.py").write_text("")
    found = several(tmp_path, "all: {steps: [say.py x=2, own.py]}\nown.py: {exec: echo}\n")
    script, own = operations.with_steps(found, operations.find(found, "all")).steps
    assert script.operation is not None and own.operation is not None
    assert (script.operation.main, list(script.operation.flags)) == ("say", ["x"])
    assert own.operation.exec == "echo"
    with pytest.raises(GuildError):
        operations.find(found, "say.py")


def test_the_default_operation_is_the_one_that_says_so(tmp_path: Path) -> None:
    found = several(tmp_path, "a: x\nb: {main: y, default: yes}\n")
    assert operations.find(found, None).name == "b"


def test_the_only_operation_is_the_default_one(tmp_path: Path) -> None:
    assert operations.find(several(tmp_path, "a: x"), None).name == "a"


def test_where_several_operations_could_be_meant_one_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        operations.find(several(tmp_path), None)
    assert error.value.message == "which operation?"
