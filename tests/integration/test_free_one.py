"""A free one: GPUs taken by runs for as long as they live, on one host and of several."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import uuid
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from support import Guild, Place, Server, project, wait_until

from guild_sync.agent.store import locks

# As nvidia-smi answers: four cards, whose names no other test has; on those that the file
# `working` names, somebody works.
SMI = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
*query-gpu*) for i in 0 1 2 3; do echo "$i, $(cat "$here/name")-$i, Fake, 80000, 10, 0"; done ;;
*query-compute-apps*) cat "$here/working" ;;
esac
"""
# Prints what it sees; ends at once, or where a file of the run says so.
OPERATIONS = """
quick: {exec: 'sh -c "echo sees $CUDA_VISIBLE_DEVICES."'}
brief: {exec: 'sh -c "sleep 0.3; echo sees $CUDA_VISIBLE_DEVICES."'}
until: {exec: 'sh -c "echo sees $CUDA_VISIBLE_DEVICES.; until [ -e go-on ]; do sleep 0.02; done"'}
leaves: {exec: 'sh -c "sleep 600 & echo $! > child; echo sees $CUDA_VISIBLE_DEVICES.; wait"'}
takes: {exec: 'sh -c "echo sees $CUDA_VISIBLE_DEVICES."', gpus: 1}
both: {steps: [takes, {run: quick, no-gpus: yes}]}
"""


