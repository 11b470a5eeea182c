"""What people are told: a few plain lines, in which nothing is anything but text."""

from __future__ import annotations

from typing import Any

import pytest
from receivers import web
from support import wait_until

from guild_sync.hooks import trial
from guild_sync.hooks.events import EVENTS
from guild_sync.hooks.listener import News
from guild_sync.hooks.notification import Notification, lines, title


def news(event: str = "error", **run: Any) -> News:
    found = trial.made_up("/home", event, "gpu1")
    made = {**found.run, **run} if found.run else None
    return News({**found.event, "reason": ""}, made)  # type: ignore[arg-type]


def notification(url: str, timeout: int = 60) -> Notification:
    return Notification(EVENTS, timeout, (), 1, url, url)


def test_a_run_is_told_of_in_a_line_each() -> None:
    found = news(label="lr=0.1", started=1_000_000, stopped=3_661_000_000, exit_status=3)
    assert title(found) == "test on gpu1: error"
    assert list(lines(found)) == [
        "run: 00000000",
        "operation: test",
        "remote: gpu1",
        "status: error",
        "label: lr=0.1",
        "exit status: 3",
        "duration: 1h1m",
    ]


def test_what_is_not_known_is_left_out() -> None:
    found = list(lines(news("started", label=None, exit_status=None, stopped=None)))
    assert found == ["run: 00000000", "operation: test", "remote: gpu1", "status: started"]


def test_a_run_that_was_removed_since_is_told_of_by_its_id() -> None:
    found = news("lost")._replace(run=None)
    assert title(found) == "run 00000000 on gpu1: lost"


def test_a_remote_is_told_of_with_the_reason() -> None:
    found = news("unreachable")
    found = found._replace(event={**found.event, "reason": "cannot reach remote 'gpu1'"})
    assert title(found) == "gpu1 is unreachable"
    assert list(lines(found)) == ["remote: gpu1", "reason: cannot reach remote 'gpu1'"]
    assert title(news("reachable")) == "gpu1 answers again"


def test_a_test_is_said_to_be_one() -> None:
    found = news()._replace(is_test=True)
    assert title(found).startswith("Test: ")
    assert next(lines(found)) == "This is a test: nothing of it has happened."


HOSTILE = (
    "a\r\nTo: all@x.org\n<!channel> <b>x</b> @everyone `x` [x](http://evil) \x1b[2J\u202e\ud800"
)


def test_what_a_run_says_of_itself_is_text_on_one_line() -> None:
    opref = {"type": "guildfile", "package": "", "version": "", "model": "", "name": HOSTILE}
    found = news(label=HOSTILE, opref=opref)
    for text in (title(found), *lines(found)):
        assert text.encode()
        assert text.isprintable() or "\u2039" in text
        assert not {*"\r\n<>@`\x1b\u202e"} & {*text}
        assert "](" not in text
    assert len(list(lines(news(label="x\n" * 99)))) == 7


def test_a_long_value_is_cut() -> None:
    assert max(map(len, lines(news(label="x" * 100_000)))) < 250


def test_what_came_back_is_told_and_nothing_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with web() as server:
        sender = notification(f"{server.json}/hidden/token")
        assert sender.tell(news()) == (True, "sent")
        server.status = 500
        refused = sender.tell(news())
    assert not refused.ok
    assert "500" in refused.said
    gone = sender.tell(news())
    assert not gone.ok
    assert "token" not in refused.said + gone.said + repr(sender)
    assert capfd.readouterr() == ("", "")


def test_a_url_that_apprise_does_not_understand_is_said_to_be_none() -> None:
    unknown = notification("nosuch://token")
    assert not unknown.is_understood()
    assert unknown.tell(news()) == (False, "apprise does not understand the URL")
    assert notification("json://127.0.0.1/x").is_understood()


def test_one_that_hangs_is_left_after_its_time_and_its_words_are_not_taken_for_anothers() -> None:
    with web() as server, web() as other:
        server.answers.clear()
        hangs, fails = notification(server.json, timeout=1), notification(other.json)
        assert hangs.tell(news()) == (False, "it took longer than 1 s")
        other.status = 500
        assert fails.tell(news()) == (False, "apprise tells no reason")
        server.answers.set()
        wait_until(lambda: "500" in fails.tell(news()).said)
