"""What a job can ask of its scheduler: the keys of `job`, what each takes, which layer counts."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ..protocol import PBS, SLURM, Value

DEFAULT_NOTICE = 60  # seconds
_MOST_KEYS, _MOST_LINES, _LONGEST = 100, 100, 4096
_MOST = 999_999_999
_TIME = re.compile(r"(?:([0-9]{1,5})-)?([0-9]{1,8})(?::([0-9]{1,8}))?(?::([0-9]{1,8}))?\Z")
_ENDLESS = ("unlimited", "infinite")
# One, and not `all`: of several the same id may be a job of each.
_CLUSTER = re.compile(r"(?!(?i:all)\Z)[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


class _Kind(NamedTuple):
    """What values of a key are: in words, and whether one is."""

    be: str
    fits: Callable[[Value], bool]


def _is_whole(value: Value, least: int = 1, most: int = _MOST) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_line(value: Value) -> bool:
    if not isinstance(value, str):
        return False
    return bool(value.strip()) and len(value) <= _LONGEST and value.isprintable()


def _are_lines(value: Value) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_LINES and all(map(_is_line, value))


def _is_setup(value: Value) -> bool:
    """Lines may have tabs, and a text several of them: `setup: |`."""
    lines = [*_lines(value)] or [value] if isinstance(value, str) else value
    if not isinstance(lines, list):
        return False
    return _are_lines([_without_tabs(line) for line in lines])


def _without_tabs(line: Value) -> Value:
    return line.replace("\t", " ") if isinstance(line, str) else line


def _is_time(value: Value) -> bool:
    if _is_whole(value, 0):
        return True
    if not isinstance(value, str):
        return False
    return value.lower() in _ENDLESS or _TIME.match(value) is not None


def is_cluster(name: str) -> bool:
    """Whether it is the name of one of a site's clusters."""
    return _CLUSTER.match(name) is not None


def _is_folder(value: Value) -> bool:
    return _is_line(value) and str(value).startswith("/")


_WORD = _Kind(
    "text on one line, or a whole number", lambda value: _is_line(value) or _is_whole(value, 0)
)
_COUNT = _Kind("a whole number, at least 1", _is_whole)
WORDS = (
    *("partition", "account", "qos", "constraint", "mem", "gres", "gpus", "nodes"),
    *("exclude", "nodelist", "reservation"),
)
_KEYS: Dict[str, _Kind] = {
    "time": _Kind(
        "a time as Slurm has it: MINUTES, MIN:SEC, H:MIN:SEC, or with days D-H:MIN:SEC", _is_time
    ),
    **dict.fromkeys(WORDS, _WORD),
    "cpus": _COUNT,
    "tasks": _COUNT,
    "array-limit": _COUNT,
    "requeue": _Kind("yes or no", lambda value: isinstance(value, bool)),
    "notice": _Kind(
        "a whole number of seconds from 1 to 65535", lambda value: _is_whole(value, 1, 65535)
    ),
    "setup": _Kind("a line of shell, or a list of them", _is_setup),
    "options": _Kind("a list of options, each text on one line", _are_lines),
}
# Where the scheduler is, and not what a job asks for.
_OF_REMOTE: Dict[str, _Kind] = {
    "clusters": _Kind(
        "the name of one cluster",
        lambda value: _is_line(value) and is_cluster(str(value)),
    ),
    "path": _Kind("an absolute path there", _is_folder),
}
KEYS = tuple(_KEYS)
REMOTE_KEYS = tuple(_OF_REMOTE)
LISTS = ("setup", "options")  # given again on a command line, they grow
_NUMBERS = ("cpus", "tasks", "array-limit", "notice")

# What an option of sbatch is called whose key here is not called so, too.
OWN_NAMES = {"cpus": "cpus-per-task", "tasks": "ntasks"}
_HAVE_KEYS = {
    **{name: name for name in (*WORDS, "time", "requeue", "clusters")},
    **{option: key for key, option in OWN_NAMES.items()},
    "no-requeue": "requeue",
    "signal": "notice",
    "array": "array-limit",
}
_GUILDS = (
    *("output", "error", "input", "open-mode", "job-name", "chdir", "workdir", "parsable"),
    *("wrap", "wait", "dependency", "kill-on-invalid-dep", "export"),
)
_SUBMIT_NOTHING = ("test-only", "help", "usage", "version")
_SBATCH_OPTION = re.compile(r"--([a-z][a-z0-9-]*)(?:=.*)?\Z")


def checked(
    options: Mapping[str, Value], scheduler: str = "", of_remote: bool = False
) -> List[str]:
    """What is wrong with the keys of a `job`, a line each, which begins with the key.

    Without a scheduler it is not known which options it takes. None is no value, and never wrong.
    """
    return list(_faults(options, scheduler, of_remote))


