"""A host is where runs live: this machine, or a remote. Both are asked the same way.

`host.call(function, **args)` is a function of the agent's (`agent/calls.py`), called in
process for this machine and over ssh for a remote.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from guild_sync.agent import calls
from guild_sync.agent.__main__ import FRAME
from guild_sync.agent.errors import AgentError
from guild_sync.answers import is_answer
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError, RemoteError, RunNotFound

if TYPE_CHECKING:
    from guild_sync.config.remotes import Remote

AGENT = Path(__file__).parent / "agent"
INSTALL_TIMEOUT = 1800.0  # seconds: installing a package's requirements may download them
# Removing many large runs takes its time too, and so does what activates an environment.
_SLOW = ("install", "delete_runs", "purge_runs", "try_environment")


class FileMissing(GuildError):
    """The run has no such file."""


class Host(Protocol):
    """This machine or a remote."""

    @property
    def name(self) -> str | None:
        """The remote's name, None for this machine."""

    def call(self, function: str, **args: Any) -> Any:
        """The answer of the agent's `function` there."""

    def stream(self, function: str, on_bytes: Callable[[bytes], None], **args: Any) -> None:
        """Hand over the bytes that the agent's `function` sends, as they come."""

    def environment(self) -> dict[str, str]:
        """The environment for operations there, in the agent's words."""


def host(remote: str | None) -> Host:
    """The host that the user named with `-r`, or this machine."""
    if remote is None:
        return LocalHost(str(guild_home()))
    from guild_sync.config import remotes

    return remote_host(remotes.remote(remote))


def remote_host(remote: Remote, make_home: bool = True) -> RemoteHost:
    """The host of a configured remote. Raises Unreachable for a sandbox that is not up.

    Without `make_home`, calls raise RemoteError where its guild home is not there, as when a
    disk is not mounted, rather than make one in its place.
    """
    if remote.type == "sandbox":
        from guild_sync import sandbox

        remote = sandbox.as_ssh(remote)
    return RemoteHost(remote, make_home)


class LocalHost:
    """The runs of this machine."""

    name = None

    def __init__(self, home: str) -> None:
        self.home = home

    def call(self, function: str, **args: Any) -> Any:
        with _agent_errors():
            return calls.call(self.home, function, args)

    def run(self, directory: str, echo: int) -> int:
        """Be the runner of a pending run, its output on `echo` too; its exit status."""
        from guild_sync.agent import runner

        with _agent_errors():
            return runner.run(directory, echo)

    def stream(self, function: str, on_bytes: Callable[[bytes], None], **args: Any) -> None:
        with _agent_errors():
            for chunk in calls.stream(self.home, function, args):
                on_bytes(chunk)

    def environment(self) -> dict[str, str]:
        return {"python": sys.executable}


class _agent_errors:
    """Turn the agent's errors into ours."""

    def __init__(self, where: str = "") -> None:
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, AgentError):
            raise error_of_kind(error.kind, self._where + error.message, error.hint) from None


def error_of_kind(kind: str, message: str, hint: str) -> GuildError:
    """The exception that stands for one of the agent's error kinds (agent/errors.py)."""
    kinds = {"not-found": RunNotFound, "missing-file": FileMissing}
    return kinds.get(kind, GuildError)(message, hint)


