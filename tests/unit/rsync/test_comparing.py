"""rsync where it compares: its argv, and what its words say of each run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.errors import Unreachable
from guild_sync.rsync import argv as rsync_argv
from guild_sync.rsync import comparing
from guild_sync.rsync.output import Figures

GPU = Remote("gpu", "ssh", host="gpu.example.com")
A, B = "a" * 32, "b" * 32
DAY = 24 * 3600


def test_it_takes_what_a_pull_takes_reads_all_of_it_and_writes_nothing() -> None:
    pull = rsync_argv.pull_argv(GPU, "/there/runs", Path("/here"), Path("/here"))
    compare = rsync_argv.compare_argv(GPU, "/there/runs", Path("/here"), 0)
    assert {*compare} - {*pull} == {
        "--dry-run",
        "--checksum",
        "--itemize-changes",
        "--out-format=%i %l %n",
    }
    assert compare.count("--itemize-changes") == 2, "what is the same is told, too"
    # Of several names of one file rsync would compare the first alone.
    assert {*pull} - {*compare} == {"--hard-links"}


@pytest.mark.parametrize(
    ("remote", "reading", "seconds"),
    [
        (GPU, 0, 60),
        (GPU, 100_000_000_000, 60 + 10_000),
        (Remote("gpu", "ssh", host="g", timeout=5), 100_000_000, 15),
        (GPU, 10**40, 60 + DAY),
    ],
)
def test_the_longer_it_has_to_read_the_longer_it_may_be_silent(
    remote: Remote, reading: int, seconds: int
) -> None:
    here = Path("/here")
    for argv in (
        rsync_argv.compare_argv(remote, "/there", here, reading),
        rsync_argv.pull_argv(remote, "/there", here, here, reading=reading),
    ):
        assert [w for w in argv if w.startswith("--timeout")] == [f"--timeout={seconds}"]
        assert "--checksum" in argv


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an rsync whose exit status and words are in the files `code`, `out`, `err`."""
    folder = tmp_path / "said"
    folder.mkdir()
    (folder / "rsync").write_text(
        f"#!/bin/sh\ncd '{folder}'\ncat > stdin\ncat out\ncat err >&2\nexit $(cat code)\n"
    )
    (folder / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def compared(said: Path, out: str = "", code: int = 0, err: str = "") -> comparing.Comparison:
    for name, text in (("out", out), ("code", str(code)), ("err", err)):
        (said / name).write_text(text)
    return comparing.compare(GPU, "/there", (A, B), said / "runs", 0, {})


def test_each_file_counts_and_what_is_another_or_not_here_is_named(said: Path) -> None:
    out = (
        f".d          4096 {A}/\n"
        f".f          6 {A}/same\n"
        f".f..tp..... 5 {A}/another time\n"
        f">fc........ 100 {A}/another byte\n"
        f">f.st...... 7 {A}/another size\n"
        f">f+++++++++ 3 {A}/deep/odd\\#012name \\#134#012\n"
        f"cd+++++++++ 4096 {A}/empty/\n"
        f"cLc........ 1 {A}/link\n"
        f".L..t...... 1 {A}/link as it was\n"
        f'ignoring unsafe symlink "{A}/out" -> "/etc/passwd"\n'
        f'skipping non-regular file "{A}/fifo"\n'
        f"*deleting   {A}/alone\n"
        f">fc........ 9 {'c' * 32}/of a run that was not asked for\n"
        f"\nsent 275 bytes  received 39 bytes  628.00 bytes/sec\n"
    )
    found = compared(said, out)
    assert (said / "stdin").read_text() == f"{A}/\0{B}/\0"
    assert [*found.runs] == [A], "of the other nothing is known"
    of_a = found.runs[A]
    assert (of_a.files, of_a.bytes) == (5, 121)
    assert of_a.differing == ["another byte", "another size", "link"]
    assert of_a.lacking == ["deep/odd\nname \\#012", "empty/"]
    assert (found.faults, found.unreadable) == ({}, {})


def test_it_tells_how_far_it_is(said: Path) -> None:
    seen: list[Figures] = []
    (said / "code").write_text("0")
    (said / "err").touch()
    (said / "out").write_text(
        f".f          6 {A}/a\n>fc........ 4 {B}/b\n.d          4096 {A}/c/\n"
    )
    comparing.compare(GPU, "/there", (A, B), said / "runs", 40, {}, seen.append)
    assert (seen[-1].bytes, seen[-1].part) == (10, 0.25)


def test_a_line_may_come_in_parts(said: Path) -> None:
    names = [f"{'long' * 20}-{number}" for number in range(5000)]  # many times what a pipe holds
    found = compared(said, "".join(f">fc........ 2 {A}/{name}\n" for name in names)).runs[A]
    assert (found.files, found.bytes, found.differing) == (5000, 10_000, names)


@pytest.mark.parametrize(
    ("code", "err", "faults"),
    [
        (
            23,
            f'rsync: [sender] link_stat "/there/{A}" failed: No such file or directory (2)\n',
            {A},
        ),
        (24, f'file has vanished: "/there/{B}/x"\nrsync warning: some files vanished\n', {B}),
        (23, "rsync: no idea\n", {A, B}),
        (23, "", {A, B}),
    ],
)
def test_a_run_that_rsync_complains_of_is_not_known(
    said: Path, code: int, err: str, faults: set[str]
) -> None:
    same = f".f          6 {A}/same\n.f          6 {B}/same\n"
    assert {*compared(said, same, code, err).faults} == faults


def test_a_folder_that_may_not_be_read_there_is_no_fault_of_its_run(said: Path) -> None:
    err = (
        f'rsync: [sender] opendir "/there/{A}/d" failed: Permission denied (13)\n'
        "rsync error: some files/attrs were not transferred (code 23) at main.c(1880)\n"
    )
    found = compared(said, "", 23, err)
    assert (found.faults, found.unreadable) == ({}, {A: ["d/"]})


def test_a_folder_that_is_here_in_place_of_a_file_is_another(said: Path) -> None:
    same = f".f          6 {A}/same\n.f          6 {B}/same\ncannot delete non-empty directory: x\n"
    err = (
        f"could not make way for new regular file: {A}/a\\#012b\n"
        f"could not make way for new symlink: {A}/link\n"
        "rsync error: some files/attrs were not transferred (code 23) at main.c(1880)\n"
    )
    found = compared(said, same, 23, err)
    assert (found.faults, found.runs[B].differing) == ({}, [])
    assert found.runs[A].differing == ["a\nb", "link"]
    assert {*compared(said, same, 23, f"rsync: {B}/x: an error\n{err}").faults} == {B}


def test_where_complaints_may_be_cut_off_no_run_is_known_to_be_the_same(said: Path) -> None:
    same = f".f          6 {A}/same\n.f          6 {B}/same\n"
    err = f"could not make way for new regular file: {A}/a\n" * 10_000
    assert {*compared(said, same, 23, err).faults} == {A, B}


def test_what_stops_all_of_them_is_raised(said: Path) -> None:
    with pytest.raises(Unreachable):
        compared(said, "", 12, "rsync: connection unexpectedly closed\n")
