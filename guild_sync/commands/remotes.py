"""List the remotes: name, type, host, description; whether they answer, and what is free there.

Usage:
  guild remotes [options]

Remotes are defined in ~/.guild/config.yml, or the file that GUILD_CONFIG names:

  remotes:
    gpu1:
      type: ssh
      host: gpu1.example.com

The type of a cluster's login node is 'slurm' or 'pbs': runs there are jobs, and 'job' says
what these ask for (docs/slurm.md).

One that has a fault is not listed: all faults of the file are told, and the exit status is
1. The others can be used.

A comma is between several: 'guild runs -r gpu1,gpu2'; 'all' means all that are defined, and
beside 'remotes' there can be sets of them, which are listed last, but for --json:
'groups: {train: [gpu1, gpu2]}'.

The remote called 'sandbox' needs no definition: it is an ssh server of your own, on
this machine ('guild remote start sandbox').

Options:
  --status  Ask each remote whether guild can work there, all of them at once, and show
            what it says in place of its description, and since when you are logged in
            there ('guild remote login').
  --free    Show what is free on each of them, all asked at once: GPUs, with their memory,
            their use and who has them; cores, memory, room on the disk, and how many runs
            run. What you have on GPUs there by other means counts as another's. Of a
            cluster it is the login node's; 'guild check -r NAME' asks its scheduler.
  --json    Print JSON.
  --help    Show this help and exit.

Exit status of --status and --free: 0 if all answer, 1 if guild cannot work on one of them, 3 if
one is unreachable. A sandbox that is not running, and a remote of a type that guild
does not support, are shown and count for nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from guild_sync.agent.protocol import Free, FreeCard, counted
from guild_sync.cli.arguments import parse
from guild_sync.config import faults, groups
from guild_sync.config import remotes as configured
from guild_sync.config.home import config_path
from guild_sync.config.remotes import Remote
from guild_sync.errors import Exit, Unreachable
from guild_sync.hooks import configured as hooks
from guild_sync.output import console, formats, records, tables, terminal

if TYPE_CHECKING:
    from guild_sync.fleet.asking import Replies
    from guild_sync.monitoring.reach import Answer


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    usable, _ = configured.usable()
    found = sorted(usable.values(), key=lambda remote: remote.name)
    for name, key in [(remote.name, key) for remote in found for key in remote.passed_over]:
        text = f"remotes: {name}: {key}: is a key of Guild AI's, which guild passes over"
        print(f"guild: warning: {terminal.clean(text)}", file=sys.stderr)
    worst = _faults()
    if args.is_set("--free"):
        return max(worst, _free(found, args.is_set("--json")))
    if args.is_set("--status"):
        return max(worst, _status(found, args.is_set("--json")))
    if args.is_set("--json"):
        print(json.dumps([_as_json(remote) for remote in found]))
    else:
        rows = [(*_row(r), terminal.clean(r.description)) for r in found]
        sets = [(name, "group", "", ", ".join(of)) for name, of in sorted(groups.groups().items())]
        for line in tables.table([*rows, *sets]):
            print(line)
    return worst


def _faults() -> Exit:
    """Tell every fault of the config file, of remotes and of hooks."""
    if not (found := hooks.all_faults()):
        return Exit.OK
    console.warn(faults.refusal(config_path(), found))
    return Exit.ERROR


def _status(remotes: Sequence[Remote], as_json: bool) -> Exit:
    from guild_sync.monitoring.reach import answers

    worst = Exit.OK
    told: list[records.AskedRemote] = []
    # Of a table whose last column comes bit by bit, the others are known now.
    rows = tables.table([(*_row(remote), "|") for remote in remotes])
    for row, answer in zip(rows, answers(remotes), strict=True):
        worst = max(worst, answer.exit)
        if as_json:
            told.append(_asked_as_json(answer))
            continue
        console.say(row[:-1] + terminal.clean(_words(answer)))
    if as_json:
        print(json.dumps(told))
    return worst


def _free(remotes: Sequence[Remote], as_json: bool) -> Exit:
    from guild_sync.fleet import naming
    from guild_sync.fleet.asking import asked

    known = naming.names("all") if remotes else ()
    replies = asked(known, lambda host: host.free(host.environment()))
    if as_json:
        told = [remote for remote in remotes if remote.name in known]
        print(json.dumps([_free_as_json(remote, replies) for remote in told]))
        return replies.exit
    # What the nodes of a cluster have is its scheduler's to tell.
    clusters = {remote.name for remote in remotes if remote.scheduler}
    names = {name: f"{name} (login node)" if name in clusters else name for name in known}
    heads = tables.table([(names[name], *_amounts(free)) for name, free in replies.answers.items()])
    cards = [("", *_card(card)) for free in replies.answers.values() for card in free["cards"]]
    rows = iter(tables.table(cards))
    for head, free in zip(heads, replies.answers.values(), strict=True):
        console.say(head)
        for _ in free["cards"]:
            console.say(next(rows))
    return replies.exit


def _amounts(free: Free) -> tuple[str, ...]:
    """What of a host is free, a cell for each kind."""
    from guild_sync.fleet.freest import free_gpus

    cards, idle = free["cards"], free_gpus(free)
    waiting = f", {free['waiting']} waiting" if free["waiting"] else ""
    return (
        terminal.clean(free["problem"]) or (f"{idle} of {len(cards)} GPUs" if cards else "no GPUs"),
        f"{free['free_cores']} of {counted(free['cores'], 'core')}, load {free['load']:.1f}",
        f"{_size(free['free_memory'])} of {_size(free['memory'])} memory",
        f"{formats.size(free['room'])} room",
        formats.counted(free["runs"]) + waiting,
    )


def _card(card: FreeCard) -> tuple[str, ...]:
    """A GPU's cells: its number, name, memory, use, and who has it."""
    used, memory = (_size(n if n is None else n << 20) for n in (card["used"], card["memory"]))
    who = "free" if card["free"] else f"run {card['run'][:8]}" if card["run"] else "in use"
    use = "?" if card["use"] is None else f"{card['use']}%"
    cells = (card["index"], card["name"], f"{used} of {memory}", use, who)
    return tuple(map(terminal.clean, cells))


