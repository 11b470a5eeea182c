"""One request, one answer: the remote end of `RemoteHost.call`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict

from . import calls
from .errors import AgentError
from .protocol import FRAME

MAX_REQUEST = 1 << 28  # bytes; a flag value of a few MB is a mistake, not a reason to fail


def main() -> int:
    """Answer the request on the first line of stdin. The answer's line is framed, because
    a login shell may have printed anything before it; a stream's bytes follow that line.
    """
    out = sys.stdout.buffer
    try:
        request = _request(sys.stdin.buffer.readline(MAX_REQUEST))
        home = os.path.realpath(os.path.join(os.path.expanduser("~"), request["home"]))
        function, args = request["function"], request["args"]
        if request.get("stream"):
            if function in calls.WATCHED:
                args["hangup_fd"] = sys.stdin.fileno()
            chunks = calls.stream(home, function, args)
            _answer(out, {"ok": None})
            for chunk in chunks:
                out.write(chunk)
                out.flush()
        else:
            _answer(out, {"ok": calls.call(home, function, args), "home": home})
    except AgentError as e:
        _answer(out, {"error": {"message": e.message, "hint": e.hint, "kind": e.kind}})
    except BrokenPipeError:  # nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except Exception:
        import traceback  # not for each request: it takes 2 ms

        # A bug of ours: its traceback is evidence, and travels as one.
        _answer(out, {"bug": traceback.format_exc()})
    return 0


def _request(line: bytes) -> Dict[str, Any]:
    """The request on a line. Raises AgentError where it is none."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if (
        not isinstance(request, dict)
        or not isinstance(request.get("home"), str)
        or "\0" in request["home"]
        or not isinstance(request.get("function"), str)
        or not isinstance(request.get("args"), dict)
    ):
        raise AgentError("the request makes no sense")
    return request


def _answer(out: Any, answer: Dict[str, Any]) -> None:
    # Escaped to ASCII: names that are not UTF-8 travel as lone surrogates.
    out.write(("\n%s %s\n" % (FRAME, json.dumps(answer))).encode("ascii"))
    out.flush()
