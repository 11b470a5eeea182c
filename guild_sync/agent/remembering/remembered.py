"""What was read of runs, kept beside the inode and the change time of what it was read from.

It is a file of the guild home, replaced as a whole, and taken only where it is whole and this
user's. A change time (ctime) tells of every change of a file, by whatever program, as long as no
time comes twice and all changes are this kernel's. So the file counts for nothing once the machine
has started again, as a power cut may leave other files than there were, or once its clock was set;
and there is none on a file system on which others make changes, too.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from array import array
from typing import BinaryIO, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple
from zlib import crc32

from ..errors import refuse_exhaustion
from ..store import identity, inside, rundir

_FOLDER = "cache"
LISTING, SCALARS, EVENTLESS = "listing", "figures", "eventless"
_NAME = "%s-%d"  # the user: each trusts what they have written themselves
# And what a kill has left of one.
_KEPT = re.compile(r"\.?(listing|figures|eventless)-[0-9]+(\.|\Z)")
_VERSION = 2
_MAX_BYTES = 1 << 28
_MAX_HEADER = 1 << 12
_MAX_TEXT = 512  # characters; operations of guild take far fewer
_MAX_TEXTS = 10_000
# A file may change again without another time for so long after it has changed.
_TICK = 2_000_000_000  # nanoseconds
_STEP = 0.1  # seconds by which a clock was set; one that goes faster for a while makes no step
# File systems whose changes are all made by this kernel, and by its clock.
_LOCAL = {
    "bcachefs",
    "btrfs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "jfs",
    "overlay",
    "tmpfs",
    "xfs",
    "zfs",
}


class Form(NamedTuple):
    """What a table has of each run: so many things, each with a value."""

    values: str  # the type code of each
    most: Dict[int, int]  # the highest value of some; the lowest is 0
    texts: Tuple[int, ...]  # those whose values are places among the texts
    order: int  # the one by which rows are kept, the highest first; -1: as they are
    longest: int = _MAX_TEXT  # characters of a text


class Table:
    """What is known of runs, a row each, where the looks of that row say that it is."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.ids: List[str] = []
        # Of each thing: what it said, the inode, and when that was changed last.
        self.values = [array(code) for code in form.values]
        self.inodes = [array("Q") for _ in form.values]
        self.changes = [array("q") for _ in form.values]
        self.texts = [""]
        self.rows: Dict[str, int] = {}
        self._places = {"": 0}

    def _columns(self) -> "List[array[int]]":
        return [*self.values, *self.inodes, *self.changes]

    def row_of(self, run_id: str) -> int:
        """The run's row, which is made where there is none."""
        row = self.rows.get(run_id)
        if row is None:
            row = self.rows[run_id] = len(self.ids)
            self.ids.append(run_id)
            for column in self._columns():
                column.append(0)
        return row

    def place_of(self, text: str) -> Optional[int]:
        """The place of the text among `texts`; None where there is no room for it."""
        if len(text) > self._form.longest or (
            len(self.texts) >= _MAX_TEXTS and text not in self._places
        ):
            return None
        place = self._places.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place

    def rows_of(self, present: Set[str]) -> List[int]:
        """The rows of the runs that are there, in the order in which they are to be kept."""
        rows = [row for row, run_id in enumerate(self.ids) if run_id in present]
        if self._form.order >= 0:
            rows.sort(key=self.values[self._form.order].__getitem__, reverse=True)
        return rows

    def packed(self, rows: Sequence[int]) -> List[bytes]:
        """What these rows have: the ids of their runs, columns, and `texts`."""
        columns = (array(c.typecode, [c[row] for row in rows]) for c in self._columns())
        return [
            "".join(self.ids[row] + "\n" for row in rows).encode("ascii"),
            *(column.tobytes() for column in columns),
            json.dumps(self.texts).encode("ascii"),
        ]

    def fill(self, file: BinaryIO, sizes: List[int]) -> int:
        """Take what `packed` has made, of these sizes; its checksum.

        Raises ValueError where it has not.
        """
        ids, *of_columns, texts = sizes
        runs = ids // 33
        data = file.read(ids)
        crc = crc32(data)
        self.ids = data.decode("ascii").split("\n")[:-1]
        for column, size in zip(self._columns(), of_columns):
            data = file.read(size)
            crc = crc32(data, crc)
            column.frombytes(data)
        data = file.read(texts)
        self.texts = [str(text) for text in json.loads(data)]
        self._places = {text: place for place, text in enumerate(self.texts)}
        self.rows = dict(zip(self.ids, range(runs)))
        most = {**self._form.most, **dict.fromkeys(self._form.texts, len(self.texts) - 1)}
        is_odd = any(
            not 0 <= min(column, default=0) <= max(column, default=0) <= most[what]
            for what, column in enumerate(self.values)
            if what in most
        )
        if is_odd or {*map(len, (self.ids, self.rows, *self._columns()))} != {runs}:
            raise ValueError("odd")
        return crc32(data, crc)