def _size(count: int | None) -> str:
    return "?" if count is None else formats.size(count)


def _free_as_json(remote: Remote, replies: Replies[Free]) -> records.FreeRemote:
    error = replies.errors.get(remote.name)
    kind = "unreachable" if isinstance(error, Unreachable) else "error"
    return {
        **_as_json(remote),
        "status": kind if error else "answers",
        "message": error.message if error else None,
        "hint": (error.hint or None) if error else None,
        "free": replies.answers.get(remote.name),
    }


def _words(answer: Answer) -> str:
    if answer.status == "answers":
        since = answer.login and formats.open_since(answer.login.since, answer.login.idle)
        logged_in = f"; logged in {since}" if since else ""
        return f"answers: Python {answer.python}, guild home {answer.home}{logged_in}"
    return ": ".join(filter(None, (answer.status, answer.message or answer.hint)))


def _row(remote: Remote) -> tuple[str, str, str]:
    return (remote.name, terminal.clean(remote.type), remote.host)


def _as_json(remote: Remote) -> records.RemoteRecord:
    return {
        "name": remote.name,
        "type": remote.type,
        "host": remote.host,
        "description": remote.description,
    }


def _asked_as_json(answer: Answer) -> records.AskedRemote:
    return {
        **_as_json(answer.remote),
        "status": answer.status,
        "message": answer.message or None,
        "hint": answer.hint or None,
        "python": answer.python or None,
        "home": answer.home or None,
        "logged_in": answer.login.since if answer.login else None,
        "keep_open": answer.login.idle if answer.login else None,
    }
