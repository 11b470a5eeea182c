"""Remotes asked side by side."""

from __future__ import annotations

import threading

import pytest

from guild_sync.config.home import config_path
from guild_sync.errors import Exit, GuildError, Unreachable
from guild_sync.fleet.asking import asked, replies
from guild_sync.hosts.remote import RemoteHost


def test_all_are_asked_at_once_and_replies_come_in_order() -> None:
    both = threading.Barrier(2, timeout=30)  # passed by two alone that are there at once

    def question(reply: str) -> str:
        both.wait()
        return reply

    questions = {name: lambda name=name: question(name.upper()) for name in ("b", "a")}
    assert list(replies(questions)) == [("b", "B"), ("a", "A")]


def test_one_that_fails_stops_no_other() -> None:
    def fail() -> str:
        raise GuildError("no")

    found = dict(replies({"a": fail, "b": lambda: "B"}))
    assert isinstance(found["a"], GuildError)
    assert found["b"] == "B"


def test_a_bug_is_no_reply() -> None:
    def fail() -> str:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        list(replies({"a": fail}))


def test_one_that_hangs_is_waited_for_as_long_as_it_may_take() -> None:
    hang = threading.Event()
    found = dict(replies({"a": hang.wait, "b": lambda: True}, {"a": 0.01, "b": 30}))
    hang.set()
    assert isinstance(found["a"], Unreachable)
    assert found["a"].message == "remote 'a' did not answer in time"
    assert found["b"] is True


def test_what_is_no_remote_is_told_and_shows_in_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config_path().touch()

    def question(host: RemoteHost) -> str:
        if host.name == "ssh:down":
            raise Unreachable("down is down")
        return str(host.name)

    found = asked(("ssh:up", "ssh:down", "nosuch"), question)
    assert found.answers == {"ssh:up": "ssh:up"}
    assert list(found.errors) == ["ssh:down", "nosuch"]
    assert found.exit == Exit.UNREACHABLE
    said = capsys.readouterr().err
    assert "guild: down is down\n" in said
    assert "guild: remote 'nosuch' is not defined\n" in said


def test_the_same_fault_of_two_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    def question(host: RemoteHost) -> str:
        raise GuildError("the config file has a fault")

    found = asked(("ssh:a", "ssh:b"), question)
    assert found.exit == Exit.ERROR
    assert capsys.readouterr().err == "guild: the config file has a fault\n"