class Moment(NamedTuple):
    """Where and when it is that change times count."""

    device: int  # of the runs
    boot: str
    offset: float  # seconds between the clock's time and that since the boot

    def is_as(self, other: "Moment") -> bool:
        """Whether change times count from the one to the other."""
        return self[:2] == other[:2] and abs(self.offset - other.offset) < _STEP


def moment(home: str) -> Optional[Moment]:
    """This moment; None where change times tell too little of the runs here."""
    boot, top = identity.here(0, None).boot, rundir.runs_dir(home)
    try:
        offset = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        device = os.stat(top).st_dev
        kind = file_system(os.path.realpath(top))
    except (OSError, AttributeError, ValueError) as e:
        if isinstance(e, OSError):
            refuse_exhaustion(e)
        return None
    return Moment(device, boot, offset) if boot and kind in _LOCAL else None


def still(home: str, since: Moment) -> Optional[Moment]:
    """This moment; None where change times do not count from that one until now."""
    now = moment(home)
    return now if now is not None and now.is_as(since) else None


def settled() -> int:
    """The change time up to which nothing will change any more without another one."""
    return time.time_ns() - _TICK


def file_system(path: str) -> str:
    """What kind of file system a path is on, as the kernel lists them."""
    found, best = "", -1
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            before, _, after = line.partition(" - ")
            point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), before.split(" ")[4])
            # A later one at the same place hides the earlier.
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= best:
                found, best = after.split(" ")[0], len(point)
    return found


def read(home: str, now: Moment, form: Form, name: str = LISTING) -> Table:
    """What is kept by that name and counts now; an empty table where there is no such thing."""
    table, file = opened(home, now, form, name)
    if file is not None:
        file.close()
    return table


def opened(home: str, now: Moment, form: Form, name: str) -> Tuple[Table, Optional[BinaryIO]]:
    """As `read`, and the file, at what is behind the table; None where there is no such thing."""
    try:
        with os.fdopen(inside.open_file(home, _path(name)), "rb") as f:
            table = _table_in(f, now, form)
            if table is not None:
                again = os.fdopen(os.dup(f.fileno()), "rb")
                again.seek(f.tell())
                return table, again
    except OSError as e:
        refuse_exhaustion(e)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        pass  # it is damaged, or none of ours
    return Table(form), None


def _table_in(file: BinaryIO, now: Moment, form: Form) -> Optional[Table]:
    """Raises an error of any of several kinds where a file is none of ours."""
    status = os.fstat(file.fileno())
    if status.st_uid != os.geteuid() or status.st_size > _MAX_BYTES:
        return None
    header = json.loads(file.readline(_MAX_HEADER))
    version, device, boot, offset, sizes, behind, crc = header
    if version != _VERSION or not now.is_as(Moment(device, boot, float(offset))):
        return None
    # Nothing of a file that is cut, or of another form, is taken for a size.
    if file.tell() + sum(abs(int(size)) for size in (*sizes, behind)) != status.st_size:
        return None
    table = Table(form)
    return table if table.fill(file, sizes) == crc else None


def names_in(text: str) -> Optional[List[str]]:
    """The names that a text of a table lists; None where it is no such text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_of_names = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return found if is_of_names else None


def write(home: str, now: Moment, table: Table, present: Set[str], name: str = LISTING) -> None:
    """Keep what is known of the runs that are there; what cannot be kept is read again."""
    write_with(home, now, name, table.packed(table.rows_of(present)), (), 0)


def write_with(
    home: str, now: Moment, name: str, parts: List[bytes], behind: Iterable[bytes], size: int
) -> None:
    """Keep by that name a table that is packed, and so many bytes behind it."""
    if sum(map(len, parts)) + size > _MAX_BYTES - _MAX_HEADER:
        return  # it would be written each time, and never read
    crc = 0
    for part in parts:
        crc = crc32(part, crc)
    header = (_VERSION, *now, [*map(len, parts)], size, crc)
    try:
        os.makedirs(os.path.join(home, _FOLDER), exist_ok=True)
        with inside.holding(home, _path(name)) as (handle, base):
            head = json.dumps(header).encode("ascii") + b"\n"
            # For us alone: the runs themselves may be where no other user looks.
            whole = itertools.chain([head], parts, behind)
            inside.write(handle, base, whole, flushed=False, mode=0o600)
    except OSError:
        pass  # nobody may write here, or there is no room


def forget(home: str, name: str) -> None:
    """Have nothing kept by that name."""
    try:
        inside.remove(home, _path(name))
    except OSError:
        pass  # nobody may write here


def _path(name: str) -> str:
    return "%s/%s" % (_FOLDER, _NAME % (name, os.geteuid()))


def kept(home: str) -> List[str]:
    """The files of this kind that there are, of whichever user, and what a kill has left of one."""
    folder = os.path.join(home, _FOLDER)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if _KEPT.match(name)]
