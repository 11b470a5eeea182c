"""Keys of an operation that say how its runs are made, called and ended, read into its record."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from guild_sync.agent.protocol import RESERVED, SPECIFIER, Value
from guild_sync.agent.store import attrs
from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import gpus_of, is_one_line, size, why_no_pattern
from guild_sync.programs.modules import find_module
from guild_sync.project.definitions import (
    MOST_CORES,
    MOST_GPUS,
    MOST_RETRIES,
    NAME,
    Needs,
    Operation,
    Supervision,
    Yaml,
)
from guild_sync.project.values import as_value, words_of

# They say nothing that a run depends on: they are kept with it.
KEPT = ("output-scalars", "output-attrs", "objective", "compare")
# Of programs that guild is not.
FOREIGN = ("optimizers", "plugins", "publish", "notebook", "tensorboard")
_YES_OR_NO = (
    "stoppable", "delete-on-success", "pip-freeze", "handle-keyboard-interrupt",
)  # fmt: skip
_MOST_VALUES = 10_000  # in a value that is kept
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def with_keys(operation: Operation, entry: Mapping[Yaml, Yaml], place: Place) -> Operation:
    """The operation with what `entry` says by these keys; faults and warnings go to `place`."""
    for key in ("objective", "compare", "output-scalars", "output-attrs"):
        if entry.get(key) is not None:
            _check_kept(key, entry[key], place)
    is_set = {key: yes_or_no(entry.get(key), key, place) is True for key in _YES_OR_NO}
    return replace(
        operation,
        tags=_texts(entry.get("tags"), place.at("tags")),
        env_secrets=_secrets(entry.get("env-secrets"), place.at("env-secrets")),
        python_path=python_path_of(entry, place),
        python_requires=_python_requires(entry.get("python-requires"), place.at("python-requires")),
        stoppable=is_set["stoppable"],
        delete_on_success=is_set["delete-on-success"],
        pip_freeze=is_set["pip-freeze"],
        supervision=_supervision(entry, place),
        **_of_host(entry, place),
        job=_job(entry.get("job"), place.at("job")),
        run_attrs=_run_attrs(entry.get("run-attrs"), place.at("run-attrs")),
        kept={key: _plain(entry[key], place.at(key)) for key in KEPT if key in entry},
    )


def foreign(entry: Mapping[Yaml, Yaml]) -> tuple[str, ...]:
    """The keys that it has of programs that guild is not."""
    return tuple(key for key in FOREIGN if entry.get(key) is not None)


def line_of(words: Yaml) -> Yaml:
    """The words of an `exec` that is a list of them, as a line; anything else as it is."""
    if not isinstance(words, list) or any(map(_is_no_text, words)):
        return words
    return shlex.join(map(str, words))


def python_path_of(entry: Mapping[Yaml, Yaml], place: Place) -> tuple[str, ...]:
    """The folders that `python-path` names: of the project, or absolute ones of the host."""
    place = place.at("python-path")
    given = entry.get("python-path")
    folders: Yaml = [*given.split(os.pathsep)] if isinstance(given, str) else given
    found = []
    for folder in _texts(folders, place):
        path = os.path.normpath(folder)
        if path == ".." or path.startswith("../"):
            place.fault(f"{folder!r} is not in the project")
        elif os.pathsep in folder or not is_one_line(folder):
            place.fault(f"{folder!r} cannot be in a path")
        else:
            found.append(path)
    return tuple(found)


def module_root(folder: Path, entry: Mapping[Yaml, Yaml], main: str | None) -> Path:
    """The folder in which Python finds the module of `main`: the project's, or the path's first."""
    words = words_of(main or "")
    for path in ("", *python_path_of(entry, Place())) if words else ():
        if find_module(words[0], [folder / path]) is not None:
            return folder / path
    return folder


def _texts(value: Yaml, place: Place) -> tuple[str, ...]:
    """A text, or a list of texts and numbers."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    found = []
    for item in items:
        if _is_no_text(item):
            place.must_be("text or a list of texts")
            return ()
        found.append(str(item))
    return tuple(dict.fromkeys(found))


def _is_no_text(value: Yaml) -> bool:
    return isinstance(value, bool) or not isinstance(value, (str, int, float))


def _secrets(value: Yaml, place: Place) -> tuple[str, ...]:
    """The names of variables: a list, a mapping's keys, or a text of names."""
    names = list(value) if isinstance(value, dict) else value
    names = re.findall(r"[^\s,]+", names) if isinstance(names, str) else names
    found = _texts(names, place)
    for name in found:
        if not _VARIABLE.match(name):
            place.fault(f"{name!r} cannot be the name of an environment variable")
    return found


def _python_requires(value: Yaml, place: Place) -> tuple[str, ...]:
    """The specifiers of `>=3.8,<4`; a number by itself is the version that it is."""
    if value is None:
        return ()
    if _is_no_text(value):
        place.must_be("versions, such as '>=3.8,<4'")
        return ()
    found = tuple(text.strip() for text in str(value).split(",") if text.strip())
    found = tuple(f"=={text}.*" if text[0].isdigit() else text for text in found)
    for text in found:
        if not SPECIFIER.match(text):
            place.fault(f"{text!r} is no version, such as '>=3.8'")
    return found


