"""Labels as a person reads them in a listing: without the flags that are at their default."""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

from .. import json_text
from ..protocol import Value
from ..store import inside, rundir
from ..store.job import JOB

_MOST_BYTES = 1 << 20  # of what is read of a run for its label: most have some thousand


def short_labels(home: str, ids: Sequence[str], deleted: bool = False) -> Dict[str, str]:
    """Labels without flags at their default, of the runs whose label is made of flags and has some.

    A label that guild.yml or a person has written is in none of them.
    """
    found = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id, deleted)
        attributes = rundir.read_attrs(directory, ("label", "flags"))
        label, flags = attributes["label"], attributes["flags"]
        if not isinstance(label, str) or not isinstance(flags, dict) or "=" not in label:
            continue
        short = _without(label, flags, _defaults(directory))
        if short != label:
            found[run_id] = short
    return found


def _without(label: str, flags: Mapping[str, Value], defaults: Mapping[str, Value]) -> str:
    words = label.split(" ")
    names = [word.partition("=")[0] for word in words]
    # Each flag once: else it is not made of them, or a value has spaces.
    if sorted(names) != sorted(name for name, value in flags.items() if value is not None):
        return label
    kept = [word for word, name in zip(words, names) if not _is_same(flags, defaults, name)]
    return " ".join(kept)


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
