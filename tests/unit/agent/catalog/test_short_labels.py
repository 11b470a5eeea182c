"""Labels without the flags at their default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import op
from rundirs import A, make

from guild_sync.agent.catalog.short_labels import short_label
from guild_sync.jobs.label import label_of

# None of these is at its default, which is 0.
VALUES = ["yes", "", "1e3", "it's", "'q'", "a:b", "?", True, False, 5, 0.5, 0.123456789, 1e-9]


@pytest.mark.parametrize("value", VALUES)
def test_what_guild_makes_of_flags_is_known_as_that(home: Path, value: str | float) -> None:
    run = make(home, A, flags={"a": value, "b": 0})
    job = {"operation": {"flags": {"a": {"default": "x"}, "b": {"default": 0}}}}
    (run / ".guild" / "job.json").write_text(json.dumps(job))
    label = label_of(op(), {"a": value, "b": 0})
    assert short_label(str(run), label, {"a": value, "b": 0}) == label.replace(" b=0", "")
    assert short_label(str(run), label + "!", {"a": value, "b": 0}) == label + "!"
