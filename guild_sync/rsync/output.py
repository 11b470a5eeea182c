"""What rsync says while it copies: files that came, links, bytes, how far it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from guild_sync.rsync.parts import Part

# What comes: files, further names of them, links.
_CAME = re.compile(rb"^(?:>f|hf|cL)\S* \d+ (?P<name>.*)$", re.M)
_UNSAFE = r'(?m)^ignoring unsafe symlink "(?P<name>.*)" -> "(?P<target>.*)"$'
TOLD = (b"sent ", b"ignoring unsafe symlink ", b">f", b"hf", b"cL")  # what `came` and others read
_MOST_LINKS = 1000  # of a run
_TRAFFIC = re.compile(rb"^sent (\d+) bytes  received (\d+) bytes", re.M)
# What --info=progress2 shows; its separators are those of the locale.
_PROGRESS = rb"\s*([\d,.]+)\s+(\d+)%\s+(\S+)\s+(\S+)"


class Figures(NamedTuple):
    """How far a copy is, in rsync's own figures."""

    bytes: int
    part: float  # of the bytes that are known by now, from 0 to 1
    speed: str  # such as `1.05MB/s`
    left: str  # the time that is left, such as `0:00:12`


OnProgress = Callable[[Figures], None]


class KeptLines:
    """Takes rsync's stdout as it comes: it names each file, and there may be millions."""

    def __init__(self, kept: tuple[bytes, ...], on_progress: OnProgress | None) -> None:
        self.kept: list[bytes] = []
        self._wanted = kept
        self._on_progress = on_progress
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self._rest = re.split(b"[\r\n]", self._rest + chunk)
        for line in lines:
            if line.startswith(self._wanted):
                self.kept.append(line)
            elif self._on_progress and (match := re.match(_PROGRESS, line)):
                self._on_progress(_figures(match))


def traffic_of(stdout: bytes) -> int:
    """The bytes that rsync says it has sent and received."""
    return sum(int(number) for found in _TRAFFIC.findall(stdout) for number in found)


def _figures(match: re.Match[bytes]) -> Figures:
    count, percent, speed, left = (group.decode("ascii", "replace") for group in match.groups())
    return Figures(int(re.sub("[,.]", "", count)), int(percent) / 100, speed, left)


def came(stdout: bytes, part: Part) -> Iterator[tuple[str, str]]:
    """Run and path of each file that rsync says it has brought."""
    ids = frozenset(part.ids)  # a pull of thousands of runs names each of them many times
    for match in _CAME.finditer(stdout):
        run_id, path = part.found(name_of(match["name"]))
        if run_id in ids:
            yield run_id, path


def links_of(stdout: bytes, part: Part) -> dict[str, list[tuple[str, str]]]:
    """The links that rsync says it has left out, as they lead out of the runs."""
    ids = frozenset(part.ids)
    found: dict[str, list[tuple[str, str]]] = {}
    if b"ignoring unsafe symlink " not in stdout:  # as most say nothing of them
        return found
    for match in re.finditer(_UNSAFE, stdout.decode("utf-8", "replace")):
        run_id, path = part.found(match["name"])
        if run_id in ids and len(of_run := found.setdefault(run_id, [])) < _MOST_LINKS:
            of_run.append((path, match["target"]))
    return found


def name_of(shown: bytes) -> str:
    """The name of a file that rsync shows."""
    # What is no printable character is `\#012`, its number in octal.
    return os.fsdecode(re.sub(rb"\\#([0-7]{3})", lambda found: bytes([int(found[1], 8)]), shown))
