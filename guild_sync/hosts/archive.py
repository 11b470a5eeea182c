"""An archive of runs as a host: what lists and shows runs is asked of it as of any other."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import TypeVar

from guild_sync.agent.calls import Function, Functions, Stream
from guild_sync.config import limits
from guild_sync.errors import GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.output import formats, terminal

T = TypeVar("T")


class ArchiveHost(LocalHost):
    """The runs of an archive, in a guild home that is made of it, and goes with this process.

    What its files hold is put there once it is asked for.
    """

    def __init__(self, file: str) -> None:
        """Raises GuildError for what is no archive."""
        if not os.path.exists(file):
            raise GuildError(f"there is no archive {terminal.clean(file)!r}")
        self.file = os.path.abspath(file)
        home = tempfile.mkdtemp(prefix="guild-archive-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        super().__init__(home)
        self.contents = self.look_into(self.file)

    def answered(self, answer: T) -> T:
        rows = answer["runs"] if isinstance(answer, dict) and "runs" in answer else answer
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict) and "run_dir" in row:
                row["run_dir"] = os.path.join(self.file, os.path.basename(row["run_dir"]))
        return answer

    def ask(self, function: Function[T], **args: object) -> T:
        if function.name == Functions.list_files.name:
            for run_id in self._meant(args):
                self.fill_listed(self.file, run_id)
        return super().ask(function, **args)

    def stream(
        self, function: Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        if function.name == Functions.cat.name:
            for run_id in self._meant(args):
                self._unpack(run_id, str(args["path"]))
        elif function.name == Functions.archive.name:
            self._unpack(str(args["run"]), str(args["pattern"] or ""))
        return super().stream(function, on_packet, **args)

    def _meant(self, args: Mapping[str, object]) -> list[str]:
        """The ids of the runs that a request means."""
        found = self.ask(Functions.choose, specs=[args["run"]], filters=args["filters"])
        return [picked["id"] for picked in found]

    def _unpack(self, run_id: str, path: str) -> None:
        """Have what is at a path of a run be there; a link may lead anywhere in the run."""
        below = ".guild" if path.startswith(".guild/") else ""
        needed = 0 if below else self.contents["runs"][run_id]["bytes"]
        if needed > shutil.disk_usage(self.home).free - limits.keep_free():
            raise GuildError(
                f"there is no room in {tempfile.gettempdir()} for {formats.size(needed)}",
                "TMPDIR names another folder for temporary files.",
            )
        self.fill_listed(self.file, run_id, below)
