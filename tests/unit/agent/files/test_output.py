"""Outputs as they grow: one that cannot be read is no output, and the others go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rundirs import A, B, C, make

from guild_sync.agent.files import output
from guild_sync.agent.protocol import RUN_DATA, RUN_END, RUN_FAULT
from guild_sync.hosts.bootstrap import AGENT
from guild_sync.hosts.frames import FrameReader, PacketReader


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Runs that have ended, of which that in the middle has no output that can be read."""
    for run_id in (A, B, C):
        make(tmp_path, run_id, exit_status=0)
    (tmp_path / "runs" / A / ".guild/output").write_text("of a\n")
    (tmp_path / "runs" / B / ".guild/output").mkdir()
    (tmp_path / "runs" / C / ".guild/output").write_text("of c\n")
    return tmp_path


def test_an_output_that_cannot_be_read_is_told_and_the_others_come(home: Path) -> None:
    assert list(output.follow_all(str(home), {A: 0, B: 0, C: 3})) == [
        (RUN_DATA, A.encode() + b"of a\n"),
        (RUN_END, A.encode()),
        (RUN_FAULT, B.encode() + b"Is a directory"),
        (RUN_END, B.encode()),
        (RUN_DATA, C.encode() + b"c\n"),
        (RUN_END, C.encode()),
    ]


@pytest.mark.parametrize("asked", [("watch", {"run": B}), ("cat", {"run": B, "path": "x"})])
def test_an_error_in_a_stream_is_its_end_and_none_of_what_it_brings(
    home: Path, asked: tuple[str, dict[str, str]]
) -> None:
    (home / "runs" / B / "x").mkdir()
    function, args = asked
    request = json.dumps({"home": str(home), "function": function, "args": args})
    came: list[tuple[bytes, bytes]] = []
    packets = PacketReader(lambda kind, data: came.append((kind, data)))
    frame = FrameReader(packets.feed)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(AGENT)],
        input=f"{request}\n".encode(),
        stdout=subprocess.PIPE,
        timeout=60,
    )
    frame.feed(done.stdout)
    assert frame.answer == {"ok": None}
    assert packets.end is not None
    assert "directory" in str(packets.end["error"])
    assert came == []
