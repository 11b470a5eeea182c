"""The folder of a report: whose it is, what was written there, and how a page gets there whole."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from guild_sync.agent import forms
from guild_sync.agent.forms import Misread
from guild_sync.agent.protocol import RunId
from guild_sync.errors import Busy, GuildError, refused
from guild_sync.project.selecting import NO_COPY
from guild_sync.reports.rows import Row

MARK = ".guild-report.json"  # by which a folder is known to be a report's
_LOCK = ".guild-report.lock"
# What reports write, by the folder that it is in. All else there is somebody's, such as a page that
# keeps a web server from listing a folder, and stays.
_OWN = {
    "": re.compile(r"(?:(?:index|runs|compare)\.html|\.guild-report\.json|\.guild-nocopy)\Z"),
    "static": re.compile(r"report\.(?:css|js)\Z"),
    "runs": re.compile(r"[0-9a-f]{32}\.html\Z"),
    "operations": re.compile(r"(?:[a-z0-9-]{1,40}-)?[0-9a-f]{16}\.html\Z"),
}
_FOLDERS = ("static", "runs", "operations")
_UNFINISHED = re.compile(r"\.(.+)\.new\Z")
_WAIT = 120.0  # seconds; a report that waits for another waits no longer


class KeptRun(TypedDict):
    """A run as the last report has shown it. `seal` is empty where it may have changed since."""

    seal: str
    before: str
    row: Row


class KeptReport(TypedDict):
    """What is known of the pages in the folder: what they were made with, and of which runs."""

    version: str
    runs: dict[RunId, KeptRun]


class ReportFolder:
    """The folder of a report, held while it is written: see `held`."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.written = 0
        self.bytes = 0

    def known(self) -> KeptReport:
        """What the last report has left; nothing where that cannot be read."""
        try:
            return forms.read(KeptReport, json.loads((self.top / MARK).read_bytes()))
        except (OSError, ValueError, RecursionError, Misread):
            return {"version": "", "runs": {}}

    def keep(self, report: KeptReport) -> None:
        """Keep what is known of the pages, once all of them are there."""
        self._replace(MARK, json.dumps(report, separators=(",", ":")) + "\n")

    def put(self, path: str, text: str) -> int:
        """Have a page be there with this text; the bytes that were written, 0 for those it had."""
        data = text.encode("utf-8", "replace")
        with suppress(OSError):
            if os.path.getsize(self.top / path) == len(data) and (
                (self.top / path).read_bytes() == data
            ):
                return 0
        self._replace(path, text)
        return len(data)

    def count(self, written: int) -> None:
        """Count a page of which so many bytes were written, if any."""
        self.written += bool(written)
        self.bytes += written

    def leave_only(self, folder: str, names: Collection[str]) -> int:
        """Remove the pages of reports in a folder but those of these names; how many there were."""
        others = [
            entry.path
            for entry in os.scandir(self.top / folder)
            if _OWN[folder].match(entry.name)
            and entry.name not in names
            and not entry.is_dir(follow_symlinks=False)
        ]
        for path in others:
            os.unlink(path)
        return len(others)

    def clear(self) -> None:
        """Remove what killed reports had not finished writing."""
        for folder, own in _OWN.items():
            for entry in os.scandir(self.top / folder):
                found = _UNFINISHED.match(entry.name)
                if found and own.match(found[1]) and not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)

    def _replace(self, path: str, text: str) -> None:
        place = self.top / path
        new = place.with_name(f".{place.name}.new")  # the lock is ours: nobody else writes it
        # What is there has come since `clear`: it may be anybody's link.
        with open(new, "x", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        os.replace(new, place)


@contextmanager
def held(top: Path, on_wait: Callable[[str], None]) -> Iterator[ReportFolder]:
    """The folder of a report, made where it is not there, while no other guild writes it.

    Raises GuildError where it has something else in it, and Busy where another has it for long.
    """
    from filelock import FileLock, Timeout

    logging.getLogger("filelock").setLevel(logging.WARNING)
    found = ReportFolder(top)
    try:
        _refuse_others(top)
        top.mkdir(parents=True, exist_ok=True)
        lock = FileLock(top / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait(f"another guild writes the report {top}: waiting for it")
            lock.acquire(timeout=_WAIT)
        try:
            _claim(found)
            for name in _FOLDERS:
                if (top / name).is_symlink():  # pages there would be removed as if they were ours
                    raise GuildError(
                        f"{top / name} is a link, and was left as it is",
                        "Remove the link: a report has its pages in folders of its own.",
                    )
                (top / name).mkdir(exist_ok=True)
            found.clear()
            found.put(NO_COPY, "")  # it is no source code of a project that it is in
            yield found
        finally:
            lock.release()
    except Timeout:
        raise Busy(f"another guild writes the report {top}", "Try again when it is done.") from None
    except OSError as e:
        raise refused(e) from e


def _refuse_others(top: Path) -> None:
    """Raise GuildError where it is no folder, or has something else in it than a report.

    Another guild may be about to write its first report there.
    """
    if top.exists() and not top.is_dir():
        raise GuildError(f"{top} is not a folder", "Name a folder for the report.")
    if (top / _LOCK).is_symlink():
        raise GuildError(f"{top / _LOCK} is a link, and was left as it is", "Remove the link.")
    try:
        there = {entry.name for entry in os.scandir(top)} - {_LOCK, f".{MARK}.new"}
    except FileNotFoundError:
        return
    if there and not (top / MARK).is_file():
        raise GuildError(
            f"{top} has files in it that are of no report, and was left as it is",
            "Name a folder that is empty, or not there yet.",
        )


def _claim(folder: ReportFolder) -> None:
    """Make the folder a report's, unless it is one."""
    if not (folder.top / MARK).is_file():
        with suppress(FileNotFoundError):
            os.unlink(folder.top / f".{MARK}.new")
        folder.keep({"version": "", "runs": {}})
