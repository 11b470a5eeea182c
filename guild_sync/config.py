"""The config file, read into frozen `Remote` records; every fault in one message."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from schema import And, Or, Schema, SchemaError

from guild_sync.errors import ConfigError
from guild_sync.selection import AT_END, DEFAULT_LARGE, EVERYTHING, Selection, is_pattern, size

_reading = threading.RLock()  # one thread reads, and the others take what it has read

SANDBOX = "sandbox"
SUPPORTED_TYPES = ("ssh", SANDBOX)
DEFAULT_CONNECT_TIMEOUT = 10  # seconds

# A host, user or remote name goes to ssh and rsync as an argument: nothing that could
# be read as an option, a path, a pattern of ssh_config, or a second word.
_HOST = re.compile(r"[A-Za-z0-9_.:%\[\]][A-Za-z0-9_.:%\[\]-]*\Z")
_USER = re.compile(r"[^\s\x00-\x1f\x7f\"'\\@:-][^\s\x00-\x1f\x7f\"'\\@:]*\Z")
_NAME = re.compile(r"[^\s/\x00-\x1f\x7f.-][^\s/\x00-\x1f\x7f]*\Z")
_SSH_OPTION = re.compile(r"(?P<key>[A-Za-z]+)\s*[=\s]\s*(?P<value>[^\x00-\x1f\x7f]+)\Z")
_STRUCTURAL_OPTIONS = frozenset({"host", "match", "include"})
_SPEC = re.compile(
    r"ssh:(?:(?P<user>[^@:]+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]]+)(?::(?P<port>\d+))?(?::(?P<path>.+))?\Z"
)


@dataclass(frozen=True)
class Remote:
    """A machine that runs are started on. Paths are absolute, except those that are there."""

    name: str
    type: str
    host: str = ""
    description: str = ""
    user: str | None = None
    port: int | None = None
    private_key: str | None = None
    connect_timeout: int | None = None
    timeout: int | None = None
    proxy: str | None = None
    proxy_jump: str | None = None
    known_hosts: str | None = None
    ssh_config: str | None = None
    ssh_options: tuple[str, ...] = ()
    venv_path: str | None = None
    conda_env: str | None = None
    venv_activate: str | None = None
    python: str | None = None
    init: str | None = None
    guild_home: str = ".guild"
    bwlimit: str | None = None
    compress: bool = False
    pull: Selection = EVERYTHING
    passed_over: tuple[str, ...] = ()  # keys of Guild AI's that mean nothing to guild


def config_path() -> Path:
    """The config file: `GUILD_CONFIG`, else `~/.guild/config.yml`."""
    named = os.environ.get("GUILD_CONFIG")
    return Path(named) if named else Path("~/.guild/config.yml").expanduser()


def remotes() -> dict[str, Remote]:
    """Every remote that the config file defines, and the one that needs no config.

    Raises ConfigError, with every fault of the file in its message.
    """
    path = config_path()
    with _reading:
        found = _read(path, _identity(path))
    own = Remote(SANDBOX, SANDBOX, description="an ssh server of your own on this machine")
    return {**found, SANDBOX: found.get(SANDBOX, own)}


def remote(name: str) -> Remote:
    """The remote called `name`, or the one that a spec describes.

    A spec is `ssh:[USER@]HOST[:PORT][:PATH]`. Raises ConfigError for any other name.
    """
    if name.startswith("ssh:"):
        return _remote_of_spec(name)
    found = remotes().get(name)
    if found is None:
        raise ConfigError(
            f"remote {name!r} is not defined",
            "Show remotes by running 'guild remotes' or 'guild remotes --help' "
            "for more information.",
        )
    if found.type not in SUPPORTED_TYPES:
        raise ConfigError(
            f"remote {name!r} is of type {found.type!r}, which is not supported",
            f"Supported types: {', '.join(SUPPORTED_TYPES)}.",
        )
    return found


def _remote_of_spec(spec: str) -> Remote:
    match = _SPEC.match(spec)
    host = match["host"].strip("[]") if match else ""
    port = int(match["port"]) if match and match["port"] else None
    path = (match and match["path"]) or ".guild"
    if (
        not match
        or not _HOST.match(host)
        or (match["user"] and not _USER.match(match["user"]))
        or (port is not None and not 0 < port < 65536)
        or not _one_line(path)
    ):
        raise ConfigError(
            f"{spec!r} is not a remote", "A remote spec is ssh:[USER@]HOST[:PORT][:PATH]."
        )
    return Remote(spec, "ssh", host=host, user=match["user"], port=port, guild_home=path)


def _identity(path: Path) -> tuple[int, ...]:
    """What changes whenever the file does; empty where there is none that can be read."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


