"""What can be done to a run of a board: stopped, pulled; each a question that takes its time."""

from __future__ import annotations

import sys
from pathlib import Path

import guild_sync
from guild_sync.agent.protocol import KILL, TERM
from guild_sync.config import remotes
from guild_sync.errors import GuildError
from guild_sync.hosts.choose import remote_host
from guild_sync.transport import question

# The package of this process, whatever lies in the folder that it is in.
_GUILD = (
    "import sys; sys.path = [p for p in sys.path if p] + [sys.argv.pop(1)]; "
    "from guild_sync.main import program; program()"
)


def stop(remote: str, run_id: str, kill: bool) -> str:
    """Have a run told to end, or killed; what became of that, in a line."""
    try:
        host = remote_host(remotes.remote(remote), make_home=False)
        told = host.signal_runs([run_id], KILL if kill else TERM)
    except GuildError as e:
        return e.message
    if run_id in told["done"]:
        how = "was killed" if kill else "was told to end (s again kills it)"
        return f"{_named(remote, run_id)} {how}"
    why = told["refused"].get(run_id, "its remote does not say why")
    return f"{_named(remote, run_id)} was not stopped: {why}"


def pull(remote: str, run_id: str) -> str:
    """Copy a run here, as `guild pull` does; what became of that, in a line."""
    try:
        done = question.run(pull_argv(remote, run_id))
    except GuildError as e:
        return e.message
    if done.code == 0:
        return f"{_named(remote, run_id)} is here, as it is now"
    said = [line for line in done.stderr.splitlines() if line.strip()]
    why = said[0].removeprefix("guild: ") if said else f"guild pull ended with {done.code}"
    return f"{_named(remote, run_id)} was not pulled: {why}"


def pull_argv(remote: str, run_id: str) -> tuple[str, ...]:
    """The words of a guild of its own that copies a run: its display is not this one's."""
    place = str(Path(guild_sync.__file__).parent.parent)
    return (sys.executable, "-c", _GUILD, place, "pull", remote, run_id, "-y")


def _named(remote: str, run_id: str) -> str:
    return f"{remote}:{run_id[:8]}"
