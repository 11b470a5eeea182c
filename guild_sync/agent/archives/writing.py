"""Runs put into an archive, which is there whole once all of them are, or stays as it was."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import stat
import tarfile
import time
import zipfile
from contextlib import ExitStack, contextmanager
from typing import IO, Iterator, NamedTuple, Optional, Protocol, Set, Tuple

from .. import trees
from ..errors import AgentError
from ..protocol import RUN_ID
from ..store import inside, rundir
from . import members, zstd

# A folder with this file is no source code, for Guild AI neither: one of nothing but runs gets it.
_NO_SOURCE = ".guild-nocopy"
_UNFINISHED = ".guild-export-"
_CHUNK = 1 << 20


class Piece(NamedTuple):
    """A file, folder or link that goes into an archive; `target` is where a link leads."""

    path: str
    status: os.stat_result
    target: str = ""

    @property
    def kind(self) -> str:
        return members.kind_of_mode(self.status.st_mode)

    @property
    def mode(self) -> int:
        """Of a folder, which is to be filled, one with which its owner can do that."""
        own = 0o700 if self.kind == members.FOLDER else 0
        return self.status.st_mode & 0o777 | own


class Writer(Protocol):
    """An archive that is being written."""

    def add(self, item: Piece, content: Optional[IO[bytes]] = None) -> None:
        """Put in a folder or a link, or a file with its content."""


@contextmanager
def writing(path: str, kind: str, ids: Set[str]) -> Iterator[Writer]:
    """Takes what is to be added to an archive; on the disk and in its place at the end.

    `ids` are the runs that it is to have more, afterwards. One guild at a time writes into a
    folder's archives. Raises AgentError where another does, or has changed it meanwhile.
    """
    path = os.path.realpath(path)  # it may be a link to an archive on another disk
    above, name = os.path.split(path)
    if not os.path.isdir(above):
        raise AgentError("%s is no folder" % rundir.shown(above), "Make it first.")
    if kind == members.PLAIN:
        os.makedirs(path, exist_ok=True)
        with _alone(path), _new_folder(path) as folder:
            yield _Folder(folder)
            _settle(folder, path, ids)
        return
    with _alone(above), _new_folder(above, "%s-" % name) as folder, ExitStack() as stack:
        before = _stamp(path)
        made = os.path.join(folder, name)
        if kind == members.TAR_ZST:
            yield stack.enter_context(_tar_zst(path if before else "", made))
        else:
            if before:
                shutil.copyfile(path, made)
            opened = _zip if kind == members.ZIP else _tar
            yield stack.enter_context(opened(made))
        stack.close()
        if _stamp(path) != before:
            raise AgentError("%s has changed meanwhile" % rundir.shown(path), "Export again.")
        if before:
            shutil.copymode(path, made)
        _flush_file(made)
        os.replace(made, path)
        inside.flush_folder(above)


def clear(path: str, kind: str) -> None:
    """Remove what killed exports have left where an archive is written."""
    path = os.path.realpath(path)
    with _alone(path if kind == members.PLAIN else os.path.dirname(path)):
        pass


def _stamp(path: str) -> Optional[Tuple[int, int, int]]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Be the only guild that writes archives into a folder; what killed ones left there goes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AgentError(
                "another guild is writing an archive in %s" % rundir.shown(folder),
                "Try again when it is done.",
            ) from None
        except OSError:  # a file system without flock
            yield
            return
        for name in os.listdir(folder):
            if name.startswith(_UNFINISHED):
                trees.remove_tree(os.path.join(folder, name))
        yield
    finally:
        os.close(handle)


@contextmanager
def _new_folder(above: str, name: str = "") -> Iterator[str]:
    folder = unfinished(above, name)
    os.mkdir(folder, 0o700)
    try:
        yield folder
    finally:
        trees.remove_tree(folder)


def unfinished(above: str, name: str = "") -> str:
    """A new path in a folder for what the next `clear` removes where a kill leaves it."""
    return os.path.join(above, _UNFINISHED + name[:100] + os.urandom(8).hex())


def _flush_file(path: str) -> None:
    with open(path, "rb") as f:
        os.fsync(f.fileno())


# ---- a folder


class _Folder:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def add(self, item: Piece, content: Optional[IO[bytes]] = None) -> None:
        path = os.path.join(self._folder, item.path)
        if item.kind == members.FOLDER:
            os.mkdir(path)
            os.chmod(path, item.mode)
            return
        if item.kind == members.LINK:
            os.symlink(item.target, path)
            return
        with open(path, "xb") as f:
            shutil.copyfileobj(_content(item, content), f, _CHUNK)
            f.flush()
            os.fchmod(f.fileno(), item.mode)
            os.utime(f.fileno(), ns=(item.status.st_mtime_ns, item.status.st_mtime_ns))


def _settle(folder: str, path: str, ids: Set[str]) -> None:
    inside.flush([folder])
    for run_id in sorted(ids):
        os.rename(os.path.join(folder, run_id), os.path.join(path, run_id))
    if all(RUN_ID.match(name) or name.startswith(".guild-") for name in os.listdir(path)):
        with open(os.path.join(path, _NO_SOURCE), "ab"):
            pass
    inside.flush_folder(path)


# ---- zip


@contextmanager
def _zip(path: str) -> Iterator[Writer]:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        yield _Zip(archive)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, item: Piece, content: Optional[IO[bytes]] = None) -> None:
        name = item.path + ("/" if item.kind == members.FOLDER else "")
        seconds = int(item.status.st_mtime)
        local = time.localtime(min(max(seconds, 315619200), 4354732800))[:6]  # 1980 to 2107
        info = zipfile.ZipInfo(name, local)
        info.create_system = 3  # Unix, whose modes follow
        info.external_attr = (stat.S_IFMT(item.status.st_mode) | item.mode) << 16
        info.extra = members.unix_time(seconds)
        info.compress_type = zipfile.ZIP_DEFLATED
        if item.kind == members.FOLDER:
            info.external_attr |= 0x10
            self._archive.writestr(info, b"")
        elif item.kind == members.LINK:
            self._archive.writestr(info, os.fsencode(item.target))
        else:
            info.file_size = item.status.st_size
            with self._archive.open(info, "w") as f:
                shutil.copyfileobj(_content(item, content), f, _CHUNK)


# ---- tar


@contextmanager
def _tar(path: str) -> Iterator[Writer]:
    with tarfile.open(
        path, "a", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        yield _Tar(archive)


@contextmanager
def _tar_zst(before: str, path: str) -> Iterator[Writer]:
    """A packed archive; what was in the one `before` is unpacked, and packed once more."""
    if not before:
        with zstd.packing(path) as f, _tar_stream(f) as writer:
            yield writer
        return
    plain = path + ".tar"
    with zstd.unpacked(before) as packed, open(plain, "xb") as f:
        shutil.copyfileobj(packed, f, _CHUNK)
    with _tar(plain) as writer:
        yield writer
    with zstd.packing(path) as stream, open(plain, "rb") as f:
        shutil.copyfileobj(f, stream, _CHUNK)


@contextmanager
def _tar_stream(f: IO[bytes]) -> Iterator[Writer]:
    with tarfile.open(
        fileobj=f,
        mode="w|",
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        yield _Tar(archive)


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def add(self, item: Piece, content: Optional[IO[bytes]] = None) -> None:
        info = tarfile.TarInfo(item.path)
        info.mode = item.mode
        at = item.status.st_mtime_ns
        info.mtime = max(at // 10**9, 0)
        if at > 0:
            info.pax_headers = {"mtime": "%d.%09d" % divmod(at, 10**9)}
        if item.kind == members.FOLDER:
            info.type = tarfile.DIRTYPE
        elif item.kind == members.LINK:
            info.type, info.linkname = tarfile.SYMTYPE, item.target
        else:
            info.size = item.status.st_size
        is_file = item.kind == members.FILE
        self._archive.addfile(info, _content(item, content) if is_file else None)
        vars(self._archive)["members"].clear()  # it keeps all that it has seen


def _content(item: Piece, content: Optional[IO[bytes]]) -> _Exact:
    return _Exact(content or io.BytesIO(), item.status.st_size)


class _Exact(io.RawIOBase):
    """So many bytes: a file may grow, or be cut, while it is read."""

    def __init__(self, f: IO[bytes], size: int) -> None:
        self._f = f
        self._left = size

    def read(self, size: int = -1) -> bytes:
        most = self._left if size < 0 else min(size, self._left)
        data = self._f.read(most) or bytes(most)
        self._left -= len(data)
        return data
