"""A few bytes of the files that were written last tell how well a run packs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.agent.copies import survey
from guild_sync.agent.copies.sample import sample

RUN = "a" * 32
TEXT = b"step 1 loss 0.5\n" * 10_000
EVER = float("inf")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "runs" / RUN
    (run / ".guild").mkdir(parents=True)
    (run / ".guild/opref").write_text("package:gpkg.demo 1.0 '' op")
    return run


def write(path: Path, data: bytes, age: int = 0) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))


def test_text_packs_well_and_what_is_packed_does_not(run: Path) -> None:
    write(run / "log", TEXT)
    size, packed = sample(str(run), (), EVER)
    assert (size, packed < size / 20) == (len(TEXT), True)
    (run / "log").unlink()
    data = os.urandom(len(TEXT))
    write(run / "model", data)
    assert sample(str(run), (), EVER) == (len(data), len(data))


def test_the_files_that_were_written_last_count_by_their_sizes(run: Path) -> None:
    write(run / "old", os.urandom(5_000_000), age=99)
    for number in range(4):
        write(run / "new" / str(number), TEXT)
    assert sample(str(run), (), EVER)[0] == 4 * len(TEXT)
    write(run / "new" / "3", os.urandom(5_000_000), age=-1)
    size, packed = sample(str(run), (), EVER)
    assert packed > 0.9 * size


def test_what_does_not_come_does_not_count(run: Path) -> None:
    write(run / "model", os.urandom(90_000))
    write(run / "data" / "x", os.urandom(90_000))
    write(run / "log", TEXT)
    write(run / ".guild" / "LOCK", TEXT)
    assert sample(str(run), {"model", "data/"}, EVER)[0] == len(TEXT)


def test_what_is_no_file_is_not_opened(run: Path, tmp_path: Path) -> None:
    os.mkfifo(run / "pipe")
    write(tmp_path / "log", TEXT)
    (run / "link").symlink_to(tmp_path / "log")
    (run / "empty").touch()
    assert sample(str(run), (), EVER) == (0, 0)
    assert sample(str(run / "none"), (), EVER) == (0, 0)


def test_where_no_time_is_left_nothing_is_looked_at(run: Path) -> None:
    write(run / "log", TEXT)
    assert sample(str(run), (), 0.0) == (0, 0)


def test_a_survey_has_it_where_it_is_asked_for(run: Path, tmp_path: Path) -> None:
    write(run / "log", TEXT)
    asked, not_asked = (
        survey.survey(str(tmp_path), [RUN], packing=packing)["states"][RUN]["sample"]
        for packing in (True, False)
    )
    assert (asked[0], not_asked) == (len(TEXT), (0, 0))
