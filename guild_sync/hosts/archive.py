"""An archive of runs as a host: what lists and shows runs is asked of it as of any other."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from typing import TypeVar

from guild_sync.agent import protocol, trees
from guild_sync.agent.protocol import Filters
from guild_sync.config import limits
from guild_sync.errors import GuildError
from guild_sync.hosts.agent import OnBytes
from guild_sync.hosts.local import LocalHost
from guild_sync.output import formats, terminal

T = TypeVar("T")
_HOME = "guild-archive-"  # what its guild home is called, beside other temporary files


class ArchiveHost(LocalHost):
    """The runs of an archive, in a guild home that is made of it, and goes with this process.

    What its files hold is put there once it is asked for.
    """

    def __init__(self, file: str) -> None:
        """Raises GuildError for what is no archive."""
        if not os.path.exists(file):
            raise GuildError(f"there is no archive {terminal.clean(file)!r}")
        self.file = os.path.abspath(file)
        _remove_left()
        super().__init__(_new_home())
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


def _new_home() -> str:
    """A folder that goes with this process, which holds it until then."""
    while True:
        home = tempfile.mkdtemp(prefix=_HOME)
        try:
            is_held = _hold(home) is not None
        except OSError:  # a file system without flock: nobody takes it for one that was left
            is_held = True
        if is_held:
            atexit.register(trees.remove_tree, home)
            return home


def _remove_left() -> None:
    """Remove the folders of processes that were killed: nobody holds them."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as found:
        left = [entry.path for entry in found if entry.name.startswith(_HOME)]
        for path in left:
            with suppress(OSError):
                handle = _hold(path)
                if handle is not None:
                    trees.remove_tree(path)
                    os.close(handle)


def _hold(path: str) -> int | None:
    """A handle by which this process alone holds a folder of its user's; None where it cannot.

    Raises OSError where nobody can.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(handle)
        is_there = os.path.samestat(found, os.stat(path, follow_symlinks=False))
        if is_there and found.st_uid == os.geteuid():
            return handle
    except (BlockingIOError, FileNotFoundError):  # another holds it, or has removed it
        pass
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None
