"""What is kept of a batch over several remotes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rundirs import A, B, C, make, new_batch

from guild_sync.agent.protocol import Deal, Trial
from guild_sync.agent.store import identity
from guild_sync.dealing import batches, ending
from guild_sync.hosts.local import LocalHost


def trial(run: str = A, status: str | None = "completed", **known: object) -> Trial:
    about: dict[str, object] = {"remote": None, "exit_status": 0, "waits": False, "refused": {}}
    return {"run": run, "status": status, **about, **known}  # type: ignore[typeddict-item]


@pytest.fixture
def here(tmp_path: Path) -> LocalHost:
    return LocalHost(str(tmp_path / "here"))  # as GUILD_HOME has it


def test_what_is_kept_is_read_back_the_oldest_first(here: LocalHost) -> None:
    one, other = new_batch(C, made=2.0), new_batch("d" * 32, made=1.0)
    for each in (one, other):
        batches.keep(each, is_made=True)
    assert batches.batches(here) == [other, one]
    assert batches.find(C) == one
    assert ending.meant("cccc") == one
    assert ending.meant("ccc") is None, "too short to be meant"
    assert ending.meant("1") is None
    assert batches.stopped(one).stopped
    assert batches.find(C) == batches.stopped(one)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{" * 9999, '{"trials": "x"}', "\xff"])
def test_a_record_that_is_none_is_passed_over(here: LocalHost, text: str) -> None:
    batches.folder_of(C).mkdir(parents=True)
    (batches.folder_of(C) / "batch.json").write_text(text, encoding="latin-1")
    assert batches.batches(here) == []
    assert batches.find(C) is None


def test_a_batch_whose_maker_was_killed_goes_with_all_that_there_is_of_it(here: LocalHost) -> None:
    found = new_batch()
    batches.keep(found, is_made=False)
    directory = make(Path(here.home), A, {"STAGED": ""})
    assert batches.batches(here) == [], "it is just being made"
    assert batches.find(C) is None
    assert directory.exists()
    path = batches.folder_of(C) / "batch.json"
    record = json.loads(path.read_text())
    record["maker"]["pid"] = 2**22 + 1  # nobody's
    path.write_text(json.dumps(record))
    assert identity.recorded(record["maker"]) is not None
    assert batches.batches(here) == []
    assert not directory.exists()
    assert batches.names() == []


def test_nothing_is_kept_once_all_trials_are_over(here: LocalHost) -> None:
    found = new_batch()
    batches.keep(found, is_made=True)
    for left in (
        trial(B, "staged", waits=True),
        trial(B, "running", remote="gpu1"),
        trial(B, "completed", remote="gpu1"),  # it is being copied
        trial(B, None, waits=True),  # in the trash, and may be restored
    ):
        assert not batches.is_forgotten(found, [trial(), left], here)
        assert batches.find(C)
    over = [trial(), trial(B, "lost", remote="gpu1")]
    directory = make(Path(here.home), A, exit_status=0)
    step = make(Path(here.home), "e" * 32, {"LOCK.remote": "gpu1"})
    (directory / "step").symlink_to("../" + "e" * 32)
    assert batches.family(found, here) == {A, B, "e" * 32}
    assert not batches.is_forgotten(found, over, here), "a step comes after the last of it"
    (step / ".guild/LOCK.remote").unlink()
    assert batches.is_forgotten(found, over, here)
    assert batches.find(C) is None


def test_who_waits_and_who_has_failed() -> None:
    waits, given = trial(A, "staged", waits=True), trial(B, "staged", waits=True, remote="gpu1")
    assert batches.waiting([waits, given, trial(C, None, waits=True)]) == [A]
    failed = [trial(status=s) for s in ("error", "terminated", "lost")]
    assert all(map(batches.has_failed, failed))
    assert not any(map(batches.has_failed, [waits, trial(), trial(status=None)]))


def test_there_is_work_while_a_remote_may_take_a_trial(here: LocalHost) -> None:
    found = new_batch()
    batches.keep(found, is_made=True)
    assert not batches.has_work(here)
    make(Path(here.home), A, {"STAGED": ""})
    deal: Deal = {"batch": C, "number": 1, "count": 2, "remotes": ["gpu1", "gpu2"], "refused": {}}
    here.note_trial(A, deal)
    here.note_refused([A], "gpu1", "no")
    assert batches.has_work(here)
    here.note_refused([A], "gpu2", "no")
    assert not batches.has_work(here)
    here.note_trial(A, deal)
    batches.stopped(found)
    assert not batches.has_work(here)


def test_why_a_remote_refuses_trials_is_news_once(here: LocalHost) -> None:
    found = new_batch()
    batches.keep(found, is_made=True)
    assert batches.is_news(found, "gpu1", "no venv\nat all")
    assert not batches.is_news(found, "gpu1", "no venv\nat all")
    assert batches.is_news(found, "../gpu2", "no venv\nat all")
    assert batches.is_news(found, "gpu1", "x" * (1 << 20))
    news = [batches.is_news(found, "gpu1", str(number)) for number in range(200)]
    assert news[0] and not news[-1], "one that has always another reason fills no disk"
    batches.forget(found)
    assert batches.names() == []
