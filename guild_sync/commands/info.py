"""Show all that is known of a run.

Usage:
  guild info [options] [RUN]
  guild runs info [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
Of several remotes ('-r gpu1,gpu2', '-r all', a group of the config file) the latest of all is
meant, or RUN: an id that one of them has, or gpu1:3.
Of a run that came from a remote, 'confirmed' is when that remote last gave its word.
'waits_for' has the processes that keep a run running whose operation has ended: those that
it started, but for what has left its session and holds none of its output. 'started_by' is
who started it, and from which machine.
'resources' has the GPUs, cores and memory that it has, or had, for itself. Of a pending run that
waits for such, 'waits_for' says for what.
'attempt' is which start of its operation the run's status is that of, where it was tried again
or started again; 'attempts' has how the others ended, and the last one too where its runner
waits before it tries again, or was ended then. The output of one that another has followed is
'guild cat RUN -p .guild/attempts/1/output'. 'ended_by' is the limit that has ended it.
'environment' has the packages that the project requires: which one it is, and what is in it.
'batch' is the batch over several remotes that the run is a trial of; of one that still waits here
'refused' says which of them do not take it, and why.
'scalars' has the numbers that the run has printed: the last of each, with its step, and how low and
high it was. Of many the first are shown; --json has all.
'vcs_commit' is the git commit that the project was at, with a star where its work tree
differed from that. --vcs-diff shows how the project's folder did, as 'git apply' takes it.

Options:
  -c, --comments     Show the run's comments.
  -d, --deps         Show what the operation required, and where it was found.
  -m, --manifest     Show the files that the run was given.
  -e, --env          Show the environment variables that guild set for it.
  --vcs-diff         Show, and nothing else, how the project differed from its commit.
  -r, --remote NAMES
                     Show a run of this remote, or of one of several.
  -A, --archive FILE
                     Show a run of this archive, such as 'guild export' makes.
  --json             Print JSON.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import codecs
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from guild_sync.agent.protocol import (
    BATCH,
    COMMIT,
    COMMIT_DIFF,
    ENVIRONMENT,
    RESOURCES,
    TRIAL,
    Attempt,
    Details,
    Info,
    Run,
    Value,
    counted,
    flags_of,
    tags_of,
)
from guild_sync.agent.store import attrs
from guild_sync.cli import arguments, several
from guild_sync.hosts.base import FileMissing
from guild_sync.output import cells, formats, runs, terminal
from guild_sync.output.console import to_stdout
from guild_sync.project.values import shown

_MOST_SCALARS = 20  # that have a line


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    found = several.one_run(args, args.text("RUN"))
    target = found.host
    run = target.info(spec=found.spec, filters=found.filters)
    if args.is_set("--vcs-diff"):
        with suppress(FileMissing):  # it did not
            target.cat(_cleaned_lines(), run["id"], f".guild/{COMMIT_DIFF}")
        return found.exit
    where = {"on_remote": target.name} if several.names(args) else {}
    if args.is_set("--json"):
        print(json.dumps({**run, **where}))
        return found.exit
    is_for_person = terminal.terminal_width() is not None
    about = [
        *fields(run),
        *(_more(run) if is_for_person else ()),
        *_deal(run),
        *_commit(run),
        *_environment(run),
        *_resources(run),
    ]
    lines = [f"{key}: {terminal.clean(name)}" for key, name in where.items()]
    for line in [*lines, *about, *_flags(run), *_scalars(run), *_attempts(run)]:
        if not (is_for_person and line.endswith(":") and line in about):
            print(line)  # what it has not is for programs
    if args.is_set("--comments"):
        _print("comments:", *runs.comments(run))
    if args.is_set("--deps"):
        _print("dependencies:", *_nested(run["attrs"].get("deps")))
    if args.is_set("--env"):
        _print(*runs.mapping("environment", run["attrs"].get("env")))
    if args.is_set("--manifest"):
        _print("manifest:", *(f"  {terminal.clean(entry)}" for entry in run["manifest"]))
    return found.exit


def _print(*lines: str) -> None:
    for line in lines:
        print(line)


def fields(run: Details) -> list[str]:
    """A line for each thing that is known of the run, but for its flags."""
    opref = run["opref"]
    source = (
        f"{opref['package']}=={opref['version']}"
        if opref["type"] == "package"
        else opref["package"]
    )
    tags = tags_of(run)
    found = {
        "id": run["id"],
        "operation": runs.operation(run),
        "from": source,
        "status": runs.status(run),
        "confirmed": runs.confirmed(run),
        "started": formats.date(run["started"]),
        "started_by": runs.starter(run),
        "stopped": formats.date(run["stopped"]),
        "marked": "yes" if run["marked"] else "no",
        "label": run["label"] if run["label"] is not None else "",
        "tags": ", ".join(map(str, tags)),
        "sourcecode_digest": run["sourcecode_digest"] or "",
        "run_dir": run["run_dir"],
        "command": shlex.join(map(str, run["cmd"])) if isinstance(run["cmd"], list) else "",
        "exit_status": "" if run["exit_status"] is None else run["exit_status"],
        "ended_by": run["ended_by"] or "",
        "attempt": str(run["attempt"]) if run["attempt"] > 1 else "",
        "pid": run["pid"] or "",
        "host": run["host"] or "",
        "job": runs.job(run),
        "waits_for": runs.waits(run)
        or ", ".join(f"{left['pid']} ({left['command']})" for left in run.get("waits_for") or ()),
    }
    # This machine's own word needs no date; runs of earlier versions do not say who started them.
    for name in ("job", "waits_for", "confirmed", "started_by", "ended_by", "attempt"):
        if not found[name]:
            del found[name]
    return [f"{name}: {terminal.clean(value)}".rstrip() for name, value in found.items()]


def _more(run: Info) -> list[str]:
    """How long a run took, and as which user: for people, who need not count."""
    told = {
        "duration": formats.span(run["started"], run["stopped"]),
        "user": run["attrs"].get("user"),
    }
    return [f"{name}: {terminal.clean(value)}" for name, value in told.items() if value]


def _deal(run: Info) -> list[str]:
    """Of which batch over several remotes it is a trial; of one that waits, who refused it."""
    batch, number = run["attrs"].get(BATCH), run["attrs"].get(TRIAL)
    if not isinstance(batch, str):
        return []
    refused = run["deal"]["refused"] if run["deal"] else {}
    why = [f"  {name}: {text}" for name, text in refused.items()]
    told = [f"batch: {batch} (trial {number})", *(["refused:", *why] if why else [])]
    return [terminal.clean(line) for line in told]


def _commit(run: Info) -> list[str]:
    commit = run["attrs"].get(COMMIT)
    return [f"{COMMIT}: {terminal.clean(commit)}"] if isinstance(commit, str) else []


def _environment(run: Info) -> list[str]:
    """`environment: 1a2b3c4d5e6f7a8b (numpy==2.4.0)`: its name, and what the project requires."""
    found = run["attrs"].get(ENVIRONMENT)
    if not isinstance(found, dict):
        return []
    packages = found.get("packages")
    listed = ", ".join(map(str, packages)) if isinstance(packages, list) else ""
    name = str(found.get("name") or "the Python's own")
    return [f"{ENVIRONMENT}: {terminal.clean(f'{name} ({listed})')}"]


def _resources(run: Info) -> list[str]:
    """What of its host the run has, or had, for itself: `resources: GPU 2 (A100), 4 cores`."""
    found = run["attrs"].get(RESOURCES)
    if not isinstance(found, dict):
        return []
    gpus, cpus, memory = (found.get(name) for name in ("gpus", "cpus", "memory"))
    said = [
        f"GPU {card.get('index')} ({card.get('name')})"
        for card in (gpus if isinstance(gpus, list) else [])
        if isinstance(card, dict)
    ]
    said += [counted(cpus, "core")] if isinstance(cpus, int) else []
    said += [f"{formats.size(memory)} of memory"] if isinstance(memory, int) else []
    return [f"{RESOURCES}: {terminal.clean(', '.join(said))}"]


def _cleaned_lines() -> Callable[[bytes], None]:
    """Prints text that a remote may have made: as it is where no terminal shows it."""
    if not sys.stdout.isatty():
        return to_stdout
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda chunk: print(terminal.clean_lines(decoder.decode(chunk)), end="")


def _flags(run: Run) -> list[str]:
    values = {name: shown(value) for name, value in flags_of(run).items()}
    return runs.mapping("flags", values)


def _scalars(run: Info) -> list[str]:
    """A line for each scalar, of so many: `  loss: 0.25 (step 9; min 0.2, max 0.9, 10 values)`."""
    found = run["scalars"]
    names = sorted(found)
    lines = [f"  {cells.scalar(name, found[name])}" for name in names[:_MOST_SCALARS]]
    if len(names) > _MOST_SCALARS:
        lines.append(f"  and {len(names) - _MOST_SCALARS} more: --json has all")
    return ["scalars:", *lines] if lines else []


def _attempts(run: Info) -> list[str]:
    """A line for each attempt before the last one, whose end is the run's."""
    return ["attempts:", *map(_attempt, run["attempts"])] if run["attempts"] else []


def _attempt(attempt: Attempt) -> str:
    """`  1: error (exit status 3), 2026-11-26 09:12:30, 45s`."""
    code = attempt["exit_status"]
    known = f"{attempt['status']} (exit status {'not known' if code is None else code})"
    parts = [
        known,
        formats.date(attempt["started"]),
        formats.span(attempt["started"], attempt["stopped"]),
    ]
    text = ", ".join(filter(None, [*parts, attempt["ended_by"]]))
    return f"  {attempt['number']}: {terminal.clean(text)}"


def _nested(value: Value) -> list[str]:
    lines = attrs.encode(value).splitlines() if value else []
    return [f"  {terminal.clean(line)}" for line in lines]