class Smi:
    """A host's nvidia-smi: four cards, on which somebody else may work."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.name = f"GPU-{uuid.uuid4()}"
        self.path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self._working = folder / "working"
        (folder / "name").write_text(self.name)
        (folder / "nvidia-smi").write_text(SMI)
        (folder / "nvidia-smi").chmod(0o755)
        self.busy()

    def busy(self, *numbers: int) -> None:
        """Have somebody else work on these cards and no others."""
        self._working.write_text("".join(f"{self.name}-{n}, 4711\n" for n in numbers))

    def card(self, number: int) -> str:
        return f"{self.name}-{number}"


@pytest.fixture
def smi(tmp_path: Path, guild: Guild) -> Smi:
    """The one of this machine, and of the remote of `place`."""
    project(guild.folder, OPERATIONS)
    smi = Smi(tmp_path / "smi")
    guild.env["PATH"] = smi.path
    return smi


@pytest.fixture
def host(place: Place, smi: Smi) -> Place:
    """A place with four cards."""
    if place.remote:
        config = yaml.safe_load(place.guild.config.read_text())
        config["remotes"][place.remote]["env"] = {"PATH": smi.path}
        place.guild.config.write_text(yaml.safe_dump(config))
    return place


def sees(place: Place, run_id: str, *cards: str) -> bool:
    return f"sees {','.join(cards)}.\n" == place.output(run_id)


def go_on(place: Place, run_id: str) -> None:
    (place.run_dir(run_id) / "go-on").touch()
    place.wait_for_end(run_id)


def row(place: Place, run_id: str) -> str:
    return place.ok("runs", run_id).lines[0]


def test_a_run_has_its_cards_for_as_long_as_it_lives(host: Place, smi: Smi) -> None:
    smi.busy(0)
    first = host.started("--gpus", "2", op="leaves")
    host.wait_for_output(first, "sees")
    assert sees(host, first, smi.card(1), smi.card(2))
    told = json.loads(host.ok("info", first, "--json").out)
    assert [card["index"] for card in told["attrs"]["resources"]["gpus"]] == ["1", "2"]
    assert "resources: GPU 1 (Fake), GPU 2 (Fake)" in host.ok("info", first).lines
    refused = host("run", "quick", "--gpus", "2", "-y")
    assert refused.code == 1
    assert refused.err.splitlines() == [
        f"guild: there is no room for 2 GPUs{host.on}: 1 of 4 GPUs free",
        "To have it wait: --wait-free",
    ]
    assert len(host.ok("runs").lines) == 1, "nothing of it is left"
    never = host("run", "quick", "--gpus", "5", "--wait-free", "-y", "--no-wait")
    assert "it has 4 GPUs" in never.err
    os.kill(locks.holder(str(host.run_dir(first) / ".guild")) or 0, signal.SIGKILL)
    host.wait_until_dead(first)
    # What its operation has started lives, and may work on the cards.
    assert host("run", "quick", "--gpus", "2", "-y").code == 1
    os.kill(int((host.run_dir(first) / "child").read_text()), signal.SIGKILL)
    wait_until(lambda: host("run", "quick", "--gpus", "3", "-y").code == 0, "three free cards")


def test_a_run_waits_by_itself_for_what_is_free(host: Place, smi: Smi) -> None:
    holder = host.started("--gpus", "4", op="until")
    waits = host.started("--gpus", "3", "--wait-free", op="quick")
    last = host.started("--gpus", "2", "--wait-free", op="quick")
    # No connection is left, nor anything here that could start it.
    assert "pending, waits for 3 GPUs" in row(host, waits)
    assert "waits_for: 3 GPUs: none of 4 GPUs free" in host.ok("info", waits).lines
    twice = host("run", "--restart", waits, "-y")
    assert "is to start already: it waits for 3 GPUs: none of 4 GPUs free" in twice.err
    kept = host("rm", waits, "-y").err
    assert "not deleted: it is to start, and waits for 3 GPUs: none of 4 GPUs free" in kept
    assert "To have it wait no more: guild stop" in kept
    stopped = host.started("--gpus", "1", "--wait-free", op="quick")
    assert (
        f"Run {stopped} stopped with a status of 'terminated'"
        in host.ok("stop", stopped, "-y").lines
    )
    killed = host.started("--gpus", "1", "--wait-free", op="quick")
    os.kill(locks.holder(str(host.run_dir(killed) / ".guild")) or 0, signal.SIGKILL)
    host.wait_until_dead(killed)
    assert host.status(killed) == "error"
    go_on(host, holder)
    host.wait_for_end(waits)
    host.wait_for_end(last)
    assert host.attr(waits, "started") <= host.attr(last, "started"), "it came first"
    assert sees(host, waits, *map(smi.card, range(3)))
    again = host.ok("run", "--restart", killed, "-y")
    assert "sees" in again.out
    assert host.attr(stopped, "started") is None


def test_a_pipeline_a_batch_and_a_queue_share_what_they_have(host: Place, smi: Smi) -> None:
    smi.busy(1, 2)
    host.ok("run", "both", "-y")
    host.ok("run", "both", "--gpus", "2", "-y")
    found = json.loads(host.ok("runs", "-n9", "--json").out)
    said = [host.output(run["id"]) for run in found if run["opref"]["name"] in ("takes", "quick")]
    two = f"sees {smi.card(0)},{smi.card(3)}.\n"
    assert said == ["sees .\n", two, "sees .\n", f"sees {smi.card(0)}.\n"]
    staged = [host.staged(*words, op="quick") for words in ((), ("--gpus", "1"), ("--gpus", "2"))]
    host.ok("run", "queue", "run-once=yes", "gpus=1", "-y")
    assert [host.status(run) for run in staged] == ["completed", "completed", "staged"]
    assert sees(host, staged[0], smi.card(0))
    assert sees(host, staged[1], smi.card(0))
    holder = host.started("--gpus", "1", op="until")
    queue = host("run", "queue", "run-once=yes", "-y")
    assert queue.code == 1
    assert "Waiting: there is no room for 2 GPUs: 1 of 4 GPUs free" in queue.out
    go_on(host, holder)


def test_twelve_runs_at_once_never_share_one_of_four_cards(
    guild: Guild, smi: Smi, remote: str, there: Path
) -> None:
    place = Place(guild, there, remote)
    config = yaml.safe_load(guild.config.read_text())
    config["remotes"][remote]["env"] = {"PATH": smi.path}
    guild.config.write_text(yaml.safe_dump(config))
    holder = place.started("--gpus", "4", op="until")
    ids = [place.started("--gpus", "1", "--wait-free", op="brief") for _ in range(12)]
    go_on(place, holder)
    for run_id in ids:
        place.wait_for_end(run_id)
    spans: dict[str, list[tuple[int, int]]] = {}
    for run_id in ids:
        assert place.status(run_id) == "completed"
        (card,) = place.attr(run_id, "resources")["gpus"]
        span = (place.attr(run_id, "started"), place.attr(run_id, "stopped"))
        spans.setdefault(card["index"], []).append(span)
        assert sees(place, run_id, smi.card(int(card["index"])))
    assert [*map(len, spans.values())] != [12], "several had a card at once"
    for times in spans.values():
        assert all(a[1] <= b[0] for a, b in pairwise(sorted(times)))


@pytest.fixture
def fleet(guild: Guild, sshd: Server, agent_folder: Path, tmp_path: Path) -> dict[str, Smi]:
    """Remotes with four cards each; `down` is one that nobody reaches."""
    project(guild.folder, OPERATIONS)
    found, keys = {}, {}
    for name in ("one", "two"):
        found[name] = Smi(tmp_path / f"smi-{name}")
        keys[name] = sshd.keys(tmp_path / name, env={"PATH": found[name].path})
        shutil.copytree(agent_folder, tmp_path / name / "agent" / agent_folder.name)
    guild.configure(**keys, down={**keys["one"], "port": unused_port()})
    return found


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_guild_fleet_shows_how_many_cards_are_free(
    guild: Guild, fleet: dict[str, Smi], tmp_path: Path
) -> None:
    fleet["one"].busy(0, 1, 2)
    run_id = guild.started("--gpus", "1", op="until", remote="two")
    output = tmp_path / "two" / "runs" / run_id / ".guild/output"
    wait_until(lambda: output.exists() and "sees" in output.read_text(), "it has a card")
    done = guild("fleet")
    assert done.code == 3
    assert re.search(r"(?m)^one +answers +1/4 ", done.out), done.out
    assert re.search(r"(?m)^two +answers +1 running +3/4 ", done.out), done.out
    assert re.search(r"(?m)^down +down ", done.out)
    (output.parent.parent / "go-on").touch()
    wait_until(lambda: (output.parent / "attrs/exit_status").exists(), "its end")


def test_the_freest_of_several_is_taken_and_it_is_said_why(
    guild: Guild, fleet: dict[str, Smi], tmp_path: Path
) -> None:
    fleet["one"].busy(0, 1, 2, 3)
    fleet["two"].busy(0)
    done = guild("run", "until", "-r", "one,down,two", "--gpus", "2", "-y", "--no-wait")
    assert done.code == 0, done
    assert done.lines[0] == "two: 3 of 4 GPUs free; one: none"
    assert "remote 'down'" in done.err
    two = Place(guild, tmp_path / "two", "two")
    run_id = done.lines[-2].split()[0]
    two.wait_for_output(run_id, "sees")
    assert sees(two, run_id, *map(fleet["two"].card, (1, 2)))
    refused = guild("run", "quick", "-r", "one,two", "--gpus", "2", "-y")
    assert (refused.code, refused.out) == (1, "")
    assert "there is no room for 2 GPUs: one: none; two: 1 of 4 GPUs free" in refused.err
    # What none can ever have is refused at once; a remote that is down might have it.
    for names in ("one,two", "two"):
        never = guild("run", "quick", "-r", names, "--gpus", "5", "--wait-free", "-y")
        assert (never.code, never.out) == (1, "")
        assert never.err.startswith("guild: there is no room for 5 GPUs")
        assert never.err.endswith("it has 4 GPUs\n"), "with no word of --wait-free"
    # It waits for whichever is free first, and a Ctrl-C leaves nothing behind.
    waits = guild.popen("run", "quick", "-r", "one,two", "--gpus", "2", "--wait-free", "-y")
    assert waits.stdout
    assert waits.stdout.readline() == b"Waiting for 2 GPUs: one: none; two: 1 of 4 GPUs free\n"
    waits.send_signal(signal.SIGINT)
    assert waits.wait() == 130
    assert not (tmp_path / "one/runs").exists()
    waits = guild.popen("run", "quick", "-r", "one,two", "--gpus", "2", "--wait-free", "-y")
    assert waits.stdout
    waits.stdout.readline()
    fleet["one"].busy(0, 1)
    said, _ = waits.communicate()
    assert waits.returncode == 0
    assert said.startswith(b"one: 2 of 4 GPUs free; two: 1 of 4 GPUs free\n")
    assert f"sees {fleet['one'].card(2)},{fleet['one'].card(3)}.".encode() in said
    go_on(two, run_id)
    table = guild("remotes", "--free")
    assert table.code == 3
    assert "remote 'down'" in table.err
    assert [line.split("  ")[0] for line in table.lines if line[0] != " "] == ["one", "two"]
    told = json.loads(guild("remotes", "--free", "--json").out)
    assert [remote["name"] for remote in told] == ["down", "one", "two"]
    assert [card["free"] for card in told[1]["free"]["cards"]] == [False, False, True, True]
