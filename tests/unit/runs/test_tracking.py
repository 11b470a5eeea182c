"""What is expected here of runs whose start on another host was cut off, or came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from rundirs import A, B, C
from support import Guild, project

from guild_sync.agent.protocol import Started
from guild_sync.errors import GuildError, LoginRefused, NotReached, Unreachable
from guild_sync.hosts.local import LocalHost
from guild_sync.runs import start, tracking
from guild_sync.runs.plan import plan
from guild_sync.runs.resolve import Request


class Far(LocalHost):
    """A host by a name, whose answer to a start does not come."""

    name = "far"
    does_start = True
    error: BaseException = KeyboardInterrupt()

    def start(
        self,
        run_id: str,
        run_dir: str = "",
        secrets: Mapping[str, str] | None = None,
        wait_free: bool = False,
    ) -> Started:
        if self.does_start:
            super().start(run_id, run_dir, secrets, wait_free)
        raise self.error


@pytest.fixture
def here(guild: Guild) -> LocalHost:
    return LocalHost(str(guild.home))


@pytest.fixture
def far(guild: Guild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Far:
    project(guild.folder, "op: {exec: sleep 600}")
    monkeypatch.chdir(guild.folder)
    return Far(str(tmp_path / "there"))


@pytest.fixture
def staged(guild: Guild, far: Far) -> str:
    """The id of a run that is staged there."""
    there = Guild(guild.folder, {**guild.env, "GUILD_HOME": far.home})
    return there.ok("run", "op", "--stage", "-y").lines[-2].split()[-1]


def expected(host: LocalHost) -> list[str]:
    return [run["run"] for run in host.expected()]


def status(far: Far, run_id: str) -> str | None:
    return far.states(ids=[run_id])[run_id]["status"]


def test_a_run_that_has_started_is_expected_though_ctrl_c_came_before_the_answer(
    here: LocalHost, far: Far, staged: str
) -> None:
    with pytest.raises(KeyboardInterrupt):
        start.start(plan(Request(again=staged), far), far, lambda _: None, track=True)
    assert (status(far, staged), expected(here)) == ("running", [staged])


def test_a_staged_run_whose_start_fails_is_expected_as_before(
    here: LocalHost, far: Far, staged: str
) -> None:
    far.does_start, far.error = False, GuildError("no")
    here.expect(staged, "far")
    with pytest.raises(GuildError, match="no"):
        start.start(plan(Request(again=staged), far), far, lambda _: None, track=True)
    assert (status(far, staged), expected(here)) == ("staged", [staged])


def test_a_run_that_did_not_come_to_be_is_expected_no_more(
    here: LocalHost, far: Far, staged: str
) -> None:
    far.does_start, far.error = False, GuildError("no")
    launch = plan(Request(like=staged), far)
    with pytest.raises(GuildError, match="no"):
        start.start(launch, far, lambda _: None, track=True)
    assert (status(far, launch.run_id), expected(here)) == (None, [])


@pytest.mark.parametrize(
    ("was_connected", "error", "is_expected"),
    [
        (True, Unreachable, True),
        (True, NotReached, True),  # what was asked first may have been done over the connection
        (False, Unreachable, True),  # the first answer of all may be what was lost
        (False, NotReached, False),
        (False, LoginRefused, False),
    ],
)
def test_a_run_is_expected_unless_its_host_was_surely_never_reached(
    here: LocalHost,
    far: Far,
    monkeypatch: pytest.MonkeyPatch,
    was_connected: bool,
    error: type[Unreachable],
    is_expected: bool,
) -> None:
    """What was told with it may have been done by then: it may even run."""
    monkeypatch.setattr(far, "is_connected", lambda: was_connected)
    with pytest.raises(error), tracking.expected(A, far):
        raise error("lost")
    assert expected(here) == [A] * is_expected


def test_a_run_that_one_host_has_deleted_is_expected_from_another_as_before(
    here: LocalHost, far: Far
) -> None:
    for run_id, remote in ((A, "far"), (B, "other"), (C, "other")):
        here.expect(run_id, remote)
    tracking.forget_deleted([A, B], far)
    assert expected(here) == [B, C]
    tracking.forget_deleted([B], here)
    assert expected(here) == [C]
