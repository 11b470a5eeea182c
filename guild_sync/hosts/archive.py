"""An archive of runs as a host: what lists and shows runs is asked of it as of any other."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import TypeVar

from guild_sync.agent import protocol
from guild_sync.agent.catalog import trash
from guild_sync.agent.protocol import Filters
from guild_sync.config import limits
from guild_sync.errors import GuildError
from guild_sync.hosts.agent import OnBytes
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
        atexit.register(trash.remove_tree, home)
        super().__init__(home)
        self.contents = self.look_into(self.file)

    def answered(self, answer: T) -> T:
        rows = answer["runs"] if isinstance(answer, dict) and "runs" in answer else answer
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict) and "run_dir" in row:
                row["run_dir"] = os.path.join(self.file, os.path.basename(row["run_dir"]))
        return answer

    def list_files(
        self,
        run: str,
        filters: Filters | None = None,
        pattern: str | None = None,
        kind: str | None = None,
        everything: bool = False,
        follow: bool = False,
    ) -> protocol.Files:
        for found in self.choose(specs=[run], filters=filters):
            self.fill_listed(self.file, found["id"])
        return super().list_files(run, filters, pattern, kind, everything, follow)

    def cat(
        self,
        on_bytes: OnBytes,
        run: str,
        path: str,
        filters: Filters | None = None,
        sourcecode: bool = False,
    ) -> None:
        for found in self.choose(specs=[run], filters=filters):
            self._unpack(found["id"], path)
        super().cat(on_bytes, run, path, filters, sourcecode)

    def archive(
        self, on_bytes: OnBytes, run: str, pattern: str | None = None, kind: str | None = None
    ) -> protocol.Sent:
        self._unpack(run, pattern or "")
        return super().archive(on_bytes, run, pattern, kind)

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
