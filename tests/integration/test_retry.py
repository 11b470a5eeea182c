"""A run that fails is tried again where it is, with no connection, and goes on from its files."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from relay import relay
from support import Guild, Place, Server, project, wait_until

# It fails twice, goes on from its checkpoint, and waits to be let go before each end.
TRAIN = """
import os, sys, time
from pathlib import Path
ckpt = Path("ckpt")
step = int(ckpt.read_text()) if ckpt.exists() else 0
print("from step", step, flush=True)
while not Path(os.environ["GATES"], str(step)).exists():
    time.sleep(0.01)
ckpt.write_text(str(step + 1))
if step < 2:
    print("CUDA error", file=sys.stderr)
    sys.exit(7)
"""


@pytest.fixture
def gates(guild: Guild, tmp_path: Path) -> Path:
    """The folder in which a file lets a step end; a project with the operation `train`."""
    (tmp_path / "gates").mkdir()
    keys = f"env: {{GATES: '{tmp_path / 'gates'}'}}, retry: 3, retry-on: CUDA"
    project(guild.folder, f"train: {{main: train, {keys}}}", train=TRAIN)
    return tmp_path / "gates"


def told(guild: Guild, run_id: str) -> tuple[str, int, list[int]]:
    """A run's status, its last attempt, and the exit statuses of those before."""
    run = json.loads(guild.ok("info", run_id, "--json").out)
    return run["status"], run["attempt"], [each["exit_status"] for each in run["attempts"]]


def test_it_is_tried_again_while_nobody_is_connected(
    guild: Guild, sshd: Server, there: Path, gates: Path
) -> None:
    with relay(sshd.state.port) as link:
        alias = f"HostKeyAlias=[127.0.0.1]:{sshd.state.port}"
        guild.configure(gpu=sshd.keys(there, port=link.port, ssh_options=[alias]))
        run_id = guild.started(op="train", remote="gpu")
        place = Place(guild, there, "gpu")
        place.wait_for_output(run_id, "from step 0")
        guild.ok("sync")
        link.cut()
        (gates / "0").touch()
        place.wait_for_output(run_id, "from step 1")
        assert place.attr(run_id, "exit_status") is None
        (gates / "1").touch()
        place.wait_for_output(run_id, "from step 2")
        guild.ok("sync")  # a copy that is made while it is tried again
        assert told(guild, run_id) == ("running", 3, [7, 7])
        (gates / "2").touch()
        place.wait_for_end(run_id)
        guild.ok("sync")
        assert told(guild, run_id) == ("completed", 3, [7, 7])
        assert (guild.home / "runs" / run_id / "ckpt").read_text() == "3"
        assert guild.ok("cat", run_id, "--output").out == "from step 2\n"
        first = guild.ok("cat", run_id, "-p", ".guild/attempts/1/output").lines
        assert first == [
            "from step 0",
            "CUDA error",
            "guild: exit status 7: tried again now (1 of 3)",
        ]
        lines = guild.ok("info", run_id).lines
        assert "attempt: 3" in lines
        assert [line.split(",")[0] for line in lines[lines.index("attempts:") + 1 :]] == [
            "  1: error (exit status 7)",
            "  2: error (exit status 7)",
        ]
        (gates / "3").touch()
        # Started again there, it keeps them, and the copy loses none.
        guild.ok("run", "-r", "gpu", "--restart", run_id, "-y")
        guild.ok("sync")
        assert told(guild, run_id) == ("completed", 4, [7, 7, 0])
        assert guild.ok("cat", run_id, "--output").out == "from step 3\n"


def test_one_that_is_waited_for_here_shows_all_attempts(guild: Guild, gates: Path) -> None:
    for step in range(4):
        (gates / str(step)).touch()
    done = guild.ok("run", "train", "-y")
    assert [line for line in done.lines if line.startswith("from")] == [
        f"from step {step}" for step in range(3)
    ]
    assert guild("run", "train", "--retry", "1", "-y").code == 7


def test_watching_shows_each_attempt(guild: Guild, remote: str, there: Path, gates: Path) -> None:
    run_id = guild.started(op="train", remote=remote)
    watching = guild.popen("watch", run_id, "-r", remote)
    assert watching.stdout is not None
    seen = []
    for step in range(3):
        seen.append(watching.stdout.readline())
        (gates / str(step)).touch()
        seen += [watching.stdout.readline() for _ in range(2)] if step < 2 else []
    watching.communicate(timeout=60)
    assert [line for line in seen if line.startswith(b"from")] == [
        b"from step 0\n",
        b"from step 1\n",
        b"from step 2\n",
    ]


def test_ctrl_c_ends_the_wait_for_another_attempt(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'false', retry: 3, retry-delay: 10m}")
    running = guild.popen("run", "op", "-y")
    assert running.stdout is not None
    assert b"tried again in 10m (1 of 3)" in running.stdout.readline()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGINT
    assert "terminated" in guild.ok("runs", "-n1").out


