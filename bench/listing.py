"""The rows about listings of many runs here, each beside a bare loop over what it must look at."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import bare_loop
from bench.lab import Lab
from bench.measure import Aim, Case, Command, Work

COUNTS = (10, 1_000, 10_000)
MANY = 100_000
RANKED = 20_000
_AIMS = {10_000: Aim(times=1.5), MANY: Aim(times=0, plus=0.4)}


def cases(lab: Lab, quick: bool) -> Iterator[Case]:
    """The rows; the homes are made when they are measured."""
    for count in COUNTS[:-1] if quick else COUNTS:
        yield _case(lab, count, ("runs", "-n1"), "started", ("[1:", 1), _AIMS.get(count))
    if quick:
        return
    yield _case(lab, MANY, ("runs", "-n1"), "started", ("[1:", 1), _AIMS[MANY])
    yield _case(lab, MANY, ("sync",), "marks", None, _AIMS[MANY])
    yield _case(lab, MANY, ("runs", "-Se"), "exit_status", ("[", 0), Aim(times=0, plus=1.0))
    yield _case(lab, MANY, ("runs", "-Fo", "op"), "opref", ("[1:", 1), Aim(times=0, plus=1.0))
    yield _case(lab, MANY, ("runs", "-a"), "all", ("[1:", 1), Aim(times=0, plus=10.0))
    words = ("runs", "--sort", "-loss", "-n1")
    yield _case(lab, RANKED, words, "scalars", ("  train (", 1), None, lab.trained_runs)


def _case(
    lab: Lab,
    count: int,
    words: tuple[str, ...],
    what: str,
    expect: tuple[str, int] | None,
    aim: Aim | None,
    made: Callable[[int], Path] | None = None,
) -> Case:
    """A row about a home that `made` has made, by default `Lab.local_runs`."""
    made = made or lab.local_runs

    def guild() -> list[Command]:
        return [lab.guild(*words, home=made(count).name, expect=expect)]

    def bare() -> list[Command]:
        script, runs = str(bare_loop.__file__), str(made(count) / "runs")
        return [Command((sys.executable, script, runs, what))]

    work = Work(f"guild {' '.join(words)} of {count:,}", guild)
    limit = "bare loop" if what == "started" else f"bare loop, {what}"
    return Case(work, Work(limit, bare), aim)
