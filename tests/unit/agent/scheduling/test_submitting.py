"""A run is submitted once, whatever becomes of the answer."""

from __future__ import annotations

import json
import os

import pytest
from little_slurm import A, LittleSlurm
from support import wait_until

from guild_sync.agent.errors import AgentError
from guild_sync.agent.scheduling import claims, face, records, submitting
from guild_sync.agent.scheduling import slurm as of_slurm
from guild_sync.agent.scheduling.face import JobState
from guild_sync.agent.staging import restage, spawn, stage
from guild_sync.agent.store import identity, rundir

REFUSED = "echo 'sbatch: error: Batch job submission failed: No such' >&2; exit 1"
TIMED_OUT = "echo 'sbatch: error: Batch job submission failed: Socket timed out' >&2; exit 1"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked for is not looked for long."""
    monkeypatch.setattr(submitting, "_APPEARS", 0.2)
    monkeypatch.setattr(submitting, "_LOOK", 0.05)


def test_a_run_is_a_job_once_it_was_submitted(slurm: LittleSlurm) -> None:
    started = spawn.submit(slurm.home, A, slurm.form(time="4:00:00", setup="module load x"))
    assert started == {"pid": None, "status": "pending", "job": "1"}
    assert slurm.record is not None
    assert (slurm.record.id, slurm.record.name) == ("1", f"guild-{A}")
    assert (slurm.record.time, slurm.record.requeue) == ("4:00:00", False)
    assert records.open_ids(slurm.home) == [A]
    script = (slurm.folder / "script").read_text().splitlines()
    assert script[-2] == "module load x"
    assert script[-1].startswith("exec ")
    assert script[-1].endswith(f" job {slurm.run}")
    assert f"--output={slurm.guild}/job.out" in (slurm.folder / "argv").read_text()
    assert not (slurm.guild / submitting.TURN).exists()


def test_asked_again_it_says_which_job_it_is(slurm: LittleSlurm) -> None:
    assert [slurm.submit(), slurm.submit()] == ["1", "1"]
    assert slurm.jobs == ["1"]


def test_a_host_without_its_scheduler_starts_no_process_for_it(slurm: LittleSlurm) -> None:
    """Somebody has made the remote one of type ssh meanwhile."""
    slurm.submit()
    assert spawn.start(slurm.home, A) == {"pid": None, "status": "pending", "job": "1"}
    assert slurm.status == "pending"


def test_a_staged_run_is_pending_from_then_on(slurm: LittleSlurm) -> None:
    stage.mark_staged(slurm.home, A)
    slurm.submit()
    assert slurm.status == "pending"
    assert not (slurm.guild / "STAGED").exists()


def test_what_the_run_asks_for_goes_before_what_its_host_says(slurm: LittleSlurm) -> None:
    slurm.make(submit={"time": "1", "mem": None})
    slurm.submit(time="2:00:00", mem="4G", partition="gpu")
    words = (slurm.folder / "argv").read_text().split()
    assert {"--time=1", "--partition=gpu"} <= {*words}
    assert not [word for word in words if word.startswith("--mem")]


@pytest.mark.parametrize("of_run", [{"options": ["--wrap=id"]}, {"time": "1\n2"}, {"x": 1}])
def test_a_run_that_asks_for_what_no_job_can_is_refused(
    slurm: LittleSlurm, of_run: dict[str, object]
) -> None:
    slurm.make(submit=of_run)  # type: ignore[arg-type]
    with pytest.raises(AgentError, match=r"\Ajob: (options|time|x): [^\n]*\Z"):
        slurm.submit()
    assert slurm.record is None


@pytest.mark.parametrize("is_staged", [False, True])
def test_what_is_refused_is_no_job_and_leaves_what_was_there(
    slurm: LittleSlurm, is_staged: bool
) -> None:
    if is_staged:
        stage.mark_staged(slurm.home, A)
    slurm.fault("before", REFUSED)
    with pytest.raises(AgentError, match=r"^sbatch: No such$"):
        slurm.submit()
    assert slurm.record is None
    assert records.open_ids(slurm.home) == []
    stage.discard(slurm.home, A)
    assert slurm.run.exists() is is_staged
    if is_staged:
        assert slurm.status == "staged"


@pytest.mark.parametrize("after", ["kill -9 $$", "echo nonsense; exit 0", TIMED_OUT])
def test_a_job_whose_answer_did_not_come_is_found_by_its_name(
    slurm: LittleSlurm, after: str
) -> None:
    slurm.fault("after", after)
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


def test_what_hangs_once_it_has_submitted_is_waited_for_no_longer(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_slurm, "SUBMIT_SECONDS", 0.5)
    slurm.fault("after", "sleep 600")
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


def test_what_was_not_submitted_is_submitted_once_more(slurm: LittleSlurm, soon: None) -> None:
    slurm.fault("before", "rm before; kill -9 $$")
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


def test_a_job_that_appears_late_is_waited_for(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "_LOOK", 0.05)
    row = f"9|9|N/A|PENDING|N/A||1|Priority|guild-{A}"
    slurm.fault("before", f"(sleep 1; echo '{row}' >>jobs) >/dev/null 2>&1 & kill -9 $$")
    assert slurm.submit() == "9"
    assert slurm.jobs == ["9"]


def test_a_second_that_is_refused_for_the_first_is_that(slurm: LittleSlurm, soon: None) -> None:
    row = f"9|9|N/A|PENDING|N/A||1|Priority|guild-{A}"
    refuse = (
        f"echo '{row}' >>jobs; echo 'sbatch: error: Batch job submission failed: X' >&2; exit 1"
    )
    slurm.fault("before", f"cat >before <<'END'\n{refuse}\nEND\nkill -9 $$")
    assert slurm.submit() == "9"


def test_a_run_of_which_no_job_is_known_twice_is_given_up(slurm: LittleSlurm, soon: None) -> None:
    slurm.fault("before", "kill -9 $$")
    with pytest.raises(AgentError, match=r"^sbatch.*, and it knows no job of the run$"):
        slurm.submit()
    assert (slurm.record, records.open_ids(slurm.home)) == (None, [])
    stage.discard(slurm.home, A)
    assert not slurm.run.exists()


def test_a_run_of_which_nothing_can_be_told_stays_and_is_asked_after(
    slurm: LittleSlurm, soon: None
) -> None:
    slurm.fault("after", "touch down; kill -9 $$")
    with pytest.raises(AgentError, match="Unable to contact") as raised:
        slurm.submit()
    assert raised.value.kind == "scheduler"
    stage.discard(slurm.home, A)
    assert slurm.status == "pending"
    assert records.open_ids(slurm.home) == [A]
    slurm.mend()
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_asks_again_waits_for_what_still_submits_it(slurm: LittleSlurm, when: str) -> None:
    """The agent was killed; the program that it has started goes on, and has the turn."""
    slurm.fault(when, "echo >begun; while [ ! -e go ]; do sleep 0.05; done")
    os.mkfifo(slurm.folder / "begun")
    first = slurm.ask("submit", run_id=A, scheduler=slurm.form())
    (slurm.folder / "begun").read_text()  # it is at work
    first.kill()
    first.wait()
    assert submitting.is_submitting(str(slurm.run))
    again = slurm.ask("submit", run_id=A, scheduler=slurm.form())
    (slurm.folder / "go").touch()
    assert again.stdout
    assert json.loads(again.stdout.read().split(" ", 1)[1])["ok"]["job"] == "1"
    assert slurm.jobs == ["1"]
    assert not submitting.is_submitting(str(slurm.run))


def test_a_run_whose_agent_was_killed_before_it_asked_is_submitted(
    slurm: LittleSlurm, soon: None
) -> None:
    slurm.submit()
    records.write(str(slurm.run), slurm.record._replace(id=""))  # type: ignore[union-attr]
    (slurm.folder / "jobs").write_text("")
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


def test_what_another_machine_was_about_to_submit_is_looked_for_until_it_must_be_there(
    slurm: LittleSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flock may be each machine's own: that it is had here says nothing of another's sbatch."""
    slurm.submit()
    records.write(str(slurm.run), slurm.record._replace(id=""))  # type: ignore[union-attr]
    (slurm.folder / "jobs").write_text("")
    elsewhere = identity.of(os.getpid())._replace(host="login2", boot="another")
    (slurm.guild / submitting.TURN).write_text(json.dumps(elsewhere._asdict()))
    monkeypatch.setattr(submitting, "_APPEARS", 0.0)
    monkeypatch.setattr(submitting, "SUBMIT_SECONDS", 600.0)
    monkeypatch.setattr(submitting, "_LOOK", 0.0)
    looks = []
    known = submitting._known

    def appears(directory: str) -> str:
        looks.append(directory)
        return "7" if len(looks) == 3 else known(directory)

    monkeypatch.setattr(submitting, "_known", appears)
    assert slurm.submit() == "7"
    assert slurm.jobs == []


