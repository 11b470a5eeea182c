"""What the kernel says of processors, and rsync of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.agent.machine import abilities


@pytest.mark.parametrize(
    ("told", "has"),
    [
        (b"processor\t: 0\nflags\t\t: fpu aes avx\nbugs\t: x\n", True),
        (b"flags\t\t: fpu avx aes\n", True),
        (b"flags\t\t: fpu avx vaes\nbugs\t\t: aes\n", False),
        (b"processor\t: 0\nBogoMIPS\t: 50\nFeatures\t: fp asimd aes pmull\n", True),
        (b"Features\t: fp asimd\nmodel name\t: aes\n", False),
        (b"", False),
    ],
)
def test_a_processor_has_aes_where_its_flags_say_so(told: bytes, has: bool) -> None:
    assert abilities.tells_of_aes(told) is has


def test_an_rsync_that_says_nothing_has_no_zstd(tmp_path: Path) -> None:
    for lines in ("exit 1", "kill -9 $$", "echo zstd", "printf '\\0\\377'"):
        program = tmp_path / "rsync"
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        assert not abilities.has_zstd(str(program), 5)
    assert not abilities.has_zstd(str(tmp_path / "none"), 5)
