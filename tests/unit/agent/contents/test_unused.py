"""Contents that go: none that a run has need of, in the trash neither."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from contents import form, path_of, sent
from rundirs import A, B, make
from support import at_every_line

from guild_sync.agent.contents import inputs, kept, receiving, unused
from guild_sync.agent.protocol import FILES, MONTH
from guild_sync.agent.store.job import write_job

OLD = 100 * 24 * 3600


def given(home: Path, run_id: str, data: bytes) -> Path:
    """A run that a content was sent for."""
    run = make(home, run_id)
    write_job(str(run), {"children": [{}]})
    sent(home, run_id, data)
    assert receiving.receive(str(home), run_id, {f"{FILES}/x": form(data)}) == []
    return run


def removed(home: Path, seconds: float = 0) -> list[str]:
    told = unused.unused(str(home), seconds)
    assert unused.unused(str(home), seconds, remove=True) == told
    return [leaving["path"] for leaving in told]


def test_what_a_run_names_stays_until_the_last_of_them_is_gone(home: Path) -> None:
    runs = [given(home, A, b"data"), given(home, B, b"data")]
    assert removed(home) == []
    shutil.rmtree(runs[0])
    assert removed(home) == []
    trash = home / "trash/runs" / B
    trash.parent.mkdir(parents=True)
    runs[1].rename(trash)
    assert removed(home) == []
    shutil.rmtree(trash)
    assert removed(home) == [str(path_of(home, b"data"))]
    assert removed(home) == []


def test_a_run_that_has_a_copy_names_it_all_the_same(home: Path) -> None:
    run = given(home, A, b"data")
    shutil.rmtree(run / ".guild/job-packages")  # no other name of it is left
    assert path_of(home, b"data").stat().st_nlink == 1
    assert removed(home) == []
    (run / ".guild/inputs.json").unlink()
    assert removed(home) == [str(path_of(home, b"data"))]


def test_a_run_that_is_made_while_one_is_removed_has_it(home: Path) -> None:
    shutil.rmtree(given(home, A, b"data"))
    path = path_of(home, b"data")

    def name_it() -> None:
        if [*path.parent.glob(".gone-*")] and not (home / "runs" / B).exists():
            inputs.begin(str(make(home, B)), {"x": inputs.Content(path.name, 4)})

    with at_every_line(name_it):
        assert unused.unused(str(home), remove=True) == []
    assert path.read_bytes() == b"data"


def test_one_of_which_a_file_of_a_run_is_another_name_stays(home: Path) -> None:
    run = given(home, A, b"data")
    (run / ".guild/inputs.json").write_text("torn")
    assert removed(home) == []


def test_one_that_was_used_meanwhile_stays_for_a_month(home: Path) -> None:
    shutil.rmtree(given(home, A, b"data"))
    assert removed(home, MONTH) == []
    assert removed(home) == [str(path_of(home, b"data"))]


def test_what_a_kill_left_of_a_removal_is_removed_or_put_back(home: Path) -> None:
    run = given(home, A, b"data")
    path = path_of(home, b"data")
    shutil.rmtree(run / ".guild/job-packages")
    os.rename(path, path.parent / f".gone-{path.name}")
    assert kept.missing(str(home), {path.name: 4}) == [path.name], "it is sent again"
    assert removed(home) == [], "the run names it"
    (run / ".guild/inputs.json").unlink()
    assert len(removed(home)) == 1
    assert [*path.parent.iterdir()] == []


def test_what_comes_for_a_run_is_left_alone_for_a_week(home: Path) -> None:
    sent(home, A, b"data")
    sent(home, B, b"data")
    for name in ("", f"/{path_of(home, b'data').name}"):
        os.utime(kept.incoming(str(home), B) + name, (1, 1))
    assert removed(home) == []
    assert os.path.exists(kept.incoming(str(home), A))
    assert not os.path.exists(kept.incoming(str(home), B))


def test_other_files_there_are_nobodys_to_remove(home: Path) -> None:
    own = path_of(home, b"data").parent / "notes.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert removed(home) == []
    assert own.exists()
    assert inputs.named(str(home / "nowhere")) == set()
