"""What runs were given, where copies of them are asked for: told, left out, no change of theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contents import form
from rundirs import A, make

from guild_sync.agent.contents import inputs, kept
from guild_sync.agent.contents.inputs import SMALL, Content
from guild_sync.agent.copies import stamps, survey
from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import archive, left_out, reading, tree
from guild_sync.agent.protocol import SelectionForm, State

DATA = b"x" * SMALL


@pytest.fixture
def run(home: Path) -> Path:
    """A run that was given a large and a small file, and has made one."""
    made = make(home, A, exit_status=0)
    inputs.begin(str(made), {})
    for name, data in (("in/data.bin", DATA), ("table.csv", b"1,2")):
        path = made / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        content = Content(form(data)["digest"], len(data))
        kept.set_time(str(path), content.digest)
        inputs.note(str(made), {name: content}, f"file:{name}")
    (made / "model").write_bytes(b"made")
    return made


def asked(home: Path, room: int | None = None, **keys: object) -> State:
    selection: SelectionForm = {
        "exclude": [],
        "include": [],
        "max_size": None,
        "large": None,
        "delete": False,
        "inputs": False,
    }
    selection.update(keys)  # type: ignore[typeddict-item]
    return survey.survey(str(home), [A], selection=selection, room=room)["states"][A]


def test_a_survey_tells_what_was_given_unless_that_is_to_come(home: Path, run: Path) -> None:
    assert asked(home)["inputs"] == [("in/data.bin", SMALL)]
    assert asked(home)["left_out"] == []
    assert asked(home, inputs=True)["inputs"] == []
    assert asked(home, include=["in"])["inputs"] == []
    assert asked(home, include=["*.bin"])["inputs"] == []
    assert asked(home, include=["*.txt"])["inputs"] == [("in/data.bin", SMALL)]


def test_what_does_not_come_needs_no_room(home: Path, run: Path) -> None:
    needed = asked(home, room=0)["bytes"]
    assert needed is not None and needed < SMALL
    everything = asked(home, room=0, inputs=True)["bytes"]
    assert everything is not None and everything >= SMALL


def test_another_run_that_gets_a_name_of_the_file_changes_no_seal(home: Path, run: Path) -> None:
    (run / "in/data.bin").chmod(0o444)
    os.link(run / "in/data.bin", home / "kept")
    before, stamped = stamps.seal(str(run)), stamps.look(str(run), float("inf"))
    os.link(home / "kept", home / "another")
    assert (stamps.seal(str(run)), stamps.look(str(run), float("inf"))) == (before, stamped)
    (run / "in/data.bin").chmod(0o644)
    assert stamps.seal(str(run)) != before
    seal = stamps.seal(str(run))
    os.link(run / "in/data.bin", home / "a third")
    assert stamps.seal(str(run)) != seal, "of a file that it may write to, any change counts"


def copied(run: Path) -> None:
    """As a pull leaves a copy of the run."""
    left_out.write_note(str(run), left_out.INPUTS, [("in/data.bin", SMALL)])
    (run / ".guild/LOCK.confirmed").write_text("5 gpu\n")
    (run / "in/data.bin").unlink()


def test_what_a_copy_is_without_is_listed_and_a_hint_tells_what_brings_it(
    home: Path, run: Path
) -> None:
    assert tree.list_files(str(home), A)["inputs"] == []
    copied(run)
    lacking = [{"path": "in/data.bin", "size": SMALL}]
    assert tree.list_files(str(home), A)["inputs"] == lacking
    assert tree.list_files(str(home), A, kind="dependencies")["inputs"] == lacking
    assert tree.list_files(str(home), A, kind="generated")["inputs"] == []
    assert tree.list_files(str(home), A, pattern="table.csv")["inputs"] == []
    with pytest.raises(AgentError) as caught:
        reading.open_file(str(home), A, "in/data.bin")
    assert caught.value.hint.endswith(f"guild pull gpu {A} --inputs")
    with pytest.raises(AgentError) as caught:
        reading.open_file(str(home), A, "in/other.bin")
    assert caught.value.hint == ""


def test_runs_are_compared_by_what_they_were_given_here_or_not(home: Path, run: Path) -> None:
    def member() -> bytes:
        packets = archive.archive(str(home), A, "in/data.bin")
        return b"".join(data for _, data in packets)

    told = member()
    assert form(DATA)["digest"].encode() in told and len(told) < 4096
    copied(run)
    assert member() == told
    (run / "in/data.bin").write_bytes(b"written by the run")
    assert b"written by the run" in member()
