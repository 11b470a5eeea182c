"""Required files on a remote: sent once, kept once, left there by copies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from contents import NOBODY, open_folder, path_of
from relay import Relay
from support import Guild, Server, project, wait_until

from guild_sync.agent.contents import inputs

SIZE = 3_000_000
GUILDFILE = """
train:
  exec: sh -c 'cksum data.bin; test -w data.bin && echo mine > data.bin; echo ${lr} > model'
  flags: {lr: 1}
  requires: {file: data.bin}
own:
  exec: sh -c 'echo more >> data.bin'
  requires: {file: data.bin, target-type: copy}
touches: {exec: sh -c 'echo more >> data.bin', requires: {file: data.bin}}
packed:
  exec: sh -c 'cat packed/* | cksum'
  requires: {file: packed.tar}
all:
  steps: [train, {run: train, flags: {lr: 2}}]
"""
DATA = os.urandom(SIZE)


@pytest.fixture
def far(agent_folder: Path) -> Iterator[Path]:
    """The guild home of a remote on which another user works than root, whom no mode stops."""
    with open_folder() as folder:
        shutil.copytree(agent_folder, folder / "there/agent" / agent_folder.name)
        yield folder / "there"


@pytest.fixture
def box(guild: Guild, sshd: Server, far: Path) -> Iterator[Relay]:
    """A remote by this name, reached by a wire that is counted, and a project with inputs."""
    wire = Relay(sshd.state.port)
    keys = sshd.keys(far, ssh_options=[f"HostKeyAlias=[127.0.0.1]:{sshd.state.port}"])
    keys["port"] = wire.port
    if os.geteuid() == 0:
        for path in (far, *far.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        for key, program in (("python", _python()), ("rsync-path", "rsync")):
            script = far.parent / key
            as_user = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all"
            script.write_text(f'#!/bin/sh\nexec {as_user} {program} "$@"\n')
            script.chmod(0o755)
            keys[key] = str(script)
    guild.configure(box=keys)
    project(guild.folder, GUILDFILE)
    (guild.folder / "data.bin").write_bytes(DATA)
    guild.ok("runs", "-r", "box")
    yield wire
    wire.close()


def _python() -> str:
    """A Python that any user may run."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if found is None or stat.S_IMODE(Path("/root").stat().st_mode) & 5 == 5:
        pytest.skip("no Python of the system's is at hand")
    return found


def ran(guild: Guild, *words: str) -> str:
    """Run an operation on the remote to its end, whatever that is; its run's id there."""
    guild("run", *words, "-r", "box", "-y")
    return guild.ok("select", "-r", "box").out.strip()


def room(folder: Path) -> int:
    """The bytes that a folder takes on its disk."""
    told = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[0]) * 1024


def test_a_file_is_sent_and_kept_once_and_stays_there(guild: Guild, far: Path, box: Relay) -> None:
    first = ran(guild, "train")
    assert box.sent > SIZE
    sent, before = box.sent, room(far)
    runs = [first, ran(guild, "train", "lr=3"), ran(guild, "touches"), ran(guild, "train")]
    trials = ran(guild, "train", "lr=[5,6]")
    steps = ran(guild, "all")
    assert box.sent - sent < SIZE / 4
    assert room(far) - before < SIZE, "each of nine runs has it, and it takes room once"
    for run in runs:
        assert (far / "runs" / run / "data.bin").read_bytes() == DATA
    output = (far / "runs" / runs[2] / ".guild/output").read_text()
    assert "denied" in output.lower(), "to write to it is an error"
    status = json.loads(guild.ok("runs", "-r", "box", "--json", "-a").out)
    ended = {run["id"]: run["status"] for run in status}
    assert ended[runs[2]] == "error" and ended[trials] == ended[steps] == "completed"

    # A copy of its own takes room, and is the run's: what it wrote comes home.
    own = ran(guild, "own")
    assert (far / "runs" / own / "data.bin").read_bytes() == DATA + b"more\n"

    carried = box.carried
    guild.ok("pull", "box", "-y")
    here = guild.home / "runs"
    assert (here / own / "data.bin").read_bytes() == DATA + b"more\n"
    assert box.carried - carried < SIZE * 1.5
    assert [path.parent.name for path in here.glob("*/data.bin")] == [own]
    assert (here / first / "model").read_text() == "1\n"
    assert guild.ok("ls", first).lines[-1] == "  data.bin (given to the run, not copied, 2.9M)"
    assert "not copied" not in guild.ok("ls", own).out
    missing = guild("cat", "-p", "data.bin", first)
    assert missing.err.splitlines()[1] == (
        f"The run was given it, and it was not copied: guild pull box {first} --inputs"
    )
    assert guild.ok("verify").lines[-1].endswith("none differs")
    assert guild.ok("diff", first, runs[1], "-p", "data.bin").out == ""

    guild.ok("pull", "box", first, "--inputs", "-y")
    assert (here / first / "data.bin").read_bytes() == DATA
    assert "not copied" not in guild.ok("ls", first).out
    assert guild.ok("sync").out == ""
    assert (here / first / "data.bin").exists(), "what is here stays"

    late = guild.started("lr=9", op="train", remote="box")
    wait_until((far / "runs" / late / ".guild/attrs/exit_status").exists)
    guild.ok("sync", "--inputs")
    assert (here / late / "data.bin").read_bytes() == DATA

    whole = guild.ok("verify", runs[1], "--inputs").lines[-1]
    assert whole.endswith(": none differs, and nothing that runs were given has changed there")
    # A byte that has changed there, its time as it was: nobody but --inputs looks.
    harmed = far / "runs" / runs[1] / "data.bin"
    status_of = harmed.stat()
    harmed.chmod(0o644)
    with open(harmed, "r+b") as f:
        f.write(bytes([DATA[0] ^ 1]))
    os.utime(harmed, ns=(status_of.st_atime_ns, status_of.st_mtime_ns))
    assert guild("verify", runs[3]).code == 0
    told = guild("verify", runs[3], "--inputs")
    assert told.code == 4 and f"{runs[3]}/data.bin" in told.out
    pulled = guild("pull", "box", runs[3], "--inputs", "-y")
    assert pulled.code == 4
    why = "data.bin: what is there is not what the run was given, by its SHA-256"
    assert pulled.err.splitlines()[0] == f"guild: run {runs[3]} was copied from box but for {why}"
    assert not (here / runs[3] / "data.bin").exists()
    assert guild.ok("ls", runs[3]).lines[-1] == "  data.bin (given to the run, not copied, 2.9M)"

    # Where all its runs are home they go, and what was sent for them.
    guild("clean", "-r", "box", "-p", "-y")
    left = [run["id"] for run in json.loads(guild.ok("runs", "-r", "box", "--json", "-a").out)]
    assert set(left) <= {first, late}, "they were home, though what they were given is not"
    assert path_of(far, DATA).exists() == bool(left)


