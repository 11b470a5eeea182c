"""A batch where runs are jobs: an array, submitted once, that ends as its trials do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from little_slurm import A, LittleSlurm

from guild_sync.agent.batches import arrays, links
from guild_sync.agent.errors import AgentError
from guild_sync.agent.judging import batches, looks, stopping
from guild_sync.agent.protocol import KILL, TERM, Child, Started
from guild_sync.agent.scheduling import claims, records, submitting
from guild_sync.agent.staging import restage, stage
from guild_sync.agent.store import inside, locks, rundir
from guild_sync.agent.store.job import read_job

OPREF = "package:gpkg.demo 1.0 '' op"
REFUSED = "echo 'sbatch: error: Batch job submission failed: %s' >&2; exit 1"


def children(count: int) -> list[Child]:
    job = {"op": "op", "argv": ["true"], "environment": {}}
    return [
        {
            "name": "",
            "model": "",
            "operation": "op",
            "opref": OPREF,
            "attributes": {"flags": {"n": number}},
            "job": job,  # type: ignore[typeddict-item]
        }
        for number in range(count)
    ]


class Site(LittleSlurm):
    """Run A is a batch of five trials there."""

    def make_batch(self, count: int = 5, **job: object) -> None:
        whole = {"op": "op+", "builtin": "series", "children": children(count), **job}
        self.make(**whole)  # type: ignore[arg-type]

    def submit_batch(self) -> Started:
        return arrays.submit(self.home, A, self.form())

    @property
    def trials(self) -> list[str]:
        return records.trials(str(self.run))

    def trial(self, number: int) -> str:
        return rundir.run_dir(self.home, self.trials[number])

    def record_of(self, number: int) -> records.Record:
        record = records.read(self.trial(number))
        assert record is not None
        return record

    @property
    def arrays(self) -> list[str]:
        """Its arrays, as the scheduler knows them."""
        rows = (self.folder / "jobs").read_text().splitlines()
        return [row.split("|")[0] for row in rows]

    @property
    def cancelled(self) -> list[str]:
        path = self.folder / "cancelled"
        return path.read_text().splitlines() if path.exists() else []

    def runs(self) -> set[str]:
        return {name for name in os.listdir(rundir.runs_dir(self.home)) if len(name) == 32}

    def end(self, *codes: int) -> None:
        """Have trials end, from the first one on."""
        for run_id, code in zip(self.trials, codes, strict=False):
            directory = rundir.run_dir(self.home, run_id)
            rundir.write_attr(directory, "exit_status", code)
            rundir.unmark(directory, rundir.PENDING)

    def end_of_batch(self) -> tuple[str, object, str]:
        batches.settle(self.home, str(self.run))
        output = (self.guild / "output").read_text()
        return self.status, rundir.read_attr(str(self.run), "exit_status"), output.split("\n")[-2]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.make_batch()
    return made


def test_a_batch_is_one_array_and_runs_while_its_trials_wait(site: Site) -> None:
    started = site.submit_batch()
    assert started == {"pid": None, "status": "running", "job": "1"}
    assert site.arrays == ["1_[0-4]"]
    assert [site.record_of(number).id for number in range(5)] == [f"1_{n}" for n in range(5)]
    keys = {site.record_of(number).key for number in range(5)}
    assert keys == {(f"guild-{site.trials[0]}", number) for number in range(5)}
    assert {rundir.status(site.trial(number)).text for number in range(5)} == {"pending"}
    assert {*records.open_ids(site.home)} == {A, *site.trials}
    assert {*links.linked(str(site.run)).values()} == {*site.trials}
    assert f"Trial 2 of 5: {site.trials[1]}\n" in (site.guild / "output").read_text()
    assert rundir.read_attr(site.trial(3), "flags") == {"n": 3}


def test_however_many_trials_are_made_they_are_flushed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    fsync = os.fsync

    def counted(fd: int) -> None:
        calls.append(fd)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", counted)

    def flushes_of(count: int) -> int:
        (tmp_path / str(count)).mkdir()
        site = Site(tmp_path / str(count))
        site.make_batch(count)
        calls.clear()
        site.submit_batch()
        return len(calls)

    assert flushes_of(2) == flushes_of(7)


def test_asked_again_it_is_the_same_array(site: Site) -> None:
    assert site.submit_batch() == {**site.submit_batch(), "pid": None}
    assert site.arrays == ["1_[0-4]"]


def test_a_pipeline_is_one_job(site: Site) -> None:
    site.make_batch(is_pipeline=True)
    assert site.submit_batch() == {"pid": None, "status": "pending", "job": "1"}
    assert site.arrays == ["1"]
    assert site.trials == []


@pytest.mark.parametrize("is_staged", [False, True])
def test_of_what_is_refused_nothing_is_left_but_what_was_there(site: Site, is_staged: bool) -> None:
    if is_staged:
        stage.mark_staged(site.home, A)
    site.fault("before", REFUSED % "Job violates accounting/QOS policy")
    with pytest.raises(AgentError, match=r"^sbatch: Job violates accounting/QOS policy$"):
        site.submit_batch()
    assert site.runs() == {A}
    assert links.linked(str(site.run)) == {}
    assert (records.open_ids(site.home), site.record, site.trials) == ([], None, [])
    stage.discard(site.home, A)
    assert site.run.exists() is is_staged


def test_a_trial_that_cannot_be_made_leaves_nothing_either(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def full(home: str, directory: str, name: str, run_id: str) -> None:
        made.append(run_id)
        if len(made) == 3:
            raise OSError("No space left on device")

    monkeypatch.setattr(links, "link", full)
    with pytest.raises(OSError, match="No space"):
        site.submit_batch()
    assert (site.runs(), site.arrays, site.record) == ({A}, [], None)


@pytest.mark.parametrize("after", ["kill -9 $$", "echo nonsense; exit 0"])
def test_an_array_whose_answer_did_not_come_is_found_by_its_name(site: Site, after: str) -> None:
    site.fault("after", after)
    assert site.submit_batch()["job"] == "1"
    assert site.arrays == ["1_[0-4]"]
    assert site.record_of(4).id == "1_4"


def test_what_was_not_submitted_is_submitted_once_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "_APPEARS", 0.2)
    site.fault("before", "rm before; kill -9 $$")
    assert site.submit_batch()["job"] == "1"
    assert site.arrays == ["1_[0-4]"]


def test_a_batch_whose_agent_was_killed_while_it_made_trials_is_made_anew(site: Site) -> None:
    site.submit_batch()
    before = site.trials
    shutil.rmtree(site.trial(4))  # it had not come to the last one
    for number in range(4):
        inside.remove(rundir.guild_dir(site.trial(number)), records.JOB)
    for run_id in before:
        records.forget(site.home, run_id)
    assert site.record is not None
    records.write(str(site.run), site.record._replace(id="", trials=0))
    rundir.mark(str(site.run), rundir.PENDING)
    (site.folder / "jobs").write_text("")
    assert site.submit_batch()["job"] == "1"
    assert not {*before} & {*site.trials}
    assert site.runs() == {A, *site.trials}


def test_a_batch_whose_agent_was_killed_before_the_answer_goes_on(site: Site) -> None:
    site.submit_batch()
    before = site.trials
    for number in range(5):
        records.write(site.trial(number), site.record_of(number)._replace(id=""))
    assert site.record is not None
    records.write(str(site.run), site.record._replace(id=""))
    rundir.mark(str(site.run), rundir.PENDING)
    assert site.submit_batch() == {"pid": None, "status": "running", "job": "1"}
    assert (site.trials, site.arrays) == (before, ["1_[0-4]"])
    assert site.record_of(4).id == "1_4"


TOO_LONG = 'case "$*" in *--array=0-4*) %s;; esac' % (REFUSED % "Invalid job array specification")


def test_more_trials_than_an_array_may_have_are_several(site: Site) -> None:
    site.fault("before", TOO_LONG)
    assert site.submit_batch()["job"] == "1"
    assert site.arrays == ["1_[0-1]", "2_[0-1]", "3_[0-0]"]
    ids = [site.record_of(number).id for number in range(5)]
    assert ids == ["1_0", "1_1", "2_0", "2_1", "3_0"]
    assert len({site.record_of(number).key for number in range(5)}) == 5
    # The last one's script takes the fifth of the batch's runs.
    assert '"$((SLURM_ARRAY_TASK_ID + 5))p"' in (site.folder / "script").read_text()


def test_where_a_later_array_is_refused_the_earlier_ones_are_ended(site: Site) -> None:
    limit = "[ $(wc -l <jobs) = 0 ] || { %s; }" % (REFUSED % "too many")
    site.fault("before", f"{TOO_LONG}; {limit}")
    with pytest.raises(AgentError, match=r"^sbatch: too many$"):
        site.submit_batch()
    assert (site.cancelled, site.runs()) == (["1"], {A})
    assert records.open_ids(site.home) == []


@pytest.mark.parametrize(
    ("codes", "end"),
    [
        ([0] * 5, ("completed", 0)),
        ([0, 7, 0, 2, 0], ("error", 7)),
        ([0, -15, 0, 2, 0], ("error", 1)),
    ],
)
def test_a_batch_ends_once_all_of_its_trials_have(
    site: Site, codes: Sequence[int], end: tuple[str, int]
) -> None:
    site.submit_batch()
    site.end(*codes[:4])
    assert site.end_of_batch()[:2] == ("running", None)
    site.end(*codes)
    status, code, said = site.end_of_batch()
    assert (status, code) == end
    failed = sum(1 for each in codes if each)
    assert not failed or said == f"{failed} of 5 trials failed"
    assert rundir.read_attr(str(site.run), "ended_by") is None
    assert A not in records.open_ids(site.home)


def test_a_look_ends_a_batch_whose_last_trial_did_not(site: Site) -> None:
    site.submit_batch()
    site.end(0, 0, 0, 0, 0)
    assert looks.look(site.home, [A]) is None  # nothing is to be asked
    assert site.status == "completed"


def test_a_batch_is_asked_after_while_a_trial_of_it_is_open(site: Site) -> None:
    site.submit_batch()
    assert looks.look(site.home, [A]) == ""
    assert [site.record_of(n).seen.word for n in range(5)] == ["PENDING"] * 5  # type: ignore[union-attr]


@pytest.mark.parametrize("is_submitted", [True, False])
def test_a_batch_that_nobody_submits_any_more_is_what_its_trials_are(
    site: Site, is_submitted: bool
) -> None:
    """Its agent was killed, and nobody has asked again."""
    site.submit_batch()
    for number in range(5):
        known = site.record_of(number)
        records.write(site.trial(number), known._replace(id=known.id if is_submitted else ""))
    rundir.mark(str(site.run), rundir.PENDING)
    assert site.end_of_batch()[0] == "pending"  # the answer may come yet
    assert site.record is not None
    records.write(str(site.run), site.record._replace(at=1))
    assert site.end_of_batch()[0] == ("running" if is_submitted else "pending")
    site.end(1, 1, 1, 1, 1)
    assert site.end_of_batch()[:2] == ("error", 1)


def test_a_trial_that_was_deleted_keeps_no_batch_from_its_end(site: Site) -> None:
    site.submit_batch()
    site.end(0, 0, 0, 0)
    shutil.rmtree(site.trial(4))
    assert site.end_of_batch()[:2] == ("error", 1)


def test_tasks_that_ended_before_they_began_are_told_of_together(site: Site) -> None:
    site.submit_batch()
    rows = (site.folder / "jobs").read_text()
    together = rows.replace("1_[0-4]|1|0-4|PENDING", "1|1|N/A|CANCELLED")
    (site.folder / "jobs").write_text(together)
    looks.look(site.home)
    assert {rundir.status(site.trial(n)).text for n in range(5)} == {"terminated"}
    assert site.status == "error"


def test_stopping_a_batch_cancels_its_array_and_ends_it(site: Site) -> None:
    site.submit_batch()
    rundir.unmark(site.trial(0), rundir.PENDING)
    assert locks.hold(rundir.guild_dir(site.trial(0)))  # it runs
    assert stopping.stop(site.home, [A], TERM) == {"done": [A], "refused": {}}
    assert site.cancelled == ["1_[1-4]", "--batch --signal=TERM --state=RUNNING 1_0"]
    assert {rundir.status(site.trial(n)).text for n in range(1, 5)} == {"terminated"}
    assert site.end_of_batch()[:2] == ("running", None)
    assert stopping.stop(site.home, [A], KILL)["done"] == [A]
    assert stopping.is_killed(str(site.run))
    site.end(-15)
    assert site.end_of_batch()[:2] == ("terminated", -15)
    refused = stopping.stop(site.home, [A], TERM)["refused"]
    assert refused == {A: "it is not running: it has been terminated"}


def test_a_trial_behind_one_that_failed_is_passed_over_where_its_batch_stops(site: Site) -> None:
    site.make_batch(stops=True)
    site.submit_batch()

    def is_passed_over(number: int) -> bool:
        run_id = site.trials[number]
        return batches.is_passed_over(site.home, site.record_of(number), run_id)

    site.end(0)
    assert not is_passed_over(2)
    site.end(0, 3)
    assert is_passed_over(2)
    assert not is_passed_over(0)


def test_a_batch_started_again_submits_what_has_not_completed(site: Site) -> None:
    site.submit_batch()
    site.end(0, 1, 0, 0, 1)
    first = site.trials
    assert site.end_of_batch()[0] == "error"
    restage.restage(site.home, A, {}, read_job(str(site.run)))
    (site.folder / "jobs").write_text("1|1|N/A|COMPLETED|N/A||1|None|x\n")
    assert site.submit_batch() == {"pid": None, "status": "running", "job": "2"}
    assert len(site.trials) == 2
    output = (site.guild / "output").read_text()
    assert f"Trial 1 of 5 has completed: {first[0]}\n" in output
    site.end(0, 0)
    assert site.end_of_batch()[:2] == ("completed", 0)
    # And one of which nothing is left to be done ends at once, without a job.
    restage.restage(site.home, A, {}, read_job(str(site.run)))
    assert site.submit_batch() == {"pid": None, "status": "completed", "job": ""}
    assert len(site.arrays) == 2


def test_a_job_of_a_trial_claims_it_by_the_number_of_its_task(site: Site) -> None:
    variables = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "4", "SLURM_JOB_ID": "9"}
    site.submit_batch()
    own = claims.own("slurm", variables)
    assert own is not None
    assert own.job == site.record_of(4).id
