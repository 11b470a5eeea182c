"""Event files of others' making: their scalars, and no harm by what is torn or a lie."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tensorboard")

import numpy
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util import tensor_util

from guild_sync.eventfiles import framing
from guild_sync.eventfiles.reading import scalars_of

NAME = "events.out.tfevents.1000000000.host.1.0"


def event(tag: str, value: float, step: int, time: float = 1000.5) -> Event:
    made = Event(wall_time=time, step=step)
    made.summary.value.add(tag=tag, simple_value=value)
    return made


def tensor(tag: str, value: object, step: int, plugin: str = "") -> Event:
    made = Event(wall_time=1000.0, step=step)
    one = made.summary.value.add(tag=tag)
    one.tensor.CopyFrom(tensor_util.make_tensor_proto(value))
    one.metadata.plugin_data.plugin_name = plugin
    return made


def written(path: Path, events: Sequence[Event]) -> Path:
    begin = [Event(wall_time=1000.0, file_version="brain.Event:2")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(framing.framed(e.SerializeToString()) for e in [*begin, *events]))
    return path


def test_numbers_have_their_times_and_steps(tmp_path: Path) -> None:
    path = written(tmp_path / NAME, [event("loss", 0.5, 0), event("loss", 0.25, 10, 2000.0)])
    assert scalars_of(str(path)) == {
        "loss": {"time": [1000500000, 2000000000], "step": [0, 10], "value": [0.5, 0.25]}
    }


def test_what_is_no_finite_number_travels_as_text(tmp_path: Path) -> None:
    numbers = (math.nan, math.inf, -math.inf)
    path = written(tmp_path / NAME, [event("loss", number, 0) for number in numbers])
    assert scalars_of(str(path))["loss"]["value"] == ["nan", "inf", "-inf"]


def test_tensors_are_scalars_where_their_first_one_says_so(tmp_path: Path) -> None:
    path = written(
        tmp_path / NAME,
        [
            tensor("acc", numpy.float64(0.125), 0, "scalars"),
            tensor("acc", numpy.float32(0.5), 1),  # the writer says it once
            tensor("count", numpy.int64(7), 0, "scalars"),
            tensor("picture", numpy.zeros(1), 0, "images"),
            tensor("several", numpy.zeros(3), 0, "scalars"),
            tensor("text", b"0.5", 0, "text"),
        ],
    )
    found = scalars_of(str(path))
    assert {tag: points["value"] for tag, points in found.items() if points["value"]} == {
        "acc": [0.125, 0.5],
        "count": [7.0],
    }


def test_pictures_and_histograms_are_passed_over_unread(tmp_path: Path) -> None:
    large = Event(wall_time=1000.0, graph_def=os.urandom(1 << 20))
    path = written(tmp_path / NAME, [event("loss", 1, 0), large, event("loss", 2, 1)])
    assert scalars_of(str(path))["loss"]["value"] == [1, 2]


def test_what_is_before_a_tear_counts_wherever_it_is(tmp_path: Path) -> None:
    events = [event("loss", number, number) for number in range(3)]
    whole = written(tmp_path / NAME, events).read_bytes()
    counts = []
    for length in range(len(whole) + 1):
        torn = tmp_path / "torn"
        torn.write_bytes(whole[:length])
        found = scalars_of(str(torn))
        values = found["loss"]["value"] if found else []
        assert values == [0, 1, 2][: len(values)]
        counts.append(len(values))
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_nothing_counts_behind_a_byte_that_is_another(tmp_path: Path) -> None:
    whole = written(tmp_path / NAME, [event("loss", 1, 0), event("loss", 2, 1)]).read_bytes()
    for at in range(len(whole)):
        changed = tmp_path / "changed"
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        found = scalars_of(str(changed))
        values = found["loss"]["value"] if found else []
        assert values == [1, 2][: len(values)]
        assert len(values) < 2


@pytest.mark.parametrize("length", [1 << 40, (1 << 64) - 1, 1 << 63, 1 << 20])
def test_a_record_that_says_it_is_huge_takes_no_memory(tmp_path: Path, length: int) -> None:
    head = struct.pack("<Q", length)
    lie = head + struct.pack("<I", masked_crc32c(head)) + b"x"
    path = written(tmp_path / NAME, [event("loss", 1, 0)])
    path.write_bytes(path.read_bytes() + lie)
    assert scalars_of(str(path))["loss"]["value"] == [1]


def test_a_tensor_that_says_it_is_huge_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    original = tensor_util.make_ndarray

    def noted(tensor: TensorProto) -> object:
        made.append(tensor.dtype)
        return original(tensor)

    monkeypatch.setattr(tensor_util, "make_ndarray", noted)
    lie = tensor("acc", numpy.float32(1), 0, "scalars")
    for _ in range(4):
        lie.summary.value[0].tensor.tensor_shape.dim.add(size=1 << 30)
    unknown = tensor("acc", numpy.float32(2), 1, "scalars")
    unknown.summary.value[0].tensor.dtype = 99
    assert not scalars_of(str(written(tmp_path / NAME, [lie, unknown]))).get("acc")
    assert made == [99], "the lie was made into an array"


def test_times_and_names_that_are_none_are_passed_over(tmp_path: Path) -> None:
    events = [event("loss", 1, 0, time) for time in (math.nan, -1.0, 1e300, math.inf)]
    events += [event("", 1, 0), event("x" * 201, 1, 0), event("ok", 1, -5)]
    found = scalars_of(str(written(tmp_path / NAME, events)))
    assert {tag: points["step"] for tag, points in found.items()} == {"ok": [-5]}


def test_so_many_names_and_no_more(tmp_path: Path) -> None:
    events = [event(f"x{number}", 1, 0) for number in range(1100)]
    assert len(scalars_of(str(written(tmp_path / NAME, events)))) == 1000


def test_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / NAME, [event("loss", 1, 0)])
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError):
        scalars_of(str(tmp_path / "link"))
    os.mkfifo(tmp_path / "pipe")
    assert scalars_of(str(tmp_path / "pipe")) == {}
    assert scalars_of(os.devnull) == {}


@settings(max_examples=50)
@given(st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(framing.framed))))
def test_any_bytes_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("any") / NAME
    path.write_bytes(b"".join(parts))
    for points in scalars_of(str(path)).values():
        assert len({len(points["time"]), len(points["step"]), len(points["value"])}) == 1
