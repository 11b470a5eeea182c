"""What a remote's agent may answer: a remote is another's machine, and its word is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_RUN_ID = re.compile(r"[0-9a-f]{32}\Z")
_STATUSES = ("running", "pending", "staged", "completed", "error", "terminated", "lost")
_OPREF = ("type", "package", "version", "model", "name")


def is_answer(function: str, answer: object) -> bool:
    """Whether `answer` can be one of this function's; what is not looked at by name, can."""
    check = _CHECKS.get(function)
    return check is None or check(answer)


def _is_listing(answer: object) -> bool:
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("total"), int)
        and isinstance(answer.get("runs"), list)
        and all(map(_is_run, answer["runs"]))
    )


def _is_run(run: object) -> bool:
    if not isinstance(run, dict):
        return False
    opref = run.get("opref")
    needed = ("exit_status", "initialized", "started", "stopped", "label", "flags", "tags")
    return (
        _is_text(run.get("id"))
        and bool(_RUN_ID.match(run["id"]))
        and _is_text(run.get("run_dir"))
        and run.get("status") in _STATUSES
        and (run.get("remote") is None or _is_text(run["remote"]))
        and isinstance(opref, dict)
        and all(_is_text(opref.get(name)) for name in _OPREF)
        and all(name in run for name in (*needed, "marked", "comments", "cmd"))
    )


def _is_info(answer: object) -> bool:
    return (
        _is_run(answer)
        and isinstance(answer, dict)
        and isinstance(answer.get("attrs"), dict)
        and isinstance(answer.get("manifest"), list)
        and all(map(_is_text, answer["manifest"]))
        and isinstance(answer.get("confirmed"), (dict, type(None)))
    )


def _are_files(answer: object) -> bool:
    return (
        isinstance(answer, dict)
        and _is_text(answer.get("run_dir"))
        and all(isinstance(answer.get(key), list) for key in ("files", "left_out", "links"))
        and all(map(_is_file, [*answer["files"], *answer["left_out"]]))
        and all(map(_is_link, answer["links"]))
    )


def _is_file(file: object) -> bool:
    return (
        isinstance(file, dict) and _is_text(file.get("path")) and isinstance(file.get("size"), int)
    )


def _is_link(link: object) -> bool:
    return isinstance(link, dict) and _is_text(link.get("path")) and _is_text(link.get("target"))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_mapping(answer: object) -> bool:
    return isinstance(answer, dict)


def _are_reasons(answer: object) -> bool:
    return isinstance(answer, dict) and all(map(_is_text, answer.values()))


def _is_begun(answer: object) -> bool:
    return (
        isinstance(answer, dict)
        and _is_text(answer.get("runs_dir"))
        and _is_text(answer.get("incoming"))
        and _are_reasons(answer.get("refused"))
    )


def _are_states(answer: object) -> bool:
    return isinstance(answer, dict) and all(
        isinstance(state, dict) and state.get("status") in (None, *_STATUSES)
        for state in answer.values()
    )


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "begin_push": _is_begun,
    "info": _is_info,
    "list": _is_listing,
    "list_files": _are_files,
    "python": _is_mapping,
    "recipe": _is_run,
    "settle_copy": _are_reasons,
    "start": _is_mapping,
    "states": _are_states,
    "survey": _is_mapping,
}
