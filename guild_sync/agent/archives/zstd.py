"""Data packed by zstd: by Python from 3.14 on, else by the program of that name."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from contextlib import contextmanager
from typing import IO, Callable, Iterator, List, Optional, Union

from ..errors import AgentError

_Open = Callable[[str, str], IO[bytes]]
_End = Union[IO[bytes], int]
# Bytes behind the end of an archive, which tar fills up with zeros; more are not looked at.
_MOST_PADDING = 1 << 20


@contextmanager
def unpacked(path: str) -> Iterator[IO[bytes]]:
    """What is packed in a file, to be read once; EOFError where that is cut, or is none."""
    opened = _of_python()
    if opened is not None:
        with opened(path, "rb") as stream:
            yield stream
            stream.read(_MOST_PADDING)  # what is cut or damaged may be known there alone
        return
    with open(path, "rb") as f, _program(["-dcq"], f, subprocess.PIPE) as process:
        assert process.stdout is not None
        with process.stdout as stream:
            yield stream
            stream.read(_MOST_PADDING)
            is_at_end = not stream.read(1)
        if is_at_end and (said := _failure(process)):
            raise EOFError(said)


@contextmanager
def packing(path: str) -> Iterator[IO[bytes]]:
    """Takes what is to be packed into a new file, which is whole once this has ended."""
    opened = _of_python()
    if opened is not None:
        with opened(path, "wb") as stream:
            yield stream
        return
    with open(path, "wb") as f, _program(["-cq", "-T0"], subprocess.PIPE, f) as process:
        assert process.stdin is not None
        try:
            with process.stdin as stream:
                yield stream
        except BrokenPipeError:
            pass  # it has ended, and says why
        if said := _failure(process):
            raise AgentError("cannot write %s: %s" % (path, said))


def _of_python() -> Optional[_Open]:
    try:
        found: _Open = importlib.import_module("compression.zstd").open
    except ImportError:
        return None
    return found


def _failure(process: subprocess.Popen[bytes]) -> str:
    """Why the program failed; nothing where it ended well."""
    said = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
    if process.wait() == 0:
        return ""
    return said.strip().split("\n")[-1] or "zstd failed (exit status %d)" % process.returncode


@contextmanager
def _program(options: List[str], stdin: _End, stdout: _End) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("zstd")
    if program is None:
        raise AgentError(
            "a .tar.zst takes the program zstd, which is not here",
            "Install it ('apt-get install zstd'), or name a .tar or .zip.",
        )
    process = subprocess.Popen(
        [program, *options], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was left to write: nobody reads it
                    pass
