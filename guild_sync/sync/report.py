"""What a sync tells: people on the terminal, cron by mail, and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from guild_sync.errors import GuildError
from guild_sync.hooks.events import Change
from guild_sync.output import console, terminal
from guild_sync.output.log import Log
from guild_sync.sync.outcomes import BUSY, LEFT_ALONE, Outcome


class Report:
    """Tells as it goes: to all who look (`say`, `warn`), and what became of remotes.

    `quiet`: only what has changed or failed is shown. `verbose`: and what was passed over.
    """

    def __init__(self, log: Log, quiet: bool, verbose: bool) -> None:
        self._log = log
        self._quiet = quiet
        self._verbose = verbose

    def say(self, text: str) -> None:
        """What is being done."""
        if not self._quiet:
            console.say(text)
        self._log.info(text)

    def tell(self, text: str) -> None:
        """What has changed."""
        console.say(terminal.clean(text))
        self._log.notice(text)

    def warn(self, error: GuildError) -> None:
        """What has failed."""
        console.warn(error)
        self._log.error(f"{error.message} {' '.join(error.hint.split())}".strip())

    def mutter(self, text: str) -> None:
        """What has failed, and is no failure of the sync."""
        if self._verbose:
            console.complain(text)
        self._log.error(text)

    def outcomes(
        self, outcomes: Iterable[Outcome], values: Callable[[Change], str] = lambda _: ""
    ) -> None:
        """What became of each remote: what was mended, and each change, where `quiet`.

        `values`: what is said behind a change that is shown.
        """
        for outcome in outcomes:
            for change in outcome.changes:
                if self._quiet:
                    console.say(_line(change) + values(change))
                self._log.notice(_line(change))
            if outcome.mended:
                self._mended(outcome)
            passed_over = outcome.state in (BUSY, LEFT_ALONE)
            if passed_over and outcome.error and self._quiet and self._verbose:
                console.say(terminal.clean(outcome.error.message))
            self._log.info(_summary(outcome))

    def _mended(self, outcome: Outcome) -> None:
        from guild_sync.transfer import mend  # seldom needed

        for line in mend.lines(outcome.mended, outcome.remote):
            console.say(line)
            self._log.notice(line)


def _line(change: Change) -> str:
    before = f"{change.before} -> " if change.before else ""
    return terminal.clean(f"{change.run} on {change.remote}: {before}{change.after}")


def _summary(outcome: Outcome) -> str:
    parts = [
        outcome.state,
        f"{len(outcome.changes)} changed" if outcome.changes else "",
        f"{len(outcome.faults)} not whole" if outcome.faults else "",
        f"{len(outcome.mended)} mended" if outcome.mended else "",
        f"{len(outcome.missing)} missing" if outcome.missing else "",
        f"{outcome.bytes} bytes in {outcome.seconds:.2f} s" if outcome.seconds else "",
    ]
    return f"{outcome.remote}: {', '.join(part for part in parts if part)}"
