"""A batch waited for: until when, and how that ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rundirs import A, B, C, make, new_batch

from guild_sync.agent.catalog import trials
from guild_sync.dealing import waiting
from guild_sync.dealing.batches import Batch
from guild_sync.errors import Exit
from guild_sync.hosts.local import LocalHost


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalHost:
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(waiting, "_FIRST_PAUSE", 0.0)
    return LocalHost(str(tmp_path / "here"))


def ends(here: LocalHost, run_id: str, code: int) -> None:
    make(Path(here.home), run_id, exit_status=code)


def waits(here: LocalHost, run_id: str, of: Batch, **refused: str) -> None:
    make(Path(here.home), run_id, {"STAGED": ""})
    remotes = [*of.remotes]
    about = {"batch": of.id, "number": 1, "count": 2, "remotes": remotes, "refused": refused}
    trials.note_trial(here.home, run_id, about)  # type: ignore[arg-type]


def rounds(*acts: Callable[[], Sequence[str]]) -> waiting.Round:
    """One after the other; each says who answered."""
    left = iter(acts)
    return lambda is_patient: next(left)()


def test_it_ends_with_the_exit_status_of_the_first_trial_that_failed(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    of = new_batch()
    waits(here, A, of)

    def second_first() -> Sequence[str]:
        ends(here, B, 4)
        return ["gpu1"]

    def then_the_first() -> Sequence[str]:
        (Path(here.home, "runs", A, ".guild/LOCK.trial")).unlink()
        (Path(here.home, "runs", A, ".guild/STAGED")).unlink()
        Path(here.home, "runs", A, ".guild/attrs/exit_status").write_text("3")
        return ["gpu1"]

    assert waiting.wait(of, here, rounds(second_first, then_the_first)) == 3
    assert capsys.readouterr().out.splitlines() == [
        f"trial 2 failed: run {B} ended with error (exit status 4)",
        f"trial 1 failed: run {A} ended with error (exit status 3)",
        "2 of 2 trials failed",
    ]


def test_all_that_completed_is_well_and_what_was_deleted_is_out_of_it(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    ends(here, A, 0)
    assert waiting.wait(new_batch(), here, rounds(list)) == Exit.OK
    assert capsys.readouterr().out.splitlines() == [
        "Of 2 trials, deleted: 1",
        "Completed: 1 trial",
    ]


def test_it_gives_up_where_no_remote_that_matters_answers_twice(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    of = new_batch()
    ends(here, A, 0)
    waits(here, B, of, gpu1="no venv")
    asked = []

    def visit_all(is_patient: bool) -> Sequence[str]:
        asked.append(is_patient)
        return ["gpu1"] if len(asked) > 1 else ["gpu1", "gpu2"]

    assert waiting.wait(of, here, visit_all) == Exit.UNREACHABLE
    assert asked == [False, True, False], "the last time it is tried, whatever came before"
    assert "Of 2 trials, 1 not dealt yet" in capsys.readouterr().out


def test_what_all_refused_has_failed(here: LocalHost, capsys: pytest.CaptureFixture[str]) -> None:
    of = new_batch()
    ends(here, A, 0)
    waits(here, B, of, gpu1="no venv", gpu2="no room")
    assert waiting.wait(of, here, rounds(lambda: ["gpu1"])) == Exit.ERROR
    assert capsys.readouterr().out.splitlines() == [
        f"trial 2 was refused by all: see 'guild info {B}'",
        "1 of 2 trials failed",
    ]


def test_ctrl_c_tells_what_is_left_for_syncs(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    of = new_batch()
    waits(here, A, of)
    make(Path(here.home), B, {"LOCK.remote": "gpu2"})

    def interrupted(is_patient: bool) -> Sequence[str]:
        raise KeyboardInterrupt

    assert waiting.wait(of, here, interrupted) == Exit.INTERRUPTED
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "Of 2 trials, 1 not dealt yet, 1 on gpu2"
    assert said[-1] == f"To end the batch: guild stop {C}"
