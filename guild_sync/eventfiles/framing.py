"""Records of an event file: each with its length and checksums, as TFRecord has them.

The checksums are tensorboard's. Its own reader takes a record of any length into memory, and a
second for 7 MB of pictures that are passed over here: no record of scalars is that large.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator

MOST_OF_A_RECORD = 1 << 16  # bytes; what is longer has pictures, histograms or a graph
_LENGTH, _CHECK = struct.Struct("<Q"), struct.Struct("<I")


def records(path: str, most: int | None = None) -> Iterator[bytes]:
    """The records of a file, up to where it is torn or damaged; without the large ones.

    Of one that has more than `most` bytes, those that begin in these.

    Raises OSError where it is no file that can be read; a link is none.
    """
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return
        while most is None or file.tell() < most:
            head = file.read(_LENGTH.size + _CHECK.size)
            if len(head) < _LENGTH.size + _CHECK.size:
                return
            (length,), (check,) = _LENGTH.unpack(head[:8]), _CHECK.unpack(head[8:])
            if check != masked_crc32c(head[:8]) or length > found.st_size - file.tell():
                return
            if length > MOST_OF_A_RECORD:
                file.seek(length + _CHECK.size, os.SEEK_CUR)
                continue
            data, tail = file.read(length), file.read(_CHECK.size)
            if len(tail) < _CHECK.size or _CHECK.unpack(tail)[0] != masked_crc32c(data):
                return
            yield data


def framed(data: bytes) -> bytes:
    """A record as a file has it."""
    import io

    from tensorboard.summary.writer.record_writer import RecordWriter

    file = io.BytesIO()
    RecordWriter(file).write(data)
    return file.getvalue()