def test_the_job_of_an_earlier_start_is_not_taken_for_this_one(
    slurm: LittleSlurm, soon: None
) -> None:
    slurm.submit()
    rundir.write_attrs(str(slurm.run), {"started": 1, "exit_status": 1})
    rundir.unmark(str(slurm.run), "PENDING")
    restage.restage(slurm.home, A, {}, {"op": "op", "argv": ["true"], "environment": {}})
    slurm.fault("before", "rm before; kill -9 $$")
    assert slurm.submit() == "2"
    assert slurm.jobs == ["1", "2"]


def test_the_job_that_has_claimed_the_run_is_the_one_that_it_is(slurm: LittleSlurm) -> None:
    """It has begun before the answer came that tells of another."""
    claim = json.dumps(claims.Claim("6")._asdict())
    slurm.fault("after", f"echo '{claim}' >{slurm.guild}/JOB.claim")
    assert slurm.submit() == "6"
    assert slurm.record is not None
    assert slurm.record.id == "6"


def test_secrets_are_given_to_no_scheduler(slurm: LittleSlurm) -> None:
    with pytest.raises(AgentError, match="env-secrets are not given to slurm"):
        slurm.submit(sends_secrets=True)
    assert (slurm.record, slurm.jobs) == (None, [])
    assert slurm.submit(sends_secrets=True, setup=[". ~/.secrets"]) == "1"


