"""A run that requires one whose job is not over is a job that waits for that one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from little_slurm import A, LittleSlurm

from guild_sync.agent.catalog import required
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Child, Job, RequirementForm, Value, now
from guild_sync.agent.running import runner
from guild_sync.agent.scheduling import claims, records
from guild_sync.agent.staging import requirements, spawn, stage
from guild_sync.agent.store import rundir

B, C = "b" * 32, "c" * 32
PREPARE: RequirementForm = {
    "kind": "operation", "source": "prepare", "name": "prepare", "select": [], "target_path": ".",
    "rename": [], "keep_folders": False, "copy": False,
}  # fmt: skip
TRAIN: Job = {
    "op": "train",
    "argv": ["cat", "data"],
    "environment": {},
    "requires": [PREPARE],
}


class Site(LittleSlurm):
    """A site where run A trains on what the runs B and C prepare."""

    def make_run(self, run_id: str, job: Job, name: str = "prepare", **flags: Value) -> Path:
        opref = f"package:gpkg.demo 1.0 '' {name}"
        found: Any = {"environment": {}, **job}
        stage.stage(self.home, run_id, opref, {"flags": flags}, found)
        return Path(rundir.run_dir(self.home, run_id))

    def submitted(self, run_id: str) -> Path:
        """A run of `prepare` whose job waits."""
        directory = self.make_run(run_id, {"op": "prepare", "argv": ["true"]})
        spawn.submit(self.home, run_id, self.form())
        return directory

    def ended(self, run_id: str, code: int = 0) -> Path:
        directory = self.make_run(run_id, {"op": "prepare", "argv": ["true"]})
        end(directory, code)
        return directory

    def candidate(self, wanted: str = "", **form: Any) -> str:
        """The run that is taken, or why none is."""
        scheduler: Any = {**self.form(), **form}
        found = requirements.candidates(self.home, [PREPARE], {"prepare": wanted}, scheduler)
        run, problem = found["prepare"]["run"], found["prepare"]["problem"]
        return problem if run is None else run["id"]

    def submit_train(self, job: Job = TRAIN, **flags: str) -> list[str]:
        """The words of sbatch for a run A with that job which say what it waits for."""
        self.make_run(A, job, "train", **flags)
        spawn.submit(self.home, A, self.form())
        words = (self.folder / "argv").read_text().split()
        return [word for word in words if "dep" in word]


def end(directory: Path, code: int = 0) -> None:
    for name in ("data", "other"):
        (directory / name).write_text(f"{name} of {directory.name[0]}\n")
    rundir.write_attr(str(directory), "started", 1)
    rundir.write_attr(str(directory), "exit_status", code)
    rundir.unmark(str(directory), rundir.PENDING)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


NONE = "it requires a completed run of 'prepare', and there is none"


def test_a_job_that_is_not_over_may_be_the_latest(site: Site) -> None:
    assert site.candidate() == NONE
    site.ended(C)
    waiting = site.submitted(B)
    assert site.candidate() == B
    rundir.write_attr(str(waiting), "initialized", 1)
    assert site.candidate() == C, "it is the newer one, and has completed"
    assert site.candidate(wanted=B) == B
    without = requirements.candidates(site.home, [PREPARE], {"prepare": B})
    assert without["prepare"]["problem"] == f"it requires run {B}, which is pending"
    without = requirements.candidates(site.home, [PREPARE], {})
    assert without["prepare"]["run"] and without["prepare"]["run"]["id"] == C


def test_one_that_comes_to_no_good_end_or_is_another_schedulers_is_none(site: Site) -> None:
    waiting = site.submitted(B)
    assert site.candidate(type="pbs") == site.candidate(clusters="two") == NONE
    (waiting / ".guild/JOB.stop").touch()
    assert site.candidate() == NONE
    (waiting / ".guild/JOB.stop").unlink()
    record = records.read(str(waiting))
    assert record is not None
    records.write(str(waiting), record._replace(id=""))
    assert site.candidate() == NONE, "what is just being submitted may be refused"
    records.write(str(waiting), record)
    assert site.candidate() == B
    (waiting / ".guild/LOCK.remote").write_text("far")
    assert site.candidate() == NONE, "it is a copy"
    (waiting / ".guild/LOCK.remote").unlink()
    end(waiting, 1)
    assert site.candidate() == NONE
    assert site.candidate(wanted=B) == B, "whoever names it may have what it left"


def test_its_job_is_waited_for(site: Site) -> None:
    site.submitted(B)
    waits = ["--dependency=afterok:1", "--kill-on-invalid-dep=yes"]
    assert site.submit_train(prepare=B) == waits
    assert site.record is not None
    assert site.record.after == (B,)


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_that_has_ended_is_not_waited_for(site: Site, code: int) -> None:
    end(site.submitted(B), code)
    assert site.submit_train(prepare=B) == []
    assert site.record is not None
    assert site.record.after == ()


def of(name: str, job: Job) -> Child:
    return {"name": name, "model": "", "operation": name, "attributes": {}, "job": job}


def test_a_pipeline_waits_for_what_none_of_its_own_steps_makes(site: Site) -> None:
    site.submitted(B)
    made: Job = {"op": "prepare", "argv": ["true"]}
    pipeline: Job = {"op": "all", "builtin": "series", "is_pipeline": True}
    assert site.submit_train({**pipeline, "children": [of("prepare", made), of("x", TRAIN)]}) == []
    inner: Job = {**pipeline, "children": [of("train", TRAIN)]}
    site.make_run(C, {**pipeline, "children": [of("inner", inner), of("prepare", made)]}, "all")
    assert required.jobs_before(site.home, rundir.run_dir(site.home, C), site.form()) == {B: "1"}


def test_a_trial_waits_for_the_run_that_its_flag_names(site: Site) -> None:
    site.submitted(B)
    site.submitted(C)
    trial = of("", TRAIN)
    trials: list[Child] = [{**trial, "attributes": {"flags": {"prepare": x}}} for x in (B, C)]
    batch: Job = {"op": "train+", "builtin": "series", "children": trials}
    assert site.submit_train(batch)[0] == "--dependency=afterok:1:2"


def test_its_runner_waits_until_this_machine_knows_that_it_is_over(site: Site) -> None:
    """Slurm may be faster than the disk that nodes share."""
    waiting = site.submitted(B)
    site.submit_train(prepare=B)
    job = site.become("2")
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(0.7)
    assert claims.read(str(site.run)) == claims.Claim("2")
    assert site.status == "pending"
    end(waiting)
    assert job.wait(60) == 0
    assert (site.guild / "output").read_text() == "data of b\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "it is pending"),
        (1, "it has ended with an error"),
        (-15, "it has been terminated"),
    ],
)
def test_a_run_that_it_has_waited_for_must_have_completed(
    site: Site, monkeypatch: pytest.MonkeyPatch, code: int | None, said: str
) -> None:
    """A scheduler that has forgotten a job, or was told to, lets those begin that wait for it."""
    waiting = site.submitted(B)
    site.submit_train(prepare=B)
    if code is not None:
        end(waiting, code)
    monkeypatch.setattr(claims, "SEEN", 0.1)
    allocation = claims.Allocation(site.record, claims.Claim("2"))  # type: ignore[arg-type]
    assert claims.claim(str(site.run), claims.Claim("2")) == ""
    assert runner.run(str(site.run), allocation=allocation) == 1
    output = (site.guild / "output").read_text()
    assert output == f"guild: run {A} cannot start: it requires run {B}, and {said}\n"
    assert site.status == "error"


def test_a_record_names_no_runs_but_by_their_ids(site: Site) -> None:
    site.submit_train()
    record = json.loads((site.guild / "JOB.record").read_text())
    for after, found in ((["../x", C, None, 1], (C,)), (None, ()), ("x", ())):
        (site.guild / "JOB.record").write_text(json.dumps({**record, "after": after}))
        assert site.record is not None
        assert site.record.after == found


def test_a_run_that_was_made_for_one_which_has_failed_meanwhile_is_not_submitted(
    site: Site,
) -> None:
    """As while packages were installed for it."""
    waiting = site.submitted(B)
    site.make_run(A, TRAIN, "train", prepare=B)
    rundir.write_attr(str(waiting), "stopped", now())
    end(waiting, 1)
    with pytest.raises(AgentError, match=f"it requires run {B}, which has just failed") as error:
        spawn.submit(site.home, A, site.form())
    assert error.value.kind == "unmet"
    assert (site.record, site.jobs) == (None, [])
    # Made anew for it, by somebody who knows that, it takes what there is.
    rundir.mark(str(site.run), rundir.PENDING)
    spawn.submit(site.home, A, site.form())
    assert site.jobs == ["2"]