# Each of many remotes is looked up by itself: the file is read again only if it has changed.
@lru_cache(maxsize=1)
def _read(path: Path, _: tuple[int, ...]) -> dict[str, Remote]:
    faults: list[str] = []
    found = _remotes_of(load(path), path.parent, faults)
    refuse(path, faults)
    return found


def load(path: Path) -> object:
    """What the config file holds, unchecked; None where there is none.

    Raises ConfigError where it cannot be read, or is not YAML.
    """
    with _reading:
        return _loaded(path, _identity(path))


@lru_cache(maxsize=1)
def _loaded(path: Path, _: tuple[int, ...]) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None
    try:
        return yaml.safe_load(text)  # not libyaml's loader: deep nesting ends the process
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise yaml_error(path, e) from None


def refuse(path: Path, faults: list[str]) -> None:
    """Raise ConfigError with all the faults of the file, if it has any."""
    if faults:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ConfigError(f"{path} has {count}:", "\n".join(f"  {fault}" for fault in faults))


def yaml_error(path: Path, error: Exception) -> ConfigError:
    """A ConfigError that names the file, line and column where `error` says it stops being YAML."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return ConfigError(f"{path} is not valid YAML: {problem}")
    return ConfigError(
        f"{path}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    )


def _remotes_of(data: object, folder: Path, faults: list[str]) -> dict[str, Remote]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        faults.append("the file must be a mapping")
        return {}
    defined = data.get("remotes")
    if defined is None:
        return {}
    if not isinstance(defined, dict):
        faults.append("remotes: must be a mapping of names to remotes")
        return {}
    found = {}
    for name, attributes in defined.items():
        place = f"remotes: {_plain(name)}"
        if not isinstance(name, str) or not _NAME.match(name):
            faults.append(
                f"{place}: a remote's name is one word that begins with neither '-' nor '.'"
            )
        elif not isinstance(attributes, dict):
            faults.append(f"{place}: must be a mapping")
        else:
            merged = _extended(name, defined, place, faults)
            remote = _checked(name, merged, place, folder, faults)
            if remote:
                found[name] = remote
    return found


def _extended(
    name: str, defined: Mapping[Any, Any], place: str, faults: list[str]
) -> dict[Any, Any]:
    """The remote's keys over those of the remotes that it extends."""
    merged: dict[Any, Any] = {}
    seen: list[str] = []
    current: object = name
    while current is not None:
        if not isinstance(current, str) or not isinstance(defined.get(current), dict):
            faults.append(f"{place}: extends: there is no remote {current!r}")
            break
        if current in seen:
            faults.append(
                f"{place}: extends: {' -> '.join([*seen, current])} goes round in a circle"
            )
            break
        seen.append(current)
        merged = {**defined[current], **merged}
        current = defined[current].get("extends")
    merged.pop("extends", None)
    if seen[1:] and "description" not in defined[name]:
        merged.pop("description", None)
    return merged


def _one_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not re.search(r"[\x00-\x1f\x7f]", value)


def _ssh_option(value: object) -> bool:
    match = isinstance(value, str) and _SSH_OPTION.match(value)
    return bool(match) and match["key"].lower() not in _STRUCTURAL_OPTIONS  # type: ignore[index]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TEXT = Schema(_one_line, error="must be text on one line")
_HOST_SCHEMA = Schema(And(str, _HOST.match), error="must be a host name or address")
WHOLE_SECONDS = Schema(
    And(_whole, lambda n: 0 < n <= 86400), error="must be a whole number of seconds, at least 1"
)
_KEYS: dict[str, Schema] = {
    "host": _HOST_SCHEMA,
    "description": Schema(str, error="must be text"),
    "user": Schema(And(str, _USER.match), error="must be a user name"),
    "port": Schema(And(_whole, lambda n: 0 < n < 65536), error="must be a number from 1 to 65535"),
    "private-key": _TEXT,
    "connect-timeout": WHOLE_SECONDS,
    "timeout": WHOLE_SECONDS,
    "proxy": _TEXT,
    "proxy-jump": _TEXT,
    "known-hosts": _TEXT,
    "ssh-config": _TEXT,
    "ssh-options": Schema(
        [_ssh_option], error="must be a list of options of ssh, such as ControlPersist=1h"
    ),
    "venv-path": _TEXT,
    "conda-env": _TEXT,
    "venv-activate": _TEXT,
    "python": _TEXT,
    "init": Schema(str, error="must be text"),
    "guild-home": _TEXT,
    "bwlimit": Schema(
        Or(
            And(_whole, lambda n: n >= 0),
            And(str, re.compile(r"\d+(\.\d+)?[KMGTP]?i?B?\Z", re.I).match),
        ),
        error="must be a rate that rsync takes, such as 1000 (KiB/s) or 1.5m",
    ),
    "compress": Schema(bool, error="must be yes or no"),
    "pull": Schema(dict, error="must be a mapping"),
}
_PATTERNS = Schema(
    Or(is_pattern, [is_pattern]), error="must be a pattern of paths in a run, or a list of them"
)
_SIZE = Schema(lambda value: size(value) is not None, error="must be a size, such as 100M or 1.5G")
# Which files of runs are copied from the remote (selection.py).
_PULL_KEYS: dict[str, Schema] = {
    "exclude": _PATTERNS,
    "include": _PATTERNS,
    "max-size": _SIZE,
    "large-files": Schema(AT_END, error=f"can be {AT_END!r}"),
    "large-files-over": _SIZE,
}
# Guild AI's own: guild asks nothing whatever it says, so a file that has it may stay as it is.
_PASSED_OVER = ("use-prompt",)
# Guild AI takes a command here, which can only be this one where guild takes a script.
_SOURCE = re.compile(r"(?:source|\.)\s+(?P<script>\S+)\s*\Z")
_LOCAL_PATHS = ("private-key", "known-hosts", "ssh-config")
_EXPANDED = ("host", "user", "proxy", "proxy-jump")


