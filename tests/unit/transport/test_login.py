"""The command that opens a connection on the terminal, and where there is nobody to be asked."""

from __future__ import annotations

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError
from guild_sync.transport import login, ssh, ssh_config

GPU = Remote("gpu", "ssh", host="gpu.example.com")


def test_the_argv_may_ask_and_runs_nothing() -> None:
    argv = login.argv(GPU, {"controlmaster": "auto"})
    config = str(ssh_config.config_file(GPU, asking=True))
    assert argv == ("ssh", "-n", "-F", config, "--", "gpu.example.com", "exit 0")


def test_who_logs_in_wants_a_connection_that_is_kept() -> None:
    argv = login.argv(GPU, {"controlmaster": "false"})
    assert argv[1:4] == ("-n", "-o", "ControlMaster=auto")


@pytest.mark.parametrize(
    ("env", "somebody"),
    [
        ({}, False),
        ({"SSH_ASKPASS": "/a"}, False),
        ({"SSH_ASKPASS": "/a", "DISPLAY": ":0"}, True),
        ({"SSH_ASKPASS": "/a", "WAYLAND_DISPLAY": "w"}, True),
        ({"SSH_ASKPASS": "/a", "SSH_ASKPASS_REQUIRE": "force"}, True),
        ({"SSH_ASKPASS": "/a", "SSH_ASKPASS_REQUIRE": "prefer"}, False),
        ({"SSH_ASKPASS": "/a", "DISPLAY": ":0", "SSH_ASKPASS_REQUIRE": "never"}, False),
        ({"SSH_ASKPASS_REQUIRE": "force"}, False),
    ],
)
def test_a_program_of_the_users_may_answer_where_ssh_would_call_it(
    env: dict[str, str], somebody: bool
) -> None:
    assert login.has_askpass(env) == somebody


@pytest.mark.parametrize(
    ("option", "seconds"), [("yes", 0), ("0", 0), ("90", 90), ("1h30m", 5400), ("no", None)]
)
def test_how_long_the_connection_stays_is_what_ssh_itself_says(
    option: str, seconds: int | None
) -> None:
    remote = Remote("gpu", "ssh", host="g", ssh_options=(f"ControlPersist={option}",))
    settings = ssh.settings(remote)
    if seconds is None:
        with pytest.raises(GuildError):
            login.idle_seconds(remote, settings)
    else:
        assert login.idle_seconds(remote, settings) == seconds
