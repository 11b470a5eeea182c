"""A job claims its run and is its runner: no two of them are, and each knows why it ends."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys

import pytest
from little_slurm import A, LittleSlurm

import guild_sync.agent
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import ENDED_BY, IN_JOB, Value
from guild_sync.agent.running import runner
from guild_sync.agent.running.operation import Told
from guild_sync.agent.scheduling import claims, records
from guild_sync.agent.scheduling.claims import Allocation, Claim
from guild_sync.agent.staging import stage
from guild_sync.agent.store import identity, locks, rundir

# Says that it has begun, and works until somebody ends it.
WORKS: list[Value] = ["sh", "-c", "echo >begun; exec sleep 600"]


def begin(slurm: LittleSlurm, **options: bool) -> subprocess.Popen[str]:
    """The process of a job whose operation is at work."""
    slurm.make(argv=WORKS)
    os.mkfifo(slurm.run / "begun")
    slurm.submit(time="2", **options)
    job = slurm.become("1")
    (slurm.run / "begun").read_text()
    return job


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status of a job, and what it has said."""
    out = job.communicate(timeout=60)[0]
    return job.returncode, out


def test_a_job_is_the_runner_of_its_run(slurm: LittleSlurm) -> None:
    slurm.make(argv=["sh", "-c", "echo in $GUILD_JOB; exit 3"])
    slurm.submit()
    assert ended(slurm.become("1")) == (3, "")
    assert slurm.status == "error"
    assert slurm.attributes("exit_status", ENDED_BY) == {"exit_status": 3, ENDED_BY: None}
    assert (slurm.guild / "output").read_text() == "in 1\n"
    assert claims.read(str(slurm.run)) == Claim("1", 0)


def test_a_second_job_of_a_run_says_so_and_does_nothing(slurm: LittleSlurm) -> None:
    """It was submitted twice after all: by whom, nobody knows."""
    slurm.make(argv=["sh", "-c", "echo once >>count"])
    slurm.submit()
    records.write(str(slurm.run), slurm.record._replace(id=""))  # type: ignore[union-attr]
    jobs = [slurm.become("1"), slurm.become("2")]
    said = sorted(out for code, out in map(ended, jobs) if code == 0)
    assert said[0] == ""
    assert "is not started: job " in said[1] or "and run" in said[1]
    assert (slurm.run / "count").read_text() == "once\n"
    assert slurm.record is not None
    assert claims.read(str(slurm.run)) == Claim(slurm.record.id)


def test_a_job_that_is_not_the_runs_does_nothing(slurm: LittleSlurm) -> None:
    slurm.submit()
    code, out = ended(slurm.become("2"))
    assert (code, slurm.status) == (0, "pending")
    assert out.startswith("guild: this is job 2, and run ")
    assert out.count("\n") == 1


def test_a_job_of_a_run_that_is_none_any_more_does_nothing(slurm: LittleSlurm) -> None:
    slurm.submit()
    records.put_aside(slurm.home, str(slurm.run))
    code, out = ended(slurm.become("1"))
    assert (code, slurm.status) == (0, "pending")
    assert "is no job any more" in out


def test_a_job_of_a_run_that_has_ended_does_nothing(slurm: LittleSlurm) -> None:
    slurm.submit()
    rundir.write_attr(str(slurm.run), "exit_status", -15)
    rundir.unmark(str(slurm.run), "PENDING")
    code, out = ended(slurm.become("1"))
    assert (code, slurm.status) == (0, "terminated")
    assert "was started already: nothing is to be done" in out


def test_what_is_no_job_runs_nothing(slurm: LittleSlurm) -> None:
    slurm.submit()
    code, out = ended(slurm.become(""))
    assert (code, out) == (1, "guild: this is no job of slurm\n")
    assert slurm.status == "pending"


