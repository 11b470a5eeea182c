"""Remove what is not needed: runs from a remote that are home, and here what was deleted.

Usage:
  guild clean [options]

With -r NAME, of your own runs there, or with filters those of them that they leave, each
that is over and home is held against its copy here, as 'guild verify' does: all files are
read, here and there. What is the same goes to the trash there. All else stays, and why is
said: what is not home, runs or waits, differs, was deleted here, lies on a disk that is not
mounted, is linked to or required by a run that stays, has files that are left out of its
copy but for what it was given, or changes before it is removed. What people wrote there is
brought here before. Files that were sent there, and that no run has need of any more, are
removed last.

The trash still takes its room: 'guild purge -r NAME' empties it, and 'guild restore -r NAME'
brings runs back.

Without -r, the runs in the trash here are removed for good, or with filters those of them
that they leave; and so are guild's logs, and what nobody has used for a week of agents of
guilds to which this machine is a remote, of files that were fetched for runs, which none has
a link to, of what listings of many runs have kept to be faster, and of runs that a kill left
half made; and environments that no run has used for a month. No run is touched that was not
deleted.

With --environments, here or with -r NAME there, no run is touched: those environments are
removed that were made for what projects require, and that no run uses which runs, is staged or
is pending. A run that is started again gets its own anew. There may be several remotes then:
gpu1,gpu2, all, or a group of the config file.

Options:
  -r, --remote NAME  Clean this remote; with --environments, or several.
  --environments     Remove environments that no open run uses.
  --older-than TIME  Only runs that ended longer ago than that, such as 30d, 12h or 1d12h
                     (with the unit, 365d at most); here, that were deleted, and logs that
                     were last written; environments that no run has used for so long.
  --keep-last N      Keep the latest N of the runs that are meant, home or not.
  --keep-best COL    With -r: keep the run with the lowest COL of each operation, or with
                     -COL the one with the highest; 3:COL keeps three. COL is a scalar or a
                     flag, such as loss or -acc: 'guild runs --help'. Of the runs that are
                     meant and over, those stay too that have no number there (or nan).
  -p, --permanent    With -r: remove the runs for good, not to the trash.
  --plan             Show what would be removed, and change nothing. All is verified, too.
  --json             With --plan or --yes: as JSON.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

Exit status: 0 if all was done, 1 for an error that you can mend, such as a guild home there
that is another than before, 3 if the remote could not be reached, 4 if a run differs, may
not be read, or changed meanwhile.

[filters]
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

from guild_sync.agent import protocol
from guild_sync.agent.protocol import KeptEnvironment, Leaving
from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.config.schema import A_BEST, AN_AGE, Best, age, best
from guild_sync.errors import Exit, GuildError, UsageError
from guild_sync.hosts import locking
from guild_sync.hosts.base import on
from guild_sync.hosts.choose import host, remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.monitoring import cleaning
from guild_sync.output import console, records, tables, terminal
from guild_sync.output.console import say
from guild_sync.output.formats import counted, size
from guild_sync.output.runs import row_without_index
from guild_sync.sync import ledger
from guild_sync.transfer import clean, verify
from guild_sync.transfer.clean import Cleaning, Wish

# What guild leaves for itself, by its kind, as it is counted.
_LEFT = {
    "log": "log",
    "agent": "unused agent",
    "fetched": "fetched file",
    "environment": "unused environment",
    "listing": "old index of runs",
    "unmade": "run that was never made whole",
    "content": "sent file",
}
_SHOWN = 4  # packages of an environment, where it is asked about
_WORTH_A_WORD = 1 << 20  # bytes


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    plan, yes, as_json = (args.is_set(name) for name in ("--plan", "--yes", "--json"))
    if as_json and not (plan or yes):
        raise UsageError("--json belongs to --plan or --yes")
    before, keep = _ended_before(args), arguments.whole_number(args, "--keep-last") or 0
    keep_best = _best(args)
    name = args.text("--remote")
    if args.is_set("--environments"):
        return _clean_environments(args, name, before)
    if name is None:
        return _clean_here(args, before, keep)
    remote = remotes.remote(name)
    # Nothing is made in place of a home that is not mounted.
    there, here = remote_host(remote, make_home=False), LocalHost(str(guild_home()))
    filters = arguments.filters_for(args, there, changes=True)
    wish = Wish(filters, before, keep, args.is_set("--permanent"), keep_best)
    if not (plan or yes) and not _confirmed(there, _sorted_out(there, here, wish), wish):
        return Exit.OK
    # A plan writes nothing, no lock either.
    tell = (lambda text: None) if as_json else say
    lock = nullcontext() if plan else locking.remote_lock(remote.name, wait=True, on_wait=tell)
    with lock, there.staying():
        found = _sorted_out(there, here, wish)
        if found.going:
            tell(verify.announced(there, [*found.going]))
        seals = clean.verified(there, here, found, plan)
        refused = {} if plan else clean.removed(there, here, found, seals, wish.permanent)
        if not plan:
            cleaning.keep_in_mind(there.name, found)
        contents = there.clean_contents(remove=not plan)
    sent = _sent(there, contents)
    if as_json:
        print(json.dumps(_as_json(there.name, found, plan, contents), indent=2))
    else:
        for line in _lines(there, found, wish, plan) if found.runs or not sent else ():
            say(terminal.clean(line))
        if sent:
            say(f"{'would free' if plan else 'Freed'} {sent}")
    errors = [*verify.faults(found.verdicts, there.name), *clean.refusals(refused, there.name)]
    for error in errors:
        console.warn(error)
    verdicts = [verdict.exit for verdict in found.verdicts.values()]
    return max([Exit.OK, *verdicts, *(error.exit for error in errors)])


def _clean_here(args: Arguments, before: int | None, keep: int) -> int:
    """Remove for good what was deleted here, and what guild has left for itself."""
    if args.is_set("--permanent"):
        raise UsageError("--permanent belongs to --remote", "What is removed here is so for good.")
    if args.is_set("--keep-best"):
        raise UsageError("--keep-best belongs to --remote", "Here --keep-last keeps deleted runs.")
    here = LocalHost(str(guild_home()))
    filters = arguments.filters_for(args, here, changes=True, deleted=True)
    runs = here.list_runs(filters=filters, deleted=True, whole=True)["runs"]
    told = here.in_trash([run["id"] for run in runs])
    kept = {run["id"]: f"among the last {keep}" for run in runs[:keep]}
    for run_id, deleted in told.items():
        if before is not None and deleted["time"] >= before:
            kept.setdefault(run_id, "not that old")
    going = {i: deleted["bytes"] for i, deleted in told.items() if i not in kept}
    found = Cleaning(runs, going, kept)
    since = None if before is None else before / 1e6
    plan = args.is_set("--plan")
    files = here.leavings(since)
    if not (plan or args.is_set("--yes")) and (going or files):
        say(f"You are about to remove for good: {_sum_here(found, files)}")
        shown = (row_without_index(run) for run in runs if run["id"] in going)
        for line in tables.table([("", *row) for row in shown]):
            say(line)
        if not console.confirm(default=False):
            return Exit.OK
    refused: Mapping[str, str] = {}
    if not plan:
        refused = here.purge_runs([*going])["refused"] if going else {}
        found.keep(dict.fromkeys(refused, "not removed"))
        files = here.leavings(since, remove=True)
    if args.is_set("--json"):
        print(json.dumps(_as_json(None, found, plan, files), indent=2))
    elif found.going or files:
        freed = sum(found.going.values()) + sum(file["bytes"] for file in files)
        say(f"{'would free' if plan else 'Freed'} {size(freed)}: {_sum_here(found, files)}")
    else:
        say(f"Nothing to clean{clean.kept(found)}")
    for run_id, why in refused.items():
        console.warn(GuildError(f"run {run_id} was not removed: {terminal.clean(why)}"))
    return Exit.ERROR if refused else Exit.OK


def _leaving(found: Sequence[KeptEnvironment]) -> list[Leaving]:
    return [
        {"kind": "environment", "path": each["path"], "bytes": each["bytes"]}
        for each in _going(found)
    ]


def _clean_environments(args: Arguments, name: str | None, before: int | None) -> int:
    """Remove what was installed for projects' requirements and is of no open run."""
    from guild_sync.fleet import naming

    options = ("--keep-last", "--keep-best", "--permanent")
    given = [name for name in options if args.is_set(name)]
    if given or arguments.filters(args):
        raise UsageError(f"--environments is about no runs: {given[0] if given else 'filters'}")
    plan, since = bool(args.is_set("--plan")), None if before is None else before / 1e6
    if name is not None and naming.means_several(name):
        return _clean_environments_of(args, naming.names(name), plan, since)
    target = host(name)
    found = target.environments(False, since)
    if not (plan or args.is_set("--yes")) and _going(found):
        _show_environments(on(target), found)
        if not console.confirm(default=False):
            return Exit.OK
    if not plan and _going(found):
        found = target.environments(True, since)
    if args.is_set("--json"):
        nothing = Cleaning([], {}, {})
        record = _as_json(target.name, nothing, plan, _leaving(found))
        print(json.dumps(record, indent=2))
    else:
        say(_of_environments(found, plan))
    return Exit.OK


