"""What the agent says when it cannot do what it was asked."""

from __future__ import annotations

import errno
import os


class AgentError(Exception):
    """An error that the user can mend; `kind` tells callers what it is about.

    Kinds: "error", "not-found" (no such run), "missing-file", "refused" (the run is in a
    state that does not allow it), "busy" (another process has the run), "python" (no Python
    for the operation), "unmet" (what the operation requires is not there).
    """

    def __init__(self, message: str, hint: str = "", kind: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind


def refuse_exhaustion(error: OSError) -> None:
    """Raise AgentError where nothing more can be opened: that says nothing of what was to be."""
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        raise AgentError(
            "cannot open one more file: %s" % os.strerror(error.errno),
            "See 'ulimit -n', and what else runs on that machine.",
        ) from None
