"""Few files that may be open: what is said is true, or it is one line."""

from __future__ import annotations

import subprocess

import pytest
from support import Done, Guild, project

LIMITS = range(5, 13)  # with less, Python itself does not start
LISTING = ["runs", "runs -v", "runs --json", "info 1", "select", "ls 1", "cat -p .guild/opref 1"]


def limited(guild: Guild, limit: int, *argv: str) -> Done:
    words = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(limit), *guild.argv(*argv)]
    done = subprocess.run(words, capture_output=True, cwd=guild.folder, env=guild.env, timeout=120)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def runs(guild: Guild) -> Guild:
    project(guild.folder, "op: {exec: 'true'}")
    for _ in range(2):
        guild.ok("run", "op", "-y")
    return guild


def test_a_listing_is_true_or_one_line(runs: Guild) -> None:
    refused = []
    for line in LISTING:
        said = runs.ok(*line.split()).out
        for limit in LIMITS:
            done = limited(runs, limit, *line.split())
            if done.code:
                refused.append(line)
                assert (done.out, done.code) == ("", 1), (line, limit, done)
                assert done.err.startswith("guild: ") and "open files" in done.err, (limit, done)
            else:
                assert (done.out, done.err) == (said, ""), (line, limit, done)
    assert len(set(refused)) > 3, "no limit was low enough to be noticed"


def test_a_run_that_cannot_be_made_waits_for_nothing(runs: Guild) -> None:
    codes = set()
    for limit in range(7, 16):  # with less, what was begun cannot be looked at to be removed
        done = limited(runs, limit, "run", "op", "-y")
        codes.add(done.code)
        assert done.code in (0, 1, 127), (limit, done)  # 127: the operation could not start
        assert "Traceback" not in done.err, (limit, done)
        assert runs.ok("runs", "-Sr", "--pending", "--staged").out == "", (limit, done)
    assert {0, 1} <= codes, "no limit was low enough to be noticed"