def _faults(options: Mapping[str, Value], scheduler: str, of_remote: bool) -> Iterator[str]:
    if len(options) > _MOST_KEYS:
        yield "has more than %d keys" % _MOST_KEYS
        return
    known = {**_KEYS, **_OF_REMOTE} if of_remote else _KEYS
    for key, value in options.items():
        if key not in known:
            yield "%s: %s" % (_shown_key(key), _why_unknown(key, known))
        elif value is None:
            continue
        elif not known[key].fits(value):
            yield "%s: must be %s, not %s" % (key, known[key].be, _short(value))
        elif key == "options" and isinstance(value, list):
            for option in map(str, value):
                if why := why_no_option(option, scheduler):
                    yield "options: %s" % why
    if scheduler == PBS:
        from . import qsub  # it brings what starts programs

        yield from qsub.faults(
            {key: it for key, it in options.items() if key in known and known[key].fits(it)}
        )


def _why_unknown(key: str, known: Mapping[str, _Kind]) -> str:
    if key in _OF_REMOTE:
        return "is a key of a remote's job alone"
    from difflib import get_close_matches  # few keys are unknown

    near = get_close_matches(str(key), list(known), 1)
    return "is not a key of job" + (" (did you mean %s?)" % near[0] if near else "")


def why_no_option(option: str, scheduler: str) -> str:
    """Why a scheduler's program is not given an option by its user; empty where it is."""
    if not option.startswith("-"):
        return "%s is no option: it begins with no '-'" % _short(option)
    return _why_no_option_of_sbatch(option) if scheduler == SLURM else ""


def _why_no_option_of_sbatch(option: str) -> str:
    """sbatch takes the beginning of an option for it, and of two the last one."""
    match = _SBATCH_OPTION.match(option)
    if match is None:
        return "%s must be written --name=value, or --name" % _short(option)
    name = match[1]
    for full, key in _HAVE_KEYS.items():
        if full.startswith(name):
            return "--%s has a key of its own: %s" % (full, key)
    for full in _GUILDS:
        if full.startswith(name):
            return "--%s is what guild sets itself" % full
    for full in _SUBMIT_NOTHING:
        if full.startswith(name):
            return "with --%s nothing is submitted" % full
    return ""


def merged(*layers: Mapping[str, Value]) -> Dict[str, Value]:
    """What a job asks for: of each key what the last layer says that has it.

    There None is said for nothing, whatever those before it say.
    """
    found: Dict[str, Value] = {}
    for layer in layers:
        found.update(layer)
    return {key: value for key, value in found.items() if value is not None}


def value_of(key: str, text: str) -> Value:
    """The value that a word of a command line is for a key: `checked` says whether it is one."""
    if not text:
        return None
    if key in LISTS:
        return [text]
    if key in _NUMBERS and re.match(r"[0-9]{1,9}\Z", text):
        return int(text)
    if key == "requeue":
        return {"yes": True, "true": True, "no": False, "false": False}.get(text.lower(), text)
    return text


def seconds(time: Value) -> Optional[int]:
    """The seconds that a `time` stands for; None where it is none, or without end."""
    match = _TIME.match(str(time)) if _is_time(time) else None
    if match is None:
        return None
    days, *parts = (None if part is None else int(part) for part in match.groups())
    numbers = [part for part in parts if part is not None]
    hours, minutes, rest = _clock(numbers, days is not None)
    return ((days or 0) * 24 + hours) * 3600 + minutes * 60 + rest or None


def _clock(numbers: List[int], with_days: bool) -> Tuple[int, int, int]:
    """Hours, minutes and seconds: behind days the first is hours, and a number alone minutes."""
    if with_days or len(numbers) == 3:
        hours, minutes, rest = [*numbers, 0, 0][:3]
        return hours, minutes, rest
    minutes, rest = [*numbers, 0][:2]
    return 0, minutes, rest


def notice(options: Mapping[str, Value]) -> int:
    """How many seconds before its time limit an operation is told to end.

    Where nobody says it, at most a tenth of the time.
    """
    said = options.get("notice")
    if isinstance(said, int):
        return said
    limit = seconds(options.get("time"))
    return DEFAULT_NOTICE if limit is None else max(1, min(DEFAULT_NOTICE, limit // 10))


def setup(options: Mapping[str, Value]) -> List[str]:
    """The lines of shell before the runner."""
    said = options.get("setup")
    if isinstance(said, str):
        return _lines(said)
    return [str(line) for line in said] if isinstance(said, list) else []


def _lines(text: str) -> List[str]:
    return [line for line in text.split("\n") if line.strip()]


def _short(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _shown_key(key: str) -> str:
    is_plain = isinstance(key, str) and key.isprintable() and 0 < len(key) <= 60
    return key if is_plain else _short(key)
