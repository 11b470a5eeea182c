"""What an archive holds, member by member, each checked: its maker is not trusted."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from typing import IO, Callable, Iterator, NamedTuple, Optional, Tuple

from ..errors import AgentError
from ..protocol import RUN_ID
from ..store import inside, rundir
from . import zstd

FILE, FOLDER, LINK, HARD_LINK, OTHER = "file", "folder", "link", "hard link", "other"

ZIP, TAR, TAR_ZST, PLAIN = ".zip", ".tar", ".tar.zst", "folder"
_UNKNOWN = (
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
    ".tzst",
    ".zst",
    ".7z",
    ".rar",
)

# What tarfile, zipfile and those that unpack for them raise for what makes no sense, or is cut.
_NO_SENSE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, LookupError, ArithmeticError, TypeError,
)  # fmt: skip
# Theirs that are of no class of those, from modules that some Pythons are built without.
_OF_UNPACKERS = ("LZMAError", "ZstdError")
_MOST_HEADER = 1 << 22  # bytes that the headers of one member may have
_MOST_TARGET = 4096  # bytes of where a link leads, as the kernel has it
_ENDLESS = 1 << 62
_CHUNK = 1 << 20
_MOST_PADDING = 1 << 26  # bytes behind the end of an archive that are looked at
_UNIX_TIME = 0x5455  # of a zip's member, in whole seconds; its own are two apart, in no time zone


class Member(NamedTuple):
    """A file, folder or link of an archive, which is to be looked at before the next one is.

    `path` is relative, and without `..`. `time` is in nanoseconds since 1970, None where there is
    no sense in it. `target` is where a link leads, as it stands there.
    """

    path: str
    kind: str
    size: int
    mode: int
    time: Optional[int]
    target: str
    content: Callable[[], IO[bytes]]


def kind_of(path: str) -> str:
    """What an archive is: a folder that is there, and else what its name says.

    Raises AgentError for a file that is none by its name, and for a name of what guild knows not.
    """
    name = path.lower()
    if os.path.isdir(path):
        return PLAIN
    if os.path.lexists(path) and not os.path.isfile(path):  # a pipe, say, which can be read once
        raise AgentError("%s is neither a file nor a folder" % rundir.shown(path))
    for kind in (ZIP, TAR, TAR_ZST):
        if name.endswith(kind):
            return kind
    if name.endswith(_UNKNOWN) or os.path.lexists(path):
        raise AgentError(
            "%s is no kind of archive that guild knows" % rundir.shown(os.path.basename(path)),
            "Give a folder, or a name that ends with .zip, .tar or .tar.zst.",
        )
    return PLAIN


@contextmanager
def making_sense(path: str, verb: str = "unpack") -> Iterator[None]:
    """Raises AgentError, of one line, where an archive is none, or is cut: `cannot VERB it`."""
    shown = rundir.shown(os.path.basename(path))
    try:
        yield
    except Outside as e:
        raise AgentError(
            "the archive %s has a file outside itself: %s" % (shown, rundir.shown(e.name))
        ) from None
    except _NO_SENSE as e:
        why = str(e).split("\n")[0].replace("\0", "?") or "it is none"
        raise AgentError("cannot %s %s: %s" % (verb, shown, why)) from None
    except OSError as e:  # bz2's too
        raise AgentError("cannot %s %s: %s" % (verb, shown, e.strerror or e)) from None
    except Exception as e:
        if type(e).__name__ not in _OF_UNPACKERS:
            raise
        raise AgentError("cannot %s %s: %s" % (verb, shown, e)) from None


class Outside(Exception):
    """A member would be outside of the folder that the archive is unpacked in."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def checked(name: str) -> str:
    """The path of a member, relative and plain; raises Outside for one that leads out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Outside(name)
    return "/".join(parts)


def of_runs(path: str) -> Iterator[Member]:
    """The members of an archive of runs of any kind; one that is cut raises an error at the end."""
    kind = kind_of(path)
    if kind == PLAIN:
        yield from of_folder(path)
    elif kind == ZIP:
        yield from of_zip(path)
    elif kind == TAR:
        with open(path, "rb") as f:
            yield from of_tar(f, is_whole=True)
    else:
        with zstd.unpacked(path) as stream:
            yield from of_tar(stream, is_whole=True, is_stream=True)


# ---- zip


def of_zip(path: str) -> Iterator[Member]:
    """The members of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            yield _of_zip(archive, info)


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    kind = FOLDER if info.is_dir() else kind_of_mode(mode or stat.S_IFREG)
    opened = partial(archive.open, info)
    target = ""
    if kind == LINK:
        with opened() as f:
            target = os.fsdecode(f.read(_MOST_TARGET))
    return Member(
        checked(info.filename),
        kind,
        info.file_size if kind == FILE else 0,
        stat.S_IMODE(mode) or (0o755 if kind == FOLDER else 0o644),
        _time_in_zip(info),
        target,
        opened,
    )


def kind_of_mode(mode: int) -> str:
    """What it is that has this mode."""
    kinds = {0: FILE, stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}
    return kinds.get(stat.S_IFMT(mode), OTHER)


def _time_in_zip(info: zipfile.ZipInfo) -> Optional[int]:
    extra = info.extra
    while len(extra) >= 9:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _UNIX_TIME and extra[4] & 1:
            return int(struct.unpack("<i", extra[5:9])[0]) * 10**9
        extra = extra[4 + length :]
    try:
        return int(time.mktime((*info.date_time, 0, 0, -1))) * 10**9
    except (ValueError, OverflowError):
        return None


