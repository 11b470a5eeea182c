"""The board that is worked with by keys, by textual's own pilot: a board that asks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from boards import NOW, A, B, C, glance, glanced

from guild_sync.board import acting
from guild_sync.board.states import BoardModel, RemoteState
from guild_sync.errors import Unreachable

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import Static

from guild_sync.board import app
from guild_sync.board.app import FleetApp, FollowScreen
from guild_sync.screens.keyed import FilterField
from guild_sync.screens.line_table import LineTable
from guild_sync.screens.pages import AskScreen

EVIL = "[red]x[/red] \x1b[31mred [link=file:///x]y[/link] [/]"


class FakeRounds:
    """Rounds whose answers the test makes."""

    def __init__(self, *names: str) -> None:
        self.model = BoardModel(names)
        self.count = 0
        self.hurries = 0
        self.error: Exception | None = None

    def tell(self, name: str, *runs: Any) -> None:
        self.model.answered(name, NOW, glance(*runs))
        self.count += 1

    def fail(self, name: str) -> None:
        self.model.failed(name, NOW, Unreachable(f"remote {name!r} is {EVIL}"))
        self.count += 1

    def remotes(self) -> tuple[int, list[RemoteState]]:
        return self.count, self.model.remotes(NOW)

    def await_change(self, count: int, seconds: float) -> None:
        if self.error:
            raise self.error

    def begin(self) -> None:
        self.begun = True

    def hurry(self) -> None:
        self.hurries += 1


class FakeFollowing:
    """The output of a run, all of it there."""

    left: ClassVar[list[str]] = []

    def __init__(self, remote: str, run_id: str) -> None:
        self.status = "follows"
        self._id = run_id
        self._lines = ["one", EVIL.replace("\x1b", "?")]

    def lines(self) -> list[str]:
        found, self._lines = self._lines, []
        return found

    def leave(self) -> None:
        self.left.append(self._id)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> FakeRounds:
    monkeypatch.setattr(app, "_LOOK", 0.01)
    monkeypatch.setattr(app, "Following", FakeFollowing)
    FakeFollowing.left = []
    found = FakeRounds("gpu1", "gpu2")
    found.tell("gpu1", glanced(A, label="first"), glanced(B, label="second"))
    return found


Steps = Callable[[FleetApp, Pilot[BaseException]], Awaitable[None]]


def play(rounds: FakeRounds, steps: Steps, size: tuple[int, int] = (100, 30)) -> FleetApp:
    """The application, after these steps were played on it."""
    shown = FleetApp(rounds)  # type: ignore[arg-type]

    async def played() -> None:
        async with shown.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(shown, pilot)

    asyncio.run(played())
    return shown


async def until(pilot: Pilot[BaseException], condition: Callable[[], bool]) -> None:
    """Let the application work until something is true."""
    for _ in range(2000):
        if condition():
            return
        await pilot.pause(0.005)
    raise AssertionError("it did not come true")


def table(shown: FleetApp, name: str) -> list[list[str]]:
    return [[*cells] for _, cells in shown.main.query_one(f"#{name}", LineTable).rows]


def said(shown: FleetApp, name: str = "said") -> str:
    return str(shown.main.query_one(f"#{name}", Static).render())


def test_remotes_and_runs_are_there(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        assert [row[:2] for row in table(shown, "remotes")] == [
            ["gpu1", "answers"],
            ["gpu2", "not asked yet"],
        ]
        assert [row[2] for row in table(shown, "runs")] == ["first", "second"]

    play(rounds, steps)


def test_an_answer_is_shown_and_the_cursor_stays_on_its_run(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("down")
        rounds.tell("gpu2", glanced(C, started=int(NOW * 1e6), label="third"))
        await until(pilot, lambda: len(table(shown, "runs")) == 3)
        chosen = shown._chosen()
        assert chosen is not None
        assert chosen.run["id"] == B
        rounds.tell("gpu2", glanced(C, started=int(NOW * 1e6), said="37%"))
        await until(pilot, lambda: table(shown, "runs")[0][5] == "37%")

    play(rounds, steps)


@pytest.mark.parametrize("key", ["enter", "f"])
def test_the_output_of_a_run_is_followed_until_q(rounds: FakeRounds, key: str) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("down", key)
        await until(pilot, lambda: isinstance(shown.screen, FollowScreen))
        await until(pilot, lambda: len(shown.screen.query_one("#output").lines) >= 2)  # type: ignore[attr-defined]
        assert [*shown.screen.query_one("#output").lines][:2] == [  # type: ignore[attr-defined]
            "one",
            EVIL.replace("\x1b", "?"),
        ]
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(shown.screen, FollowScreen))
        await until(pilot, lambda: FakeFollowing.left == [B])

    play(rounds, steps)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    found: list[tuple[str, str, bool]] = []

    def stop(remote: str, run_id: str, kill: bool) -> str:
        found.append((remote, run_id, kill))
        return f"{remote} stopped it {EVIL}"

    monkeypatch.setattr(acting, "stop", stop)
    return found


def test_s_asks_first_and_kills_at_the_second_time(
    rounds: FakeRounds, stopped: list[tuple[str, str, bool]]
) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        for _ in range(2):
            await pilot.press("s")
            await until(pilot, lambda: isinstance(shown.screen, AskScreen))
            before = len(stopped)
            await pilot.press("y")
            await until(pilot, lambda n=before: len(stopped) > n)  # type: ignore[misc]
        await until(pilot, lambda: "stopped it" in said(shown))

    play(rounds, steps)
    assert stopped == [("gpu1", A, False), ("gpu1", A, True)]
    assert rounds.hurries == 2


@pytest.mark.parametrize("key", ["n", "escape"])
def test_nothing_is_stopped_without_a_yes(
    rounds: FakeRounds, stopped: list[tuple[str, str, bool]], key: str
) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(shown.screen, AskScreen))
        await pilot.press(key)
        await until(pilot, lambda: not isinstance(shown.screen, AskScreen))

    play(rounds, steps)
    assert stopped == []


def test_a_look_while_it_is_taken_down_looks_for_no_widgets(rounds: FakeRounds) -> None:
    following: list[FollowScreen] = []

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("f")
        await until(pilot, lambda: isinstance(shown.screen, FollowScreen))
        assert isinstance(shown.screen, FollowScreen)
        following.append(shown.screen)
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(shown.screen, FollowScreen))
        following[0]._look_again()

    shown = play(rounds, steps)
    rounds.count += 1
    shown._look_again()


def test_what_has_ended_is_not_stopped(
    rounds: FakeRounds, stopped: list[tuple[str, str, bool]]
) -> None:
    rounds.tell("gpu1", glanced(A, status="completed", stopped=int(NOW * 1e6)))

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("s")
        await until(pilot, lambda: "has ended" in said(shown))

    play(rounds, steps)
    assert stopped == []


def test_p_pulls(rounds: FakeRounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "pull", lambda remote, run_id: f"{remote}:{run_id[:2]} is here")

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("p")
        await until(pilot, lambda: "gpu1:aa is here" in said(shown))

    play(rounds, steps)


def test_r_asks_all_now(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("r")

    play(rounds, steps)
    assert rounds.hurries == 1


def test_a_slash_filters_and_escape_shows_all_again(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("slash", *"seco", "enter")
        await until(pilot, lambda: [row[2] for row in table(shown, "runs")] == ["second"])
        assert shown.main.query_one(FilterField).display
        await pilot.press("escape")
        await until(pilot, lambda: len(table(shown, "runs")) == 2)
        assert not shown.main.query_one(FilterField).display

    play(rounds, steps)


def test_keys_do_nothing_where_no_run_is(
    rounds: FakeRounds, stopped: list[tuple[str, str, bool]]
) -> None:
    rounds.tell("gpu1")

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("enter", "f", "s", "p", "up", "down")
        assert not isinstance(shown.screen, (AskScreen, FollowScreen))

    play(rounds, steps)
    assert stopped == []


def test_nothing_of_a_run_is_markup(rounds: FakeRounds) -> None:
    rounds.tell("gpu1", glanced(A, label=EVIL, said=EVIL * 10_000))
    rounds.fail("gpu2")

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await until(pilot, lambda: table(shown, "runs")[0][2].startswith("[red]x[/red] ?[31mred"))
        assert table(shown, "runs")[0][7].startswith("[red]x[/red] ?[31mred")
        assert "[red]x[/red] ?[31m" in said(shown, "faults")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(shown.screen, AskScreen))
        question = shown.screen.query_one("#question", Static)
        assert "[red]x[/red]" in str(question.render())

    play(rounds, steps)


@pytest.mark.parametrize("size", [(40, 10), (20, 4), (1, 1), (300, 100)])
def test_any_size_will_do_and_may_change(rounds: FakeRounds, size: tuple[int, int]) -> None:
    for number in range(40):
        rounds.model.answered("gpu2", NOW, glance(glanced(f"{number:032x}")))

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press("down", "enter")
        await pilot.resize_terminal(40, 10)
        await pilot.press("q", "s")
        await pilot.resize_terminal(100, 30)
        await pilot.press("n")
        await until(pilot, lambda: len(table(shown, "runs")) == 3)

    play(rounds, steps, size)


def test_a_small_terminal_shows_remotes_runs_and_keys(rounds: FakeRounds) -> None:
    rounds.fail("gpu2")

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.pause()
        heights = {
            name: shown.main.query_one(f"#{name}").size.height for name in ("remotes", "runs")
        }
        assert heights["remotes"] >= 3
        assert heights["runs"] >= 3
        assert shown.main.query_one("#faults").size.height == 1

    play(rounds, steps, (40, 10))


def test_the_table_of_runs_is_seen_around_the_chosen_one(rounds: FakeRounds) -> None:
    runs = [glanced(f"{n:032x}", label=f"label {n}", started=int(NOW * 1e6) - n) for n in range(99)]
    rounds.tell("gpu1", *runs)

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        of_runs = shown.main.query_one("#runs", LineTable)
        for keys, label in (
            (["end"], "label 98"),
            (["pageup"], None),
            (["up", "k"], None),
            (["home", "down", "j"], "label 2"),
            (["pagedown"], None),
        ):
            await pilot.press(*keys)
            await pilot.pause()
            chosen = of_runs.rows[of_runs.chosen][1][2]
            assert label in (None, chosen)
            seen = [of_runs.render_line(y).text for y in range(of_runs.size.height)]
            assert seen[0].startswith("RUN")
            assert any(chosen in line for line in seen[1:]), keys

    play(rounds, steps)


def test_tab_reaches_remotes_that_are_below_the_edge(rounds: FakeRounds) -> None:
    for number in range(40):
        rounds.model._states[f"far{number}"] = RemoteState(f"far{number}")

    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        of_remotes = shown.main.query_one("#remotes", LineTable)
        await pilot.press("shift+tab", "end", "enter")
        await pilot.pause()
        seen = [of_remotes.render_line(y).text for y in range(of_remotes.size.height)]
        assert any(line.startswith("far39 ") for line in seen)
        assert not isinstance(shown.screen, FollowScreen)

    play(rounds, steps)


def test_a_click_chooses_a_run(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.click("#runs", offset=(3, 2))
        chosen = shown._chosen()
        assert chosen is not None
        assert chosen.run["id"] == B

    play(rounds, steps)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_q_leaves(rounds: FakeRounds, key: str) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        await pilot.press(key)
        await until(pilot, lambda: not shown.is_running)

    play(rounds, steps)


def test_a_bug_of_a_thread_ends_it_and_is_told_behind_the_screen(rounds: FakeRounds) -> None:
    async def steps(shown: FleetApp, pilot: Pilot[BaseException]) -> None:
        rounds.error = ZeroDivisionError("of a thread")
        await until(pilot, lambda: not shown.is_running)

    assert isinstance(play(rounds, steps).return_value, ZeroDivisionError)
