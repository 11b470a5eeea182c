"""What the agent says when it cannot do what it was asked."""

from __future__ import annotations


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