def test_a_run_that_runs_is_not_submitted(slurm: LittleSlurm) -> None:
    runner = spawn.start_runner(str(slurm.run))
    assert runner.wait() == 0
    with pytest.raises(AgentError, match="was started already"):
        slurm.submit()
    assert (slurm.record, slurm.jobs) == (None, [])


def test_a_scheduler_that_guild_does_not_know_is_one_line(slurm: LittleSlurm) -> None:
    with pytest.raises(AgentError, match=r"^guild knows no scheduler 'x\\n'$"):
        submitting.submit(slurm.home, str(slurm.run), {**slurm.form(), "type": "x\n"})


def test_a_record_that_is_damaged_is_looked_up_before_it_is_submitted_again(
    slurm: LittleSlurm,
) -> None:
    slurm.submit()
    (slurm.guild / "JOB.record").write_text("{")
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"]


def test_a_job_that_came_with_a_staged_run_is_none_of_this_home(slurm: LittleSlurm) -> None:
    """As out of an archive: whoever made that says nothing of what is in the queue here."""
    slurm.submit()
    rundir.unmark(str(slurm.run), "PENDING")
    rundir.mark(str(slurm.run), "STAGED")
    assert slurm.submit() == "2"
    rundir.unmark(str(slurm.run), "PENDING")
    rundir.mark(str(slurm.run), "STAGED")
    verdict = {"by": "look", "exit_status": 1, "ended_by": "of another home", "at": 1}
    (slurm.guild / "JOB.verdict").write_text(json.dumps(verdict))
    assert spawn.start(slurm.home, A)["status"] == "running"
    wait_until(lambda: slurm.status == "completed", "its own end, which it has written")
    assert slurm.record is None


@pytest.mark.parametrize("is_staged", [False, True])
def test_what_is_left_of_a_job_of_which_no_more_is_known_is_none_of_this_one(
    slurm: LittleSlurm, is_staged: bool
) -> None:
    if is_staged:
        stage.mark_staged(slurm.home, A)
    (slurm.guild / "JOB.claim").write_text(json.dumps(claims.Claim("6")._asdict()))
    (slurm.guild / "JOB.verdict").write_text(json.dumps({"by": "look", "exit_status": 0}))
    assert slurm.submit() == "1"
    assert slurm.become("1").wait() == 0
    assert slurm.status == "completed"
    assert claims.read(str(slurm.run)) == claims.Claim("1")


def test_a_job_with_the_id_of_an_earlier_start_is_known_by_when_it_was_submitted(
    slurm: LittleSlurm, soon: None
) -> None:
    """Its scheduler has lost its memory, and counts anew."""
    slurm.submit()
    seen = JobState("1", face.WAITS, "PENDING", submitted=1)
    records.write(str(slurm.run), slurm.record._replace(seen=seen))  # type: ignore[union-attr]
    rundir.write_attrs(str(slurm.run), {"started": 1, "exit_status": 1})
    rundir.unmark(str(slurm.run), "PENDING")
    restage.restage(slurm.home, A, {}, {"op": "op", "argv": ["true"], "environment": {}})
    (slurm.folder / "jobs").write_text("")
    slurm.fault("after", "kill -9 $$")
    assert slurm.submit() == "1"
    assert slurm.jobs == ["1"], "it is not submitted twice"


def test_a_job_that_has_begun_before_its_id_was_heard_is_the_one(slurm: LittleSlurm) -> None:
    slurm.submit()
    records.write(str(slurm.run), slurm.record._replace(id=""))  # type: ignore[union-attr]
    assert slurm.become("1").wait() == 0
    records.write(str(slurm.run), slurm.record._replace(id=""))  # type: ignore[union-attr]
    (slurm.folder / "down").touch()  # nobody has to be asked
    assert slurm.submit() == "1"
