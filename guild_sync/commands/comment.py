"""Add comments to runs, and list or delete them.

Usage:
  guild comment [options] [RUN]...
  guild runs comment [options] [RUN]...

RUN is an index (1 is the latest), a range 1:5, a run id or the beginning of one. Without
RUN, the latest run is meant, or with filters the latest one that they leave; with -r the
latest of your own there, as --mine has them, but for --list.

One of these says what to do:
  -l, --list         List the comments, with their numbers.
  -a, --add TEXT     Add the comment TEXT.
  -d, --delete N     Delete comment N; the others are numbered anew.
  -c, --clear        Delete all comments.

Options:
  -u, --user USER    Whose comment it is, USER or USER@HOST; you, if it is left out.
  -r, --remote NAME  Change or list runs of this remote.
  --all-users        With -r and no RUN: change the runs of others too.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from guild_sync.agent.machine.environment import user_name
from guild_sync.agent.protocol import Changed, Run, Value
from guild_sync.cli import arguments, choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.errors import Exit, UsageError
from guild_sync.hosts.base import Host
from guild_sync.output import formats, tables, terminal
from guild_sync.output.runs import row_without_index

ACTIONS = ("--list", "--add", "--delete", "--clear")


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    option = arguments.one_of(args, ACTIONS)
    if args.text("--user") is not None and option != "--add":
        raise UsageError("--user belongs to --add")
    if option == "--list":
        _list(choosing.choose(args, changes=False).runs)
        return Exit.OK
    return choosing.change_runs(args, _change(option, args))


def _change(option: str, args: Arguments) -> choosing.Action:
    if option == "--add":
        body = args.word("--add")
        if not body.strip():
            raise UsageError("a comment cannot be empty")
        comment = {"body": body, **_author(args.text("--user"))}
        return _told(
            lambda host, ids: host.comment(ids, add=comment),
            "add a comment to",
            "Added a comment to",
        )
    if option == "--delete":
        number = arguments.whole_number(args, "--delete")
        what = f"comment {number} of"
        return _told(
            lambda host, ids: host.comment(ids, delete=number), f"delete {what}", f"Deleted {what}"
        )
    what = "all comments of"
    clearing = _told(
        lambda host, ids: host.comment(ids, clear=True), f"delete {what}", f"Deleted {what}"
    )
    return replace(clearing, default=False)


def _told(act: Callable[[Host, Sequence[str]], Changed], intent: str, done: str) -> choosing.Action:
    return choosing.Action(act, verb="comment on", intent=intent, done=done)


def _author(named: str | None) -> dict[str, str]:
    """`user` and `host` of a comment: who types it, on whichever host the run is."""
    user, _, where = (named or "").partition("@")
    return {"user": user if named else user_name(), "host": where or socket.gethostname()}


def _list(runs: Sequence[Run]) -> None:
    rows = tables.table([row_without_index(run) for run in runs])
    for line, run in zip(rows, runs, strict=True):
        print(line)
        comments = run["comments"] if isinstance(run["comments"], list) else []
        for number, comment in enumerate(comments, 1):
            for text in _lines(number, comment if isinstance(comment, dict) else {}):
                print(f"  {terminal.clean(text)}".rstrip())
        if not comments:
            print("  no comments")


def _lines(number: int, comment: Mapping[str, Value]) -> Iterator[str]:
    author = f"{comment.get('user', '')}@{comment.get('host', '')}"
    yield f"{number}: {author} {formats.date(comment.get('time'))}"
    for line in str(comment.get("body", "")).splitlines():
        yield f"   {line}"
