"""Runs that are jobs, looked at: what a scheduler says, and what becomes of the run by it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rundirs import B, make

from guild_sync.agent.catalog import describe
from guild_sync.agent.judging import looks, verdicts
from guild_sync.agent.protocol import now
from guild_sync.agent.running import stop
from guild_sync.agent.scheduling import claims, face, records
from guild_sync.agent.scheduling.face import JobState, SchedulerDown, Site
from guild_sync.agent.scheduling.records import Instant, Record
from guild_sync.agent.store import locks, rundir

RUN = "a" * 32
WAITS = JobState("4711", face.WAITS, "PENDING", reason="Priority", starts=2_000_000_000)
RUNS = JobState("4711", face.RUNS, "RUNNING", nodes="n1")
COMPLETING = RUNS._replace(word="COMPLETING")
FAILED = JobState("4711", face.ENDED, "FAILED", face.FAILED, nodes="n1")
CANCELLED = JobState("4711", face.ENDED, "CANCELLED", face.CANCELLED, nodes="n1")
LOST = JobState("4711", face.ENDED, "NODE_FAIL", face.NODE, nodes="n1")
CANCELLED_UNSTARTED = CANCELLED._replace(nodes="")


class Fake(face.Scheduler):
    """A scheduler that says what it is told to, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(Site())
        self.jobs: list[JobState] = []
        self.accounted: dict[str, JobState] = {}
        self.down = ""
        self.asked: list[Any] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def query(self) -> dict[face.JobName, list[JobState]]:
        self.asked.append("query")
        if self.down:
            raise SchedulerDown(self.down)
        self.meanwhile()
        return {(records.name_of(RUN), None): list(self.jobs)}

    def history(self, ids: Any) -> dict[str, JobState]:
        self.asked.append(["history", *ids])
        return self.accounted

    def cancel(self, ids: Any, signal: str = "") -> None:
        self.asked.append(["cancel", signal, *ids])


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(records, "scheduler", lambda kind, site: fake)
    return fake


@pytest.fixture
def run(home: Path) -> Path:
    """A run whose job waits, as it is once it was submitted."""
    found = home / "runs" / RUN
    (found / ".guild" / "attrs").mkdir(parents=True)
    (found / ".guild" / "opref").write_text("guildfile:/x 1 '' train")
    rundir.mark(str(found), rundir.PENDING)
    records.write(str(found), Record("slurm", Site(), records.name_of(RUN), now(), "4711"))
    records.expect(str(home), RUN)
    return found


def began(run: Path, job: str = "4711", restarts: int = 0) -> None:
    """Have the run's runner have begun, on a node of which nothing is seen here."""
    claims.claim(str(run), claims.Claim(job, restarts))
    rundir.write_attr(str(run), "started", now())
    rundir.unmark(str(run), rundir.PENDING)
    hold_on_node(run)


def hold_on_node(run: Path) -> None:
    node = {"pid": 77, "start": 1, "boot": "another", "host": "n1", "namespace": 1, "flock": True}
    (run / ".guild" / "LOCK").write_text("77\n")
    (run / ".guild" / "LOCK.owner").write_text(json.dumps(node))
    (run / ".guild" / "LOCK").chmod(0o600)


def over_for(run: Path, seconds: float) -> None:
    """Have its job have been over, or unknown, since then."""
    record = records.read(str(run))
    assert record is not None and record.over is not None
    before = record.over
    earlier = Instant(before.time - seconds, before.boot, before.up - seconds)
    records.write(str(run), record._replace(over=earlier))


def status(run: Path) -> str:
    return rundir.status(str(run)).text


def end(run: Path) -> tuple[Any, ...]:
    found = rundir.read_attrs(str(run), ["exit_status", "ended_by"])
    return status(run), found["exit_status"], found["ended_by"]


def is_open(home: Path) -> bool:
    return records.open_ids(str(home)) == [RUN]


def look(home: Path) -> str | None:
    return looks.look(str(home), [RUN])


