"""Take runs out of an archive: a folder, a .zip, a .tar or a .tar.zst.

Usage:
  guild import [options] FILE [RUN]...
  guild runs import [options] FILE [RUN]...

FILE is what 'guild export' or Guild AI's has made. RUN is an index of 'guild runs -A FILE' (1
is the latest), a range 1:5, a run id or the beginning of one. Without RUN, all runs are meant,
or with filters all that they leave. How much would be written is shown before it is asked
about; there has to be room for all of it.

A run that is here already is left as it is. Each of the others is the run that it was, and comes
whole or not at all: an archive that is cut brings nothing. One that had not ended when it was
exported has ended with an error here.

What an archive holds is not trusted. Nothing of it gets anywhere but into its runs; of a link
that leads out of the runs no more is kept than where it leads, which 'guild ls' shows. What it
says of remotes is not believed: a run out of it is this machine's own. A staged run waits for a
person: 'guild run --start ID' starts it, and no queue does.

Options:
  -m, --move        Remove the runs in FILE, which has to be a folder, once they are here; of
                    those that were here already the ones that are the same, byte for byte.
  --copy-resources  Have a copy of what a link to another run leads to, and not the link.
  --plan            Show which runs would come, and how much; change nothing.
  --json            Do not ask, and print as JSON what became of each run.
  -y, --yes         Do not ask.
  --help            Show this help and exit.

[filters]
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from guild_sync.agent.protocol import Imported
from guild_sync.cli import arguments, choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import Chosen, Intent
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts.archive import ArchiveHost
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, records, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted, size
from guild_sync.transfer.room import Room


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    archive = ArchiveHost(args.word("FILE"))
    chosen = choosing.choose_on(archive, args, changes=False, all_runs=True)
    runs = guild_home() / "runs"
    coming = [run for run in chosen.runs if not os.path.lexists(runs / run["id"])]
    held = [archive.contents["runs"][run["id"]] for run in coming]
    needed = sum(run["bytes"] for run in held)
    files = sum(run["files"] for run in held)
    note = f"{size(needed)} in {files} {'file' if files == 1 else 'files'} would be written."
    if there := len(chosen.runs) - len(coming):
        note += f" {counted(there)} {'is' if there == 1 else 'are'} here already."
    left = Room().left(runs)
    change = _change(args, note)
    # A move may remove those from the archive that are here already, too.
    shown = chosen if args.is_set("--move") else replace(chosen, runs=coming)
    as_json = args.is_set("--json")
    if not as_json and not chosen.runs:
        within = Path(archive.file, "runs")
        hint = f" Its runs are in {terminal.clean(str(within))!r}." if within.is_dir() else ""
        say(f"Nothing to import.{hint}")
        return Exit.OK
    if args.is_set("--plan"):
        if shown.runs:
            choosing.show(change.intent, shown)
        say(note)
    if needed > left:
        raise GuildError(
            f"no room: {size(needed)} would be written, and there is room for {size(left)}",
            "Name some of the runs. 'keep-free' in the config file says what stays free.",
        )
    if args.is_set("--plan"):
        return Exit.OK
    is_asked = bool(shown.runs) and not args.is_set("--yes") and not as_json
    if is_asked and not choosing.is_confirmed(change, shown):
        return Exit.OK
    found = LocalHost(str(guild_home())).import_runs(
        archive.file,
        chosen.ids,
        most=needed,
        room=left,
        copy_resources=args.is_set("--copy-resources"),
        move=args.is_set("--move"),
    )
    _warn(change, chosen, found)
    if as_json:
        print(json.dumps(_record(args.word("FILE"), found)))
    else:
        for run_id in found["there"]:
            say(f"run {run_id} is here already, and was left as it is")
        say(f"{change.done} {counted(len(found['done']))} from {terminal.clean(args.word('FILE'))}")
    return Exit.ERROR if found["refused"] or found["kept"] else Exit.OK


def _change(args: Arguments, note: str) -> Intent:
    move = args.is_set("--move")
    return Intent(
        verb="import",
        intent=f"import ({'move' if move else 'copy'}) from {terminal.clean(args.word('FILE'))!r}",
        done="Moved" if move else "Imported",
        refused="imported",
        question=lambda count: f"Import {counted(count)}?",
        note=note,
    )


def _warn(change: Intent, chosen: Chosen, found: Imported) -> None:
    for run_id, why in found["refused"].items():
        choosing.refuse(change, chosen, run_id, why)
    for run_id in found["open"]:
        console.warn(GuildError(f"run {run_id} had not ended when it was exported"))
    for run_id, count in found["links"].items():
        links = "1 link leads" if count == 1 else f"{count} links lead"
        what = f"of run {run_id} {links} out of the runs, and came not"
        console.warn(GuildError(what, f"Show where: 'guild ls {run_id}'."))
    choosing.warn_of_others(found["others"])
    for run_id, why in found["kept"].items():
        what = f"run {run_id} is here, and in the archive still: {terminal.clean(why)}"
        console.warn(GuildError(what))


def _record(file: str, found: Imported) -> records.ImportRecord:
    return {
        "file": file,
        "done": found["done"],
        "there": found["there"],
        "refused": found["refused"],
        "open": found["open"],
        "links": found["links"],
        "kept": found["kept"],
    }
