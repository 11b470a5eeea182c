"""What each scheduler is to guild, whichever it is: the same tests for all.

Their programs are small scripts, which note that they were called and with which words. Slurm's
answers are those of 22.05.8, PBS's are of outputs/pbs.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guild_sync.agent.scheduling import calling, face, pbs, slurm
from guild_sync.agent.scheduling.face import Refused, SchedulerDown, Site, Submission, Unsure

NAME = "guild-" + "1" * 32
OUTPUTS = Path(__file__).parent / "outputs"


class Answer(NamedTuple):
    """What a program says, and how it ends."""

    out: str = ""
    err: str = ""
    code: int = 0


def of_pbs(job_name: str) -> Answer:
    found = json.loads((OUTPUTS / "pbs" / "running.json").read_text())
    next(iter(found["Jobs"].values()))["Job_Name"] = job_name
    return Answer(json.dumps(found))


def row(name: str) -> str:
    return f"1|1|N/A|RUNNING|1795773387|n1|1795773387|None|{name}\n"


class Kind(NamedTuple):
    """A scheduler, and what its programs say: each a program's name with its answer."""

    make: type[face.Scheduler]
    submits: str  # the program that submits
    taken: Answer
    id: str
    refused: Answer
    line: str
    runs: dict[str, Answer]  # a job of guild's that runs
    foreign: dict[str, Answer]  # a job that is not guild's
    down: dict[str, Answer]
    ends: dict[str, Answer]  # it ends jobs without a word
    array: str  # what an array is called, and its fifth task
    task: str


KINDS = {
    "slurm": Kind(
        make=slurm.Slurm,
        submits="sbatch",
        taken=Answer("1\n"),
        id="1",
        refused=Answer(
            "",
            "sbatch: error: invalid partition specified: nonsense\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            1,
        ),
        line="sbatch: Invalid partition name specified",
        runs={"squeue": Answer(row(NAME))},
        foreign={"squeue": Answer(row("other"))},
        down={
            "squeue": Answer(
                "",
                "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
                1,
            )
        },
        ends={"scancel": Answer()},
        array="1",
        task="1_4",
    ),
    "pbs": Kind(
        make=pbs.Pbs,
        submits="qsub",
        taken=Answer("12860476.meta-pbs.metacentrum.cz\n"),
        id="12860476.meta-pbs.metacentrum.cz",
        refused=Answer("", "qsub: Unknown queue\n", 1),
        line="qsub: Unknown queue",
        runs={"qselect": Answer("12860476.meta-pbs.metacentrum.cz\n"), "qstat": of_pbs(NAME)},
        foreign={"qselect": Answer("12860476.meta-pbs.metacentrum.cz\n"), "qstat": of_pbs("x")},
        down={
            "qselect": Answer("12860476.meta-pbs.metacentrum.cz\n"),
            "qstat": Answer(
                (OUTPUTS / "pbs" / "refused.json").read_text(),
                (OUTPUTS / "pbs" / "refused.err").read_text(),
                255,
            ),
        },
        ends={"qdel": Answer(), "qsig": Answer()},
        array="1[].meta-pbs.metacentrum.cz",
        task="1[4].meta-pbs.metacentrum.cz",
    ),
}


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


