"""What PBS's answers mean, by those that others have recorded (outputs/pbs), and what it is asked.

Its programs are small scripts, which note their words and answer with a recorded text.
"""

from __future__ import annotations

import calendar
import json
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.machine.children import Said
from guild_sync.agent.scheduling import calling, face, pbs
from guild_sync.agent.scheduling.face import Refused, SchedulerDown, Site, Submission, Unsure

OUTPUTS = Path(__file__).parent / "outputs" / "pbs"
RUN_ID = "1" * 32
NAME = "guild-" + RUN_ID
GONE = "qstat: 1453338.pbs02 Job has finished, use -x or -H to obtain historical job information\n"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """qstat shows times of the place."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def recorded(name: str) -> str:
    return (OUTPUTS / name).read_text()


def job(name: str, **changed: Any) -> dict[str, Any]:
    """The first job of a recorded answer, of which some attributes are changed."""
    found = next(iter(pbs.jobs_in(Said(0, recorded(name), "")).values()))
    return {**found, **changed}


def seconds(*when: int) -> int:
    return calendar.timegm((*when, 0, 0, 0))


def test_each_recorded_job_is_read_as_its_pbs_meant_it() -> None:
    states = {
        id: pbs.state_of(id, found)
        for name in ("held.json", "running.json", "finished.json", "several.json")
        for id, found in pbs.jobs_in(Said(0, recorded(name), "")).items()
    }

    assert [(s.phase, s.word, s.how, s.reason, s.nodes, s.restarts) for s in states.values()] == [
        (face.HELD, "H", "", "held (u)", "", 0),
        (face.RUNS, "R", "", "", "charon24,charon21", 0),
        (face.ENDED, "F", face.OK, "finished", "725ccdf1a5fb", 0),
        (
            face.WAITS,
            "Q",
            "",
            "Job is requesting an exclusive node and node is in use",
            "",
            0,
        ),
        (face.HELD, "H", "", "job held, too many failed attempts to run", "", 20),
        (face.RUNS, "R", "", "", "x3006c0s31b1n0,x3006c0s37b0n0,x3006c0s37b1n0", 0),
    ]
    assert states["157.pbs"].submitted == seconds(2021, 8, 20, 23, 14, 8)
    assert states["0.725ccdf1a5fb"].starts is None


def test_a_job_that_waits_tells_when_it_is_expected_to_begin() -> None:
    waiting = pbs.state_of("1.pbs", job("finished.json", job_state="Q"))

    assert waiting.starts == seconds(2022, 10, 12, 14, 48, 45)


@pytest.mark.parametrize(
    ("letter", "phase"),
    [
        *((letter, face.WAITS) for letter in "QWTM"),
        *((letter, face.RUNS) for letter in "RBESU"),
        *((letter, face.ENDED) for letter in "FX"),
        ("H", face.HELD),
        ("Z", face.RUNS),  # of a PBS to come
    ],
)
def test_each_state_of_the_manual_is_a_phase(letter: str, phase: str) -> None:
    assert pbs.state_of("1.pbs", job("running.json", job_state=letter)).phase == phase


def test_a_node_is_named_once_however_many_parts_of_it_a_job_has() -> None:
    running = job("running.json", exec_host="n1/0*4+n1/1*4+n2/0")

    assert pbs.state_of("1.pbs", running).nodes == "n1,n2"


def test_what_waits_for_another_job_is_not_held_and_what_can_never_run_is() -> None:
    behind = job("held.json", substate=22, depend="afterok:12.pbs@pbs", Hold_Types="s")
    never = job("several.json", comment="Can Never Run: Insufficient amount of resource: ncpus")

    assert pbs.state_of("1.pbs", behind)[1::3][:2] == (face.WAITS, "depends on afterok:12.pbs@pbs")
    assert pbs.state_of("2.pbs", never).phase == face.HELD
    assert pbs.state_of("2.pbs", never).reason == "Insufficient amount of resource: ncpus"


@pytest.mark.parametrize(
    ("code", "substate", "how"),
    [
        (0, 92, face.OK),
        (1, 92, face.FAILED),
        ("1", 92, face.FAILED),  # some write numbers as texts
        (271, 92, face.CANCELLED),
        (265, 91, face.CANCELLED),
        (265, 92, face.FAILED),
        (None, 91, face.CANCELLED),  # it had not begun
        (None, 92, face.OK),
        (None, 93, face.FAILED),
        (None, 69, ""),
        (-29, 93, face.TIMEOUT),
        (-28, 93, face.TIMEOUT),
        (-27, 93, face.MEMORY),
        (-26, 93, face.MEMORY),
        (-20, 93, face.NODE),
        (-4, 93, face.NODE),
        (-32, 93, face.NODE),
        (-1, 93, face.FAILED),
        (-3, 93, face.FAILED),
        (-999, 93, face.FAILED),
    ],
)
def test_an_exit_status_of_pbs_says_how_a_job_has_ended(code: Any, substate: int, how: str) -> None:
    assert pbs.how_of(job("finished.json", Exit_status=code, substate=substate)) == how


def test_the_reason_of_a_job_that_is_over_is_what_pbs_adds_at_its_end() -> None:
    begin = "Job run at Tue Oct 11 at 08:13 on (n1:ncpus=1)"
    over = job("finished.json", comment=begin + " and exceeded resource walltime")
    never = job("finished.json", comment="Not Running: No node and terminated", substate=91)

    assert pbs.state_of("1.pbs", over).reason == "exceeded resource walltime"
    assert pbs.state_of("1.pbs", never).reason == "Not Running: No node and terminated"


def test_only_guilds_own_jobs_count_and_of_one_name_the_newest_is_last() -> None:
    jobs = {
        "4.pbs": job("running.json", Job_Name=NAME),
        "10.pbs": job("held.json", Job_Name=NAME),
        "9.pbs": job("held.json", Job_Name=NAME),
        "5.pbs": job("running.json"),
        "6.pbs": job("running.json", Job_Name=12),  # PBS wrote such a name as a number
        "nonsense": job("running.json", Job_Name=NAME),
    }

    found = pbs.by_name(jobs)

    assert {key: [state.id for state in states] for key, states in found.items()} == {
        (NAME, None): ["9.pbs", "10.pbs", "4.pbs"]
    }


def test_the_tasks_of_an_array_are_those_that_have_begun_and_those_that_remain() -> None:
    whole = job("finished.json", Job_Name=NAME, job_state="B", array_indices_remaining="2-3,5")
    jobs = {
        "7[].pbs": whole,
        "7[0].pbs": job("finished.json", Job_Name=NAME, job_state="X", array_index=0),
        "7[1].pbs": job("running.json", Job_Name=NAME, array_index=1),
        "7[2].pbs": job("held.json", Job_Name=NAME, array_index=2),
    }

    found = pbs.by_name(jobs)

    assert {key: [(it.id, it.phase) for it in states] for key, states in found.items()} == {
        (NAME, 0): [("7[0].pbs", face.ENDED)],
        (NAME, 1): [("7[1].pbs", face.RUNS)],
        (NAME, 2): [("7[2].pbs", face.HELD)],
        (NAME, 3): [("7[3].pbs", face.WAITS)],
        (NAME, 5): [("7[5].pbs", face.WAITS)],
    }


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("2-5", [2, 3, 4, 5]), ("1, 3,5-6", [1, 3, 5, 6]), ("0-8:4", [0, 4, 8]), ("-", []), ("", [])],
)
def test_numbers_of_tasks_are_ranges(text: str, numbers: list[int]) -> None:
    assert list(pbs.indices(text)) == numbers


@pytest.mark.parametrize("text", ["many", "1--2", "0-300000", "0-" + "9" * 40, "1-2:0"])
def test_no_task_is_taken_to_be_gone_whose_number_cannot_be_read(text: str) -> None:
    with pytest.raises(SchedulerDown, match="tasks"):
        list(pbs.indices(text))


@pytest.mark.parametrize("name", ["refused", "no-route"])
def test_a_server_that_cannot_be_reached_says_nothing_of_any_job(name: str) -> None:
    err = recorded(name + ".err")

    with pytest.raises(SchedulerDown, match="qstat: cannot connect to server"):
        pbs.jobs_in(Said(255, recorded(name + ".json"), err))


@pytest.mark.parametrize(
    "out", ["", "qstat\n", "[]", '{"Jobs": {}}', '{"pbs_server": "x", "Jobs": {"1": {"a":() {']
)
def test_an_answer_that_cannot_be_read_says_nothing_of_any_job(out: str) -> None:
    with pytest.raises(SchedulerDown, match="cannot be read"):
        pbs.jobs_in(Said(0, out, ""))


def test_jobs_that_are_over_by_now_take_nothing_from_the_answer() -> None:
    assert pbs.jobs_in(Said(153, recorded("refused.json"), "qstat: Unknown Job Id 9.pbs\n")) == {}
    assert [*pbs.jobs_in(Said(35, recorded("held.json"), GONE))] == ["157.pbs"]
    with pytest.raises(SchedulerDown, match="Unauthorized"):
        pbs.jobs_in(Said(35, recorded("held.json"), GONE + "qstat: Unauthorized Request \n"))


def test_a_site_shows_what_its_server_says_of_itself() -> None:
    server = "polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"

    assert pbs.explained(Said(0, recorded("server.json"), "")) == [
        ("pbs", f"PBS 2022.1.1.20220926110806, server {server}, Active"),
        ("accounting", "the server keeps a history of jobs"),
        ("limits", "max_array_size 10000"),
    ]


# The programs.


class Puts:
    """Puts programs of PBS into a folder: each notes its words, and says what is in its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.pbs = pbs.Pbs(Site(str(folder)))

    def __call__(self, name: str, out: str = "", err: str = "", code: int = 0) -> None:
        (self._folder / (name + ".out")).write_text(out)
        (self._folder / (name + ".err")).write_text(err)
        script = self._folder / name
        script.write_text(
            "#!/bin/sh\n"
            f'printf "%s\\n" "{name}" "$@" >>"$0.words"; cat >"$0.stdin"; env >"$0.env"\n'
            f'cat "$0.out"; cat "$0.err" >&2; exit {code}\n'
        )
        script.chmod(0o755)

    def told(self, name: str, what: str = "words") -> list[str]:
        """The words that a program was called with, or its `stdin` or `env`, in lines."""
        return (self._folder / f"{name}.{what}").read_text().splitlines()

    def asked(self) -> list[str]:
        """The programs that were called."""
        return sorted(path.stem for path in self._folder.glob("*.words"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Puts:
    monkeypatch.setattr(calling, "_found", {})
    return Puts(tmp_path / "bin")


def submission(**changed: Any) -> Submission:
    given: dict[str, Any] = {
        "script": "#!/bin/bash -l\n:\nexec true\n",
        "name": NAME,
        "folder": "/s/runs/1",
    }
    return Submission(**{**given, "output": "/s/runs/1/.guild/job.out", "options": {}, **changed})


def answer(jobs: dict[str, Any]) -> str:
    return json.dumps({"pbs_version": "23.06.06", "pbs_server": "pbs", "Jobs": jobs})


def test_a_job_is_submitted_with_its_script_in_a_file_beside_its_output(
    site: Puts, tmp_path: Path
) -> None:
    site("qsub", "24.pbs\n")

    assert site.pbs.submit(submission(output=str(tmp_path / "job.out"))) == "24.pbs"
    assert site.told("qsub")[-4:] == ["--", "/bin/bash", "-l", str(tmp_path / "job.sh")]
    assert site.told("qsub", "stdin") == []
    script = (tmp_path / "job.sh").read_text()
    assert script.startswith("#!/bin/bash -l\ncd /s/runs/1 || exit\n")
    assert "LC_ALL=C" in site.told("qsub", "env")


def test_a_script_that_cannot_be_written_is_no_job(site: Puts, tmp_path: Path) -> None:
    site("qsub", "24.pbs\n")

    with pytest.raises(Refused, match=r"job\.sh: No such file or directory"):
        site.pbs.submit(submission(output=str(tmp_path / "none" / "job.out")))
    assert site.asked() == []


def test_a_job_whose_options_mean_nothing_to_pbs_is_refused_before_anything_is_asked(
    site: Puts,
) -> None:
    site("qsub", "24.pbs\n")

    with pytest.raises(Refused, match="qos: PBS has none"):
        site.pbs.submit(submission(options={"qos": "high"}))
    assert site.asked() == []


def test_a_query_tells_of_ones_own_jobs_alone(site: Puts) -> None:
    site("qselect", "1.pbs\n7[].pbs\n")
    site("qstat", answer({"1.pbs": job("running.json", Job_Name=NAME)}))

    assert [*site.pbs.query()] == [(NAME, None)]
    assert site.told("qselect") == ["qselect", "-u", pwd.getpwuid(os.geteuid()).pw_name]
    asked = ["qstat", "-f", "-t", "-F", "json", "-E", "1.pbs", "7[].pbs"]
    assert site.told("qstat") == asked


def test_a_login_without_a_name_cannot_ask(site: Puts, monkeypatch: pytest.MonkeyPatch) -> None:
    site("qselect")
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)

    with pytest.raises(SchedulerDown, match="the login 4000000000 has no name"):
        site.pbs.query()


def test_where_nothing_waits_or_runs_no_more_is_asked(site: Puts) -> None:
    site("qselect")
    site("qstat", "nonsense")

    assert site.pbs.query() == {}
    assert site.asked() == ["qselect"]


def test_many_jobs_are_asked_for_at_once_and_very_many_in_parts(site: Puts) -> None:
    site("qselect", "".join(f"{number}.pbs\n" for number in range(2500)))
    site("qstat", answer({}))

    site.pbs.query()

    assert site.told("qstat").count("qstat") == 3
    assert len(site.told("qstat")) == 3 * 6 + 2500


def test_a_server_that_does_not_answer_is_down_to_a_query(site: Puts) -> None:
    site("qselect", "", "qselect: cannot connect to server pbs (errno=15010)\n", 162)

    with pytest.raises(SchedulerDown, match="cannot connect to server pbs"):
        site.pbs.query()


def test_a_history_tells_of_what_was_asked_for_alone(site: Puts) -> None:
    over = job("finished.json", Exit_status=-29, substate=93)
    site("qstat", answer({"1.pbs": over, "2.pbs": over}))

    found = site.pbs.history(["1.pbs", "--version", "3.pbs"])

    assert {id: state.how for id, state in found.items()} == {"1.pbs": face.TIMEOUT}
    asked = ["qstat", "-x", "-f", "-t", "-F", "json", "-E", "1.pbs", "3.pbs"]
    assert site.told("qstat") == asked


@pytest.mark.parametrize("code", [0, 36])
def test_where_no_history_is_kept_nothing_is_known_of_what_is_over(site: Puts, code: Any) -> None:
    site(
        "qstat",
        recorded("refused.json"),
        "qstat: PBS is not configured to maintain job history 1.pbs\n",
        code,
    )

    assert site.pbs.history(["1.pbs"]) == {}


def test_jobs_are_ended_and_told_at_one_go(site: Puts) -> None:
    site("qdel")
    site("qsig")

    site.pbs.cancel(["1.pbs", "7[2].pbs"])
    site.pbs.cancel(["1.pbs", "7[2].pbs"], "TERM")

    assert site.told("qdel") == ["qdel", "1.pbs", "7[2].pbs"]
    assert site.told("qsig") == ["qsig", "-s", "TERM", "1.pbs", "7[2].pbs"]


@pytest.mark.parametrize(
    "err",
    [
        "qdel: Unknown Job Id 120\n",
        "qdel: Job has finished 8\n",
        "qdel: Request invalid for state of job 8\nqdel: Unknown Job Id 120\n",
    ],
)
def test_a_job_that_is_over_by_now_needs_no_end(site: Puts, err: str) -> None:
    site("qdel", "", err, 1)

    site.pbs.cancel(["120"])


def test_a_job_that_cannot_be_ended_is_told_of(site: Puts) -> None:
    site("qdel", "", "qdel: Unknown Job Id 120\nqdel: Unauthorized Request  210\n", 210)

    with pytest.raises(Refused, match="qdel: Unauthorized Request 210"):
        site.pbs.cancel(["120", "210"])


@pytest.mark.parametrize(
    "err",
    [
        "Connection refused\nqsig: cannot connect to server pbs (errno=15010)\n",
        "Couldn't connect to cluster: pbs\n",
        "qdel: Batch protocol error 1.pbs\n",
    ],
)
def test_a_server_that_cannot_be_told_of_a_job_is_down(site: Puts, err: str) -> None:
    site("qdel", "", err, 162)

    with pytest.raises(SchedulerDown):
        site.pbs.cancel(["1.pbs"])


def test_a_command_that_is_not_there_is_a_refusal_to_submit_and_else_a_scheduler_that_is_down(
    site: Puts,
    tmp_path: Path,
) -> None:
    with pytest.raises(Refused, match="there is no qsub in"):
        site.pbs.submit(submission(output=str(tmp_path / "job.out")))
    with pytest.raises(SchedulerDown, match="there is no qselect in"):
        site.pbs.query()


def test_a_submission_without_an_answer_may_have_been_taken(
    site: Puts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site("qsub")
    monkeypatch.setattr(pbs, "SUBMIT_SECONDS", 0.0)

    with pytest.raises(Unsure, match="qsub has not ended"):
        site.pbs.submit(submission(output=str(tmp_path / "job.out")))


def test_a_task_has_the_id_that_pbs_gives_it(site: Puts) -> None:
    assert site.pbs.task_id("1234[].pbs", 4) == "1234[4].pbs"
