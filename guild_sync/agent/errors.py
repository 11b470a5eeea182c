"""What the agent says when it cannot do what it was asked."""

from __future__ import annotations

import errno


class AgentError(Exception):
    """An error that the user can mend; `kind` tells callers what it is about.

    Kinds: "error", "not-found" (no such run), "ambiguous" (several such runs), "missing-file",
    "refused" (the run is in a state that does not allow it), "busy" (another process has the
    run), "python" (no Python for the operation), "unmet" (what the operation requires is not
    there), "taken" (what of its host the run needs is not free), "no-installer"
    (nothing there can install packages), "scheduler" (it cannot be asked, or told).
    """

    def __init__(self, message: str, hint: str = "", kind: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind


class NoSuchRun(AgentError):
    """No run there is the one that was named by `spec`, or meets the filters."""

    def __init__(self, message: str, hint: str, spec: str = "") -> None:
        super().__init__(message, hint, "not-found")
        self.spec = spec


class Exhausted(AgentError):
    """Nothing more can be opened for now: whoever has time may try again."""


_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error only says that nothing more can be opened for now."""
    of_system = isinstance(error, OSError) and error.errno in _EXHAUSTED
    return of_system or isinstance(error, Exhausted)


def refuse_exhaustion(error: OSError) -> None:
    """Raise Exhausted where nothing more can be opened: that says nothing of what was to be."""
    if is_exhaustion(error):
        raise Exhausted(
            "cannot open one more file: %s" % error.strerror,
            "See 'ulimit -n', and what else runs on that machine.",
        ) from None
