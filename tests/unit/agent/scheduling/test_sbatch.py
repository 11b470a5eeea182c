"""What sbatch is told, word by word, and what its recorded answers mean."""

from __future__ import annotations

import pytest
from recorded import VERSIONS, answer, labels

from guild_sync.agent.machine.children import Said
from guild_sync.agent.protocol import Value
from guild_sync.agent.scheduling import face, sbatch, slurm
from guild_sync.agent.scheduling.face import Refused, Submission, Unsure

NAME = "guild-" + "0" * 31 + "1"


def submission(
    options: dict[str, Value] | None = None,
    after: tuple[str, ...] = (),
    tasks: int | None = None,
    output: str = "/h/runs/1/.guild/job.out",
) -> Submission:
    return Submission("#!/bin/bash -l\n", NAME, "/h/runs/1", output, options or {}, after, tasks)


# What commands are told.

PLAIN = [
    "sbatch",
    "--parsable",
    f"--job-name={NAME}",
    "--chdir=/h/runs/1",
    "--output=/h/runs/1/.guild/job.out",
    "--error=/h/runs/1/.guild/job.out",
    "--open-mode=append",
    "--export=ALL",
    "--no-requeue",
    "--signal=B:USR2@60",
]


def test_a_job_is_submitted_in_these_words() -> None:
    assert sbatch.submit_words(submission(), "") == PLAIN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time": "1-0", "partition": "gpu"}, ["--time=1-0", "--partition=gpu"]),
        ({"account": "lab", "qos": "high"}, ["--account=lab", "--qos=high"]),
        ({"constraint": "a&b", "mem": "8G"}, ["--constraint=a&b", "--mem=8G"]),
        ({"gres": "gpu:a100:1", "gpus": 2}, ["--gres=gpu:a100:1", "--gpus=2"]),
        ({"nodes": 2, "exclude": "n[1-2]"}, ["--nodes=2", "--exclude=n[1-2]"]),
        ({"nodelist": "n3", "reservation": "r"}, ["--nodelist=n3", "--reservation=r"]),
        ({"cpus": 4, "tasks": 2}, ["--cpus-per-task=4", "--ntasks=2"]),
        ({"options": ["--licenses=x:1", "--nice"]}, ["--licenses=x:1", "--nice"]),
        ({"setup": ["module load x"], "array-limit": 3, "time": None}, []),
    ],
)
def test_a_key_of_a_job_is_an_option(options: dict[str, Value], words: list[str]) -> None:
    found = sbatch.submit_words(submission(options), "")
    assert [word for word in found[: len(PLAIN)] if "signal" not in word] == PLAIN[:-1]
    assert found[len(PLAIN) :] == words


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"requeue": True}, "--requeue"),
        ({"requeue": False}, "--no-requeue"),
        ({"requeue": "no"}, "--no-requeue"),
        ({"notice": 5, "time": "1"}, "--signal=B:USR2@5"),
        ({"time": "5"}, "--signal=B:USR2@30"),
        ({"time": "2-0"}, "--signal=B:USR2@60"),
    ],
)
def test_a_job_is_told_before_its_time_is_over_and_goes_back_to_the_queue_only_where_that_is_said(
    options: dict[str, Value], word: str
) -> None:
    found = sbatch.submit_words(submission(options), "")
    assert word in found
    assert len([w for w in found if "requeue" in w or "signal" in w]) == 2


@pytest.mark.parametrize(
    ("limit", "word"), [({}, "--array=0-999"), ({"array-limit": 8}, "--array=0-999%8")]
)
def test_an_array_is_one_job_of_numbered_tasks(limit: dict[str, Value], word: str) -> None:
    assert sbatch.submit_words(submission(limit, tasks=1000), "")[len(PLAIN) :] == [word]


def test_a_job_waits_for_others_and_is_cancelled_where_one_fails() -> None:
    words = sbatch.submit_words(submission(after=("4711", "4712_3")), "")
    expected = ["--dependency=afterok:4711:4712_3", "--kill-on-invalid-dep=yes"]
    assert words[len(PLAIN) :] == expected


