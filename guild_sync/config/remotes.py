"""The config file, read into frozen `Remote` records; every fault in one message."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from guild_sync.agent.protocol import SCHEDULERS, SchedulerForm, Value
from guild_sync.config.faults import Place, refusal
from guild_sync.config.file import identity, load, reading
from guild_sync.config.home import config_path
from guild_sync.config.schema import (
    CLEAN_KEYS,
    EVERY,
    PULL_KEYS,
    REMOTE_KEYS,
    Best,
    age,
    best,
    duration,
    fits,
    is_home,
    is_host,
    is_user,
    why_no_name,
)
from guild_sync.config.sections import GROUPS, REMOTES, is_named, names_in, section
from guild_sync.config.selection import (
    DEFAULT_LARGE,
    USUAL,
    Selection,
)
from guild_sync.config.texts import (
    is_one_line,
    is_value,
    is_variable,
    nearest,
    plain_name,
    short,
    size,
)
from guild_sync.errors import FaultyRemote, RemoteNotFound

Keys = Mapping[Any, Any]  # of a mapping in the file, unchecked
SANDBOX = "sandbox"
SUPPORTED_TYPES = ("ssh", *SCHEDULERS, SANDBOX)
# Whether copies are compressed: always, never, or where it makes one faster; then it is by the
# fastest way that there is, which no config file names (rsync/packing.py).
YES, NO, AUTO, FAST = "yes", "no", "auto", "fast"
DEFAULT_CONNECT_TIMEOUT = 10  # seconds
_MOST_REMOTES = 4096  # that are not read again
_SPEC = re.compile(
    r"ssh:(?:(?P<user>[^@:]+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]]+)(?::(?P<port>\d+))?(?::(?P<path>.+))?\Z"
)


_KEEPING = ("older-than", "keep-last", "keep-best")  # of `clean`, which has one of them


class Clean(NamedTuple):
    """Which runs guild-sync removes from a remote, of those that are home."""

    older_than: int | None = None  # seconds since they ended
    keep_last: int = 0
    permanent: bool = False
    keep_best: Best | None = None


class Remote(NamedTuple):
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
    keep_open: int | None = None  # seconds without use after which its connection closes
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
    setup: str = ""  # lines of sh, before anything else there
    login_shell: bool = False  # whether the login's profile is read before
    env: tuple[tuple[str, str], ...] = ()  # variables of operations there
    rsync_path: str | None = None
    guild_home: str = ".guild"
    bwlimit: str | None = None
    compress: str = AUTO
    lanes: int | None = None  # rsyncs side by side; None: as many as the distance is worth
    places: int | None = None  # how many trials of batches it has at a time; None: needs tell
    track: bool = True  # whether runs that are started there are brought home
    pull: Selection = USUAL
    clean: Clean | None = None  # None: none, but by 'guild clean'
    # Of a scheduler: the keys of `job`, as agent/scheduling/options.py has them, lists as tuples.
    job: tuple[tuple[str, str | int | tuple[str, ...]], ...] = ()
    passed_over: tuple[str, ...] = ()  # keys of Guild AI's that mean nothing to guild

    @property
    def scheduler(self) -> SchedulerForm | None:
        """The scheduler whose jobs its runs are; None: they are processes of its own."""
        if self.type not in SCHEDULERS:
            return None
        options: dict[str, Value] = {
            key: [*value] if isinstance(value, tuple) else value for key, value in self.job
        }
        path, clusters = (str(options.pop(key, "")) for key in ("path", "clusters"))
        return {"type": self.type, "path": path, "clusters": clusters, "options": options}


def usable() -> tuple[dict[str, Remote], tuple[str, ...]]:
    """Every remote of the config file without a fault, and the one that needs no config.

    With them come the faults of the others.
    Raises ConfigError where the file cannot be read, or is not YAML.
    """
    path = config_path()
    with reading:
        found, faults = _read(path, identity(path))
    if SANDBOX in found or is_named(REMOTES, SANDBOX):
        return dict(found), faults
    own = Remote(SANDBOX, SANDBOX, description="an ssh server of your own on this machine")
    return {**found, SANDBOX: own}, faults


def defined() -> tuple[str, ...]:
    """The names of what the file has below `remotes`, each a remote or at fault, in its order.

    Raises as `usable` does.
    """
    return names_in(REMOTES)


def remote(name: str) -> Remote:
    """The remote called `name`, or the one that a spec describes.

    A spec is `ssh:[USER@]HOST[:PORT][:PATH]`. Raises RemoteNotFound for any other name, and
    for what means several remotes; FaultyRemote for that of a remote which has a fault, with
    those of all remotes. Faults of others are theirs.
    """
    if name.startswith("ssh:"):
        return _remote_of_spec(name)
    path = config_path()
    with reading:
        found = _one(path, identity(path), name)
    if found is None:
        known, faults = usable()
        found = known.get(name)
    if found is None:
        if faults and (name in defined() or not known.keys() - {SANDBOX}):
            told = refusal(config_path(), faults)  # of this one, or of the file itself
            raise FaultyRemote(told.message, told.hint)
        if "," in name or name in EVERY or name in names_in(GROUPS):
            raise RemoteNotFound(f"{name!r} means several remotes, and this takes one", "Name it.")
        like = nearest(name, known)
        near = f"Did you mean {like}?\n" if like else ""
        raise RemoteNotFound(
            f"remote {name!r} is not defined",
            f"{near}Show remotes by running 'guild remotes' "
            "or 'guild remotes --help' for more information.",
        )
    if found.type not in SUPPORTED_TYPES:
        raise RemoteNotFound(
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
        or not is_host(host)
        or (match["user"] and not is_user(match["user"]))
        or (port is not None and not 0 < port < 65536)
        or not is_home(path)
    ):
        raise RemoteNotFound(
            f"{spec!r} is not a remote", "A remote spec is ssh:[USER@]HOST[:PORT][:PATH]."
        )
    return Remote(spec, "ssh", host=host, user=match["user"], port=port, guild_home=path)


# Each of many remotes is looked up by itself: the file is read again only if it has changed.
@lru_cache(maxsize=_MOST_REMOTES)
def _one(path: Path, _: tuple[int, ...], name: str) -> Remote | None:
    """The remote of that name, where it has no fault: nobody has asked for the others."""
    data = load(path)
    given = data.get(REMOTES) if isinstance(data, dict) else None
    if not isinstance(given, dict) or why_no_name(name, "remote"):
        return None
    place = Place()
    return _merged(name, given, place, path.parent) if name in given else None


@lru_cache(maxsize=1)
def _read(path: Path, _: tuple[int, ...]) -> tuple[dict[str, Remote], tuple[str, ...]]:
    file = Place()
    found = _remotes_of(load(path), path.parent, file)
    return found, tuple(file.faults)


def _remotes_of(data: object, folder: Path, file: Place) -> dict[str, Remote]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        file.fault("the file must be a mapping")
        return {}
    given = section(data, REMOTES, file)
    if given is None:
        return {}
    if not isinstance(given, dict):
        file.fault("remotes: must be a mapping of names to remotes")
        return {}
    found = {}
    for name in given:
        place = file.at("remotes").at(plain_name(name))
        if why := why_no_name(name, "remote"):
            place.fault(why)
        elif remote := _merged(name, given, place, folder):
            found[name] = remote
    return found


def _merged(name: str, given: Keys, place: Place, folder: Path) -> Remote | None:
    """The remote of that name, with what it extends; each of its faults is one there."""
    if not isinstance(given[name], dict):
        place.fault("must be a mapping")
        return None
    return _checked(name, _extended(name, given, place), place, folder)


def _extended(name: str, given: Keys, place: Place) -> dict[Any, Any]:
    """The remote's keys over those of the remotes that it extends."""
    merged: dict[Any, Any] = {}
    seen: list[str] = []
    current: object = name
    while current is not None:
        if not isinstance(current, str) or not isinstance(given.get(current), dict):
            place.fault(f"extends: there is no remote {current!r}")
            break
        if current in seen:
            place.fault(f"extends: {' -> '.join([*seen, current])} goes round in a circle")
            break
        seen.append(current)
        merged = {**given[current], **merged}
        current = given[current].get("extends")
    merged.pop("extends", None)
    if seen[1:] and "description" not in given[name]:
        merged.pop("description", None)
    return merged


