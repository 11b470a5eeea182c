"""The cores and the memory that a host has for this login, and how much of them is in use."""

from __future__ import annotations

import os
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..facts.by_proc import first_line

_KIB = 1024
_NO_LIMIT = 1 << 60  # as version 1 of cgroups has none: a number larger than any memory


class Load(NamedTuple):
    """What there is, and what others leave of it by now. Memory is in bytes."""

    cores: int
    load: float  # how many processes wanted a core in the last minute
    memory: Optional[int]  # None, here and below: it is not told
    available: Optional[int]


def load(root: str = "/") -> Load:
    """The cores and the memory of this host, as far as this process may use them."""
    memory, available = _memory(root)
    for group in _groups(root, "memory"):
        most = _least(_value(group, name) for name in ("memory.max", "memory.limit_in_bytes"))
        if most is None or most > _NO_LIMIT:
            continue
        used = _least(_value(group, name) for name in ("memory.current", "memory.usage_in_bytes"))
        left = max(0, most - max(0, (used or 0) - _cache(group)))
        memory, available = _least([memory, most]), _least([available, left])
    return Load(_cores(root), _load(root), memory, available)


def _cores(root: str) -> int:
    try:
        cores = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        cores = os.cpu_count() or 1
    quotas = [_quota(group) for group in _groups(root, "cpu")]
    return max(1, min([cores, *(int(quota) for quota in quotas if quota)]))


def _load(root: str) -> float:
    text = (first_line(os.path.join(root, "proc/loadavg")) or "").split()
    try:
        if root == "/" and not text:
            return os.getloadavg()[0]
        return float(text[0]) if text else 0.0
    except (ValueError, OSError):
        return 0.0


def _quota(group: str) -> Optional[float]:
    """How many cores a cgroup may use; None where it has no limit."""
    both = (first_line(os.path.join(group, "cpu.max")) or "").split()
    if len(both) != 2:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        both = [first_line(os.path.join(group, name)) or "" for name in names]
    if not all(text.isdigit() and int(text) for text in both):  # `max`, or -1
        return None
    return int(both[0]) / int(both[1])


def _memory(root: str) -> Tuple[Optional[int], Optional[int]]:
    known: Dict[str, int] = {}
    for line in _lines(os.path.join(root, "proc/meminfo")):
        words = line.split()
        if len(words) > 1 and words[1].isdigit():
            known[words[0].rstrip(":")] = int(words[1]) * _KIB
    return known.get("MemTotal"), known.get("MemAvailable")


def _cache(group: str) -> int:
    """What of a cgroup's memory are files that the kernel gives up when it is wanted."""
    for line in _lines(os.path.join(group, "memory.stat")):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file") and value.strip().isdigit():
            return int(value)
    return 0


def _groups(root: str, controller: str) -> Iterator[str]:
    """The folders of the cgroups that this process is in, and of those around them."""
    top = os.path.join(root, "sys/fs/cgroup")
    for line in _lines(os.path.join(root, "proc/self/cgroup")):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        # Version 1 has a folder for each controller, often a link to that of several.
        folder = os.path.join(top, controller) if controllers else top
        path = path.strip().strip("/")
        while True:
            yield os.path.join(folder, path) if path else folder
            if not path:
                break
            path = os.path.dirname(path)


def _value(group: str, name: str) -> Optional[int]:
    text = first_line(os.path.join(group, name)) or ""
    return int(text) if text.isdigit() else None


def _least(numbers: Iterable[Optional[int]]) -> Optional[int]:
    found = [number for number in numbers if number is not None]
    return min(found) if found else None


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            return f.read().splitlines()
    except OSError:
        return []
