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

REMOTE can be several: gpu1,gpu2, all, or a group of the config file. They are worked with at
once; RUN is gpu1:3, gpu1:1:5 or an id that one of them has. One that is down keeps no other
waiting, and shows in the exit status. A run that several have comes from one of them.

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
  --jobs N      Work with N of several remotes at a time [default: 8].
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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Semaphore
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import FINAL, Filters, Run, State
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.selection import Selection
from guild_sync.errors import Exit, GuildError, Incomplete, UsageError
from guild_sync.fleet import naming
from guild_sync.hooks import journal
from guild_sync.hosts import locking
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output import console
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.transfer.pulled import Pulled
from guild_sync.transfer.room import Room

if TYPE_CHECKING:  # loaded while a remote is asked, or where they are asked for
    from guild_sync.sync import preview
    from guild_sync.transfer import mend

_SHOWN = 5  # ids in a message


class _Job(NamedTuple):
    """What is asked for of every remote: options, the files that count, the room here."""

    args: Arguments
    here: LocalHost
    selected: Callable[[Selection], Selection]
    room: Room
    turns: Semaphore  # of remotes that are copied from at a time

    def is_set(self, option: str) -> bool:
        return self.args.is_set(option)


class _Meant(NamedTuple):
    """The runs that a command line means on a host, how they are, and what they consist of.

    And the words that named them, what of their files is not copied, and the bytes that were free.
    """

    host: RemoteHost
    runs: Sequence[Run]
    states: Mapping[str, State | None]
    children: Sequence[str]
    specs: Sequence[str]
    selection: Selection
    free: int


class _Plan(NamedTuple):
    """What would be copied from a remote; and what would not, run id -> whose it is here."""

    of_runs: preview.Plan
    foreign: Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    arguments.filters(args)  # faults are said before anybody is asked
    selected = arguments.selection(args)
    jobs = arguments.whole_number(args, "--jobs", least=1)
    assert jobs is not None  # the usage has a default
    if args.is_set("--json") and not args.is_set("--plan"):
        raise UsageError("--json belongs to --plan")
    if args.is_set("--verify") and args.is_set("--plan"):
        raise UsageError("--verify and --plan exclude each other", "See 'guild verify'.")
    name, here = args.word("REMOTE"), LocalHost(str(guild_home()))
    job = _Job(args, here, selected, Room(), Semaphore(jobs))
    if naming.means_several(name):
        status = _from_several(job, naming.names(name))
    else:
        status = _from_one(job, remote_host(remotes.remote(name)))
    if args.is_set("--plan") or not journal.has_events(here):
        return status
    from guild_sync.hooks import delivery

    return max(status, delivery.deliver(here, console.warn))


def _from_one(job: _Job, host: RemoteHost) -> Exit:
    specs = job.args.texts("RUN")
    if job.is_set("--plan"):
        meant = _meant(job, host, specs, arguments.filters_for(job.args, host, changes=True))
        return _show(job, [_planned(job, meant)])
    with locking.remote_lock(host.remote.name, wait=True, on_wait=say):
        started = time.monotonic()
        meant = _meant(job, host, specs, arguments.filters_for(job.args, host, changes=True))
        if not meant.runs:
            say("Nothing to copy.")
            _reached(job.here, host.name, Pulled({}), meant.states, time.monotonic() - started)
            return Exit.OK
        if job.is_set("--yes"):
            return _copied(job, meant)
        if not _confirmed(job, {host.name: meant}):
            return Exit.OK
        return _copied(job, _read_again(job, meant))


def _from_several(job: _Job, names: Sequence[str]) -> Exit:
    """Copy runs of several remotes, which are all asked at once, or plan it."""
    from guild_sync.fleet.asking import asked

    named, claims = job.args.texts("RUN"), _Claims(job.here, names)
    if job.is_set("--yes") and not job.is_set("--plan"):  # none waits for another
        copied = several.ask(
            *(job.args, names, named),
            lambda *asked: _copied_in_turn(job, claims.left_of(_meant(job, *asked))),
            changes=True,
        )
        return max([copied.exit, *copied.answers.values()])
    replies = several.ask(
        *(job.args, names, named), lambda *asked: _meant(job, *asked), changes=True
    )
    meant = {
        name: claims.left_of(found, silent=job.is_set("--json"))
        for name, found in replies.answers.items()
    }
    if job.is_set("--plan"):
        plans = asked([*meant], lambda there: _planned(job, meant[there.name]))
        return max(replies.exit, plans.exit, _show(job, [*plans.answers.values()]))
    wanted = {name: found for name, found in meant.items() if found.runs}
    if wanted and not _confirmed(job, wanted):
        return replies.exit
    copied = asked([*meant], lambda there: _copied_in_turn(job, meant[there.name]))
    return max(replies.exit, copied.exit, *copied.answers.values())