def _supervision(entry: Mapping[Yaml, Yaml], place: Place) -> Supervision:
    """What is done about an attempt that fails, or goes on for too long."""
    retry, pattern = entry.get("retry"), entry.get("retry-on")
    is_count = isinstance(retry, int) and 0 <= retry <= MOST_RETRIES
    if retry is not None and not is_count:
        place.must_be(f"a whole number from 0 to {MOST_RETRIES}", "retry")
    if why := why_no_pattern(pattern) if isinstance(pattern, str) else "":
        place.fault(f"retry-on: {why}")
    return Supervision(
        retry=retry if isinstance(retry, int) and is_count else 0,
        retry_delay=_time(entry, "retry-delay", place),
        retry_on=pattern if isinstance(pattern, str) and not why else "",
        time_limit=_time(entry, "time-limit", place),
        stall=_time(entry, "stall", place),
    )


class _OfHost(TypedDict):
    """What a run sees and needs of its host, as an Operation has it."""

    gpus: str | None
    needs: Needs


def _of_host(entry: Mapping[Yaml, Yaml], place: Place) -> _OfHost:
    """What a run sees of its host, and what it needs of it for itself alone."""
    count, devices = 0, None
    if (given := entry.get("gpus")) is not None:
        text = str(given)
        is_number = isinstance(given, (int, float))
        if (is_number and text not in map(str, range(1, MOST_GPUS + 1))) or not is_one_line(text):
            # 0 could mean none, or the first.
            place.must_be("how many GPUs, such as 2, or which, as text, such as '0'", "gpus")
        else:
            count, devices = gpus_of(text)
    if yes_or_no(entry.get("no-gpus"), "no-gpus", place):
        if given is not None:
            place.fault("gpus and no-gpus exclude each other")
        devices = ""
    cpus, memory = entry.get("cpus"), entry.get("memory")
    is_count = isinstance(cpus, int) and not isinstance(cpus, bool) and 0 <= cpus <= MOST_CORES
    if cpus is not None and not is_count:
        place.must_be("a whole number of cores", "cpus")
    amount = None if memory is None else size(memory)
    if memory is not None and amount is None:
        place.must_be("a size, such as 16G or 500M", "memory")
    reserved = cpus if isinstance(cpus, int) and is_count else 0
    return {"gpus": devices, "needs": Needs(count, reserved, amount or 0)}


def _job(value: Yaml, place: Place) -> dict[str, Value]:
    """What its runs ask of a scheduler: which one, and so which of its options, is not known."""
    found = None if value is None else _plain(value, place)
    if not isinstance(found, dict):
        return {}
    from guild_sync.agent.scheduling import options  # few operations ask for anything

    for fault in options.checked(found):
        place.fault(fault)
    return found


def _time(entry: Mapping[Yaml, Yaml], key: str, place: Place) -> float:
    """The seconds that a key says; 0 where it is not there, or none."""
    value = entry.get(key)
    if value is None:
        return 0.0
    from guild_sync.config.durations import A_TIME, seconds_of  # few operations have one

    found = seconds_of(value) if isinstance(value, (str, int, float)) else None
    if found is None:
        place.must_be(A_TIME, key)
    return found or 0.0


def _run_attrs(value: Yaml, place: Place) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if value is not None and not isinstance(value, dict):
        place.must_be("a mapping")
        return found
    for key, content in (value or {}).items():
        name = str(key)
        if not NAME.match(name):
            place.fault(f"{name!r} cannot be an attribute: it has letters, digits, '-', '_', '.'")
        elif name in RESERVED:
            place.warn(f"{name} is passed over: it is guild's own")
        else:
            found[name] = _plain(content, place.at(name))
    return found


def _plain(value: Yaml, place: Place) -> Value:
    """A value of a YAML file as an attribute has it; a fault where it holds what none can."""
    try:
        found = as_value(value, _MOST_VALUES)
        attrs.encode(found)
    except ValueError as e:
        place.fault(str(e))
        return None
    return found


def _check_kept(key: str, value: Yaml, place: Place) -> None:
    """Tell what is wrong with a key that is kept as it is."""
    place = place.at(key)
    if key == "objective":
        _check_objective(value, place)
    elif key == "compare":
        _texts(value, place)
    else:
        _check_patterns(key, value, place)


def _check_objective(value: Yaml, place: Place) -> None:
    """`NAME`, `-NAME`, or one of `minimize` and `maximize` with a name."""
    if isinstance(value, dict):
        named = list(value.items())
        if len(named) == 1 and named[0][0] in ("minimize", "maximize"):
            value = named[0][1]
    if not isinstance(value, str):
        place.must_be("a scalar's name, or 'minimize: NAME' or 'maximize: NAME'")


def _check_patterns(key: str, value: Yaml, place: Place) -> None:
    """Tell what of `output-scalars` or `output-attrs` is passed over when a run is made."""
    from guild_sync.agent.scalars import patterns  # few operations have any

    if isinstance(value, (int, float)) and not isinstance(value, bool):
        place.must_be(patterns.FORMS)
        return
    of_scalars = key == "output-scalars"
    given = _plain(value, Place())
    asked = patterns.scalars_asked(given) if of_scalars else patterns.attributes_asked(given)
    for fault in asked.faults:
        place.warn(fault)
    for name in () if of_scalars else patterns.names_of(asked):
        if name in RESERVED:
            place.warn(f"{name} is passed over: it is guild's own")
