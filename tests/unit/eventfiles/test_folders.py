"""Runs written for TensorBoard: what its own reader finds, and only what has changed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import rundirs
from rundirs import A, B

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from guild_sync.agent.protocol import ComparedRun, Points
from guild_sync.agent.store import attrs
from guild_sync.errors import GuildError
from guild_sync.eventfiles import folders, noting
from guild_sync.hosts.local import LocalHost

POINTS: dict[str, Points] = {
    "loss": {"time": [2_500_000, 1_000_000], "step": [10, 0], "value": [0.25, "nan"]},
    "val/acc": {"time": [3_000_000], "step": [1 << 70], "value": [1]},
}
SEVERAL = {A: POINTS, B: POINTS}


def runs_of(home: Path, *ids: str) -> list[ComparedRun]:
    return LocalHost(str(home)).compared([*ids])["runs"]


def points_of(ids: Sequence[str]) -> dict[str, dict[str, Points]]:
    return {run_id: SEVERAL[run_id] for run_id in ids if run_id in SEVERAL}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    rundirs.make(home, A, started=1_000_000, label="lr=0.1", flags={"lr": 0.1, "x": "a", "b": True})
    rundirs.make(home, B, started=2_000_000)
    return home


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_tensorboards_own_reader_finds_times_steps_and_numbers(home: Path, tmp_path: Path) -> None:
    found = folders.write_all(runs_of(home, A), points_of, tmp_path / "tb")
    assert found == ([A], [], [])
    reader = EventAccumulator(str(tmp_path / "tb" / f"{A[:8]} gpkg.demo_op lr=0.1"))
    reader.Reload()
    assert reader.Tags()["scalars"] == ["loss"], "a step that has no room there is left out"
    first, last = reader.Scalars("loss")
    assert (first.wall_time, first.step, str(first.value)) == (1.0, 0, "nan")
    assert (last.wall_time, last.step, last.value) == (2.5, 10, 0.25)
    metadata = reader.SummaryMetadata("_hparams_/session_start_info")
    assert metadata.plugin_data.plugin_name == "hparams"


def test_only_what_has_changed_is_written(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "tb"
    assert folders.write_all(runs_of(home, A, B), points_of, top) == ([A, B], [], [])
    before = {name: (top / name).stat().st_ino for name in files(top)}
    assert folders.write_all(runs_of(home, A, B), points_of, top) == ([], [A, B], [])
    assert {name: (top / name).stat().st_ino for name in files(top)} == before

    def grown(ids: Sequence[str]) -> dict[str, dict[str, Points]]:
        return {**points_of(ids), A: {"loss": {"time": [1], "step": [1], "value": [1]}}}

    assert folders.write_all(runs_of(home, A, B), grown, top) == ([A], [B], [])
    assert len(files(top)) == 2, "of a run that has changed one file is there"


def test_another_label_is_another_name_of_the_folder(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "tb"
    folders.write_all(runs_of(home, A), points_of, top)
    label = home / "runs" / A / ".guild/attrs/label"
    label.write_text(attrs.encode("../a:b\x1b[31m\n" + "x" * 300))
    assert folders.write_all(runs_of(home, A), points_of, top) == ([], [A], [])
    (folder,) = top.iterdir()
    assert folder.name.startswith(f"{A[:8]} gpkg.demo_op .._a_b_[31m_xxx")
    assert len(folder.name) == 120


def test_runs_whose_ids_begin_alike_have_folders_of_their_own(home: Path, tmp_path: Path) -> None:
    other = A[:8] + "b" * 24
    rundirs.make(home, other, label="lr=0.1", flags={"lr": 0.1})
    found = folders.write_all(
        runs_of(home, A, other), lambda ids: dict.fromkeys(ids, POINTS), tmp_path / "tb"
    )
    assert found.done == [A, other]
    assert len({Path(name).parent for name in files(tmp_path / "tb")}) == 2


def test_a_run_without_scalars_has_no_folder(home: Path, tmp_path: Path) -> None:
    found = folders.write_all(runs_of(home, A, B), lambda ids: {A: POINTS, B: {}}, tmp_path / "tb")
    assert (found.done, found.without) == ([A], [B])
    assert len([*(tmp_path / "tb").iterdir()]) == 1


def test_where_the_run_itself_is_its_file_goes_into_its_metadata(
    home: Path, tmp_path: Path
) -> None:
    folders.write_all(runs_of(home, A), points_of, home / "runs")
    (name,) = (path.name for path in (home / "runs" / A / ".guild").glob("events.*"))
    assert name.endswith(noting.OWN)
    other = home / "runs" / B / ".guild/events.out.tfevents.1.x"
    other.touch()
    assert folders.write_all(runs_of(home, B), points_of, home / "runs").unchanged == [B]
    (tmp_path / "tb" / A).mkdir(parents=True)
    (tmp_path / "tb" / A / ".guild").symlink_to(tmp_path)
    with pytest.raises(GuildError, match="is a link"):
        folders.write_all(runs_of(home, A), points_of, tmp_path / "tb")


def test_what_a_kill_has_left_goes_with_the_next_export(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "tb"
    monkeypatch.setattr(os, "replace", lambda old, new: os._exit(9))
    pid = os.fork()
    if not pid:
        folders.write_all(runs_of(home, A), points_of, top)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    monkeypatch.undo()
    assert ".guild-unfinished-" in files(top)[0]
    folders.write_all(runs_of(home, A), points_of, top)
    (name,) = files(top)
    assert "tfevents" in name


def test_one_guild_at_a_time_writes_into_a_folder(home: Path, tmp_path: Path) -> None:
    top = tmp_path / "tb"
    top.mkdir()
    handle = os.open(top, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(GuildError, match="another guild"):
        folders.write_all(runs_of(home, A), points_of, top)
    os.close(handle)
    (tmp_path / "file").touch()
    with pytest.raises(GuildError, match="exists"):
        folders.write_all(runs_of(home, A), points_of, tmp_path / "file")