def _copied_in_turn(job: _Job, meant: _Meant) -> Exit:
    name = meant.host.name
    with job.turns, locking.remote_lock(name, wait=True, on_wait=say):
        if meant.runs:
            return _copied(job, _read_again(job, meant), f"{name}: ")
        say(f"Nothing to copy from {name}.")
        _reached(job.here, name, Pulled({}), meant.states, 0.0)
        return Exit.OK


class _Claims:
    """From which remote each run comes, where several have it.

    It is the one that the copy here is of, or is expected from; else the first that has it. What is
    named is another's no less.
    """

    def __init__(self, here: LocalHost, names: Sequence[str]) -> None:
        self._here = here
        self._names = names
        self._owners: dict[str, str] = {}

    def left_of(self, meant: _Meant, silent: bool = False) -> _Meant:
        """What is meant of a remote, but for what comes from others."""
        name = meant.host.name
        ids = [run_id for run_id, state in meant.states.items() if state]
        named, foreign = _named(ids, meant.specs), self._here.foreign(ids, name)
        others = [
            run_id
            for run_id in ids
            if (foreign.get(run_id) in self._names and run_id not in named)
            or self._owners.setdefault(run_id, name) != name
        ]
        if others and not silent:
            say(f"{counted(len(others))} of {name} will come from another remote that has the same")
        return _without(meant, others)


def _without(meant: _Meant, ids: Collection[str]) -> _Meant:
    return meant._replace(
        runs=[run for run in meant.runs if run["id"] not in ids],
        states={run_id: state for run_id, state in meant.states.items() if run_id not in ids},
        children=[run_id for run_id in meant.children if run_id not in ids],
    )


def _read_again(job: _Job, meant: _Meant) -> _Meant:
    """The same runs, and how they are now: the status must be from just before the copy."""
    from guild_sync.transfer import survey

    ids = list(meant.states)
    told = survey.survey(
        meant.host, job.here, ids, meant.selection, False, room=meant.free, copying=True
    )
    return meant._replace(states=told.states)


def _copied(job: _Job, meant: _Meant, prefix: str = "") -> Exit:
    """Copy the runs, and tell of it; the exit status."""
    begun = time.monotonic()
    pulled, gone = _pull(job, meant)
    verified = _verify(job, meant, pulled) if job.is_set("--verify") else None
    both = pulled
    if verified:
        both = pulled._replace(
            bytes=pulled.bytes + verified.pulled.bytes,
            cramped={**pulled.cramped, **verified.pulled.cramped},
        )
    _reached(job.here, meant.host.name, both, meant.states, time.monotonic() - begun)
    if sys.stdout.isatty():
        _tell(meant.states, pulled, prefix)
    is_whole = not (pulled.faults or pulled.lacking or pulled.foreign or pulled.cramped or gone)
    is_whole = is_whole and (verified is None or verified.is_whole)
    return Exit.OK if is_whole else Exit.INCOMPLETE


def _meant(job: _Job, host: RemoteHost, specs: Sequence[str], filters: Filters) -> _Meant:
    """The runs that are meant there; for a plan nothing is written there. Raises as `survey`."""
    is_plan, silent, here = job.is_set("--plan"), job.is_set("--json"), job.here
    if not silent:
        say(f"Getting run info on {host.name}")
    host.begin()
    from guild_sync.sync import ledger  # noqa: F401  # all of them while that begins there
    from guild_sync.transfer import pull, survey  # noqa: F401
    from guild_sync.transport import watched

    watched.prepare()
    free, selection = job.room.left(Path(here.home, "runs")), job.selected(host.remote.pull)
    runs, found = survey.offer(host, here, specs, filters, selection, free, look_only=is_plan)
    if not specs and not job.is_set("--deleted"):
        runs = _without_deleted(here, host, runs, silent)
    named = survey.Survey({run["id"]: found.states[run["id"]] for run in runs}, found.home_id)
    whole, children = survey.and_children(
        host, here, named, selection, stamps=False, look_only=is_plan, room=free
    )
    return _Meant(host, runs, whole.states, children, specs, selection, free)


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


def _planned(job: _Job, meant: _Meant) -> _Plan:
    from guild_sync.sync import preview

    host = meant.host
    states = {run_id: state for run_id, state in meant.states.items() if state}
    named = _named(states, meant.specs)
    foreign = job.here.foreign([run_id for run_id in states if run_id not in named], host.name)
    coming = {run_id: state for run_id, state in states.items() if run_id not in foreign}
    planned = preview.copies(host, job.here, coming)
    news = [run for run in planned if run.files or run.before != run.after]
    return _Plan(preview.Plan(host.name, news), foreign)


