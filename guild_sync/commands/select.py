"""Show the id of a run, or what else is asked of it, for use in other commands.

Usage:
  guild select [options] [RUN]...

RUN is an index (1, the latest, if it is left out), a range 1:5, a run id or the
beginning of one. Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the
latest of all is meant, or the one with the lowest or the highest COL of all; RUN is gpu1:3,
gpu1:1:5 or an id. NAME and COL are a flag or an attribute: flag:NAME and attr:NAME
say which.

    guild run --restart $(guild select --error)

Options:
  -A, --all          Show all runs, not only the first.
  -s, --short-id     Show the first 8 digits of the id.
  -a, --attr NAME    Show this attribute or flag instead.
  -p, --path         Show the run's directory instead.
  --min COL          The run with the lowest COL first.
  --max COL          The run with the highest COL first.
  -r, --remote NAMES
                     Choose among the runs of this remote, or of several.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import Filters, Picked, Run
from guild_sync.agent.store import attrs
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.base import Host, option
from guild_sync.hosts.choose import host
from guild_sync.output import terminal


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.text("--min") and args.text("--max"):
        raise UsageError("--min and --max exclude each other")
    if sum(args.is_set(form) for form in ("--short-id", "--attr", "--path")) > 1:
        raise UsageError("--short-id, --attr and --path exclude each other")
    remotes = several.names(args)
    found, exit_status = _of_several(args, remotes) if remotes else (_of_one(args), Exit.OK)
    for line in [line for run in found for line in _shown(run, args)]:
        print(terminal.clean(line))
    return exit_status


def _limit(args: Arguments) -> int | None:
    is_ranked = args.text("--min") or args.text("--max")
    return None if args.is_set("--all") or (args.texts("RUN") and not is_ranked) else 1


def _of_one(args: Arguments) -> Sequence[Picked]:
    target = host(args.text("--remote"))
    found = target.choose(
        specs=args.texts("RUN"),
        filters=arguments.filters_for(args, target, changes=False),
        limit=_limit(args),
        attr=args.text("--attr"),
        lowest=_column(args.text("--min")),
        highest=_column(args.text("--max")),
        whole=args.is_set("--all"),
    )
    if not found:
        raise RunNotFound("no run matches", f"Show runs with 'guild runs{option(target.name)}'.")
    return found


def _of_several(args: Arguments, remotes: Sequence[str]) -> tuple[Sequence[Picked], Exit]:
    """The runs that are meant, of all remotes that could be asked, and the exit status."""
    from guild_sync.fleet.listing import newest_first

    column = _column(args.text("--min") or args.text("--max"))

    def question(there: Host, words: Sequence[str], filters: Filters) -> list[_Ranked]:
        limit = None if column else _limit(args)
        runs = there.list_runs(words, limit, filters, whole=args.is_set("--all"))["runs"]
        ids = [run["id"] for run in runs]
        picked = there.choose(ids, attr=args.text("--attr")) if ids else []
        ranks = there.choose(ids, attr=column) if column and ids else picked
        return [_Ranked(*one) for one in zip(runs, picked, ranks, strict=True)]

    replies = several.ask(args, remotes, args.texts("RUN"), question)
    ranked = {
        (name, one.run["id"]): one for name, found in replies.answers.items() for one in found
    }
    of_each = {name: [one.run for one in found] for name, found in replies.answers.items()}
    placed = newest_first(of_each)
    found = [ranked[one.remote, one.run["id"]] for one in placed]
    if column:
        numbered = [(one.number, one) for one in found if one.number is not None]
        numbered.sort(key=lambda pair: pair[0], reverse=bool(args.text("--max")))
        if found and not numbered:
            raise replies.without(f"no run has a number for {column!r}")
        found = [one for _, one in numbered]
    if not found:
        raise replies.without("no run matches")
    return [one.picked for one in found[: _limit(args)]], replies.exit


class _Ranked(NamedTuple):
    """A run of a remote, what is shown of it, and its value in the column that ranks it."""

    run: Run
    picked: Picked
    rank: Picked

    @property
    def number(self) -> int | float | None:
        value = self.rank["value"]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            return None
        return value


def _column(name: str | None) -> str | None:
    """A column as Guild AI names it: `=FLAG` and `.ATTRIBUTE` are known here, too."""
    if name and name[0] in "=.":
        return ("flag:" if name[0] == "=" else "attr:") + name[1:]
    return name


def _shown(run: Picked, args: Arguments) -> list[str]:
    if args.is_set("--path"):
        return [str(run["run_dir"])]
    if args.text("--attr") is None:
        return [run["id"][:8] if args.is_set("--short-id") else run["id"]]
    value = run["value"]
    if value is None:
        raise GuildError(
            f"run {run['id'][:8]} has no attribute or flag {args.text('--attr')!r}",
            "'guild runs info --json' shows those that it has.",
        )
    return (value if isinstance(value, str) else attrs.encode(value)).splitlines()
