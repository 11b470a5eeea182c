"""What a run needs at its start beside files: modules, and commands for its folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import RequirementForm
from guild_sync.agent.staging import meeting
from guild_sync.agent.store import rundir

ID = "a" * 32


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / ID
    (folder / ".guild" / "attrs").mkdir(parents=True)
    return folder


def of_module(name: str, optional: bool = False) -> RequirementForm:
    return {
        "kind": "module", "source": name, "name": name, "select": [], "rename": [],
        "target_path": "", "copy": False, "keep_folders": False, "help": "Install it.",
        "optional": optional,
    }  # fmt: skip


def meet(run: Path, *requires: RequirementForm) -> list[str]:
    home = str(run.parent.parent)
    return meeting.meet(home, str(run), requires, sys.executable, dict(os.environ))


def test_a_module_that_can_be_imported_is_met_and_is_not_imported(run: Path) -> None:
    (run / "own.py").write_text("open('imported', 'w')")
    assert meet(run, of_module("json"), of_module("json.decoder"), of_module("own")) == []
    assert not (run / "imported").exists()


@pytest.mark.parametrize("name", ["nosuch", "nosuch.inner", "json.nosuch", "-c", "a b", ""])
def test_a_module_that_cannot_be_is_said_with_its_help(run: Path, name: str) -> None:
    with pytest.raises(AgentError, match=f"run {ID} cannot start: it requires the module") as error:
        meet(run, of_module(name))

    assert (error.value.kind, error.value.hint) == ("unmet", "Install it.")
    assert "\n" not in error.value.message
    assert meet(run, of_module(name, optional=True)) == []


def test_a_command_is_run_once_for_what_the_run_was_given(run: Path) -> None:
    first: RequirementForm = {**of_module("x"), "kind": "file", "post_process": "sort x"}
    second: RequirementForm = {**first, "source": "y"}
    assert meeting.commands(str(run), [first]) == []  # it has not got it

    rundir.write_attr(str(run), "deps", {"x": {"file:x": {}, "file:y": {}}})
    both = [first, second]
    assert meeting.commands(str(run), both) == [("x", ["/bin/sh", "-c", "sort x"])]

    meeting.note_done(str(run), both)
    assert meeting.commands(str(run), both) == []


def test_what_was_taken_is_a_variable_of_each_flag_that_says_it(run: Path) -> None:
    named: RequirementForm = {**of_module("x"), "kind": "operation", "flag": "the-run"}
    unset: RequirementForm = {**of_module("y"), "kind": "file", "flag": "which"}
    rundir.write_attr(str(run), "flags", {"the-run": "b" * 32, "which": None, "lr": 1})

    found = meeting.variables(str(run), [named, unset, of_module("lr")])
    assert found == {"FLAG_THE_RUN": "b" * 32}
