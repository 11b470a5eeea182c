"""Something looked at again and again, in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from guild_sync.screens import redrawing


def test_it_is_looked_at_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: Iterator[int] = iter([2, 1, 0])
    found = redrawing.looks(3, lambda: next(numbers), bool, 0.001)
    assert [*found] == [3, 2, 1, 0]


def test_in_a_pipe_it_is_printed_where_it_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    redrawing.redrawn(iter([1, 1, 2, 2, 1]), lambda number: [f"number {number}"])
    assert capsys.readouterr().out == "number 1\n\nnumber 2\n\nnumber 1\n"


def test_the_end_of_who_reads_it_is_noticed_though_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        found = redrawing.looks(1, lambda: 1, bool, 0.001)
        assert [next(found), next(found)] == [1, 1]
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            next(found)


def test_no_interval_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(BrokenPipeError):
            [*redrawing.looks(1, lambda: 1, bool, 10**12)]
