"""A remote as a host: the agent through ssh, put there where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from guild_sync.errors import GuildError, RemoteError
from guild_sync.hosts.answers import is_answer
from guild_sync.hosts.base import error_of_kind
from guild_sync.hosts.bootstrap import AGENT, BOOTSTRAP, agent_digest
from guild_sync.hosts.frames import FrameReader

if TYPE_CHECKING:
    from guild_sync.config.remotes import Remote


INSTALL_TIMEOUT = 1800.0  # seconds: installing a package's requirements may download them
# Removing many large runs takes its time too, and so does what activates an environment.
_SLOW = ("install", "delete_runs", "purge_runs", "try_environment")


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
        frame = FrameReader(on_bytes)
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
            frame = FrameReader(lambda rest: None)
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
        return " ".join([BOOTSTRAP, *words, "yes" if self._make_home else "no"])

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
