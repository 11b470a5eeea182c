"""What rsync's exit statuses and its last words mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, Incomplete, RemoteError, Unreachable
from guild_sync.transport import process, ssh_failures

# Exit codes, rsync(1) "EXIT VALUES".
PROTOCOL = 2  # "is your shell clean?": something printed into the connection
FILE_IO = 11
STREAM_ERROR = 12
PARTIAL = 23
VANISHED = 24  # normal for a run that is running
COMMAND_NOT_FOUND = 127
_CONNECTION = (STREAM_ERROR, 10, 30, 35, ssh_failures.CONNECTION_FAILED)
_INTERRUPTED = (19, 20)


# A file or folder that the sender may not read; versions before 3.2 do not say who speaks.
_MAY_NOT_READ = re.compile(
    r'rsync: (?:\[sender\] )?(?:send_files failed to open "(?P<file>.*)": |'
    r'opendir "(?P<folder>.*)" failed: |readlink_stat\("(?P<name>.*)"\) failed: )'
    r"Permission denied \(13\)\Z"
)
_OF_RUN = re.compile(r"/?(?P<run>[0-9a-f]{32})/(?P<path>.+)")
_MOST_SAID = 1 << 19  # of more, some may not have been kept


def unreadable(
    stderr: str, ids: Sequence[str], folders: Sequence[str]
) -> tuple[dict[str, list[str]], str]:
    """For each run the paths that its host may not read, and what else rsync has said.

    Nothing of it where rsync's words may not be all here. A run's attributes are no such path:
    without them it says nothing. `folders` are those of the runs, there and here.
    """
    if len(stderr) > _MOST_SAID or "\nrsync error: " not in stderr:
        return {}, stderr
    found: dict[str, list[str]] = {}
    rest = []
    for line in stderr.splitlines():
        run_id, path = _unreadable_path(line.strip(), folders)
        if run_id in ids and (path == ".guild/output" or not path.startswith(".guild")):
            found.setdefault(run_id, []).append(path)
        else:
            rest.append(line)
    return found, "\n".join(rest)


def _unreadable_path(line: str, folders: Sequence[str]) -> tuple[str, str]:
    said = _MAY_NOT_READ.match(line)
    path: str = (said["file"] or said["name"] or f"{said['folder']}/") if said else ""
    for folder in folders:
        place = _OF_RUN.fullmatch(path.removeprefix(folder)) if path.startswith(folder) else None
        if place:
            return place["run"], place["path"]
    return "", ""


def failure(remote: Remote, done: process.Completed, *, sending: bool = False) -> GuildError:
    """What a failed rsync means for the user, and what to do.

    The receiver, whose disk can be full, is there when `sending`, and here otherwise.
    """
    where = f"remote {remote.name!r}"
    said = done.stderr
    if done.code == COMMAND_NOT_FOUND or re.search(r"rsync: (command )?not found", said):
        return RemoteError(
            f"there is no rsync on {where}",
            "Install it there, for example: apt install rsync",
        )
    if "No space left on device" in said or "Disk quota exceeded" in said:
        side = f"on {where}" if sending else "here"
        return GuildError(
            f"the disk {side} is full: {reason_of(said)}", "Make room, and try again."
        )
    if done.code == PROTOCOL and "is your shell clean" in said:
        return RemoteError(
            f"the login shell on {where} prints text where no person is watching",
            "Have its start-up files (.bashrc and the like) print only where [ -t 1 ].",
        )
    if done.code == ssh_failures.CONNECTION_FAILED:
        # What rsync says then only follows from what ssh has said.
        of_ssh = [line for line in said.splitlines() if not line.startswith("rsync")]
        return ssh_failures.failure(remote, "\n".join(of_ssh) or said)
    if done.code in _CONNECTION:
        return Unreachable(f"the connection to {where} was lost: {reason_of(said)}")
    if done.code == PARTIAL:
        return Incomplete(f"not everything was copied: {reason_of(said)}")
    if done.code in _INTERRUPTED or done.code < 0:
        return Incomplete(f"the copying was interrupted (rsync ended with {done.code})")
    return GuildError(f"rsync failed with {where} (exit status {done.code}): {reason_of(said)}")


def reason_of(stderr: str) -> str:
    """The line that says why: the first of rsync's, which its later ones only sum up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("rsync:")]
    return (told or lines or ["it gave no reason"])[0]
