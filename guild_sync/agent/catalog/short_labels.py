"""Labels as a person reads them in a listing: without the flags that are at their default."""

from __future__ import annotations

from typing import Dict, Mapping

from .. import json_text
from ..protocol import RUN_ID, Value
from ..store import inside, rundir
from ..store.job import JOB
from ..value_words import in_label, shown

_MOST_BYTES = 1 << 20  # of what is read of a run for its label: most have some thousand


def short_label(directory: str, label: Value, flags: Value) -> Value:
    """A run's label without the flags at their default, where guild has made it of its flags.

    One that guild.yml or a person has written is as it is.
    """
    if not isinstance(label, str) or not isinstance(flags, dict) or "=" not in label:
        return label
    words = [(name, text) for name, _, text in (w.partition("=") for w in label.split(" "))]
    # Each flag once: else it is not made of them, or a value has spaces.
    if sorted(name for name, _ in words) != sorted(n for n, v in flags.items() if v is not None):
        return label
    if not all(_is_written_so(text, flags[name]) for name, text in words):
        return label
    defaults = _defaults(directory)
    return " ".join(f"{name}={text}" for name, text in words if not _is_same(flags, defaults, name))


def _is_written_so(text: str, value: Value) -> bool:
    """Whether it is how the labels that are made of flags have a value, short or whole."""
    if isinstance(value, str) and RUN_ID.match(value) and text == value[:8]:
        return True
    if isinstance(value, (list, dict)):
        return False  # most have a space, and stay as they are
    return text in (in_label(value), shown(value))


def _is_same(flags: Mapping[str, Value], defaults: Mapping[str, Value], name: str) -> bool:
    if name not in defaults:
        return False
    value, default = flags[name], defaults[name]
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _defaults(directory: str) -> Dict[str, Value]:
    """The default of each flag, as the run's operation had them; none where that is not known."""
    try:
        job = json_text.read(inside.read(rundir.guild_dir(directory), JOB, _MOST_BYTES))
    except (OSError, ValueError):
        return {}
    operation = job.get("operation") if isinstance(job, dict) else None
    if not isinstance(operation, dict) or operation.get("label") is not None:
        return {}
    flags = operation.get("flags")
    if not isinstance(flags, dict):
        return {}
    return {
        str(name): flag["default"]
        for name, flag in flags.items()
        if isinstance(flag, dict) and flag.get("default") is not None
    }
