"""What is in a folder of a run, reached by handles and through no link.

A run may come from a remote, and a link in it may lead to any other run. So whatever guild
itself opens, writes or removes in one is named by a folder that is no link, and a path in it
of which nothing may be one. The folder's own path may have links: a run may lie elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from contextlib import contextmanager
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

from ..errors import refuse_exhaustion
from ..protocol import Value

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
# Cheaper where a folder is only passed through, and all that it takes is the right to do so.
PASS = _FOLDER | getattr(os, "O_PATH", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
# What opening a link may be refused with, O_NOFOLLOW given: FreeBSD says EMLINK (open(2)).
_OF_LINK = (errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO, errno.EEXIST)


class Linked(OSError):
    """What was to be opened is a link."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ELOOP, "guild follows no link in a run", path)


def opened(path: str, within: Optional[int] = None, flags: int = PASS) -> int:
    """A handle on a folder, which the caller closes.

    Raises Linked where it is a link, and AgentError where there is no room for a handle:
    whoever takes an OSError for "it is not there" would then say what is not true.
    """
    try:
        return os.open(path, flags, dir_fd=within)
    except OSError as e:
        raise _explained(e, path, within) from None


def _explained(error: OSError, path: str, within: Optional[int]) -> OSError:
    refuse_exhaustion(error)
    if error.errno in _OF_LINK:
        try:
            if modes.S_ISLNK(os.stat(path, dir_fd=within, follow_symlinks=False).st_mode):
                return Linked(path)
        except OSError:
            pass
    error.filename = path
    return error


class holding:
    """A handle on the folder in which `name`, a path in `folder`, is; and its name there.

    With `make`, the folders on the way are made. A class, as a copy does this a thousand times.
    """

    def __init__(self, folder: str, name: str, make: bool = False) -> None:
        *above, self._base = name.split("/")
        self._handle = opened(folder)
        try:
            for part in above:
                if make:
                    _made(part, self._handle)
                inner = opened(part, self._handle)
                os.close(self._handle)
                self._handle = inner
        except BaseException:
            os.close(self._handle)
            raise

    def __enter__(self) -> Tuple[int, str]:
        return self._handle, self._base

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _made(name: str, within: int) -> None:
    try:
        os.mkdir(name, dir_fd=within)
    except FileExistsError:
        pass


def open_file(folder: str, name: str, flags: int = READ, mode: int = 0o644) -> int:
    """A descriptor of the file `name`, a path in `folder`. Raises Linked as `opened` does.

    To be READ it is a file, or a folder: a pipe has no bytes by now, and no place in them.
    """
    with holding(folder, name) as (handle, base):
        try:
            fd = os.open(base, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=handle)
        except OSError as e:
            raise _explained(e, os.path.join(folder, name), None) from None
    if flags == READ:
        found = os.fstat(fd).st_mode
        if not modes.S_ISREG(found) and not modes.S_ISDIR(found):
            os.close(fd)
            raise OSError(errno.EINVAL, "it is no file", os.path.join(folder, name))
    return fd


def create(folder: str, name: str, mode: int = 0o644, replace: bool = True) -> int:
    """A descriptor of a new file, in place of the file or link that was there before.

    Unless it is to `replace` that: then it raises FileExistsError.
    """
    with holding(folder, name, make=True) as (handle, base):
        if replace:
            remove_at(handle, base)
        return os.open(base, _NEW, mode, dir_fd=handle)


def read(folder: str, name: str, most: int) -> bytes:
    """The first `most` bytes of a file."""
    with os.fdopen(open_file(folder, name), "rb") as f:
        return f.read(most)


def read_json(folder: str, name: str, most: int) -> Value:
    """The value that a file of at most `most` bytes holds; None where it cannot be read as one."""
    try:
        text = read(folder, name, most)
    except OSError:
        return None
    from .. import json_text  # few runs of a listing have such a file

    try:
        found: Value = json_text.read(text)
    except ValueError:
        return None
    return found


