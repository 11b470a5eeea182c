"""A time zone that shows every time the same."""

from __future__ import annotations

import time
from typing import Any

import pytest


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
