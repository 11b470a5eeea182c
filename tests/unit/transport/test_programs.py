"""What ssh, rsync and setpriv here can is found out once for each version of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from guild_sync.agent.machine import abilities
from guild_sync.transport import programs
from guild_sync.transport.background import in_turn

ANSWERS = {
    "ssh": programs.ssh_has_fastest,
    "rsync": programs.rsync_has_zstd,
    "setpriv": programs._setpriv_ends,
}


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(abilities, "has_aes", lambda: True)
    forget()
    yield
    forget()


def forget() -> None:
    """As in a new process."""
    for answer in ANSWERS.values():
        answer.cache_clear()


Installed = Callable[[str, str], Path]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Puts a program of a few lines of sh first on PATH; it counts how often it is called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def install(name: str, lines: str) -> Path:
        (folder / name).write_text(f"#!/bin/sh\necho x >>{tmp_path}/calls\n{lines}\n")
        (folder / name).chmod(0o755)
        return tmp_path / "calls"

    return install


def calls(counted: Path) -> int:
    return len(counted.read_text().splitlines())


ZSTD = "echo 'Compress list:'; echo '    zstd lz4 zlibx zlib none'"


@pytest.mark.parametrize(
    ("name", "lines", "can"),
    [
        ("ssh", "exit 0", True),
        ("ssh", "echo 'Bad SSH2 cipher spec' >&2; exit 255", False),
        ("rsync", ZSTD, True),
        ("rsync", "echo 'Compress list:'; echo '    lz4 zlibx zlib none'", False),
        ("rsync", "echo 'rsync  version 3.1.3  protocol version 31, zstd'", False),
        ("rsync", "exit 1", False),
    ],
)
def test_what_a_program_can(installed: Installed, name: str, lines: str, can: bool) -> None:
    counted = installed(name, lines)
    for _ in range(2):
        forget()
        assert ANSWERS[name]() is can
    assert calls(counted) == 1, "the second time it was known"


def test_what_takes_too_long_is_found_out_another_time(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("rsync", f"[ -e {tmp_path}/ready ] || exec sleep 600\n{ZSTD}")
    with monkeypatch.context() as hasty:
        hasty.setattr(programs, "_SECONDS", 0.1)
        assert not programs.rsync_has_zstd()
    (tmp_path / "ready").touch()
    forget()
    assert programs.rsync_has_zstd()


def test_however_many_want_to_know_it_is_found_out_once(installed: Installed) -> None:
    counted = installed("setpriv", "sleep 0.2")
    ask = partial(programs.ending_with_us, "sh")
    assert all(in_turn([ask] * 16, 16))
    assert calls(counted) == 1


def test_another_version_is_asked_anew(installed: Installed) -> None:
    counted = installed("rsync", "exit 1")
    assert not programs.rsync_has_zstd()
    forget()
    installed("rsync", ZSTD)
    assert programs.rsync_has_zstd()
    assert calls(counted) == 2


def test_a_memory_that_is_none_is_made_anew(installed: Installed, tmp_path: Path) -> None:
    installed("rsync", ZSTD)
    for text in ("{", "[1]", '{"rsync": 7}', "7", "[" * 9999):
        kept = tmp_path / "here/machines/this"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text)
        forget()
        assert programs.rsync_has_zstd()


def test_what_is_not_installed_can_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert not programs.ssh_has_fastest()
    assert not programs.rsync_has_zstd()


def test_a_processor_without_instructions_for_aes_has_no_fast_ciphers(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("ssh", "exit 0")
    monkeypatch.setattr(abilities, "has_aes", lambda: False)
    assert not programs.ssh_has_fastest()


def test_the_real_ssh_takes_them_and_offers_what_it_offered(tmp_path: Path) -> None:
    assert programs.ssh_has_fastest()


@pytest.mark.parametrize(("lines", "can"), [('exec "$4"', True), ("exit 1", False)])
def test_what_ends_a_program_with_us_is_told_where_it_can(
    installed: Installed, lines: str, can: bool
) -> None:
    installed("setpriv", f'[ "$1 $2 $3" = "--pdeathsig TERM --" ] || exit 1; {lines}')
    assert bool(programs.ending_with_us("sh")) == can
    assert programs.ending_with_us("no-such-program") == (), (
        "who starts it says that it is not here"
    )
