"""A hook: a command of the user's, which gets what it is told as variables and as JSON."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

from guild_sync.errors import GuildError
from guild_sync.hooks.listener import Listener, News, Reply

_LONGEST_VALUE = 1 << 15  # characters of a variable; the kernel takes 128 KiB
_SHOWN = 60  # characters of a command in a message


@dataclass(frozen=True)
class Hook(Listener):
    """A command, and the events that it is told of."""

    kind = "hook"
    command: str | tuple[str, ...]  # text is for sh

    @property
    def argv(self) -> tuple[str, ...]:
        return ("sh", "-c", self.command) if isinstance(self.command, str) else self.command

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(self.command).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        command = self.command if isinstance(self.command, str) else " ".join(self.command)
        return f"hook {' '.join(command.split())[:_SHOWN]!r}"

    def tell(self, news: News) -> Reply:
        from guild_sync.transport import question

        told = {key: news.event[key] for key in ("event", "remote", "before", "at", "reason")}
        run = {**news.run, "scalars": news.scalars} if news.run else None
        stdin = json.dumps({**told, "test": news.is_test, "run": run}).encode()
        env = {**os.environ, **_variables(news)}
        try:
            done = question.run(self.argv, stdin=stdin, timeout=self.timeout, env=env)
        except GuildError as e:
            return Reply(False, e.message)
        if done.timed_out:
            return Reply(False, f"it took longer than {self.timeout} s")
        why = f"exit status {done.code}"
        if said := (done.stderr.strip() or done.stdout.decode("utf-8", "replace").strip()):
            why += f": {said.splitlines()[-1]}"
        return Reply(done.code == 0, why)


def _variables(news: News) -> dict[str, str]:
    from guild_sync.output.runs import operation

    event, run = news.event, news.run
    values = {
        "EVENT": event["event"],
        "REMOTE": event["remote"],
        "REASON": event["reason"],
        "PREVIOUS_STATUS": event["before"],
        "RUN": event["run"],
        "RUN_DIR": run and run["run_dir"],
        "STATUS": run and run["status"],
        "OPERATION": operation(run) if run else None,
        "LABEL": run and run["label"],
        "EXIT_STATUS": run and run["exit_status"],
        "STARTED": run and run["started"],
        "STOPPED": run and run["stopped"],
        "ATTEMPT": run and run["attempt"],
        "ENDED_BY": run and run["ended_by"],
        "TEST": "yes" if news.is_test else None,
        "SCALARS": _last_values(news) if run else None,
    }
    return {f"GUILD_{name}": _value(value) for name, value in values.items()}


def _last_values(news: News) -> str:
    """The last value of each scalar by its name, as JSON; of so many as a variable has room for."""
    found = {name: scalar["last"] for name, scalar in news.scalars.items()}
    while len(text := json.dumps(found)) > _LONGEST_VALUE:
        found.popitem()
    return text


def _value(value: object) -> str:
    """A value as a variable of the environment can have it."""
    text = "" if value is None else str(value).replace("\0", "")
    return text[:_LONGEST_VALUE].encode("utf-8", "replace").decode()
