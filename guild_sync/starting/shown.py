"""What `guild run` would run, shown and not made: its command, variables, trials, operation."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guild_sync.agent.protocol import RUN_ENV, Child, Job, Value
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts.base import Host
from guild_sync.output import tables
from guild_sync.output.console import say
from guild_sync.output.terminal import clean
from guild_sync.project import flags, values
from guild_sync.runs import start
from guild_sync.runs.launch import Launch, given_of
from guild_sync.runs.resolve import Meant, Request, resolve

if TYPE_CHECKING:
    from guild_sync.project.definitions import Operation, Yaml
    from guild_sync.project.flags import Flag
    from guild_sync.project.sourcecode import Source


def of_operation(request: Request, target: Host, args: Arguments) -> None:
    """Show what is asked of the operation that is meant."""
    meant = resolve(request, target)
    if args.is_given("--test-output-scalars"):
        lines = _scalar_lines(meant.operation, args.word("--test-output-scalars"))
    elif args.is_set("--test-sourcecode"):
        lines = _source_lines(meant)
    elif args.is_set("--test-flags"):
        lines = _flag_lines(meant.operation)
    else:
        lines = _help_lines(meant.operation)
    for line in lines:
        say(clean(line))


def of_launch(prepared: Launch, target: Host, args: Arguments) -> None:
    """Show what is asked of the run that would be made."""
    if args.is_set("--print-cmd"):
        for words in start.child_commands(prepared, target):
            say(clean(shlex.join(words)))
    elif args.is_set("--print-env"):
        for number, job in enumerate(_single_jobs(prepared.job)):
            for line in ([""] if number else []) + _variables(job, prepared.job):
                say(clean(line))
    elif args.is_set("--print-trials"):
        for line in tables.table(_trial_rows(prepared)):
            say(line)


def _single_jobs(job: Job) -> Iterator[Job]:
    """The job, or those of the runs that it consists of."""
    for child in job.get("children") or ():
        yield from _single_jobs(child["job"])
    if not job.get("children"):
        yield job


def _variables(job: Job, whole: Job) -> list[str]:
    """What guild, guild.yml and the command line set, but for secrets, as NAME=VALUE."""
    kept = whole.get("environment") or {}
    given = {name[len(RUN_ENV) :]: text for name, text in kept.items() if name.startswith(RUN_ENV)}
    found = {**job.get("env", {}), **given}
    return [f"{name}={text}" for name, text in sorted(found.items())]


def _trial_rows(prepared: Launch) -> list[tuple[str, ...]]:
    """A heading, and a row a trial: its number and the values of its flags."""
    trials = [_flags_of(child) for child in prepared.children if prepared.is_batch]
    if not trials:
        raise GuildError(
            f"{clean(prepared.name)} with these flags is no batch: it has no trials",
            "Give a flag several values: FLAG=[1,2,3]. Or a batch file: @FILE",
        )
    names = [*dict.fromkeys(name for trial in trials for name in trial)]
    rows = [("#", *map(clean, names))]
    for number, trial in enumerate(trials, 1):
        texts = (clean(values.shown(trial[n])) if n in trial else "" for n in names)
        rows.append((str(number), *texts))
    return rows


def _flags_of(child: Child) -> Mapping[str, Value]:
    found = child["attributes"].get("flags")
    return found if isinstance(found, dict) else {}


def _help_lines(operation: Operation) -> Iterator[str]:
    """What the operation does, what it takes and needs, and what it consists of."""
    yield f"Usage: guild run [options] {operation.full_name} [FLAG=VALUE]..."
    if operation.description:
        yield from ("", *operation.description.splitlines())
    shown = [flag for flag in operation.flags.values() if not flag.is_run]
    rows = [(f"  {clean(flag.name)}", clean(_said_of(flag))) for flag in shown]
    yield from _section("Flags", tables.table(rows))
    yield from _section("Requires", [f"  {r.kind}: {r.source}" for r in operation.requires])
    yield from _section("Steps", [f"  {step.name}" for step in operation.steps])
    yield from ("", "'guild run --help' tells the options.")


def _section(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"{heading}:", *lines)


def _said_of(flag: Flag) -> str:
    """A flag's description and choices, and what it is without being given."""
    if flag.required and flag.default is None:
        told = "has to be given"
    elif flag.default is None:
        told = ""
    else:
        told = f"default: {values.shown(flag.default)}"
    limits = [("at least", flag.minimum), ("at most", flag.maximum)]
    told = ", ".join(
        filter(None, (told, *(f"{word} {n:g}" for word, n in limits if n is not None)))
    )
    return "  ".join(filter(None, (flags.about(flag), told and f"({told})")))


