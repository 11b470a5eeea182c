"""What a run's verdict says, and what is said of it."""

from __future__ import annotations

import pytest
from rundirs import A

from guild_sync.errors import Exit
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
