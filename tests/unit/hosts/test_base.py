"""What a host is to the commands."""

from __future__ import annotations

from guild_sync.hosts.base import option


def test_a_command_line_names_a_remote_and_not_this_machine() -> None:
    assert f"guild stop 1{option('gpu1')}" == "guild stop 1 -r gpu1"
    assert f"guild stop 1{option(None)}" == "guild stop 1"
