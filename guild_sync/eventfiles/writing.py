"""A run as an event file: its scalars, and its flags as hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from guild_sync.agent import protocol
from guild_sync.agent.protocol import ComparedRun, Points, flags_of
from guild_sync.eventfiles import framing
from guild_sync.project.values import shown

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

VERSION = 1  # raised where the same run is written in another way
_FORMAT = "brain.Event:2"  # what each event file begins with
_MOST_STEP = 1 << 63


def begun(run: ComparedRun) -> float:
    """When a run began, in seconds since 1970; 0 where that is not known."""
    return (protocol.moment_of(run["started"]) or 0) / 1e6


def event_file(run: ComparedRun, points: dict[str, Points]) -> bytes:
    """The event file of a run with these scalars, by the times at which they were printed.

    TensorBoard's numbers are of 32 bits: of each some seven digits are kept.
    """
    return b"".join(framing.framed(event.SerializeToString()) for event in _events(run, points))


def _events(run: ComparedRun, points: dict[str, Points]) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import summary_v2

    yield Event(wall_time=begun(run), file_version=_FORMAT)
    if flags := _flags(run):
        summary = summary_v2.hparams_pb(flags, trial_id=run["id"], start_time_secs=begun(run))
        yield Event(wall_time=begun(run), summary=summary)
    found = [
        (time, step, _tag(name), protocol.number(value))
        for name, each in points.items()
        for time, step, value in zip(each["time"], each["step"], each["value"], strict=True)
        if -_MOST_STEP <= step < _MOST_STEP
    ]
    for time, step, tag, number in sorted(found, key=lambda one: one[0]):
        event = Event(wall_time=time / 1e6, step=step)
        event.summary.value.add(tag=tag, simple_value=number)
        yield event


def _flags(run: ComparedRun) -> dict[str, bool | int | float | str]:
    return {
        _tag(name): value if isinstance(value, (bool, int, float)) else _tag(shown(value))
        for name, value in flags_of(run).items()
    }


def _tag(name: str) -> str:
    """Text without bytes that were no UTF-8, which an event file cannot have."""
    return name.encode("utf-8", "replace").decode()
