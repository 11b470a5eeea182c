"""What a run needs, as what it asks of a scheduler."""

from __future__ import annotations

import pytest

from guild_sync.agent.protocol import DEVICES, NO_DEVICES, Child, Job, NeedsForm, Value
from guild_sync.jobs.cluster import passed_over, submitted

GIB = 1 << 30


def child(name: str, job: Job) -> Child:
    return {"name": name, "model": "", "operation": name, "attributes": {}, "job": job}


def series(*jobs: Job, **more: object) -> Job:
    children = [child(f"s{number}", job) for number, job in enumerate(jobs)]
    return {"children": children, **more}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("needs", "asked"),
    [
        ({}, None),
        ({"gpus": 2, "cpus": 8, "memory": 64 * GIB}, {"gpus": 2, "cpus": 8, "mem": "64G"}),
        ({"memory": GIB + (GIB >> 1)}, {"mem": "1536M"}),
        ({"memory": 1}, {"mem": "1M"}),
        ({"memory": (1 << 20) + 1}, {"mem": "2M"}),
    ],
)
def test_what_a_run_needs_is_asked_of_the_scheduler(
    needs: NeedsForm, asked: dict[str, Value] | None
) -> None:
    made = submitted({"needs": needs})
    assert made.get("submit") == asked
    assert made["needs"] == needs  # by which a queue there knows its runs
    assert submitted(made) == made  # as of a run that starts again


def test_what_job_says_counts_more() -> None:
    made = submitted({"needs": {"gpus": 2, "cpus": 4}, "submit": {"gpus": "a100:1", "cpus": None}})
    assert made["submit"] == {"gpus": "a100:1", "cpus": None}


def test_a_run_that_is_to_see_no_gpu_asks_for_none_whatever_the_remote_says() -> None:
    made = submitted({"env": dict(NO_DEVICES), "operation": {"gpus": ""}})
    assert made["submit"] == {"gpus": None}
    assert made["env"] == NO_DEVICES


def test_which_gpus_of_a_machine_an_operation_sees_means_nothing_to_a_job() -> None:
    env = {DEVICES: "0,1", "A": "1"}
    made = submitted({"env": env, "operation": {"gpus": "0,1"}})
    assert (made["env"], "submit" in made) == ({"A": "1"}, False)
    own = submitted({"env": env, "operation": {"gpus": None}})  # as `env` of guild.yml has it
    assert own["env"] == env


def test_a_series_asks_for_what_its_neediest_run_needs() -> None:
    one: Job = {"needs": {"gpus": 1, "memory": 8 * GIB}}
    other: Job = {"needs": {"gpus": 2, "cpus": 3}, "submit": {"time": 30}}
    inner = series(other, {})
    made = submitted(series(one, inner, is_pipeline=True))
    assert made["submit"] == {"gpus": 2, "cpus": 3, "mem": "8G"}
    assert made["children"][0]["job"]["submit"] == {"gpus": 1, "mem": "8G"}  # started by itself
    own = submitted(series(one, other, is_pipeline=True, needs={"gpus": 1}, submit={"mem": "1G"}))
    assert own["submit"] == {"gpus": 1, "cpus": 3, "mem": "1G"}


def test_the_steps_whose_job_means_nothing_are_named() -> None:
    asks: Job = {"submit": {"time": 30}}
    inner = series(asks, is_pipeline=True)
    assert list(passed_over(series(asks, {}, inner, is_pipeline=True))) == ["s0", "s0"]
    assert list(passed_over(series(asks, asks))) == []  # a batch asks for it itself
    assert list(passed_over(asks)) == []
