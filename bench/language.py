"""The rows about guild.yml: a project of many operations is listed, shown and run here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import yaml

from bench import bare_read
from bench.lab import Lab
from bench.measure import Case, Command, Work

OPERATIONS = 40
MODULES = 6
OPTIONS = 12
STEPS = 10
_HOME = "language"
_LISTED = ("train-", OPERATIONS - 2)  # what a listing has in it, and how often
_STEP = "size = 1\n\nprint('stepped', size)\n"


def cases(lab: Lab) -> Iterator[Case]:
    """The rows, each beside Guild AI where that can be had."""
    project = Project(lab)
    reading = Work(
        "read yaml, ast",
        lambda: [Command((sys.executable, str(bare_read.__file__), str(project.folder)))],
    )
    steps = Work(f"{STEPS} x python3", lambda: [project.bare_step] * STEPS)
    count = f"{OPERATIONS} operations"
    yield project.case(f"guild operations of {count}", reading, ("operations",), _LISTED)
    shown = ("run", "train-7", "option-3=5", "--print-cmd")
    yield project.case(f"guild run --print-cmd of {count}", reading, shown, ("module_1", 1))
    run = ("run", "all", "-y")
    yield project.case(f"guild run of {STEPS} steps", steps, run, ("stepped", STEPS))


class Project:
    """A project whose operations take the options of a few modules, and flags of a config."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @cached_property
    def folder(self) -> Path:
        folder = self._lab.folder / "many-operations"
        folder.mkdir()
        (folder / "guild.yml").write_text(yaml.safe_dump(_entries(), sort_keys=False))
        (folder / "step.py").write_text(_STEP)
        for number in range(MODULES):
            (folder / f"module_{number}.py").write_text(_module())
        return folder

    @property
    def bare_step(self) -> Command:
        return Command((sys.executable, str(self.folder / "step.py")), expect=("stepped", 1))

    def case(self, what: str, limit: Work, words: Sequence[str], expect: tuple[str, int]) -> Case:
        lab = self._lab

        def rival() -> Work | None:
            if not lab.rival.program:
                return None
            here = partial(lab.rival.here, home=_HOME, folder=self.folder)
            command = here(*words, expect=expect)
            first = here("operations", expect=_LISTED)

            def prepare() -> None:
                first.seconds()  # runs every module, and keeps which options it has

            return Work("Guild AI", lambda: [command], prepare)

        def prepare() -> None:
            shutil.rmtree(lab.folder / _HOME / "runs", ignore_errors=True)

        def guild() -> list[Command]:
            return [lab.guild(*words, home=_HOME, expect=expect, folder=self.folder)]

        return Case(Work(what, guild, prepare), limit, rival=rival)


def _entries() -> list[object]:
    trained = {
        f"train-{number}": {
            "description": f"Train the network number {number}",
            "main": f"module_{number % MODULES}",
            "flags-import": "all",
            "label": "${option-0} ${option-1|%.2f}",
            "flags": {"$include": "common", "option-2": {"min": 0, "max": 100}},
        }
        for number in range(OPERATIONS - 2)
    }
    steps = [f"step size={number}" for number in range(STEPS)]
    own = {"step": {"flags-import": "all"}, "all": {"steps": steps}}
    return [
        {"config": "common", "flags": {"option-0": 10, "option-1": 0.1}},
        {"operations": {**trained, **own}},
    ]


def _module() -> str:
    options = [
        f'parser.add_argument("--option-{number}", type=float, default={number}, help="help")'
        for number in range(OPTIONS)
    ]
    lines = ["import argparse", "", "parser = argparse.ArgumentParser()", *options]
    return "\n".join([*lines, "print(parser.parse_args())", ""])
