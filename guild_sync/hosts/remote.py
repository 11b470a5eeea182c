"""A remote as a host: the agent through ssh, put there where it is not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from guild_sync.agent.calls import Function, Functions, Stream
from guild_sync.agent.forms import Misread, read
from guild_sync.agent.protocol import ENV, Abilities
from guild_sync.errors import (
    GuildError,
    RemoteError,
    Unreachable,
    note_scheduler,
    scheduler_silent,
)
from guild_sync.hosts.base import Host, error_of_kind, from_here
from guild_sync.hosts.bootstrap import (
    ABSENT,
    AGENT,
    BOOTSTRAP,
    agent_digest,
    home_words,
    in_login,
    word,
)
from guild_sync.hosts.frames import MOST_BEFORE, Framed, FrameReader, PacketReader

if TYPE_CHECKING:
    from guild_sync.config.remotes import Remote
    from guild_sync.hosts.conversation import Conversation

T = TypeVar("T")
Question = Callable[[], object]

# Seconds for a function that is slow: installing requirements may download them, and removing
# many large runs takes its time too, and so does what activates an environment.
SLOW_TIMEOUT = 1800.0
# For each run that a request names, beside its 60 s: 10,000 on a busy machine take longer.
SECONDS_OF_ONE = 0.006
# Of one request: the agent is not there, or damaged; it is sent; and, where another version of
# guild removes it just then, once more.
MOST_CALLS = 5


class _Noted(Exception):
    """A question was noted, to be asked later."""


class RemoteHost(Host):
    """The runs of a machine reached over ssh."""

    name: str

    def __init__(self, remote: Remote, make_home: bool = True) -> None:
        self.remote = remote
        self._make_home = make_home
        self.name = remote.name
        self.rsync = remote.rsync_path or self.rsync
        self.track = remote.track
        self.scheduler = remote.scheduler
        self.home = ""  # the guild home there, absolute; known after the first answer
        self._talk: Conversation | None = None
        self._talker = 0  # the thread whose it is
        self._begun: dict[int, Conversation] = {}  # for what a thread asks next
        self._noted: list[bytes] | None = None
        self._has_answered = False  # since a stream was begun

    def environment(self) -> dict[str, str]:
        keys = ("venv_path", "conda_env", "venv_activate", "python")
        values = {key.replace("_", "-"): getattr(self.remote, key) for key in keys}
        values.update({f"{ENV}{name}": value for name, value in self.remote.env})
        return {key: value for key, value in values.items() if value is not None}

    def is_connected(self) -> bool:
        from guild_sync.transport import ssh

        return bool(self.home) or ssh.is_shared(self.remote)

    def enter(self, run_id: str, command: Sequence[str]) -> int:
        from guild_sync.transport import ssh, watched

        if not self.home:
            self.python()  # sends the agent if it is not there, and says what else is in the way
        self.leave()
        there = self._command(agent_digest(), "", ("shell", run_id, *command))
        return watched.become(ssh.terminal_argv(self.remote, there))

    @contextmanager
    def staying(self) -> Iterator[None]:
        if self._talk is not None:  # within another, or a thread's beside us
            yield
            return
        from guild_sync.hosts.conversation import Conversation

        talk = self._own_begun() or Conversation(self.remote)
        talk.stays = True
        self._talker = threading.get_ident()
        self._talk = talk
        try:
            yield
        except GuildError:
            raise
        except BaseException:  # Ctrl-C most often, for which nobody waits
            talk.abandon()
            raise
        finally:
            self._talk = None
            talk.leave()

    def begin(self) -> None:
        from guild_sync.hosts.conversation import Conversation

        talk = self._own_talk()
        if talk is None:
            talk = self._begun.setdefault(threading.get_ident(), Conversation(self.remote))
        if not talk.has_begun:
            talk.begin(self._command(agent_digest(), ""))

    def leave(self) -> None:
        """Have no agent stay there: what comes next is for others, as a copy is, or lasts long."""
        for talk in (self._own_talk(), self._own_begun()):
            if talk:
                talk.leave()

    def ahead(self, *questions: Question) -> None:
        """What this thread asks after one question: where that goes well, the agent goes on.

        They are asked in the same words then, and answered with what it has done. Where nobody
        stays there, this changes nothing.
        """
        if talk := self._own_talk():
            noted = self._noted = []
            try:
                for question in questions:
                    with suppress(_Noted):
                        question()
            finally:
                self._noted = None
            talk.ahead(noted)

    def _own_talk(self) -> Conversation | None:
        """The conversation that this thread has, if it has one that stays."""
        return self._talk if self._talker == threading.get_ident() else None

    def _own_begun(self) -> Conversation | None:
        """The conversation that this thread has begun, which is its caller's from now on."""
        return self._begun.pop(threading.get_ident(), None)

    def ask(self, function: Function[T], **args: object) -> T:
        """As AgentClient.ask. Raises Unreachable, RemoteError, or what the agent says."""
        if self._noted is not None and self._own_talk():
            self._noted.append(self._request(function, args))
            raise _Noted
        answer = self._answer(function, args)
        note_scheduler(self.name, answer.get("scheduler"))
        result = self._result(answer)
        if isinstance(home := answer.get("home"), str) and home.startswith("/"):
            self.home = home
        if "abilities" in answer:
            from guild_sync.transport import known

            try:
                known.note(self.remote, read(Abilities, answer["abilities"]))
            except Misread:  # it is not asked again
                known.note(self.remote, {"aes": False, "zstd": False})
        self._has_answered = True
        return self._read(function, result)

    def stream(
        self, function: Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        if not self._has_answered:
            self.python()  # connects, and sends the agent if it is not there
        self._has_answered = False  # a stream may last for hours
        self.leave()
        request = self._request(function, args)
        end, begun = self._stream_once(request, on_packet)
        is_damaged = bool(end.get("damaged"))
        if (is_damaged or end.get("no_agent")) and not begun:
            self._answer(Functions.python, {}, damaged=is_damaged)
            end, _ = self._stream_once(request, on_packet)
        return self._read(function, self._result(end))

    def _stream_once(
        self, request: bytes, on_packet: Callable[[bytes, bytes], None]
    ) -> tuple[Framed, bool]:
        """How the stream ended, and whether any of it was handed over."""
        from guild_sync.transport import ssh, ssh_failures, watched

        begun = False

        def take(kind: bytes, data: bytes) -> None:
            nonlocal begun
            begun = True
            on_packet(kind, data)

        packets = PacketReader(take)
        frame = FrameReader(packets.feed, MOST_BEFORE)
        words = ssh.argv(self.remote, self._command(agent_digest(), ""))
        try:
            done = watched.stream(words, frame.feed, first_line=request + b"\n")
        except RemoteError as e:
            raise RemoteError(f"remote {self.name!r}: {e.message}", e.hint) from None
        ssh_failures.check(self.remote, done)
        if _is_damaged(frame.answer, frame.reached, done.stderr):
            return {"damaged": True, **(frame.answer or {})}, begun
        if frame.answer is None:
            raise self._no_answer(done.stderr)
        if frame.answer.get("no_agent"):  # another version of guild has removed it
            return frame.answer, begun
        self._result(frame.answer)
        if packets.end is None:
            raise Unreachable(f"the connection to remote {self.name!r} was lost")
        return packets.end, begun

    def _read(self, function: Function[T], result: object) -> T:
        try:
            return read(function.answer, result)
        except Misread as e:
            raise self._no_answer(f"Its answer to {function.name!r}: {e}") from None

    def _answer(
        self, function: Function[T], args: Mapping[str, object], damaged: bool = False
    ) -> Framed:
        """What the agent answers; it is sent where it is not there.

        Where it is `damaged`, or turns out to be, it is sent anew, once.
        """
        from guild_sync.hosts.conversation import Conversation
        from guild_sync.transport import known

        named = max((len(v) for v in args.values() if isinstance(v, (list, dict))), default=0)
        timeout = SLOW_TIMEOUT if function.slow else self.remote.timeout or call_timeout(named)
        agent, sent = (ABSENT if damaged else agent_digest()), ""
        talk = self._own_talk() or self._own_begun() or Conversation(self.remote)
        if damaged:
            talk.leave()
        request = self._request(function, args, known.known_of(self.remote) is None)
        for _ in range(MOST_CALLS):
            heard = talk.ask(self._command(agent, sent), request, timeout)
            answer = heard.answer
            if answer is not None and answer.get("no_setup"):
                raise self._setup_failed(heard.stderr)
            if answer is not None and answer.get("no_agent"):
                self.home = heard.rest.decode("utf-8", "surrogateescape")
                agent, sent = agent_digest(), self._send_agent()
            elif not damaged and _is_damaged(answer, heard.reached, heard.stderr):
                damaged = True
                agent, sent = ABSENT, ""
            elif answer is None:
                raise self._no_answer(heard.stderr)
            else:
                # Not again for that call itself, be the agent sent for it too, without end.
                if sent and "damaged" not in answer and function is not Functions.clean_agents:
                    self._clean_agents()
                return answer
        raise RemoteError(
            f"remote {self.name!r} does not keep the agent that was sent there",
            f"Look at {self.home}/agent there: is its disk full or faulty?",
        )

    def _command(self, agent: str, sent: str, arguments: Sequence[str] = ()) -> str:
        """The words that become the agent there; with `arguments`, as one that asks for nothing."""
        home = self.remote.guild_home.removeprefix("~/")
        # The script runs in the login's home, and would take a `~` in a word for a name.
        python = self.remote.python or "python3"
        python = f".{python[1:]}" if python.startswith("~/") else python
        setup, profile = self.remote.setup, self.remote.login_shell
        script = in_login(profile) if setup or profile else BOOTSTRAP
        make_home = "enter" if arguments else "yes" if self._make_home else "no"
        words = (word(python), agent, word(sent), make_home, word(setup))
        given = [word(argument, "a") for argument in arguments]
        return " ".join([script, *words, *home_words(home), *given])

    def _request(
        self, function: Function[T], args: Mapping[str, object], of_machine: bool = False
    ) -> bytes:
        """What the agent is told; with `of_machine` it is asked too what its machine can do."""
        home = self.remote.guild_home.removeprefix("~/")
        request = {"home": home, "function": function.name, "args": args}
        if of_machine:
            request["abilities"] = self.rsync
        return json.dumps(request).encode()

    def _result(self, answer: Framed) -> object:
        where = f"remote {self.name!r}"
        if "ok" in answer:
            return answer["ok"]
        if isinstance(error := answer.get("error"), dict):
            if error.get("kind") == "scheduler":
                raise scheduler_silent(
                    self.name, str(error.get("message")), str(error.get("hint") or "")
                )
            hint = from_here(str(error.get("hint") or ""), self.name)
            if error.get("kind") == "python" and (self.remote.init or "").strip():
                hint += f"\nIf its 'init' makes it: guild remote reinit {self.name}"
            kind = str(error.get("kind"))
            raise error_of_kind(kind, f"{where}: {error.get('message')}", hint)
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
        if answer.get("no_request"):
            raise RemoteError(
                f"{where} did not get whole what guild sent: a start-up file of the login shell "
                "reads it",
                "Have the login shell's start-up files (.bashrc and the like) read their input "
                "only where [ -t 0 ].",
            )
        if "no_variable" in answer:
            raise RemoteError(
                f"the guild home {self.remote.guild_home} on {where} has a variable that is not "
                f"set there: {answer['no_variable']}",
                "Where no person is watching, not all start-up files of the login shell are read. "
                "Write the path out in\n'guild-home' of the remote.",
            )
        if answer.get("home_missing"):
            raise RemoteError(
                f"there is no guild home {self.remote.guild_home} on {where}",
                "Is a disk not mounted there? Nothing was changed here.",
            )
        if answer.get("no_home"):
            raise RemoteError(f"the login's home directory on {where} is not there")
        if answer.get("damaged"):
            said = str(answer.get("bug", "")).strip().splitlines()[-1:]
            raise RemoteError(
                f"the agent on {where} is damaged, and was sent anew in vain",
                "\n".join([*said, f"Look at {self.home}/agent there: is its disk faulty?"]),
            )
        raise RemoteError(f"the agent on {where} failed", str(answer.get("bug", answer))[-2000:])

    def _setup_failed(self, stderr: str) -> GuildError:
        said = [line for line in stderr.splitlines() if line.strip()][-3:]
        hint = "Correct 'setup' of the remote in the config file."
        return RemoteError(f"the setup of remote {self.name!r} failed", "\n".join([*said, hint]))

    def _too_old(self, version: str) -> GuildError:
        return RemoteError(
            f"Python on remote {self.name!r} is {version}, and guild needs 3.8 or newer",
            "Name a newer one with the key 'python' of the remote in the config file.",
        )

    def _no_answer(self, stderr: str) -> GuildError:
        from guild_sync.transport import ssh_failures

        if error := ssh_failures.expired(self.remote, stderr):
            return error
        said = [line for line in stderr.splitlines() if line.strip()][-3:]
        if "nknown option: -I" in stderr:  # Python 2
            return self._too_old("2")
        hint = "Is it the machine that you mean? Try 'ssh HOST true'."
        if self.remote.setup:
            hint = "Does its 'setup' in the config file end the shell, or become another program?"
        return RemoteError(
            f"remote {self.name!r} gave no answer that guild understands", "\n".join(said) or hint
        )

    def _send_agent(self) -> str:
        """Put the agent's files there, in a folder that the next call moves into place."""
        from guild_sync.rsync import sending

        folder = f".{agent_digest()}.{os.urandom(4).hex()}"
        sending.send_folder(self.remote, AGENT, f"{self.home}/agent/{folder}")
        return folder

    def _clean_agents(self) -> None:
        self._answer(Functions.clean_agents, {"keep": agent_digest()})


def call_timeout(named: int) -> float:
    """The seconds that a request has which names so many runs, where the remote's keys say none."""
    from guild_sync.transport import ssh

    return ssh.CALL_TIMEOUT + SECONDS_OF_ONE * named


def _is_damaged(answer: Framed | None, reached: bool, said: str) -> bool:
    """Whether the agent's folder is not what was sent, as far as an answer tells, or none."""
    if answer is None:
        return reached and "nknown option: -I" not in said  # that one is Python 2
    return bool(answer.get("damaged"))
