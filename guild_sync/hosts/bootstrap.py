"""The script that finds the agent on a remote, and the files that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from guild_sync.agent.protocol import FRAME

AGENT = Path(__file__).parents[1] / "agent"


# The one script that a remote's login shell is given. It is in single quotes, on one line,
# with no quote, exclamation mark or backslash before a quote in it, so that sh, csh, fish
# and restricted shells all hand it to `sh` unchanged. Its words are decoded by printf %b;
# the full stop keeps line breaks at their ends. $1: guild home, $2: Python, $3: the
# agent's digest, $4: where a newly sent agent lies, $5: `no` where no guild home may be made.
BOOTSTRAP = (
    "sh -c '"
    'd() { printf %b. "$1"; }; a() { printf "\\n%s %s\\n%s" ' + FRAME + ' "$1" "$2"; exit 0; }; '
    'cd || a "{\\"no_home\\": true}"; '
    'h=$(d "$1"); h=${h%.}; p=$(d "$2"); p=${p%.}; '
    "case $h in /*) ;; *) h=$PWD/$h ;; esac; "
    "g=$h/agent/$3; "
    '[ "$5" = no ] && { [ -d "$h/runs" ] || a "{\\"home_missing\\": true}"; }; '
    '[ -e "$g/__main__.py" ] || { [ -n "$4" ] && mv "$h/agent/$4" "$g"; }; '
    '[ -e "$g/__main__.py" ] || { mkdir -p "$h/agent" && a "{\\"no_agent\\": true}" "$h"; '
    'a "{\\"no_folder\\": true}" "$h"; }; '
    'command -v "$p" >/dev/null 2>&1 || a "{\\"no_python\\": true}"; '
    'exec "$p" -I -S -X utf8 "$g"'
    "' guild"
)


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
