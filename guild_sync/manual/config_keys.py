"""What each key of the config file means, and what counts without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class ConfigKey(NamedTuple):
    """A key: what it is, and its default; an empty one: nothing."""

    about: str
    default: str = ""


_SSH = "what your ssh configuration says"

TOP: Mapping[str, ConfigKey] = {
    "remotes": ConfigKey("Names of machines, each with the keys of a remote."),
    "groups": ConfigKey("Names for several remotes: {lab: [gpu1, gpu2]}."),
    "hooks": ConfigKey("Commands that are told of runs that end, remotes that are down and so on."),
    "notify": ConfigKey("URLs of apprise, by which people are told: mail, Slack, ntfy."),
    "heartbeat": ConfigKey("A URL that is called where a sync starts, and where it has ended."),
    "keep-free": ConfigKey("How much of the disk here no copy fills.", "a GiB"),
}
REMOTE: Mapping[str, ConfigKey] = {
    "type": ConfigKey(
        "ssh, sandbox (an ssh server of your own on this machine), slurm or pbs (the login node of "
        "a cluster, whose runs are jobs). It must be given, or come from extends."
    ),
    "host": ConfigKey("Name or address, or an alias of your ssh configuration; ssh requires it."),
    "description": ConfigKey("Shown by guild remotes."),
    "extends": ConfigKey("Another remote of the file, whose keys count where this one has none."),
    "user": ConfigKey("Login name.", _SSH),
    "port": ConfigKey("Port.", _SSH + ", else 22"),
    "private-key": ConfigKey(
        "File of the key to log in with; with it, no other key of files or agent is tried.", _SSH
    ),
    "connect-timeout": ConfigKey("Seconds to wait for a connection.", _SSH + ", else 10"),
    "timeout": ConfigKey("Seconds to wait for an answer, and for the next byte of a copy.", "60"),
    "keep-open": ConfigKey(
        "How long the connection stays open after its last use: 30m, 10h, 1h30m.",
        "ControlPersist of your ssh configuration, else 10m",
    ),
    "proxy": ConfigKey("As ssh's ProxyCommand.", _SSH),
    "proxy-jump": ConfigKey("As ssh's ProxyJump.", _SSH),
    "known-hosts": ConfigKey("File of known host keys, instead of yours.", _SSH),
    "ssh-config": ConfigKey(
        "ssh configuration to use instead of ~/.ssh/config and /etc/ssh/ssh_config."
    ),
    "ssh-options": ConfigKey("A list of ssh options, such as [ControlPersist=1h, LogLevel ERROR]."),
    "venv-path": ConfigKey(
        "Virtual environment there that operations run in; guild-env is the same. The first of "
        "venv-path, conda-env and venv-activate counts."
    ),
    "conda-env": ConfigKey("Conda environment there, by name or path."),
    "venv-activate": ConfigKey("A script there that is sourced first; source SCRIPT is the same."),
    "python": ConfigKey(
        "Python there, for guild's agent, and for operations where no environment is given.",
        "python3",
    ),
    "guild-home": ConfigKey(
        "Where runs live there; from the login's home if it is not absolute. $NAME and ${NAME} are "
        "variables that are set there where nobody logs in by hand.",
        ".guild",
    ),
    "bwlimit": ConfigKey("Limit for copying, as rsync takes it: 1000 (KiB/s), 1.5m."),
    "compress": ConfigKey(
        "auto: runs are compressed on their way where that is worth it; yes: always, by the best "
        "that both rsyncs have; no.",
        "auto",
    ),
    "lanes": ConfigKey(
        "How many rsyncs copy large files side by side, over the one connection, 1 to 8.",
        "as many as the distance is worth, 4 at most",
    ),
    "setup": ConfigKey(
        "A line of sh, or a list of them, such as module load python/3.11, before anything else "
        "there: for guild's own Python and for operations."
    ),
    "login-shell": ConfigKey("yes: what the login's profile sets is there, too.", "no"),
    "env": ConfigKey("Variables of operations there, {NAME: VALUE}."),
    "rsync-path": ConfigKey("rsync there, where it is not on the PATH.", "rsync"),
    "places": ConfigKey("How many trials of a batch over several remotes it has at a time.", "1"),
    "track": ConfigKey("Whether runs that are started there come home by themselves.", "yes"),
    "pull": ConfigKey("Which files of runs are copied from there: the keys of pull.", "all"),
    "clean": ConfigKey("Which runs guild-sync removes there once they are home and verified."),
    "job": ConfigKey(
        "Of a cluster: what its jobs ask for, such as {partition: gpu, time: 4:00:00}."
    ),
    "init": ConfigKey(
        "A shell script that makes the remote ready; guild remote reinit NAME runs it there."
    ),
}
PULL: Mapping[str, ConfigKey] = {
    "exclude": ConfigKey("A pattern of paths, or a list of them: what is left there."),
    "include": ConfigKey("Likewise: what is copied all the same."),
    "max-size": ConfigKey("What is larger is left there: 100M, 1.5G."),
    "large-files": ConfigKey("at-end: large files are copied once the run has ended."),
    "large-files-over": ConfigKey("From which size on a file is a large one.", "100M"),
    "delete": ConfigKey("yes: what is removed there is removed here, too.", "no"),
    "inputs": ConfigKey("yes: large files that the run was given come along.", "no"),
}
CLEAN: Mapping[str, ConfigKey] = {
    "older-than": ConfigKey("Runs that have ended longer ago: 30d, 12h."),
    "keep-last": ConfigKey("But for so many of the latest."),
    "keep-best": ConfigKey(
        "But for the best of each operation: loss (the lowest), -acc (the highest), 3:loss (three)."
    ),
    "permanent": ConfigKey("yes: for good, and not to the trash there.", "no"),
}
GROUPS: Mapping[str, Mapping[str, ConfigKey]] = {
    "the file": TOP,
    "a remote": REMOTE,
    "pull": PULL,
    "clean": CLEAN,
}