# The one script that a remote's login shell is given. It is in single quotes, on one line,
# with no quote, exclamation mark or backslash before a quote in it, so that sh, csh, fish
# and restricted shells all hand it to `sh` unchanged. Its words are decoded by printf %b;
# the full stop keeps line breaks at their ends. $1: guild home, $2: Python, $3: the
# agent's digest, $4: where a newly sent agent lies, $5: `no` where no guild home may be made.
_BOOTSTRAP = (
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


class RemoteHost:
    """The runs of a machine reached over ssh."""

    def __init__(self, remote: Remote, make_home: bool = True) -> None:
        self.remote = remote
        self._make_home = make_home
        self.name = remote.name
        self.home = ""  # the guild home there, absolute; known after the first answer

    def environment(self) -> dict[str, str]:
        keys = ("venv_path", "conda_env", "venv_activate", "python")
        values = {key.replace("_", "-"): getattr(self.remote, key) for key in keys}
        return {key: value for key, value in values.items() if value}

    def call(self, function: str, **args: Any) -> Any:
        """As Host.call. Raises Unreachable, RemoteError, or what the agent says."""
        timeout = INSTALL_TIMEOUT if function in _SLOW else None
        answer, _ = self._ask(function, args, timeout)
        result = self._result(answer)
        if isinstance(home := answer.get("home"), str) and home.startswith("/"):
            self.home = home
        if not is_answer(function, result):
            raise self._no_answer("")
        return result

    def stream(self, function: str, on_bytes: Callable[[bytes], None], **args: Any) -> None:
        from guild_sync.transport import process, ssh, ssh_failures

        self.call("python")  # connects, and sends the agent if it is not there
        frame = _FrameReader(on_bytes)
        request = self._request(function, args, stream=True)
        done = process.stream(
            ssh.argv(self.remote, self._command("")), frame.feed, first_line=request
        )
        ssh_failures.check(self.remote, done)
        if frame.answer is None:
            raise self._no_answer(done.stderr)
        self._result(frame.answer)

    def _ask(
        self, function: str, args: dict[str, Any], timeout: float | None
    ) -> tuple[dict[str, Any], str]:
        from guild_sync.transport import ssh

        sent = ""
        for _ in range(2):
            done = ssh.run(
                self.remote,
                [self._command(sent)],
                stdin=self._request(function, args),
                timeout=timeout or self.remote.timeout or ssh.CALL_TIMEOUT,
            )
            frame = _FrameReader(lambda rest: None)
            frame.feed(done.stdout)
            if frame.answer is None:
                raise self._no_answer(done.stderr)
            if not frame.answer.get("no_agent"):
                if sent:
                    self._clean_agents()
                return frame.answer, done.stderr
            self.home = frame.rest.decode("utf-8", "surrogateescape")
            sent = self._send_agent()
        raise RemoteError(f"remote {self.name!r} does not keep the agent that was sent there")

    def _command(self, sent: str) -> str:
        from guild_sync.transport.ssh import quote

        home = self.remote.guild_home.removeprefix("~/")
        # The script runs in the login's home, and would take a `~` in a word for a name.
        python = self.remote.python or "python3"
        python = f".{python[1:]}" if python.startswith("~/") else python
        words = (quote(home), quote(python), agent_digest(), quote(sent))
        return " ".join([_BOOTSTRAP, *words, "yes" if self._make_home else "no"])

    def _request(self, function: str, args: dict[str, Any], stream: bool = False) -> bytes:
        home = self.remote.guild_home.removeprefix("~/")
        request = {"home": home, "function": function, "args": args, "stream": stream}
        return json.dumps(request).encode() + b"\n"

    def _result(self, answer: dict[str, Any]) -> Any:
        where = f"remote {self.name!r}"
        if "ok" in answer:
            return answer["ok"]
        if isinstance(error := answer.get("error"), dict):
            raise error_of_kind(
                str(error.get("kind")),
                f"{where}: {error.get('message')}",
                str(error.get("hint") or ""),
            )
        if answer.get("no_python"):
            raise RemoteError(
                f"there is no {self.remote.python or 'python3'} on {where}",
                "guild needs Python 3.8 or newer there: install it, or name one with the key "
                "'python' of the remote in the config file.",
            )
        if "old_python" in answer:
            raise self._too_old(str(answer["old_python"]))
        if answer.get("no_folder"):
            raise RemoteError(
                f"cannot make the guild home {self.remote.guild_home} on {where}",
                "Check 'guild-home' of the remote, and the permissions there.",
            )
        if answer.get("home_missing"):
            raise RemoteError(
                f"there is no guild home {self.remote.guild_home} on {where}",
                "Is a disk not mounted there? Nothing was changed here.",
            )
        if answer.get("no_home"):
            raise RemoteError(f"the login's home directory on {where} is not there")
        raise RemoteError(f"the agent on {where} failed", str(answer.get("bug", answer))[-2000:])

    def _too_old(self, version: str) -> GuildError:
        return RemoteError(
            f"Python on remote {self.name!r} is {version}, and guild needs 3.8 or newer",
            "Name a newer one with the key 'python' of the remote in the config file.",
        )

    def _no_answer(self, stderr: str) -> GuildError:
        said = [line for line in stderr.splitlines() if line.strip()][-3:]
        if "nknown option: -I" in stderr:  # Python 2
            return self._too_old("2")
        return RemoteError(
            f"remote {self.name!r} gave no answer that guild understands",
            "\n".join(said) or "Is it the machine that you mean? Try 'ssh HOST true'.",
        )

    def _send_agent(self) -> str:
        """Put the agent's files there, in a folder that the next call moves into place."""
        from guild_sync.transport import rsync

        folder = f".{agent_digest()}.{os.urandom(4).hex()}"
        rsync.send_folder(self.remote, AGENT, f"{self.home}/agent/{folder}")
        return folder

    def _clean_agents(self) -> None:
        self._ask("clean_agents", {"keep": agent_digest()}, None)


class _FrameReader:
    """Finds the answer's line behind whatever a login shell printed, and what follows it."""

    def __init__(self, on_rest: Callable[[bytes], None]) -> None:
        self.answer: dict[str, Any] | None = None
        self.rest = b""
        self._before = b""
        self._on_rest = on_rest

    def feed(self, data: bytes) -> None:
        if self.answer is not None:
            self._on_rest(data)
            return
        self._before += data
        start = self._before.find(b"\n" + FRAME.encode() + b" ")
        end = self._before.find(b"\n", start + 1)
        if start < 0 or end < 0:
            return
        line, rest = self._before[start:end], self._before[end + 1 :]
        self._before = b""
        try:
            answer = json.loads(line.split(b" ", 1)[1])
        except (ValueError, RecursionError):
            answer = None
        self.answer = answer if isinstance(answer, dict) else {"bug": "not a JSON object"}
        self.rest = rest
        if rest:
            self._on_rest(rest)


@cache
def agent_digest() -> str:
    """A name for this version of the agent: a digest of its files."""
    import hashlib  # for remotes alone: it loads OpenSSL

    digest = hashlib.sha256()
    for path in _agent_files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _agent_files() -> Iterator[Path]:
    return iter(sorted(AGENT.glob("*.py")))
