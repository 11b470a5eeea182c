"""The connection to a remote that is open: which process holds it, and since when by a login.

ssh's master holds it, whoever began it. That a person did, at `guild remote login`, says a note
beside its socket: guild cannot make such a connection again, so it closes none by itself.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import config_path, private_folder
from guild_sync.config.remotes import Remote
from guild_sync.transport import question
from guild_sync.transport.process import Completed
from guild_sync.transport.ssh_config import JOINING, config_file, paths
from guild_sync.transport.ssh_failures import CONNECTION_FAILED

MASTER_TIMEOUT = 5.0  # seconds for a word with our own ssh that holds a connection
_MASTER = re.compile(r"pid=(\d+)")
_NOTE = ".login"


class Login(NamedTuple):
    """A connection that a person has opened. It is open until nothing used it for `idle` seconds.

    Without `idle` it stays open. `config` is the file that has the remote, empty for a spec.
    """

    remote: str
    config: str
    host: str
    since: int
    idle: int
    master: int


def master_of(remote: Remote) -> int | None:
    """The process that holds an open connection to `remote`; None where there is none.

    The connection is ours, or one that the user's own configuration keeps.
    """
    done = _tell(config_file(remote), remote.host, "check")
    if done.code != 0:
        return None
    found = _MASTER.search(done.stderr)
    return int(found[1]) if found else 0


def lives(remote: Remote) -> bool:
    """Whether anything still comes back over the connection that is open."""
    argv = ("ssh", *JOINING, "-F", str(config_file(remote)), "--", remote.host, "exit 0")
    done = question.run(argv, timeout=MASTER_TIMEOUT)
    return not done.timed_out and done.code != CONNECTION_FAILED


def login_of(remote: Remote) -> Login | None:
    """The login whose connection to `remote` is open."""
    noted = _read(_note_of(remote))
    return noted if noted and noted.master == master_of(remote) else None


def note_login(remote: Remote, idle: int, master: int) -> Login:
    """Have it known that a person has opened the connection that `master` holds."""
    login = Login(remote.name, _config_of(remote.name), remote.host, int(time.time()), idle, master)
    write_atomically(str(_note_of(remote)), json.dumps(login._asdict()))
    return login


def logins() -> list[str]:
    """The names of the remotes of this config file, and the specs, that were logged in to."""
    noted = [login for _, login in _notes()]
    return sorted({each.remote for each in noted if each.config == _config_of(each.remote)})


def close_logins(name: str) -> bool:
    """Close all connections that logins to the remote `name` opened; whether one was open.

    One from before its settings changed is among them, which has another socket than the next.
    """
    ours = [
        close(note.with_suffix(".conf"), login.host)
        for note, login in _notes()
        if (login.remote, login.config) == (name, _config_of(name))
    ]
    return any(ours)


def close(config: Path, host: str) -> bool:
    """Close the connection to `host` that ssh has with this configuration; whether it was open."""
    was_open = _tell(config, host, "exit").code == 0
    _forget(config)
    return was_open


def leave(remote: Remote) -> None:
    """Have the next command open a connection anew; what uses the one that is open goes on."""
    config = config_file(remote)
    _tell(config, remote.host, "stop")
    _forget(config)


def _tell(config: Path, host: str, word: str) -> Completed:
    """What ssh says once it has told the master of its connection a word of `-O`."""
    argv = ("ssh", "-F", str(config), "-O", word, "--", host)
    return question.run(argv, timeout=MASTER_TIMEOUT)


def _forget(config: Path) -> None:
    for path in (config.with_suffix(""), config.with_suffix(_NOTE)):
        path.unlink(missing_ok=True)


def _note_of(remote: Remote) -> Path:
    return paths(remote)[0].with_suffix(_NOTE)


def _config_of(name: str) -> str:
    """The config file that says what `name` is."""
    return "" if name.startswith("ssh:") else str(config_path().absolute())


def _notes() -> Iterator[tuple[Path, Login]]:
    for path in sorted(private_folder().glob(f"*{_NOTE}")):
        if noted := _read(path):
            yield path, noted


def _read(path: Path) -> Login | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Login(
            str(data["remote"]),
            str(data["config"]),
            str(data["host"]),
            int(data["since"]),
            int(data["idle"]),
            int(data["master"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
