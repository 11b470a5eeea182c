"""Runs that are started on a remote are written down here, so that they are brought home."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from guild_sync.agent.protocol import Expected
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost


def expect(run_id: str, host: Host) -> None:
    """Have the run be expected here, which is about to be started on the host.

    Where nothing comes of that, whoever finds it so calls `forget`; else the next sync asks the
    remote what has become of it. One that has a copy here is asked for anyway. Raises GuildError
    where it cannot be written down.
    """
    here = LocalHost(str(guild_home()))
    if host.name is not None and here.states(ids=[run_id])[run_id]["status"] is None:
        here.expect(run_id, host.name)


def note_begun(run_id: str) -> None:
    """Keep of the run, if it is expected here, that it has been started."""
    with suppress(GuildError):  # it runs, and comes home: only its loss would be taken for less
        LocalHost(str(guild_home())).note_begun(run_id)


def not_here_yet(here: LocalHost) -> list[Expected]:
    """The runs that are expected here, and of which nothing has come."""
    found = here.expected()
    states = here.states(ids=[run["run"] for run in found]) if found else {}
    return [run for run in found if states[run["run"]]["status"] is None]


def forget(ids: Sequence[str]) -> None:
    """Expect these runs no more: nothing of them is there, or they are not wanted here."""
    LocalHost(str(guild_home())).forget_expected(ids)


def forget_deleted(ids: Sequence[str], host: Host) -> None:
    """Expect these runs no more, which were deleted on the host: those that were to come from it.

    What is deleted here is to come from nowhere. A remote may say that it deleted any run.
    """
    if host.name is not None and ids:
        coming = LocalHost(str(guild_home())).expected()
        ids = [run["run"] for run in coming if run["run"] in ids and run["remote"] == host.name]
    forget(ids)


def forget_if_gone(run_id: str, host: Host) -> None:
    """Expect the run no more where the host has nothing of it; raises as the host does."""
    if host.states(ids=[run_id])[run_id]["status"] is None:
        forget([run_id])
