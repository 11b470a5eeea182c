"""What is said: lines on stdout, complaints on stderr, questions."""

from __future__ import annotations

import errno
import os
import re
import select
import sys

from guild_sync.errors import GuildError
from guild_sync.output.terminal import clean, styled

_LONGEST = (1 << 31) - 1  # milliseconds that poll takes: it may be less than what is to be waited
_HEADING = r"(?m)^[A-Z][\w ,]*:$"


def help_text(text: str) -> str:
    """A usage as stdout is to get it: its headings stand out on a terminal."""
    return re.sub(_HEADING, lambda found: styled(found[0], "bold", sys.stdout), text)


def say(text: str) -> None:
    """Print a line at once, so that it is seen while what follows takes its time."""
    sys.stdout.write(f"{text}\n")  # at one go: threads that say something must not mix it
    sys.stdout.flush()


def rest(seconds: float, wake: int | None = None) -> None:
    """Wait so long, or until there is something to read from the handle `wake`.

    Raises BrokenPipeError once nobody reads stdout, which no line might tell for long.
    """
    watched = select.poll()
    output = None
    try:
        output = sys.stdout.fileno()
        watched.register(output, 0)
    except (AttributeError, OSError, ValueError):  # there is none
        pass
    if wake is not None:
        watched.register(wake, select.POLLIN)
    if output in [handle for handle, _ in watched.poll(min(seconds * 1000, _LONGEST))]:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def to_stdout(data: bytes) -> None:
    """Write output of a run, as it is, at once."""
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def complain(text: str, style: str = "red", hint: str = "") -> None:
    """Print `guild: TEXT` on stderr, then the lines of `hint`.

    What a remote said may be part of them: they are cleaned.
    """
    lines = [f"{styled('guild:', style, sys.stderr)} {clean(text)}"]
    lines += map(clean, hint.split("\n") if hint else ())
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def warn(error: GuildError) -> None:
    """Print an error as `guild: WHAT`, then what to do."""
    sys.stdout.flush()
    complain(error.message, hint=error.hint)


def confirm(question: str = "Continue?", default: bool = True) -> bool:
    """Ask; a bare return answers `default`. Raises GuildError where nobody can answer."""
    print(f"{question} ({'Y/n' if default else 'y/N'}) ", end="", flush=True)
    answer = _line_of_stdin()
    if not answer:
        print()
        raise GuildError("nobody answered the question", "Use -y to go on without being asked.")
    return default if not answer.strip() else answer.strip().lower() in ("y", "yes")


def ask(question: str) -> str:
    """Ask for a line, which is empty where nobody answers."""
    print(question, end="", flush=True)
    answer = _line_of_stdin()
    if not answer:
        print()
    return answer.rstrip("\n")


def _line_of_stdin() -> str:
    """A line of stdin, and no byte more: what follows may be an operation's."""
    try:
        fd = sys.stdin.fileno()
    except OSError:  # it is no file
        return sys.stdin.readline()
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(fd, 1)):
        line += byte
    return line.decode(errors="replace")