def read_mapping(folder: str, name: str, most: int) -> Dict[str, Value]:
    """The mapping that such a file holds; an empty one where it has none."""
    found = read_json(folder, name, most)
    return found if isinstance(found, dict) else {}


def status(folder: str, name: str) -> Optional[os.stat_result]:
    """What a file or folder is, or the link that is there; None where there is nothing."""
    try:
        with holding(folder, name) as (handle, base):
            return status_at(handle, base)
    except OSError:
        return None


def status_at(handle: int, name: str) -> Optional[os.stat_result]:
    """As `status`, of what is in an open folder."""
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return None


def statuses(folder: str, names: Iterable[str]) -> Iterator[Tuple[str, Optional[os.stat_result]]]:
    """Each of the names, and as `status`; nothing is what is no path.

    A folder is opened once for those of its files that follow each other.
    """
    above: Optional[str] = None
    handle: Optional[int] = None
    try:
        for name in names:
            before, _, base = name.rpartition("/")
            found = None
            try:
                if before != above:
                    if handle is not None:
                        os.close(handle)
                    above, handle = before, None
                    with holding(folder, name) as (held, _):
                        handle = os.dup(held)
                if handle is not None:
                    found = status_at(handle, base)
            except (OSError, ValueError):
                pass
            yield name, found
    finally:
        if handle is not None:
            os.close(handle)


def exists(folder: str, name: str) -> bool:
    return status(folder, name) is not None


def is_folder(folder: str, name: str = ".") -> bool:
    """Whether it is a folder, and no link to one."""
    found = status(folder, name)
    return found is not None and modes.S_ISDIR(found.st_mode)


def names(folder: str, name: str = ".") -> List[str]:
    """The names of all that is in a folder."""
    with holding(folder, name) as (handle, base):
        inner = opened(base, handle, _FOLDER)
    try:
        return os.listdir(inner)
    finally:
        os.close(inner)


