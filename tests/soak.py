"""Many runs over several sandboxes, faults at random, and everything equal at the end.

`python tests/soak.py [SECONDS [RUNS [SEED]]]`, or `make soak`: ten minutes, 200 runs. The seed is
printed, and so are the faults that were injected.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml
from comparing import differences, faults, whole_or_marked
from faults import change_a_byte, end_run, lasting, wait_for_agents, write_run
from starts import Starts
from support import BIN

from guild_sync.agent import protocol
from guild_sync.agent.store import locks, rundir

SANDBOXES = 5
LARGE_SHARE = 0.1  # of the runs, that have large files


class Soak:
    """The world of one soak: a guild home here, sandboxes, and runs on them that go on."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.home = folder / "home"
        self.boxes = [f"box{number}" for number in range(1, SANDBOXES + 1)]
        self.injected: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.held: dict[Path, int] = {}
        self.cleaned: set[str] = set()
        self.starts = Starts(folder / "project", self.random)
        self.env = {
            **os.environ,
            "HOME": str(folder / "user"),
            "GUILD_HOME": str(self.home),
            "GUILD_CONFIG": str(folder / "config.yml"),
        }
        (folder / "user").mkdir()
        boxes: dict[str, dict[str, str | int]] = {
            box: {"type": "sandbox", "guild-home": str(self.there(box)), "timeout": 20}
            for box in self.boxes
        }
        for box in self.boxes[::2]:  # the others are near: one rsync each
            boxes[box]["lanes"] = 4
        (folder / "config.yml").write_text(yaml.safe_dump({"remotes": boxes}))
        for box in self.boxes:
            self.guild("remote", "start", box)
        for number in range(count):
            self.begin(self.boxes[number % SANDBOXES], f"{number + 1:032x}")
        for box in self.boxes:
            self.guild(*self.pull(box))

    def there(self, box: str) -> Path:
        return self.folder / "there" / box

    def guild(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        argv = [str(BIN / "guild"), *words]
        done = subprocess.run(argv, env=self.env, capture_output=True, timeout=300)
        if done.returncode not in (0, 1, 3, 4) or b"internal error" in done.stderr:
            self.wrong.append(f"{words}: {done}")
        return done

    def pull(self, box: str) -> tuple[str, ...]:
        """What brings home the runs that were not started from here: the others are expected."""
        return ("pull", box, "-Fo", "op", "-y")

    def note(self, text: str) -> None:
        """Keep what is done, beside the guild's own log, for whoever asks what went wrong."""
        with open(self.folder / "steps", "a") as steps:
            steps.write(f"{time.strftime('%F %T')} {text}\n")

    def popen(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(BIN / "guild"), *words],
            env=self.env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    # What goes on.

    def begin(self, box: str, run_id: str) -> None:
        """A run that is running: this process holds its lock as a runner does."""
        sizes: tuple[int, ...] = (self.random.randrange(200_000), self.random.randrange(1000))
        if self.random.random() < LARGE_SHARE:  # large ones, for lanes
            sizes = (*sizes, *(protocol.LARGE + self.random.randrange(1000) for _ in range(3)))
        run = write_run(self.there(box), run_id, sizes=sizes, ended=False)
        fd = locks.hold(str(run / ".guild"))
        assert fd is not None
        self.held[run] = fd

    def go_on(self) -> None:
        """Some runs write, some end, and a few are labelled."""
        for run in self.random.sample(sorted(self.held), min(5, len(self.held))):
            if not run.exists():
                continue  # it was deleted, or its home is away
            with open(run / ".guild" / "output", "a") as output:
                output.write(f"{self.random.random()}\n")
            (run / f"file-{self.random.randrange(4)}").write_bytes(self.random.randbytes(5000))
            rundir.write_attr(str(run), "label", f"label {self.random.random()}")
            if self.random.random() < 0.15:
                self.end(run)

    def end(self, run: Path) -> None:
        end_run(run, self.random.choice([0, 0, 0, 1, -15]))
        locks.release(str(run / ".guild"), self.held.pop(run))

    # Faults.

    def kill_guild(self) -> None:
        words = self.random.choice([("sync",), self.pull(self.random.choice(self.boxes))])
        self._end_within(1.5, self.popen(*words))

    def _end_within(self, seconds: float, process: subprocess.Popen[bytes]) -> None:
        """Kill the process at a random moment, where it has not ended by then."""
        try:
            process.wait(self.random.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill_start(self) -> None:
        _, process = self._start()
        self._end_within(self.starts.seconds, process)

    def cut_start(self) -> None:
        box, process = self._start()
        time.sleep(self.random.uniform(0, self.starts.seconds))
        self._end_sessions(box)
        process.wait(300)

    def start_while_syncing(self) -> None:
        """Half of these starts go well."""
        _, process = self._start()
        syncing = self.popen("sync")
        self._end_within(2 * self.starts.seconds, process)
        syncing.wait(300)

    def start_one(self) -> None:
        """Start a run undisturbed, to know how long that takes."""
        began = time.monotonic()
        _, process = self._start()
        if process.wait(300) not in (0, 7):
            self.wrong.append("a start that was not disturbed failed")
        self.starts.seconds = time.monotonic() - began

    def _start(self) -> tuple[str, subprocess.Popen[bytes]]:
        box = self.random.choice(self.boxes)
        words = self.starts.words(box)
        self.note(" ".join(words))
        return box, self.popen(*words, cwd=self.starts.project)

    def cut_connections(self) -> None:
        self._while_syncing(lambda: self._end_sessions(self.random.choice(self.boxes)))

    def _end_sessions(self, box: str) -> None:
        """End what the sandbox's sshd has started, one process for each connection."""
        pid = (self.home / "sandboxes" / box / "sshd.pid").read_text().strip()
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", pid], stdout=subprocess.PIPE, text=True
        )
        for session in found.stdout.split():
            os.kill(int(session), signal.SIGKILL)

    def restart_server(self) -> None:
        box = self.random.choice(self.boxes)
        self.guild("remote", "stop", box, "-y")
        self.guild("sync")
        self.guild("remote", "start", box)

    def _while_syncing(self, act: Callable[[], None]) -> None:
        process = self.popen("sync")
        time.sleep(self.random.uniform(0, 1.0))
        act()
        process.wait(300)

    def delete_and_put_back(self) -> None:
        runs = [run for run in sorted(self.held) if run.exists()]
        runs += [run for box in self.boxes for run in self.starts.at_rest(self.there(box))]
        if runs:
            run = self.random.choice(runs)
            self.note(f"away: {run}")
            away = self.folder / "away"
            shutil.move(run, away)
            self.guild("sync")
            shutil.move(away, run)

    def move_home(self) -> None:
        box = self.random.choice(self.boxes)
        away = self.folder / "home-away"
        shutil.move(self.there(box), away)
        self.guild("sync")
        if self.there(box).exists():
            self.wrong.append(f"a home was made where {box}'s was not mounted")
        shutil.move(away, self.there(box))

    def several_at_once(self) -> None:
        many = [self.popen("sync") for _ in range(3)]
        for process in many:
            process.wait(300)

    # What looks after runs that are over.

    def alter(self) -> None:
        """A byte changes in a copy that is whole: it is named, and mended, kills or not."""
        copies = [run for run in self._whole() if (run / ".guild/output").stat().st_size]
        if not copies:
            return
        run = self.random.choice(copies)
        self.note(f"alter: {run.name}")
        change_a_byte(run / ".guild/output")
        found = self.guild("verify", run.name)
        if found.returncode != 4 or f"{run.name}/.guild/output" not in found.stdout.decode():
            self.wrong.append(f"a byte of {run.name} was not found: {found}")
        self._end_within(1.5, self.popen("sync", "--verify", run.name))
        self.guild("sync", "--verify", run.name)
        self.verify()

    def verify(self) -> None:
        """What `guild verify` says of each copy, held against both sides."""
        told = json.loads(self.guild("verify", "--json").stdout)
        self.wrong += [f"not verified: {remote}" for remote in told["remotes"]]
        for verdict in told["runs"]:
            run_id, there = verdict["run"], self.there(verdict["remote"])
            if verdict["verdict"] == "differs":
                self.wrong.append(f"{run_id} differs: {verdict['differing']}")
            elif verdict["verdict"] == "same":
                self.wrong += differences(self.home / "runs" / run_id, there / "runs" / run_id)

    def _whole(self) -> list[Path]:
        """The runs here that are over, and there as well."""
        runs = (run for run in sorted((self.home / "runs").glob("[0-9a-f]*")))
        return [
            run
            for run in runs
            if rundir.status(str(run)).text in protocol.FINAL
            if any((self.there(box) / "runs" / run.name).exists() for box in self.boxes)
        ]

    def clean(self) -> None:
        self._clean(lambda box, process: process.wait(300), "-p")

    def kill_clean(self) -> None:
        self._clean(lambda box, process: self._end_within(2.5, process), "-p")

    def cut_clean(self) -> None:
        def cut(box: str, process: subprocess.Popen[bytes]) -> None:
            time.sleep(self.random.uniform(0, 2.0))
            self._end_sessions(box)
            process.wait(300)

        self._clean(cut, "-p")

    def clean_while_syncing(self) -> None:
        """What comes home meanwhile may go, too: so all of it goes to the trash."""

        def sync(box: str, process: subprocess.Popen[bytes]) -> None:
            self.guild(*self.random.choice([("sync",), ("sync", "--verify")]))
            process.wait(300)

        self._clean(sync)

    def _clean(self, during: Callable[[str, subprocess.Popen[bytes]], object], *how: str) -> None:
        """Clean a remote while something happens; what has gone there is whole here."""
        box = self.random.choice(self.boxes)
        there, before = self.there(box), self.folder / "before"
        words = (
            "-y",
            "--keep-last",
            str(self.random.choice([0, 1, 5])),
            *self.random.choice([how, ()]),
        )
        self.note(f"clean {box} {words}")
        shutil.copytree(there / "runs", before, symlinks=True)
        during(box, self.popen("clean", "-r", box, *words))
        wait_for_agents(there)
        self.wrong += lasting(lambda: self._not_whole(box, before, "-p" in words))
        shutil.rmtree(before)
        self.verify()

    def _not_whole(self, box: str, before: Path, is_permanent: bool) -> list[str]:
        """What is wrong with the runs that have gone from where they are still `before`."""
        there, wrong = self.there(box), []
        for run in sorted(before.glob("[0-9a-f]*")):
            if not (there / "runs" / run.name).exists():
                gone = there / "trash/runs" / run.name
                here = self.home / "runs" / run.name
                wrong += differences(here, gone if gone.exists() else run)
                if rundir.status(str(here)).text not in protocol.FINAL:
                    wrong.append(f"{run.name} went from {box}, and is not over here")
                if not is_permanent and not gone.exists():
                    wrong.append(f"{run.name} is not in the trash of {box}")
                self.cleaned.add(run.name)
        return wrong

    FAULTS = (
        *("kill_guild", "kill_guild", "cut_connections", "restart_server"),
        *("delete_and_put_back", "move_home", "several_at_once"),
        *("kill_start", "kill_start", "cut_start", "start_while_syncing"),
        *("alter", "clean", "kill_clean", "cut_clean", "clean_while_syncing"),
    )

    def step(self) -> None:
        """The runs go on, one fault, and what is here must not be wrong after it."""
        self.go_on()
        name = self.random.choice(self.FAULTS)
        self.injected[name] += 1
        self.note(name)
        getattr(self, name)()
        for box in self.boxes:
            self.wrong += [f"after {name}: {line}" for line in self._of(box, whole_or_marked)]
        if self.random.random() < 0.5:
            self.guild("sync")

    def _of(self, box: str, check: Callable[[Path, Path], list[str]]) -> list[str]:
        ids = {path.name for path in (self.there(box) / "runs").glob("[0-9a-f]*")}
        return [line for line in check(self.home, self.there(box)) if any(i in line for i in ids)]

    def finish(self) -> list[str]:
        """End every run, sync once more, and tell what is not equal on both sides."""
        for run in sorted(self.held):
            self.end(run)
        for box in self.boxes:
            self.guild(*self.pull(box))
            self.starts.wait_for_ends(self.there(box))
        self.starts.age(self.home)
        last = self.guild("sync")
        if last.returncode:
            self.wrong.append(f"the last sync: {last}")
        for box in self.boxes:
            self.wrong += self._of(box, partial(faults, remote=box))
            lacking = {p.name for p in (self.there(box) / "runs").glob("[0-9a-f]*")} - {
                p.name for p in (self.home / "runs").glob("[0-9a-f]*")
            }
            self.wrong += [f"{run_id} has not come" for run_id in lacking]
            self.wrong += self.starts.untrue(self.there(box))
        self.verify()
        here = {p.name for p in (self.home / "runs").glob("[0-9a-f]*")}
        self.wrong += [f"{i} was cleaned, and is not here" for i in sorted(self.cleaned - here)]
        self.wrong += [f"{run_id} is still expected" for run_id in self.starts.expected(self.home)]
        if (self.home / "error.log").exists():
            self.wrong.append((self.home / "error.log").read_text())
        return self.wrong

    def close(self) -> None:
        for box in self.boxes:
            self.guild("remote", "stop", box, "-y")


def soak(seconds: float, count: int, seed: int) -> list[str]:
    """What was wrong, during a soak or at its end; nothing, it is to be hoped."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"seed {seed}, {count} runs, {SANDBOXES} sandboxes, {seconds:g} s", flush=True)
    world = Soak(folder, count, seed)
    wrong = [f"it did not end: see {folder}"]
    try:
        world.start_one()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            world.step()
        wrong = world.finish()
        started = dict(sum(map(world.starts.ended, map(world.there, world.boxes)), Counter()))
    finally:
        world.close()
        if not wrong:
            shutil.rmtree(folder, ignore_errors=True)
    print(dict(world.injected), f"started: {started}, {len(world.cleaned)} cleaned", flush=True)
    print(f"{len(wrong)} wrong", flush=True)
    return wrong and [*wrong, f"all of it is in {folder}"]


def main() -> int:
    words = sys.argv[1:]
    seconds = float(words[0]) if words else 600.0
    count = int(words[1]) if words[1:] else 200
    seed = int(words[2]) if words[2:] else random.SystemRandom().randrange(1, 1 << 30)
    wrong = soak(seconds, count, seed)
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
