"""Show how two runs differ.

Usage:
  guild diff [-p PATH]... [options] [RUN [RUN]]
  guild runs diff [-p PATH]... [options] [RUN [RUN]]

RUN is an index (1 is the latest), a run id or the beginning of one. REMOTE:RUN is a run
of that remote, so that a run here can be compared with one there. Without RUNs the
latest two are compared, of several remotes ('-r gpu1,gpu2', '-r all') the latest two of all.
Without options that say what, flags, source code and output are; a PROGRAM of --cmd gets all files.
The files are put in a folder for each run, and 'diff -ru' or PROGRAM is given both. What
diff shows is cleaned of all that a terminal would obey; PROGRAM has the terminal.

  guild diff 1 gpu1:1 --output

Options:
  -O, --output       Compare what the runs printed.
  -s, --sourcecode   Compare source code.
  -e, --env          Compare environment variables.
  -f, --flags        Compare flags.
  -a, --attrs        Compare all attributes.
  -D, --deps         Compare what the operations required.
  --vcs              Compare the commits that the projects were at, and how they differed
                     from those.
  -p, --path PATH    Compare files at this path in the runs; can be given several times.
  -c, --cmd PROGRAM  Compare with this program, which may have options of its own.
  -r, --remote NAMES
                     Compare runs of this remote, or of several.
  -A, --archive FILE
                     Compare runs of this archive, such as 'guild export' makes.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import codecs
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import COMMIT, COMMIT_DIFF, Run
from guild_sync.cli import arguments, several
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.several import OneRun
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.base import FileMissing, Host
from guild_sync.hosts.choose import host
from guild_sync.output import console, terminal
from guild_sync.transfer import archive
from guild_sync.transport import watched

if TYPE_CHECKING:
    from guild_sync.fleet.listing import PlacedRun

_DIFF = ("diff", "-ru")
# What is compared where nothing is said.
_USUAL: Sequence[Mapping[str, str]] = (
    {"pattern": ".guild/attrs/flags"},
    {"kind": "sourcecode"},
    {"pattern": ".guild/output"},
)
ATTRIBUTES = ("flags", "env", "deps")
_COMMIT_DIFF = f".guild/{COMMIT_DIFF}"
NO_READER = -13  # SIGPIPE: `guild diff | head`


class Side(NamedTuple):
    """One of the two runs that are compared."""

    host: Host
    run_id: str
    exit: Exit = Exit.OK  # that of remotes which could not be asked for it

    def folder(self, other: Side) -> str:
        """The name of the folder for its files, which tells it from the other."""
        if self.host.name != other.host.name:
            place = f"@{self.host.name}".replace("/", "_") if self.host.name else ""
            return self.run_id[:8] + place
        return self.run_id[:8] if self.run_id[:8] != other.run_id[:8] else self.run_id


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    program = _program(args.text("--cmd"))
    sides = _two_runs(args)
    with tempfile.TemporaryDirectory(prefix="guild-diff-") as top:
        compared = [
            _compare(sides, part, Path(top, str(number)), program)
            for number, part in enumerate(_parts(args))
        ]
    return max(Exit.OK if all(compared) else Exit.ERROR, *(side.exit for side in sides))


def _program(text: str | None) -> Sequence[str]:
    if text is None:
        return _DIFF
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise UsageError(f"--cmd is not a command line: {e}") from None
    if not words:
        raise UsageError("--cmd takes a program's name")
    return words


def _two_runs(args: Arguments) -> tuple[Side, Side]:
    specs = args.texts("RUN")
    archive = _archive(args)
    if len(specs) == 1:
        raise UsageError("give two runs, or none for the latest two", "Try 'guild diff --help'.")
    if specs:
        one, other = [_named(spec, args, archive) for spec in specs]
        if (one.host.name, one.run_id) == (other.host.name, other.run_id):
            raise RunNotFound("there must be two runs to compare, not 1")
        return one, other
    if remotes := several.names(args):
        (newer, older), exit_status = several.latest(args, remotes, 2)
        return _side(older, exit_status), _side(newer, exit_status)
    there = archive or host(args.text("--remote"))
    filters = arguments.filters_for(args, there, changes=False)
    found = there.choose(filters=filters, limit=2)
    if len(found) != 2:
        raise RunNotFound(f"there must be two runs to compare, not {len(found) or 'none'}")
    # What changed is read from the older to the newer.
    return Side(there, found[1]["id"]), Side(there, found[0]["id"])


def _side(listed: PlacedRun[Run], exit_status: Exit) -> Side:
    return Side(host(listed.remote), listed.run["id"], exit_status)


def _archive(args: Arguments) -> Host | None:
    """The archive of which both runs are, None where none is given; it is looked into once."""
    if args.text("--archive") is None:
        return None
    return host(args.text("--remote"), args.text("--archive"))


def _named(spec: str, args: Arguments, archive: Host | None) -> Side:
    # The last colon: that of a range is never meant here, and a remote's spec may have some.
    before, colon, run = ("", "", spec) if archive else spec.rpartition(":")
    if not colon and not archive:
        meant = several.one_run(args, run)
    else:
        there = archive or host(before)
        meant = OneRun(there, run, arguments.filters_for(args, there, changes=False))
    found = meant.host.choose(specs=[meant.spec], filters=meant.filters)
    return Side(meant.host, found[0]["id"], meant.exit)


def _parts(args: Arguments) -> Iterator[dict[str, str]]:
    """What is compared, as `archive` in agent/files/archive.py takes it."""
    chosen = []
    if args.is_set("--attrs"):
        chosen.append({"pattern": ".guild/attrs"})
    else:
        named = [name for name in ATTRIBUTES if args.is_set(f"--{name}")]
        chosen += [{"pattern": f".guild/attrs/{name}"} for name in named]
    if args.is_set("--vcs"):
        chosen += [{"pattern": f".guild/attrs/{COMMIT}"}, {"pattern": _COMMIT_DIFF}]
    if args.is_set("--output"):
        chosen.append({"pattern": ".guild/output"})
    if args.is_set("--sourcecode"):
        chosen.append({"kind": "sourcecode"})
    chosen += [{"pattern": path} for path in args.texts("--path")]
    if not chosen:  # not what guild alone has written: ids and times differ in any case
        chosen = [{}] if args.text("--cmd") else [dict(part) for part in _USUAL]
    yield from chosen


def _compare(
    sides: tuple[Side, Side], part: Mapping[str, str], top: Path, program: Sequence[str]
) -> bool:
    """Show how the two differ in a part; whether all of that could be read."""
    is_whole = True
    names = [sides[0].folder(sides[1]), sides[1].folder(sides[0])]
    for side, name in zip(sides, names, strict=True):
        with archive.into(top / name) as on_bytes:
            unreadable = side.host.archive(on_bytes, side.run_id, **part)["unreadable"]
        for why in unreadable.values():
            console.warn(GuildError(f"run {side.run_id}: {why}"))
            is_whole = False
    if path := part.get("pattern"):
        places = [f"{name}/{path.rstrip('/')}" for name in names]
        if not any((top / place).exists() for place in places):
            if not any(any((top / name).iterdir()) for name in names):
                if path.startswith(".guild/"):  # neither has what not every run has
                    return True
                raise FileMissing(f"neither run has a file {path!r}")
        elif path == _COMMIT_DIFF or all((top / place).exists() for place in places):
            for place in places:
                if not (top / place).exists():  # of a run whose project did not differ
                    (top / place).parent.mkdir(parents=True, exist_ok=True)
                    (top / place).touch()
            names = places
    if program == _DIFF:
        _show_difference([*program, *names], str(top))
        return is_whole
    code = watched.foreground([*program, *names], cwd=str(top))
    if code not in (0, 1, NO_READER):
        raise GuildError(f"{program[0]} failed (exit status {code})")
    return is_whole


def _show_difference(argv: Sequence[str], folder: str) -> None:
    """Show what diff says of files that a remote may have made."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def show(chunk: bytes) -> None:
        sys.stdout.write(terminal.clean_lines(decoder.decode(chunk)))

    done = watched.run(argv, show, cwd=folder)
    sys.stdout.flush()
    if done.code not in (0, 1):
        raise GuildError(f"diff failed (exit status {done.code})", done.stderr.strip())
