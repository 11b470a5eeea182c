"""Child processes: what they have of their parent, and what they answer it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guild_sync.agent import protocol
from guild_sync.agent.machine import children


@pytest.mark.parametrize("text", ["", "²", "9" * 5000, "999", "-1", "1\n", "../1"])
def test_what_is_no_open_handle_is_shared_with_nobody(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(protocol.SHARED, text)
    assert children.shared_handles() == ()


def test_an_open_handle_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(protocol.SHARED, "2")
    assert children.shared_handles() == (2,)


# As long as no pipe holds.
LONG = "x" * 300_000
ASK = """
from guild_sync.agent.machine import children
script = "echo >began; cat go; cat >got; echo >ended"
children.asked(["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, 60, 1 << 20, "x" * 300_000)
"""


def ask(script: str, stdin: str | None = None, seconds: float = 30) -> children.Said:
    variables = {"PATH": os.defpath}
    return children.asked(["sh", "-c", script], variables, seconds, 1 << 20, stdin)


def test_a_program_is_asked_with_a_text_and_answers_by_both_its_pipes_and_its_status() -> None:
    assert ask("cat; echo why >&2; exit 3", LONG) == (3, LONG, "why\n")
    assert ask("cat") == (0, "", "")
    assert ask("kill -9 $$").code == -9


def test_a_program_goes_on_and_has_its_whole_text_where_who_asked_is_killed(tmp_path: Path) -> None:
    for name in ("began", "go", "ended"):
        os.mkfifo(tmp_path / name)
    asking = subprocess.Popen([sys.executable, "-c", ASK], cwd=tmp_path)
    (tmp_path / "began").read_text()
    asking.kill()
    asking.wait()
    (tmp_path / "go").write_text("")
    (tmp_path / "ended").read_text()
    assert (tmp_path / "got").read_text() == LONG


@pytest.mark.parametrize("word", ["no-such-program", "a\0b"])
def test_what_cannot_be_started_has_done_nothing(word: str) -> None:
    with pytest.raises(children.NotStarted):
        children.asked([word], {}, 30, 100)


def test_a_program_that_closes_its_output_and_stays_is_ended() -> None:
    with pytest.raises(children.Unanswered, match=r"^has not ended in 0 s$"):
        ask("exec >&- 2>&-; exec sleep 600", seconds=0.2)


def test_a_program_that_says_too_much_is_ended() -> None:
    with pytest.raises(children.Unanswered, match=r"^says more than 1048576 bytes$"):
        ask("exec cat /dev/zero")
