"""One request, one answer: the remote end of `RemoteHost`."""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO, Dict, NamedTuple, Optional

from . import calls, json_text
from .errors import AgentError
from .protocol import END, FRAME, header

MAX_REQUEST = 1 << 28  # bytes; a flag value of a few MB is a mistake, not a reason to fail


class Asked(NamedTuple):
    """What is asked of which guild home."""

    home: str
    function: str
    args: Dict[str, object]
    rsync: Optional[str] = None  # the program there, where what the machine has is asked too


class _NotWhole(Exception):
    """What came is no request: something has read of it before."""


def main() -> int:
    """Answer the request on the first line of stdin. The answer's line is framed, because
    a login shell may have printed anything before it; a stream's packets follow that line.
    """
    out = sys.stdout.buffer
    try:
        failure = _serve(out)
        if failure is not None:
            _answer(out, failure)
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return 0


def _serve(out: BinaryIO) -> Optional[Dict[str, object]]:
    """Answer the request; why it cannot be done, where it cannot."""
    try:
        request = _request(sys.stdin.buffer.readline(MAX_REQUEST))
        # The variables in it are set: hosts/bootstrap.sh has looked.
        named = os.path.expandvars(request.home)
        home = os.path.realpath(os.path.join(os.path.expanduser("~"), named))
        function = calls.function_called(request.function)
        if isinstance(function, calls.Stream):
            if function.watched:
                request.args["hangup_fd"] = sys.stdin.fileno()
            _answer(out, {"ok": None})
            _send(out, END, json.dumps(_streamed(out, home, function, request.args)).encode())
        else:
            answer = {"ok": calls.call(home, function, request.args), "home": home}
            if request.rsync is not None:
                from .machine.abilities import abilities  # a remote is asked once

                answer["abilities"] = abilities(request.rsync)
            _answer(out, answer)
    except BrokenPipeError:
        raise
    except Exception as e:
        return _failure(e)
    return None


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


def _request(line: bytes) -> Asked:
    """The request on a line. Raises AgentError where it is none."""
    try:
        request = json_text.read(line)
    except json_text.TooMuch as e:
        raise AgentError("the request cannot be read: %s" % e) from None
    except ValueError:
        raise _NotWhole from None
    try:
        found = Asked(
            request["home"], request["function"], request["args"], request.get("abilities")
        )
    except (KeyError, TypeError):
        raise AgentError("the request makes no sense") from None
    if (
        not isinstance(found.home, str)
        or "\0" in found.home
        or not isinstance(found.function, str)
        or not isinstance(found.args, dict)
        or not isinstance(found.rsync, (str, type(None)))
    ):
        raise AgentError("the request makes no sense")
    return found


def _answer(out: BinaryIO, answer: Dict[str, object]) -> None:
    # Escaped to ASCII: names that are not UTF-8 travel as lone surrogates.
    out.write(("\n%s %s\n" % (FRAME, json.dumps(answer))).encode("ascii"))
    out.flush()


def _send(out: BinaryIO, kind: bytes, data: bytes) -> None:
    out.write(header(kind, len(data)) + data)
    out.flush()
