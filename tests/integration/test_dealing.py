"""A batch over several remotes: dealt out as places get free, each trial once, come what may."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support import BIN, Guild, Server, keep_nothing_free, project, server, wait_until
from test_free_one import OPERATIONS, Smi
from test_unreachable import closed_port

__all__ = ["closed_port"]
KILLS = int(os.environ.get("DEAL_KILLS", "2"))
TRIALS = int(os.environ.get("DEAL_TRIALS", "8"))

# Each start of a trial leaves a line in a file of its own, whichever remote it is on, and prints
# what is known here by then of the guild homes there.
PROJECT = """
op:
  exec: >-
    sh -c "echo $(pwd) >> {folder}/${{x}}; cat data.txt {here}/remotes/*; sleep ${{s}};
    test ${{x}} != 99"
  flags: {{x: 1, s: 0.1}}
  requires: [file: data.txt]
"""


@dataclass(frozen=True)
class Fleet:
    """Remotes of two servers, and which trial was started how often."""

    guild: Guild
    homes: Mapping[str, Path]
    folder: Path
    down: ExitStack  # which ends the server of gpu3

    def starts(self) -> dict[int, int]:
        """How often each trial was started, by its flag."""
        return {int(f.name): len(f.read_text().splitlines()) for f in self.folder.iterdir()}

    def listed(self, *words: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            self.guild("runs", "--json", "-n", "9999", *words).out
        )
        return found

    def statuses(self) -> list[object]:
        return [run["status"] for run in self.listed()]

    def is_over(self) -> bool:
        """Whether a sync, which this does, has nothing left to do."""
        self.guild("sync")
        return {*self.statuses()} <= {"completed", "error"} and not self.batches()

    def batches(self) -> list[str]:
        folder = self.guild.home / "batches"
        return os.listdir(folder) if folder.exists() else []


@pytest.fixture
def fleet(guild: Guild, sshd: Server, agent_folder: Path, tmp_path: Path) -> Iterator[Fleet]:
    (tmp_path / "starts").mkdir()
    project(guild.folder, PROJECT.format(folder=tmp_path / "starts", here=guild.home))
    (guild.folder / "data.txt").write_text("some data\n")
    homes = {name: tmp_path / name for name in ("gpu1", "gpu2", "gpu3")}
    for home in homes.values():
        shutil.copytree(agent_folder, home / "agent" / agent_folder.name)
    with ExitStack() as down:
        third = down.enter_context(server(tmp_path / "third"))
        of = {"gpu1": sshd, "gpu2": sshd, "gpu3": third}
        guild.configure(**{name: of[name].keys(home) for name, home in homes.items()})
        keep_nothing_free(guild)
        yield Fleet(guild, homes, tmp_path / "starts", down)


def test_a_batch_is_dealt_out_and_ends_as_one_on_one_host(fleet: Fleet) -> None:
    guild = fleet.guild
    told = fleet.folder.parent / "told"
    hook = {"command": f'echo "$GUILD_EVENT $GUILD_RUN" >> {told}', "on": ["started", "error"]}
    with open(guild.config, "a") as config:
        yaml.safe_dump({"hooks": [hook]}, config)
    done = guild("run", "op", "x=[1,2,99,3]", "-r", "gpu1,gpu2", "-y", "-t", "mine")
    assert done.code == 1, done
    assert done.err == ""
    dealt = sorted(line for line in done.lines if " on gpu" in line)
    assert [line.split(" on ")[0] for line in dealt] == [
        f"trial {number} (mine s=0.1 x={x})" for number, x in enumerate((1, 2, 99, 3), 1)
    ]
    assert {line.split()[-3] for line in dealt} == {"gpu1", "gpu2"}
    failed = dealt[2].split()[-1]
    started = [f"started {line.split()[-1]}" for line in dealt]
    assert sorted(told.read_text().splitlines()) == sorted([*started, f"error {failed}"])
    assert f"trial 3 failed: run {failed} ended with error (exit status 1)" in done.lines
    assert done.lines[-1] == "1 of 4 trials failed"
    assert fleet.starts() == dict.fromkeys((1, 2, 3, 99), 1)
    assert sorted(map(str, fleet.statuses())) == ["completed"] * 3 + ["error"]
    assert fleet.batches() == []
    assert "some data" in guild.ok("cat", failed, "--output").out
    # What one on one host has, and of which batch each is.
    guild("run", "op", "x=[1,2]", "-r", "gpu1", "-y", "-t", "mine", "--random-seed", "7")
    guild.ok("run", "op", "x=[1,2]", "-r", "gpu1,gpu2", "-y", "-t", "mine", "--random-seed", "7")
    alone, dealt_out = (
        json.loads(guild.ok("info", str(run["id"]), "--json").out)["attrs"]
        for run in sorted(
            (run for run in fleet.listed()[:5] if run["flags"] == {"x": 1, "s": 0.1}),
            key=lambda run: str(run["started"]),
        )
    )
    own = {name for name in dealt_out if dealt_out[name] != alone.get(name)}
    assert own == {"id", "initialized", "staged", "started", "stopped", "batch", "trial"}
    assert alone.keys() <= dealt_out.keys()
    needed = guild.ok("run", "op", "x=[1,2]", "-r", "gpu1,gpu2", "-y", "--needed")
    assert needed.lines == [f"Trial {number} of 2 has completed before" for number in (1, 2)]


def test_what_is_not_dealt_yet_waits_here_for_syncs(fleet: Fleet) -> None:
    guild = fleet.guild
    done = guild.ok("run", "op", "x=[1:6]", "-r", "gpu1,gpu2", "-y", "--no-wait")
    assert done.lines[-3].startswith("Of 6 trials, 4 not dealt yet, 1 on gpu")
    waiting = [run for run in fleet.listed("--staged") if not run["remote"]]
    assert [run["deal"]["number"] for run in waiting] == [6, 5, 4, 3]  # type: ignore[index]
    # Who dealt this one was killed just then, and a pull has brought it home since.
    ((first, name),) = [(line.split()[-1], line.split()[-3]) for line in done.lines[2:3]]
    mark = guild.home / "runs" / first / ".guild/LOCK.trial"
    mark.write_text(json.dumps(waiting[0]["deal"]))
    wait_until((fleet.homes[name] / "runs" / first / ".guild/attrs/exit_status").exists)
    guild.ok("pull", name, first, "-y")
    assert not mark.exists()
    row = guild.ok("runs", str(waiting[0]["id"])).lines[0]
    assert "staged (gpu1,gpu2)" in row
    # Nobody starts it here, and what was in the project then is what it gets.
    (guild.folder / "data.txt").write_text("other data\n")
    why = guild("run", "--start", str(waiting[0]["id"]), "-y").err
    assert "is a trial that waits for one of gpu1, gpu2" in why
    assert "it started 0 runs" in guild.ok("run", "queue", "run-once=yes", "-y").out
    guild.ok("rm", "-p", str(waiting[0]["id"]), "-y")
    guild.ok("label", "-s", "named", str(waiting[1]["id"]), "-y")
    # Two from cron at once, and then again.
    while fleet.listed("--staged"):
        both = [guild.popen("guild-sync") for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0]
    wait_until(fleet.is_over)
    assert fleet.starts() == dict.fromkeys(range(1, 6), 1)
    told = json.loads(guild.ok("info", str(waiting[1]["id"]), "--json").out)
    assert (told["label"], told["status"]) == ("named", "completed")
    output = guild.ok("cat", first, "--output").out
    home = (fleet.homes[name] / "runs/.home-id").read_text().strip()
    assert f'"home_id": "{home}"' in output, "of an empty home nothing is believed from then on"
    assert "some data" in guild.ok("cat", str(waiting[1]["id"]), "--output").out


def test_a_remote_that_goes_down_keeps_what_it_has_and_gets_no_more(fleet: Fleet) -> None:
    words = ("run", "op", f"x=[1:{TRIALS}]", "s=0.3", "-r", "gpu1,gpu2,gpu3", "-y")
    command = fleet.guild.popen(*words)
    wait_until(lambda: (fleet.homes["gpu3"] / "runs").exists() and fleet.starts(), "a trial there")
    fleet.down.close()
    said, _ = command.communicate(timeout=120)
    found = fleet.listed()
    kept = [run for run in found if run["remote"] == "gpu3"]
    rest = [run for run in found if run not in kept]
    assert {run["status"] for run in rest} == {"completed"}
    assert len(rest) + len(kept) == TRIALS
    assert set(fleet.starts().values()) == {1}
    assert command.returncode == (3 if kept else 0), said
    if kept:
        assert f"Of {TRIALS} trials, {len(kept)} on gpu3".encode() in said


def test_remotes_that_are_all_down_are_named_once(
    fleet: Fleet, sshd: Server, closed_port: int
) -> None:
    down = {name: sshd.keys(home, port=closed_port) for name, home in fleet.homes.items()}
    fleet.guild.configure(**down)
    done = fleet.guild("run", "op", "x=[1,2]", "-r", "gpu1,gpu2", "-y")
    assert done.code == 3
    assert sorted(line for line in done.err.splitlines() if line.startswith("guild: ")) == [
        f"guild: cannot reach remote '{name}': 127.0.0.1:{closed_port} refused the connection"
        for name in ("gpu1", "gpu2")
    ]
    assert "Of 2 trials, 2 not dealt yet" in done.lines


def test_no_trial_is_lost_or_run_twice_whenever_the_dealer_is_killed(fleet: Fleet) -> None:
    drawn = random.Random(int(os.environ.get("DEAL_SEED", "17")))
    for kill in range(KILLS):
        first = 10 * kill + 1
        words = ("run", "op", f"x=[{first}:{first + 3}]", "-r", "gpu1,gpu2", "-y", "s=0")
        command = fleet.guild.popen(*words)
        time.sleep(drawn.uniform(0.3, 3))  # the moment is what is drawn
        command.kill()
        command.communicate()
        command = fleet.guild.popen("sync")
        time.sleep(drawn.uniform(0.2, 1.5))
        command.kill()
        command.communicate()
        wait_until(fleet.is_over, f"the end of batch {kill}")
        starts = {x: n for x, n in fleet.starts().items() if x >= first}
        # The whole batch, or, where it was not made yet, none of it.
        assert starts in ({}, dict.fromkeys(range(first, first + 4), 1)), kill
    assert len(fleet.listed()) == len(fleet.starts())


def test_what_one_remote_refuses_is_tried_on_the_others(fleet: Fleet, tmp_path: Path) -> None:
    guild = fleet.guild
    config = yaml.safe_load(guild.config.read_text())
    config["remotes"]["gpu1"]["venv-path"] = str(tmp_path / "no-venv")
    guild.config.write_text(yaml.safe_dump(config))
    done = guild("run", "op", "x=[1:3]", "-r", "gpu1,gpu2", "-y")
    assert done.code == 0, done
    assert done.err.count("on gpu1: ") == 1, "it is said once"
    assert fleet.starts() == dict.fromkeys((1, 2, 3), 1)
    alone = guild("run", "op", "x=[4,5]", "-r", "gpu1,gpu1", "-y")
    assert alone.code == 1
    assert alone.lines[-1] == "2 of 2 trials failed"
    (left, _) = fleet.listed("--staged")
    shown = guild.ok("info", str(left["id"])).lines
    assert "refused:" in shown
    assert shown[shown.index("refused:") + 1].startswith("  gpu1: ")
    assert fleet.starts().keys() == {1, 2, 3}


def test_a_whole_batch_is_stopped(fleet: Fleet) -> None:
    guild = fleet.guild
    command = guild.popen("run", "op", "x=[1:5]", "s=60", "-r", "gpu1,gpu2", "-y")
    wait_until(lambda: fleet.starts().keys() == {1, 2}, "two trials")
    wait_until(lambda: len(fleet.listed("--running")) == 2, "their coming here")
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate()
    assert command.returncode == 130
    assert b"Of 5 trials, 3 not dealt yet, 1 on gpu" in said
    (batch,) = fleet.batches()
    stopped = guild.ok("stop", batch[:8], "-y")
    assert "Not dealt yet, and in the trash now: 3 trials" in stopped.lines
    assert sum("stopped with a status of 'terminated'" in line for line in stopped.lines) == 2
    guild.ok("sync")
    assert fleet.statuses() == ["terminated", "terminated"]
    guild.ok("restore", "1", "-y")
    guild.ok("sync")
    assert len(fleet.listed("--staged")) == 1, "of a batch that was stopped none is dealt"
    assert fleet.starts().keys() == {1, 2}


def test_places_are_the_gpus_that_are_free(
    guild: Guild, sshd: Server, agent_folder: Path, tmp_path: Path
) -> None:
    project(guild.folder, OPERATIONS.replace("quick:", "quick: {exec: 'true', flags: {x: 1}}\nq:"))
    keys = {}
    for name in ("one", "two"):
        smi = Smi(tmp_path / f"smi-{name}")
        smi.busy(0)
        keys[name] = sshd.keys(tmp_path / name, env={"PATH": smi.path})
        shutil.copytree(agent_folder, tmp_path / name / "agent" / agent_folder.name)
    keys["two"]["places"] = 1
    guild.configure(**keys)
    words = ("--gpus", "1", "-r", "one,two", "-y", "--no-wait", "--force-flags")
    done = guild.ok("run", "until", "x=[1:6]", *words)
    assert "Of 6 trials, 2 not dealt yet, " in done.out
    assert "3 on one" in done.lines[-3]
    assert "1 on two" in done.lines[-3]
    never = guild("run", "quick", "x=[1,2]", "--gpus", "5", "-r", "one,two", "-y")
    assert never.code == 1
    assert never.err.count("there is no room for 5 GPUs: it has 4 GPUs") == 2


def test_what_is_just_being_dealt_when_its_batch_is_stopped_never_starts(
    fleet: Fleet, tmp_path: Path
) -> None:
    guild = fleet.guild
    # A package that is too large to be sent with a request.
    (guild.folder / "large.py").write_text(f"# {os.urandom(400_000).hex()}\n")
    script, said = tmp_path / "rsync-there", tmp_path / "said"
    mine = {**guild.env, "PATH": f"{BIN}:{guild.env['PATH']}"}
    known = " ".join(f"{n}={shlex.quote(mine[n])}" for n in ("GUILD_HOME", "GUILD_CONFIG", "PATH"))
    stop = f"{known} guild stop $(ls {guild.home}/batches) -y > {said} 2>&1"
    script.write_text(
        f'#!/bin/sh\ncase "$1" in --server) [ -e {said} ] || {stop};; esac\nexec rsync "$@"\n'
    )
    script.chmod(0o755)
    config = yaml.safe_load(guild.config.read_text())
    config["remotes"]["gpu1"]["rsync-path"] = str(script)
    guild.config.write_text(yaml.safe_dump(config))
    done = guild("run", "op", "x=[1:3]", "-r", "gpu1,gpu1", "-y")
    assert "Not dealt yet, and in the trash now: 2 trials" in said.read_text()
    assert done.lines[-1] == "Of 3 trials, deleted: 3"
    assert fleet.listed() == []
    assert len(fleet.listed("--deleted")) == 3
    assert fleet.starts() == {}
    assert guild.ok("runs", "-r", "gpu1").out == ""