def test_a_new_run_here_like_a_copy_has_what_the_project_has(
    guild: Guild, far: Path, box: Relay
) -> None:
    run = ran(guild, "train")
    guild.ok("pull", "box", "-y")
    guild.ok("run", "--proto", run, "-y")
    new = guild.ok("select").out.strip()
    assert new != run and (guild.home / "runs" / new / "data.bin").read_bytes()[:4] in (
        DATA[:4],
        b"mine",
    )
    guild.ok("push", "box", run, "--delete", "-y")
    assert (far / "runs" / run / "data.bin").read_bytes() == DATA, "what is not here stays there"
    told = guild.ok("export", str(guild.folder / "out"), run, "-y").out
    assert "1 run is here, and there, without 2.9M of what they were given" in told
    (guild.folder / "data.bin").write_bytes(b"another")
    done = guild("run", "--proto", run, "-y")
    assert done.code == 1
    assert done.err.splitlines() == [
        f"guild: run {run} is here without what it was given, and the project here has no such "
        "'data.bin'",
        f"Bring it here first: guild pull box {run} --inputs",
    ]
    guild.ok("pull", "box", run, "--inputs", "-y")
    guild.ok("run", "--proto", run, "-y")
    # There it is made from what is kept there.
    sent = box.sent
    again = ran(guild, "--proto", run)
    assert (far / "runs" / again / "data.bin").read_bytes() == DATA
    guild.ok("run", "-r", "box", "--restart", run, "-y")
    assert (far / "runs" / run / "data.bin").read_bytes() == DATA
    assert box.sent - sent < SIZE / 4


def test_a_start_that_is_killed_leaves_nothing_that_is_taken_for_whole(
    guild: Guild, far: Path, box: Relay
) -> None:
    slow = guild.popen("run", "train", "-r", "box", "-y")
    try:
        wait_until(lambda: [*far.glob("contents/.incoming-*/.*")], "a file that is being sent")
        os.kill(slow.pid, signal.SIGKILL)
    finally:
        slow.wait()
    assert not path_of(far, DATA).exists()
    run = ran(guild, "train")
    assert (far / "runs" / run / "data.bin").read_bytes() == DATA

    # What somebody has written to there is sent again, and stays what it is to whom has it.
    kept = path_of(far, DATA)
    kept.chmod(0o644)
    kept.write_bytes(b"changed")
    new = ran(guild, "train", "lr=2")
    assert (far / "runs" / new / "data.bin").read_bytes() == DATA


def test_what_is_taken_out_of_an_archive_stays_there_too(
    guild: Guild, far: Path, box: Relay
) -> None:
    folder = guild.folder / "packed"
    folder.mkdir()
    (folder / "a.bin").write_bytes(DATA[: SIZE // 2])
    (folder / "b.bin").write_bytes(DATA[SIZE // 2 :])
    subprocess.run(["tar", "-C", guild.folder, "-cf", "packed.tar", "packed"], cwd=guild.folder)
    run = ran(guild, "packed")
    sent = box.sent
    again = ran(guild, "packed")
    assert box.sent - sent < SIZE / 4
    given = inputs.as_given(str(far / "runs" / run))
    assert set(given) == {"packed/a.bin", "packed/b.bin"}
    outputs = {(far / "runs" / r / ".guild/output").read_text() for r in (run, again)}
    assert len(outputs) == 1
    guild.ok("pull", "box", "-y")
    assert [*guild.home.glob("runs/*/packed/*")] == []
    assert guild.ok("verify").lines[-1].endswith("none differs")
    config = yaml.safe_load(guild.config.read_text())
    config["remotes"]["box"]["pull"] = {"inputs": True}
    guild.config.write_text(yaml.safe_dump(config))
    guild.ok("pull", "box", run, "-y")
    assert len([*guild.home.glob(f"runs/{run}/packed/*")]) == 2
