"""What a run needs, taken and waited for: by many processes at once, and with others about."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from guild_sync.agent.capacity import shares, taking, turns
from guild_sync.agent.capacity.shares import Share, Taken
from guild_sync.agent.capacity.taking import Possession, Waiting
from guild_sync.agent.errors import AgentError
from guild_sync.agent.machine.environment import Environment
from guild_sync.agent.protocol import Job

# A process that waits for cards, says which it got and when, and gives them back.
RUN = """
import os, sys, time
from guild_sync.agent.capacity import taking, turns
from guild_sync.agent.machine.environment import Environment
from guild_sync.agent.store import locks
turns.TOP, count, no_flock = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "no flock"
if no_flock:
    locks._flock = lambda fd, how: None
taking._PAUSE = 0.02
pause = lambda seconds: time.sleep(seconds) or True
waiting = taking.Waiting(lambda text: None, pause)
environment = Environment(dict(os.environ), "python3")
share = taking.take("/runs/%d" % os.getpid(), {"needs": {"gpus": count}}, environment, waiting)
begun = time.monotonic_ns()
time.sleep(0.05)
print(begun, time.monotonic_ns(), share.variables["CUDA_VISIBLE_DEVICES"])
share.release()
"""


def take(variables: dict[str, str], waiting: Waiting | None = None, **job: object) -> Possession:
    made: Job = job  # type: ignore[assignment]
    return taking.take("/runs/own", made, Environment(variables, "python3"), waiting)


def test_a_run_sees_what_it_has_and_keeps_a_record(variables: dict[str, str]) -> None:
    share = take(variables, needs={"gpus": 2, "memory": 1})
    assert share.variables == {"CUDA_VISIBLE_DEVICES": "GPU-0,GPU-1"}
    assert share.record == {
        "gpus": [{"index": str(n), "uuid": f"GPU-{n}", "name": "Fake"} for n in (0, 1)],
        "memory": 1,
    }
    other = take(variables, needs={"gpus": 2})
    assert other.variables == {"CUDA_VISIBLE_DEVICES": "GPU-2,GPU-3"}
    with pytest.raises(AgentError, match=r"no room for 1 GPU: none of 4 GPUs free") as refused:
        take(variables, needs={"gpus": 1})
    assert (refused.value.kind, refused.value.hint) == ("taken", "To have it wait: --wait-free")
    share.release()
    assert take(variables, needs={"gpus": 1}).variables == {"CUDA_VISIBLE_DEVICES": "GPU-0"}


def test_what_a_login_is_given_is_all_that_there_is(variables: dict[str, str]) -> None:
    login = {**variables, "CUDA_VISIBLE_DEVICES": "3,1"}
    assert take(login, needs={"gpus": 1}).variables == {"CUDA_VISIBLE_DEVICES": "GPU-3"}
    with pytest.raises(AgentError, match="it has 2 GPUs"):
        take(login, needs={"gpus": 3})


def test_runs_that_name_a_card_share_it_and_no_other_gets_it(variables: dict[str, str]) -> None:
    named = [take(variables, env={"CUDA_VISIBLE_DEVICES": "0"}) for _ in range(2)]
    assert [share.variables for share in named] == [{}, {}], "its job says what it sees"
    assert take(variables, needs={"gpus": 1}).variables == {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    with pytest.raises(AgentError, match="no room for GPU 0,1: GPU 1 is run own's"):
        take(variables, env={"CUDA_VISIBLE_DEVICES": "0,1"})


def test_what_others_work_on_is_waited_for(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = tmp_path / "bin/working"
    working.write_text("".join(f"GPU-{n}, 47{n}\n" for n in range(4)))
    monkeypatch.setattr(taking, "_ASK_AGAIN", 0.0)
    said: list[str] = []

    def pause(seconds: float) -> bool:
        working.write_text("GPU-0, 470\n")
        return True

    share = take(variables, Waiting(said.append, pause), needs={"gpus": 1})
    assert said == ["1 GPU: none of 4 GPUs free"]
    assert share.variables == {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    with turns.turn() as folder:
        assert shares.waiting(folder) == [], "it waits no more"


def test_others_are_looked_at_less_often_and_when_a_run_ends(
    variables: dict[str, str], tmp_path: Path
) -> None:
    working, asked = tmp_path / "bin/working", tmp_path / "bin/asked"
    working.write_text("GPU-0, 470\nGPU-1, 471\nGPU-2, 472\n")
    first = take(variables, needs={"gpus": 1})
    assert first.variables == {"CUDA_VISIBLE_DEVICES": "GPU-3"}
    working.write_text(working.read_text() + "GPU-3, 473\n")  # which is the run's own
    looks = []

    def pause(seconds: float) -> bool:
        looks.append(len(asked.read_text()))
        if len(looks) == 4:
            first.release()
            working.write_text("GPU-0, 470\nGPU-1, 471\nGPU-2, 472\n")
        return True

    share = take(variables, Waiting(lambda text: None, pause), needs={"gpus": 1})
    assert share.variables == first.variables
    assert len(looks) == 4
    assert len({*looks}) == 1, "nobody has been asked between the first look and the run's end"


def test_a_run_that_is_told_to_end_waits_no_more(variables: dict[str, str]) -> None:
    take(variables, needs={"gpus": 4})
    with pytest.raises(AgentError, match="told to end while it waited for 1 GPU: none of 4"):
        take(variables, Waiting(lambda text: None, lambda seconds: False), needs={"gpus": 1})
    with turns.turn() as folder:
        assert shares.waiting(folder) == []


def test_what_can_never_be_is_not_waited_for(variables: dict[str, str]) -> None:
    def pause(seconds: float) -> bool:
        raise AssertionError("it waits")

    with pytest.raises(AgentError, match="it has 4 GPUs"):
        take(variables, Waiting(print, pause), needs={"gpus": 5})


def test_a_run_that_waits_goes_on_while_a_driver_is_exchanged(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had, smi = take(variables, needs={"gpus": 4}), tmp_path / "bin/nvidia-smi"
    monkeypatch.setattr(taking, "_ASK_AGAIN", 0.0)
    said: list[str] = []

    def pause(seconds: float) -> bool:
        if smi.exists():
            smi.rename(tmp_path / "aside")
        else:
            (tmp_path / "aside").rename(smi)
            had.release()
        return True

    share = take(variables, Waiting(said.append, pause), needs={"gpus": 1})
    assert share.variables == {"CUDA_VISIBLE_DEVICES": "GPU-0"}
    assert said == ["1 GPU: none of 4 GPUs free", "1 GPU: it has no GPUs"]


def test_nobody_overtakes_a_run_that_waits(variables: dict[str, str]) -> None:
    take(variables, needs={"gpus": 1})
    with turns.turn() as folder:
        cards = tuple(Taken(str(n), f"GPU-{n}") for n in range(4))
        shares.queue_up(folder, Share("/runs/large", {"gpus": 4}, cards))
    with pytest.raises(AgentError, match="1 run waits for it"):
        take(variables, needs={"gpus": 1})


def test_what_a_pipeline_has_its_steps_have(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = take(variables, needs={"gpus": 4})
    for name, value in {**own.variables, **own.shared}.items():
        monkeypatch.setenv(name, value)
    step = take(variables, needs={"gpus": 1})
    assert step.variables == own.variables
    assert step.handles == own.handles
    assert step.record == {}


@pytest.mark.parametrize("file_system", ["flock", "no flock"])
def test_twelve_at_once_never_share_one_of_four_cards(
    top: Path, variables: dict[str, str], file_system: str
) -> None:
    # Some want two of them: all or nothing, so that none waits for what another holds.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(top), str(1 + n % 2), file_system],
            stdout=subprocess.PIPE,
            env={**os.environ, **variables},
            text=True,
        )
        for n in range(12)
    ]
    spans = []
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        begun, ended, cards = said.split()
        spans += [(card, int(begun), int(ended)) for card in cards.split(",")]
    assert len(spans) == 18
    for card in ("GPU-0", "GPU-1", "GPU-2", "GPU-3"):
        times = sorted((begun, ended) for name, begun, ended in spans if name == card)
        assert all(a[1] <= b[0] for a, b in pairwise(times)), f"two had {card}"