def _flag_lines(operation: Operation) -> Iterator[str]:
    """The operation's flags, as guild.yml would say all that is known of them."""
    import yaml  # few look at flags so

    declared: dict[Yaml, Yaml] = {
        flag.name: _declared(flag) for flag in operation.flags.values() if not flag.is_run
    }
    whole: dict[Yaml, Yaml] = {"flags-dest": operation.flags_dest, "flags": declared}
    text: str = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=1000)
    yield from text.splitlines()


def _declared(flag: Flag) -> dict[Yaml, Yaml]:
    """The keys of guild.yml that say what a flag is; those that say nothing are left out."""
    from guild_sync.project.batches import plain

    found: dict[str, Value] = {
        "description": flag.description or None,
        "default": plain(flag.default),
        "type": flag.type,
        "choices": list(flag.choices) or None,
        "allow-other": flag.allow_other or None,
        "required": flag.required or None,
        "min": flag.minimum,
        "max": flag.maximum,
        "arg-name": flag.arg_name,
        "arg-switch": plain(flag.switch),
        "env-name": flag.env_name,
        "null-label": flag.null_label,
    }
    return {key: _yaml(value) for key, value in found.items() if value is not None}


def _yaml(value: Value) -> Yaml:
    if isinstance(value, list):
        return [_yaml(item) for item in value]
    if isinstance(value, dict):
        return {key: _yaml(item) for key, item in value.items()}
    return value


def _scalar_lines(operation: Operation, path: str) -> Iterator[str]:
    """Each line of an output, and below it the scalars that a run of the operation would have."""
    from guild_sync.agent.scalars import patterns, reading

    asked = patterns.scalars_asked(operation.kept.get("output-scalars"))
    yield from (f"output-scalars: {fault}" for fault in asked.faults)
    reader = reading.ScalarReader(asked)
    for line in _lines_of(path):
        found = reader.feed(line if line.endswith(b"\n") else line + b"\n")
        yield line.decode("utf-8", "replace").rstrip("\r\n")
        for name, numbers, steps in found:
            for value, step in zip(numbers, steps or [None] * len(numbers), strict=True):
                at = "" if step is None else f"  (step {step})"
                yield f"  {name}={value}{at}"
    for pattern in reader.given_up():
        yield f"output-scalars: {pattern!r} takes too long, and is not looked for any more"


def _lines_of(path: str) -> Iterator[bytes]:
    """The lines of a file, or of stdin, each as it comes."""
    try:
        if path == "-":
            yield from sys.stdin.buffer
        else:
            with open(path, "rb") as file:
                yield from file
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) else str(e)
        raise UsageError(f"--test-output-scalars: cannot read {path!r}: {why}") from None


def _source_lines(meant: Meant) -> Iterator[str]:
    """Which files are source code of the operation, and which files beside them are not."""
    found = given_of(meant, None).source if meant.project or meant.installed else None
    if found is None:
        raise GuildError(
            f"{clean(meant.operation.full_name)} takes no source code from here",
            "It has that of the earlier run, or needs none.",
        )
    yield f"Source code of {meant.operation.full_name}, in {found.root}:"
    yield from (f"  {name}" for name in found.files) if found.files else ("  no file",)
    passed_over = [*_left(found)] if meant.installed is None else []
    yield from _section("Not source code", [f"  {name}" for name in passed_over])
    yield from _section("Left out", [f"  {text}" for text in found.left_out])


def _left(found: Source) -> Iterator[str]:
    """The files of the folder that are no source code; a folder without any as one, `data/`."""
    taken = {*found.files}
    folders = {str(above) for name in taken for above in Path(name).parents}
    waiting = [""]
    while waiting:
        below = waiting.pop(0)
        with os.scandir(found.root / below) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            name = f"{below}{entry.name}"
            if not entry.is_dir():
                if name not in taken:
                    yield name
            elif name in folders:
                waiting.append(f"{name}/")
            else:
                yield f"{name}/"