class Says:
    """Has programs answer so, and makes the scheduler of a site that has these alone."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self._folder = folder
        self._kind = kind
        folder.mkdir()

    def __call__(self, answers: dict[str, Answer]) -> face.Scheduler:
        for name, answer in answers.items():
            (self._folder / (name + ".out")).write_text(answer.out)
            (self._folder / (name + ".err")).write_text(answer.err)
            script = self._folder / name
            script.write_text(
                f'#!/bin/sh\nprintf "%s\\n" "$@" >>"$0.words"\n'
                f'echo {name} >>"{self._folder}/calls"\n'
                f'cat >"$0.stdin"; cat "$0.out"; cat "$0.err" >&2; exit {answer.code}\n'
            )
            script.chmod(0o755)
        return self._kind.make(Site(str(self._folder)))

    def calls(self) -> list[str]:
        file = self._folder / "calls"
        return file.read_text().split() if file.exists() else []

    def words(self, name: str) -> list[str]:
        return (self._folder / (name + ".words")).read_text().splitlines()

    def job(self, **changed: Any) -> Submission:
        output = str(self._folder / "job.out")
        script = "#!/bin/bash -l\n:\nexec true\n"
        given = {"script": script, "name": NAME, "folder": "/s/runs/1", "output": output}
        return Submission(**{**given, "options": {}, **changed})

    def script(self, name: str) -> str:
        """What the program was given to run: on its stdin, or in a file that is its last word."""
        said = (self._folder / (name + ".stdin")).read_text()
        return said or Path(self.words(name)[-1]).read_text()


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> Says:
    monkeypatch.setattr(calling, "_found", {})
    return Says(tmp_path / "bin", kind)


def test_its_methods_are_those_of_the_face(kind: Kind) -> None:
    for name, method in inspect.getmembers(face.Scheduler, inspect.isfunction):
        own = getattr(kind.make, name)
        assert own is not method or name == "__init__", name
        assert inspect.signature(own) == inspect.signature(method), name
    assert kind.make.task_variable


def test_a_job_is_submitted_by_one_call_with_its_script(kind: Kind, says: Says) -> None:
    scheduler = says({kind.submits: kind.taken})

    assert scheduler.submit(says.job()) == kind.id
    assert says.calls() == [kind.submits]
    assert says.script(kind.submits).endswith(":\nexec true\n")
    assert any(NAME in word for word in says.words(kind.submits))


def test_a_value_that_looks_like_an_option_is_none(kind: Kind, says: Says) -> None:
    scheduler = says({kind.submits: kind.taken})

    scheduler.submit(says.job(options={"partition": "--version; touch /tmp/x"}))

    said = [word for word in says.words(kind.submits) if "version" in word]
    before = says.words(kind.submits)[says.words(kind.submits).index(said[0]) - 1]
    assert said == ["--partition=--version; touch /tmp/x"] or before == "-q"


def test_what_it_does_not_take_is_refused_with_its_line(kind: Kind, says: Says) -> None:
    with pytest.raises(Refused) as refused:
        says({kind.submits: kind.refused}).submit(says.job())

    assert refused.value.message == kind.line


@pytest.mark.parametrize("answer", [Answer(), Answer("thank you\n"), Answer(code=1)])
def test_without_an_id_and_without_a_refusal_nobody_knows(
    kind: Kind, says: Says, answer: Answer
) -> None:
    with pytest.raises(Unsure):
        says({kind.submits: answer}).submit(says.job())


def test_a_job_that_is_told_of_may_be_there_though_its_program_fails(
    kind: Kind, says: Says
) -> None:
    answer = kind.taken._replace(err="sbatch: error: our wrapper cannot log\n", code=1)

    with pytest.raises(Unsure):
        says({kind.submits: answer}).submit(says.job())


def test_a_job_of_guilds_is_told_of_by_its_name(kind: Kind, says: Says) -> None:
    ((key, (state,)),) = says(kind.runs).query().items()

    assert key == (NAME, None)
    assert (state.id, state.phase, bool(state.nodes)) == (kind.id, face.RUNS, True)
    assert isinstance(state.submitted, int)
    assert (state.how, state.starts, state.restarts) == ("", None, 0)


def test_each_of_its_programs_is_called_once_a_look(kind: Kind, says: Says) -> None:
    says(kind.runs).query()

    assert sorted(says.calls()) == sorted(kind.runs)


def test_other_jobs_of_ones_own_are_none_of_guilds(kind: Kind, says: Says) -> None:
    assert says(kind.foreign).query() == {}


def test_where_it_cannot_be_asked_it_has_said_nothing(kind: Kind, says: Says) -> None:
    with pytest.raises(SchedulerDown) as down:
        says(kind.down).query()

    assert "connect" in str(down.value)
    assert "\n" not in str(down.value)


def test_a_program_that_says_it_has_failed_has_though_it_ends_well(kind: Kind, says: Says) -> None:
    """As a wrapper of a site's has it, which loses the exit status."""
    asks = {slurm.Slurm: "squeue", pbs.Pbs: "qselect"}[kind.make]
    said = [answer for answer in kind.down.values() if answer.code][-1]
    with pytest.raises(SchedulerDown):
        says({**kind.runs, asks: Answer("", said.err, 0)}).query()


def test_an_answer_in_part_is_none(kind: Kind, says: Says) -> None:
    last = [*kind.runs][-1]
    out = kind.runs[last].out
    said = {**kind.runs, last: Answer(out[: len(out) // 2])}

    with pytest.raises(SchedulerDown):
        says(said).query()


def test_jobs_are_ended_by_one_call_and_told_by_one(kind: Kind, says: Says) -> None:
    scheduler = says(kind.ends)

    scheduler.cancel([kind.id, kind.task])
    scheduler.cancel([kind.id, kind.task], "TERM")

    assert len(says.calls()) == 2
    words = [word for name in kind.ends for word in says.words(name)]
    assert words.count(kind.id) == words.count(kind.task) == 2
    assert any("TERM" in word for word in words)


def test_what_is_no_id_of_its_kind_is_not_asked_for(kind: Kind, says: Says) -> None:
    scheduler = says({**kind.ends, **kind.runs})

    scheduler.cancel([])
    scheduler.cancel(["--all", "1; reboot", ""])
    assert scheduler.history([]) == scheduler.history(["--all"]) == {}
    assert says.calls() == []


def test_a_program_that_is_not_there_has_done_nothing(kind: Kind, says: Says) -> None:
    scheduler = says({})

    with pytest.raises(Refused):
        scheduler.submit(says.job())
    with pytest.raises(SchedulerDown):
        scheduler.query()
    with pytest.raises(SchedulerDown):
        scheduler.cancel([kind.id])


def test_a_task_has_an_id_of_its_own(kind: Kind, says: Says) -> None:
    assert says({}).task_id(kind.array, 4) == kind.task
    assert says({}).array_id(kind.task) == says({}).array_id(kind.array) == kind.array
