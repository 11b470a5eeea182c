"""Remotes that are asked again and again: none waits for another, and none is asked for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from boards import NOW, A, glance, glanced
from support import wait_until

from guild_sync.board import rounds
from guild_sync.board.rounds import Rounds
from guild_sync.config import remotes
from guild_sync.errors import Exit, RemoteError, Unreachable


class FakeRemote:
    """A remote as the config file has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.timeout = None
        self.scheduler = None

    def _replace(self, timeout: int) -> FakeRemote:
        return self


class FakeHosts:
    """Hosts whose answers the test makes: a function by name, which may wait, fail or answer."""

    def __init__(self) -> None:
        self.does: dict[str, Callable[[], Any]] = {}
        self.asked: list[str] = []
        self.known: list[Sequence[str]] = []
        self.made: list[tuple[str, bool]] = []

    def host(self, remote: FakeRemote, make_home: bool) -> Any:
        hosts = self
        hosts.made.append((remote.name, make_home))

        class Host:
            name = remote.name

            @contextmanager
            def staying(self) -> Iterator[None]:
                yield

            def environment(self) -> dict[str, str]:
                return {}

            def glance(self, spec: object, lately: float, known: Sequence[str]) -> Any:
                hosts.asked.append(remote.name)
                hosts.known.append(known)
                return hosts.does[remote.name]()

        return Host()


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> FakeHosts:
    found = FakeHosts()
    monkeypatch.setattr(remotes, "remote", FakeRemote)
    monkeypatch.setattr(rounds, "remote_host", found.host)
    return found


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    """What a remote does that hangs, until the test is over."""
    over = threading.Event()
    yield lambda: (over.wait(), None)[1]
    over.set()


def fail(error: Exception) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


@contextmanager
def begun(hosts: FakeHosts, interval: float = 1000.0) -> Iterator[Rounds]:
    found = Rounds([*hosts.does], interval, 1.0)
    found.begin()
    yield found
    found.end()


def states(found: Rounds) -> dict[str, str]:
    return {state.name: state.state for state in found.remotes()[1]}


def test_one_that_hangs_keeps_no_other_from_being_asked_again(
    hosts: FakeHosts, hang: Callable[[], None]
) -> None:
    hosts.does = {"good": lambda: glance(glanced()), "hung": hang}
    with begun(hosts, interval=0.001) as found:
        wait_until(lambda: hosts.asked.count("good") > 3)
        assert hosts.asked.count("hung") == 1
        assert states(found) == {"good": "answers", "hung": "asked"}


def test_all_is_awaited_only_so_long(hosts: FakeHosts, hang: Callable[[], None]) -> None:
    hosts.does = {"good": lambda: glance(), "down": fail(Unreachable("x")), "hung": hang}
    with begun(hosts) as found:
        wait_until(lambda: states(found)["good"] == "answers")
        wait_until(lambda: states(found)["down"] == "down")
        found.await_all(0.01)
        assert {state.name: state.exit for state in found.remotes()[1]} == {
            "good": Exit.OK,
            "down": Exit.UNREACHABLE,
            "hung": Exit.UNREACHABLE,
        }


def test_one_that_is_down_is_left_alone_until_somebody_is_in_a_hurry(hosts: FakeHosts) -> None:
    hosts.does = {"good": lambda: glance(), "down": fail(Unreachable("x"))}
    with begun(hosts, interval=0.001) as found:
        wait_until(lambda: hosts.asked.count("good") > 5)
        wait_until(lambda: states(found)["down"] == "down")
        assert hosts.asked.count("down") == 1
        hosts.does["down"] = lambda: glance(glanced())
        found.hurry()
        wait_until(lambda: states(found)["down"] == "answers")


def test_who_waits_for_the_next_round_is_asked_in_a_hurry(hosts: FakeHosts) -> None:
    hosts.does = {"good": lambda: glance()}
    with begun(hosts) as found:
        wait_until(lambda: states(found)["good"] == "answers")
        found.hurry()
        wait_until(lambda: hosts.asked.count("good") == 2)


def test_what_was_open_is_asked_after_and_no_home_is_made_where_one_was(hosts: FakeHosts) -> None:
    hosts.does = {"good": lambda: glance(glanced())}
    with begun(hosts, interval=100.0) as found:  # too long for an agent to stay
        wait_until(lambda: states(found)["good"] == "answers")
        found.hurry()
        wait_until(lambda: len(hosts.asked) == 2)
    assert hosts.known == [[], [A]]
    assert hosts.made == [("good", True), ("good", False)]


def test_fewer_threads_than_remotes_ask_all_of_them(
    hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "with_files", lambda count: 2)
    hosts.does = {f"gpu{number}": lambda: glance() for number in range(7)}
    hosts.does["gpu3"] = fail(RemoteError("no python3"))
    with begun(hosts, interval=0.001) as found:
        wait_until(
            lambda: min(hosts.asked.count(name) for name in hosts.does if name != "gpu3") > 1
        )
        assert states(found)["gpu3"] == "fails"
        assert hosts.asked.count("gpu3") == 1


def test_a_bug_of_a_thread_is_raised_where_the_board_is_shown(hosts: FakeHosts) -> None:
    hosts.does = {"good": fail(ZeroDivisionError("x"))}
    with begun(hosts) as found:

        def is_raised() -> bool:
            try:
                found.await_change(-1, 0)
            except ZeroDivisionError:
                return True
            return False

        wait_until(is_raised)


def test_a_change_is_awaited(hosts: FakeHosts) -> None:
    hosts.does = {"good": lambda: glance(at=NOW)}
    with begun(hosts) as found:
        count = 0
        while states(found)["good"] != "answers":
            found.await_change(count, 30)
            count, _ = found.remotes()
