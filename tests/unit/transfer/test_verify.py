"""What a run's verdict says, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from rundirs import A, B, make, state

from guild_sync.config.remotes import Remote
from guild_sync.errors import Exit
from guild_sync.hosts.local import LocalHost
from guild_sync.transfer import verify
from guild_sync.transfer.verify import DIFFERS, NOT_CHECKED, SAME, Verdict


@pytest.mark.parametrize(
    ("verdict", "word", "said"),
    [
        (Verdict(files=3), SAME, ""),
        (Verdict(left_out=["a"], files=3), SAME, ""),
        (Verdict(["f"], files=3, exit=Exit.INCOMPLETE), DIFFERS, ""),
        (Verdict(why="it is running (gpu)"), NOT_CHECKED, ""),
        (
            Verdict(why="it is not on gpu any more", exit=Exit.ERROR),
            NOT_CHECKED,
            f"run {A} was not compared with gpu: it is not on gpu any more",
        ),
        (
            Verdict(unreadable=["a\nb"], files=3, exit=Exit.INCOMPLETE),
            NOT_CHECKED,
            f"run {A} was compared with gpu but for 1 file that is not readable there: a?b",
        ),
        (
            Verdict(["f"], ["d/", "e"], files=3, exit=Exit.INCOMPLETE),
            DIFFERS,
            f"run {A} was compared with gpu but for 2 files that are not readable there: "
            "d/ and others",
        ),
    ],
)
def test_a_run_is_the_same_only_where_all_of_it_was_compared(
    verdict: Verdict, word: str, said: str
) -> None:
    assert verdict.word == word
    assert " ".join(error.message for error in verify.faults({A: verdict}, "gpu")) == said


class Host:
    """A remote on which runs are as they were told to be."""

    name = "gpu"
    home = "/there"
    remote = Remote("gpu", "ssh", host="gpu.example.com")

    def __init__(self, *now: Any) -> None:
        self._now = now

    def states(self, ids: Any) -> Any:
        return dict(zip(ids, self._now, strict=True))

    def leave(self) -> None:
        pass


def test_a_run_of_which_rsync_says_nothing_is_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote may send what it likes, and what it leaves out was not compared."""
    rsync = tmp_path / "bin" / "rsync"
    rsync.parent.mkdir()
    rsync.write_text(f"#!/bin/sh\ncat > /dev/null\necho '.f          6 {A}/.guild/opref'\n")
    rsync.chmod(0o755)
    monkeypatch.setenv("PATH", f"{rsync.parent}{os.pathsep}{os.environ['PATH']}")
    for run_id in (A, B):
        make(tmp_path, run_id, exit_status=0)
    there = state("completed")
    host: Any = Host(there)
    found = verify.verified(host, LocalHost(str(tmp_path)), {A: there, B: there})
    assert (found[A].word, found[A].files, found[A].bytes) == (SAME, 1, 6)
    assert (found[B].word, found[B].why) == (NOT_CHECKED, "rsync said nothing of it")
    assert found[B].exit == Exit.INCOMPLETE
