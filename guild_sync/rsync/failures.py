"""What rsync's exit statuses and its last words mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, Incomplete, RemoteError, Unreachable
from guild_sync.rsync.argv import LEAST_VERSION
from guild_sync.transport import process, ssh_failures

# Exit codes, rsync(1) "EXIT VALUES".
SYNTAX = 1
PROTOCOL = 2  # "is your shell clean?": something printed into the connection
STREAM_ERROR = 12
PARTIAL = 23
VANISHED = 24  # normal for a run that is running
COMMAND_NOT_FOUND = 127
_CONNECTION = (STREAM_ERROR, 10, 30, 35, ssh_failures.CONNECTION_FAILED)
_INTERRUPTED = (19, 20)
# What ssh says that was to join a connection (`rsync_shell`), and has no channel in it.
_NO_CHANNEL = r"Session open refused by peer|UNKNOWN port 65535"
WRONG_PATH = "Correct 'rsync-path' of the remote in the config file."
_LEAST = ".".join(map(str, LEAST_VERSION))
INSTALL_NEWER = (
    f"guild needs rsync {_LEAST} or newer: install one, by apt install rsync, brew install rsync "
    "or pkg install rsync."
)
# What an rsync before that says to our options, or openrsync, which macOS and OpenBSD have.
_UNKNOWN_OPTION = (
    r"(?m)^(?:open)?rsync: (?:on remote machine: )?(?:-.*: unknown option|"
    r"(?:unrecognized|unknown|invalid|illegal) option\b)|^usage: (?:open)?rsync "
)

# A file or folder that the sender may not read; versions before 3.2 do not say who speaks.
_MAY_NOT_READ = (
    r'rsync: (?:\[sender\] )?(?:send_files failed to open "(?P<file>.*)": |'
    r'opendir "(?P<folder>.*)" failed: |readlink_stat\("(?P<name>.*)"\) failed: )'
    r"Permission denied \(13\)\Z"
)
# What is to come, and a folder with something in it, which rsync does not remove, is in its place.
_IN_THE_WAY = r"could not make way for new [a-z ]+: (?P<name>.+)"
_RUN = "(?P<run>[0-9a-f]{32})"  # its name, as a part of a pattern
_MOST_SAID = 1 << 19  # of more, some may not have been kept


def unreadable(
    stderr: str, ids: Sequence[str], folders: Sequence[str]
) -> tuple[dict[str, list[str]], str]:
    """For each run the paths that its host may not read, and what else rsync has said.

    Nothing of it where rsync's words may not be all here. A run's attributes are no such path:
    without them it says nothing. `folders` are those of the runs, there and here.
    """
    if _may_be_cut(stderr) or "\nrsync error: " not in stderr:
        return {}, stderr
    of_run = re.compile(f"(?:{_top(folders)}){_RUN}/(?P<path>.+)")
    found: dict[str, list[str]] = {}
    rest = []
    for line in stderr.splitlines():
        run_id, path = _unreadable_path(line.strip(), of_run)
        if run_id in ids and (path == ".guild/output" or not path.startswith(".guild")):
            found.setdefault(run_id, []).append(path)
        else:
            rest.append(line)
    return found, "\n".join(rest)


def _may_be_cut(stderr: str) -> bool:
    return len(stderr) > _MOST_SAID


def _unreadable_path(line: str, of_run: re.Pattern[str]) -> tuple[str, str]:
    said = re.match(_MAY_NOT_READ, line)
    path: str = (said["file"] or said["name"] or f"{said['folder']}/") if said else ""
    place = of_run.fullmatch(path)
    return (place["run"], place["path"]) if place else ("", "")


def in_the_way(stderr: str) -> tuple[list[str], str]:
    """The names, as rsync shows them, of what cannot come for a folder that is here in its place.

    And what else rsync has said. Nothing of it where its words may not be all here.
    """
    if _may_be_cut(stderr):
        return [], stderr
    names = []
    rest = []
    for line in stderr.splitlines():
        if said := re.fullmatch(_IN_THE_WAY, line):
            names.append(said["name"])
        else:
            rest.append(line)
    return names, "\n".join(rest)


def blamed(
    stderr: str, ids: Sequence[str], folders: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """The runs that rsync's words are about, with the words; and those that they may be about.

    The latter are none where every complaint is here, and names its run. `folders` are those of
    the runs, there and here: a run is what a path begins with in one of them, and no other part
    of it.
    """
    begins = re.compile(rf'(?:^|[\s"(])(?:{_top(folders)})?{_RUN}(?=[/\s")]|$)')
    faults: dict[str, str] = {}
    vague = _may_be_cut(stderr)
    for line in stderr.splitlines():
        found = begins.search(line)  # the first path: behind it is where a link leads, say
        if found and found["run"] in ids:
            faults.setdefault(found["run"], line.strip())
        else:
            vague = vague or line.startswith("rsync:")
    if faults and not vague:
        return faults, []
    return faults, [run_id for run_id in ids if run_id not in faults]


def _top(folders: Sequence[str]) -> str:
    """What a run's name comes behind in a whole path, as a part of a pattern."""
    return "|".join(re.escape(folder.rstrip("/") + "/") for folder in folders)


