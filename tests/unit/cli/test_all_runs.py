"""`guild runs -a`, which may be of so many runs that they are not held at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rundirs import A, B, C, give_scalars, make

from guild_sync.cli import arguments
from guild_sync.commands import runs
from guild_sync.config.home import guild_home
from guild_sync.hosts.local import LocalHost


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> LocalHost:
    monkeypatch.setattr(runs, "_AT_A_TIME", 2)
    home = Path(guild_home())
    make(home, A, started=1, exit_status=0, label="one")
    make(home, B, started=2, exit_status=1)
    make(home, C, started=3, exit_status=0, marks={"BATCH": ""})
    return LocalHost(str(home))


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert runs.main(["runs", *words]) == 0
    return capsys.readouterr().out


def test_all_runs_are_told_as_json_as_they_are_listed(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = here.list_runs(whole=True)["runs"]
    assert [run["id"] for run in listed] == [C, B, A]
    give_scalars(Path(here.home) / "runs" / A, {"loss": (0.5,)})
    told = json.loads(printed(capsys, "-a", "--json"))
    scalars = [run.pop("scalars") for run in told]
    assert told == listed
    assert [[*each] for each in scalars] == [[], [], ["loss"]]
    assert printed(capsys, "-a", "--json", "-Sr") == "[]\n"


def test_all_runs_have_the_lines_of_a_listing(
    here: LocalHost, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, "-a").splitlines()
    assert [line.split()[0] for line in lines] == ["[cccccccc]", "[1:bbbbbbbb]", "[2:aaaaaaaa]"]
    # With comments, of which there are none, they are held at once.
    assert printed(capsys, "-a", "-c").splitlines() == lines
    assert printed(capsys, "-a", "-s", "-Se").split() == ["[1]", "gpkg.demo/op", "error"]
    assert printed(capsys, "-a", "-Sr") == ""


def test_runs_are_read_as_they_are_printed(here: LocalHost) -> None:
    args = arguments.parse(runs.__doc__ or "", ["runs", "-a"])
    each = runs._each(runs._Wanted(args), here, [], {})
    assert next(each)["id"] == C
    (Path(here.home) / "runs" / A / ".guild" / "attrs" / "label").write_text("another\n")
    assert [run["label"] for run in each] == [None, "another"]
