"""What a process has of its host with the one that has started it."""

from __future__ import annotations

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
