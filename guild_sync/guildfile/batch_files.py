"""Batch files, `@FILE`: CSV, JSON or YAML, a row or item a trial."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guild_sync.agent.protocol import Value
from guild_sync.config.file import text_of
from guild_sync.errors import ConfigError, GuildError
from guild_sync.guildfile.lines import parsed
from guild_sync.project.batches import MAX_TRIALS
from guild_sync.project.definitions import Operation, Yaml
from guild_sync.project.flags import Flag, did_you_mean, flag_values, own_name
from guild_sync.project.values import FlagValue, as_value, shown

Row = Mapping[str, FlagValue]

_MAX_BYTES = 4 << 20
_HINT = "A batch file is CSV with names in its first row, or a JSON or YAML list of mappings."


def rows_of(
    operation: Operation, names: Sequence[str], folder: Path, force: bool = False
) -> tuple[Row, ...]:
    """The flags of each trial, or of several, that these files have, one file after the other.

    Values are as they would be on the command line. Each row has every flag that some row has.
    Raises GuildError for a file that cannot be read, or that has other flags than the
    operation (unless `force`).
    """
    rows: list[Row] = []
    for name in names:
        given = _read(folder / name, name)
        if not given:
            raise GuildError(f"batch file {shown(name)} has no trials", _HINT)
        rows += [_typed(operation, row, name, force) for row in given]
        if len(rows) > MAX_TRIALS:
            raise GuildError(f"batch file {shown(name)} has more than {MAX_TRIALS} trials")
    every = {flag: None for row in rows for flag in row}
    usual = {flag: operation.flags[flag].default for flag in every if flag in operation.flags}
    return tuple({**dict.fromkeys(every), **usual, **row} for row in rows)


def without(operation: Operation, rows: Iterable[Row], words: Iterable[str]) -> tuple[Row, ...]:
    """The rows without the flags that `FLAG=VALUE` words give: these hold for all trials."""
    given = {own_name(operation, word.partition("=")[0]) for word in words}
    return tuple({n: value for n, value in row.items() if n not in given} for row in rows)


def supplied(operation: Operation, rows: Sequence[Row]) -> Operation:
    """The operation, which needs no values of flags that are in the rows."""
    names = {name for row in rows for name in row}
    flags = {
        name: replace(flag, required=flag.required and name not in names)
        for name, flag in operation.flags.items()
    }
    return replace(operation, flags=flags)


def with_rows(operation: Operation, folder: Path) -> Operation:
    """The operation, with what is in the batch files of its steps, and of theirs."""
    steps = []
    for step in operation.steps:
        found = step.operation
        if found is not None:
            rows = rows_of(found, step.batch_files, folder, step.force_flags)
            step = replace(step, rows=rows, operation=with_rows(found, folder))
        steps.append(step)
    return replace(operation, steps=tuple(steps)) if steps else operation


@dataclass(frozen=True)
class _One:
    """One flag of an operation, whose value is to be read."""

    full_name: str
    flags: Mapping[str, Flag]


def _typed(operation: Operation, row: Mapping[str, Value], file: str, force: bool) -> Row:
    found: dict[str, FlagValue] = {}
    for name, value in row.items():
        if own_name(operation, name) not in operation.flags and not force:
            raise GuildError(
                f"batch file {shown(file)} has {name!r}, which is no flag of {operation.full_name}",
                did_you_mean(name, operation.flags)
                + "Try 'guild operations -v' for the flags, or --force-flags to skip this check.",
            )
        name = own_name(operation, name)
        one = _One(operation.full_name, {name: operation.flags.get(name, Flag(name))})
        try:
            found[name] = _value(one, name, value, force)
        except GuildError as e:
            raise GuildError(f"batch file {shown(file)}: {e.message}", e.hint) from None
    return found


def _value(one: _One, name: str, value: Value, force: bool) -> FlagValue:
    if value == "" and isinstance(value, _Cell) and not one.flags[name].required:
        return ""  # an empty cell is the empty text, whatever the flag takes, as in Guild AI 0.9
    if isinstance(value, str) and not isinstance(value, _Cell):
        # A text of JSON or YAML stays one where the flag takes it: "1" is no number.
        try:
            found = flag_values(one, [f"{name}={shown(value)}"], force)[name]
        except GuildError:
            found = None
        if found == value:
            return found
    text = value if isinstance(value, str) else shown(value)
    return flag_values(one, [f"{name}={text}"], force)[name]


class _Cell(str):
    """A text as it stands in a CSV file: what it means is what it would on a command line."""


def _read(path: Path, name: str) -> Sequence[Mapping[str, Value]]:
    kind = path.suffix.lower()
    if kind not in (".csv", ".json", ".yml", ".yaml"):
        raise GuildError(f"batch file {shown(name)} is none of .csv, .json, .yml and .yaml", _HINT)
    try:
        text = text_of(path, _MAX_BYTES)
        return _of_csv(text) if kind == ".csv" else _items(_parsed(path, text, kind))
    except FileNotFoundError:
        raise GuildError(f"batch file {shown(name)} does not exist") from None
    except (OSError, ValueError, csv.Error, RecursionError) as e:
        why = e.strerror if isinstance(e, OSError) else " ".join(str(e).split())[:200]
        why = "it is nested too deeply" if isinstance(e, RecursionError) else why
        raise GuildError(f"cannot read batch file {shown(name)}: {why}", _HINT) from None


def _of_csv(text: str) -> list[dict[str, Value]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names = next(reader, [])
    found: list[dict[str, Value]] = []
    if len(set(names)) < len(names) or not all(names):
        raise ValueError("a name is missing in its first row, or there twice")
    for cells in reader:
        if not cells:
            continue
        if any(cells[len(names) :]):
            raise ValueError(f"row {len(found) + 1} has more cells than there are names")
        row = zip(names, cells)  # noqa: B905 - a row may be short: the rest has its defaults
        found.append({name: _Cell(cell) for name, cell in row})
    return found


def _parsed(path: Path, text: str, kind: str) -> Yaml:
    if kind == ".json":
        found: Yaml = json.loads(text)
        return found
    try:
        return parsed(path, text)
    except ConfigError as e:
        raise ValueError(e.message) from None


def _items(data: Yaml) -> list[dict[str, Value]]:
    """The mappings that a file has: a list of them, or one."""
    items = as_value(data if isinstance(data, list) else [] if data is None else [data])
    found: list[dict[str, Value]] = []
    for number, item in enumerate(items if isinstance(items, list) else (), 1):
        if not isinstance(item, dict):
            raise ValueError(f"trial {number} is no mapping of flags to values")
        found.append(item)
    return found
