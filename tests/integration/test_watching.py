"""`guild watch`: which run it shows, here and on a remote."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Guild, Place, project

from guild_sync.agent.machine import processes
from guild_sync.agent.store import locks

GUILDFILE = "count: {main: count}\nother: {main: other}"
# It starts a process of its own, says its number, and ends when that is told to.
COUNT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print("child", child.pid, flush=True)
child.wait()
"""
ENDED = "Run {} stopped with a status of 'completed'"


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, count=COUNT, other="print('other')")


class Watched:
    """A run that is being watched, and the processes that belong to it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.id = place.started(op="count")
        place.wait_for_output(self.id, "\n")
        self.line = place.output(self.id)
        self.child = int(self.line.split()[1])
        runner = locks.holder(str(place.run_dir(self.id) / ".guild"))
        assert runner
        self.processes = [runner, *processes.descendants(runner)]

    def watch(self, *words: str) -> subprocess.Popen[bytes]:
        return self.place.guild.popen("watch", *words, *self.place.args)

    def end(self) -> None:
        os.kill(self.child, signal.SIGKILL)


@pytest.fixture
def watched(place: Place) -> Iterator[Watched]:
    run = Watched(place)
    place.ok("run", "other", "-y")  # the latest one is another
    yield run


def test_a_run_is_watched_by_the_number_of_any_of_its_processes(watched: Watched) -> None:
    assert watched.child in watched.processes
    watching = [watched.watch("--pid", str(pid)) for pid in watched.processes]
    for one in watching:
        assert one.stdout is not None
        assert one.stdout.readline().decode() == watched.line
    watched.end()
    for one in watching:
        said, _ = one.communicate(timeout=60)
        assert said.decode().splitlines() == [ENDED.format(watched.id)]
        assert one.returncode == 0


def test_the_number_may_be_in_a_file(watched: Watched, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(f"{watched.child}\n")
    watching = watched.watch("-p", str(file))
    assert watching.stdout is not None
    assert watching.stdout.readline().decode() == watched.line
    watched.end()
    said, _ = watching.communicate(timeout=60)
    assert said.decode().splitlines() == [ENDED.format(watched.id)]


def test_filters_choose_the_run(watched: Watched) -> None:
    watched.end()
    watched.place.wait_for_end(watched.id)
    for words in (["-Fo", "count"], ["1", "-Fo", "count"], [watched.id[:12], "-Sc"]):
        lines = watched.place.ok("watch", *words).lines
        assert lines == [watched.line.strip(), ENDED.format(watched.id)]
    assert watched.place.ok("watch").lines[0] == "other"
    refused = watched.place("watch", "-Sr")
    assert (refused.code, refused.out) == (1, "")
    assert "no run meets the filters" in refused.err


def test_a_process_of_no_run_is_told(place: Place, tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    (tmp_path / "words").write_text("some words\n")
    try:
        for pid, said in (
            (str(bystander.pid), f"no running run has the process {bystander.pid}"),
            ("x", "'x' is neither a process's number nor a file that can be read"),
            (str(tmp_path / "words"), "holds no process's number"),
            (str(tmp_path), "holds no process's number"),
            ("9" * 30, "holds no process's number"),
        ):
            refused = place("watch", "--pid", pid)
            assert (refused.code, refused.out) == (1, "")
            assert said in refused.err.splitlines()[0]
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("words", [["1"], ["-Sr"]])
def test_a_process_says_which_run_it_is_so_nothing_else_may(place: Place, words: list[str]) -> None:
    refused = place("watch", "--pid", "1", *words)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "guild: --pid excludes RUN and filters\n"
