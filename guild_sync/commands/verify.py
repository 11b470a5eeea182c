"""Tell whether copies here are the same as their remotes' runs, byte for byte.

Usage:
  guild verify [options] [RUN]...

All files are read, here and on the remote, and compared by rsync's checksums: a byte that
has changed is found though size and time have not. Nothing is written, here or there, and
syncs go on meanwhile. RUN is an index of 'guild runs' (1 is the latest), a range 1:5, a run
id or the beginning of one. Without RUN, all copies are meant, or with filters those of them
that they leave.

What differs is named: 'guild sync --verify' and 'guild pull --verify' copy what the remote
has. Which of the two is right, guild cannot tell: 'guild diff RUN REMOTE:RUN -p PATH' shows
both. A run that is not over, here or there, is passed over, and said to be. What is here
alone is no difference, nor are labels, tags, comments and marks, which copies merge, nor
what was left out of a copy on purpose, nor what runs were given and is not here.

Options:
  -r, --remote NAMES
                     The copies of this remote alone, or of several (gpu1,gpu2, all, or a
                     group of the config file); with one and RUN, which is one of those here
                     all the same, hold that against the run that this remote has, such as
                     one that was pushed there.
  --inputs           Read there, too, what runs were given and their copies are without, and
                     hold it against what it was when it was sent.
  --jobs N           Work on N remotes at a time [default: 8].
  --json             Show it as JSON.
  --help             Show this help and exit.

Exit status: 0 if all is the same, 1 for an error that you can mend, such as a run that its
remote has no more, 3 if a remote could not be reached, 4 if something differs or may not be
read. The highest of them counts.

[filters]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from guild_sync.agent.protocol import Run
from guild_sync.cli import arguments, several
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.monitoring.verification import Verification, verifications
from guild_sync.output import console, formats, records, terminal
from guild_sync.output.formats import counted
from guild_sync.transfer import verify
from guild_sync.transfer.verify import Verdict


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    jobs = arguments.whole_number(args, "--jobs", least=1)
    assert jobs is not None  # the usage has a default
    remote, specs, as_json = args.text("--remote"), args.texts("RUN"), args.is_set("--json")
    names = several.names(args)
    if remote is not None and not names:
        names = (remotes.remote(remote).name,)  # a fault is said before anything is read
    here = LocalHost(str(guild_home()))
    filters = arguments.filters_for(args, here, changes=False)
    runs = here.list_runs(specs=specs, filters=filters, whole=True)["runs"]
    wanted = _by_remote(here, runs, names, against=names[0] if specs and len(names) == 1 else None)
    meant = {run_id for ids in wanted.values() for run_id in ids}
    strangers = [run["id"] for run in runs if specs and run["id"] not in meant]
    tell = (lambda text: None) if as_json else console.say
    found = verifications(here, wanted, jobs, tell, args.is_set("--inputs"))
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        for line in _lines(found, args.is_set("--inputs")):
            console.say(terminal.clean(line))
    for run_id in strangers:
        console.warn(_no_copy(run_id, names))
    for one in found:
        for error in [one.error] if one.error else verify.faults(one.verdicts, one.remote):
            console.warn(error)
    return max([Exit.ERROR if strangers else Exit.OK, *(one.exit for one in found)])


def _by_remote(
    here: LocalHost, runs: Sequence[Run], names: Sequence[str], against: str | None
) -> Mapping[str, list[str]]:
    """The runs that are to be held against each remote; `against` one, whosever they are."""
    ids = [run["id"] for run in runs]
    if against is not None:
        return {against: ids} if ids else {}
    wanted: dict[str, list[str]] = {}
    for run_id, copy in here.copies(ids).items():
        if not names or copy["remote"] in names:
            wanted.setdefault(copy["remote"], []).append(run_id)
    return wanted


def _no_copy(run_id: str, names: Sequence[str]) -> GuildError:
    return GuildError(
        f"run {run_id} is no copy of {' or '.join(names) or 'a remote'}'s",
        "Name the remote that has it, too: guild verify -r REMOTE RUN",
    )


def _compared(found: Sequence[Verification]) -> Iterator[tuple[str, Verdict]]:
    for one in found:
        yield from ((i, verdict) for i, verdict in one.verdicts.items() if not verdict.why)


def _differing(found: Sequence[Verification]) -> list[str]:
    return [f"{i}/{path}" for i, verdict in _compared(found) for path in verdict.differing]


def _lines(found: Sequence[Verification], inputs: bool) -> Iterator[str]:
    """What was passed over, and the sum: in one line where no more than one file differs."""
    for one in found:
        cleaned = [i for i, verdict in one.verdicts.items() if verdict.why == verify.CLEANED]
        for run_id, verdict in one.verdicts.items():
            if verdict.why and not verdict.exit and (run_id not in cleaned or len(cleaned) == 1):
                yield f"Passed over {run_id}: {verdict.why}"
        if len(cleaned) > 1:
            yield f"Passed over {counted(len(cleaned))} that 'guild clean' removed on {one.remote}"
    compared = [verdict for _, verdict in _compared(found)]
    if not compared:
        yield "Nothing was compared."
        return
    files = sum(verdict.files for verdict in compared)
    size = formats.size(sum(verdict.bytes for verdict in compared))
    total = f"{len(compared):,} {'run' if len(compared) == 1 else 'runs'}"
    total += f", {files:,} {'file' if files == 1 else 'files'}, {size}"
    paths = _differing(found)
    if len(paths) > 1:
        yield f"{total}: {len(paths):,} differ:"
        yield from (f"  {path}" for path in paths)
    elif paths:
        yield f"{total}: 1 differs: {paths[0]}"
    else:
        given = ", and nothing that runs were given has changed there" if inputs else ""
        yield f"{total}: none differs{given}"


def _as_json(found: Sequence[Verification]) -> records.VerifyRecord:
    compared = [verdict for _, verdict in _compared(found)]
    return {
        "runs": [
            {
                "run": run_id,
                "remote": one.remote,
                "verdict": verdict.word,
                "why": verdict.why or None,
                "differing": verdict.differing,
                "unreadable": verdict.unreadable,
                "left_out": verdict.left_out,
                "files": verdict.files,
                "bytes": verdict.bytes,
            }
            for one in found
            for run_id, verdict in one.verdicts.items()
        ],
        "remotes": [{"remote": o.remote, "error": o.error.message} for o in found if o.error],
        "files": sum(verdict.files for verdict in compared),
        "bytes": sum(verdict.bytes for verdict in compared),
        "differing": len(_differing(found)),
    }
