"""What queues and series print."""

from __future__ import annotations

import pytest

from guild_sync.agent.running.saying import say


def test_a_line_stays_one_line_whatever_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    say("Started a\nb\x1b[2J (é)")
    assert capfd.readouterr().out == "Started a?b?[2J (é)\n"
