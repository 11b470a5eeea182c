"""The runs of a soak that are started with `guild run -r`, and that nobody pulls."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from faults import wait_for_agents
from support import project

from guild_sync.agent import protocol
from guild_sync.agent.store import locks, rundir

# None of its operations is called `op`, by which a soak pulls the runs that were there already.
GUILDFILE = """
ends:
  exec: sh -c "echo begun; sleep ${seconds}; echo ended > file; exit ${code}"
  flags: {seconds: 0, code: 0}
steps:
  steps: [ends seconds=0.2, ends]
"""
# Runs whose starts were killed are forgotten that much later (sync/awaited.py).
A_MINUTE = 60_000_000


class Starts:
    """A project whose operation ends by itself, with the exit status that its run was given."""

    def __init__(self, folder: Path, numbers: random.Random) -> None:
        self.project = project(folder, GUILDFILE)
        self.random = numbers
        self.seconds = 1.0  # that a start takes, once one was measured

    def words(self, box: str) -> tuple[str, ...]:
        """A command that starts a run: a single one, a batch, a pipeline, or one that waits."""
        seconds, code = self.random.choice(["0", "0.5", "3"]), self.random.choice(["0", "7"])
        kinds = [
            ("ends", f"seconds={seconds}", f"code={code}", "--no-wait"),
            ("ends", f"seconds={seconds}", f"code={code}"),  # and brings it home itself
            ("ends", "seconds=[0,0.5]", f"code={code}", "--no-wait"),
            ("steps", "--no-wait"),
            ("ends", "--stage"),
        ]
        return ("run", *self.random.choice(kinds), "-r", box, "-y")

    def at_rest(self, there: Path) -> list[Path]:
        """The runs there that nobody runs."""
        return [run for run in _runs(there) if locks.holder(str(run / ".guild")) is None]

    def wait_for_ends(self, there: Path) -> None:
        """Wait for all that agents do there: those too whose guild was killed meanwhile."""
        wait_for_agents(there)

    def age(self, home: Path) -> None:
        """Have all that is expected have been started a minute earlier."""
        for path in (home / "expected").glob("[0-9a-f]*"):
            record = json.loads(path.read_text())
            path.write_text(json.dumps({**record, "time": record["time"] - A_MINUTE}))

    def expected(self, home: Path) -> list[str]:
        return sorted(path.name for path in (home / "expected").glob("*"))

    def ended(self, there: Path) -> Counter[str]:
        """How many of the runs there have which status."""
        return Counter(rundir.status(str(run)).text for run in _runs(there))

    def untrue(self, there: Path) -> list[str]:
        """What is wrong with how the runs there have ended."""
        found = []
        for run in _runs(there):
            status = rundir.status(str(run)).text
            flags = rundir.read_attr(str(run), "flags")
            code = flags.get("code") if isinstance(flags, dict) else None
            meant = {"0": "completed", 0: "completed", "7": "error", 7: "error"}.get(code)
            if status in protocol.FINAL and meant not in (None, status):
                found.append(f"{run.name} ended with {code}, and is {status}")
        return found


def _runs(there: Path) -> list[Path]:
    """The runs there that were started: the others have ids that are small numbers."""
    return [path for path in sorted((there / "runs").glob("[0-9a-f]*")) if path.name[:8] != "0" * 8]