def _clean_environments_of(
    args: Arguments, names: Sequence[str], plan: bool, since: float | None
) -> int:
    """As `_clean_environments`, of several remotes at once, after one question."""
    from guild_sync.fleet.asking import asked

    if args.is_set("--json"):
        raise UsageError(f"--json takes one remote, not {args.text('--remote')!r}")
    replies = asked(names, lambda there: there.environments(False, since))
    found, status = {**replies.answers}, replies.exit
    going = [name for name, each in found.items() if _going(each)]
    if going and not (plan or args.is_set("--yes")):
        for name in going:
            _show_environments(f" on {name}", found[name])
        if not console.confirm(default=False):
            return status
    if not plan:
        removed = asked(going, lambda there: there.environments(True, since))
        found = {n: removed.answers.get(n, each) for n, each in found.items()}
        found = {n: each for n, each in found.items() if n not in removed.errors}
        status = max(status, removed.exit)
    for name, each in found.items():
        say(f"{name}: {_of_environments(each, plan)}")
    return status


def _show_environments(where: str, found: Sequence[KeptEnvironment]) -> None:
    """Show those that are about to be removed."""
    say(f"You are about to remove{where}: {_sum_of(_going(found))}")
    for each in _going(found):
        say(terminal.clean(f"  {each['name']}  {size(each['bytes'])}  {_listed(each)}"))


