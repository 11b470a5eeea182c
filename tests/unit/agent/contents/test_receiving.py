"""What was sent for a run, given to it whole, or asked for again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contents import form, path_of, sent
from rundirs import A, B, make

from guild_sync.agent.contents import inputs, kept, receiving
from guild_sync.agent.protocol import FILES
from guild_sync.agent.staging import stage
from guild_sync.agent.store.job import write_job

WANTED = {"demo.whl": form(b"wheel"), f"{FILES}/data/x.bin": form(b"data")}
SIZES = {content["digest"]: content["size"] for content in WANTED.values()}


def receive(home: Path, run_id: str = A) -> list[str]:
    return receiving.receive(str(home), run_id, WANTED)


def test_a_run_has_what_was_sent_and_the_next_one_without_its_being_sent(
    home: Path, run: Path
) -> None:
    assert receiving.wanting(str(home), A, SIZES) == [*SIZES]
    sent(home, A, b"wheel", b"data")
    assert receive(home) == []
    packages = run / ".guild/job-packages"
    assert (packages / "demo.whl").read_bytes() == b"wheel"
    assert (packages / FILES / "data/x.bin").read_bytes() == b"data"
    assert inputs.kept(str(run)) == {"data/x.bin": inputs.Content(form(b"data")["digest"], 4)}
    write_job(str(make(home, B)), {"children": [{}]})
    assert receiving.wanting(str(home), B, SIZES) == []
    assert receive(home, B) == []
    kept_file = path_of(home, b"data")
    assert kept_file.stat().st_nlink == 3, "it takes room once"


@pytest.mark.parametrize("came", [(), (b"wheel",), (b"wheel", b"torn"), (b"data",)])
def test_what_has_not_come_is_asked_for_and_nothing_is_done(
    home: Path, run: Path, came: tuple[bytes, ...]
) -> None:
    sent(home, A, *came)
    missing = receive(home)
    assert missing == [d for d in SIZES if d not in {form(data)["digest"] for data in came}]
    assert not (run / ".guild/job-packages").exists()
    sent(home, A, b"wheel", b"data")
    assert receive(home) == []


def test_what_was_removed_after_it_was_there_is_asked_for(home: Path, run: Path) -> None:
    sent(home, A, b"wheel", b"data")
    assert kept.take(str(home), A, SIZES) == []
    assert receiving.wanting(str(home), A, SIZES) == []
    path_of(home, b"data").unlink()
    assert receive(home) == [form(b"data")["digest"]]
    assert os.path.isdir(kept.incoming(str(home), A)), "to where it can be sent"


def test_a_run_that_does_not_come_to_be_leaves_nothing_that_came(home: Path, run: Path) -> None:
    sent(home, A, b"half")
    stage.discard(str(home), A)
    assert not run.exists()
    assert [*(home / "contents").iterdir()] == []
