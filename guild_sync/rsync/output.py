"""What rsync says while it copies: files that came, links, bytes, how far it is."""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
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


class Sum:
    """The progress of several rsyncs as that of one."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._latest: dict[int, tuple[Figures, int | None]] = {}

    def part(self, total: int | None = None) -> OnProgress:
        """Takes the figures of one of them, which is to bring so many bytes, if that is known."""
        with self._lock:
            number = len(self._latest)
            self._latest[number] = Figures(0, 0.0, "", ""), total

        def tell(figures: Figures) -> None:
            with self._lock:
                self._latest[number] = figures, total
                self._on_progress(_sum(list(self._latest.values())))

        return tell


def _sum(parts: Sequence[tuple[Figures, int | None]]) -> Figures:
    done = sum(figures.bytes for figures, _ in parts)
    total = sum(
        whole or (figures.bytes / figures.part if figures.part else 0) for figures, whole in parts
    )
    going = [figures for figures, _ in parts if figures.part < 1]
    speed = sum(_rate(figures.speed) for figures in going or [figures for figures, _ in parts])
    left = int((total - done) / speed) if total > done and speed else 0
    shown = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
    return Figures(done, min(1.0, done / total) if total else 0.0, _shown(speed), shown)


def _rate(speed: str) -> float:
    """Bytes a second, as rsync shows them; 0 for what is none."""
    found = re.fullmatch(r"(\d+(?:[.,]\d+)?)([kMGT]?)B/s", speed)
    return (
        float(found[1].replace(",", ".")) * 1024 ** " kMGT".index(found[2] or " ") if found else 0
    )


def _shown(rate: float) -> str:
    power = min(3, max(1, int(math.log(rate, 1024)))) if rate >= 1 else 1
    return f"{rate / 1024**power:.2f}{' kMG'[power]}B/s"


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
    found: dict[str, dict[tuple[str, str], None]] = {}  # a second try tells of each again
    if b"ignoring unsafe symlink " not in stdout:  # as most say nothing of them
        return {}
    for match in re.finditer(_UNSAFE, stdout.decode("utf-8", "replace")):
        run_id, path = part.found(match["name"])
        if run_id in ids and len(of_run := found.setdefault(run_id, {})) < _MOST_LINKS:
            of_run[path, match["target"]] = None
    return {run_id: list(of_run) for run_id, of_run in found.items()}


def name_of(shown: bytes) -> str:
    """The name of a file that rsync shows."""
    if b"\\#" not in shown:  # as nearly all of thousands
        return os.fsdecode(shown)
    # What is no printable character is `\#012`, its number in octal.
    return os.fsdecode(re.sub(rb"\\#([0-7]{3})", lambda found: bytes([int(found[1], 8)]), shown))