def seen(run: Path) -> JobState | None:
    record = records.read(str(run))
    assert record is not None
    return record.seen


# What waits and runs.


def test_what_waits_is_shown_with_why_and_since_it_has_changed_alone(
    home: Path, run: Path, scheduler: Fake
) -> None:
    scheduler.jobs = [WAITS]
    assert look(home) == ""
    assert (status(run), seen(run)) == ("pending", WAITS)
    before = os.stat(run / ".guild" / "JOB.record").st_ino
    scheduler.jobs = [WAITS._replace(starts=2_000_000_100)]
    assert look(home) == ""
    assert os.stat(run / ".guild" / "JOB.record").st_ino == before, "a start that moves by seconds"
    soon = int(time.time()) + 600
    for starts, is_news in ((soon, True), (soon + 50, False), (soon + 150, True), (None, True)):
        before = os.stat(run / ".guild" / "JOB.record").st_ino
        scheduler.jobs = [WAITS._replace(starts=starts)]
        look(home)
        assert (os.stat(run / ".guild" / "JOB.record").st_ino != before) is is_news, starts


@pytest.mark.parametrize("job", [RUNS, COMPLETING, RUNS._replace(word="SUSPENDED")])
def test_what_runs_stays_as_its_files_have_it(
    home: Path, run: Path, scheduler: Fake, job: JobState
) -> None:
    scheduler.jobs = [job]
    look(home)
    assert status(run) == "pending", "its runner has not begun"
    began(run)
    look(home)
    assert status(run) == "running"
    assert is_open(home)


def test_nothing_is_asked_where_nothing_waits_or_runs(
    home: Path, run: Path, scheduler: Fake
) -> None:
    rundir.write_attr(str(run), "exit_status", 0)
    rundir.unmark(str(run), rundir.PENDING)
    assert look(home) is None
    assert scheduler.asked == []
    assert not is_open(home)


def test_nothing_is_asked_where_other_runs_are_asked_for(
    home: Path, run: Path, scheduler: Fake
) -> None:
    assert looks.look(str(home), ["b" * 32]) is None
    assert scheduler.asked == []
    assert is_open(home)


def test_one_question_for_all_runs(home: Path, run: Path, scheduler: Fake) -> None:
    for number in range(20):
        other = home / "runs" / f"{number:032x}"
        (other / ".guild" / "attrs").mkdir(parents=True)
        rundir.mark(str(other), rundir.PENDING)
        name = records.name_of(other.name)
        records.write(str(other), Record("slurm", Site(), name, now(), str(number)))
        records.expect(str(home), other.name)
    scheduler.jobs = [WAITS]
    looks.look(str(home))
    assert scheduler.asked == ["query"]


def test_another_logins_jobs_are_neither_asked_for_nor_judged(
    home: Path, run: Path, scheduler: Fake
) -> None:
    if os.getuid() != 0:
        pytest.skip("files are given to another user by root alone")
    os.chown(run / ".guild" / "JOB.record", 12345, 12345)
    assert look(home) is None
    assert scheduler.asked == []


# What is over.


