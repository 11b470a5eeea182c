"""What a host is to the commands."""

from __future__ import annotations

import pytest

from guild_sync.hosts.base import from_here, option


def test_a_command_line_names_a_remote_and_not_this_machine() -> None:
    assert f"guild stop 1{option('gpu1')}" == "guild stop 1 -r gpu1"
    assert f"guild stop 1{option(None)}" == "guild stop 1"


RUN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Show runs with 'guild runs'.", "Show runs with 'guild runs -r far'."),
        ("with 'guild runs --deleted'.", "with 'guild runs -r far --deleted'."),
        ("'guild runs info' shows it.", "'guild runs info -r far' shows it."),
        (
            f"In that case: guild runs rm {RUN}, and",
            f"In that case: guild runs rm {RUN} -r far, and",
        ),
        (f"Stop it first: guild stop {RUN}", f"Stop it first: guild stop {RUN} -r far"),
        (f"from here: guild run --start {RUN}", f"from here: guild run --start {RUN} -r far"),
        ("'guild ls --sourcecode'", "'guild ls -r far --sourcecode'"),
        # Which remote is meant, or that none is, is said already; and what is no command.
        (f"guild run -r x --restart {RUN}", f"guild run -r x --restart {RUN}"),
        (f"Or here: guild run --proto {RUN}", f"Or here: guild run --proto {RUN}"),
        ("install guild with it: guild lists runs", "install guild with it: guild lists runs"),
    ],
)
def test_an_agents_hint_names_commands_as_they_are_typed_here(said: str, shown: str) -> None:
    assert from_here(said, "far") == shown
