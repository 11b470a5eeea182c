"""A run's files as one stream."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from rundirs import A as ID

from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import archive as files_archive
from guild_sync.transfer.archive import into


def received(tmp_path: Path, home: str, **choice: Any) -> Path:
    target = tmp_path / "received"
    with into(target) as on_bytes:
        for _, data in files_archive.archive(home, ID, **choice):
            on_bytes(data)
    return target


def test_chosen_files_arrive_as_they_are(home: str, run: Path, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (run / "big").write_bytes(content)
    (run / ("long" * 40)).write_text("long")
    (run / os.fsdecode(b"\xff")).write_text("bytes")
    os.utime(run / "op.py", (1_000_000_000, 1_000_000_000))
    target = received(tmp_path, home)
    assert (target / "big").read_bytes() == content
    assert (target / ("long" * 40)).read_text() == "long"
    assert (target / os.fsdecode(b"\xff")).read_text() == "bytes"
    assert (target / "op.py").stat().st_mtime == 1_000_000_000
    assert (target / "src/deep/x.py").read_text() == "src/deep/x.py"


def test_a_part_of_the_files_is_what_was_asked_for(home: str, run: Path, tmp_path: Path) -> None:
    target = received(tmp_path, home, kind="sourcecode")
    files = sorted(str(f.relative_to(target)) for f in target.rglob("*") if f.is_file())
    assert files == ["op.py", "src/lib.py"]


def test_links_fifos_and_marks_are_not_sent(home: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (run / "in").symlink_to("op.py")
    (run / "out").symlink_to(tmp_path / "secret")
    os.mkfifo(run / "fifo")
    (run / ".guild" / "LOCK").write_text("1\n")
    (run / ".guild" / "job-packages" / "pkg").mkdir(parents=True)
    (run / ".guild" / "job-packages" / "pkg" / "module.py").write_text("")
    target = received(tmp_path, home)
    assert (target / "in").read_text() == "op.py"
    assert (target / "out").read_text().startswith("out leads out of the run, to ")
    assert not any((target / name).exists() for name in ("fifo", ".guild/LOCK"))
    assert not (target / ".guild" / "job-packages").exists()


def test_a_file_that_is_cut_while_it_is_sent_has_the_size_that_was_told(
    home: str, run: Path, tmp_path: Path
) -> None:
    (run / "data.txt").write_bytes(b"x" * 1_000_000)
    chunks = files_archive.archive(home, ID, pattern="data.txt")
    sent = [next(chunks), next(chunks)]
    os.truncate(run / "data.txt", 0)
    with into(tmp_path / "received") as on_bytes:
        for _, data in [*sent, *chunks]:
            on_bytes(data)
    assert (tmp_path / "received" / "data.txt").stat().st_size == 1_000_000


def test_a_source_file_is_found_in_the_run_or_in_its_source_folder(home: str, run: Path) -> None:
    assert files_archive.source_path(home, ID, "op.py") == "op.py"
    assert files_archive.source_path(home, ID, "./src/lib.py") == "src/lib.py"
    manifest = run / ".guild" / "manifest"
    manifest.write_text("s .guild/sourcecode/op.py 0 op.py\n")
    assert files_archive.source_path(home, ID, "op.py") == ".guild/sourcecode/op.py"
    with pytest.raises(AgentError) as error:
        files_archive.source_path(home, ID, "src/lib.py")
    assert error.value.kind == "missing-file"