def test_the_name_of_the_output_is_no_pattern() -> None:
    """Tried with 20.11, 22.05 and 24.11; tests/integration/test_slurm_commands.py does again."""
    words = sbatch.submit_words(submission(output="/h/100%j/a\\b/job.out"), "")
    assert r"--output=/h/100\%j/a\\b/job.out" in words


@pytest.mark.parametrize("value", ["-x", "--wrap=x", "a;b", "$(x)", "`x`", "a b", "'", '"', "*"])
@pytest.mark.parametrize("key", sbatch._OPTIONS)
def test_a_value_is_a_part_of_one_word_whatever_it_is(key: str, value: str) -> None:
    words = sbatch.submit_words(submission({key: value}), "")
    assert [word for word in words if value in word] == [words[-1]]
    option, _, said = words[-1].partition("=")
    assert (option[:2], said) == ("--", value)


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "a\x1bb", "a\r"])
def test_a_value_with_control_characters_is_refused(value: str) -> None:
    several: list[dict[str, Value]] = [{"account": value}, {"options": ["--x=" + value]}]
    for options in several:
        with pytest.raises(Refused, match="control characters"):
            sbatch.submit_words(submission(options), "")


def test_a_remote_is_one_cluster() -> None:
    """Of two the same number may be a job of either, of which one would be ended for the other."""
    for several in ("a,b", "all"):
        with pytest.raises(Refused, match=f"a remote is one cluster, not '{several}'"):
            sbatch.submit_words(submission(), several)


# What sbatch answers.


@pytest.mark.parametrize("label", labels("sbatch-submitted*"))
def test_sbatch_names_the_job(label: tuple[str, str]) -> None:
    said = answer(*label)
    assert sbatch.submitted(said) == said.out.strip().removesuffix(";guild")


@pytest.mark.parametrize(
    ("out", "job"),
    [
        ("Welcome!\n4711\n", "4711"),
        ("4711;hpc\nYou have 12 hours left\n", "4711"),
        ("12 hours\n4711\n\n", "4711"),
        ("7\n4711\n", "4711"),
    ],
)
def test_what_a_sites_wrapper_says_is_passed_over(out: str, job: str) -> None:
    assert sbatch.submitted(Said(0, out, "sbatch: 5 hours of your budget\n")) == job


REFUSED = {
    "account": "Invalid account or account/partition combination specified",
    "after": "Job dependency problem",
    "array": "Invalid job array specification",
    "constraint": "Invalid feature specification",
    "cpus": "Requested node configuration is not available",
    "dos": r"Batch script contains DOS line breaks (\r\n);"
    r" instead of expected UNIX line breaks (\n).",
    "empty": "Batch script is empty!",
    "exclude": "Requested node configuration is not available",
    "gpus": "Invalid generic resource (gres) specification",
    "gres": "Invalid generic resource (gres) specification",
    "group": "User's group not permitted to use this partition",
    "licenses": "Invalid license specification",
    "limit": "Job violates accounting/QOS policy"
    " (job submit limit, user's size and/or time limits)",
    "mem": "Requested node configuration is not available",
    "mem-word": "Invalid --mem specification",
    "nodelist": "Invalid node name specified",
    "nodes": "Requested node configuration is not available",
    "option": "unrecognized option '--nonsense=1'",
    "partition": "Invalid partition name specified",
    "qos": "Invalid qos specification",
    "reservation": "Requested reservation is invalid",
    "tasks": "Invalid job array specification",
    "time": "Invalid --time specification",
}


@pytest.mark.parametrize("label", labels("sbatch-refused-*"))
def test_what_slurm_does_not_take_is_refused_in_its_words(label: tuple[str, str]) -> None:
    said = answer(*label)
    if said.code == 0:  # some versions take it, and let it wait
        assert sbatch.submitted(said).isdigit()
        return
    with pytest.raises(Refused) as refused:
        sbatch.submitted(said)
    message = refused.value.message.removeprefix("sbatch: ")
    expected = REFUSED.get(label[1].removeprefix("sbatch-refused-"))
    assert message == expected or (expected is None and message)


