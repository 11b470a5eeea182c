"""What qsub is told of a job, and what its answer means."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.machine.children import Said
from guild_sync.agent.scheduling import qsub
from guild_sync.agent.scheduling.face import Refused, Submission, Unsure

NAME = "guild-" + "1" * 32
BEGIN = ["qsub", "-f", "-N", NAME, "-j", "oe", "-o", "/dev/null"]
FILE = "/s/runs/1/.guild/job.sh"
END = ["--", "/bin/bash", "-l", FILE]


def submission(options: dict[str, Any] | None = None, **changed: Any) -> Submission:
    given: dict[str, Any] = {
        "script": "#!/bin/bash -l\n:\nexec true\n",
        "name": NAME,
        "folder": "/s/runs/1",
    }
    changed.setdefault("output", "/s/runs/1/.guild/job.out")
    return Submission(**{**given, "options": options or {}, **changed})


def words(
    options: dict[str, Any] | None = None, seconds: int | None = None, **changed: Any
) -> list[str]:
    found = qsub.submit_words(submission(options, **changed), FILE, seconds)
    assert (found[: len(BEGIN)], found[-len(END) :]) == (BEGIN, END)
    return found[len(BEGIN) : -len(END)]


def test_a_job_that_asks_for_nothing_gets_what_its_site_gives() -> None:
    assert words() == ["-r", "n"]


def test_each_key_of_job_is_said_in_pbs_words() -> None:
    options: dict[str, Any] = {
        "time": "90",
        "partition": "gpuq",
        "account": "lab",
        "cpus": 4,
        "mem": "16G",
        "gpus": 1,
        "requeue": False,
        "options": ["-Wgroup_list=staff", "-lfilesystems=home:eagle"],
    }

    assert [*qsub.faults(options)] == []
    assert words(options, 5400) == [
        *("-r", "n", "-q", "gpuq", "-A", "lab", "-l", "walltime=1:30:00"),
        *("-l", "select=1:ncpus=4:ngpus=1:mem=16gb"),
        *("-Wgroup_list=staff", "-lfilesystems=home:eagle"),
    ]


@pytest.mark.parametrize(
    ("options", "select"),
    [
        ({"cpus": 8}, "1:ncpus=8"),
        ({"mem": 500}, "1:ncpus=1:mem=500mb"),
        ({"mem": "2T"}, "1:ncpus=1:mem=2tb"),
        ({"mem": "300kb"}, "1:ncpus=1:mem=300kb"),
        ({"tasks": 4, "cpus": 2}, "1:ncpus=8:mpiprocs=4"),
        ({"gpus": "2"}, "1:ncpus=1:ngpus=2"),
    ],
)
def test_a_chunk_has_what_a_job_asks_for(options: dict[str, Any], select: str) -> None:
    assert words(options) == ["-r", "n", "-l", "select=" + select]


def test_chunks_are_what_each_node_has() -> None:
    options = {"nodes": 2, "tasks": 8, "cpus": 2, "gpus": 4, "mem": "8G"}

    select = "select=2:ncpus=8:mpiprocs=4:ngpus=2:mem=8gb"
    assert words(options) == ["-r", "n", "-l", select, "-l", "place=scatter"]


def test_an_array_is_rerunnable_as_pbs_has_it_and_one_of_one_is_a_range_all_the_same() -> None:
    assert words(tasks=1000) == ["-r", "y", "-J", "0-999"]
    assert words({"array-limit": 20}, tasks=1000) == ["-r", "y", "-J", "0-999%20"]
    assert words({"array-limit": 20}, tasks=1) == ["-r", "y", "-J", "0-1:2"]


def test_a_job_waits_for_those_that_it_needs() -> None:
    depend = "depend=afterok:12.pbs:7[].pbs"
    assert words(after=["12.pbs", "7[].pbs"]) == ["-r", "n", "-W", depend]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"qos": "high"}, "qos: PBS has none"),
        ({"constraint": "a100"}, "constraint: PBS has none: say -lselect=... in options"),
        ({"gres": "gpu:1"}, "gres: PBS has none: say -lselect=... in options"),
        ({"exclude": "n1"}, "exclude: PBS has none: say -lselect=... in options"),
        ({"nodelist": "n1"}, "nodelist: PBS has none: say -lselect=...:host=NAME in options"),
        ({"reservation": "R1"}, "reservation: is a queue in PBS: say its name as partition"),
        ({"notice": 30}, "notice: PBS gives none before its time limit"),
        ({"clusters": "a,b"}, "clusters: PBS has none"),
        ({"time": "unlimited"}, "time: PBS takes none without end"),
        ({"requeue": True}, "requeue: PBS does not tell a job that it was started again"),
        ({"gpus": "a100:2"}, "gpus: PBS takes a whole number, at least 1, not 'a100:2'"),
        ({"nodes": "2-4"}, "nodes: PBS takes a whole number, at least 1, not '2-4'"),
        ({"mem": "much"}, "mem: must be a number with K, M, G or T, not 'much'"),
        ({"mem": "1G:ncpus=64"}, "mem: must be a number with K, M, G or T, not '1G:ncpus=64'"),
        ({"nodes": 2, "gpus": 3}, "gpus: 3 on 2 nodes cannot be the same on each"),
        ({"nodes": 3, "tasks": 4}, "tasks: 4 on 3 nodes cannot be the same on each"),
    ],
)
def test_what_means_nothing_to_pbs_is_a_fault_of_one_line(
    options: dict[str, Any], line: str
) -> None:
    assert [*qsub.faults(options)] == [line]


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("-qgpu", "has a key of its own: partition"),
        ("-Alab", "has a key of its own: account"),
        ("-J0-9", "has a key of its own: array-limit"),
        ("-ry", "has a key of its own: requeue"),
        ("-lwalltime=1:00:00", "has a key of its own: time"),
        ("-lplace=excl,walltime=1:00:00", "has a key of its own: time"),
        ("-Nname", "is what guild sets itself"),
        ("-o/tmp/x", "is what guild sets itself"),
        ("-I", "is what guild sets itself"),
        ("-Wdepend=afterok:1", "is what guild sets itself"),
        ("-Wumask=022,depend=afterok:1", "is what guild sets itself"),
        ("-Wblock=true", "waits for the job"),
        ("-V", "cannot be read"),
        ("-z", "nobody is told"),
        ("--", "must be written"),
        ("--version", "must be written"),
        ("-l select=1", "must be written"),
        ("script.sh", "must be written"),
        ("-", "must be written"),
    ],
)
def test_an_option_is_one_that_guild_leaves_to_its_user(option: str, why: str) -> None:
    (fault,) = qsub.faults({"options": [option]})

    assert fault.startswith("options: ")
    assert why in fault


def test_chunks_are_said_in_one_place() -> None:
    assert [*qsub.faults({"options": ["-lselect=1:ncpus=4:gpu_type=a100"]})] == []
    assert [*qsub.faults({"cpus": 4, "options": ["-lselect=1:ncpus=4"]})] == [
        "options: -lselect says what cpus says"
    ]


def test_no_value_is_another_word_or_reaches_a_shell(tmp_path: Path) -> None:
    hostile = f"-q x; touch {tmp_path}/made"

    found = words({"partition": hostile, "account": hostile})

    assert found == ["-r", "n", "-q", hostile, "-A", hostile]


def test_a_script_goes_to_its_folder_and_says_what_it_says_behind_what_is_said(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a 'run; touch made"
    folder.mkdir()
    output = folder / "job.out"
    output.write_text("before\n")
    text = qsub.script(
        submission(
            script="#!/bin/bash -l\n:\necho out; echo err >&2; pwd\n",
            folder=str(folder),
            output=str(output),
        )
    )

    done = subprocess.run(["bash", "-l", "-c", text], capture_output=True, cwd="/", check=True)

    assert (done.stdout, done.stderr) == (b"", b"")
    assert output.read_text() == f"before\nout\nerr\n{folder}\n"
    assert text.startswith("#!/bin/bash -l\n")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("out", "id"),
    [
        ("24\n", "24"),
        ("1234.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov\n", None),
        ("1234[].pbs\n", None),
        ("Welcome to our cluster, since\n2019\n99.pbs\n\n", "99.pbs"),
    ],
)
def test_the_id_is_the_last_line_that_is_one(out: str, id: str | None) -> None:
    assert qsub.submitted_id(Said(0, out, "")) == (id or out.strip())


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (1, "qsub: Unknown queue\n"),
        (162, "Connection refused\nqsub: cannot connect to server pbs (errno=15010)\n"),
        (2, "qsub: illegal -o value\nusage: qsub [-a date_time] ...\n"),
    ],
)
def test_what_pbs_does_not_take_is_refused_with_its_line(code: Any, err: str) -> None:
    with pytest.raises(Refused) as refused:
        qsub.submitted_id(Said(code, "", err))

    assert refused.value.message == next(li for li in err.splitlines() if li.startswith("qsub:"))


@pytest.mark.parametrize(
    "said",
    [
        Said(0, "", ""),
        Said(0, "nonsense\n", ""),
        Said(0, "", "qsub: a hook of the site has something to say\n"),
        Said(-9, "", ""),
        Said(-15, "", "qsub: Unknown queue\n"),
        Said(159, "", "qsub: Batch protocol error\n"),
        Said(139, "", "qsub: PBS server internal error\n"),
        Said(138, "", "qsub: System error: \n"),
        Said(1, "", ""),
        Said(1, "24.pbs\n", "qsub: our wrapper cannot write its log\n"),
    ],
)
def test_without_an_answer_that_is_one_a_job_may_have_been_taken(said: Said) -> None:
    with pytest.raises(Unsure):
        qsub.submitted_id(said)
