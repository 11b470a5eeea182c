"""Show the id of a run, or what else is asked of it, for use in other commands.

Usage:
  guild select [options] [RUN]...

RUN is an index (1, the latest, if it is left out), a range 1:5, a run id or the
beginning of one. NAME and COL are a flag or an attribute: flag:NAME and attr:NAME
say which.

    guild run --restart $(guild select --error)

Options:
  -a, --all          Show all runs, not only the first.
  -s, --short-id     Show the first 8 digits of the id.
  --attr NAME        Show this attribute or flag instead.
  -p, --path         Show the run's directory instead.
  --min COL          The run with the lowest COL first.
  --max COL          The run with the highest COL first.
  -r, --remote NAME  Choose among the runs of this remote.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.agent.protocol import Picked
from guild_sync.agent.store import attrs
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.base import option
from guild_sync.hosts.choose import host
from guild_sync.output import terminal


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.text("--min") and args.text("--max"):
        raise UsageError("--min and --max exclude each other")
    if sum(args.is_set(form) for form in ("--short-id", "--attr", "--path")) > 1:
        raise UsageError("--short-id, --attr and --path exclude each other")
    ranked = args.text("--min") or args.text("--max")
    target = host(args.text("--remote"))
    found = target.choose(
        specs=args.texts("RUN"),
        filters=arguments.filters_for(args, target, changes=False),
        limit=None if args.is_set("--all") or (args.texts("RUN") and not ranked) else 1,
        attr=args.text("--attr"),
        lowest=_column(args.text("--min")),
        highest=_column(args.text("--max")),
        whole=args.is_set("--all"),
    )
    if not found:
        raise RunNotFound("no run matches", f"Show runs with 'guild runs{option(target.name)}'.")
    for line in [line for run in found for line in _shown(run, args)]:
        print(terminal.clean(line))
    return Exit.OK


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