def walk(top: str) -> Iterator[Tuple[str, List[str], List[str]]]:
    """As os.walk, for folders of any depth: up to Python 3.11 that calls itself."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        folders: List[str] = []
        files: List[str] = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    (folders if _leads_to_folder(entry) else files).append(entry.name)
        except OSError as e:
            refuse_exhaustion(e)
            continue  # it went while we looked, or may not be read
        yield folder, folders, files
        below = [os.path.join(folder, name) for name in reversed(folders)]
        waiting += [path for path in below if not os.path.islink(path)]


def _leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes round
        return False


def bytes_of(path: str) -> int:
    """The bytes of a file, or of all files in a folder: of those that can be looked at."""
    total = 0 if os.path.isdir(path) else _size_of(path)
    for folder, _, files in walk(path):
        total += sum(_size_of(os.path.join(folder, name)) for name in files)
    return total


def _size_of(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # it went while we looked, or has too long a path
        return 0


def make(folder: str, name: str) -> None:
    """Make a folder, and those that it is in, where they are not there yet."""
    with holding(folder, name + "/.", make=True):
        pass


def set_mode(folder: str, name: str, mode: int) -> None:
    """Give a folder in `folder` this mode."""
    with holding(folder, name) as (handle, base):
        inner = opened(base, handle, _FOLDER)
    try:
        os.fchmod(inner, mode)
    finally:
        os.close(inner)


def remove(folder: str, name: str) -> None:
    """Remove a file, or a link itself; nothing where there is none."""
    try:
        with holding(folder, name) as (handle, base):
            remove_at(handle, base)
    except FileNotFoundError:
        pass


def remove_at(handle: int, name: str) -> None:
    """As `remove`, of what is in an open folder."""
    try:
        os.unlink(name, dir_fd=handle)
    except FileNotFoundError:
        pass


def move(folder: str, name: str, to: str) -> None:
    """Move a file, or a link itself, to another path in the folder; where none is, a new one."""
    with holding(folder, name) as (source, old), holding(folder, to, make=True) as (target, new):
        try:
            os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        except FileNotFoundError:
            os.close(os.open(new, _NEW, 0o644, dir_fd=target))


_put_off: List[bool] = []  # once for each `flushed_together` that this process is in


def write(
    handle: int, name: str, content: Union[str, Iterable[bytes]], flushed: bool, mode: int = 0o666
) -> None:
    """Write a file in an open folder so that a reader, or a crash, sees all of it or nothing.

    With `flushed` it is on the disk then, and so is its name.
    """
    with _written(handle, name, content, flushed, mode) as temporary:
        os.replace(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
    if flushed:
        _flush_folder(handle)


def write_first(folder: str, name: str, text: str) -> bool:
    """Write a file as `write` does, unless there is one already; whether it was written.

    Of several who do so at once, on whichever machines, one alone is told so: link(2) is done
    once, on file systems too where making a file is not.
    """
    with holding(folder, name) as (handle, base):
        with _written(handle, base, text, True) as temporary:
            try:
                os.link(temporary, base, src_dir_fd=handle, dst_dir_fd=handle)
                is_first = True
            except FileExistsError:  # also where the answer to the first try was lost
                is_first = os.stat(temporary, dir_fd=handle).st_nlink > 1
            remove_at(handle, temporary)
        if is_first:
            _flush_folder(handle)
        return is_first


@contextmanager
def _written(
    handle: int, name: str, content: Union[str, Iterable[bytes]], flushed: bool, mode: int = 0o666
) -> Iterator[str]:
    """The name of a temporary file with this content, which goes where it cannot be used."""
    parts = [content.encode("utf-8", "surrogateescape")] if isinstance(content, str) else content
    # A name that no attribute has and nobody can foresee; with whose number it is, for a kill
    # may leave it (`remove_unfinished`).
    temporary = ".%s.%s.%d" % (name, os.urandom(8).hex(), os.getpid())
    try:
        fd = os.open(temporary, _NEW, mode, dir_fd=handle)
        try:
            for data in parts:
                while data:
                    data = data[os.write(fd, data) :]
            if flushed and not _put_off:
                os.fsync(fd)
        finally:
            os.close(fd)
        yield temporary
    except OSError:
        try:
            os.unlink(temporary, dir_fd=handle)
        except OSError:
            pass
        raise


def _flush_folder(handle: int) -> None:
    if _put_off:
        return
    inner = os.open(".", _FOLDER, dir_fd=handle)
    try:
        os.fsync(inner)
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot do it
            raise
    finally:
        os.close(inner)


def flush_folder(path: str) -> None:
    """Have the names in a folder be on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        _flush_folder(handle)
    finally:
        os.close(handle)


def flush(paths: Iterable[str]) -> None:
    """Have all that was written to the file systems of these folders be on their disks.

    One call a file system, however many files: fsync of each would cost some ms a file.
    """
    if _put_off:
        return
    seen: Dict[int, str] = {}
    for path in paths:
        seen.setdefault(os.stat(path).st_dev, path)
    for path in seen.values():
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            flush_disk(handle, path)
        finally:
            os.close(handle)


@contextmanager
def flushed_together(paths: Iterable[str]) -> Iterator[None]:
    """Have what is written meanwhile be on the disks of these folders at the end, and not before.

    For many runs at once: each has a dozen files that are flushed by themselves otherwise.
    """
    _put_off.append(True)
    try:
        yield
    finally:
        _put_off.pop()
    flush(paths)


def flush_disk(handle: int, path: str) -> None:
    """Have all that was written to the file system of an open file, `path`, be on its disk."""
    try:
        import ctypes  # rarely needed, and some Pythons are built without it

        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):
        os.sync()  # all file systems: that of no libc but glibc, musl and bionic alone
        return
    if syncfs(handle) != 0:
        number = ctypes.get_errno()
        if number == errno.ENOSYS:
            os.sync()
        else:
            raise OSError(number, os.strerror(number), path)
