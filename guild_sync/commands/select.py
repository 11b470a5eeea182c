"""Show the id of a run, or what else is asked of it, for use in other commands.

Usage:
  guild select [options] [RUN]...

RUN is an index (1, the latest, if it is left out), a range 1:5, a run id or the
beginning of one. Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the
latest of all is meant, or the one with the lowest or the highest COL of all; RUN is gpu1:3,
gpu1:1:5 or an id. NAME and COL are a flag, an attribute or a scalar (a number that runs have
printed): 'loss' is its last value, 'min loss' its lowest; flag:NAME, attr:NAME and scalar:NAME
say which is meant where several have one name. A run is left out that has no number there, or
what is not a number (nan). 'guild runs --help' has more of COL.

    guild run --restart $(guild select --error)

Options:
  -A, --all          Show all runs, not only the first.
  -s, --short-id     Show the first 8 digits of the id.
  -a, --attr NAME    Show this attribute, flag or scalar instead.
  -p, --path         Show the run's directory instead.
  --min COL          The run with the lowest COL first.
  --max COL          The run with the highest COL first.
  --best             The best run first: by the 'objective' that guild.yml says of the
                     operation.
  -r, --remote NAMES
                     Choose among the runs of this remote, or of several.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.columns import order_of
from guild_sync.agent.protocol import (
    ADD_OBJECTIVE,
    NO_OBJECTIVE,
    Filters,
    ListedRuns,
    Picked,
)
from guild_sync.agent.store import attrs
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.base import Host, option
from guild_sync.hosts.choose import host
from guild_sync.output import terminal

if TYPE_CHECKING:
    from guild_sync.fleet.asking import Replies


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    ranked = [name for name in ("--min", "--max", "--best") if args.is_set(name)]
    if len(ranked) > 1:
        raise UsageError(f"{ranked[0]} and {ranked[1]} exclude each other")
    if sum(args.is_set(form) for form in ("--short-id", "--attr", "--path")) > 1:
        raise UsageError("--short-id, --attr and --path exclude each other")
    remotes = several.names(args)
    found, exit_status = _of_several(args, remotes) if remotes else (_of_one(args), Exit.OK)
    for line in [line for run in found for line in _shown(run, args)]:
        print(terminal.clean(line))
    return exit_status


def _limit(args: Arguments) -> int | None:
    is_ranked = args.column("--min") or args.column("--max") or args.is_set("--best")
    return None if args.is_set("--all") or (args.texts("RUN") and not is_ranked) else 1


def _of_one(args: Arguments) -> Sequence[Picked]:
    target = host(args.text("--remote"))
    found = target.choose(
        specs=args.texts("RUN"),
        filters=arguments.filters_for(args, target, changes=False),
        limit=_limit(args),
        attr=args.column("--attr"),
        lowest=args.column("--min"),
        highest=args.column("--max"),
        whole=args.is_set("--all"),
        best=args.is_set("--best"),
    )
    if not found:
        raise RunNotFound("no run matches", f"Show runs with 'guild runs{option(target.name)}'.")
    return found


def _of_several(args: Arguments, remotes: Sequence[str]) -> tuple[Sequence[Picked], Exit]:
    """The runs that are meant, of all remotes that could be asked, and the exit status."""
    from guild_sync.fleet import listing

    best, column = args.is_set("--best"), args.column("--min") or args.column("--max") or ""
    is_ranked = bool(best or column)

    def question(there: Host, words: Sequence[str], filters: Filters) -> _Answer:
        limit = None if is_ranked else _limit(args)
        whole = args.is_set("--all")
        listed = there.listed(words, limit, filters, whole=whole, sort=column, best=best)
        ids = [run["id"] for run in listed["runs"]]
        told = there.choose(ids, attr=args.column("--attr")) if ids else []
        picked = {one["id"]: one for one in told}
        if missing := [run_id for run_id in ids if run_id not in picked]:
            raise RunNotFound(f"run {terminal.clean(missing[0])} on {there.name} is there no more")
        return _Answer(listed, picked)

    replies = several.ask(args, remotes, args.texts("RUN"), question)
    of_each = {name: answer.listed["runs"] for name, answer in replies.answers.items()}
    is_falling = bool(args.column("--max"))
    if best and any(of_each.values()):
        column, is_falling = order_of(_objective(replies))
    if is_ranked:
        placed = listing.by_column(of_each, is_falling)
        found = [one for one in placed if isinstance(one.run["order"], (int, float))]
        if placed and not found:
            raise _without_numbers(replies, column)
    else:
        found = listing.newest_first(of_each)
    if not found:
        raise replies.without("no run matches")
    meant = [replies.answers[one.remote].picked[one.run["id"]] for one in found[: _limit(args)]]
    return meant, replies.exit


class _Answer(NamedTuple):
    """The runs of a remote that are meant, and what is shown of each."""

    listed: ListedRuns
    picked: Mapping[str, Picked]


def _objective(replies: Replies[_Answer]) -> str:
    """What the runs of all remotes are judged by, as guild.yml says."""
    found = {answer.listed["sort"] for answer in replies.answers.values()} - {""}
    if not found:
        raise GuildError(NO_OBJECTIVE, ADD_OBJECTIVE)
    if len(found) > 1:
        listed = ", ".join(map(repr, map(terminal.clean, sorted(found))))
        hint = "Choose those of one operation, with -Fo NAME; or name a column: --min loss."
        raise GuildError(f"the runs have several objectives: {listed}", hint)
    return found.pop()


def _without_numbers(replies: Replies[_Answer], column: str) -> GuildError:
    from guild_sync.output.cells import nowhere

    error = replies.without(f"no run has a number for {column!r}")
    told = nowhere([answer.listed for answer in replies.answers.values()])
    error.hint = (told[0].hint if told else "") or error.hint
    return error


def _shown(run: Picked, args: Arguments) -> list[str]:
    if args.is_set("--path"):
        return [str(run["run_dir"])]
    if args.column("--attr") is None:
        return [run["id"][:8] if args.is_set("--short-id") else run["id"]]
    value = run["value"]
    if value is None:
        raise GuildError(
            f"run {run['id'][:8]} has no attribute, flag or scalar {args.text('--attr')!r}",
            "'guild runs info --json' shows those that it has.",
        )
    return (value if isinstance(value, str) else attrs.encode(value)).splitlines()
