"""Measure a large batch on a cluster, beside sbatch, squeue and rsync by hand.

`bench.clusters` stands for `PYTHONPATH=tests python -m bench.clusters`, as root, where the tests
have a Slurm: by the Python that guild is installed for.

Usage:
  bench.clusters [--trials N]

Options:
  --trials N  How many trials the batch has [default: 1000].
  --help      Show this help and exit.

The trials are held by Slurm, and then cancelled: what they would do is not measured. Seconds are by
the clock, over a connection that is open; calls are those of Slurm's commands, and of rsync here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cluster import Cluster
from clusters import Clusters
from docopt import docopt
from slurm_files import Settings

HEADINGS = ("what", "seconds", "calls", "by hand", "seconds", "calls")
Row = tuple[str, ...]
GUILDFILE = "trial: {exec: 'sleep ${n}', flags: {n: 0}}\n"
_RSYNC = '#!/bin/sh\n[ "$1" = --version ] || echo rsync >>%s\nexec %s "$@"\n'


class Bench:
    """A cluster, and a guild home and a project that use it."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self.folder = folder
        self._rsyncs = folder / "rsyncs"
        (folder / "project").mkdir()
        (folder / "project/guild.yml").write_text(GUILDFILE)
        (folder / "config.yml").write_text(json.dumps({"remotes": {"hpc": cluster.keys()}}))
        (folder / "bin").mkdir()
        rsync = folder / "bin/rsync"
        rsync.write_text(_RSYNC % (self._rsyncs, shutil.which("rsync")))
        rsync.chmod(0o755)
        self._env = {
            **os.environ,
            "HOME": str(folder),
            "GUILD_HOME": str(folder / "home"),
            "GUILD_CONFIG": str(folder / "config.yml"),
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
        }
        keys = cluster.keys()
        self._ssh = [
            *("ssh", "-F", keys["ssh-config"], "-i", keys["private-key"], "-p", str(keys["port"])),
            *(
                "-o",
                f"UserKnownHostsFile={keys['known-hosts']}",
                "-o",
                f"ControlPath={folder}/hand",
            ),
            *("-o", "ControlMaster=auto", "-o", "ControlPersist=600"),
        ]
        self._host = f"{keys['user']}@{keys['host']}"

    def guild(self, *words: str) -> str:
        return self._said([str(Path(sys.executable).parent / "guild"), *words])

    def login(self, command: str, stdin: str = "") -> str:
        return self._said([*self._ssh, self._host, command], stdin)

    def copy(self, target: str) -> str:
        """What guild copies of runs, by rsync alone."""
        source = f"{self._host}:{self.cluster.guild_home}/runs/"
        return self._said(["rsync", "-a", "-e", " ".join(self._ssh), source, target])

    def measured(self, work: Callable[[], object]) -> tuple[str, str]:
        """The seconds that work takes, and the commands that it calls."""
        self._calls()
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        return f"{seconds:.2f}", self._calls()

    def _calls(self) -> str:
        """Which commands were called since this was asked last, and how often."""
        found = Counter(call.name for call in self.cluster.calls())
        self.cluster.forget_calls()
        if self._rsyncs.exists():
            found["rsync"] = len(self._rsyncs.read_text().split())
            self._rsyncs.unlink()
        return ", ".join(f"{count} {name}" for name, count in sorted(found.items())) or "none"

    def _said(self, argv: Sequence[str], stdin: str = "") -> str:
        done = subprocess.run(
            argv,
            input=stdin,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder / "project",
            env=self._env,
        )
        if done.returncode not in (0, 2):
            raise SystemExit(f"{' '.join(argv)} has ended with {done.returncode}")
        return done.stdout


def main() -> int:
    trials = int(docopt(__doc__ or "")["--trials"])
    clusters = Clusters()
    try:
        with tempfile.TemporaryDirectory(prefix="guild-bench-") as folder:
            settings = Settings(max_array=max(1001, trials + 1))
            _show([HEADINGS, *_rows(Bench(Path(folder), clusters.like(settings)), trials)])
    finally:
        clusters.close()  # it removes some 100,000 files
    return 0


def _show(lines: Sequence[Row]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip(), flush=True)


def _rows(bench: Bench, trials: int) -> Iterator[Row]:
    values = "[" + ",".join(map(str, range(trials))) + "]"
    bench.guild("runs", "-r", "hpc")  # puts the agent there
    run = ("run", "trial", f"n={values}", "-r", "hpc", "--job", "options=--hold")
    array = f"sbatch --parsable --hold --array=0-{trials - 1}"
    query = "squeue --noheader --all --states=all --user=$USER --format='%i %T %r'"
    copy = str(bench.folder / "by-hand")
    bench.login("true")

    def row(what: str, work: Callable[[], object], by_hand: str, hand: Callable[[], object]) -> Row:
        print(f"{what} ...", file=sys.stderr, flush=True)
        return (what, *bench.measured(work), by_hand, *bench.measured(hand))

    def looked_and_copied() -> None:
        bench.login(query)
        bench.copy(copy)

    def ids(text: str) -> str:
        return str(json.loads(text)[0]["id"])

    yield row(
        f"run of {trials} trials",
        lambda: bench.guild(*run, "--no-wait", "-y"),
        "ssh sbatch --array",
        lambda: bench.login(array, "#!/bin/sh\nsleep 1\n"),
    )
    batch = ids(bench.guild("runs", "-r", "hpc", "-Fo", "trial+", "--json"))
    by_hand = ("ssh squeue, rsync", looked_and_copied)
    yield row("sync, all wait, none is here", lambda: bench.guild("sync"), *by_hand)
    yield row("sync, no news", lambda: bench.guild("sync"), *by_hand)
    yield row(
        "runs -r",
        lambda: bench.guild("runs", "-r", "hpc"),
        "ssh squeue",
        lambda: bench.login(query),
    )
    yield row(
        "stop of the batch",
        lambda: bench.guild("stop", batch, "-r", "hpc", "-y"),
        "ssh scancel",
        lambda: bench.login("scancel --user=$USER"),
    )
    yield row("sync, all have ended", lambda: bench.guild("sync"), *by_hand)


if __name__ == "__main__":
    sys.exit(main())
