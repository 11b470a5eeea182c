"""What the tests of faults are made with: runs that end during them, and the one check after."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from comparing import faults, whole_or_marked
from relay import Relay, relay
from support import PATIENCE, Done, Guild, Server, processes, wait_until

from guild_sync.agent import protocol
from guild_sync.agent.protocol import Plain
from guild_sync.agent.store import attrs, locks, rundir

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
# The runs of the fixture `far`, and the sizes of their files.
RUNS = [f"{number:032x}" for number in range(1, 4)]
SIZES = (100_000, 1_000, 0)
# Statuses with which guild may end where something failed: said in one line, and no bug of ours.
FAILURES = (1, 3, 4)


def rng(salt: str) -> random.Random:
    """Random numbers that are other ones each time, and told where a test fails."""
    print(f"FAULT_SEED={SEED}")
    return random.Random(f"{SEED} {salt}")


def write_run(home: Path, run_id: str, *, sizes: tuple[int, ...] = (), ended: bool = True) -> Path:
    """A run that guild could have made, with files of these sizes; its directory."""
    run = home / "runs" / run_id
    (run / ".guild" / "attrs").mkdir(parents=True)
    (run / ".guild" / "opref").write_text("package:gpkg.demo 1.0 '' op")
    values: dict[str, Plain] = {
        "id": run_id,
        "initialized": 1,
        "started": protocol.now(),
        "flags": {"x": 1},
    }
    for name, value in values.items():
        (run / ".guild" / "attrs" / name).write_text(attrs.encode(value))
    (run / ".guild" / "output").write_text("begun\n")
    for number, size in enumerate(sizes):
        (run / f"file-{number}").write_bytes(os.urandom(size))
    if ended:
        end_run(run)
    return run


def end_run(run: Path, exit_status: int = 0) -> None:
    """End a run as its runner does: `exit_status` last."""
    with open(run / ".guild" / "output", "a") as output:
        output.write("ended\n")
    rundir.write_attr(str(run), "stopped", protocol.now())
    rundir.write_attr(str(run), "exit_status", exit_status)


def change_a_byte(path: Path, at: int = 0) -> None:
    """Change one byte of a file, whose size and time stay as they are."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Have a run be running, by a lock of this process, within the block."""
    fd = locks.hold(str(run / ".guild"))
    assert fd is not None
    try:
        yield
    finally:
        locks.release(str(run / ".guild"), fd)


def mark(here: Path, run_id: str, remote: str) -> None:
    """Have the run be one here that is running on the remote, of which little has come yet."""
    guild = here / "runs" / run_id / ".guild"
    guild.mkdir(parents=True, exist_ok=True)
    (guild / "opref").write_text("package:gpkg.demo 1.0 '' op")
    (guild / "LOCK.remote").write_text(f"{remote}\n")


def forget(here: Path) -> None:
    """Remove all runs here, and what is known of remotes."""
    for name in ("runs", "remotes"):
        shutil.rmtree(here / name, ignore_errors=True)


def check_between(guild: Guild, there: Path, done: Done) -> None:
    """After a fault: guild has said so, and nothing looks whole that is not."""
    assert done.code in FAILURES, done
    assert done.err.startswith("guild: "), done
    assert "internal error" not in done.err
    assert whole_or_marked(guild.home, there) == []


def check_after(guild: Guild, there: Path, remote: str, *again: str) -> None:
    """One more sync, or the command that `again` is, makes it right."""
    guild.ok(*(again or ("sync",)))
    assert faults(guild.home, there, remote) == []
    lacking = ids_of(there) - ids_of(guild.home)
    assert not lacking, f"{lacking} have not come"


def wait_for_agents(there: Path) -> None:
    """Wait for all that agents do there: they outlive a guild that is killed."""
    agent = f"{there}/agent/"
    wait_until(
        lambda: not any(agent in process.args for process in processes()),
        f"the end of the agents in {there}",
    )


def lasting(check: Callable[[], list[str]]) -> list[str]:
    """What is wrong, and stays so: agents that outlive a killed guild move runs while we look."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = check()
        except FileNotFoundError as e:
            found = [str(e)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def ids_of(home: Path) -> set[str]:
    return {path.name for path in (home / "runs").glob("[0-9a-f]*")}


@contextmanager
def relayed(guild: Guild, sshd: Server, there: Path, **more: object) -> Iterator[Relay]:
    """The remote `far`: the tests' ssh server behind a network that can be made to misbehave."""
    with relay(sshd.state.port) as found:
        known = Path(str(sshd.remote.known_hosts)).read_text().split(" ", 1)[1]
        known_hosts = there.parent / "known_hosts-of-the-relay"
        known_hosts.write_text(f"[127.0.0.1]:{found.port} {known}")
        keys = {**sshd.keys(there, **more), "port": found.port, "known-hosts": str(known_hosts)}
        guild.configure(far=keys)
        yield found
