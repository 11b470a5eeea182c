"""What was sent for a run, put into it as its requirements say, and handed on to others."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from contents import as_a_user, form, of_file, open_folder, sent
from rundirs import A, B, make

from guild_sync.agent.contents import inputs, receiving
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import FILES, RequirementForm, kept_name
from guild_sync.agent.staging import given, requirements
from guild_sync.agent.store import rundir
from guild_sync.agent.store.job import write_job


@pytest.fixture
def home() -> Iterator[Path]:
    """A guild home that any user may reach."""
    with open_folder() as folder:
        yield folder


OTHER = {"data/deep/b.bin": b"bb", "data/a.bin": b"a", "../beside.bin": b"beside"}


def pending(home: Path, run_id: str, files: dict[str, bytes], programs: bool = False) -> Path:
    """A pending run for which the project's files were sent."""
    run = make(home, run_id, marks={"PENDING": ""})
    write_job(str(run), {"children": [{}]})
    sent(home, run_id, *files.values())
    contents = {f"{FILES}/{kept_name(name)}": form(data, programs) for name, data in files.items()}
    assert receiving.receive(str(home), run_id, contents) == []
    return run


def add(home: Path, run_id: str, *requires: RequirementForm) -> None:
    assert requirements.add_files(str(home), run_id, requires) == []


def noted(run: Path) -> dict[str, str]:
    """What the run was given, and is as it was given: path -> source."""
    return {path: of.origin for path, of in inputs.as_given(str(run)).items()}


@pytest.mark.parametrize(
    ("requirement", "paths"),
    [
        (of_file("data"), ["data/a.bin", "data/deep/b.bin"]),
        (of_file("data", select=[".*b[.]bin"]), ["b.bin"]),
        (of_file("data", select=[".*"], keep_folders=True), ["data/a.bin", "data/deep/b.bin"]),
        (of_file("data/a.bin", rename=[("a", "z")], target_path="in"), ["in/z.bin"]),
        (of_file("../beside.bin"), ["beside.bin"]),
        (of_file("data/a.bin", copy=True), ["a.bin"]),
        (of_file("data/a.bin", post_process="true"), ["a.bin"]),
    ],
)
def test_what_is_required_is_given_and_written_down(
    home: Path, requirement: RequirementForm, paths: list[str]
) -> None:
    run = pending(home, A, OTHER)
    as_a_user(home, lambda: add(home, A, requirement))
    assert noted(run) == dict.fromkeys(paths, f"file:{requirement['source']}")
    is_own = requirement["copy"] or "post_process" in requirement
    for path in paths:
        assert (run / path).read_bytes() in OTHER.values()
        is_shared = (run / path).stat().st_nlink > 1  # not where blocks are
        assert bool(stat.S_IMODE((run / path).stat().st_mode) & 0o200) != is_shared
        assert not (is_own and is_shared)


def test_a_program_in_a_folder_stays_one(home: Path) -> None:
    run = pending(home, A, OTHER, programs=True)
    add(home, A, of_file("data"))
    assert os.access(run / "data/a.bin", os.X_OK)
    assert set(noted(run)) == {"data/a.bin", "data/deep/b.bin"}


def test_what_is_unpacked_is_written_down_file_by_file(home: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in (("x/one", b"1"), ("x/two", b"22")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    run = pending(home, A, {"all.tar": archive.getvalue()})
    add(home, A, of_file("all.tar", unpack=True))
    assert noted(run) == dict.fromkeys(("x/one", "x/two"), "file:all.tar")
    (run / "x/one").write_bytes(b"!")
    assert set(noted(run)) == {"x/two"}


def test_a_run_made_from_another_has_what_that_first_had(home: Path) -> None:
    origin = pending(home, A, OTHER)
    add(home, A, of_file("data"), of_file("../beside.bin", copy=True))
    (origin / "beside.bin").write_bytes(b"changed")
    new = make(home, B)
    packages = new / ".guild/job-packages"
    shutil.copytree(origin / ".guild/job-packages", packages, copy_function=os.link)
    given.adopt_files(str(origin), str(new))
    assert set(noted(new)) == {"data/a.bin", "data/deep/b.bin"}
    assert inputs.kept(str(new)) == inputs.kept(str(origin))
    assert (new / "beside.bin").read_bytes() == b"changed", "as of a run that was not sent any"
    assert (new / "data/a.bin").read_bytes() == b"a"
    is_one = (new / "data/a.bin").stat().st_ino == (origin / "data/a.bin").stat().st_ino
    assert is_one == (os.geteuid() != 0) or not is_one


def copy_without_inputs(home: Path) -> Path:
    """A copy of a remote's run, as a pull leaves it."""
    origin = pending(home, A, OTHER)
    add(home, A, of_file("data"))
    shutil.rmtree(origin / "data")
    shutil.rmtree(origin / ".guild/job-packages")
    (origin / ".guild/LOCK.confirmed").write_text("5 gpu\n")
    return origin


def test_a_run_made_from_a_copy_without_them_takes_them_from_the_project(
    home: Path, tmp_path: Path
) -> None:
    origin = copy_without_inputs(home)
    project = tmp_path / "all/project"
    for name, data in OTHER.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    new = make(home, B)
    given.adopt_files(str(origin), str(new), str(project))
    (project / "data/later.bin").write_bytes(b"none of that run's")
    requirements.resolve(str(home), str(new), [of_file("data")])
    assert set(noted(new)) == {"data/a.bin", "data/deep/b.bin"}
    assert sorted(os.listdir(new / "data")) == ["a.bin", "deep"]


@pytest.mark.parametrize("harm", ["changed", "gone", "no project"])
def test_one_that_the_project_has_no_more_is_a_line(home: Path, tmp_path: Path, harm: str) -> None:
    origin = copy_without_inputs(home)
    project = tmp_path / "all/project"
    for name, data in OTHER.items() if harm == "changed" else ():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data.swapcase() if name == "data/a.bin" else data)
    with pytest.raises(AgentError, match="is here without what it was given") as caught:
        given.adopt_files(
            str(origin), str(make(home, B)), "" if harm == "no project" else str(project)
        )
    assert caught.value.hint == f"Bring it here first: guild pull gpu {A} --inputs"


def test_a_start_with_other_files_forgets_what_there_was(home: Path) -> None:
    run = pending(home, A, OTHER)
    add(home, A, of_file("data"), of_file("../beside.bin"))
    given.forget(str(run), of_file("../beside.bin"))
    assert set(noted(run)) == set(inputs.given(str(run))) == {"data/a.bin", "data/deep/b.bin"}
    given.forget_all(str(run))
    assert inputs.given(str(run)) == {} and not (run / "data").exists()
    assert rundir.read_attr(str(run), "deps") is None


def test_a_run_of_an_earlier_version_gets_copies_of_what_it_has(home: Path) -> None:
    run = make(home, A, marks={"PENDING": ""})
    old = run / ".guild/job-packages" / FILES / "data/a.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"a")
    add(home, A, of_file("data"))
    assert (run / "data/a.bin").read_bytes() == b"a"
    assert not (run / ".guild/inputs.json").exists()
