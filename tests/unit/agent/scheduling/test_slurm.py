"""Slurm's commands: what they are told, word by word, and what their recorded answers mean."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import recorded
from recorded import VERSIONS, answer, labels

from guild_sync.agent.machine.children import Said
from guild_sync.agent.protocol import Value
from guild_sync.agent.scheduling import calling, face, sbatch, slurm
from guild_sync.agent.scheduling.face import (
    JobState,
    Refused,
    SchedulerDown,
    Site,
    Submission,
    Unsure,
)
from guild_sync.agent.scheduling.slurm import Slurm

NAME = "guild-" + "0" * 31 + "1"


def submission(options: dict[str, Value] | None = None) -> Submission:
    return Submission("#!/bin/bash -l\n", NAME, "/h/runs/1", "/h/runs/1/job.out", options or {})


# What commands are told.


def test_a_cluster_is_named_to_every_command() -> None:
    assert sbatch.submit_words(submission(), "c")[:2] == ["sbatch", "--clusters=c"]
    assert slurm.query_words(7, "c")[:2] == ["squeue", "--clusters=c"]
    assert slurm.history_words(["1"], "c")[:2] == ["sacct", "--clusters=c"]
    assert slurm.cancel_words(["1"], "", "c")[:2] == ["scancel", "--clusters=c"]


def test_jobs_are_asked_for_and_ended_in_these_words() -> None:
    asked = recorded.words("22.05", "squeue-waiting")
    user = next(word for word in asked if word.startswith("--user="))
    assert slurm.query_words(int(user[7:]), "") == asked
    assert slurm.history_words(["12_3", "12_4", "9"], "")[-1] == "--jobs=9,12"
    assert slurm.history_words(["9"], "")[:-1] == recorded.words("22.05", "sacct")[:-1]
    assert slurm.cancel_words(["9", "12_3"], "", "") == ["scancel", "9", "12_3"]
    together = ["12_3", "12_4", "9", "12_5", "12_8", "13_1"]
    assert slurm.cancel_words(together, "", "") == ["scancel", "9", "12_[3-5,8]", "13_1"]
    assert slurm.cancel_words(["9"], "TERM", "") == [
        *("scancel", "--batch", "--signal=TERM", "--state=RUNNING", "9")
    ]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "SLURM_JOB_ID",
            "SLURM_ARRAY_TASK_ID",
            "SLURM_NTASKS",
            "SLURM_CLUSTERS",
            "SLURM_EXIT_ERROR",
        ),
        *("SLURM_WORKING_CLUSTER", "SLURMD_NODENAME", "SBATCH_PARTITION", "SQUEUE_FORMAT"),
        *("SCANCEL_STATE", "SACCT_FORMAT", "SCONTROL_ALL"),
    ],
)
def test_no_variable_is_an_option_to_a_command(name: str) -> None:
    assert not slurm.is_kept(name)


def test_what_says_where_slurm_is_stays_and_of_the_session_nothing_gets_into_a_job() -> None:
    assert slurm.is_for_jobs("SLURM_CONF") and slurm.is_for_jobs("PATH")
    for name in ("SSH_CONNECTION", "XDG_RUNTIME_DIR", "DISPLAY", "TMPDIR"):
        assert slurm.is_kept(name) and not slurm.is_for_jobs(name)
    assert slurm.is_for_jobs("TMPDIR_OF_MINE")


# What squeue answers.

# The jobs of outputs/slurm/README.md by their numbers: as how they have to be seen.
WAITS, HELD, RUNS = ((phase, "") for phase in (face.WAITS, face.HELD, face.RUNS))
STATES = {
    "squeue-ended": {
        0x1: (face.ENDED, face.OK),
        0x2: (face.ENDED, face.FAILED),
        0x3: (face.ENDED, face.FAILED),
        0x4: (face.ENDED, face.TIMEOUT),
        0x5: (face.ENDED, face.FAILED),
        0x6: (face.ENDED, face.CANCELLED),
        0x7: (face.ENDED, face.CANCELLED),
        0xA: (face.ENDED, face.NODE),
        0xC: (face.ENDED, face.PREEMPTED),
    },
    "squeue-node-fail": {0xA: (face.ENDED, face.NODE), 0xB: WAITS},
    "squeue-preempted": {0xC: (face.ENDED, face.PREEMPTED), 0xD: WAITS, 0xE: RUNS},
    "squeue-requeue-hold": {0x11: HELD, 0x12: HELD, 0x13: RUNS, 0x14: RUNS},
    "squeue-completing": {0x15: RUNS},
    "squeue-deadline": {0x92: (face.ENDED, face.DEADLINE)},
    "squeue-waiting": {
        0x40: RUNS,
        0x42: WAITS,
        0x43: WAITS,
        0x44: WAITS,
        0x45: HELD,
        0x46: HELD,
        0x47: WAITS,
        0x48: HELD,
        0x49: HELD,
        0x4D: WAITS,
    },
    "squeue-drained": {0x52: HELD, 0x53: WAITS, 0x54: WAITS},
    "squeue-limits-jobs": {0x61: WAITS},
    "squeue-limits": {0x61: WAITS, 0x62: HELD},
    "squeue-limits-cpus": {0x64: HELD},
}


def jobs(version: str, label: str) -> dict[tuple[int, int | None], JobState]:
    """The newest of each name, by its number in outputs/slurm/README.md."""
    found = slurm.jobs_of(answer(version, label).out)
    return {(int(name[6:], 16), task): states[-1] for (name, task), states in found.items()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("label", STATES)
def test_how_a_job_is_seen(version: str, label: str) -> None:
    found = jobs(version, label)
    expected = STATES[label]
    seen = {number: found[number, None] for number in expected}
    assert {number: (state.phase, state.how) for number, state in seen.items()} == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_waiting_job_waits_for(version: str) -> None:
    found = {**jobs(version, "squeue-drained"), **jobs(version, "squeue-waiting")}
    reasons = {number: found[number, None].reason for number in range(0x42, 0x4A)}
    assert list(reasons.values()) == [
        *("Resources", "Priority", "Dependency", "JobHeldUser", "JobHeldAdmin", "BeginTime"),
        *("PartitionDown", "PartitionTimeLimit"),
    ]
    assert found[0x53, None].reason.startswith("Nodes required for job are DOWN, DRAINED or ")
    assert found[0x54, None].reason.startswith("ReqNodeNotAvail, ")
    assert found[0x40, None].reason == "", "it runs"


@pytest.mark.parametrize("version", VERSIONS)
def test_when_it_was_submitted_where_it_runs_and_when_it_is_expected_to(version: str) -> None:
    found = jobs(version, "squeue-waiting")
    first, last = found[0x40, None], found[0x42, None]
    assert (first.nodes, first.starts, last.nodes) == ("n1", None, "")
    assert first.submitted and last.submitted and last.starts
    assert 0 <= last.submitted - first.submitted < 10
    assert 0 < last.starts - last.submitted < 3600
    held = jobs(version, "squeue-requeue-hold")[0x11, None]
    assert held.starts is None, "nobody knows of one that is held, whatever Slurm says"


@pytest.mark.parametrize("version", VERSIONS)
def test_tasks_that_wait_are_told_one_by_one(version: str) -> None:
    found = jobs(version, "squeue-waiting")
    tasks = {n: [task for number, task in found if number == n] for n in (0x4A, 0x4B, 0x4C)}
    assert tasks[0x4A] == list(range(20))
    assert tasks[0x4B] == list(range(200)), "not cut at 64 bytes"
    assert tasks[0x4C] == list(range(1, 59, 2))
    ids = {found[0x4A, task].id.partition("_")[0] for task in range(20)}
    assert len(ids) == 1 and found[0x4A, 7].id == f"{ids.pop()}_7"


@pytest.mark.parametrize("version", VERSIONS)
def test_tasks_of_an_array_are_in_states_of_their_own(version: str) -> None:
    """Of one that was cancelled before it began Slurm tells nothing."""
    found = jobs(version, "squeue-array")
    newest = max(int(state.id.partition("_")[0]) for state in found.values())
    tasks = {
        task: (state.phase, state.how, state.reason)
        for (_, task), state in found.items()
        if state.id.startswith(f"{newest}_")
    }
    assert tasks == {
        **dict.fromkeys((0, 2), (face.RUNS, "", "")),
        1: (face.ENDED, face.CANCELLED, ""),
        **dict.fromkeys((3, 4, *range(6, 12)), (face.WAITS, "", "JobArrayTaskLimit")),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_tasks_that_were_cancelled_together_are_one_job_without_a_number(version: str) -> None:
    state = jobs(version, "squeue-array")[0xA0, None]
    assert (state.phase, state.how, state.id.isdigit()) == (face.ENDED, face.CANCELLED, True)


def test_squeue_names_no_cluster_above_its_jobs() -> None:
    for version in VERSIONS:
        assert answer(version, "squeue-cluster").out.split("|")[0].isdigit()


def row(job: str, word: str = "RUNNING", reason: str = "None", **changed: str) -> str:
    parts = {"tasks": "N/A", "array": job, "starts": "N/A", "at": "1795773477", "name": NAME}
    parts.update(changed)
    tasks, array, starts, at, name = parts.values()
    return f"{job}|{array}|{tasks}|{word}|{starts}||{at}|{reason}|{name}\n"


def test_of_jobs_with_one_name_the_newest_is_last_and_other_names_are_nobody() -> None:
    text = row("9", at="20") + row("10", at="30") + row("12", at="10") + row("13", name="guild-x")
    found = slurm.jobs_of("Welcome | to | this | cluster\n" + text)
    assert {name: [s.id for s in states] for name, states in found.items()} == {
        (NAME, None): ["12", "9", "10"]
    }


def test_a_reason_may_have_the_sign_between_fields() -> None:
    assert slurm.jobs_of(row("9", "PENDING", "a|b, c"))[NAME, None][0].reason == "a|b, c"


@pytest.mark.parametrize(
    "word", ["HIBERNATING", "", "ENDED", "COMPLETED_", "REVOKED", "CONFIGURING"]
)
def test_a_word_of_a_later_slurm_is_no_end_and_no_waiting(word: str) -> None:
    assert slurm.phase_of(word, "None") == (face.RUNS, "")


@pytest.mark.parametrize(
    "reason",
    [
        *(
            "QOSMaxWallDurationPerJobLimit",
            "AssocGrpWallLimit",
            "QOSGrpCPUMinutesLimit",
            "QOSMinGRES",
        ),
        *(
            "InvalidAccount",
            "InvalidQOS",
            "AccountNotAllowed",
            "BadConstraints",
            "PartitionNodeLimit",
        ),
        *("PartitionInactive", "ReservationDeleted", "JobHoldMaxRequeue", "QOSMaxNodePerJobLimit"),
        *("launch failed requeued held", "(launch failed requeued held)"),
    ],
)
def test_what_only_a_person_can_end_is_held(reason: str) -> None:
    assert slurm.phase_of("PENDING", reason)[0] == face.HELD


@pytest.mark.parametrize(
    "reason",
    [
        *(
            "QOSMaxJobsPerUserLimit",
            "AssocGrpCPURunMinutesLimit",
            "QOSMaxCpuPerUserLimit",
            "Cleaning",
        ),
        *("QOSGrpNodeLimit", "AssocMaxJobsLimit", "Licenses", "BurstBufferStageIn", "Reservation"),
        *("JobArrayTaskLimit", "QOSMaxGRESPerUser", "Prolog", "NodeDown", "SomethingNew"),
    ],
)
def test_what_ends_with_other_jobs_is_waited_for(reason: str) -> None:
    assert slurm.phase_of("PENDING", reason)[0] == face.WAITS


@pytest.mark.parametrize("tasks", ["0-9,...", "0-", "x", "", "1-2:0", "-1"])
def test_numbers_of_tasks_that_cannot_be_read_are_no_answer(tasks: str) -> None:
    """Else a task would be taken to be gone."""
    with pytest.raises(SchedulerDown):
        slurm.jobs_of(row("9_[x]", "PENDING", tasks=tasks, array="9"))


def test_numbers_of_tasks_take_memory_for_so_many_and_no_more() -> None:
    with pytest.raises(SchedulerDown, match="more than 200000 tasks"):
        slurm.jobs_of(row("9_[x]", "PENDING", tasks="0-999999999", array="9"))
    many = "".join(row(f"{n}_[x]", "PENDING", tasks="0-99999", array=str(n)) for n in range(3))
    with pytest.raises(SchedulerDown, match="more than 200000 tasks"):
        slurm.jobs_of(many)


# What the others answer.


@pytest.mark.parametrize("version", VERSIONS)
def test_accounting_tells_how_jobs_have_ended(version: str) -> None:
    queue, found = jobs(version, "squeue-ended"), slurm.accounted(answer(version, "sacct").out)
    for number, (phase, how) in STATES["squeue-ended"].items():
        state = found[queue[number, None].id]
        assert (state.phase, state.how) == (phase, how)
        assert state.submitted == queue[number, None].submitted
    array = queue[9, 2].id.partition("_")[0]
    hows = [found[f"{array}_{task}"].how for task in range(3)]
    assert hows == [face.OK, face.FAILED, face.FAILED]


@pytest.mark.parametrize("version", VERSIONS)
def test_accounting_tells_of_tasks_that_never_began_together(version: str, site: Site) -> None:
    said = answer(version, "sacct-array")
    array = said.out.splitlines()[-1].partition("|")[0]
    answers(Path(site.path), said)
    found = Slurm(site).history([f"{array}_1", f"{array}_11"])
    assert {job: state.how for job, state in found.items()} == {
        f"{array}_1": face.CANCELLED,
        f"{array}_11": face.CANCELLED,
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_what_accounting_does_not_know_is_not_there(version: str) -> None:
    assert slurm.accounted(answer(version, "sacct-unknown").out) == {}


@pytest.mark.parametrize(
    "label",
    labels("scancel-unknown*")
    + labels("scancel-*over")
    + labels("scancel-signal*some")
    + labels("scancel-waiting")
    + labels("scancel-array")
    + labels("scancel-signal"),
)
def test_jobs_that_are_over_or_unknown_need_no_end(label: tuple[str, str]) -> None:
    slurm.cancelled(answer(*label))


@pytest.mark.parametrize("version", VERSIONS)
def test_who_signals_a_waiting_job_hangs_unless_it_names_those_that_run(version: str) -> None:
    assert answer(version, "scancel-signal-waiting-hangs").code == -9
    assert answer(version, "scancel-signal-waiting") == (0, "", "")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_of_another_is_not_ended(version: str) -> None:
    with pytest.raises(Refused, match=r"^scancel: Kill job error on job id \d+: Access/perm"):
        slurm.cancelled(answer(version, "scancel-theirs"))


@pytest.mark.parametrize("label", labels("scancel-down") + labels("scancel-stopped"))
def test_who_cannot_ask_has_ended_nothing(label: tuple[str, str]) -> None:
    with pytest.raises(SchedulerDown, match=r"Unable to contact|Socket timed out"):
        slurm.cancelled(answer(*label))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_check_shows_of_slurm(version: str) -> None:
    settings = slurm.settings_of(answer(version, "scontrol-config").out)
    lines = slurm.explanation(settings, 0.123, {"SLURM_CLUSTERS": "x"})
    assert [what for what, _ in lines] == ["slurm", "accounting", "limits", "clusters"]
    assert lines[0][1].startswith(f"Slurm {version}.")
    assert lines[0][1].endswith(", cluster guild, answers in 0.12 s")
    assert lines[1][1] == "slurmdbd"
    assert lines[2][1] == (
        "MinJobAge 300 sec, MaxArraySize 1001, KillWait 3 sec, MessageTimeout 5 sec"
    )


# One call each.


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """One whose commands say what the files `out`, `err` and `code` have, and note their words."""
    monkeypatch.setattr(calling, "_found", {})
    for name in ("sbatch", "squeue", "scancel", "sacct", "scontrol"):
        (tmp_path / name).write_text(
            f"#!{sys.executable} -IS\n"
            "import os, sys\n"
            f"os.chdir({str(tmp_path)!r})\n"
            "words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]\n"
            "open('words', 'a').write(repr(words) + '\\n')\n"
            "open('stdin', 'w').write(sys.stdin.read())\n"
            "open('variables', 'w').write('\\n'.join(sorted(os.environ)))\n"
            "sys.stdout.write(open('out').read()); sys.stderr.write(open('err').read())\n"
            "sys.exit(int(open('code').read()))\n"
        )
        (tmp_path / name).chmod(0o755)
    answers(tmp_path, Said(0, "", ""))
    return Site(str(tmp_path))


def answers(folder: Path, said: Said) -> None:
    for name, text in zip(("code", "out", "err"), said, strict=True):
        (folder / name).write_text(str(text))


def calls(site: Site) -> list[list[str]]:
    return [eval(line) for line in (Path(site.path) / "words").read_text().splitlines()]


def test_a_job_is_submitted_by_one_call_with_its_script_on_stdin(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "x")
    monkeypatch.setenv("SSH_CONNECTION", "x")
    monkeypatch.setenv("SLURM_CONF", "/x")
    answers(Path(site.path), answer("22.05", "sbatch-submitted"))
    job = submission({"account": "--wrap=x"})
    assert Slurm(site).submit(job) == answer("22.05", "sbatch-submitted").out.strip()
    assert calls(site) == [sbatch.submit_words(job, "")]
    assert (Path(site.path) / "stdin").read_text() == job.script
    variables = (Path(site.path) / "variables").read_text().split("\n")
    assert {"SBATCH_PARTITION", "SSH_CONNECTION", "SLURM_CONF"} & {*variables} == {"SLURM_CONF"}
    assert not {"SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"} & {*variables}, "its job would have them"


def test_jobs_are_asked_for_by_one_call(site: Site) -> None:
    answers(Path(site.path), answer("22.05", "squeue-waiting"))
    assert Slurm(site).query() == slurm.jobs_of(answer("22.05", "squeue-waiting").out)
    assert calls(site) == [slurm.query_words(os.getuid(), "")]
    variables = (Path(site.path) / "variables").read_text().split("\n")
    assert {"LC_ALL", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"} < {*variables}


@pytest.mark.parametrize(
    "label", labels("squeue-down") + labels("squeue-stopped") + labels("squeue-no-user")
)
def test_where_slurmctld_cannot_be_asked_its_words_are_kept(
    site: Site, label: tuple[str, str]
) -> None:
    said = answer(*label)
    answers(Path(site.path), said)
    with pytest.raises(SchedulerDown) as down:
        Slurm(site).query()
    assert str(down.value) in said.err and len(str(down.value)) > 18


def test_a_complaint_beside_jobs_is_none_of_them(site: Site) -> None:
    said = answer("22.05", "squeue-waiting")
    complaint = "squeue: error: _parse_next_key: Parsing error at unrecognized key: Some\n"
    answers(Path(site.path), said._replace(err=complaint))
    assert Slurm(site).query() == slurm.jobs_of(said.out)


def test_jobs_are_ended_by_one_call_and_what_is_no_id_is_no_word_of_it(site: Site) -> None:
    Slurm(site).cancel(["12", "13_4", "--user=x", "-f", "1 2", "", "13_[0-4]", "²"], "TERM")
    assert calls(site) == [slurm.cancel_words(["12", "13_4"], "TERM", "")]
    Slurm(site).cancel(["--user=x"])
    assert len(calls(site)) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_accounting_is_asked_by_one_call_and_knows_nothing_where_it_fails(
    site: Site, version: str
) -> None:
    answers(Path(site.path), answer(version, "sacct"))
    found = Slurm(site).history([jobs(version, "squeue-ended")[1, None].id, "--user=x"])
    assert [state.how for state in found.values()] == [face.OK]
    answers(Path(site.path), answer(version, "sacct-no-dbd"))
    assert Slurm(site).history(["1"]) == {}
    assert Slurm(site).history(["--user=x"]) == {}
    assert len(calls(site)) == 2


def test_a_submission_is_unsure_where_sbatch_is_killed_and_refused_where_it_is_not_there(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "sbatch").write_text("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(Unsure):
        Slurm(site).submit(submission())
    with pytest.raises(Refused, match=r"^sbatch: there is no sbatch in "):
        Slurm(Site(str(tmp_path / "none"))).submit(submission())


def test_a_submission_that_takes_too_long_is_ended_and_unsure(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "SUBMIT_SECONDS", 0.2)
    (tmp_path / "sbatch").write_text("#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(Unsure, match=r"^sbatch has not ended in 0 s$"):
        Slurm(site).submit(submission())
