"""The answer's line, found behind whatever a login shell printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from guild_sync.agent.protocol import FRAME


class FrameReader:
    """Finds the answer's line behind whatever a login shell printed, and what follows it."""

    def __init__(self, on_rest: Callable[[bytes], None]) -> None:
        self.answer: dict[str, Any] | None = None
        self.rest = b""
        self._before = b""
        self._on_rest = on_rest

    def feed(self, data: bytes) -> None:
        if self.answer is not None:
            self._on_rest(data)
            return
        self._before += data
        start = self._before.find(b"\n" + FRAME.encode() + b" ")
        end = self._before.find(b"\n", start + 1)
        if start < 0 or end < 0:
            return
        line, rest = self._before[start:end], self._before[end + 1 :]
        self._before = b""
        try:
            answer = json.loads(line.split(b" ", 1)[1])
        except (ValueError, RecursionError):
            answer = None
        self.answer = answer if isinstance(answer, dict) else {"bug": "not a JSON object"}
        self.rest = rest
        if rest:
            self._on_rest(rest)