def had_no_channel(done: process.Completed) -> bool:
    """Whether an rsync that was to join the connection that is open could not."""
    return done.code != 0 and bool(re.search(_NO_CHANNEL, done.stderr))


def missing(remote: Remote) -> str:
    """What to do where a remote has no rsync."""
    if remote.rsync_path:
        return WRONG_PATH
    return (
        "Install it there, for example: apt install rsync\n"
        "One that is not on the PATH there is named by 'rsync-path' of the remote."
    )


def failure(remote: Remote, done: process.Completed, *, sending: bool = False) -> GuildError:
    """What a failed rsync means for the user, and what to do.

    The receiver, whose disk can be full, is there when `sending`, and here otherwise.
    """
    where = f"remote {remote.name!r}"
    said = done.stderr
    if done.code == COMMAND_NOT_FOUND or _is_missing(remote, said):
        return RemoteError(
            f"there is no {remote.rsync_path or 'rsync'} on {where}", missing(remote)
        )
    if re.search(_UNKNOWN_OPTION, said):
        # One there closes the connection, which is a higher status than that of its refusal.
        return _too_old("" if done.code == SYNTAX else where, bool(remote.rsync_path))
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
    if done.was_silent:
        return Unreachable(
            f"{where} sends nothing more, in the middle of a copy",
            "What has come is kept. A disk there may hang; how long guild waits is 'timeout' of "
            "the remote.",
        )
    if done.code in _CONNECTION:
        return Unreachable(f"the connection to {where} was lost: {reason_of(said)}")
    if done.code == PARTIAL:
        return Incomplete(f"not everything was copied: {reason_of(said)}")
    if done.code in _INTERRUPTED or done.code < 0:
        return Incomplete(f"the copying was interrupted (rsync ended with {done.code})")
    return GuildError(f"rsync failed with {where} (exit status {done.code}): {reason_of(said)}")


def _is_missing(remote: Remote, said: str) -> bool:
    """Whether the login shell there found no rsync: rsync here ends with its status, or before."""
    program = re.escape(remote.rsync_path or "rsync")
    words = r"(command )?not found|No such file or directory"
    return bool(re.search(rf"(^|[\s/]){program}: ({words})", said))


def _too_old(where: str, is_named: bool) -> GuildError:
    """That the rsync there, or here where nothing is said, is one that guild cannot work with."""
    what = "is too old, or another program by that name"
    if not where:
        return GuildError(f"the rsync here {what}", INSTALL_NEWER)
    hint = WRONG_PATH if is_named else "One not on the PATH there: 'rsync-path' of the remote."
    return RemoteError(f"the rsync on {where} {what}", f"{INSTALL_NEWER}\n{hint}")


def reason_of(stderr: str) -> str:
    """The line that says why: the first of rsync's, which its later ones only sum up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("rsync:")]
    return (told or lines or ["it gave no reason"])[0]