def _show(job: _Job, plans: Sequence[_Plan]) -> Exit:
    from guild_sync.sync import plan_report

    found = [plan.of_runs for plan in plans]
    status = plan_report.show(found, job.here, job.is_set("--json"))
    for plan in plans:
        _warn_of_foreign(plan.of_runs.remote, job.here, plan.foreign)
    return status


def _tell(states: Mapping[str, State | None], pulled: Pulled, prefix: str) -> None:
    """Say to a person how many of the runs were here already."""
    there = [run_id for run_id, state in states.items() if state]
    settled = [run_id for run_id in there if run_id not in pulled.unfinished]
    came = sum(run_id in pulled.came for run_id in settled)
    rest = len([run_id for run_id in settled if run_id not in pulled.foreign]) - came
    here = f", {rest} {'is' if rest == 1 else 'are'} here already" if rest else ""
    say(f"{prefix}{came} copied{here}")


def _confirmed(job: _Job, meant: Mapping[str, _Meant]) -> bool:
    from guild_sync.output import tables
    from guild_sync.output.runs import run_row

    for name, found in meant.items():
        say(f"You are about to copy the following runs from {name}:")
        rows = [("", *run_row(index, run)) for index, run in enumerate(found.runs, 1)]
        for line in tables.table(rows):
            say(line)
        if found.children:
            say(f"With {counted(len(found.children))} that these consist of.")
        if job.is_set("--delete"):
            say(f"Files of these runs that are not on {name} will be deleted here.")
    return console.confirm()


def _pull(job: _Job, meant: _Meant) -> tuple[Pulled, list[str]]:
    """What became of the copy, and the runs that were not there any more."""
    from guild_sync.transfer import pull, survey

    host, here = meant.host, job.here
    gone = [run_id for run_id, state in meant.states.items() if state is None]
    states = {run_id: state for run_id, state in meant.states.items() if state}
    for run_id in gone:
        console.warn(GuildError(f"run {run_id} is not on {host.name} any more"))
    expected = {run["run"] for run in here.expected() if run["remote"] == host.name}
    children = survey.consisting(expected, states) - expected
    pulled = pull.pull(
        *(host, here, states, say),
        delete=job.is_set("--delete"),
        journal=journal.Journal(here),
        copy_links=job.is_set("--copy-links"),
        delete_copied=meant.selection.delete,
        inputs=meant.selection.inputs,
        named=_named(states, meant.specs),
        # Trials and steps that are not here yet were started from here, too.
        expected={*expected, *(here.absent(sorted(children)) if children else ())},
        room=job.room,
    )
    here.forget_expected([*(expected & states.keys() - pulled.unfinished)])
    pull.warn_of(pulled, host, console.warn)
    _warn_of_foreign(host.name, here, pulled.foreign)
    return pulled, gone


def _verify(job: _Job, meant: _Meant, pulled: Pulled) -> mend.Mended:
    """Mend what of the runs differs that are over, and here as the remote has them."""
    from guild_sync.transfer import mend

    ids = [
        run_id
        for run_id, state in meant.states.items()
        if state and state["status"] in FINAL
        if run_id not in pulled.unfinished and run_id not in pulled.foreign
    ]
    host, here = meant.host, job.here
    done = mend.mended(host, here, ids, meant.selection, say, journal.Journal(here), job.room)
    for line in mend.lines(done.files, host.name):
        say(line)
    mend.warn_of(done, host, console.warn)
    return done


def _named(ids: Iterable[str], specs: Sequence[str]) -> list[str]:
    """The runs that the user has named, whosever they are here."""
    from guild_sync.transfer import survey

    return [run_id for run_id in ids if any(survey.is_id_of(spec, run_id) for spec in specs)]


def _warn_of_foreign(remote: str, here: LocalHost, foreign: Mapping[str, str]) -> None:
    if foreign:
        console.warn(_not_its_own(remote, foreign, here.absent([*foreign])))


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
    here: LocalHost, name: str, pulled: Pulled, asked: Collection[str], seconds: float
) -> None:
    """Write down that the remote answered, as a sync does."""
    from guild_sync.sync import ledger

    entry = ledger.read(name)
    ledger.tell_up(entry, journal.Journal(here))
    entry.note_room(asked, pulled.cramped)
    entry.was_reached(time.time(), pulled.bytes, seconds)
    ledger.write(entry)