def unix_time(seconds: int) -> bytes:
    """The time of a zip's member as that has it; nothing for what it cannot have."""
    if not -(1 << 31) <= seconds < 1 << 31:
        return b""
    return struct.pack("<HHBi", _UNIX_TIME, 5, 1, seconds)


# ---- tar


def of_tar(f: IO[bytes], is_whole: bool = False, is_stream: bool = False) -> Iterator[Member]:
    """The members of a tar archive, as bytes that are not packed.

    Where it `is_whole`, an archive without its end was cut. `is_stream`: it is read once.
    """
    meter = _Meter(f, is_stream)
    with tarfile.open(
        fileobj=meter,
        mode="r|" if is_stream else "r:",
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        yield from of_open_tar(archive, meter, is_whole)


def of_open_tar(
    archive: tarfile.TarFile, meter: Optional[_Meter] = None, is_whole: bool = False
) -> Iterator[Member]:
    """As `of_tar`, of an archive that tarfile reads by itself."""
    end = 0
    while True:
        if meter:
            meter.left = _MOST_HEADER
        info = archive.next()
        if info is None:
            break
        # A size below zero leads back, perhaps for ever.
        if info.size < 0 or archive.offset <= end:
            raise tarfile.TarError("%r has no size" % info.name)
        end = archive.offset
        if meter:
            meter.left = _ENDLESS
        yield _of_tar(archive, info)
        if meter and meter.is_stream:
            _pass(archive, end)
        vars(archive)["members"].clear()  # it keeps all that it has seen
    if is_whole and archive.fileobj is not None and archive.fileobj.tell() <= archive.offset:
        raise EOFError("it is cut short")


def read_padding(archive: tarfile.TarFile) -> None:
    """Read what is behind the end of an archive: what unpacks it says there what was wrong."""
    f, left = archive.fileobj, _MOST_PADDING
    while f is not None and left > 0 and (chunk := f.read(min(left, _CHUNK))):
        left -= len(chunk)


def _pass(archive: tarfile.TarFile, end: int) -> None:
    """Go to the end of a member in what can be read only once: not all at a time."""
    f = archive.fileobj
    while f is not None and f.tell() < end and f.read(min(end - f.tell(), _CHUNK)):
        pass


def _of_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    kind = OTHER
    if info.isreg() and not info.issparse():  # a sparse one may be of any size
        kind = FILE
    elif info.isdir():
        kind = FOLDER
    elif info.issym():
        kind = LINK
    elif info.islnk():
        kind = HARD_LINK

    def opened() -> IO[bytes]:
        return archive.extractfile(info) or io.BytesIO()

    return Member(
        checked(info.name),
        kind,
        info.size if kind == FILE else 0,
        stat.S_IMODE(info.mode),
        _time_in_tar(info),
        info.linkname if kind in (LINK, HARD_LINK) else "",
        opened,
    )


def _time_in_tar(info: tarfile.TarInfo) -> int:
    exact = re.fullmatch(r"([0-9]{1,11})\.([0-9]{9})", info.pax_headers.get("mtime", ""))
    if exact:
        return int(exact[1] + exact[2])
    return int(info.mtime * 1e9) if isinstance(info.mtime, float) else info.mtime * 10**9


class _Meter(io.RawIOBase):
    """A file, of which so many bytes may be read: headers can say that they are of any size."""

    def __init__(self, f: IO[bytes], is_stream: bool) -> None:
        self._f = f
        self.is_stream = is_stream
        self.left = _MOST_HEADER

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self.is_stream

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self.left:
            size = self.left + 1
        data = self._f.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError("its headers are too large")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._f.seek(offset, whence)

    def tell(self) -> int:
        return self._f.tell()


# ---- a folder


def of_folder(top: str) -> Iterator[Member]:
    """What is in a folder of runs, through no link; of what is no run its name alone."""
    top = os.path.realpath(top)  # that itself may be a link: its user has named it
    with os.scandir(top) as found:
        names = sorted(entry.name for entry in found)
    for name in names:
        member = _at(top, name)
        if of_run(member)[0]:
            yield from at(top, name)
        else:
            yield member


def at(top: str, path: str) -> Iterator[Member]:
    """What is at a path in a folder, and below it; a folder before what is in it."""
    waiting = [path]
    while waiting:
        member = _at(top, waiting.pop())
        yield member
        if member.kind == FOLDER:
            names = sorted(inside.names(top, member.path), reverse=True)
            waiting += ["%s/%s" % (member.path, name) for name in names]


def _at(top: str, path: str) -> Member:
    with inside.holding(top, path) as (handle, base):
        status = os.stat(base, dir_fd=handle, follow_symlinks=False)
        kind = kind_of_mode(status.st_mode)
        target = os.readlink(base, dir_fd=handle) if kind == LINK else ""

    def opened() -> IO[bytes]:
        f = os.fdopen(inside.open_file(top, path), "rb")
        if not stat.S_ISREG(os.fstat(f.fileno()).st_mode):
            f.close()
            raise EOFError("%s has changed meanwhile" % rundir.shown(path))
        return f

    size = status.st_size if kind == FILE else 0
    return Member(
        path, kind, size, stat.S_IMODE(status.st_mode), status.st_mtime_ns, target, opened
    )


def of_run(member: Member) -> Tuple[str, str]:
    """The run that a member is of, and its path there; two empty texts where it is of none."""
    run_id, _, path = member.path.partition("/")
    return (run_id, path) if RUN_ID.match(run_id) else ("", "")
