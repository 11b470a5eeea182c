"""The attempts of a run: each start of its operation, how it ended, and what it printed.

The last one is the run itself: its attributes, `.guild/output`. Each earlier one is a folder
`.guild/attempts/N`. It gets `attempt.json` when it has ended and another is to follow, and
`output` when that begins: a kill at any moment leaves what the next start sorts out.
"""

from __future__ import annotations

import json
import re
from typing import Dict, Iterator, List, NamedTuple, Tuple

from ..protocol import STALLED, Value
from . import atomic, inside

OUTPUT = "output"
SCALARS = ("SCALARS", "SCALARS.series")  # agent/scalars/kept.py has what is in them
RECORD = "attempt.json"
_FOLDER = "attempts"
LOCK_ATTEMPTS = "LOCK.attempts"  # of a copy: its counts when it was settled last
_NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_MOST = 1000  # attempts of a run that are told of
_MAX_RECORD = 1 << 14


class AttemptEnd(NamedTuple):
    """How an attempt was begun and how it ended; None where a kill kept that from being known."""

    started: Value
    stopped: Value = None
    exit_status: Value = None
    ended_by: Value = None


class Counts(NamedTuple):
    """How many attempts the runner itself has begun again, and how many have stalled."""

    retries: int = 0
    stalls: int = 0


def note_end(guild: str, ended: AttemptEnd) -> int:
    """Write down how the last attempt ended, if another is to follow it; its number.

    Asked again of an attempt that was written down, it changes nothing.
    """
    number, record = _latest(guild)
    if number and record.get("started") == ended.started:
        return number
    _write(guild, number + 1, dict(ended._asdict()))
    return number + 1


def put_aside(guild: str, ended: AttemptEnd, again: bool = False) -> None:
    """Have the last attempt be an earlier one, as another begins; `again`: by the same runner."""
    number = note_end(guild, ended)
    if again:
        _write(guild, number, {**_record(guild, number), "retried": True})
    if not inside.exists(guild, _output(number)):
        for name in SCALARS:  # before it: without them it is read, and they tell of no other
            if inside.exists(guild, name):
                inside.move(guild, name, "%s/%d/%s" % (_FOLDER, number, name))
        inside.move(guild, OUTPUT, _output(number))


def current(guild: str, started: Value) -> int:
    """The number of the last attempt, which was started then; 1 is the first."""
    number, record = _latest(guild)
    return number if number and record.get("started") == started else number + 1


def earlier(guild: str, started: Value, stopped: Value) -> Iterator[Tuple[int, AttemptEnd, bool]]:
    """Each attempt that has ended otherwise than the run: its number, its end, whether the runner
    began the next.

    The last one is among them where the run waits for the next, or was ended while it did.
    """
    for number in _numbers(guild)[-_MOST:]:
        record = _record(guild, number)
        is_the_runs = (record.get("started"), record.get("stopped")) == (started, stopped)
        if record and (not is_the_runs or inside.exists(guild, _output(number))):
            ended = AttemptEnd(*(record.get(name) for name in AttemptEnd._fields))
            yield number, ended, record.get("retried") is True


def begun(guild: str) -> int:
    """The number of the attempt whose output `.guild/output` is."""
    done = [number for number in _numbers(guild) if inside.exists(guild, _output(number))]
    return done[-1] + 1 if done else 1


def first_begun(guild: str) -> int:
    """The number of the attempt after which its runner has begun all others up to that one."""
    number = begun(guild)
    while number > 1 and _record(guild, number - 1).get("retried") is True:
        number -= 1
    return number


def output_of(guild: str, number: int) -> str:
    """Where the output of an attempt is now, a path in `.guild`."""
    return _output(number) if inside.exists(guild, _output(number)) else OUTPUT


def part(path: str) -> str:
    """What a path in `.guild` is of an earlier attempt: RECORD, OUTPUT, or nothing."""
    folder, _, rest = path.partition("/")
    number, _, name = rest.partition("/")
    is_one = folder == _FOLDER and _NUMBER.match(number) and name in (RECORD, OUTPUT)
    return name if is_one else ""


def counts(guild: str, started: Value, ended_by: Value) -> Counts:
    """How often the run was begun again by its runner, and how often it has stalled."""
    numbers = _numbers(guild)[-_MOST:]
    records = [_record(guild, number) for number in numbers]
    stalls = [record for record in records if is_stall(record.get("ended_by"))]
    is_noted = bool(records) and records[-1].get("started") == started
    return Counts(
        sum(record.get("retried") is True for record in records),
        len(stalls) + (is_stall(ended_by) and not is_noted),
    )


def settled_counts(guild: str) -> Counts:
    """Those of a copy when it was settled last."""
    text = inside.read_json(guild, LOCK_ATTEMPTS, _MAX_RECORD)
    if isinstance(text, list) and len(text) == 2:
        retries, stalls = text
        if isinstance(retries, int) and isinstance(stalls, int):
            return Counts(retries, stalls)
    return Counts()


def settle_counts(guild: str, found: Counts) -> None:
    """Write down, of a copy, the counts of which hooks know from now on."""
    if found != settled_counts(guild):
        atomic.write_in(guild, LOCK_ATTEMPTS, json.dumps(list(found)), flushed=False)


def is_stall(ended_by: Value) -> bool:
    return isinstance(ended_by, str) and ended_by.startswith(STALLED)


def _output(number: int) -> str:
    return "%s/%d/%s" % (_FOLDER, number, OUTPUT)


def _latest(guild: str) -> Tuple[int, Dict[str, Value]]:
    """The number of the latest attempt that has a folder, and its record; 0 where none has."""
    numbers = _numbers(guild)
    return (numbers[-1], _record(guild, numbers[-1])) if numbers else (0, {})


def _numbers(guild: str) -> List[int]:
    try:
        names = inside.names(guild, _FOLDER)
    except OSError:
        return []
    return sorted(int(name) for name in names if _NUMBER.match(name))


def _record(guild: str, number: int) -> Dict[str, Value]:
    return inside.read_mapping(guild, "%s/%d/%s" % (_FOLDER, number, RECORD), _MAX_RECORD)


def _write(guild: str, number: int, record: Dict[str, Value]) -> None:
    folder = "%s/%d" % (_FOLDER, number)
    inside.make(guild, folder)
    atomic.write_in(guild, "%s/%s" % (folder, RECORD), json.dumps(record))
