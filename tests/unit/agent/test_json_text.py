"""JSON of another's making: what it may take in memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from guild_sync.agent import json_text, serve
from guild_sync.agent.errors import AgentError
from guild_sync.agent.json_text import TooMuch, read

A = "a" * 32
RUN = {
    **dict.fromkeys(("remote", "machine", "marked", "unreadable", "comments"), None),
    "id": A,
    "run_dir": f"/home/ann/.guild/runs/{A}",
    **dict.fromkeys(("status", "exit_status"), "completed"),
    "opref": dict.fromkeys(("type", "package", "version", "model", "name"), "guildfile"),
    **dict.fromkeys(("initialized", "started", "stopped"), 1764185123123456),
    "flags": {"lr": 0.1, "batch": 12, "layers": [1, 2, 3]},
    **{key: ["lr=0.1 batch=12"] for key in ("label", "tags", "cmd")},
}
LEGITIMATE = {  # of each a hundredth
    "a million files": [{"path": f"img/{number:07}", "size": number} for number in range(10_000)],
    "100,000 runs": [RUN] * 1_000,
    "a million ids": [A] * 10_000,
    "50,000 that are left out": [[f"ckpt/{number:05}.pt", 1 << 30] for number in range(500)],
    "texts": ["what\u00e9ver"] * 10_000,
}
# What takes most for its text.
HOSTILE = (
    *("[]", "{}", "[1]", '{"a":1}', "[[[]]]", '"ab"', "257", "1.5", "[300,300,300]", '["ab","cd"]'),
    *('{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', '"\U0001f600"', '"a\U0001f600"'),
)


def taken(text: bytes) -> float:
    """How many times the text its value takes at most while it is read."""
    tracemalloc.start()
    try:
        read(text)
        return tracemalloc.get_traced_memory()[1] / len(text)
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a text that is so large that what any may take is little beside it."""
    monkeypatch.setattr(json_text, "_ALWAYS", 0)


@pytest.mark.parametrize("what", LEGITIMATE)
def test_what_guild_sends_is_read(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_ALWAYS", (1 << 26) // 100)
    assert taken(json.dumps(LEGITIMATE[what]).encode()) < 11


@pytest.mark.parametrize("each", HOSTILE)
@pytest.mark.parametrize("between", [0, 10, 20, 40])
def test_what_is_read_takes_memory_in_proportion_to_its_text(each: str, between: int) -> None:
    """However thinly it is spread: what is let in takes no more than a dozen times its text."""
    text = f"[{','.join([each + ' ' * between] * 20_000)}]".encode()
    try:
        assert taken(text) < 12
    except TooMuch:
        assert between < 40 or not each.isascii(), "so thin it takes little"


def test_a_small_text_may_take_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooMuch):
        read(b"[[], [], []]")
    monkeypatch.undo()
    assert read(b"[[], [], []]") == [[], [], []]
    with pytest.raises(TooMuch):
        read(b"[%s]" % b",".join([b"[]"] * 700_000))


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_a_fault(text: bytes) -> None:
    with pytest.raises(ValueError):
        read(text)


def test_a_request_of_too_much_memory_is_refused() -> None:
    with pytest.raises(AgentError, match="the request cannot be read: its values would take"):
        serve._requests(b'{"args": [%s]}' % b",".join([b"[]"] * 10))
