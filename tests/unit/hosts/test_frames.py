"""The answer's line behind whatever a login shell printed, and the packets behind it."""

from __future__ import annotations

import json

import pytest

from guild_sync.agent import json_text
from guild_sync.agent.protocol import CHUNK, DATA, END, FRAME, header
from guild_sync.errors import RemoteError
from guild_sync.hosts.frames import FrameReader, PacketReader

LINE = b'\nGUILD-ANSWER {"ok": null}\n'


def packet(kind: bytes, data: bytes) -> bytes:
    return header(kind, len(data)) + data


STREAM = (
    b"Welcome to the home of GUILD-ANSWER {}!\n"
    + LINE
    + packet(DATA, b"one")
    + packet(DATA, b"")
    + packet(DATA, b"x" * CHUNK)
    + packet(END, json.dumps({"ok": 3}).encode())
    + b"what comes behind the end"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 1_000_000])
def test_packets_come_out_whole_however_they_are_cut(size: int) -> None:
    heard: list[tuple[bytes, bytes]] = []
    packets = PacketReader(lambda kind, data: heard.append((kind, data)))
    frame = FrameReader(packets.feed, 1000)
    for at in range(0, len(STREAM), size):
        frame.feed(STREAM[at : at + size])
    assert frame.answer == {"ok": None}
    assert heard == [(DATA, b"one"), (DATA, b""), (DATA, b"x" * CHUNK)]
    assert packets.end == {"ok": 3}


def test_a_stream_that_is_cut_has_no_end() -> None:
    packets = PacketReader(lambda kind, data: None)
    packets.feed(packet(DATA, b"one") + packet(END, b'{"ok": null}')[:-1])
    assert packets.end is None


@pytest.mark.parametrize("end", [b"", b"[]", b"{", b"[" * 100_000])
def test_an_end_that_is_no_object_is_a_fault_of_the_agents(end: bytes) -> None:
    packets = PacketReader(lambda kind, data: None)
    packets.feed(packet(END, end))
    assert packets.end is not None and "ok" not in packets.end


def test_an_answer_whose_values_would_take_too_much_memory_is_a_fault_of_the_agents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_text, "_ALWAYS", 0)
    for values, is_read in (("0," * 10, True), ("[]," * 1000, False)):
        frame = FrameReader()
        frame.feed(f'\n{FRAME} {{"ok": [{values}"{"x" * 1000}"]}}\n'.encode())
        assert frame.answer is not None and ("ok" in frame.answer) == is_read


@pytest.mark.parametrize("kind", [DATA, END, b"?"])
def test_a_packet_that_is_too_long_is_refused_before_it_is_read(kind: bytes) -> None:
    packets = PacketReader(lambda kind, data: None)
    with pytest.raises(RemoteError, match="no stream of guild's"):
        packets.feed(header(kind, 1 << 31))


@pytest.mark.parametrize("before", [b"", LINE[:-1]])
def test_what_never_comes_to_an_answer_is_refused(before: bytes) -> None:
    frame = FrameReader(most=100_000)
    frame.feed(before)
    with pytest.raises(RemoteError, match="does not end"):
        for _ in range(1000):
            frame.feed(b"y" * 1000)
