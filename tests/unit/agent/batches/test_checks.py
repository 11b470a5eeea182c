"""What is expected of a step: met, or said in one line why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.agent.batches import checks
from guild_sync.agent.protocol import ExpectationForm


def expected(file: str = "", compare_to: str = "", contains: str = "") -> ExpectationForm:
    return {"file": file, "compare_to": compare_to, "contains": contains}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with files and an output, beside its pipeline's, which has a file of the project."""
    directory = tmp_path / "run"
    (directory / ".guild").mkdir(parents=True)
    (directory / ".guild" / "output").write_text("one\ntwo 2\n")
    (directory / "sub").mkdir()
    (directory / "a.txt").write_bytes(b"x\r\ny\r\n")
    (directory / "sub" / "b.txt").write_text("deep")
    os.mkfifo(directory / "pipe")
    kept = tmp_path / "series" / ".guild" / "job-packages" / "gpkg_files" / "refs"
    kept.mkdir(parents=True)
    (kept / "same.txt").write_text("x\ny")
    (kept / "other.txt").write_text("x\nz")
    return directory


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        (expected(contains="^two \\d$"), ""),
        (expected(contains="three"), "its output has nothing that fits 'three'"),
        (expected("a.txt"), ""),
        (expected("*.txt", contains="x"), ""),
        (expected("sub/*", contains="d..p"), ""),
        (expected("**/*.txt", contains="x"), "sub/b.txt has nothing that fits 'x'"),
        (expected("b.txt"), "it has no file 'b.txt'"),
        (expected("sub"), "it has no file 'sub'"),
        (expected("pipe"), "it has no file 'pipe'"),
        (expected("a**b"), "it has no file 'a**b'"),
        (expected("a.txt", "refs/same.txt"), ""),
        (expected("a.txt", "refs/other.txt"), "'a.txt' differs from 'refs/other.txt'"),
        (expected("a.txt", "refs/none.txt"), "there is no 'refs/none.txt' to compare to"),
        (expected("a.txt", "sub/b.txt"), "'a.txt' differs from 'sub/b.txt'"),
    ],
)
def test_what_is_expected_is_met_or_said_why_not(
    run: Path, expectation: ExpectationForm, problem: str
) -> None:
    assert checks.failed(str(run), [expectation], str(run.parent / "series")) == problem


def test_a_file_of_the_host_is_compared_to_by_its_path(run: Path) -> None:
    other = run.parent / "host.txt"
    other.write_text("x\ny\n")
    assert checks.failed(str(run), [expected("a.txt", str(other))], "/none") == ""