def _checked(
    name: str, attributes: dict[Any, Any], place: str, folder: Path, faults: list[str]
) -> Remote | None:
    kind = attributes.pop("type", None)
    if not _one_line(kind):
        faults.append(
            f"{place}: type: is missing" if kind is None else f"{place}: type: must be text"
        )
        return None
    if kind not in SUPPORTED_TYPES:
        # Guild AI's other types load, so that its config file can be used as it is.
        return Remote(name, kind, description=str(attributes.get("description", "")))
    if "guild-env" in attributes:  # Guild AI's older name
        attributes.setdefault("venv-path", attributes.pop("guild-env"))
    before = len(faults)
    values: dict[str, Any] = {}
    for key, value in attributes.items():
        if key in _PASSED_OVER:
            continue
        if isinstance(value, str) and key in _EXPANDED:
            value = os.path.expandvars(value)
        if not fits(key, value, _KEYS, place, "a remote", faults):
            continue
        values[key.replace("-", "_")] = _local_path(value, folder) if key in _LOCAL_PATHS else value
    if "pull" in values:
        values["pull"] = _selection(values["pull"], f"{place}: pull", faults)
    if kind == "ssh" and "host" not in attributes:
        faults.append(f"{place}: host: is missing")
    if len(faults) > before:
        return None
    if "host" in values:  # an address in brackets, as URLs have it
        values["host"] = values["host"].strip("[]")
    if "bwlimit" in values:
        values["bwlimit"] = str(values["bwlimit"])
    if sourced := _SOURCE.match(values.get("venv_activate", "")):
        values["venv_activate"] = sourced["script"]
    values["ssh_options"] = tuple(values.get("ssh_options", ()))
    values["passed_over"] = tuple(key for key in _PASSED_OVER if key in attributes)
    return Remote(name, kind, **values)


def fits(
    key: object,
    value: object,
    keys: Mapping[str, Schema],
    place: str,
    whose: str,
    faults: list[str],
) -> bool:
    """Whether it is one of `keys`, and `value` one for it; else that is added to the faults."""
    if not isinstance(key, str) or key not in keys:
        faults.append(f"{place}: {key}: is not a key of {whose}{_near(key, keys)}")
        return False
    try:
        keys[key].validate(value)
    except SchemaError as e:
        faults.append(f"{place}: {key}: {e.code.splitlines()[-1]}, not {_shown(value)}")
        return False
    return True


def _selection(given: Mapping[Any, Any], place: str, faults: list[str]) -> Selection:
    before = len(faults)
    for key, value in given.items():
        fits(key, value, _PULL_KEYS, place, "pull", faults)
    if len(faults) > before:
        return EVERYTHING
    large = size(given.get("large-files-over", DEFAULT_LARGE)) if "large-files" in given else None
    exclude, include = (_texts(given.get(key, [])) for key in ("exclude", "include"))
    limit = size(given["max-size"]) if "max-size" in given else None
    return Selection(exclude, include, limit, large)


def _texts(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _plain(name: object) -> str:
    """A name that is part of a message, on one line."""
    return name if isinstance(name, str) and name.isprintable() and name else repr(name)


def _near(key: object, keys: Mapping[str, Schema]) -> str:
    from difflib import get_close_matches

    more = ("type", "extends") if keys is _KEYS else ()
    near = get_close_matches(str(key), [*keys, *more], 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _local_path(value: str, folder: Path) -> str:
    return os.path.abspath(folder / os.path.expanduser(os.path.expandvars(value)))
