"""The script that finds the agent on a remote, and the files that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from guild_sync.agent.protocol import FRAME

AGENT = Path(__file__).parents[1] / "agent"


def one_line(script: str) -> str:
    """A script as one line, without indentation and comments, each of which has its own line."""
    lines = (line.strip() for line in script.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("#"))


def _bootstrap() -> str:
    script = Path(__file__).with_name("bootstrap.sh").read_text(encoding="utf-8")
    return f"sh -c '{one_line(script).replace('@FRAME@', FRAME)}' guild"


# The one script that a remote's login shell is given, whichever that is; its words follow.
BOOTSTRAP = _bootstrap()


@cache
def agent_digest() -> str:
    """A name for this version of the agent: a digest of its files and where they are."""
    import hashlib  # for remotes alone: it loads OpenSSL

    digest = hashlib.sha256()
    for path in _agent_files():
        name = path.relative_to(AGENT).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _agent_files() -> Iterator[Path]:
    return iter(sorted(AGENT.rglob("*.py")))