def test_a_claim_for_which_there_is_no_room_is_said_in_a_line(slurm: LittleSlurm) -> None:
    slurm.submit()
    job = subprocess.Popen(
        [sys.executable, "-I", *guild_sync.agent.__path__, "job", str(slurm.run)],
        env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert ended(job) == (1, f"guild: run {A} is not started: File too large\n")
    assert claims.read(str(slurm.run)) is None
    assert slurm.status == "pending"


@pytest.mark.parametrize(
    ("variables", "own"),
    [
        ({"SLURM_JOB_ID": "7"}, Claim("7", 0)),
        ({"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "2"}, Claim("7", 2)),
        (
            {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"},
            Claim("7_3", 0),
        ),
        ({}, None),
    ],
)
def test_slurm_says_which_job_it_is(variables: dict[str, str], own: Claim | None) -> None:
    assert claims.own("slurm", variables) == own


def test_the_same_job_has_its_run_again_where_it_was_started_again(slurm: LittleSlurm) -> None:
    slurm.submit()
    directory = str(slurm.run)
    assert claims.claim(directory, Claim("1", 0)) == ""
    assert claims.claim(directory, Claim("1", 0)) == "job 1 has it"
    assert claims.claim(directory, Claim("1", 2)) == ""
    assert claims.claim(directory, Claim("1", 1)) == "job 1 has it"
    assert claims.claim(directory, Claim("2", 9)) == "job 1 has it"
    assert claims.read(directory) == Claim("1", 2)
    assert [name for name in os.listdir(slurm.guild) if name.startswith(".")] == []


def test_the_end_of_a_jobs_time_is_why_its_run_ends(slurm: LittleSlurm) -> None:
    job = begin(slurm)
    job.send_signal(signal.SIGUSR2)
    assert ended(job)[0] == 128 + signal.SIGTERM
    assert slurm.status == "terminated"
    found = slurm.attributes("exit_status", ENDED_BY)
    assert found == {"exit_status": -15, ENDED_BY: "time limit 0:02:00"}


def test_a_job_that_is_told_to_end_leaves_open_why(slurm: LittleSlurm) -> None:
    job = begin(slurm)
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 128 + signal.SIGTERM
    assert slurm.attributes("exit_status", ENDED_BY) == {"exit_status": -15, ENDED_BY: None}


def test_a_signal_that_the_operation_had_first_is_that_of_the_run(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm tells all of a job's processes, one by one: what fails for it was told to end."""
    waited = []
    wait = Told.wait

    def told(self: Told, seconds: float) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        waited.append(seconds)
        wait(self, seconds)

    monkeypatch.setattr(Told, "wait", told)
    slurm.make(argv=["false"])
    monkeypatch.setenv(IN_JOB, "1")
    assert runner.run(str(slurm.run)) == -signal.SIGTERM
    assert slurm.status == "terminated"
    assert waited == [0.5]


def test_a_job_that_may_be_started_again_leaves_its_run_pending(slurm: LittleSlurm) -> None:
    job = begin(slurm, requeue=True)
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 128 + signal.SIGTERM
    assert slurm.status == "pending"
    assert slurm.attributes("exit_status", "stopped") == {"exit_status": None, "stopped": None}
    again = slurm.become("1", SLURM_RESTART_COUNT="1")
    (slurm.run / "begun").read_text()
    assert slurm.status == "running"
    assert (slurm.guild / "attempts" / "1" / "output").exists()
    again.send_signal(signal.SIGUSR2)
    ended(again)
    assert (slurm.status, slurm.attributes(ENDED_BY)[ENDED_BY]) == (
        "terminated",
        "time limit 0:02:00",
    )


def test_a_job_that_may_be_started_again_ends_where_guild_has_stopped_it(
    slurm: LittleSlurm,
) -> None:
    job = begin(slurm, requeue=True)
    rundir.mark(str(slurm.run), records.STOP)
    job.send_signal(signal.SIGTERM)
    ended(job)
    assert slurm.status == "terminated"


def test_a_job_whose_node_was_lost_is_begun_again(slurm: LittleSlurm) -> None:
    """Its runner has left no word, and its lock is held by a machine that cannot be asked."""
    job = begin(slurm, requeue=True)
    job.kill()
    job.wait()
    owner = json.loads((slurm.guild / "LOCK.owner").read_text())
    (slurm.guild / "LOCK.owner").write_text(json.dumps({**owner, "host": "n1", "boot": "x"}))
    assert rundir.machine(str(slurm.run)) == "n1"
    again = slurm.become("1", SLURM_RESTART_COUNT="1")
    (slurm.run / "begun").read_text()
    assert slurm.status == "running"
    again.terminate()
    ended(again)


def test_what_cannot_be_started_in_a_job_is_the_end_of_the_run(slurm: LittleSlurm) -> None:
    """Nobody hears of it otherwise."""
    slurm.make(environment={"venv-path": "/nowhere"})
    slurm.submit()
    assert ended(slurm.become("1")) == (1, "")
    assert slurm.status == "error"
    output = (slurm.guild / "output").read_text()
    assert output == "guild: there is no Python environment at /nowhere\n"


def test_in_a_job_a_run_has_what_the_scheduler_gives_it(slurm: LittleSlurm) -> None:
    """No lock of guild's is taken, and nobody is asked for GPUs."""
    slurm.make(
        argv=["sh", "-c", "echo $CUDA_VISIBLE_DEVICES"], needs={"gpus": 2, "memory": 1 << 60}
    )
    slurm.submit()
    assert ended(slurm.become("1", CUDA_VISIBLE_DEVICES="0,1")) == (0, "")
    assert (slurm.guild / "output").read_text() == "0,1\n"


def test_a_queue_in_a_job_starts_the_staged_runs_of_its_home(slurm: LittleSlurm) -> None:
    """They are processes of the job, and parts of it: it is looked at for their ends, too."""
    other = "b" * 32
    stage.stage(slurm.home, other, "package:gpkg.demo 1.0 '' op", {}, {"argv": ["true"]})
    stage.mark_staged(slurm.home, other)
    slurm.make(builtin="queue", args=["1", "yes"])
    slurm.submit()
    assert ended(slurm.become("1", SLURM_RESTART_COUNT="2")) == (0, "")
    there = rundir.run_dir(slurm.home, other)
    assert rundir.status(there).text == "completed"
    part, record = records.read(there), slurm.record
    assert record is not None
    assert part == record._replace(within=A, restarts=2, folder=there)
    assert {*records.open_ids(slurm.home)} == {A, other}
    # Started again it may be a part of the same job.
    records.put_aside(slurm.home, there)
    assert (records.read(there), records.earlier(there)) == (None, {})


@pytest.mark.parametrize("of", ["", "x", "../../x", "c" * 32])
def test_a_run_whose_surroundings_name_no_job_is_a_part_of_none(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    monkeypatch.setenv("GUILD_JOB_OF", of)
    assert runner.run(str(slurm.run)) == 0
    assert slurm.record is None


def test_a_runs_lock_is_waited_for_and_then_taken_from_a_machine_that_cannot_be_asked(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_PATIENCE", 0.1)
    slurm.submit()
    assert slurm.record is not None
    guild = str(slurm.guild)
    held = locks.hold(guild)
    assert held is not None
    allocation = Allocation(slurm.record, Claim("1"))
    assert allocation.hold(guild) is None  # it is held here, by one who lives
    os.close(held)
    login = identity.of(os.getpid())._replace(host="login", boot="x")
    (slurm.guild / "LOCK.owner").write_text(json.dumps({**login._asdict(), "flock": True}))
    again = allocation.hold(guild)
    assert again is not None
    locks.release(guild, again)


def test_a_run_that_was_taken_from_its_job_is_not_begun_by_it(slurm: LittleSlurm) -> None:
    """Whoever has given it up held the run at that moment."""
    slurm.submit()
    assert slurm.record is not None
    allocation = Allocation(slurm.record, Claim("1"))
    assert claims.claim(str(slurm.run), Claim("1")) == ""
    records.put_aside(slurm.home, str(slurm.run))
    with pytest.raises(AgentError, match="is not job 1 any more"):
        allocation.enter(str(slurm.run))
    slurm.submit()
    with pytest.raises(AgentError, match="is not job 1 any more"):
        allocation.enter(str(slurm.run))
