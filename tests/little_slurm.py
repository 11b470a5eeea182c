"""A site whose Slurm is small programs, which keep their jobs in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import guild_sync.agent
from guild_sync.agent.protocol import SchedulerForm, Value
from guild_sync.agent.scheduling import records, submitting
from guild_sync.agent.staging import stage
from guild_sync.agent.store import rundir

A = "a" * 32
_SBATCH = """#!/bin/sh
cd {folder}
echo "$*" >argv
array=
for word; do case $word in
    --job-name=*) name=${{word#*=}};;
    --array=*) array=${{word#*=}}; array=${{array%%%*}};;
esac; done
cat >script
[ ! -e before ] || . ./before
id=$(($(wc -l <jobs) + 1))
echo "$id${{array:+_[$array]}}|$id|${{array:-N/A}}|PENDING|N/A||$(date +%s)|Priority|$name" >>jobs
[ ! -e after ] || . ./after
echo $id
"""
_SQUEUE = """#!/bin/sh
cd {folder}
[ ! -e down ] || {{ echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; }}
cat jobs
"""
_SCANCEL = """#!/bin/sh
cd {folder}
echo "$*" >>cancelled
"""
_SCONTROL = """#!/bin/sh
echo 'MaxArraySize            = 2'
"""
_COMMANDS = {
    "sbatch": _SBATCH,
    "squeue": _SQUEUE,
    "scancel": _SCANCEL,
    "scontrol": _SCONTROL,
}


class LittleSlurm:
    """A guild home with one pending run, on the login node of such a site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "slurm"
        self.folder.mkdir()
        self.home = str(folder / "home")
        for name, text in _COMMANDS.items():
            (self.folder / name).write_text(text.format(folder=self.folder))
            (self.folder / name).chmod(0o755)
        (self.folder / "jobs").write_text("")
        self.run = Path(rundir.run_dir(self.home, A))
        self.guild = self.run / ".guild"
        self.make()

    def make(self, **job: Value) -> None:
        found = {"op": "op", "argv": ["true"], "environment": {}, **job}
        stage.stage(self.home, A, "package:gpkg.demo 1.0 '' op", {}, found)  # type: ignore[arg-type]

    def form(self, **options: Value) -> SchedulerForm:
        return {"type": "slurm", "path": str(self.folder), "clusters": "", "options": options}

    def submit(self, sends_secrets: bool = False, **options: Value) -> str:
        return submitting.submit(self.home, str(self.run), self.form(**options), sends_secrets)

    def fault(self, when: str, shell: str) -> None:
        (self.folder / when).write_text(shell)

    def mend(self) -> None:
        for name in ("before", "after", "down"):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs that have the run's name."""
        rows = (self.folder / "jobs").read_text().splitlines()
        return [row.split("|")[0] for row in rows if row.endswith(f"|guild-{A}")]

    @property
    def record(self) -> records.Record | None:
        return records.read(str(self.run))

    @property
    def status(self) -> str:
        return rundir.status(str(self.run)).text

    def ask(self, function: str, **args: object) -> subprocess.Popen[str]:
        """An agent that is asked for something."""
        agent = subprocess.Popen(
            [sys.executable, "-I", *guild_sync.agent.__path__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert agent.stdin
        request = {"home": self.home, "function": function, "args": args}
        agent.stdin.write(json.dumps(request) + "\n")
        agent.stdin.close()
        return agent

    def become(self, job: str, **variables: str) -> subprocess.Popen[str]:
        """The process of a job, as its script becomes it."""
        return subprocess.Popen(
            [sys.executable, "-I", *guild_sync.agent.__path__, "job", str(self.run)],
            env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": job, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def attributes(self, *names: str) -> Mapping[str, Value]:
        return rundir.read_attrs(str(self.run), names)