# Guild AI's own: guild asks nothing whatever it says, so a file that has it may stay as it is.
_PASSED_OVER = ("use-prompt",)
# Guild AI takes a command here, which can only be this one where guild takes a script.
_SOURCE = re.compile(r"(?:source|\.)\s+(?P<script>\S+)\s*\Z")
_LOCAL_PATHS = ("private-key", "known-hosts", "ssh-config")
_EXPANDED = ("host", "user", "proxy", "proxy-jump")


def _checked(name: str, attributes: dict[Any, Any], place: Place, folder: Path) -> Remote | None:
    kind = attributes.pop("type", None)
    if not is_one_line(kind):
        place.fault("type: is missing" if kind is None else "type: must be text")
        return None
    if kind not in SUPPORTED_TYPES:
        # Guild AI's other types load, so that its config file can be used as it is.
        return Remote(name, kind, description=str(attributes.get("description", "")))
    if "guild-env" in attributes:  # Guild AI's older name
        attributes.setdefault("venv-path", attributes.pop("guild-env"))
    before = len(place.faults)
    values: dict[str, Any] = {}
    for key, value in attributes.items():
        if key in _PASSED_OVER:
            continue
        if isinstance(value, str) and key in _EXPANDED:
            value = os.path.expandvars(value)
        if not fits(key, value, REMOTE_KEYS, place, "a remote"):
            continue
        values[key.replace("-", "_")] = _local_path(value, folder) if key in _LOCAL_PATHS else value
    values["env"] = _env(values.get("env", {}), place.at("env"))
    if "pull" in values:
        values["pull"] = _selection(values["pull"], place.at("pull"))
    if "clean" in values:
        values["clean"] = _clean(values["clean"], place.at("clean"))
    if "job" in values:
        values["job"] = _job(values["job"], kind, place)
    if kind != SANDBOX and "host" not in attributes:
        place.fault("host: is missing")
    if len(place.faults) > before:
        return None
    if "host" in values:  # an address in brackets, as URLs have it
        values["host"] = values["host"].strip("[]")
    if isinstance(values.get("setup"), list):
        values["setup"] = "\n".join(values["setup"])
    if "keep_open" in values:
        values["keep_open"] = duration(values["keep_open"])
    if isinstance(values.get("compress"), bool):
        values["compress"] = YES if values["compress"] else NO
    if "bwlimit" in values:
        values["bwlimit"] = str(values["bwlimit"])
    if sourced := _SOURCE.match(values.get("venv_activate", "")):
        values["venv_activate"] = sourced["script"]
    values["ssh_options"] = tuple(values.get("ssh_options", ()))
    values["passed_over"] = tuple(key for key in _PASSED_OVER if key in attributes)
    return Remote(name, kind, **values)


