"""Work in threads: how many there are, where files may run out."""

from __future__ import annotations

import subprocess
import sys

import pytest

# So many jobs wait for each other, as far as there are threads for them; how many threads it were.
JOBS = """\
import resource, threading
from guild_sync.transport import background
resource.setrlimit(resource.RLIMIT_NOFILE, {limits})
together = threading.Barrier({together})
def job():
    together.wait(60)
    return threading.get_ident()
found = background.in_turn([job] * 60, 60)
print(len(set(found)), resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= {least})
"""


def threads(soft: int, hard: int, together: int, least: int) -> list[str]:
    script = JOBS.format(limits=(soft, hard), together=together, least=least)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert not done.stderr
    return done.stdout.split()


def test_there_are_no_more_threads_than_what_they_start_may_open_files_for() -> None:
    assert threads(256, 256, together=6, least=256) == ["6", "True"]


def test_where_more_files_may_be_opened_that_is_asked_for() -> None:
    eight_lanes = 57  # files, while a remote's are started
    assert threads(256, 4096, together=60, least=60 * eight_lanes) == ["60", "True"]
    assert threads(256, 2000, together=60, least=2000) == ["60", "True"], "at one moment or another"


@pytest.mark.parametrize("files", [32, 64, 90])
def test_one_thread_is_left_whatever_the_limit(files: int) -> None:
    assert threads(files, files, together=1, least=files) == ["1", "True"]
