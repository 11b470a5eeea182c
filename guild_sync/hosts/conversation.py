"""The agent of a remote, asked by requests: one process for each, or one that stays for more."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import lacks_something
from guild_sync.config.remotes import Remote
from guild_sync.hosts.frames import Framed, FrameReader
from guild_sync.transport import process, programs, question, ssh, ssh_failures


class Heard(NamedTuple):
    """What came back, if that was an answer; and what else was said, where its process has ended.

    `reached`: whether the script came as far as the agent, which gave no answer.
    """

    answer: Framed | None
    reached: bool = False
    rest: bytes = b""
    stderr: str = ""


class Conversation:
    """Asks the agent of a remote for one thread, by whom it is left before that ends."""

    stays = False  # whether the process that answers first answers the other requests too

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._talk: question.Dialogue | None = None
        self._was_shared = self._has_answered = False  # of who is talked with
        self._rest = b""  # the beginning of the next answer
        self._awaited: deque[bytes] = deque()  # what was told, and is not answered yet
        self._ahead: Sequence[bytes] = ()

    @property
    def has_begun(self) -> bool:
        """Whether there is an agent, or one on its way, that can be asked."""
        return self._talk is not None

    def begin(self, command: str) -> None:
        """Have the agent begin that the first request is for: it takes a while to be there."""
        self._was_shared, self._has_answered = ssh.is_shared(self._remote), False
        words = ssh.argv(self._remote, command)
        self._talk = question.Dialogue(words, programs.ending_with_us(words[0]))

    def ahead(self, requests: Sequence[bytes]) -> None:
        """Tell these too with the next request: where that goes well, the agent goes on."""
        self._ahead = requests

    def ask(self, command: str, request: bytes, seconds: float) -> Heard:
        """What the agent answers that is there, or that the command begins.

        It is asked again once at most, where it has gone before, or the connection is dead: then
        there is a new one. Raises Unreachable and the like where ssh fails.
        """
        is_there = self._talk is not None
        had_stayed = is_there and self._has_answered
        is_begun = is_there and not had_stayed
        was_shared = self._was_shared if is_begun else ssh.is_shared(self._remote)
        heard, done = self._asked(command, request, seconds)
        if done is not None and heard.answer is None:
            is_broken = done.timed_out or done.code == ssh_failures.CONNECTION_FAILED
            if (was_shared and ssh.may_go_well(self._remote, done)) or (
                had_stayed and not is_broken and not done.said_too_much
            ):
                heard, done = self._asked(command, request, seconds)
        if done is not None and heard.answer is None:
            ssh_failures.check(self._remote, done)
        return heard

    def leave(self) -> None:
        """Have the agent end, with all that it was told."""
        if self._talk is not None:
            self._end()

    def abandon(self) -> None:
        """Have the agent end, be it in the middle of what it was told."""
        if self._talk is not None:
            self._talk.kill()
            self._forget()

    def _asked(
        self, command: str, request: bytes, seconds: float
    ) -> tuple[Heard, process.Completed | None]:
        """What comes back; and how what was asked has ended, where it does not stay."""
        self._tell(command, request)
        try:
            frame, failure = self._heard(seconds)
        except BaseException:
            self.abandon()
            raise
        if failure:
            self.abandon()
            return Heard(None), process.Completed(failure, b"", "")
        self._rest = frame.rest
        answer = frame.answer
        self._has_answered = answer is not None
        if self.stays and answer is not None and ("ok" in answer or "error" in answer):
            self._awaited.popleft()
            if "ok" not in answer or lacks_something(answer["ok"]):
                self._awaited.clear()
            return Heard(answer), None
        done = self._end()
        return Heard(answer, frame.reached, frame.rest + done.stdout, done.stderr), done

    def _tell(self, command: str, request: bytes) -> None:
        """Tell a request, and what was said to come after it, unless it was told before."""
        if self._awaited:
            if self._awaited[0] == request:
                return
            self.leave()
        if self._talk is None:
            self.begin(command)
        assert self._talk is not None
        self._awaited.extend((request, *self._ahead))
        self._ahead = ()
        told = b"[%s]" % b",".join(self._awaited) if len(self._awaited) > 1 else request
        self._talk.tell(told + b"\n", more=self.stays)

    def _heard(self, seconds: float) -> tuple[FrameReader, int]:
        """An answer, or all that came up to an end without one; why it was waited for no longer."""
        assert self._talk is not None
        until, frame, count = time.monotonic() + seconds, FrameReader(), len(self._rest)
        frame.feed(self._rest)
        while frame.answer is None:
            piece = self._talk.heard(until - time.monotonic())
            if piece is None:
                return frame, process.TIMED_OUT
            count += len(piece)
            if count > process.MAX_OUTPUT:
                return frame, process.TOO_MUCH
            if not piece:
                break
            frame.feed(piece)
        return frame, 0

    def _end(self) -> process.Completed:
        assert self._talk is not None
        try:
            return self._talk.end(ssh.CALL_TIMEOUT)
        finally:
            self._forget()

    def _forget(self) -> None:
        self._talk, self._rest, self._ahead = None, b"", ()
        self._awaited.clear()