def _env(given: Keys, place: Place) -> tuple[tuple[str, str], ...]:
    """The variables of a mapping; each that can be none is a fault of its own."""
    for name, value in given.items():
        if not is_variable(name):
            place.fault(f"{plain_name(name)}: is no name of a variable")
        elif not is_value(value):
            place.fault(f"{name}: must be text or a number (yes in quotes), not {short(value)}")
    return tuple((str(name), str(value)) for name, value in given.items())


def _selection(given: Keys, place: Place) -> Selection:
    before = len(place.faults)
    for key, value in given.items():
        fits(key, value, PULL_KEYS, place, "pull")
    if len(place.faults) > before:
        return USUAL
    large = size(given.get("large-files-over", DEFAULT_LARGE)) if "large-files" in given else None
    exclude, include = (_texts(given.get(key, [])) for key in ("exclude", "include"))
    limit = size(given["max-size"]) if "max-size" in given else None
    delete, inputs = given.get("delete", False), given.get("inputs", False)
    return Selection(exclude, include, limit, large, delete, inputs)


def _job(
    given: dict[str, Value], kind: str, place: Place
) -> tuple[tuple[str, str | int | tuple[str, ...]], ...]:
    """What jobs ask of a scheduler where nobody says otherwise; each fault is one of its own."""
    if kind not in SCHEDULERS:
        place.fault(f"job: is for a remote of type {' or '.join(SCHEDULERS)}")
        return ()
    from guild_sync.agent.scheduling import options  # few remotes are clusters

    place = place.at("job")
    found = options.checked(given, kind, of_remote=True)
    for fault in found:
        place.fault(fault)
    if found:
        return ()
    return tuple(
        (key, tuple(map(str, value)) if isinstance(value, list) else value)
        for key, value in given.items()
        if isinstance(value, (str, int, list))
    )


def _clean(given: Keys, place: Place) -> Clean | None:
    before = len(place.faults)
    for key, value in given.items():
        fits(key, value, CLEAN_KEYS, place, "clean")
    if len(place.faults) == before and not {*_KEEPING} & given.keys():
        place.fault(f"says none of {', '.join(_KEEPING[:-1])} and {_KEEPING[-1]}")
    if len(place.faults) > before:
        return None
    older = age(given["older-than"]) if "older-than" in given else None
    return Clean(
        older,
        given.get("keep-last", 0),
        given.get("permanent", False),
        best(given.get("keep-best")),
    )


def _texts(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _local_path(value: str, folder: Path) -> str:
    return os.path.abspath(folder / os.path.expanduser(os.path.expandvars(value)))
