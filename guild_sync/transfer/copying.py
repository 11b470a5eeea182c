"""What a pull and a push have in common: rsync with its progress, faults that are told."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

from guild_sync.agent.protocol import State
from guild_sync.errors import GuildError, Incomplete, RunNotFound
from guild_sync.hooks.events import Change
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.formats import counted, size
from guild_sync.output.progress import progress
from guild_sync.output.terminal import clean
from guild_sync.rsync.copies import Copied
from guild_sync.rsync.lanes import Large

Say = Callable[[str], None]


def copy_runs(
    ids: Sequence[str], way: str, copy: Callable[..., Copied], say: Say, delete: bool
) -> Copied:
    """Have rsync copy the runs, one way or the other."""
    for run_id in ids:
        say(f"Copying {run_id}")
    if not ids:
        return Copied({})
    with progress(f"{way} ") as on_progress:
        return copy(on_progress=on_progress, delete=delete)


def large_files(
    states: Mapping[str, State], is_there: Callable[[str, str, int], bool]
) -> dict[str, list[tuple[str, int]]]:
    """Of each run the large files that a copy brings; `is_there` says which it need not."""
    return {
        run_id: [(path, size) for path, size in state["large"] if not is_there(run_id, path, size)]
        for run_id, state in states.items()
        if state["large"]
    }


def sizes_of(large: Large) -> list[int]:
    """The sizes of all these files."""
    return [size for files in large.values() for _, size in files]


def warn_of_lost(
    changes: Sequence[Change], name: str | None, warn: Callable[[GuildError], None]
) -> None:
    """Say of each copy here that is lost now, as the remote's own copy is."""
    for run_id in (change.run for change in changes if change.before and change.after == "lost"):
        warn(
            RunNotFound(
                f"run {run_id} is lost: on {name} it is a copy, of a run that is lost",
                "What is here of it is kept. If it is found again there: guild sync "
                f"--restore {run_id}",
            )
        )


def warn_of_conflicts(
    conflicts: Mapping[str, Sequence[str]],
    host: RemoteHost,
    warn: Callable[[GuildError], None],
    way: str = "from",
) -> None:
    """Say what people have changed of a run both here and there, and which of it stays."""
    here, there = ("here", f"on {host.name}") if way == "from" else (f"on {host.name}", "here")
    for run_id, names in conflicts.items():
        what = " and ".join(names)
        message = f"the {what} of run {run_id} {'was' if len(names) == 1 else 'were'} changed"
        message += f" here and on {host.name}: what is {here} stays"
        warn(GuildError(message, f"To have it the same, write what is {there} {here} too."))


def warn_of(
    faults: Mapping[str, str],
    host: RemoteHost,
    warn: Callable[[GuildError], None],
    way: str = "from",
) -> None:
    """Say of each run why it was not copied whole."""
    for run_id, reason in faults.items():
        warn(Incomplete(f"run {run_id} was not copied whole {way} {host.name}: {reason}"))


def warn_of_cramped(
    cramped: Mapping[str, int], host: RemoteHost, warn: Callable[[GuildError], None]
) -> None:
    """Say of how many runs the files did not fit on the disk here, and how much that is."""
    if cramped:
        warn(
            Incomplete(
                f"no room: {size(sum(cramped.values()))} for {counted(len(cramped))} of "
                f"{host.name}",
                "Their metadata and output are here, and all that fits. Free some of the disk, or "
                "have less of it stay free (keep-free in the config file), and sync again.",
            )
        )


def warn_of_altered(
    altered: Mapping[str, Sequence[str]], host: RemoteHost, warn: Callable[[GuildError], None]
) -> None:
    """Say of each run what the remote has in place of what the run was given."""
    for run_id, paths in altered.items():
        files = clean(paths[0]) + ("" if len(paths) == 1 else f" and {len(paths) - 1} more")
        warn(
            Incomplete(
                f"run {run_id} was copied from {host.name} but for {files}: what is there is not "
                "what the run was given, by its SHA-256",
                "A disk there, or somebody who has set its time, has changed it.",
            )
        )


def warn_of_unreadable(
    unreadable: Mapping[str, Sequence[str]],
    host: RemoteHost,
    warn: Callable[[GuildError], None],
) -> None:
    """Say of each run what the remote could not read of it, and how to do without."""
    for run_id, paths in unreadable.items():
        files = "1 file that is" if len(paths) == 1 else f"{len(paths)} files that are"
        more = "" if len(paths) == 1 else " and others"
        pattern = shlex.quote(f"/{paths[0]}")
        warn(
            Incomplete(
                f"run {run_id} was copied from {host.name} but for {files} not readable there: "
                f"{clean(paths[0])}{more}",
                "Make them readable there and pull the run again, or leave them out: "
                f"guild pull {host.name} {run_id} --exclude {clean(pattern)}",
            )
        )
