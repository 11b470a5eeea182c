"""What each key of the config file takes, and what is said where it holds something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from guild_sync.config.faults import Place
from guild_sync.config.selection import AT_END, is_pattern
from guild_sync.config.texts import is_one_line, is_value, nearest, short, size

# A host, user or remote name goes to ssh and rsync as an argument: nothing that could
# be read as an option, a path, a pattern of ssh_config, or a second word. A host may be an
# alias of the ssh configuration, in any script.
_HOST = r"(?!-)(?:[A-Za-z0-9_.:%\[\]-]|[^\x00-\xa0\s\u200b-\u206f\ud800-\udfff\ufeff])+\Z"
_USER = r"[^\s\x00-\x1f\x7f\"'\\@:-][^\s\x00-\x1f\x7f\"'\\@:]*\Z"
_NAME = r"[^\s/\x00-\x1f\x7f.-][^\s/\x00-\x1f\x7f]*\Z"
_PROGRAM = r"(?!-)[A-Za-z0-9_./~+@-]+\Z"  # rsync hands it to a shell there
_RATE = r"(?i:\d+(\.\d+)?[KMGTP]?i?B?)\Z"
_SSH_OPTION = r"(?P<key>[A-Za-z]+)\s*[=\s]\s*(?P<value>[^\x00-\x1f\x7f]+)\Z"
_STRUCTURAL_OPTIONS = frozenset({"host", "match", "include"})
# Why a value is none for a key, which "not VALUE" follows; empty where it is one.
Check = Callable[[Any], str]


EVERY = ("all", "any")  # what stands for all remotes, where one or several are named


def why_no_name(name: Hashable, of: str) -> str:
    """Why a remote or a group cannot be called so; empty where it can.

    Where several are named, commas are between them, and a colon before a run.
    """
    if not isinstance(name, str) or not re.match(_NAME, name):
        return f"a {of}'s name is one word that begins with neither '-' nor '.'"
    if name in EVERY:
        return f"{name!r} means all remotes: rename it"
    if "," in name or ":" in name:
        return f"a {of}'s name has neither comma nor colon: rename it"
    return ""


def is_host(text: str) -> bool:
    """Whether it can be the host of a remote."""
    return bool(re.match(_HOST, text))


def is_user(text: str) -> bool:
    """Whether it can be the user that guild logs in as."""
    return bool(re.match(_USER, text))


def is_home(value: object) -> bool:
    """Whether it can be the guild home of a remote: `~`, which a shell would read, is `~/...`."""
    if not is_one_line(value):
        return False
    return not value.startswith("~") or bool(re.match("~/.", value))


def is_setup(value: object) -> bool:
    lines = value if isinstance(value, list) else [value]
    return all(isinstance(line, str) and is_value(line) for line in lines)


def _ssh_option(value: object) -> bool:
    match = re.match(_SSH_OPTION, value) if isinstance(value, str) else None
    return match is not None and match["key"].lower() not in _STRUCTURAL_OPTIONS


def duration(value: object) -> int | None:
    """The seconds that a whole number, or text such as `10h`, `30m` and `1h30m`, stands for."""
    from guild_sync.config.durations import seconds_of  # few remotes have one

    found = seconds_of(value) if isinstance(value, (str, int, float)) else None
    return int(found) if found and found.is_integer() else None


def age(value: str | float) -> int | None:
    """As `duration`, of text with a unit: a mere `30` would be seconds where people mean days."""
    return duration(value) if isinstance(value, str) and re.search("[a-z:]", value) else None


class Best(NamedTuple):
    """So many runs of each operation: those with the lowest `column`, or with the highest."""

    column: str
    is_highest: bool = False
    most: int = 1  # so many

    def __str__(self) -> str:
        most = "highest" if self.is_highest else "lowest"
        among = f"among the {self.most} " if self.most > 1 else ""
        return f"{among}with the {most} {self.column}"


def best(value: object) -> Best | None:
    """What `loss`, `-acc` or `3:loss` stands for: three runs with the lowest loss."""
    found = re.fullmatch(r"(?:([0-9]{1,9}):)?(-?)\s*(\S(?:.*\S)?)", str(value))
    if not isinstance(value, str) or found is None or found[1] == "0":
        return None
    return Best(found[3], bool(found[2]), int(found[1] or 1))


def must(be: str, check: Callable[[Any], bool]) -> Check:
    """A check whose values are those for which `check` holds; else they must `be` one."""
    return lambda value: "" if check(value) else f"must be {be}"


def one_of_type(kind: type, be: str) -> Check:
    """A check whose values are of that type."""
    return must(be, lambda value: isinstance(value, kind))


def _whole(be: str, least: int, most: int) -> Check:
    return must(be, lambda n: type(n) is int and least <= n <= most)


def _word(be: str, pattern: str) -> Check:
    return must(be, lambda value: isinstance(value, str) and bool(re.match(pattern, value)))


def _is_rate(value: Any) -> bool:
    if type(value) is int:
        return value >= 0
    return isinstance(value, str) and bool(re.match(_RATE, value))


def _are_patterns(value: Any) -> bool:
    return all(map(is_pattern, value)) if isinstance(value, list) else is_pattern(value)


AN_AGE = "a time with its unit, 365d at most, such as 30d or 12h"  # what age() takes
A_BEST = "a column such as loss, -acc or 3:loss"  # what best() takes
_YES_OR_NO = one_of_type(bool, "yes or no")
_TEXT = must("text on one line", is_one_line)
_ANY_TEXT = one_of_type(str, "text")
_HOME = must("a path there, where '~' is the login's home in '~/...' alone", is_home)
WHOLE_SECONDS = _whole("a whole number of seconds, at least 1", 1, 86400)
REMOTE_KEYS: dict[str, Check] = {
    "host": _word("a host name or address", _HOST),
    "description": _ANY_TEXT,
    "user": _word("a user name", _USER),
    "port": _whole("a number from 1 to 65535", 1, 65535),
    "private-key": _TEXT,
    "connect-timeout": WHOLE_SECONDS,
    "timeout": WHOLE_SECONDS,
    "keep-open": must("a time such as 30m or 10h", lambda value: duration(value) is not None),
    "proxy": _TEXT,
    "proxy-jump": _TEXT,
    "known-hosts": _TEXT,
    "ssh-config": _TEXT,
    "ssh-options": must(
        "a list of options of ssh, such as ControlPersist=1h",
        lambda value: isinstance(value, list) and all(map(_ssh_option, value)),
    ),
    "venv-path": _TEXT,
    "conda-env": _TEXT,
    "venv-activate": _TEXT,
    "python": _TEXT,
    "init": _ANY_TEXT,
    "guild-home": lambda value: _TEXT(value) or _HOME(value),
    "bwlimit": must("a rate that rsync takes, such as 1000 (KiB/s) or 1.5m", _is_rate),
    "lanes": _whole("a number from 1 to 8", 1, 8),
    "compress": must("yes, no or auto", lambda value: isinstance(value, bool) or value == "auto"),
    "rsync-path": _word("the path of a program there, without spaces", _PROGRAM),
    "login-shell": _YES_OR_NO,
    "setup": must("a line of sh, or a list of them", is_setup),
    "env": one_of_type(dict, "a mapping of names of variables to text or numbers"),
    "places": _whole("a whole number, at least 1", 1, 10_000),
    "track": _YES_OR_NO,
    "pull": one_of_type(dict, "a mapping"),
    "clean": one_of_type(dict, "a mapping, with older-than or keep-last"),
    "job": one_of_type(dict, "a mapping of what jobs ask for, such as time and partition"),
}
_PATTERNS = must("a pattern of paths in a run, or a list of them", _are_patterns)
_SIZE = must("a size, such as 100M or 1.5G", lambda value: size(value) is not None)
# Which files of runs are copied from the remote (selection.py).
PULL_KEYS: dict[str, Check] = {
    "exclude": _PATTERNS,
    "include": _PATTERNS,
    "max-size": _SIZE,
    "large-files": lambda value: "" if value == AT_END else f"can be {AT_END!r}",
    "large-files-over": _SIZE,
    "delete": _YES_OR_NO,
    "inputs": _YES_OR_NO,
}


# Which runs guild-sync removes from the remote that are home (transfer/clean.py).
CLEAN_KEYS: dict[str, Check] = {
    "older-than": must(AN_AGE, lambda value: age(value) is not None),
    "keep-last": _whole("a whole number from 0 on", 0, 10**9 - 1),
    "keep-best": must(A_BEST, lambda value: best(value) is not None),
    "permanent": _YES_OR_NO,
}


def fits(
    key: object,
    value: object,
    keys: Mapping[str, Check],
    place: Place,
    whose: str,
) -> bool:
    """Whether it is one of `keys`, and `value` one for it; else that is a fault there."""
    if not isinstance(key, str) or key not in keys:
        more = ("type", "extends") if keys is REMOTE_KEYS else ()
        place.fault(f"{key}: is not a key of {whose}{_near(key, (*keys, *more))}")
        return False
    if why := keys[key](value):
        place.fault(f"{key}: {why}, not {short(value)}")
    return not why


def _near(key: object, keys: Sequence[str]) -> str:
    like = nearest(str(key), keys)
    return f" (did you mean {like}?)" if like else ""
