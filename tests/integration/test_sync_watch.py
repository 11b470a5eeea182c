"""`guild sync --watch`: again and again, and what the runs print meanwhile."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Guild, Place, Server, project, wait_until
from terminal import Terminal
from test_fleet import bind

# It prints what is put into the file `say`, and ends once there is a file `end`.
TALK = """
import os, time
print("begun", flush=True)
while not os.path.exists("end"):
    if os.path.exists("say"):
        with open("say", newline="") as f:
            print(f.read(), end="", flush=True)
        os.unlink("say")
    time.sleep(0.02)
"""


class Talking:
    """A run on a remote that prints what it is told to, and is here."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.id = place.started("--no-track", op="talk")
        place.wait_for_output(self.id, "begun")
        place.guild.ok("pull", str(place.remote), self.id, "-y")

    def say(self, text: str) -> None:
        folder = self.place.run_dir(self.id)
        (folder / "text").write_text(text)
        (folder / "text").rename(folder / "say")

    def end(self) -> None:
        (self.place.run_dir(self.id) / "end").touch()


class Watching:
    """A `guild sync --watch` and the lines that it has printed."""

    def __init__(self, guild: Guild, *words: str) -> None:
        self.process = guild.popen("sync", "--watch", *words)
        assert self.process.stdout is not None
        self._out = self.process.stdout
        assert self.line().startswith("Syncing every ")

    def line(self) -> str:
        return self._out.readline().decode().rstrip("\n")


@pytest.fixture
def there_too(guild: Guild, remote: str, there: Path) -> Place:
    project(guild.folder, "talk: {main: talk}", talk=TALK)
    return Place(guild, there, remote)


@pytest.fixture
def watchings() -> Iterator[list[Watching]]:
    found: list[Watching] = []
    yield found
    for watching in found:
        watching.process.kill()
        watching.process.wait()


def followers(home: Path) -> list[str]:
    """The agents on the remote that follow outputs."""
    found = subprocess.run(["pgrep", "-f", f"{home}/agent/[0-9a-f]+$"], stdout=subprocess.PIPE)
    return found.stdout.decode().split()


def test_outputs_are_followed_and_an_end_is_synced_at_once(
    guild: Guild, remote: str, there_too: Place, watchings: list[Watching]
) -> None:
    one, two = Talking(there_too), Talking(there_too)
    watching = Watching(guild, "--until-done", "--interval", "3600")
    watchings.append(watching)
    assert watching.line() == f"Following 2 runs on {remote}"
    one.say("first\npart")
    assert watching.line() == f"[{one.id[:8]}] first"
    assert followers(there_too.home)
    two.say("50%\r\x1b[31m100%\x1b[0m\x07\n")
    assert watching.line() == f"[{two.id[:8]}] 100%?"
    one.end()
    assert watching.line() == f"[{one.id[:8]}] part"
    assert watching.line() == f"{one.id} on {remote}: running -> completed"
    assert guild.status(one.id) == "completed"
    assert guild.status(two.id) == f"running ({remote})"
    two.end()
    assert watching.line() == f"{two.id} on {remote}: running -> completed"
    assert watching.process.wait(60) == 0
    assert followers(there_too.home) == []


def test_on_a_terminal_an_end_has_the_last_values_behind_it(
    guild: Guild, remote: str, there_too: Place
) -> None:
    one = Talking(there_too)
    argv = guild.argv("sync", "--watch", "--until-done", "--interval", "3600")
    with Terminal(argv, guild.env, guild.folder, 200) as terminal:
        wait_until(lambda: f"on {remote}\n" in terminal.shown, "that it is followed")
        one.say("loss: 0.5\nloss: 0.25\nacc: 0.75\n")
        wait_until(lambda: f"[{one.id[:8]}] acc: 0.75" in terminal.shown, "the output")
        one.end()
        assert terminal.end() == 0
        ended = f"{one.id} on {remote}: running -> completed (loss 0.25, acc 0.75)\n"
        assert ended in terminal.shown


def test_ctrl_c_ends_the_watching_and_no_run(
    guild: Guild, remote: str, there_too: Place, watchings: list[Watching]
) -> None:
    run = Talking(there_too)
    watching = Watching(guild)
    watchings.append(watching)
    assert watching.line() == f"Following {run.id} on {remote}"
    wait_until(lambda: followers(there_too.home), "a follower")
    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(60) == 130
    wait_until(lambda: not followers(there_too.home), "the follower's end")
    assert there_too.status(run.id) == "running"
    run.end()


def test_a_run_that_is_pulled_meanwhile_is_followed_too(
    guild: Guild, remote: str, there_too: Place, watchings: list[Watching]
) -> None:
    first = Talking(there_too)
    watching = Watching(guild, "-n", "1")
    watchings.append(watching)
    assert watching.line() == f"Following {first.id} on {remote}"
    second = Talking(there_too)
    assert watching.line() == f"Following {second.id} on {remote}"
    second.say("hello\n")
    said = watching.line()
    if said == f"[{second.id[:8]}] begun":  # it was seen here before its output was
        said = watching.line()
    assert said == f"[{second.id[:8]}] hello"
    first.end()
    second.end()


def test_a_remote_that_is_down_does_not_end_the_watching(
    guild: Guild, sshd: Server, remote: str, there_too: Place, watchings: list[Watching]
) -> None:
    here = sshd.keys(there_too.home)
    guild.configure(**{remote: here, "down": {**here, "port": 1}})
    run, other = Talking(there_too), Talking(there_too)
    other.end()
    bind(guild, other.id, "down")
    watching = Watching(guild, "--until-done", "-n", "1")
    watchings.append(watching)
    assert watching.line().startswith("guild: cannot reach remote 'down'")
    run.end()
    ended = f"{run.id} on {remote}: running -> completed"
    wait_until(lambda: watching.line() == ended, "the other remote's run")
    assert watching.process.poll() is None


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_an_interval_that_is_none(guild: Guild, seconds: str) -> None:
    done = guild("sync", "--watch", f"--interval={seconds}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("guild: --interval takes ")
