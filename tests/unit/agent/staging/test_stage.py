"""A run that is made, or given up, is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from support import at_every_line

from guild_sync.agent.catalog import find
from guild_sync.agent.staging import stage
from guild_sync.agent.store import rundir

A = "a" * 32


def test_a_run_that_is_discarded_never_looks_as_if_it_had_ended(tmp_path: Path) -> None:
    home = str(tmp_path)
    seen = set()

    def check() -> None:
        if A in find.run_ids(home):
            seen.add(rundir.status(rundir.run_dir(home, A)))

    with at_every_line(check):
        stage.stage(home, A, "package:gpkg.demo 1.0 '' op", {"flags": {}}, {"argv": ["true"]})
        stage.discard(home, A)
    assert seen == {rundir.Status("pending")}
    assert not [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]


def test_what_a_cut_off_discard_left_is_in_nobodys_way(tmp_path: Path) -> None:
    home = str(tmp_path)
    (tmp_path / "runs" / f"{rundir.DELETING}{A}" / "x").mkdir(parents=True)
    stage.stage(home, A, "package:gpkg.demo 1.0 '' op", {"flags": {}}, {"argv": ["true"]})
    stage.discard(home, A)
    assert find.run_ids(home) == []
    assert not [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
