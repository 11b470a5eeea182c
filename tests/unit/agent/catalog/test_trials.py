"""Trials of a batch over several remotes: each waits here until it is given to one of these."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest
from rundirs import A, B, make, state

from guild_sync.agent.catalog import describe, trash, trials
from guild_sync.agent.copies import marks, tracked
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Deal, State
from guild_sync.agent.running import queues
from guild_sync.agent.staging import restage
from guild_sync.agent.store import locks, rundir
from guild_sync.agent.store.rundir import Status

DEAL: Deal = {"batch": B, "number": 3, "count": 5, "remotes": ["gpu1", "gpu2"], "refused": {}}


@pytest.fixture
def trial(tmp_path: Path) -> str:
    """The directory of a trial that waits."""
    directory = make(tmp_path, A, {"STAGED": ""}, staged=1, initialized=1, label="x=1", id=A)
    (directory / ".guild/job.json").write_text('{"argv": ["true"]}')
    (directory / ".guild/vcs.diff").write_text("differs")
    trials.note_trial(str(tmp_path), A, DEAL)
    return str(directory)


def test_a_trial_says_which_deal_it_waits_in(trial: str, tmp_path: Path) -> None:
    assert describe.summary(str(tmp_path), A)["deal"] == DEAL
    assert trials.trials(str(tmp_path), [A, B]) == [
        {
            "run": A,
            "status": "staged",
            "remote": None,
            "exit_status": None,
            "waits": True,
            "refused": {},
        },
        {
            "run": B,
            "status": None,
            "remote": None,
            "exit_status": None,
            "waits": False,
            "refused": {},
        },
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"batch": 1}', "\xff", "{" * 5000])
def test_a_mark_that_is_none_is_no_deal(trial: str, tmp_path: Path, text: str) -> None:
    Path(trial, ".guild/LOCK.trial").write_text(text, encoding="latin-1")
    assert trials.deal_of(trial) is None
    assert not trials.give_trial(str(tmp_path), A, "gpu1")


def test_nobody_starts_a_trial_here(trial: str, tmp_path: Path) -> None:
    home = str(tmp_path)
    assert queues.staged_runs(home) == []
    for act in (
        lambda: restage.recipe(home, A),
        lambda: restage.restage(home, A, {}, {"argv": ["true"]}),
    ):
        with pytest.raises(AgentError, match="a trial that waits for one of gpu1, gpu2"):
            act()
    assert rundir.status(trial) == Status("staged")


def test_its_remote_gets_what_it_is_and_nothing_of_this_place(trial: str, tmp_path: Path) -> None:
    work = trials.trial_work(str(tmp_path), A)
    assert work["attributes"] == {"label": "x=1"}
    assert (work["job"], work["diff"]) == ({"argv": ["true"]}, "differs")
    assert work["opref"] == "package:gpkg.demo 1.0 '' op"


def test_a_trial_is_given_once(trial: str, tmp_path: Path) -> None:
    names = [f"gpu{number}" for number in range(8)]
    given = {}

    def give(name: str) -> None:
        given[name] = trials.give_trial(str(tmp_path), A, name)

    threads = [threading.Thread(target=give, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (name for name in names if given[name])
    assert rundir.status(trial) == Status("staged", winner)
    assert tracked.tracked(str(tmp_path)) == [], "who deals asks its remote, and no sync"
    trials.note_trial_there(str(tmp_path), A)
    assert tracked.tracked(str(tmp_path)) == [(A, winner)]
    assert not trials.trials(str(tmp_path), [A])[0]["waits"]


@pytest.mark.parametrize("told", [state("running"), state("completed", exit_status=0, stopped=5)])
def test_what_a_pull_brings_home_is_no_trial_any_more(
    trial: str, tmp_path: Path, told: State
) -> None:
    home = str(tmp_path)
    trials.give_trial(home, A, "gpu1")  # and who dealt it was killed once it had started there
    marks.begin(home, {A: state("staged")}, "gpu1")
    assert marks.settle(home, {A: state("staged")}, "gpu1") == {}
    assert trials.trials(home, [A])[0]["waits"], "it is not known to have been started"
    marks.begin(home, {A: told}, "gpu1")
    if told["status"] == "completed":
        rundir.write_attrs(trial, {"exit_status": 0, "stopped": 5})
    assert marks.settle(home, {A: told}, "gpu1") == {}
    assert trials.deal_of(trial) is None


def test_what_is_over_here_waits_no_more_whatever_its_mark_says(trial: str, tmp_path: Path) -> None:
    rundir.unmark(trial, rundir.STAGED)
    rundir.write_attrs(trial, {"exit_status": 0})
    assert rundir.status(trial) == Status("completed")
    assert not trials.trials(str(tmp_path), [A])[0]["waits"]


def test_a_trial_that_is_held_or_deleted_is_not_given(trial: str, tmp_path: Path) -> None:
    held = locks.hold(rundir.guild_dir(trial))
    assert held is not None
    assert not trials.give_trial(str(tmp_path), A, "gpu1")
    locks.release(rundir.guild_dir(trial), held)
    trash.delete(str(tmp_path), [A])
    assert not trials.give_trial(str(tmp_path), A, "gpu1")
    (found,) = trials.trials(str(tmp_path), [A])
    assert (found["status"], found["waits"]) == (None, True)
    trash.restore(str(tmp_path), [A])
    assert trials.give_trial(str(tmp_path), A, "gpu1")


def test_what_a_remote_has_not_waits_again_and_keeps_why(trial: str, tmp_path: Path) -> None:
    home = str(tmp_path)
    trials.give_trial(home, A, "gpu1")
    trials.take_trial_back(home, A, "gpu2", "it is not its own")
    assert rundir.status(trial) == Status("staged", "gpu1")
    trials.take_trial_back(home, A, "gpu1", "no venv")
    assert rundir.status(trial) == Status("staged")
    trials.note_refused(home, [A, B], "gpu2", "no room")
    (found,) = trials.trials(home, [A])
    assert found["refused"] == {"gpu1": "no venv", "gpu2": "no room"}
    trials.note_trial_there(home, A)
    trials.take_trial_back(home, A, "gpu1")
    assert not trials.trials(home, [A])[0]["waits"], "a remote's run stays its own"


def test_what_all_have_refused_is_not_said_to_be_dealt(trial: str, tmp_path: Path) -> None:
    home = str(tmp_path)
    trials.note_refused(home, [A], "gpu1", "\x1b" * (1 << 22))
    with pytest.raises(AgentError, match="a trial that waits"):
        restage.recipe(home, A)
    trials.note_refused(home, [A], "gpu2", "no room")
    with pytest.raises(AgentError, match="a trial that gpu1 and gpu2 refused: see 'guild info"):
        restage.recipe(home, A)


def test_only_what_waits_is_withdrawn(trial: str, tmp_path: Path) -> None:
    home = str(tmp_path)
    make(tmp_path, B, exit_status=0)
    trials.give_trial(home, A, "gpu1")
    assert trash.withdraw(home, [A, B])["refused"].keys() == {A, B}, "a copy, and one that is over"
    trials.take_trial_back(home, A, "gpu1")
    held = locks.hold(rundir.guild_dir(trial))
    assert held is not None
    assert trash.withdraw(home, [A])["done"] == [], "it is about to be started"
    locks.release(rundir.guild_dir(trial), held)
    assert trash.withdraw(home, [A])["done"] == [A]
    assert not Path(trial).exists()


def test_what_several_refuse_at_once_is_kept_of_each(trial: str, tmp_path: Path) -> None:
    names = [f"gpu{number}" for number in range(8)]
    refuse = partial(trials.note_refused, str(tmp_path), [A])
    threads = [threading.Thread(target=refuse, args=(name, "no")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trials.trials(str(tmp_path), [A])[0]["refused"] == dict.fromkeys(names, "no")