def _going(found: Sequence[KeptEnvironment]) -> list[KeptEnvironment]:
    return [each for each in found if each["going"]]


def _of_environments(found: Sequence[KeptEnvironment], plan: bool) -> str:
    """What became of them, or would, in a line."""
    open_runs, going = sum(each["runs"] > 0 for each in found), _going(found)
    kept = f"; {open_runs} kept: of runs that are not over" * bool(open_runs)
    if not going:
        return f"Nothing to clean{kept}"
    freed = size(sum(each["bytes"] for each in going))
    return f"{'would free' if plan else 'Freed'} {freed}: {_sum_of(going)}{kept}"


def _sum_of(going: Sequence[KeptEnvironment]) -> str:
    return protocol.counted(len(going), "environment")


def _listed(environment: KeptEnvironment) -> str:
    """Its packages, the first of them."""
    names = environment["packages"]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _sum_here(found: Cleaning, files: Sequence[Leaving]) -> str:
    kinds = Counter(file["kind"] for file in files)
    counts = {"deleted run": len(found.going), **{what: kinds[k] for k, what in _LEFT.items()}}
    listed = ", ".join(protocol.counted(n, what) for what, n in counts.items() if n)
    return f"{listed}{clean.kept(found)}"


def _sorted_out(host: RemoteHost, here: LocalHost, wish: Wish) -> Cleaning:
    known = ledger.read(host.name).home_id
    return clean.sorted_out(host, here, wish, known, arguments.mine())


def _ended_before(args: Arguments) -> int | None:
    text = args.text("--older-than")
    if text is None:
        return None
    seconds = age(text)
    if seconds is None:
        raise UsageError(f"--older-than takes {AN_AGE}, not {text!r}")
    return clean.older_than(seconds)


def _best(args: Arguments) -> Best | None:
    text = args.text("--keep-best")
    if text is None:
        return None
    found = best(text)
    if found is None:
        raise UsageError(f"--keep-best takes {A_BEST}, not {text!r}")
    return found


def _confirmed(host: RemoteHost, found: Cleaning, wish: Wish) -> bool:
    """Show the runs that will go if they are the same, and ask; with none, of what was sent."""
    if not found.going:
        if sent := _sent(host, host.clean_contents()):
            return console.confirm(f"Remove {sent}?")
        for line in _lines(host, found, wish, plan=True):
            say(terminal.clean(line))
        return False
    how = "permanently delete" if wish.permanent else "delete"
    say(f"You are about to {how} the following runs on {host.name}, once they are verified:")
    going = [run for run in found.runs if run["id"] in found.going]
    for line in tables.table([("", *row_without_index(run)) for run in going]):
        say(line)
    if stay := clean.counts(found):
        say(f"{stay}.")
    return console.confirm(f"{how.capitalize()} {counted(len(going))}?", not wish.permanent)


def _sent(host: RemoteHost, contents: Sequence[Leaving]) -> str:
    """How much of what was sent there goes; of less than a copy leaves there nobody need know."""
    freed = sum(file["bytes"] for file in contents)
    if freed < _WORTH_A_WORD:
        return ""
    return (
        f"{size(freed)} of files that were sent to {host.name}, and that no run there has need of"
    )


def _lines(host: RemoteHost, found: Cleaning, wish: Wish, plan: bool) -> Iterator[str]:
    """What differs, and the sum: what goes, or has gone, and why the rest stays."""
    for run_id, verdict in found.verdicts.items():
        yield from (f"Differs: {run_id}/{path}" for path in verdict.differing)
    yield clean.summary(found, host.name, wish.permanent, plan)
    if found.going and not wish.permanent:
        yield f"Until 'guild purge -r {host.name}' they take their room in the trash there."


def _as_json(
    remote: str | None, found: Cleaning, plan: bool, files: Sequence[Leaving] = ()
) -> records.CleanRecord:
    return {
        "remote": remote,
        "plan": plan,
        "runs": [
            {
                "run": run["id"],
                "kept": found.kept.get(run["id"]),
                "bytes": found.going.get(run["id"]),
            }
            for run in found.runs
        ],
        "files": [
            {"kind": file["kind"], "path": file["path"], "bytes": file["bytes"]} for file in files
        ],
        "others": found.others,
        "bytes": sum(found.going.values()) + sum(file["bytes"] for file in files),
    }
