"""Which of several remotes is the freest, and how it is said."""

from __future__ import annotations

import itertools

import pytest
import yaml

from guild_sync.agent.protocol import Free, FreeCard
from guild_sync.config.home import config_path
from guild_sync.fleet import freest


def card(free: bool) -> FreeCard:
    return {
        "index": "0", "uuid": "GPU-0", "name": "X", "memory": 1, "used": 0, "use": 0, "free": free,
        "run": None,
    }  # fmt: skip


def host(
    free: int = 0, gpus: int = 0, cores: int = 16, load: float = 0.0, refusal: str = ""
) -> Free:
    return {
        "cards": [card(number < free) for number in range(gpus)],
        "problem": "", "cores": 16, "free_cores": cores, "load": load, "memory": None,
        "free_memory": None, "room": 0, "runs": 0, "waiting": 0, "refusal": refusal, "never": False,
        "all_taken": refusal.startswith("none of"),
    }  # fmt: skip


def test_the_most_free_gpus_count_and_then_the_cores() -> None:
    answers = {
        "a": host(1, 4),
        "b": host(2, 4, cores=3),
        "c": host(2, 2, cores=8),
        "none": host(0, 4, refusal="none of 4 GPUs free"),
        "cores": host(cores=16),
    }
    assert freest.ranked(answers) == ["c", "b", "a", "cores"]


def test_of_equal_ones_the_first_that_was_named_is_taken() -> None:
    assert freest.ranked({"b": host(), "a": host()}) == ["b", "a"]
    assert freest.ranked({"b": host(load=2.0), "a": host()}) == ["a", "b"]


def test_it_is_said_why() -> None:
    answers = {"gpu1": host(0, 4, refusal="none of 4 GPUs free"), "gpu2": host(2, 4)}
    assert freest.why(answers, "gpu2") == "gpu2: 2 of 4 GPUs free; gpu1: none"
    answers["gpu3"] = host(0, 1, refusal="it has 1 GPU")
    assert freest.why(answers, "gpu2").endswith("; gpu3: it has 1 GPU")
    answers["gpu3"] = host(0, 1, refusal="it has\x1b[2J\nnone")
    assert freest.why(answers, "gpu2").endswith("; gpu3: it has?[2J?none")


def test_without_gpus_anywhere_cores_count() -> None:
    answers = {"a": host(cores=3), "b": host(cores=12)}
    assert freest.ranked(answers) == ["b", "a"]
    assert freest.why(answers, "b") == "b: 12 of 16 cores free; a: 3 of 16"


DOWN = {"type": "ssh", "host": "127.0.0.1", "port": 1, "connect-timeout": 5}


def test_where_no_machine_is_free_a_run_waits_in_the_queue_of_a_cluster(
    capsys: pytest.CaptureFixture[str],
) -> None:
    remotes = {"down": DOWN, "hpc": {**DOWN, "type": "slurm"}, "hpc2": {**DOWN, "type": "pbs"}}
    config_path().write_text(yaml.safe_dump({"remotes": remotes}))
    for wait in (False, True):
        found = [host.name for host in itertools.islice(freest.freest(["hpc"], {}, wait), 1)]
        assert found == ["hpc"]  # which was not asked for anything
    assert capsys.readouterr() == ("hpc: has a queue\n" * 2, "")
    assert next(freest.freest(["hpc2", "down", "hpc"], {"gpus": 1}, True)).name == "hpc2"
