"""How a cluster's runs are shown, found over and stopped, on a real Slurm: each row of the table in
docs/slurm.md, and how often Slurm is asked for it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster
from on_cluster import SharedDisk
from support import Guild, project, wait_until

GUILDFILE = """
quick: {exec: "sh -c 'echo hello'"}
nap: {exec: "sh -c 'echo begun; exec sleep 600'"}
deaf: {exec: "sh -c 'trap \\"\\" TERM; echo begun; while :; do sleep 1; done'"}
hog: {exec: "python3 -c 'x = bytearray(900 << 20); import time; time.sleep(60)'"}
"""
SQUEUE = ["squeue"]


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE)


class Hpc:
    """The cluster as a guild has it, and what that shows of runs there."""

    def __init__(self, guild: Guild, cluster: Cluster) -> None:
        self.guild = guild
        self.cluster = cluster
        self.disk = SharedDisk(cluster)

    def asks(self, **job: Any) -> None:
        """Have jobs ask for this."""
        self.guild.configure(hpc=self.cluster.keys(job=job))

    def started(self, op: str) -> str:
        """A run that was submitted."""
        return self.guild.started(remote="hpc", op=op)

    def running(self, op: str) -> str:
        """A run whose operation runs."""
        run_id = self.started(op)
        output = self.directory(run_id) / ".guild/output"
        wait_until(lambda: output.exists() and "begun" in output.read_text(), "it has begun")
        return run_id

    def directory(self, run_id: str) -> Path:
        return self.cluster.guild_home / "runs" / run_id

    def run(self, run_id: str) -> dict[str, Any]:
        """A run, as `--json` has it."""
        found: dict[str, Any] = json.loads(self.guild.ok("info", run_id, "-r", "hpc", "--json").out)
        return found

    def end(self, run_id: str) -> tuple[Any, ...]:
        found = self.run(run_id)
        return found["status"], found["exit_status"], found["ended_by"]

    def ended(self, run_id: str) -> tuple[Any, ...]:
        """How a run has ended, once Slurm has said that its job has, and a minute after."""
        self.over(run_id)
        assert self.run(run_id)["status"] in ("running", "pending"), "it may leave word yet"
        self.disk.age(run_id)
        return self.end(run_id)

    def over(self, run_id: str) -> None:
        job = self.record(run_id)["id"]
        wait_until(
            lambda: self.cluster.job(job).state not in ("PENDING", "RUNNING", "COMPLETING"),
            "the end of its job",
        )

    def record(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.directory(run_id) / ".guild/JOB.record").read_text()
        )
        return found

    def calls(self) -> list[str]:
        """Which of Slurm's commands were called since this was asked last."""
        found = [call.name for call in self.cluster.calls()]
        self.cluster.forget_calls()
        return found

    def info(self, run_id: str) -> dict[str, str]:
        lines = self.guild.ok("info", run_id, "-r", "hpc").lines
        return dict(line.split(": ", 1) for line in lines if ": " in line)


@pytest.fixture
def hpc(guild: Guild, cluster: Cluster) -> Hpc:
    return Hpc(guild, cluster)


