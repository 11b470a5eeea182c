"""Requests in, an answer to each: the remote end of `RemoteHost`."""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO, Dict, List, NamedTuple, Optional

from . import calls, json_text
from .errors import AgentError
from .protocol import END, FRAME, header, lacks_something

MAX_REQUEST = 1 << 28  # bytes; a flag value of a few MB is a mistake, not a reason to fail
# For another request: a connection that is dead may be taken for one that lives, for hours.
IDLE_SECONDS = 60.0
_CHUNK = 1 << 16


class Asked(NamedTuple):
    """What is asked of which guild home."""

    home: str
    function: str
    args: Dict[str, object]
    rsync: Optional[str] = None  # the program there, where what the machine has is asked too


class _NotWhole(Exception):
    """What came is no request: something has read of it before."""


def main() -> int:
    """Answer the requests on stdin, until it ends or nothing comes any more.

    Each answer's line is framed, because a login shell may have printed anything before it; a
    stream's packets follow that line, and nothing follows them.
    """
    lines, out = _Lines(sys.stdin.fileno()), sys.stdout.buffer
    try:
        goes_on = _serve(out, lines.next(None))
        while goes_on and (line := lines.next(IDLE_SECONDS)):
            goes_on = _serve(out, line)
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return 0


class _Lines:
    """The lines of a pipe. What has come with an earlier one is there, and not waited for."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def next(self, seconds: Optional[float]) -> bytes:
        """The next line, or what there is of it; empty at the end, or where none begins in time."""
        pieces, size = [self._rest], len(self._rest)
        if not size and seconds is not None:
            import select

            if not select.select([self._fd], [], [], seconds)[0]:
                return b""
        while b"\n" not in pieces[-1] and size < MAX_REQUEST:
            pieces.append(os.read(self._fd, _CHUNK))
            size += len(pieces[-1])
            if not pieces[-1]:
                break
        line, newline, self._rest = b"".join(pieces).partition(b"\n")
        return line + newline


def _serve(out: BinaryIO, line: bytes) -> bool:
    """Answer a line: one request, or several in turn; whether there may be another line.

    Behind one that fails, or whose answer lacks something, the others are not done, and have
    no answer.
    """
    try:
        requests = _requests(line)
        scheduler = _looked(requests)
        for request in requests:
            home = _home_of(request)
            function = calls.function_called(request.function)
            if isinstance(function, calls.Stream):
                if function.watched:
                    request.args["hangup_fd"] = sys.stdin.fileno()
                _answer(out, {"ok": None})
                _send(out, END, json.dumps(_streamed(out, home, function, request.args)).encode())
                return False
            answer = {"ok": calls.call(home, function, request.args), "home": home}
            if scheduler is not None:
                answer["scheduler"] = scheduler
            if request.rsync is not None:
                from .machine.abilities import abilities  # a remote is asked once

                answer["abilities"] = abilities(request.rsync)
            _answer(out, answer)
            if lacks_something(answer["ok"]):
                break
    except BrokenPipeError:
        raise
    except Exception as e:
        _answer(out, _failure(e))
    return True


def _home_of(request: Asked) -> str:
    # The variables in it are set: hosts/bootstrap.sh has looked.
    named = os.path.expandvars(request.home)
    return os.path.realpath(os.path.join(os.path.expanduser("~"), named))


def _looked(requests: List[Asked]) -> Optional[str]:
    """As calls.looked, for the requests of a line, which are about one guild home."""
    looking = [r.args for r in requests if _looks(r)]
    return calls.looked(_home_of(requests[0]), looking)


def _looks(request: Asked) -> bool:
    return request.function in calls.TABLE and calls.TABLE[request.function].looks


def _streamed(
    out: BinaryIO, home: str, function: "calls.Stream[object]", args: Dict[str, object]
) -> Dict[str, object]:
    """Send the packets of a stream as they come; how it ended, which is the last one."""
    packets = calls.packets(home, function, args)
    try:
        while True:
            _send(out, *next(packets))
    except StopIteration as e:
        return {"ok": e.value}
    except BrokenPipeError:
        raise
    except Exception as e:
        return _failure(e)


def _failure(error: Exception) -> Dict[str, object]:
    if isinstance(error, _NotWhole):
        return {"no_request": True}
    if isinstance(error, AgentError):
        said = {"message": error.message, "hint": error.hint, "kind": error.kind}
        return {"error": said}
    import traceback  # not for each request: it takes 2 ms

    from .machine import folder

    # A bug of ours: its traceback is evidence, and travels as one. Or a file of ours is not what
    # was sent.
    bug = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"bug": bug} if folder.is_whole() else {"bug": bug, "damaged": True}


def _requests(line: bytes) -> List[Asked]:
    """The requests on a line. Raises AgentError where they are none."""
    try:
        found = json_text.read(line)
    except json_text.TooMuch as e:
        raise AgentError("the request cannot be read: %s" % e) from None
    except ValueError:
        raise _NotWhole from None
    try:
        requests = [
            Asked(each["home"], each["function"], each["args"], each.get("abilities"))
            for each in (found if isinstance(found, list) else [found])
        ]
    except (KeyError, TypeError):
        raise AgentError("the request makes no sense") from None
    if not requests or not all(map(_makes_sense, requests)):
        raise AgentError("the request makes no sense")
    return requests


def _makes_sense(request: Asked) -> bool:
    return (
        isinstance(request.home, str)
        and "\0" not in request.home
        and isinstance(request.function, str)
        and isinstance(request.args, dict)
        and isinstance(request.rsync, (str, type(None)))
    )


def _answer(out: BinaryIO, answer: Dict[str, object]) -> None:
    # Escaped to ASCII: names that are not UTF-8 travel as lone surrogates.
    out.write(("\n%s %s\n" % (FRAME, json.dumps(answer))).encode("ascii"))
    out.flush()


def _send(out: BinaryIO, kind: bytes, data: bytes) -> None:
    out.write(header(kind, len(data)) + data)
    out.flush()
