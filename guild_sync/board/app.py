"""A board that is worked with by keys: textual's, of the extra [report]."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Log, Static

from guild_sync.agent.protocol import FINAL
from guild_sync.board import acting, page
from guild_sync.board.following import Following
from guild_sync.board.page import BoardRun
from guild_sync.board.rounds import Rounds
from guild_sync.output.terminal import clean
from guild_sync.screens.keyed import FilterField, KeyedApp
from guild_sync.screens.line_table import LineTable
from guild_sync.screens.pages import AskScreen
from guild_sync.transport.background import begun

_LOOK = 0.2  # seconds between looks at whether there is something new
_SMALL = 16  # lines of a terminal that has none to spare
_TICK = 1.0  # seconds after which ages are shown anew


class FleetApp(KeyedApp):
    """The table of all remotes, and that of their runs, one of which is chosen."""

    CSS = """
    LineTable { scrollbar-size: 0 0; }
    #remotes { max-height: 40%; }
    #faults { height: auto; max-height: 3; color: $error; }
    .small #faults { max-height: 1; }
    #runs { height: 1fr; }
    #said { height: 1; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,enter", "follow", "follow"),
        Binding("s", "stop", "stop"),
        Binding("p", "pull", "pull"),
        Binding("r", "ask", "ask now"),
        Binding("slash", "filter", "filter"),
        Binding("q", "quit", "leave"),
    ]

    def __init__(self, rounds: Rounds) -> None:
        super().__init__()
        self._rounds = rounds
        self._count = -1
        self._painted = 0.0
        self._runs: list[BoardRun] = []
        self._told: set[tuple[str, str]] = set()  # runs that were told to end

    def compose(self) -> ComposeResult:
        yield LineTable("remotes", page.REMOTES, chooses=False)
        yield Static(id="faults")
        yield LineTable("runs", page.RUNS, chooses=True)
        yield FilterField(placeholder="text of a row")
        yield Static(id="said")
        yield Footer()

    def begin(self) -> None:
        self._look()
        self.call_after_refresh(self._begin)

    def focus_main(self) -> None:
        self.main.query_one("#runs").focus()

    def _begin(self) -> None:
        self._rounds.begin()
        self.set_interval(_LOOK, self._look_again)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _SMALL, "small")

    def _look_again(self) -> None:
        if self.is_running:  # else its widgets are being taken down
            self._look()

    def _look(self) -> None:
        """Show what is new, and once in a while how old all else is."""
        try:
            self._rounds.await_change(-1, 0)
        except Exception as e:  # a bug, told of where all are: behind this screen
            self.exit(e)
            return
        count, remotes = self._rounds.remotes()
        if count == self._count and time.monotonic() - self._painted < _TICK:
            return
        self._count, self._painted = count, time.monotonic()
        now = time.time()
        rows = [(state.name, page.remote_row(state, now)) for state in remotes]
        self.main.query_one("#remotes", LineTable).show(rows)
        faults = self.main.query_one("#faults", Static)
        faults.update(Text("\n".join(page.faults(remotes)), no_wrap=True, overflow="ellipsis"))
        faults.display = any(page.faults(remotes))
        self._runs = page.run_rows(remotes, now, self.words)
        self.main.query_one("#runs", LineTable).show([(_key(run), run.cells) for run in self._runs])

    def draw_anew(self) -> None:
        self._count = -1
        self._look()

    def _say(self, text: str) -> None:
        said = self.main.query_one("#said", Static)
        said.update(Text(clean(text), no_wrap=True, overflow="ellipsis"))
        said.display = True

    def _chosen(self) -> BoardRun | None:
        at = self.main.query_one("#runs", LineTable).chosen
        return self._runs[at] if 0 <= at < len(self._runs) else None

    def on_row_table_entered(self) -> None:
        self.action_follow()  # Enter, which the table has for itself

    def action_follow(self) -> None:
        if run := self._chosen():
            self.push_screen(FollowScreen(run))

    def action_stop(self) -> None:
        run = self._chosen()
        if run is None:
            return
        if run.run["status"] in FINAL:
            self._say(f"{run.place} has ended")
            return
        key = (run.remote, run.run["id"])
        kill = key in self._told

        def answered(is_meant: bool | None) -> None:
            if is_meant:
                self._told.add(key)
                self._do(f"Stopping {run.place}", lambda: acting.stop(*key, kill))

        question = f"{'Kill' if kill else 'Stop'} {run.place} {' '.join(run.cells[1:3])}?"
        self.push_screen(AskScreen(question), answered)

    def action_pull(self) -> None:
        if run := self._chosen():
            ids = (run.remote, run.run["id"])
            self._do(f"Pulling {run.place}", lambda: acting.pull(*ids))

    def action_ask(self) -> None:
        self._rounds.hurry()
        self._say("Asking all remotes")

    def _do(self, saying: str, work: Callable[[], str]) -> None:
        """Have something done in a thread, and say what became of it."""
        self._say(saying)

        def done() -> None:
            text = work()
            self._rounds.hurry()
            if self.is_running:
                self.call_from_thread(self._say, text)

        begun(done)


class FollowScreen(Screen[None]):
    """The output of a run as it grows."""

    CSS = """
    #head { height: 1; text-style: bold; }
    #output { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "back", "back"),
        Binding("ctrl+c", "app.quit", "leave", show=False, priority=True),
    ]

    def __init__(self, run: BoardRun) -> None:
        super().__init__()
        self._run = run
        self._following = Following(run.remote, run.run["id"])

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        yield Log(id="output", max_lines=5_000)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#output").focus()
        self.set_interval(_LOOK, self._look_again)
        self._look()

    def on_unmount(self) -> None:
        self._following.leave()

    def _look_again(self) -> None:
        if self.is_current and self.app.is_running:  # else its widgets are being taken down
            self._look()

    def _look(self) -> None:
        if lines := self._following.lines():
            self.query_one("#output", Log).write_lines(lines)
        head = f"{self._run.place}  {self._run.cells[1]}  {self._following.status}"
        self.query_one("#head", Static).update(Text(clean(head)))

    def action_back(self) -> None:
        self.dismiss()


def _key(run: BoardRun) -> str:
    return f"{run.remote}:{run.run['id']}"