def test_a_runners_word_counts_whatever_the_scheduler_says(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.jobs = [FAILED]
    # It is written while the scheduler is asked.
    scheduler.meanwhile = lambda: rundir.write_attr(str(run), "exit_status", 0)
    look(home)
    assert end(run) == ("completed", 0, None)


@pytest.mark.parametrize(
    ("how", "nodes", "expected"),
    [
        (face.TIMEOUT, "n1", ("terminated", -15, "time limit 0:02:00")),
        (face.CANCELLED, "n1", ("terminated", -15, "cancelled")),
        (face.PREEMPTED, "n1", ("terminated", -15, "preempted")),
        (face.MEMORY, "n1", ("error", 1, "out of memory")),
        (face.NODE, "n2", ("error", 1, "node n2 failed")),
        (face.DEADLINE, "n1", ("error", 1, "deadline")),
        (face.OK, "n1", ("error", 1, "unknown: job 4711 has ended and left no word")),
        (face.FAILED, "n1", ("error", 1, "unknown: job 4711 has ended and left no word")),
    ],
)
def test_how_a_job_has_ended_whose_runner_left_no_word(
    home: Path, run: Path, scheduler: Fake, how: str, nodes: str, expected: Any
) -> None:
    record = records.read(str(run))
    assert record is not None
    records.write(str(run), record._replace(time="0:02:00"))
    began(run)
    scheduler.jobs = [JobState("4711", face.ENDED, how.upper(), how, nodes=nodes)]
    look(home)
    assert status(run) == "running", "what its node has written may be seen no sooner"
    over_for(run, verdicts.GRACE - 1)
    look(home)
    assert status(run) == "running"
    over_for(run, 1)
    look(home)
    assert end(run) == expected
    assert rundir.read_attr(str(run), "stopped") is not None
    assert not is_open(home)


def test_how_it_has_ended_is_kept_though_its_scheduler_forgets_it(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.jobs = [JobState("4711", face.ENDED, "NODE_FAIL", face.NODE, nodes="n2")]
    look(home)
    over_for(run, 60)
    scheduler.jobs = []
    look(home)
    assert end(run) == ("error", 1, "node n2 failed")


def test_a_job_that_was_cancelled_before_it_began(home: Path, run: Path, scheduler: Fake) -> None:
    scheduler.jobs = [CANCELLED_UNSTARTED]
    look(home)
    assert end(run) == ("terminated", -15, "cancelled")
    assert not (run / ".guild" / "PENDING").exists()


def test_a_job_that_could_not_start_says_why(home: Path, run: Path, scheduler: Fake) -> None:
    (run / ".guild" / "job.out").write_bytes(b"loading\nbash: module:\x1b[1m not found\n\n")
    scheduler.jobs = [FAILED]
    look(home)
    over_for(run, 60)
    look(home)
    said = "job could not start: bash: module:?[1m not found"
    assert end(run) == ("error", 1, said)


def test_a_job_that_has_failed_says_what_its_scheduler_did(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    (run / ".guild" / "job.out").write_text("slurmstepd-n1: error: Exceeded job memory limit\n")
    scheduler.jobs = [FAILED]
    look(home)
    over_for(run, 60)
    look(home)
    said = "job 4711 has failed: slurmstepd-n1: error: Exceeded job memory limit"
    assert end(run) == ("error", 1, said)


def test_what_can_never_begin_is_cancelled(home: Path, run: Path, scheduler: Fake) -> None:
    scheduler.jobs = [WAITS._replace(reason="DependencyNeverSatisfied", phase=face.HELD)]
    look(home)
    assert scheduler.asked == ["query", ["cancel", "", "4711"]]
    assert end(run) == ("error", 1, "a run that it requires has failed")


@pytest.mark.parametrize(
    ("reason", "required", "expected"),
    [
        ("DependencyNeverSatisfied", None, ("error", 1, "a run that it requires has failed")),
        ("", 1, ("error", 1, "a run that it requires has failed")),
        ("", -15, ("error", 1, "a run that it requires has failed")),
        ("", 0, ("terminated", -15, "cancelled")),
        ("", None, ("terminated", -15, "cancelled")),
    ],
)
def test_what_its_scheduler_cancels_as_a_required_run_has_failed_is_told_as_that(
    home: Path,
    run: Path,
    scheduler: Fake,
    reason: str,
    required: int | None,
    expected: tuple[Any, ...],
) -> None:
    """Accounting, and PBS, know that it was cancelled, and not why."""
    other = make(home, B, {"PENDING": ""} if required is None else {}, exit_status=required)
    record = records.read(str(run))
    assert record is not None
    records.write(str(run), record._replace(after=(other.name,)))
    scheduler.jobs = [CANCELLED_UNSTARTED._replace(reason=reason)]
    look(home)
    assert end(run) == expected


# What is unknown.


def test_absence_is_believed_twice_a_minute_apart(home: Path, run: Path, scheduler: Fake) -> None:
    began(run)
    look(home)
    over_for(run, 59)
    look(home)
    assert status(run) == "running"
    assert [asked for asked in scheduler.asked if asked != "query"] == []
    over_for(run, 1)
    look(home)
    assert end(run) == ("error", 1, "unknown: job 4711 has ended and left no word")
    assert scheduler.asked[-1] == ["history", "4711"], "accounting, once, and of it alone"


def test_an_answer_between_that_knows_it_has_the_minute_begin_anew(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    look(home)
    over_for(run, 59)
    scheduler.jobs = [RUNS]
    look(home)
    scheduler.jobs = []
    look(home)
    record = records.read(str(run))
    assert record is not None and record.over is not None
    assert verdicts.seconds_since(record.over) < 30
    assert status(run) == "running"


def test_accounting_knows_better(home: Path, run: Path, scheduler: Fake) -> None:
    began(run)
    look(home)
    over_for(run, 60)
    scheduler.accounted = {"4711": CANCELLED}
    look(home)
    assert end(run) == ("terminated", -15, "cancelled")


def test_what_accounting_takes_for_running_is_not_ended(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    look(home)
    over_for(run, 60)
    scheduler.accounted = {"4711": RUNS}
    look(home)
    assert status(run) == "running"
    assert is_open(home)


def test_a_scheduler_that_cannot_be_asked_changes_nothing(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    look(home)
    over_for(run, 3600)
    before = (run / ".guild" / "JOB.record").read_bytes()
    scheduler.down = "Unable to contact slurm controller"
    assert look(home) == "Unable to contact slurm controller"
    assert status(run) == "running"
    assert (run / ".guild" / "JOB.record").read_bytes() == before


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_calendar_that_is_set_makes_no_minute(
    home: Path, run: Path, scheduler: Fake, hours: int
) -> None:
    began(run)
    look(home)
    record = records.read(str(run))
    assert record is not None and record.over is not None
    moved = record.over._replace(time=record.over.time + hours * 3600)
    records.write(str(run), record._replace(over=moved))
    look(home)
    assert status(run) == "running"


def test_of_another_machines_note_the_calendar_counts(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    look(home)
    record = records.read(str(run))
    assert record is not None and record.over is not None
    there = Instant(time.time() - 61, "of another machine", 1.0)
    records.write(str(run), record._replace(over=there))
    look(home)
    assert status(run) == "error"


# Which job it is.


def test_an_id_that_was_given_again_is_not_the_runs(home: Path, run: Path, scheduler: Fake) -> None:
    began(run)
    # Slurm knows a job 4711, but with another name: it is not among those of this run.
    scheduler.jobs = []
    look(home)
    assert status(run) == "running"
    assert seen(run) is None


def test_of_two_jobs_with_the_name_the_newer_is_meant(
    home: Path, run: Path, scheduler: Fake
) -> None:
    record = records.read(str(run))
    assert record is not None
    records.write(str(run), record._replace(id="", at=now() - 10**9))
    (run / ".guild" / records.EARLIER).write_text("4600\n")
    scheduler.jobs = [FAILED._replace(id="4600"), WAITS]
    look(home)
    found = records.read(str(run))
    assert found is not None
    assert (found.id, found.seen) == ("4711", WAITS)


def test_a_job_that_claims_nothing_ends_no_run(home: Path, run: Path, scheduler: Fake) -> None:
    began(run, job="4712")
    scheduler.jobs = [FAILED, RUNS._replace(id="4712")]
    look(home)
    over_for_is_none = records.read(str(run))
    assert over_for_is_none is not None and over_for_is_none.over is None
    assert status(run) == "running"


def test_what_is_just_being_submitted_is_not_missed(home: Path, run: Path, scheduler: Fake) -> None:
    record = records.read(str(run))
    assert record is not None
    records.write(str(run), record._replace(id=""))
    look(home)
    found = records.read(str(run))
    assert found is not None and found.over is None
    records.write(str(run), record._replace(id="", at=now() - 3600 * 10**6))
    look(home)
    over_for(run, 60)
    look(home)
    assert end(run) == ("error", 1, "unknown: its job was not submitted")


def test_what_runs_it_counts_whatever_else_waits_with_its_name(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.jobs = [FAILED, WAITS._replace(id="4712")]
    look(home)
    found = records.read(str(run))
    assert found is not None
    assert (found.id, found.seen) == ("4711", FAILED)
    assert status(run) == "running"


def test_the_job_of_an_earlier_start_is_not_the_runs(
    home: Path, run: Path, scheduler: Fake
) -> None:
    record = records.read(str(run))
    assert record is not None
    records.write(str(run), record._replace(id=""))
    (run / ".guild" / records.EARLIER).write_text("4600\n")
    scheduler.jobs = [COMPLETING._replace(id="4600")]
    look(home)
    assert records.read(str(run)) == record._replace(id="")


# What begins again, and what comes back.


def test_what_waits_to_be_begun_again_is_pending(home: Path, run: Path, scheduler: Fake) -> None:
    began(run)
    scheduler.jobs = [WAITS]
    look(home)
    assert status(run) == "pending"
    form = describe.summary(str(home), RUN)["job"]
    assert form is not None
    assert (form["state"], form["reason"]) == ("PENDING", "Priority")


def test_what_has_begun_while_its_scheduler_was_asked_runs(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.jobs = [WAITS]
    scheduler.meanwhile = lambda: claims.claim(str(run), claims.Claim("4711", 1))
    look(home)
    assert status(run) == "running"


@pytest.fixture
def part(home: Path, run: Path) -> Path:
    """A run that another has started within its job, on a node of which nothing is seen here."""
    began(run, restarts=1)
    found = make(home, B, {}, initialized=1)
    claims.join(str(home), str(found), RUN)
    hold_on_node(found)
    return found


def test_a_part_of_a_job_ends_with_it(home: Path, run: Path, part: Path, scheduler: Fake) -> None:
    scheduler.jobs = [RUNS]
    look(home)
    assert (status(part), describe.summary(str(home), B)["machine"]) == ("running", "n1")
    assert describe.summary(str(home), B)["job"] is None
    # Its whole leaves word of its own end, and nobody of that of the part.
    rundir.write_attr(str(run), "exit_status", 0)
    # Another job of that name, as its whole was started again, is none of its.
    scheduler.jobs = [LOST, RUNS._replace(id="4712")]
    assert looks.look(str(home), [B]) == ""
    assert status(part) == "running"
    over_for(part, 60)
    looks.look(str(home), [B])
    assert end(part) == ("error", 1, "node n1 failed")
    looks.look(str(home))
    assert records.open_ids(str(home)) == []


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_part_of_a_job_that_is_started_again_has_ended(
    home: Path, run: Path, part: Path, scheduler: Fake, is_waiting: bool
) -> None:
    scheduler.jobs = [WAITS if is_waiting else RUNS]
    if not is_waiting:
        assert claims.claim(str(run), claims.Claim("4711", 2)) == ""
    look(home)
    assert status(part) == "running", "it may have left word yet"
    over_for(part, 60)
    look(home)
    assert end(part) == ("terminated", -15, "its job was started again")


def test_a_part_of_a_job_is_ended_by_no_scheduler(home: Path, part: Path, scheduler: Fake) -> None:
    """That would end all of its job."""
    refused = stop.signal_runs(str(home), [B])["refused"]
    assert refused == {B: "it is running on n1, and can be stopped there"}
    # Nor has a person to: whether its machine is gone, its scheduler knows.
    refused = stop.call_ended(str(home), [B])["refused"]
    assert refused == {B: f"it runs in the job of run {RUN}, and ends with that"}
    assert status(part) == "running"
    assert scheduler.asked == []


def test_a_runner_that_comes_back_finds_the_verdict(home: Path, run: Path, scheduler: Fake) -> None:
    began(run)
    scheduler.jobs = [CANCELLED]
    look(home)
    over_for(run, 60)
    look(home)
    assert not verdicts.may_end(str(run))


def test_a_runner_that_writes_its_end_is_not_passed_over(home: Path, run: Path) -> None:
    began(run)
    assert verdicts.may_end(str(run))
    assert verdicts.may_end(str(run)), "it tries again where a disk is full"
    rundir.write_attr(str(run), "exit_status", 3)
    assert not verdicts.pass_verdict(str(run), verdicts.End(1, "unknown"))
    assert end(run) == ("error", 3, None)


def test_a_runner_that_was_killed_as_it_wrote_its_end_has_none(home: Path, run: Path) -> None:
    began(run)
    assert verdicts.may_end(str(run))
    assert verdicts.pass_verdict(str(run), verdicts.End(1, "unknown"))
    assert end(run) == ("error", 1, "unknown")


def test_of_several_looks_the_first_counts(home: Path, run: Path) -> None:
    first = verdicts.End(-15, "cancelled")
    (run / ".guild" / "JOB.verdict").write_text(json.dumps({"by": "look", **first._asdict()}))
    verdicts.pass_verdict(str(run), verdicts.End(1, "unknown"))
    assert end(run) == ("terminated", -15, "cancelled")


def test_a_verdict_that_was_cut_off_is_finished(home: Path, run: Path, scheduler: Fake) -> None:
    (run / ".guild" / "JOB.verdict").write_text('{"by": "look"}')
    rundir.write_attr(str(run), "exit_status", -15)
    rundir.write_attr(str(run), "ended_by", "cancelled")
    assert status(run) == "pending"
    assert look(home) is None
    assert status(run) == "terminated"
    assert not is_open(home)


# Why it was ended.


def told_to_end(run: Path) -> None:
    began(run)
    rundir.write_attr(str(run), "exit_status", -15)


def test_who_has_ended_it_is_asked_where_nobody_has_left_word(
    home: Path, run: Path, scheduler: Fake
) -> None:
    told_to_end(run)
    scheduler.jobs = [COMPLETING]
    look(home)
    assert is_open(home)
    scheduler.jobs = [JobState("4711", face.ENDED, "PREEMPTED", face.PREEMPTED, nodes="n1")]
    look(home)
    assert end(run) == ("terminated", -15, "preempted")
    assert not is_open(home)


def test_who_has_ended_it_is_not_asked_of_what_guild_has_stopped(
    home: Path, run: Path, scheduler: Fake
) -> None:
    told_to_end(run)
    (run / ".guild" / "JOB.stop").write_text("term")
    assert look(home) is None
    assert scheduler.asked == []


def test_a_run_that_has_ended_waits_for_nothing_though_its_job_is_begun_again(
    home: Path, run: Path, scheduler: Fake
) -> None:
    told_to_end(run)
    scheduler.jobs = [WAITS]
    look(home)
    assert end(run) == ("terminated", -15, None)


def test_a_run_of_whose_job_a_verdict_was_passed_can_be_held(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    guild = str(run / ".guild")
    assert locks.hold(guild) is None
    verdicts.pass_verdict(str(run), verdicts.End(1, "node n1 failed"))
    held = locks.hold(guild)
    assert held is not None
    locks.release(guild, held)


def test_a_job_that_has_ended_itself_by_a_signal_has_no_cause(
    home: Path, run: Path, scheduler: Fake
) -> None:
    told_to_end(run)
    scheduler.jobs = [FAILED]
    look(home)
    assert end(run) == ("terminated", -15, None)
    assert not is_open(home)


# What is shown.


def test_a_run_that_waits_says_for_what(home: Path, run: Path, scheduler: Fake) -> None:
    assert describe.summary(str(home), RUN)["waits"] == "the queue"
    scheduler.jobs = [WAITS._replace(phase=face.HELD, reason="JobHeldUser", starts=None)]
    look(home)
    shown = describe.summary(str(home), RUN)
    assert shown["waits"] == "the queue: JobHeldUser"
    assert shown["job"] == {
        "scheduler": "slurm",
        "id": "4711",
        "state": "PENDING",
        "reason": "JobHeldUser",
        "starts": None,
        "nodes": "",
        "held": True,
        "restarts": 0,
    }


def test_a_run_whose_job_has_a_node_waits_for_word_of_it(
    home: Path, run: Path, scheduler: Fake
) -> None:
    scheduler.jobs = [RUNS]
    look(home)
    assert describe.summary(str(home), RUN)["waits"] == "word of its job on n1"


def test_a_run_that_runs_on_a_node_runs_on_no_other_machine(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run, restarts=1)
    scheduler.jobs = [RUNS]
    look(home)
    shown = describe.summary(str(home), RUN)
    assert (shown["status"], shown["machine"]) == ("running", None)
    assert shown["job"] is not None
    assert (shown["job"]["nodes"], shown["job"]["restarts"]) == ("n1", 1)


def test_a_run_that_is_over_shows_no_word_of_its_time(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.jobs = [RUNS]
    look(home)
    rundir.write_attr(str(run), "exit_status", 0)
    found = describe.summary(str(home), RUN)["job"]
    assert found is not None
    assert (found["state"], found["nodes"]) == ("", "n1")


def test_a_reason_of_any_length_is_cut(home: Path, run: Path, scheduler: Fake) -> None:
    scheduler.jobs = [WAITS._replace(reason="x" * 5000)]
    look(home)
    assert describe.summary(str(home), RUN)["waits"] == "the queue: " + "x" * 255


def test_a_run_that_is_no_job_has_none(home: Path, run: Path) -> None:
    (run / ".guild" / "JOB.record").unlink()
    shown = describe.summary(str(home), RUN)
    assert (shown["job"], shown["waits"]) == (None, None)


NO_RECORDS = ["", "[]", '{"scheduler": 5}', "\0", "{" * 1000]


@pytest.mark.parametrize("text", NO_RECORDS)
def test_a_record_that_makes_no_sense_ends_a_run_that_waits(
    home: Path, run: Path, scheduler: Fake, text: str
) -> None:
    """As its job does, which finds none and is over; else nobody could end or remove it."""
    (run / ".guild" / "JOB.record").write_text(text)
    assert look(home) is None
    assert describe.summary(str(home), RUN)["job"] is None
    assert end(run) == ("error", 1, "unknown: .guild/JOB.record cannot be read")
    assert scheduler.asked == []


@pytest.mark.parametrize("text", NO_RECORDS)
def test_a_record_that_makes_no_sense_ends_nothing_that_runs(
    home: Path, run: Path, scheduler: Fake, text: str
) -> None:
    began(run)
    (run / ".guild" / "JOB.record").write_text(text)
    assert look(home) is None
    assert status(run) == "running"


def test_what_cannot_be_read_for_now_ends_nothing(home: Path, run: Path, scheduler: Fake) -> None:
    (run / ".guild" / "JOB.record").unlink()
    (run / ".guild" / "JOB.record").symlink_to("nowhere")
    assert look(home) is None
    assert status(run) == "pending"


NO_NUMBERS = {"large": 10**400, "small": -(10**400), "nan": float("nan"), "inf": float("inf")}


@pytest.mark.parametrize("value", [*NO_NUMBERS.values(), "x", True, []], ids=[*NO_NUMBERS, *"xyz"])
def test_numbers_of_a_record_that_are_none(
    home: Path, run: Path, scheduler: Fake, value: Any
) -> None:
    """A run with them is over as soon as any other, and keeps no listing from being shown."""
    began(run)
    path = run / ".guild" / "JOB.record"
    found = json.loads(path.read_text())
    found["seen"] = dict.fromkeys(("starts", "submitted", "restarts"), value)
    found["over"] = {"time": value, "up": value, "boot": "another"}
    path.write_text(json.dumps(found))
    assert look(home) == ""
    over_for(run, 60)
    assert look(home) == ""
    assert status(run) == "error"
    json.dumps(describe.summary(str(home), RUN), allow_nan=False)
    path.write_text(json.dumps({**found, "at": value}))
    assert describe.summary(str(home), RUN)["status"] == "error"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc", path)])
def test_what_is_no_output_of_a_job_says_nothing(
    home: Path, run: Path, scheduler: Fake, make: Callable[[Path], object]
) -> None:
    make(run / ".guild" / "job.out")
    scheduler.jobs = [FAILED]
    look(home)
    over_for(run, 60)
    assert look(home) == ""
    assert end(run) == ("error", 1, "job could not start")


def test_a_job_that_was_given_the_id_of_an_earlier_one_is_the_runs(
    home: Path, run: Path, scheduler: Fake
) -> None:
    """A scheduler that has lost its memory, and a run that was started again."""
    scheduler.jobs = [WAITS._replace(submitted=100)]
    look(home)
    records.put_aside(str(home), str(run))
    again = Record("slurm", Site(), records.name_of(RUN), now(), "4711")
    records.write(str(run), again)
    records.expect(str(home), RUN)
    scheduler.jobs = [RUNS._replace(submitted=200)]
    look(home)
    assert seen(run) == scheduler.jobs[0]
    # Where no answer told the id, it is known by when it was submitted.
    for submitted, is_it in ((100, False), (200, True)):
        records.write(str(run), again._replace(id="", at=now() - 10**9))
        scheduler.jobs = [RUNS._replace(submitted=submitted)]
        look(home)
        assert (seen(run) == scheduler.jobs[0]) is is_it, submitted


def test_accounting_of_a_job_that_was_given_its_id_is_not_its_own(
    home: Path, run: Path, scheduler: Fake
) -> None:
    scheduler.jobs = [RUNS._replace(submitted=100)]
    began(run)
    look(home)
    scheduler.jobs = []
    look(home)
    for other in (RUNS, CANCELLED):
        scheduler.accounted = {"4711": other._replace(submitted=200)}
        over_for(run, 60)
        look(home)
        assert end(run) == ("error", 1, "unknown: job 4711 has ended and left no word")


def test_what_runs_for_ever_by_accounting_alone_is_over(
    home: Path, run: Path, scheduler: Fake
) -> None:
    began(run)
    scheduler.accounted = {"4711": RUNS}
    look(home)
    for seconds in (60, 500):
        over_for(run, seconds)
        look(home)
        assert status(run) == "running", "accounting may be late"
    over_for(run, 40)
    look(home)
    assert end(run) == ("error", 1, "unknown: job 4711 has ended and left no word")


def test_a_run_that_cannot_be_written_to_keeps_no_other_waiting(
    home: Path, run: Path, scheduler: Fake
) -> None:
    others = [home / "runs" / (digit * 32) for digit in "0123456789"]
    for other in others:
        shutil.copytree(run, other)
        record = Record("slurm", Site(), records.name_of(other.name), now(), other.name[:4])
        records.write(str(other), record)
        records.expect(str(home), other.name)
    looks.look(str(home))
    for each in (run, *others):
        over_for(each, 60)
    (run / ".guild" / "attrs").rmdir()
    (run / ".guild" / "attrs").write_text("no folder")
    assert looks.look(str(home)) == "what it says cannot be kept: Not a directory"
    assert {status(other) for other in others} == {"error"}
    assert status(run) == "pending"


def test_a_run_that_is_not_there_for_now_is_looked_at_later(
    home: Path, run: Path, scheduler: Fake
) -> None:
    run.rename(home / "elsewhere")
    assert looks.look(str(home)) is None
    (home / "elsewhere").rename(run)
    scheduler.jobs = [CANCELLED_UNSTARTED]
    assert looks.look(str(home)) == ""
    assert status(run) == "terminated"