def test_what_else_slurm_says_of_it_is_the_hint() -> None:
    with pytest.raises(Refused) as refused:
        sbatch.submitted(answer("22.05", "sbatch-refused-mem"))
    assert refused.value.hint == "Memory specification can not be satisfied"


def test_a_sites_own_reason_is_the_message() -> None:
    """As a job_submit plugin gives it: slurmctld says no more than that there was an error."""
    err = "sbatch: error: Say --account=PROJECT\nsbatch: error: Batch job submission failed: "
    with pytest.raises(Refused, match=r"^sbatch: Say --account=PROJECT$"):
        sbatch.submitted(Said(1, "", err + "Unspecified error\n"))


@pytest.mark.parametrize("version", VERSIONS)
def test_who_did_not_get_through_to_slurmctld_has_submitted_nothing(version: str) -> None:
    with pytest.raises(Refused, match=r"^sbatch: Unable to contact slurm controller \(connect"):
        sbatch.submitted(answer(version, "sbatch-down"))


@pytest.mark.parametrize("label", labels("sbatch-stopped") + labels("sbatch-no-munge"))
def test_who_had_no_answer_is_not_sure(label: tuple[str, str]) -> None:
    with pytest.raises(Unsure):
        sbatch.submitted(answer(*label))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_submission_without_an_answer_was_done_all_the_same(version: str) -> None:
    """Why doubt is right: slurmctld was stopped for a while, and sbatch has said that it failed."""
    found = slurm.jobs_of(answer(version, "squeue-after-stopped").out)
    assert [state.phase for state in found[f"guild-{0x80:032x}", None]] == [face.RUNS]


@pytest.mark.parametrize(
    "said",
    [
        Said(-15, "", ""),
        Said(-9, "", "sbatch: error: Batch job submission failed: Invalid qos specification"),
        Said(0, "", ""),
        Said(0, "Submitted!\n", ""),
        Said(0, "-1\n", ""),
        Said(1, "", ""),
        Said(1, "", "/usr/local/bin/sbatch: line 3: oops: command not found\n"),
        *(
            Said(1, "", f"sbatch: error: Batch job submission failed: {reason}\n")
            for reason in (
                "Unable to contact slurm controller (receive failure)",
                "Zero Bytes were transmitted or received",
                "Connection reset by peer",
                "Slurm backup controller in standby mode",
                "Protocol authentication error",
            )
        ),
        Said(
            1,
            "",
            "sbatch: error: Slurm job queue full, sleeping and retrying\n"
            "sbatch: error: Batch job submission failed: "
            "Unable to contact slurm controller (connect failure)\n",
        ),
    ],
)
def test_where_in_doubt_nobody_is_sure(said: Said) -> None:
    with pytest.raises(Unsure):
        sbatch.submitted(said)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(0, "", "sbatch: Job 17 to start at 1795784729 using 1 processors\n"), ""),
        (
            Said(
                1,
                "",
                "sbatch: error: invalid partition specified: nope\n"
                "allocation failure: Invalid partition name specified\n",
            ),
            "sbatch: invalid partition specified: nope; Invalid partition name specified",
        ),
        (
            Said(1, "", "sbatch: error: Invalid generic resource (gres) specification\n"),
            "sbatch: Invalid generic resource (gres) specification",
        ),
    ],
)
def test_what_would_not_be_taken_is_told_in_slurms_words(said: Said, why: str) -> None:
    assert sbatch.refusal_of(said) == why


@pytest.mark.parametrize(
    "said",
    [
        Said(1, "", "allocation failure: Unable to contact slurm controller (connect failure)\n"),
        Said(1, "", "allocation failure: Socket timed out on send/recv operation\n"),
        Said(1, "", ""),
        Said(-9, "", ""),
    ],
)
def test_without_an_answer_it_is_not_told_whether_a_job_would_be_taken(said: Said) -> None:
    with pytest.raises(face.SchedulerDown):
        sbatch.refusal_of(said)
