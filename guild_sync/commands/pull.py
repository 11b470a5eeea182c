"""Copy runs from a remote to this machine.

Usage:
  guild pull [options] REMOTE [RUN]...

RUN is an index of 'guild runs -r REMOTE' (1 is the latest), a range 1:5, a run id or
the beginning of one. Without RUN, all of the remote's runs are copied, or with filters
all that they leave, but for those that were deleted here: how many these are is said.
What is here already is not copied again; on a terminal it is said how many those are. A
run here that was made here, or came from another remote, is replaced only where RUN is
its id or the beginning of that, and so is one copied that was started on another remote
from here and has not come home. A run that is running there is shown as such here,
until 'guild sync' learns that it has ended. Labels, tags, comments and marks that were
changed here since are kept; where a label was changed on both sides, the one here
stays, and a line says so. With a batch or a pipeline come the runs that it consists of,
but for those that were deleted here.

'guild-pull' is the same command by itself.

Options:
  --deleted     Copy runs too that were deleted here: else these stay deleted, unless RUN
                says which to copy.
  --plan        Show what would be copied, and whether there is room for it here; change
                nothing. 1 where there is no room.
  --json        With --plan: as JSON.
  --verify      Read all files of these runs, here and there, and copy too what differs
                though its size and time do not. 'guild verify' only tells what does.
  -d, --delete  Remove files of these runs that are here alone. No run is removed.
  --copy-links  Copy what links lead to that lead out of the runs, in place of them. Without
                it they are not copied, and 'guild ls' tells where they lead.
  -y, --yes     Do not ask.
  --help        Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if the remote could
not be reached, 4 if a run was not copied whole.

[files]

[filters]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import FINAL, Run, State
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.selection import Selection
from guild_sync.errors import Exit, GuildError, Incomplete, UsageError
from guild_sync.hooks import delivery, journal
from guild_sync.hosts import locking
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console, tables
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.output.runs import run_row
from guild_sync.sync import ledger
from guild_sync.transfer import mend, pull, survey
from guild_sync.transfer.room import Room

_SHOWN = 5  # ids in a message


class _Meant(NamedTuple):
    """The runs that a command line means there, how they are, and those that they consist of.

    And what of their files is not copied, and the bytes that were free here.
    """

    runs: Sequence[Run]
    states: Mapping[str, State | None]
    children: Sequence[str]
    selection: Selection
    free: int


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    arguments.filters(args)  # faults are said before anybody is asked
    selected = arguments.selection(args)
    if args.is_set("--json") and not args.is_set("--plan"):
        raise UsageError("--json belongs to --plan")
    if args.is_set("--verify") and args.is_set("--plan"):
        raise UsageError("--verify and --plan exclude each other", "See 'guild verify'.")
    remote = remotes.remote(args.word("REMOTE"))
    host, here = remote_host(remote), LocalHost(str(guild_home()))
    selection, room = selected(remote.pull), Room()
    if args.is_set("--plan"):
        return _plan(args, host, here, _meant(args, host, here, selection, room))
    with locking.remote_lock(remote.name, wait=True, on_wait=say):
        started = time.monotonic()
        meant = _meant(args, host, here, selection, room)
        states = meant.states
        if not meant.runs:
            say("Nothing to copy.")
            _reached(here, remote.name, pull.Pulled({}), states, time.monotonic() - started)
            return max(Exit.OK, delivery.deliver(here, console.warn))
        if not args.is_set("--yes"):
            if not _confirmed(meant.runs, len(meant.children), host, args.is_set("--delete")):
                return Exit.OK
            # The status must be from just before the copy.
            told = survey.survey(host, here, list(states), selection, False, room=meant.free)
            states = told.states
        begun = time.monotonic()
        pulled, gone = _pull(args, host, here, states, selection, room)
        verified = mend.Mended({})
        if args.is_set("--verify"):
            verified = _verify(host, here, states, pulled, selection, room)
        both = pulled._replace(
            bytes=pulled.bytes + verified.pulled.bytes,
            cramped={**pulled.cramped, **verified.pulled.cramped},
        )
        _reached(here, remote.name, both, states, time.monotonic() - begun)
    if sys.stdout.isatty():
        _tell(states, pulled)
    is_whole = not (pulled.faults or pulled.unreadable or pulled.foreign or pulled.cramped or gone)
    status = Exit.OK if is_whole and verified.is_whole else Exit.INCOMPLETE
    return max(status, delivery.deliver(here, console.warn))


def _meant(
    args: Arguments, host: RemoteHost, here: LocalHost, selection: Selection, room: Room
) -> _Meant:
    """The runs that are meant there; for a plan nothing is written there. Raises as `survey`."""
    is_plan, silent = args.is_set("--plan"), args.is_set("--json")
    if not silent:
        say(f"Getting run info on {host.name}")
    filters, specs = arguments.filters_for(args, host, changes=True), args.texts("RUN")
    free = room.left(Path(here.home, "runs"))
    runs, found = survey.offer(host, here, specs, filters, selection, free, look_only=is_plan)
    if not specs and not args.is_set("--deleted"):
        runs = _without_deleted(here, host, runs, silent)
    named = survey.Survey({run["id"]: found.states[run["id"]] for run in runs}, found.home_id)
    whole, children = survey.and_children(
        host, here, named, selection, stamps=False, look_only=is_plan, room=free
    )
    return _Meant(runs, whole.states, children, selection, free)


def _without_deleted(
    here: LocalHost, host: RemoteHost, runs: Sequence[Run], silent: bool
) -> list[Run]:
    """The runs that were not deleted here; how many others there are is said."""
    deleted = set(here.deleted([run["id"] for run in runs]))
    if deleted and not silent:
        were, them = ("was", "it") if len(deleted) == 1 else ("were", "them")
        say(
            f"{counted(len(deleted))} {were} deleted here: "
            f"'guild pull {host.name} --deleted' copies {them}"
        )
    return [run for run in runs if run["id"] not in deleted]


def _plan(args: Arguments, host: RemoteHost, here: LocalHost, meant: _Meant) -> int:
    from guild_sync.sync import plan_report, preview

    states = {run_id: state for run_id, state in meant.states.items() if state}
    named = _named(states, args.texts("RUN"))
    foreign = here.foreign([run_id for run_id in states if run_id not in named], host.name)
    coming = {run_id: state for run_id, state in states.items() if run_id not in foreign}
    planned = preview.copies(host, here, coming)
    news = [run for run in planned if run.files or run.before != run.after]
    status = plan_report.show([preview.Plan(host.name, news)], here, args.is_set("--json"))
    _warn_of_foreign(host, here, foreign)
    return status


def _tell(states: Mapping[str, State | None], pulled: pull.Pulled) -> None:
    """Say to a person how many of the runs were here already."""
    there = [run_id for run_id, state in states.items() if state]
    settled = [run_id for run_id in there if run_id not in pulled.unfinished]
    came = sum(run_id in pulled.came for run_id in settled)
    rest = len([run_id for run_id in settled if run_id not in pulled.foreign]) - came
    here = f", {rest} {'is' if rest == 1 else 'are'} here already" if rest else ""
    say(f"{came} copied{here}")


def _confirmed(runs: Sequence[Run], children: int, host: RemoteHost, delete: bool) -> bool:
    say(f"You are about to copy the following runs from {host.name}:")
    rows = [("", *run_row(index, run)) for index, run in enumerate(runs, 1)]
    for line in tables.table(rows):
        say(line)
    if children:
        say(f"With {counted(children)} that these consist of.")
    if delete:
        say(f"Files of these runs that are not on {host.name} will be deleted here.")
    return console.confirm()


def _pull(
    args: Arguments,
    host: RemoteHost,
    here: LocalHost,
    found: Mapping[str, State | None],
    selection: Selection,
    room: Room,
) -> tuple[pull.Pulled, list[str]]:
    """What became of the copy, and the runs that were not there any more."""
    gone = [run_id for run_id, state in found.items() if state is None]
    states = {run_id: state for run_id, state in found.items() if state}
    for run_id in gone:
        console.warn(GuildError(f"run {run_id} is not on {host.name} any more"))
    expected = {run["run"] for run in here.expected() if run["remote"] == host.name}
    children = survey.consisting(expected, states) - expected
    pulled = pull.pull(
        *(host, here, states, say),
        delete=args.is_set("--delete"),
        journal=journal.Journal(here),
        copy_links=args.is_set("--copy-links"),
        delete_copied=selection.delete,
        named=_named(states, args.texts("RUN")),
        # Trials and steps that are not here yet were started from here, too.
        expected={*expected, *(here.absent(sorted(children)) if children else ())},
        room=room,
    )
    here.forget_expected([*(expected & states.keys() - pulled.unfinished)])
    pull.warn_of(pulled, host, console.warn)
    _warn_of_foreign(host, here, pulled.foreign)
    return pulled, gone


def _verify(
    host: RemoteHost,
    here: LocalHost,
    found: Mapping[str, State | None],
    pulled: pull.Pulled,
    selection: Selection,
    room: Room,
) -> mend.Mended:
    """Mend what of the runs differs that are over, and here as the remote has them."""
    ids = [
        run_id
        for run_id, state in found.items()
        if state and state["status"] in FINAL
        if run_id not in pulled.unfinished and run_id not in pulled.foreign
    ]
    done = mend.mended(host, here, ids, selection, say, journal.Journal(here), room)
    for line in mend.lines(done.files, host.name):
        say(line)
    mend.warn_of(done, host, console.warn)
    return done


def _named(ids: Iterable[str], specs: Sequence[str]) -> list[str]:
    """The runs that the user has named, whosever they are here."""
    return [run_id for run_id in ids if any(survey.is_id_of(spec, run_id) for spec in specs)]


def _warn_of_foreign(host: RemoteHost, here: LocalHost, foreign: Mapping[str, str]) -> None:
    if foreign:
        console.warn(_not_its_own(host.name, foreign, here.absent([*foreign])))


def _not_its_own(remote: str, foreign: Mapping[str, str], coming: Sequence[str]) -> Incomplete:
    """Say whose the runs are that stay as here; `coming` are expected, and not here yet."""
    one = next(iter(foreign)) if len(foreign) == 1 else ""
    what = f"run {one} is" if one else f"{len(foreign)} runs are"
    whose = sorted({_whose(origin, run_id in coming) for run_id, origin in foreign.items()})
    ids = ", ".join(list(foreign)[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
    return Incomplete(
        f"{what} not from {remote}, which has {'it' if one else 'them'} too, and stay"
        f"{'s' if one else ''} as here ({', '.join(whose)})",
        f"To replace one by the remote's, name it: guild pull {remote} RUN\nRUN: {ids}",
    )


def _whose(origin: str, is_coming: bool) -> str:
    return f"{'expected ' if is_coming else ''}from {origin}" if origin else "made here"


def _reached(
    here: LocalHost, name: str, pulled: pull.Pulled, asked: Collection[str], seconds: float
) -> None:
    """Write down that the remote answered, as a sync does."""
    entry = ledger.read(name)
    ledger.tell_up(entry, journal.Journal(here))
    entry.note_room(asked, pulled.cramped)
    entry.was_reached(time.time(), pulled.bytes, seconds)
    ledger.write(entry)
