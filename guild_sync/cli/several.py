"""Runs that a command line means where `-r` may name several remotes: found, asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from guild_sync.agent.protocol import Filters, Run
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments, Unknown
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import host

if TYPE_CHECKING:
    from guild_sync.fleet.asking import Replies
    from guild_sync.fleet.listing import PlacedRun
    from guild_sync.hosts.remote import RemoteHost

T = TypeVar("T")
# Asked of a remote, about the runs that these words and filters mean there.
Question = Callable[["RemoteHost", Sequence[str], Filters], T]


class OneRun(NamedTuple):
    """A run that is meant: a word that means it on its host, under these filters.

    And the exit status that stands for remotes that could not be asked for it.
    """

    host: Host
    spec: str
    filters: Filters
    exit: Exit = Exit.OK


def names(args: Arguments) -> tuple[str, ...]:
    """The remotes that `-r` means; none where it names one alone, or is not there."""
    text = args.text("--remote")
    if text is None:
        return ()
    from guild_sync.fleet import naming

    if not naming.means_several(text):
        return ()
    if args.text("--archive") is not None:
        raise UsageError("--archive and --remote exclude each other")
    return naming.names(text)


def one_run(args: Arguments, spec: str | None, status: str | None = None) -> OneRun:
    """The run that a word means, wherever the command line says that it is.

    Without a word the latest; of several remotes the latest of all, with that `status`.
    """
    if not (remotes := names(args)):
        target = host(args.text("--remote"), args.text("--archive"))
        return OneRun(target, spec or "1", arguments.filters_for(args, target, changes=False))
    if spec is None:
        found, exit_status = latest(args, remotes, 1, status)
        return OneRun(host(found[0].remote), found[0].run["id"], {}, exit_status)
    from guild_sync.fleet.finding import located

    filters = _FiltersOfAll(args)
    there = located(remotes, [spec], filters.on)
    filters.tell()
    ((name, words),) = there.words.items()
    target = host(name)
    if spec.startswith(f"{name}:"):  # nobody was asked for it yet
        return OneRun(target, words[0], arguments.filters_for(args, target, changes=False))
    return OneRun(target, words[0], {}, there.exit)


def latest(
    args: Arguments, remotes: Sequence[str], count: int, status: str | None = None
) -> tuple[Sequence[PlacedRun[Run]], Exit]:
    """So many of the latest runs of all remotes, with that `status`, under the filters.

    Raises RunNotFound where there are fewer.
    """
    from guild_sync.fleet.listing import newest_first

    only: Filters = {"status": [status]} if status else {}
    replies = ask(
        *(args, remotes, (), lambda there, _, f: there.list_runs((), count, {**only, **f})["runs"])
    )
    found = newest_first(replies.answers, count)
    if len(found) < count:
        if count > 1:
            raise replies.without(f"there must be {count} runs", f", not {len(found) or 'none'}")
        raise replies.without(f"no run is {status}" if status else "there is no run")
    return found, replies.exit


def ask(
    args: Arguments,
    remotes: Sequence[str],
    specs: Sequence[str],
    question: Question[T],
    *,
    changes: bool = False,
    deleted: bool = False,
) -> Replies[T]:
    """What each remote answers about its runs that `specs` name, or about all of them.

    One that has none of those that are named is not asked. Where runs are to change, a name in
    the filters that no run of a remote has is an error of that one, which has no runs then.
    """
    from guild_sync.fleet.asking import asked
    from guild_sync.fleet.finding import Located, located

    of_all = _FiltersOfAll(args, deleted)

    def filters(there: Host) -> Filters:
        if changes:
            return arguments.filters_for(args, there, changes=True, deleted=deleted)
        return of_all.on(there)

    meant = Located({name: [] for name in remotes})
    if specs:
        meant = located(remotes, specs, filters, deleted)
    words = meant.words
    replies = asked(
        [name for name in remotes if name in words],
        lambda there: question(there, words[there.name], filters(there)),
    )
    of_all.tell()
    return replies.besides(meant.errors)


class _FiltersOfAll:
    """The filters of a command line, as each of several remotes gets them."""

    def __init__(self, args: Arguments, deleted: bool = False) -> None:
        self._args = args
        self._deleted = deleted
        self._unknown: dict[str, Unknown] = {}

    def on(self, there: Host) -> Filters:
        found = arguments.filters_on(self._args, there)
        unknown = arguments.unknown_names(found, there, self._deleted)
        self._unknown[there.name or ""] = unknown
        return found

    def tell(self) -> None:
        """Warn of names that no run has, of all that were asked."""
        if not self._unknown:
            return
        first, *others = self._unknown.values()
        nowhere = {name: like for name, like in first.items() if all(name in o for o in others)}
        arguments.tell_of_unknown(nowhere, f" on {', '.join(sorted(self._unknown))}", changes=False)
