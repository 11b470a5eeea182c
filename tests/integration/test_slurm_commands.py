"""What the agent has a real Slurm do, whatever the site's environment and paths are like."""

from __future__ import annotations

import json
from typing import Any

from cluster import Cluster
from support import wait_until

# On the login node, as its user: a method of Slurm's, called with what comes as JSON.
CALL = """
import importlib, json, os, sys
asked = json.load(sys.stdin)
sys.path.insert(0, os.path.dirname(asked["agent"]))
os.environ.update(asked["variables"])
package = os.path.basename(asked["agent"]) + ".scheduling."
face, slurm = (importlib.import_module(package + name) for name in ("face", "slurm"))
args = asked["args"]
if asked["method"] == "submit":
    args = [face.Submission(**args[0])]
answer = getattr(slurm.Slurm(face.Site()), asked["method"])(*args)
print(json.dumps([[*key, *value] for key, value in answer.items()]
                 if asked["method"] == "query" else answer))
"""

# Each would have another job, or another answer, be made of what is asked.
SITE = {
    "SBATCH_PARTITION": "closed",
    "SBATCH_ARRAY_INX": "0-3",
    "SBATCH_EXPORT": "NONE",
    "SBATCH_JOB_NAME": "another",
    "SBATCH_OUTPUT": "/dev/null",
    "SBATCH_REQUEUE": "1",
    "SBATCH_TIMELIMIT": "1",
    "SBATCH_SIGNAL": "KILL@60",
    "SQUEUE_FORMAT": "%j",
    "SQUEUE_STATES": "COMPLETED",
    "SQUEUE_NAMES": "another",
    "SCANCEL_NAME": "another",
    "SLURM_BITSTR_LEN": "5",
    "SLURM_CLUSTERS": "another",
    "SLURM_JOB_ID": "1",
    "SLURM_TIME_FORMAT": "relative",
}
OF_SESSION = {"SSH_CONNECTION": "x", "DISPLAY": ":1", "TMPDIR": "/login"}


def call(cluster: Cluster, method: str, *args: Any) -> Any:
    (agent,) = (cluster.guild_home / "agent").iterdir()
    variables = {**SITE, **OF_SESSION, "MINE": "ü", "LC_ALL": "C.UTF-8"}
    asked = {"agent": str(agent), "variables": variables, "method": method, "args": args}
    return json.loads(cluster.run("python3", "-c", CALL, stdin=json.dumps(asked)))


def test_a_job_is_what_was_asked_for_whatever_a_site_sets_and_paths_are_like(
    cluster: Cluster,
) -> None:
    folder = cluster.home / "100%j; $(touch x)\\ 'ü"
    cluster.run("mkdir", str(folder))
    submission = {
        "script": "#!/bin/bash -l\n:\n#SBATCH --partition=closed\n"
        "env -0 >new; mv new env; exec sleep 600\n",
        "name": "guild-" + "0" * 31 + "1",
        "folder": str(folder),
        "output": str(folder / "job.out"),
        "options": {"time": "5", "mem": "20M", "options": ["--comment=a b; $(touch x)"]},
    }
    alone = call(cluster, "submit", submission)
    wait_until((folder / "env").exists)
    array = {**submission, "name": "guild-" + "0" * 31 + "2", "tasks": 200}
    array["options"] = {"array-limit": 1, "options": ["--hold"]}
    many = call(cluster, "submit", array)

    shown = cluster.admin("scontrol", "show", "job", alone)
    for line in ("Partition=main", "Requeue=0", "TimeLimit=00:05:00", "Comment=a b; $(touch x)"):
        assert line in shown
    words = (folder / "env").read_bytes().decode().split("\0")
    env = dict(word.split("=", 1) for word in words if word)
    assert (env["MINE"], env["LC_ALL"], env["SLURM_JOB_ID"]) == ("ü", "C.UTF-8", alone)
    assert not OF_SESSION.items() & env.items()
    assert not [name for name in env if name.startswith(("SBATCH_", "SQUEUE_", "SCANCEL_"))]
    assert not {"SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"} & {*env}
    assert sorted(path.name for path in folder.iterdir()) == ["env", "job.out"]

    answer = call(cluster, "query")  # with jobs of other tests, which Slurm still knows
    ours = {submission["name"], array["name"]}
    states = {(name, task): state for name, task, *state in answer if name in ours}
    assert states["guild-" + "0" * 31 + "1", None][0][:3] == [alone, "running", "RUNNING"]
    held = [task for (name, task), (state,) in states.items() if state[1] == "held"]
    assert held == list(range(200))

    call(cluster, "cancel", [alone, many])
    cluster.wait_for(alone, "CANCELLED")
    calls = [made.name for made in cluster.calls()]
    assert calls == ["sbatch", "sbatch", "squeue", "scancel"]
