"""The cluster of the tests: it does what tests of clusters believe of it."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster import USER, Call, Cluster
from clusters import remove_left
from support import Guild, wait_until

from guild_sync.agent.store import locks


def test_a_job_runs_on_a_node_whose_processes_are_not_seen_here(cluster: Cluster) -> None:
    job = cluster.submit(
        "--job-name=by-hand", script="hostname; echo $$; id -un; pwd; exec sleep 600"
    )
    now = cluster.wait_for(job, "RUNNING")
    assert (now.name, now.nodes) == ("by-hand", "n1")
    output = cluster.home / f"slurm-{job}.out"
    wait_until(lambda: output.exists() and len(output.read_text().split()) == 4)
    host, pid, user, folder = output.read_text().split()
    assert (host, user, folder) == ("n1", USER, str(cluster.home))
    assert output.stat().st_uid == cluster.uid
    # Its number is another's here, or nobody's.
    command = cluster.run("sh", "-c", f"tr '\\0' ' ' </proc/{pid}/cmdline || true")
    assert "600" not in command
    cluster.run("scancel", job)
    cluster.wait_for(job, "CANCELLED")


def test_its_user_is_nobody_on_this_machine(cluster: Cluster) -> None:
    with pytest.raises(KeyError):
        pwd.getpwnam(USER)
    assert cluster.run("id", "-un") == f"{USER}\n"
    assert cluster.run("hostname").strip() == socket.gethostname()


def test_it_is_reached_with_ssh_and_what_is_called_is_counted(
    cluster: Cluster, guild: Guild
) -> None:
    guild.configure(hpc=cluster.keys(type="ssh"))
    assert guild.ok("runs", "-r", "hpc").out == ""
    assert cluster.calls() == []
    cluster.run("squeue", "-o", "%i, and\nblanks")
    cluster.submit("--hold", script="true")
    assert cluster.calls("squeue") == [Call("squeue", ["-o", "%i, and\nblanks"])]
    assert [call.name for call in cluster.calls()] == ["squeue", "sbatch"]
    cluster.forget_calls()
    assert cluster.calls() == []


def test_a_command_fails_hangs_or_does_its_work_and_fails(cluster: Cluster) -> None:
    cluster.fault("squeue", before="echo 'no answer' >&2; exit 1")
    with pytest.raises(subprocess.CalledProcessError) as e:
        cluster.run("squeue")
    assert (e.value.returncode, e.value.stderr) == (1, "no answer\n")
    cluster.mend()
    assert cluster.run("squeue", "-h") == ""

    cluster.fault("sbatch", after="out=; rc=1")
    with pytest.raises(subprocess.CalledProcessError):
        cluster.submit("--hold", script="true")
    (job,) = cluster.jobs()
    assert job.state == "PENDING"

    cluster.fault("scancel", before='rm "$fault.before"; exit 1')
    with pytest.raises(subprocess.CalledProcessError):
        cluster.run("scancel", job.id)
    cluster.run("scancel", job.id)
    assert cluster.job(job.id).state == "CANCELLED"

    cluster.fault("squeue", before="sleep 600")
    with pytest.raises(subprocess.CalledProcessError) as e:
        cluster.run("timeout", "1", "squeue")
    assert e.value.returncode == 124


def test_a_node_is_killed_and_slurmctld_too(cluster: Cluster) -> None:
    job = cluster.submit("--no-requeue", script="sleep 600")
    assert cluster.wait_for(job, "RUNNING").nodes == "n1"
    cluster.fail("n1")
    assert cluster.wait_for(job, "NODE_FAIL").reason == "NodeDown"
    cluster.start("n1")
    cluster.kill("slurmctld", signal.SIGTERM)  # which has it save what it knows
    with pytest.raises(subprocess.CalledProcessError) as e:
        cluster.run("scontrol", "ping")  # squeue would take four seconds
    assert "is DOWN" in e.value.stdout
    cluster.start("slurmctld")
    assert cluster.job(job).state == "NODE_FAIL"


def test_nothing_of_a_test_is_left_for_the_next(cluster: Cluster) -> None:
    cluster.submit("--array=0-7", script="trap '' TERM; sleep 600")
    cluster.submit("--hold", script="true")
    cluster.fault("sbatch", before="exit 1")
    (cluster.home / "file").touch()
    wait_until(lambda: "RUNNING" in [job.state for job in cluster.jobs()])
    cluster.clean()
    assert cluster.admin("squeue", "-h") == ""
    assert list(cluster.home.iterdir()) == []
    assert cluster.calls() == []
    cluster.submit(script="true")

    cluster.scontrol("update", "nodename=n1", "state=drain", "reason=test")
    cluster.clean()
    assert cluster.jobs() == []
    assert cluster.admin("sinfo", "-h", "-p", "main", "-o", "%T") == "idle\n"


def test_a_cluster_that_keeps_accounts_and_shares_no_locks(
    cluster_with: Callable[..., Cluster],
) -> None:
    cluster = cluster_with(accounting="dbd", local_flock=True, nodes=1, max_array=11)
    held = "exec 9>lock; flock 9; touch held; sleep 600"
    job = cluster.submit(script=held)
    wait_until((cluster.home / "held").exists)
    assert cluster.run("flock", "-n", "lock", "echo", "free") == "free\n"
    job = cluster.submit(script="exit 3")
    cluster.wait_for(job, "FAILED")
    wait_until(lambda: "FAILED|3:0" in cluster.run("sacct", "-nXPj", job, "-o", "State,ExitCode"))
    with pytest.raises(subprocess.CalledProcessError) as e:
        cluster.submit("--array=0-11", script="true")
    assert "Invalid job array specification" in e.value.stderr
    cluster.kill("slurmdbd")
    cluster.start("slurmdbd")


def processes_with(word: str) -> str:
    """The processes whose command lines have this in them."""
    return subprocess.run(["pgrep", "-f", word], stdout=subprocess.PIPE, text=True).stdout


STARTS = """
import time
from clusters import Clusters
from slurm_files import Settings
cluster = Clusters().like(Settings())
cluster.submit(script="sleep 600")
left = "setsid sleep 600 >/dev/null 2>&1 & echo $!"
print(cluster.folder, cluster.run("sh", "-c", left), flush=True)
time.sleep(600)
"""


def test_what_a_session_that_was_killed_has_left_is_removed_by_the_next(cluster: Cluster) -> None:
    argv = [sys.executable, "-c", STARTS]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env)
    assert killed.stdout
    folder, left = killed.stdout.readline().split()
    killed.kill()
    killed.wait()
    wait_until(lambda: not processes_with(folder), "the end of the daemons")
    assert locks.start_time(int(left)) is not None
    remove_left()
    assert locks.start_time(int(left)) is None
    assert not Path(folder).exists()
    assert cluster.run("squeue", "-h") == "", "and no other cluster's"


@pytest.mark.parametrize("commands", ["opt", "login"])
def test_guild_finds_its_commands_where_not_every_shell_looks(
    cluster_with: Callable[..., Cluster], guild: Guild, commands: str
) -> None:
    cluster = cluster_with(commands=commands, nodes=1)
    find = 'found=$(command -v sbatch); [ -x "$found" ] && echo "$found" || echo none'
    assert cluster.run("bash", "-c", find) == "none\n"
    place = {"opt": "none", "login": f"{cluster.folder}/bin/sbatch"}[commands]
    assert cluster.run("bash", "-lc", find) == f"{place}\n"
    if commands == "opt":
        assert "slurm" in cluster.run("/opt/slurm/bin/sbatch", "--version")
        assert set(os.listdir("/opt")) <= set(cluster.run("ls", "/opt").split())
    cluster.forget_calls()
    guild.ok("run", "op", "sleep=0", "-r", "hpc", "-y", "--no-wait")
    assert len(cluster.calls("sbatch")) == 1
    (job,) = cluster.jobs()
    cluster.wait_for(job.id, "COMPLETED")
