"""What each key of the config file takes, and what is said where it holds something else."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence

from schema import And, Or, Schema, SchemaError

from guild_sync.config.faults import Place
from guild_sync.config.selection import AT_END, is_pattern
from guild_sync.config.texts import is_one_line, nearest, short, size
from guild_sync.config.variables import is_value

# A host, user or remote name goes to ssh and rsync as an argument: nothing that could
# be read as an option, a path, a pattern of ssh_config, or a second word. A host may be an
# alias of the ssh configuration, in any script.
HOST = re.compile(
    r"(?!-)(?:[A-Za-z0-9_.:%\[\]-]|[^\x00-\xa0\s\u200b-\u206f\ud800-\udfff\ufeff])+\Z"
)
USER = re.compile(r"[^\s\x00-\x1f\x7f\"'\\@:-][^\s\x00-\x1f\x7f\"'\\@:]*\Z")
NAME = re.compile(r"[^\s/\x00-\x1f\x7f.-][^\s/\x00-\x1f\x7f]*\Z")
PROGRAM = re.compile(r"(?!-)[A-Za-z0-9_./~+@-]+\Z")  # rsync hands it to a shell there
_SSH_OPTION = re.compile(r"(?P<key>[A-Za-z]+)\s*[=\s]\s*(?P<value>[^\x00-\x1f\x7f]+)\Z")
_STRUCTURAL_OPTIONS = frozenset({"host", "match", "include"})


EVERY = ("all", "any")  # what stands for all remotes, where one or several are named


def why_no_name(name: Hashable, of: str) -> str:
    """Why a remote or a group cannot be called so; empty where it can.

    Where several are named, commas are between them, and a colon before a run.
    """
    if not isinstance(name, str) or not NAME.match(name):
        return f"a {of}'s name is one word that begins with neither '-' nor '.'"
    if name in EVERY:
        return f"{name!r} means all remotes: rename it"
    if "," in name or ":" in name:
        return f"a {of}'s name has neither comma nor colon: rename it"
    return ""


def is_home(value: object) -> bool:
    """Whether it can be the guild home of a remote: `~`, which a shell would read, is `~/...`."""
    if not is_one_line(value):
        return False
    return not value.startswith("~") or bool(re.match("~/.", value))


def is_setup(value: object) -> bool:
    lines = value if isinstance(value, list) else [value]
    return all(isinstance(line, str) and is_value(line) for line in lines)


def _ssh_option(value: object) -> bool:
    match = isinstance(value, str) and _SSH_OPTION.match(value)
    return bool(match) and match["key"].lower() not in _STRUCTURAL_OPTIONS  # type: ignore[index]


def duration(value: object) -> int | None:
    """The seconds that a whole number, or text such as `10h`, `30m` and `1h30m`, stands for."""
    from guild_sync.config.durations import seconds_of  # few remotes have one

    found = seconds_of(value) if isinstance(value, (str, int, float)) else None
    return int(found) if found and found.is_integer() else None


def age(value: str | float) -> int | None:
    """As `duration`, of text with a unit: a mere `30` would be seconds where people mean days."""
    return duration(value) if isinstance(value, str) and re.search("[a-z:]", value) else None


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


AN_AGE = "a time with its unit, 365d at most, such as 30d or 12h"  # what age() takes
_TEXT = Schema(is_one_line, error="must be text on one line")
_HOME = Schema(
    is_home, error="must be a path there, where '~' is the login's home in '~/...' alone"
)
_HOST_SCHEMA = Schema(And(str, HOST.match), error="must be a host name or address")
WHOLE_SECONDS = Schema(
    And(_whole, lambda n: 0 < n <= 86400), error="must be a whole number of seconds, at least 1"
)
REMOTE_KEYS: dict[str, Schema] = {
    "host": _HOST_SCHEMA,
    "description": Schema(str, error="must be text"),
    "user": Schema(And(str, USER.match), error="must be a user name"),
    "port": Schema(And(_whole, lambda n: 0 < n < 65536), error="must be a number from 1 to 65535"),
    "private-key": _TEXT,
    "connect-timeout": WHOLE_SECONDS,
    "timeout": WHOLE_SECONDS,
    "keep-open": Schema(
        lambda value: duration(value) is not None, error="must be a time such as 30m or 10h"
    ),
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
    "guild-home": Schema(And(_TEXT, _HOME)),
    "bwlimit": Schema(
        Or(
            And(_whole, lambda n: n >= 0),
            And(str, re.compile(r"\d+(\.\d+)?[KMGTP]?i?B?\Z", re.I).match),
        ),
        error="must be a rate that rsync takes, such as 1000 (KiB/s) or 1.5m",
    ),
    "lanes": Schema(And(_whole, lambda n: 0 < n < 9), error="must be a number from 1 to 8"),
    "compress": Schema(Or(bool, "auto"), error="must be yes, no or auto"),
    "rsync-path": Schema(
        And(str, PROGRAM.match), error="must be the path of a program there, without spaces"
    ),
    "login-shell": Schema(bool, error="must be yes or no"),
    "setup": Schema(is_setup, error="must be a line of sh, or a list of them"),
    "env": Schema(dict, error="must be a mapping of names of variables to text or numbers"),
    "places": Schema(
        And(_whole, lambda n: 0 < n <= 10_000), error="must be a whole number, at least 1"
    ),
    "track": Schema(bool, error="must be yes or no"),
    "pull": Schema(dict, error="must be a mapping"),
    "clean": Schema(dict, error="must be a mapping, with older-than or keep-last"),
}
_PATTERNS = Schema(
    Or(is_pattern, [is_pattern]), error="must be a pattern of paths in a run, or a list of them"
)
_SIZE = Schema(lambda value: size(value) is not None, error="must be a size, such as 100M or 1.5G")
# Which files of runs are copied from the remote (selection.py).
PULL_KEYS: dict[str, Schema] = {
    "exclude": _PATTERNS,
    "include": _PATTERNS,
    "max-size": _SIZE,
    "large-files": Schema(AT_END, error=f"can be {AT_END!r}"),
    "large-files-over": _SIZE,
    "delete": Schema(bool, error="must be yes or no"),
    "inputs": Schema(bool, error="must be yes or no"),
}


# Which runs guild-sync removes from the remote that are home (transfer/clean.py).
CLEAN_KEYS: dict[str, Schema] = {
    "older-than": Schema(lambda value: age(value) is not None, error=f"must be {AN_AGE}"),
    "keep-last": Schema(
        And(_whole, lambda n: 0 <= n < 10**9), error="must be a whole number from 0 on"
    ),
    "permanent": Schema(bool, error="must be yes or no"),
}


def fits(
    key: object,
    value: object,
    keys: Mapping[str, Schema],
    place: Place,
    whose: str,
) -> bool:
    """Whether it is one of `keys`, and `value` one for it; else that is a fault there."""
    if not isinstance(key, str) or key not in keys:
        more = ("type", "extends") if keys is REMOTE_KEYS else ()
        place.fault(f"{key}: is not a key of {whose}{_near(key, (*keys, *more))}")
        return False
    try:
        keys[key].validate(value)
    except SchemaError as e:
        place.fault(f"{key}: {e.code.splitlines()[-1]}, not {short(value)}")
        return False
    return True


def _near(key: object, keys: Sequence[str]) -> str:
    like = nearest(str(key), keys)
    return f" (did you mean {like}?)" if like else ""
