"""The scalars of many runs as columns of numbers, of which no more is read than is asked for.

Of each name there are the rows of the runs that have it, and a column for each number that is told
of a scalar, all with a checksum of their own.
"""

from __future__ import annotations

import json
import math
import struct
from array import array
from typing import BinaryIO, Dict, Iterator, List, Mapping, Optional, Set, Tuple
from zlib import crc32

from ..protocol import NOT_FINITE, Figure, ScalarForm, figure

_MOST_NAMES = 5_000
_MOST = 1 << 21  # scalars of all runs: so many take 170 MB, of which a column is read
_HEAD = struct.Struct("<II")  # the size of the directory, and its checksum
_CRC = struct.Struct("<I")
_EXACT = 1 << 53  # whole numbers below it are as exact as floats
# The columns of a name: first the rows.
_ROWS, _SIGNS = "rows", "signs"
_FIGURES = ("last", "first", "min", "max", "mean")
_MAY_LACK = ("min", "max", "mean")
_COUNTS = ("count", "step", "time", "min_step", "max_step")
_CODES = dict(zip((_ROWS, _SIGNS, *_FIGURES, *_COUNTS), "IBdddddQqQqq"))
_WIDTHS = {name: array(code).itemsize for name, code in _CODES.items()}
_PARTIAL = 1 << len(_FIGURES)  # among the signs; the others: of which figures are whole numbers


class Damaged(OSError):
    """What was kept is not what is there."""


