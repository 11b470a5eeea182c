"""What two guild processes must not do at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guild_sync.config.home import guild_home
from guild_sync.errors import Busy
from guild_sync.hosts.locking import hold_id

A, B = "a" * 32, "b" * 32
HOLD = "import sys; from guild_sync.hosts.locking import hold_id; hold_id(sys.argv[1])"


@contextmanager
def another_that_holds(run_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another guild that makes a run of that id."""
    words = [sys.executable, "-c", f"{HOLD}; print(flush=True); input()", run_id]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.read(1) == b"\n"
        try:
            yield other
        finally:
            other.kill()


def test_a_run_of_an_id_is_made_by_one_guild_and_one_of_another_id_by_any() -> None:
    with another_that_holds(A):
        with pytest.raises(Busy, match=f"another guild makes run {A}"):
            hold_id(A)
        hold_id(B)
        hold_id(B)


def test_a_guild_that_is_killed_leaves_no_lock_of_the_id_that_it_had() -> None:
    for run_id in (A, B):
        with another_that_holds(run_id) as other:
            other.kill()
            other.wait()
        hold_id(run_id)
    assert [*(guild_home() / "locks").iterdir()] == [Path(guild_home(), "locks", "run-ids.lock")]


@pytest.mark.parametrize("digits", ["{:032x}", "2026{:028x}", "{:x}" + "0" * 31])
def test_ids_that_are_alike_are_held_apart(digits: str) -> None:
    with another_that_holds(digits.format(1)):
        for number in range(2, 9):
            hold_id(digits.format(number))


def test_locks_that_may_not_be_written_are_no_other_guild() -> None:
    (guild_home() / "locks").mkdir(parents=True)
    code = (
        "import os; from guild_sync.config.home import guild_home; import sys\n"
        "from guild_sync.hosts.locking import hold_id\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: hold_id(sys.argv[1])\n"
        "except OSError as e: print(type(e).__name__, end='')"
    )
    (guild_home() / "locks").chmod(0o500)
    done = subprocess.run([sys.executable, "-c", code, A], capture_output=True, text=True)
    assert done.stdout == "PermissionError"
