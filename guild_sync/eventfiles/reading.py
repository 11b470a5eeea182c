"""Event files of TensorBoard read for scalars: their names, steps, times and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from guild_sync.agent import protocol
from guild_sync.agent.protocol import Points
from guild_sync.eventfiles import framing

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

_SCALARS = "scalars"  # the plugin whose tensors are numbers
_MOST_SECONDS = 1 << 43  # since 1970, of which microseconds are a count
_MOST_TAGS, _LONGEST = 1000, 200


def scalars_of(path: str, most: int | None = None) -> dict[str, Points]:
    """By tag, the points of an event file, of its first `most` bytes; what is torn ends it.

    Raises OSError where it cannot be read.
    """
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    found: dict[str, Points] = {}
    of_plugin: dict[str, bool] = {}  # whether a tag's tensors are scalars: its first one says so
    for record in framing.records(path, most):
        try:
            event = event_pb2.Event.FromString(record)
        except DecodeError:
            break
        if not 0 <= event.wall_time < _MOST_SECONDS:  # nan neither
            continue
        for value in event.summary.value:
            if value.tag not in found and (len(found) == _MOST_TAGS or not _is_name(value.tag)):
                continue
            for number in _numbers(value, of_plugin):
                points = found.setdefault(value.tag, {"time": [], "step": [], "value": []})
                points["time"].append(int(event.wall_time * 1e6))
                points["step"].append(event.step)
                points["value"].append(protocol.figure(number))
    return found


def _is_name(tag: str) -> bool:
    return 0 < len(tag) <= _LONGEST


def _numbers(value: Summary.Value, of_plugin: dict[str, bool]) -> Iterator[float]:
    """The number that a value of a summary is; none where it is a picture or the like."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        yield float(value.simple_value)
        return
    plugin = value.metadata.plugin_data.plugin_name
    if kind != "tensor" or not of_plugin.setdefault(value.tag, plugin == _SCALARS):
        return
    # One that says that it is large would be made so large, of a single number.
    if any(dim.size != 1 for dim in value.tensor.tensor_shape.dim):
        return
    from tensorboard.util import tensor_util

    try:
        yield float(tensor_util.make_ndarray(value.tensor).item())
    except (TypeError, ValueError, OverflowError):
        return  # a tensor that is not what it says of itself
