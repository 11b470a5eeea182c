"""What hosts tell of the runs that a command line means: at first, and again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from guild_sync.agent.protocol import Filters
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host

T = TypeVar("T")


class HostAnswers(Generic[T]):
    """What one host, or each of several remotes, answers to one question about its runs.

    `answers` has it by the name of the remote, which is empty where one host alone is meant.
    """

    def __init__(
        self,
        args: Arguments,
        question: Callable[[Host, Sequence[str], Filters], T],
        ids: Callable[[T], Sequence[str]],
    ) -> None:
        """`question`: of the runs that these words and filters mean there. `ids`: of its answer."""
        self._args = args
        self._question = question
        self._ids = ids
        self._filters: Filters = {}
        self._target: Host | None = None
        self.named = args.texts("RUN")
        self.remotes = several.names(args)
        self.answers: dict[str, T] = {}
        self.problems: list[str] = []
        self.exit = Exit.OK

    def first(self, lacking: str) -> None:
        """Ask; why a remote cannot be asked is told, and is an error where none can.

        That begins with `lacking`, as `no run can be compared`.
        """
        if self.remotes:
            replies = several.ask(self._args, self.remotes, self.named, self._question)
            if not replies.answers:
                raise replies.without(lacking)
            self.answers, self.exit = dict(replies.answers), replies.exit
            return
        self._target = host(self._args.text("--remote"), self._args.text("--archive"))
        with self._target.staying():
            self._filters = arguments.filters_for(self._args, self._target, changes=False)
            self.answers[""] = self._question(self._target, self.named, self._filters)

    def again(self) -> None:
        """Ask for the same runs, and those that are new where none was named; nothing is printed.

        Of what cannot be asked now, what was known stays, and `problems` has why.
        """
        self.problems = []
        if self._target is None:
            self._ask_remotes_again()
        elif self._are_known(""):
            try:
                with self._target.staying():
                    found = self._question(self._target, self._words(""), self._filters)
            except GuildError as e:
                self.problems.append(e.message)
            else:
                self.answers[""] = found

    def host_of(self, remote: str) -> Host:
        """The host of an answer."""
        there = host(remote) if remote else self._target
        assert there is not None  # an answer is of a remote, or of the one host that was asked
        return there

    def _ask_remotes_again(self) -> None:
        from guild_sync.fleet.asking import gathered

        replies = gathered(
            [name for name in self.remotes if self._are_known(name)],
            lambda there: self._question(
                there, self._words(there.name), arguments.filters_on(self._args, there)
            ),
            lambda name, error: None,
        )
        self.answers.update(replies.answers)
        self.problems += [error.message for error in replies.errors.values()]

    def _are_known(self, name: str) -> bool:
        """Whether there is anything to ask for: of runs that were named, those that were found."""
        return not self.named or bool(self._words(name))

    def _words(self, name: str) -> Sequence[str]:
        """What names the runs once they are known: indexes would mean others later."""
        return self._ids(self.answers[name]) if self.named and name in self.answers else ()
