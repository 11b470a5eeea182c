"""Event files of runs, read once for all that shows scalars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import rundirs
from rundirs import A, B

pytest.importorskip("tensorboard")

from tensorboard.compat.proto.event_pb2 import Event

from guild_sync.agent import calls
from guild_sync.agent.protocol import Value
from guild_sync.eventfiles import framing, noting, reading
from guild_sync.hosts.local import LocalHost


def write(path: Path, tag: str, *values: float, first: int = 0) -> None:
    events = []
    for step, value in enumerate(values, first):
        event = Event(wall_time=1000.0 + step, step=step)
        event.summary.value.add(tag=tag, simple_value=value)
        events.append(framing.framed(event.SerializeToString()))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(events))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return rundirs.make(tmp_path / "here", A, started=1, exit_status=0)


@pytest.fixture
def here(tmp_path: Path) -> LocalHost:
    return LocalHost(str(tmp_path / "here"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The event files that are read from now on."""
    found: list[str] = []
    original = reading.scalars_of

    def noted(path: str, most: int) -> object:
        found.append(Path(path).name)
        return original(path, most)

    monkeypatch.setattr(reading, "scalars_of", noted)
    return found


def lasts(here: LocalHost, ids: Sequence[str] = ()) -> dict[str, object]:
    """The last number of each scalar, as a comparison shows it."""
    (run,) = here.compared(ids)["runs"]
    return {name: scalar["last"] for name, scalar in run["scalars"].items()}


def test_scalars_have_the_names_that_guild_ai_gives_them(here: LocalHost, run: Path) -> None:
    write(run / "events.out.tfevents.1.x", "top", 1)
    write(run / ".guild" / "events.out.tfevents.1.x", "own", 2)
    write(run / "logs/train" / "events.out.tfevents.1.x", "loss", 3)
    write(run / "logs/val" / "events.out.tfevents.1.x", "loss", 4)
    write(run / ".guild/sourcecode" / "events.out.tfevents.1.x", "no", 5)
    assert lasts(here) == {"top": 1, "own": 2, "logs/train#loss": 3, "logs/val#loss": 4}


def test_a_file_is_read_once_and_again_where_it_has_grown(
    here: LocalHost, run: Path, read: list[str]
) -> None:
    path = run / "events.out.tfevents.1.x"
    write(path, "loss", 3, 2)
    assert [lasts(here), lasts(here)] == [{"loss": 2}, {"loss": 2}]
    assert len(read) == 1
    write(path, "loss", 3, 2, 1)
    assert lasts(here) == {"loss": 1}
    assert len(read) == 2
    path.unlink()
    assert lasts(here) == {}


def test_several_files_of_a_folder_are_one_series(here: LocalHost, run: Path) -> None:
    write(run / "events.out.tfevents.1000.x", "loss", 4, 3)
    assert lasts(here) == {"loss": 3}
    write(run / "events.out.tfevents.2000.x", "loss", 2, 1, first=2)
    (found,) = here.compared()["runs"]
    assert {name: found["scalars"]["loss"][name] for name in ("first", "last", "count")} == {
        "first": 4,
        "last": 1,
        "count": 4,
    }
    assert here.points_of([A])[A]["loss"]["value"] == [4, 3, 2, 1]
    write(run / "events.out.tfevents.1000.x", "loss", 9, 8)
    assert here.points_of([A])[A]["loss"]["value"] == [9, 8, 2, 1]


def test_what_guild_has_written_itself_is_not_read(here: LocalHost, run: Path) -> None:
    write(run / ".guild" / f"events.out.tfevents.1.x{noting.OWN}", "loss", 1)
    assert lasts(here) == {}


def test_a_damaged_file_is_noted_once(here: LocalHost, run: Path, read: list[str]) -> None:
    (run / "events.out.tfevents.1.x").write_bytes(b"nonsense" * 100)
    assert [lasts(here), lasts(here)] == [{}, {}]
    assert len(read) == 1


def test_all_that_asks_for_scalars_has_them(here: LocalHost, run: Path, read: list[str]) -> None:
    rundirs.make(Path(here.home), B, started=2, exit_status=0)
    write(run / "events.out.tfevents.1.x", "loss", 0.5)
    (best,) = here.choose(lowest="loss", limit=1)
    assert best["id"] == A
    assert len(read) == 1
    asks = {
        name for name, function in calls.TABLE.items() if calls.tells_scalars(function, {"sort": 1})
    }
    assert asks == {"compared", "points_of", "scalars_of", "listed", "info"}


def test_a_filter_by_a_scalar_finds_it(here: LocalHost, run: Path) -> None:
    rundirs.make(Path(here.home), B, started=2, exit_status=0)
    write(run / "events.out.tfevents.1.x", "loss", 0.5)
    expression: Value = ["<", "loss", 1]
    assert here.unknown_names(expression) == {}
    assert [one["id"] for one in here.list_runs(filters={"expression": expression})["runs"]] == [A]


def test_a_listing_reads_no_event_file(here: LocalHost, run: Path, read: list[str]) -> None:
    write(run / "events.out.tfevents.1.x", "loss", 0.5)
    here.list_runs()
    here.choose(limit=1)
    here.listed()
    assert read == []


def test_without_tensorboard_nothing_is_read(
    here: LocalHost, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run / "events.out.tfevents.1.x", "loss", 0.5)
    monkeypatch.setattr(noting, "find_spec", lambda name: None)
    assert lasts(here) == {}


def test_files_beyond_their_time_are_read_when_they_are_asked_for_again(
    run: Path, here: LocalHost, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        write(run / folder / "events.out.tfevents.1", "loss", 1, 2)
    monkeypatch.setattr(noting, "_MOST_TIME", -1.0)
    assert lasts(here) == {}
    monkeypatch.undo()
    assert lasts(here) == {"a#loss": 2.0, "b#loss": 2.0}


def test_of_a_folder_with_too_much_the_first_is_read_and_it_is_partial(
    run: Path, here: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run / "a" / "events.out.tfevents.1", "loss", 1, 2, 3)
    size = (run / "a" / "events.out.tfevents.1").stat().st_size
    monkeypatch.setattr(noting, "_MOST_READ", size - 1)
    write(run / "a" / "events.out.tfevents.2", "loss", 4, first=3)
    (found,) = here.compared([A])["runs"]
    assert found["scalars"]["a#loss"]["last"] == 3.0
    assert found["scalars"]["a#loss"]["partial"] is True
    assert here.unnoted_scalars([A]) == {}