def test_a_stop_ends_the_wait_for_another_attempt(place: Place) -> None:
    project(place.guild.folder, "op: {exec: 'false', retry: 3, retry-delay: 10m}")
    run_id = place.started()
    path = place.run_dir(run_id) / ".guild/attempts/1/attempt.json"
    wait_until(path.exists, "the end of the first attempt")
    assert place.status(run_id) == "running"
    place.ok("stop", run_id, "-y")
    assert place.status(run_id) == "terminated"


def test_a_limit_of_time_is_told_and_ends_what_a_pipeline_runs(place: Place) -> None:
    guildfile = """
op: {exec: 'sleep 600'}
pipe: {steps: [op]}
"""
    project(place.guild.folder, guildfile)
    done = place("run", "pipe", "--time-limit", "1s", "--retry", "2", "-y")
    assert "guild: time limit 1s: told to end" in done.lines
    place.wait_for_end(json.loads(place.ok("runs", "--json").out)[-1]["id"])
    runs = json.loads(place.ok("runs", "--json").out)
    found = sorted((run["opref"]["name"], run["status"], run["ended_by"]) for run in runs)
    assert found == [("op", "terminated", None), ("pipe", "terminated", "time limit 1s")]
    info = place.ok("info", next(r["id"] for r in runs if r["ended_by"])).lines
    assert "ended_by: time limit 1s" in info


def test_a_trial_and_a_step_are_tried_again_by_themselves(guild: Guild) -> None:
    guildfile = """
flaky: {exec: 'sh flaky ${n}', flags: {n: 1}, retry: 2}
pipe: {steps: [flaky], flags: {}}
"""
    project(guild.folder, guildfile)
    (guild.folder / "flaky").write_text("test -e seen && exit 0; touch seen; exit 4\n")
    guild.ok("run", "flaky", "n=[1,2]", "-y")
    guild.ok("run", "pipe", "-y")
    runs = json.loads(guild.ok("runs", "--json", "-a").out)
    found = sorted((run["opref"]["name"], run["attempt"], run["status"]) for run in runs)
    assert found == [
        *[("flaky", 2, "completed")] * 3,
        ("flaky+", 1, "completed"),
        ("pipe", 1, "completed"),
    ]


def test_a_pipeline_that_is_tried_again_goes_on_with_the_step_that_failed(guild: Guild) -> None:
    guildfile = """
first: {exec: 'true'}
second: {exec: 'sh second'}
pipe: {steps: [first, second], retry: 1}
"""
    project(guild.folder, guildfile)
    marker = guild.folder.parent / "marker"
    (guild.folder / "second").write_text(f"test -e {marker} && exit 0; touch {marker}; exit 4\n")
    guild.ok("run", "pipe", "-y")
    runs = json.loads(guild.ok("runs", "--json").out)
    found = sorted((run["opref"]["name"], run["status"]) for run in runs)
    ends = [("second", "completed"), ("second", "error")]
    assert found == [("first", "completed"), ("pipe", "completed"), *ends]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--retry-on", "x"), "--retry-on belongs to --retry"),
        (("--retry", "-1"), "--retry takes a whole number, not '-1'"),
        (("--retry", "1001"), "--retry takes a number up to 1000"),
        (("--retry", "1", "--retry-on", "x("), "--retry-on: 'x(' is no regular expression:"),
        (("--retry", "1", "--retry-on", "a\nb"), "--retry-on: must be a regular expression on"),
        (("--time-limit", "soon"), "--time-limit takes a time such as 30s, 2m, 12h or 4:00:00,"),
        (("--stall", "-1"), "--stall takes a time such as 30s,"),
        (("--retry", "1", "--retry-delay", "-2m"), "--retry-delay takes a time such as 30s,"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(
    guild: Guild, words: tuple[str, ...], said: str
) -> None:
    done = guild("run", "op", *words, "-y")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"guild: {said}")
    assert not (guild.home / "runs").exists()


def test_an_agent_that_is_killed_while_it_waits_leaves_what_can_be_started_again(
    place: Place,
) -> None:
    project(place.guild.folder, "op: {exec: 'sh op', retry: 3, retry-delay: 10m}")
    (place.guild.folder / "op").write_text("test -e seen && exit 0; touch seen; exit 4\n")
    run_id = place.started()
    path = place.run_dir(run_id) / ".guild/attempts/1/attempt.json"
    wait_until(path.exists, "the end of the first attempt")
    os.kill(int((place.run_dir(run_id) / ".guild/LOCK").read_text()), signal.SIGKILL)
    place.wait_until_dead(run_id)
    assert place.status(run_id) == "error"
    place.ok("run", "--restart", run_id, "-y")
    run = json.loads(place.ok("info", run_id, "--json").out)
    assert (run["status"], run["attempt"]) == ("completed", 2)
    assert [each["exit_status"] for each in run["attempts"]] == [4]
