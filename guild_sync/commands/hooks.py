"""List hooks and notifications, and what waits to be told; or test them.

Usage:
  guild hooks [--json]
  guild hooks test [--json] [EVENT]
  guild hooks --help

Hooks are commands, and notifications are URLs of apprise (mail, Slack, ntfy, Telegram and
many more), which are told of what becomes of runs. They are in the config file:

  hooks:
    - on: [error, lost]
      command: echo "$GUILD_RUN on $GUILD_REMOTE" >> failures
  notify:
    - ntfy://my-topic
    - url: slack://$SLACK_TOKEN
      on: [error, lost, unreachable]
  heartbeat: https://hc-ping.com/my-uuid

Of each it is listed what it is told of, and how many events wait for it because it failed.
Of a URL no more is shown than what it is for.

'test' tells each of something made up, which is said to be a test, and shows what came
back: of EVENT those that are told of it, else each of the first of its events, and the
heartbeat (a start, and a success). EVENT is started, completed, error, terminated, lost,
stalled, retried, unreachable or reachable. A hook is run, with GUILD_TEST=yes.

Options:
  --json  Print JSON.
  --help  Show this help and exit.

Exit status: 0; 1 if one of them failed, or the config file has a fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from guild_sync.cli.arguments import parse
from guild_sync.config.faults import refusal
from guild_sync.config.home import config_path, guild_home
from guild_sync.config.sections import HEARTBEAT
from guild_sync.errors import Exit, UsageError
from guild_sync.hooks import configured, delivery, trial
from guild_sync.hooks.events import EVENTS
from guild_sync.hooks.heartbeat import Heartbeat
from guild_sync.hooks.listener import Listener, Reply
from guild_sync.output import console, records, tables
from guild_sync.output.terminal import clean

_HEADINGS = ("NAME", "TOLD OF", "REMOTES", "WAITING")


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    event = args.text("EVENT")
    if event and event not in EVENTS:
        raise UsageError(f"{event!r} is no event", f"Events are {', '.join(EVENTS)}.")
    listeners, (url, _) = configured.listeners()[0], configured.heartbeat()
    beat = Heartbeat(url) if url else None
    if faults := configured.all_faults():
        console.warn(refusal(config_path(), faults))
    as_json = args.is_set("--json")
    if not (listeners or beat or faults or as_json):
        console.say(f"There is no hook, notification or heartbeat in {clean(config_path())}.")
        return Exit.OK
    work = _test if args.is_set("test") else _list
    worst = work(listeners, beat, event, as_json)
    return Exit.ERROR if faults else worst


def _list(
    listeners: Sequence[Listener], beat: Heartbeat | None, _: str | None, as_json: bool
) -> Exit:
    home = str(guild_home())
    found = [_record(one, *delivery.waiting(home, one)) for one in listeners]
    if beat:
        found.append(_of_heartbeat(beat))
    if as_json:
        print(json.dumps(found))
    elif found:
        for line in tables.table([_HEADINGS, *map(_row, found)]):
            print(line)
    return Exit.OK


def _record(listener: Listener, waiting: int, tries: int) -> records.HookRecord:
    return {
        "kind": listener.kind,
        "name": listener.name,
        "on": listener.on,
        "remotes": listener.remotes,
        "waiting": waiting,
        "tries": tries,
    }


def _of_heartbeat(beat: Heartbeat) -> records.HookRecord:
    return {
        "kind": HEARTBEAT,
        "name": beat.name,
        "on": (),
        "remotes": (),
        "waiting": 0,
        "tries": 0,
    }


def _row(found: records.HookRecord) -> tuple[str, ...]:
    if found["kind"] == HEARTBEAT:
        return (clean(found["name"]), "each guild-sync", "", "")
    waiting = f"{found['waiting']}, tried {found['tries']}x" if found["waiting"] else "none"
    remotes = clean(", ".join(found["remotes"])) or "any"
    return (clean(found["name"]), ", ".join(found["on"]), remotes, waiting)


def _test(
    listeners: Sequence[Listener], beat: Heartbeat | None, event: str | None, as_json: bool
) -> Exit:
    told = []
    for result in _tried(listeners, beat, event):
        told.append(result)
        if not as_json:
            verdict = "ok" if result["ok"] else "failed"
            about = f", {result['event']}" if result["event"] else ""
            console.say(clean(f"{verdict}: {result['name']}{about}: {result['said']}"))
    if as_json:
        print(json.dumps(told))
    elif not told and event:
        print(f"Nobody is told of {event!r}.")
    return Exit.OK if all(result["ok"] for result in told) else Exit.ERROR


def _tried(
    listeners: Sequence[Listener], beat: Heartbeat | None, event: str | None
) -> Iterator[records.HookTest]:
    for listener, name, answer in trial.told(str(guild_home()), listeners, event):
        yield _result(listener.kind, listener.name, name, answer)
    if beat and event is None:
        yield _result(HEARTBEAT, beat.name, None, trial.called(beat))


def _result(kind: str, name: str, event: str | None, answer: Reply) -> records.HookTest:
    return {"kind": kind, "name": name, "event": event, "ok": answer.ok, "said": answer.said}