def test_a_run_that_waits_says_for_what_and_is_stopped(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(options=["--hold"])
    held = hpc.started("quick")
    job = hpc.record(held)["id"]
    assert hpc.info(held)["job"] == f"{job} PENDING, JobHeldUser!"
    hpc.asks(options=["--begin=now+3600"])
    later = hpc.started("quick")
    found = hpc.info(later)
    assert found["status"] == "pending, waits for the queue"
    assert found["job"].partition(" ")[2].startswith("PENDING, BeginTime, starts about ")
    assert found["waits_for"].startswith("the queue: BeginTime, starts about ")
    hpc.calls()
    told = hpc.run(held)["job"]
    assert hpc.calls() == SQUEUE
    assert told == {
        "scheduler": "slurm",
        "id": job,
        "state": "PENDING",
        "reason": "JobHeldUser",
        "starts": None,
        "nodes": "",
        "held": True,
        "restarts": 0,
    }
    with guild.popen("watch", later, "-r", "hpc") as watch:
        assert watch.stdout is not None
        line = watch.stdout.readline().decode()
        assert line.startswith(f"Run {later} waits in the queue: BeginTime, starts about ")
        hpc.cluster.admin("scontrol", "update", f"jobid={hpc.record(later)['id']}", "starttime=now")
        rest = watch.stdout.read().decode()
    assert (watch.returncode, rest.split("\n")[0]) == (0, "hello")
    hpc.calls()
    done = guild.ok("stop", "-r", "hpc", "-y")
    assert f"Run {held} stopped with a status of 'terminated'" in done.out
    assert hpc.calls() == [*SQUEUE, "scancel"]
    assert hpc.cluster.job(job).state == "CANCELLED"
    assert hpc.end(held) == ("terminated", -15, "cancelled")
    assert hpc.calls() == [], "nothing waits or runs any more"


def test_copies_of_what_waits_and_runs_and_one_question_a_sync(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(options=["--hold"])
    waiting = hpc.started("quick")
    hpc.asks()
    running = hpc.running("nap")
    done = hpc.started("quick")
    wait_until(lambda: hpc.run(done)["status"] == "completed", "it has completed")
    hpc.calls()
    guild.ok("sync")
    assert hpc.calls() == SQUEUE
    assert guild.status(waiting) == "pending (hpc)"
    assert guild.status(running) == "running (hpc)"
    assert guild.status(done) == "completed"
    here = json.loads(guild.ok("info", waiting, "--json").out)
    assert (here["job"]["state"], here["job"]["held"]) == ("PENDING", True)
    assert "1 pending, 1 running" in guild.ok("status").out
    (told,) = json.loads(guild.ok("fleet", "--json").out)
    assert (told["state"], told["open"]) == ("answers", {"pending": 1, "running": 1})
    assert {run["id"]: run["status"] for run in told["runs"]} == {
        waiting: "pending",
        running: "running",
        done: "completed",
    }
    shown = guild.ok("fleet").out
    assert re.search(rf"(?m)^hpc:{waiting[:8]} +quick .*pending", shown)
    assert re.search(rf"(?m)^hpc:{done[:8]} +quick .*completed .*hello$", shown)
    before = hpc.record(waiting)
    guild.ok("sync")
    assert hpc.record(waiting) == before, "what has not changed is not written again"
    refused = guild("stop", waiting, "-y")
    assert (refused.code, "is running on hpc" in refused.err) == (1, True)
    guild.ok("stop", "-r", "hpc", "-y")
    guild.ok("sync")
    hpc.calls()
    guild.ok("sync")
    guild.ok("runs", "-r", "hpc")
    assert hpc.calls() == []
    assert [guild.status(run) for run in (waiting, running)] == ["terminated"] * 2


def test_a_run_that_runs_is_stopped_and_one_that_is_deaf_is_killed(hpc: Hpc, guild: Guild) -> None:
    hpc.asks()
    polite, deaf = hpc.running("nap"), hpc.running("deaf")
    found = hpc.info(polite)
    assert found["job"] == f"{hpc.record(polite)['id']} RUNNING on n1"
    assert found["status"] == "running"
    hpc.calls()
    done = guild.ok("stop", "-r", "hpc", "-y", "--timeout", "2")
    assert f"Run {polite} stopped with a status of 'terminated'" in done.out
    assert f"Run {deaf} stopped with a status of 'terminated'" in done.out
    calls = hpc.cluster.calls("scancel")
    ids = [hpc.record(run)["id"] for run in (polite, deaf)]
    assert calls[0].words[:2] == ["--batch", "--signal=TERM"]
    assert sorted(calls[0].words[-2:]) == sorted(ids), "one for both"
    assert calls[1].words == [ids[1]]
    assert hpc.end(polite) == ("terminated", -15, None)
    assert hpc.end(deaf)[0] == "terminated"


def test_what_others_end(hpc: Hpc, guild: Guild) -> None:
    """scancel by another, of what waits and of what runs; a node that fails."""
    hpc.asks(options=["--hold"])
    waiting = hpc.started("quick")
    hpc.asks()
    running = hpc.running("nap")
    hpc.cluster.admin("scancel", hpc.record(waiting)["id"], hpc.record(running)["id"])
    assert hpc.end(waiting) == ("terminated", -15, "cancelled")
    hpc.over(running)
    assert hpc.end(running) == ("terminated", -15, "cancelled")
    failing = hpc.running("nap")
    hpc.cluster.fail("n1")
    assert hpc.ended(failing) == ("error", 1, "node n1 failed")
    guild.ok("sync")
    assert [guild.status(r) for r in (waiting, running, failing)] == [
        "terminated",
        "terminated",
        "error",
    ]


def test_what_ends_by_itself_before_it_has_begun_or_by_too_much(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(setup=["set -e", "module load nothing"])
    unset = hpc.started("quick")
    hpc.asks(mem="100M")
    hog = hpc.started("hog")
    status, code, why = hpc.ended(unset)
    assert (status, code) == ("error", 1)
    assert why.startswith("job could not start: ")
    assert why.endswith("module: command not found")
    status, code, why = hpc.ended(hog)
    assert (status, code) == ("error", 1)
    assert why == "out of memory" or "memory limit" in why


def test_what_can_never_begin_is_cancelled(hpc: Hpc, guild: Guild) -> None:
    first = hpc.cluster.submit("--hold", script="exit 3")
    hpc.asks(options=["--hold"])
    never = hpc.started("quick")
    job = hpc.record(never)["id"]
    hpc.cluster.admin("scontrol", "update", f"jobid={job}", f"dependency=afterok:{first}")
    hpc.cluster.admin("scontrol", "release", job)
    wait_until(lambda: hpc.cluster.job(job).reason == "Dependency", "it waits for the other")
    assert hpc.info(never)["waits_for"] == "the queue: Dependency"
    hpc.cluster.admin("scontrol", "release", first)
    hpc.cluster.wait_for(first, "FAILED")
    wait_until(lambda: hpc.cluster.job(job).reason == "DependencyNeverSatisfied", "it never starts")
    assert hpc.end(never) == ("error", 1, "a run that it requires has failed")
    assert hpc.cluster.job(job).state == "CANCELLED"


def test_a_slurmctld_that_is_down_changes_nothing(hpc: Hpc, guild: Guild) -> None:
    hpc.asks()
    running, ended = hpc.running("nap"), hpc.started("quick")
    wait_until((hpc.directory(ended) / ".guild/attrs/exit_status").exists, "its end")
    # As squeue says it, once it has tried for 8 s.
    hpc.cluster.fault(
        "squeue",
        before="echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
    )
    hpc.cluster.fault(
        "scancel",
        before="echo 'scancel: error: Unable to contact slurm controller' >&2; exit 1",
    )
    for argv in (("sync",), ("sync",), ("runs", "-r", "hpc"), ("info", running, "-r", "hpc")):
        done = guild(*argv)
        said = [line for line in done.err.splitlines() if line.startswith("guild: ")]
        assert done.code == 3, argv
        assert len(said) == 1, (argv, done.err)
        assert said[0].startswith("guild: cannot ask the scheduler of hpc: ")
        assert said[0].endswith("Unable to contact slurm controller")
    assert (guild.status(running), guild.status(ended)) == ("running (hpc)", "completed")
    assert "failed since" in guild.ok("status").out
    stopped = guild("stop", running, "-r", "hpc", "-y")
    assert (stopped.code, stopped.err.count("cannot ask the scheduler of hpc")) == (3, 1)
    # As where the name service has no word of the user for a moment: it ends well.
    hpc.cluster.mend()
    hpc.cluster.fault("squeue", before='set -- "${@/#--user=*/--user=1234567}"')
    done = guild("runs", "-r", "hpc")
    assert (done.code, done.err.splitlines()[0]) == (
        3,
        "guild: cannot ask the scheduler of hpc: Invalid user: 1234567",
    )
    hpc.cluster.mend()
    assert guild.status(running) == "running (hpc)"
    guild.ok("sync")
    assert hpc.run(running)["status"] == "running"


def test_a_job_that_slurm_has_forgotten_is_over_after_a_minute(hpc: Hpc, guild: Guild) -> None:
    hpc.asks()
    forgotten = hpc.running("nap")
    job = hpc.record(forgotten)["id"]
    hpc.cluster.fail("n1")
    hpc.cluster.kill("slurmctld")
    shutil.rmtree(hpc.cluster.folder / "state")
    (hpc.cluster.folder / "state").mkdir()
    hpc.cluster.start("slurmctld")
    assert hpc.run(forgotten)["status"] == "running"
    hpc.disk.age(forgotten)
    # The id is given again, to another's job: it is not taken for this run's.
    hpc.cluster.start("n1")
    while hpc.cluster.submit(script="sleep 600") != job:
        pass
    assert hpc.end(forgotten) == (
        "error",
        1,
        f"unknown: job {job} has ended and left no word",
    )


def test_a_watch_of_a_run_that_waits_is_ended_by_ctrl_c(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(options=["--hold"])
    run_id = hpc.started("quick")
    with guild.popen("watch", run_id, "-r", "hpc") as watch:
        assert watch.stdout is not None
        told = watch.stdout.readline()
        assert b"waits in the queue: JobHeldUser!; it does not begin by itself, a person" in told
        wait_until(lambda: _agents(hpc), "that it is asked after")
        watch.send_signal(signal.SIGINT)
        rest = watch.stdout.read().decode()
    assert f"Stopped watching {run_id}: it is still pending, or running on hpc" in rest
    assert hpc.cluster.job(hpc.record(run_id)["id"]).state == "PENDING"
    wait_until(lambda: not _agents(hpc), "no process of guild is left there")


def _agents(hpc: Hpc) -> str:
    """The processes of guild's on the login node."""
    found = subprocess.run(
        ["pgrep", "-u", str(hpc.cluster.uid), "-f", f"{hpc.cluster.guild_home}/agent"],
        capture_output=True,
        text=True,
    )
    return found.stdout


def test_what_is_preempted_ends_or_waits_to_be_begun_again(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(partition="low")
    ends = hpc.running("nap")
    hpc.asks(partition="low", requeue=True)
    again = hpc.running("nap")
    urgent = hpc.cluster.submit("--exclusive", "--nodes=2", script="sleep 600")
    hpc.cluster.wait_for(urgent, "RUNNING")
    hpc.over(ends)
    job = hpc.record(again)["id"]
    hpc.cluster.wait_for(job, "PENDING")
    assert hpc.end(ends) == ("terminated", -15, "preempted")
    assert hpc.run(again)["status"] == "pending"
    assert hpc.info(again)["waits_for"].startswith("the queue: ")
    guild.ok("stop", "-r", "hpc", "-y")
    assert hpc.run(again)["status"] == "terminated"


def test_check_tells_of_slurm_and_of_a_disk_that_nodes_cannot_see(hpc: Hpc, guild: Guild) -> None:
    hpc.asks()
    done = guild("check", "-r", "hpc")
    assert done.code == 1
    rows = [line.split(maxsplit=2) for line in done.lines if line.startswith("  ")]
    told = {row[0]: row[1:] for row in rows if len(row) == 3}
    assert told["slurm"][0] == "ok"
    assert told["slurm"][1].startswith("Slurm ")
    assert "MaxArraySize 1001" in told["limits"][1]
    assert told["disk"][0] == "to"  # do: the test's cluster is in /var/tmp
    assert told["job"] == ["ok", "taken, with what the site gives"]
    hpc.asks(partition="nonsense", time="4:00:00")
    done = guild("check", "-r", "hpc")
    assert done.code == 1
    assert "job             to do  sbatch: invalid partition specified: nonsense" in done.out
    assert hpc.cluster.jobs() == []
    hpc.cluster.fault("scontrol", before="echo 'scontrol: error: no answer' >&2; exit 1")
    assert "scheduler" in guild("check", "-r", "hpc").out


def test_check_has_a_job_look_at_its_node(hpc: Hpc, guild: Guild) -> None:
    hpc.asks(setup="module load nothing")
    done = guild.ok("check", "-r", "hpc", "--job")
    rows = {line.split()[0]: line for line in done.lines if line.startswith("  ")}
    assert re.search(r"ok +job \d+ ran on n\d, with Python 3\S+; it printed: ", rows["node"])
    assert rows["node"].endswith("module: command not found")
    assert re.search(r"ok .*, which n\d sees, too$", rows["disk"])
    hpc.asks(partition="closed")
    done = guild("check", "-r", "hpc", "--job")
    assert done.code == 1
    assert re.search(r"to do +job \d+ was cancelled: PENDING, PartitionDown\n", done.out)
    assert {job.state for job in hpc.cluster.jobs()} == {"COMPLETED", "CANCELLED"}
    assert "--job is for a remote of type slurm or pbs" in guild("check", "--job").err
    assert "--job goes with none of" in guild("check", "-r", "hpc", "--job", "--env").err


def test_where_no_lock_of_a_node_is_seen_a_run_lives_and_begins_again_all_the_same(
    cluster_with: Callable[..., Cluster], guild: Guild
) -> None:
    hpc = Hpc(guild, cluster_with(local_flock=True))
    hpc.asks()
    run_id = hpc.running("nap")
    assert hpc.run(run_id)["status"] == "running"
    hpc.cluster.fail("n1")
    assert hpc.ended(run_id) == ("error", 1, "node n1 failed")
    # What is left of its runner holds nothing, though nobody has seen that end.
    guild.ok("run", "--restart", run_id, "-r", "hpc", "-y", "--no-wait")
    wait_until(lambda: hpc.run(run_id)["status"] == "running", "it runs on the other node")
    guild.ok("stop", "-r", "hpc", "-y")
    assert hpc.end(run_id) == ("terminated", -15, None)
