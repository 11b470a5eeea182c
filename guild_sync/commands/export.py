"""Put runs into an archive: a folder, a .zip, a .tar or a .tar.zst.

Usage:
  guild export [options] FILE [RUN]...
  guild runs export [options] FILE [RUN]...
  guild export [options] --tensorboard DIR [RUN]...

FILE is a .zip, .tar or .tar.zst by its name, and else a folder. RUN is an index (1 is the
latest), a range 1:5, a run id or the beginning of one. Without RUN, all runs are meant, or
with filters all that they leave. 'guild import FILE' brings them back, here or on any other
machine; 'guild runs -A FILE' lists them. Guild AI reads folders and .zip files.

Runs of a remote go once they are here: 'guild pull' brings them.

An archive that is there gets the runs that it does not have yet; those that it has are left
as they are there. It is there whole, or as it was: killed at any moment, an export leaves
nothing half. A run that is running is exported as it is at that moment, and a line says so.

With --tensorboard DIR the runs' scalars are written for TensorBoard, and nothing else: a folder
in DIR for each run, which 'tensorboard --logdir DIR' shows. See docs/plots.md.

A link goes as a link. What it leads to goes in its place with --copy-resources: a copy for each
run that has it.

Options:
  -m, --move        Remove the runs here, for good, once the archive is on its disk. A run
                    that is not over stays, and is not exported.
  -r, --copy-resources
                    Put in what links lead to, and not the links.
  --tensorboard DIR
                    Write event files of TensorBoard into DIR: of runs that it has already,
                    where something has changed.
  --json            Do not ask, and print as JSON what became of each run.
  -y, --yes         Do not ask.
  --help            Show this help and exit.

[filters]
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from guild_sync.agent.protocol import Exported
from guild_sync.cli import arguments, choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import Chosen, Intent
from guild_sync.config import remotes
from guild_sync.errors import Exit, GuildError, RunNotFound, UsageError
from guild_sync.hosts.choose import host
from guild_sync.output import console, records, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted, size
from guild_sync.transfer.room import Room


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if (folder := args.text("--tensorboard")) is not None:
        return _for_tensorboard(args, folder)
    file = args.word("FILE")
    move = args.is_set("--move")
    shown = terminal.clean(file)
    try:
        chosen = choosing.choose(args, changes=move, all_runs=True)
    except RunNotFound as e:
        raise _of_a_remote(args) or e from None
    change = Intent(
        verb="export",
        intent=f"{'move' if move else 'copy'} to {shown!r}",
        done="Exported",
        refused="exported",
        question=lambda count: f"{'Move' if move else 'Export'} {counted(count)}?",
        on_copy="Of a run that is running on {remote}, what is here of it goes.",
    )
    as_json = args.is_set("--json")
    if not chosen.runs and not as_json:
        say("Nothing to export.")
        return Exit.OK
    if not args.is_set("--yes") and not as_json and not choosing.is_confirmed(change, chosen):
        return Exit.OK
    left = Room().left(Path(file).absolute().parent)
    found = chosen.host.export_runs(file, chosen.ids, move, args.is_set("--copy-resources"), left)
    if not found["fits"]:
        raise GuildError(
            f"no room: {size(found['bytes'])} would be written to {shown}, and there is room for "
            f"{size(left)}",
            "Nothing was written. 'keep-free' in the config file says what stays free.",
        )
    _warn(change, chosen, found)
    if as_json:
        record: records.ExportRecord = {
            "file": file,
            "done": found["done"],
            "there": found["there"],
            "refused": found["refused"],
            "running": found["running"],
            "inputs": found["inputs"],
            "bytes": found["bytes"],
        }
        print(json.dumps(record))
    else:
        for run_id in found["there"]:
            say(f"run {run_id} is in {shown} already, and was left as it is there")
        if lacking := [found["inputs"][i] for i in found["done"] if i in found["inputs"]]:
            say(
                f"{counted(len(lacking))} {'is' if len(lacking) == 1 else 'are'} here, and there, "
                f"without {size(sum(lacking))} of what they were given: 'guild pull REMOTE RUN "
                "--inputs' brings it"
            )
        verb = "Moved" if move else "Exported"
        how_much = f" ({size(found['bytes'])})" if found["done"] else ""
        say(f"{verb} {counted(len(found['done']))} to {shown}{how_much}")
    return Exit.ERROR if found["refused"] else Exit.OK


def _for_tensorboard(args: Arguments, folder: str) -> int:
    """Write the event files of runs, which are all of the words of this command line."""
    from guild_sync.eventfiles import folders

    if args.is_set("--move") or args.is_set("--copy-resources"):
        raise UsageError("--tensorboard excludes --move and --copy-resources")
    here = host(None)
    filters = arguments.filters_for(args, here, changes=False)
    specs = [*filter(None, [args.text("FILE")]), *args.texts("RUN")]
    runs = here.compared(specs, None, filters)["runs"]
    found = folders.write_all(runs, here.points_of, Path(folder))
    if args.is_set("--json"):
        record: records.EventFilesRecord = {
            "folder": folder,
            "done": found.done,
            "unchanged": found.unchanged,
            "without": found.without,
        }
        print(json.dumps(record))
        return Exit.OK
    as_it_was = f", {len(found.unchanged)} as before" if found.unchanged else ""
    say(f"Wrote {counted(len(found.done))} to {terminal.clean(folder)}{as_it_was}")
    if found.without:
        say(f"{counted(len(found.without))} without scalars: nothing to write")
    return Exit.OK


def _of_a_remote(args: Arguments) -> RunNotFound | None:
    """What is said where `-r`, as of other commands, was to name a remote."""
    named = [word for word in args.texts("RUN") if word in remotes.usable()[0]]
    if not named or not args.is_set("--copy-resources"):
        return None
    return RunNotFound(
        f"{named[0]!r} is a remote, and -r is --copy-resources here",
        f"What is here is exported: 'guild pull {named[0]}' brings its runs.",
    )


def _warn(change: Intent, chosen: Chosen, found: Exported) -> None:
    for run_id, status in found["running"].items():
        what = f"run {run_id} is {terminal.clean(status)}: what there is of it by now was exported"
        console.warn(GuildError(what))
    for run_id, why in found["refused"].items():
        choosing.refuse(change, chosen, run_id, why)
    choosing.warn_of_others(found["others"])