class ScalarColumns:
    """The scalars of the runs of a table, by the rows that these have there.

    Some are in a file, from where it is at now; `put` adds others.
    """

    def __init__(self, file: Optional[BinaryIO] = None) -> None:
        self._file = file
        self._places: Dict[str, Tuple[int, int]] = {}  # by name, where its columns begin; rows
        self._new: Dict[str, "Dict[str, array[float]]"] = {}
        self._known: Dict[Tuple[str, str], Dict[int, float]] = {}
        self.is_damaged = False
        self.replaced: Set[int] = set()  # rows whose scalars are those that were put since
        if file is not None:
            self._read_directory(file)
        self._count = sum(count for _, count in self._places.values())

    def _read_directory(self, file: BinaryIO) -> None:
        """Raises Damaged where there is none."""
        head = file.read(_HEAD.size)
        try:
            size, crc = _HEAD.unpack(head)
            data = file.read(size)
            if crc32(data) != crc:
                raise ValueError("odd")
            at = file.tell()
            for name, count in json.loads(data):
                if not 0 <= count <= _MOST:
                    raise ValueError("odd")
                self._places[str(name)] = (at, int(count))
                at += _size_of(int(count))
        except (ValueError, TypeError, struct.error, RecursionError) as e:
            raise Damaged(str(e)) from None

    def close(self) -> None:
        """Read nothing more."""
        if self._file is not None:
            self._file.close()

    def put(self, row: int, scalars: Mapping[str, ScalarForm]) -> bool:
        """Add the scalars of a run, in place of what it had; False where there is no room for all.

        So too where one has what no program of ours writes.
        """
        new = sum(name not in self._places and name not in self._new for name in scalars)
        names = len(self._places) + len(self._new)
        if self._count + len(scalars) > _MOST or (new and names + new > _MOST_NAMES):
            return False
        packed = {name: _packed(form) for name, form in scalars.items()}
        if None in packed.values():
            return False
        for name, numbers in packed.items():
            columns = self._new.get(name)
            if columns is None:
                columns = self._new[name] = {each: array(code) for each, code in _CODES.items()}
            for each, number in zip(columns.values(), (row, *(numbers or ()))):
                each.append(number)
        self._count += len(scalars)
        self.replaced.add(row)
        return True

    def figure(self, row: int, name: str, told: str) -> Optional[Figure]:
        """A number that is told of a scalar of a run that is in the file; None where there is none.

        Raises Damaged where the file has another column than was written.
        """
        number = self._by_row(name, told).get(row)
        if number is None or told in _COUNTS:
            return number
        if told in _MAY_LACK and math.isnan(number):
            return None
        is_whole = int(self._by_row(name, _SIGNS)[row]) >> _FIGURES.index(told) & 1
        return int(number) if is_whole and math.isfinite(number) else figure(number)

    def _by_row(self, name: str, told: str) -> Dict[int, float]:
        found = self._known.get((name, told))
        if found is None:
            found = dict(zip(self._rows(name), self._column(name, told)))
            self._known[name, told] = found
        return found

    def _rows(self, name: str) -> "array[int]":
        rows: array[int] = array(_CODES[_ROWS])
        rows.frombytes(self._read(name, _ROWS))
        return rows

    def _column(self, name: str, told: str) -> "array[float]":
        column: array[float] = array(_CODES[told])
        column.frombytes(self._read(name, told))
        return column

    def _read(self, name: str, told: str) -> bytes:
        """A column as the file has it."""
        if self._file is None or name not in self._places:
            return b""
        at, count = self._places[name]
        for each, width in _WIDTHS.items():
            if each == told:
                break
            at += _CRC.size + width * count
        self._file.seek(at)
        crc, data = self._file.read(_CRC.size), self._file.read(_WIDTHS[told] * count)
        if len(data) != _WIDTHS[told] * count or _CRC.pack(crc32(data)) != crc:
            self.is_damaged = True
            raise Damaged("a column is not what was written")
        return data

    def packed(self, places: Mapping[int, int]) -> Tuple[int, Iterator[bytes]]:
        """How many bytes all scalars take, and these; `places`: by row, the one that it becomes.

        A name's columns at a time, as all may be more than there is memory for. Others go: of
        runs that have gone since they were put, too.
        """
        kept: List[Tuple[str, List[int], List[int]]] = []  # which of the file's, and of the new
        directory = []
        for name in sorted({*self._places, *self._new}):
            rows = enumerate(self._rows(name))
            old = [at for at, row in rows if row in places and row not in self.replaced]
            added = enumerate(self._new[name][_ROWS] if name in self._new else ())
            new = [at for at, row in added if row in places]
            if old or new:
                kept.append((name, old, new))
                directory.append((name, len(old) + len(new)))
        head = json.dumps(directory).encode("ascii")
        size = _HEAD.size + len(head) + sum(_size_of(count) for _, count in directory)
        return size, self._parts(_HEAD.pack(len(head), crc32(head)) + head, kept, places)

    def _parts(
        self,
        head: bytes,
        kept: List[Tuple[str, List[int], List[int]]],
        places: Mapping[int, int],
    ) -> Iterator[bytes]:
        yield head
        for name, old, new in kept:
            for told, code in _CODES.items():
                before, added = self._column(name, told), self._new.get(name, {}).get(told, ())
                column = array(code, [*(before[at] for at in old), *(added[at] for at in new)])
                if told == _ROWS:
                    column = array(code, [places[int(row)] for row in column])
                data = column.tobytes()
                yield _CRC.pack(crc32(data))
                yield data


def _size_of(count: int) -> int:
    """Bytes that the columns of a name take."""
    return sum(_CRC.size + width * count for width in _WIDTHS.values())


def _packed(form: ScalarForm) -> Optional[List[float]]:
    """The numbers of a scalar behind its signs; None where they are not all that there is to it."""
    signs = 0
    numbers: List[float] = [0]
    values = (form["last"], form["first"], form["min"], form["max"], form["mean"])
    for at, (told, value) in enumerate(zip(_FIGURES, values)):
        if type(value) is int:
            if abs(value) > _EXACT:
                return None
            signs |= 1 << at
        elif isinstance(value, str):
            if value not in NOT_FINITE or (told in _MAY_LACK and value == NOT_FINITE[0]):
                return None
        numbers.append(math.nan if value is None else float(value))
    if "partial" in form:
        if not form["partial"]:
            return None
        signs |= _PARTIAL
    numbers[0] = signs
    numbers += (form["count"], form["step"], form["time"], form["min_step"], form["max_step"])
    return numbers
