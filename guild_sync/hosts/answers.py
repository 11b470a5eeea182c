"""What a remote's agent may answer: a remote is another's machine, and its word is checked.

What is looked at beyond these checks (the attributes of a run, each state of a sync) is
checked where it is used, so that one run of a remote's does not cost the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

Check = Callable[[object], bool]

_RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
_STATUSES = ("running", "pending", "staged", "completed", "error", "terminated", "lost")
# Their values are whatever somebody wrote there, and are looked at one by one.
_ATTRIBUTES = (
    *("exit_status", "initialized", "started", "stopped", "label", "flags", "tags"),
    *("marked", "comments", "cmd"),
)


def is_answer(function: str, answer: object) -> bool:
    """Whether `answer` can be one of this function's. Raises KeyError for one of no remote's."""
    return CHECKS[function](answer)


def _is_anything(_value: object) -> bool:
    return True


def _is_nothing(value: object) -> bool:
    return value is None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _is_time(value: object) -> bool:
    """Seconds since 1970, for as long as a calendar can show them."""
    return isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < 1e11


def _is_run_id(value: object) -> bool:
    return isinstance(value, str) and bool(_RUN_ID.match(value))


def _is_status(value: object) -> bool:
    return isinstance(value, str) and value in _STATUSES


def _either(*checks: Check) -> Check:
    return lambda answer: any(check(answer) for check in checks)


def _list(check: Check) -> Check:
    return lambda answer: isinstance(answer, list) and all(map(check, answer))


def _mapping(keys: Check, values: Check) -> Check:
    return lambda answer: (
        isinstance(answer, dict) and all(map(keys, answer)) and all(map(values, answer.values()))
    )


def _having(parts: Mapping[str, Check]) -> Check:
    """A mapping that has at least these keys, and values that pass."""
    return lambda answer: (
        isinstance(answer, dict)
        and all(key in answer and check(answer[key]) for key, check in parts.items())
    )


_is_text_or_none = _either(_is_text, _is_nothing)
_is_count_or_none = _either(_is_count, _is_nothing)
_are_reasons = _mapping(_is_run_id, _is_text)
_are_files = _list(_having({"path": _is_text, "size": _is_count}))

_RUN: Mapping[str, Check] = {
    "id": _is_run_id,
    "run_dir": _is_text,
    "status": _is_status,
    "remote": _is_text_or_none,
    "opref": _having(dict.fromkeys(("type", "package", "version", "model", "name"), _is_text)),
    **dict.fromkeys(_ATTRIBUTES, _is_anything),
}
_CONFIRMED = _either(_is_nothing, _having({"time": _is_time, "remote": _is_text}))
_PYTHON = _having({"version": _is_text, "executable": _is_text})
_HOME = _having(
    {
        "path": _is_text,
        "exists": _is_flag,
        "fault": _is_text,
        "flock": _either(_is_flag, _is_nothing),
        "free": _is_count,
        "inodes": _is_count_or_none,
    }
)
_is_change = _having({"done": _list(_is_run_id), "refused": _are_reasons})
_is_made = _having({"run_dir": _is_text})


CHECKS: Mapping[str, Check] = {
    "add_files": _is_anything,
    "adopt_source": _is_anything,
    "begin_push": _having({"runs_dir": _is_text, "incoming": _is_text, "refused": _are_reasons}),
    "candidates": _mapping(
        _is_text, _either(_having({"run": _having(_RUN)}), _having({"problem": _is_text}))
    ),
    "checkup": _having({"python": _PYTHON, "rsync": _is_text_or_none, "home": _HOME}),
    "choose": _list(_having({"id": _is_run_id, "run_dir": _is_text, "value": _is_anything})),
    "clean_agents": _is_anything,
    "clock": _is_time,
    "command": _list(_is_text),
    "comment": _is_change,
    "delete_runs": _is_change,
    "discard": _is_anything,
    "end_copy": _is_anything,
    "info": _having(
        {**_RUN, "attrs": _having({}), "manifest": _list(_is_text), "confirmed": _CONFIRMED}
    ),
    "install": _is_anything,
    "label": _is_change,
    "list": _having({"total": _is_count, "runs": _list(_having(_RUN))}),
    "list_files": _having(
        {
            "run_dir": _is_text,
            "files": _are_files,
            "left_out": _are_files,
            "links": _list(_having({"path": _is_text, "target": _is_text})),
        }
    ),
    "mark": _is_change,
    "mark_staged": _is_anything,
    "matching": _either(_is_nothing, _having(_RUN)),
    "of_process": _is_run_id,
    "purge_runs": _is_change,
    "python": _PYTHON,
    "recipe": _having(
        {
            **_RUN,
            "opref_text": _is_text,
            "job": _either(_is_nothing, _having({})),
            "random_seed": _is_anything,
            "confirmed": _CONFIRMED,
        }
    ),
    "restage": _is_made,
    "restore_runs": _is_change,
    "settle_copy": _are_reasons,
    "signal_runs": _is_change,
    "stage": _is_made,
    "stage_in": _is_made,
    "start": _having({"pid": _is_count_or_none, "status": _is_status}),
    "survey": _having({"states": _having({})}),
    "tag": _is_change,
    "try_environment": _having(
        {
            **dict.fromkeys(("python", "version", "prefix"), _is_text),
            **dict.fromkeys(("pip", "uv"), _is_text_or_none),
        }
    ),
    "wait_runs": _having(
        {
            "running": _list(_is_run_id),
            "status": _mapping(_is_run_id, _either(_is_nothing, _is_status)),
        }
    ),
}
