"""Runs to be changed: which, shown first, then asked about, and what became of them.

What `label`, `tag`, `comment`, `mark`, `rm`, `restore` and `purge` have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from guild_sync.agent.protocol import PUSH, RUNNING, TO_START, Changed, Filters, Run, Value
from guild_sync.cli import arguments
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.base import Host, on, option
from guild_sync.hosts.choose import host
from guild_sync.output import console, tables, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted
from guild_sync.output.runs import row_without_index


@dataclass(frozen=True, kw_only=True)
class Intent:
    """How something that is to be done to runs is spoken of.

    Nothing to VERB; You are about to INTENT the following run; DONE 1 run; run X was not
    REFUSED.
    """

    verb: str
    intent: str
    done: str
    refused: str = "changed"
    question: Callable[[int], str] = lambda count: "Continue?"
    default: bool = True  # what a bare return answers
    note: str = ""
    # Said where the copy here of a run that is running on a remote is among the runs.
    on_copy: str = "Of a run that is running on {remote}, the copy here alone is changed."


@dataclass(frozen=True)
class Action(Intent):
    """Something to do to runs."""

    act: Callable[[Host, Sequence[str]], Changed]


@dataclass(frozen=True)
class Chosen:
    """Runs, and the host that they are on."""

    host: Host
    runs: Sequence[Run]

    @property
    def where(self) -> str:
        return on(self.host)

    @property
    def ids(self) -> list[str]:
        return [run["id"] for run in self.runs]


def choose(
    args: arguments.Arguments,
    *,
    changes: bool,
    all_runs: bool = False,
    deleted: bool = False,
    **otherwise: Value,
) -> Chosen:
    """The runs of the host that `-r` names which a command line means; as `choose_on`."""
    target = host(args.text("--remote"))
    return choose_on(target, args, changes=changes, all_runs=all_runs, deleted=deleted, **otherwise)


def choose_on(
    target: Host,
    args: arguments.Arguments,
    *,
    changes: bool,
    all_runs: bool = False,
    deleted: bool = False,
    **otherwise: Value,
) -> Chosen:
    """The runs that a command line means; without RUN the latest one, or all.

    Of a remote's runs that are to be changed it is the latest of one's own, or all of these:
    `of_own`. `otherwise` are filters that count only where there is no RUN; `changes` says
    whether the runs are to be changed. Raises RunNotFound where RUN names none.
    """
    specs = args.texts("RUN")
    wanted = arguments.filters_for(args, target, changes=changes, deleted=deleted)
    if not specs:
        wanted = {**otherwise, **wanted}
    limit = None if specs or all_runs else 1
    own = of_own(args, target, wanted) if changes else wanted
    found = target.list_runs(specs, limit, own, deleted, all_runs, with_others=own is not wanted)
    tell_of_others(target, found["others"])
    return Chosen(target, found["runs"])


def only(target: Host, spec: str, filters: Filters) -> Run:
    """The one run that a word means. Raises RunNotFound where it means none, or several."""
    found = target.list_runs([spec], filters=filters)["runs"]
    if len(found) != 1:
        raise RunNotFound(f"{spec!r} names {len(found)} runs", "Name one.")
    return found[0]


def of_own(args: arguments.Arguments, target: Host, wanted: Filters) -> Filters:
    """`wanted`, and one's own runs alone where none is named on a remote: others may use it."""
    if args.is_set("--all-users") and args.is_set("--mine"):
        raise UsageError("--all-users and --mine exclude each other")
    is_meant = args.texts("RUN") or args.is_set("--all-users") or args.is_set("--mine")
    return wanted if is_meant or target.name is None else {**wanted, **arguments.mine()}


def tell_of_others(target: Host, count: int) -> None:
    """Say how many runs would be meant, were they one's own."""
    if count > 0:
        were, them = ("was", "it") if count == 1 else ("were", "them")
        say(f"{counted(count)} of others{on(target)} {were} left: name {them}, or use --all-users")


def change_runs(
    args: arguments.Arguments,
    change: Action,
    *,
    all_runs: bool = False,
    deleted: bool = False,
    **filters: Value,
) -> Exit:
    """Change the runs that a command line means, which `choose` finds."""
    target = host(args.text("--remote"))
    with target.staying():
        chosen = choose_on(
            target, args, all_runs=all_runs, deleted=deleted, changes=True, **filters
        )
        return carry_out(change, chosen, ask=not args.is_set("--yes"))


def carry_out(
    change: Action,
    chosen: Chosen,
    ask: bool,
    during: AbstractContextManager[None] | None = None,
) -> Exit:
    """Show the runs, ask, change them `during` something, and tell of each that was refused."""
    if not chosen.runs:
        say(f"Nothing to {change.verb}.")
        return Exit.OK
    if ask and not is_confirmed(change, chosen):
        return Exit.OK
    with during or nullcontext():
        answer = change.act(chosen.host, chosen.ids)
    if answer["done"]:
        say(f"{change.done} {counted(len(answer['done']))}{chosen.where}")
    for run_id, why in answer["refused"].items():
        refuse(change, chosen, run_id, why)
    for run_id, what in answer.get("left", {}).items():
        console.warn(GuildError(f"of run {run_id}{chosen.where} {terminal.clean(what)}"))
    return Exit.ERROR if answer["refused"] else Exit.OK


def show(intent: str, chosen: Chosen) -> None:
    """Show the runs, and say what is about to become of them."""
    runs = "run" if len(chosen.runs) == 1 else "runs"
    say(f"You are about to {intent} the following {runs}{chosen.where}:")
    for line in tables.table([("", *row_without_index(run)) for run in chosen.runs]):
        say(line)


def is_confirmed(change: Intent, chosen: Chosen) -> bool:
    """Show the runs and what is about to become of them, and ask."""
    show(change.intent, chosen)
    if change.note:
        say(change.note)
    for remote in sorted({run["remote"] for run in chosen.runs if run["remote"]}):
        say(change.on_copy.format(remote=terminal.clean(remote)))
    return console.confirm(change.question(len(chosen.runs)), change.default)


def refuse(change: Intent, chosen: Chosen, run_id: str, why: str) -> None:
    """Say why a run was left as it is, and for one that is running how to stop it."""
    remote = option(chosen.host.name)
    hint = ""
    if why == RUNNING:
        hint = f"To stop it, use 'guild stop {run_id}{remote}'."
    elif why.startswith(TO_START):
        hint = f"To have it wait no more: guild stop {run_id}{remote}"
    elif why.startswith(f"{RUNNING} on "):
        hint = f"Stop it there. If that machine is gone: 'guild rm {run_id}{remote} --force'."
    what = f"run {run_id}{chosen.where} was not {change.refused}: {terminal.clean(why)}"
    console.warn(GuildError(what, hint))


def warn_of_others(others: Mapping[str, Sequence[str]]) -> None:
    """Say of each run at which paths there is what no archive takes: a pipe, a socket, a device."""
    for run_id, paths in others.items():
        names = ", ".join(map(terminal.clean, paths[:3])) + (", ..." if len(paths) > 3 else "")
        what = f"of run {run_id} there is no file, folder or link at {names}: it was left out"
        console.warn(GuildError(what))


def being_pushed(run: Run) -> GuildError | None:
    """Why a run is not there to be watched or stopped, if another machine is copying it here."""
    if not (run["remote"] or "").startswith(PUSH):
        return None
    return GuildError(
        f"run {run['id']} is just being copied ({terminal.clean(run['remote'])})",
        "If that was cut off, push it again on that machine.",
    )
