"""A remote as a host: the agent through ssh, put there where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from guild_sync.agent.calls import Function, Functions, Stream
from guild_sync.errors import GuildError, RemoteError, Unreachable
from guild_sync.hosts.answers import Misread, read
from guild_sync.hosts.base import Host, error_of_kind
from guild_sync.hosts.bootstrap import AGENT, BOOTSTRAP, agent_digest
from guild_sync.hosts.frames import MOST_BEFORE, FrameReader, PacketReader

if TYPE_CHECKING:
    from guild_sync.config.remotes import Remote

T = TypeVar("T")

# Seconds for a function that is slow: installing requirements may download them, and removing
# many large runs takes its time too, and so does what activates an environment.
SLOW_TIMEOUT = 1800.0


class RemoteHost(Host):
    """The runs of a machine reached over ssh."""

    name: str

    def __init__(self, remote: Remote, make_home: bool = True) -> None:
        self.remote = remote
        self._make_home = make_home
        self.name = remote.name
        self.home = ""  # the guild home there, absolute; known after the first answer

    def environment(self) -> dict[str, str]:
        keys = ("venv_path", "conda_env", "venv_activate", "python")
        values = {key.replace("_", "-"): getattr(self.remote, key) for key in keys}
        return {key: value for key, value in values.items() if value}

    def ask(self, function: Function[T], **args: object) -> T:
        """As AgentClient.ask. Raises Unreachable, RemoteError, or what the agent says."""
        answer = self._answer(function, args)
        result = self._result(answer)
        if isinstance(home := answer.get("home"), str) and home.startswith("/"):
            self.home = home
        return self._read(function, result)

    def stream(
        self, function: Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        from guild_sync.transport import process, ssh, ssh_failures

        self.python()  # connects, and sends the agent if it is not there
        packets = PacketReader(on_packet)
        frame = FrameReader(packets.feed, MOST_BEFORE)
        try:
            done = process.stream(
                ssh.argv(self.remote, self._command("")),
                frame.feed,
                first_line=self._request(function, args),
            )
        except RemoteError as e:
            raise RemoteError(f"remote {self.name!r}: {e.message}", e.hint) from None
        ssh_failures.check(self.remote, done)
        if frame.answer is None:
            raise self._no_answer(done.stderr)
        self._result(frame.answer)
        if packets.end is None:
            raise Unreachable(f"the connection to remote {self.name!r} was lost")
        return self._read(function, self._result(packets.end))

    def _read(self, function: Function[T], result: object) -> T:
        try:
            return read(function.answer, result)
        except Misread:
            raise self._no_answer("") from None

    def _answer(self, function: Function[T], args: Mapping[str, object]) -> dict[str, object]:
        from guild_sync.transport import ssh

        sent = ""
        timeout = SLOW_TIMEOUT if function.slow else self.remote.timeout or ssh.CALL_TIMEOUT
        for _ in range(2):
            done = ssh.run(
                self.remote,
                [self._command(sent)],
                stdin=self._request(function, args),
                timeout=timeout,
            )
            frame = FrameReader()
            frame.feed(done.stdout)
            if frame.answer is None:
                raise self._no_answer(done.stderr)
            if not frame.answer.get("no_agent"):
                if sent:
                    self._clean_agents()
                return frame.answer
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

    def _request(self, function: Function[T], args: Mapping[str, object]) -> bytes:
        home = self.remote.guild_home.removeprefix("~/")
        request = {"home": home, "function": function.name, "args": args}
        return json.dumps(request).encode() + b"\n"

    def _result(self, answer: Mapping[str, object]) -> object:
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
        self._answer(Functions.clean_agents, {"keep": agent_digest()})
