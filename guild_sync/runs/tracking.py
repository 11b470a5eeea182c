"""Runs that are started on a remote are written down here, so that they are brought home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from guild_sync.agent.protocol import Expected
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError, NotReached, Unreachable
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost


@contextmanager
def expected(run_id: str, host: Host) -> Iterator[None]:
    """Have the run be expected here from before it is made on the host, which the block does.

    Should guild end before the run has begun, or its connection there, the next sync brings what it
    has left there, or hears that there is nothing. A run that has a copy here is asked for anyway.
    """
    here = LocalHost(str(guild_home()))
    is_here = here.states(ids=[run_id])[run_id]["status"] is not None
    if host.name is None or is_here or any(run["run"] == run_id for run in here.expected()):
        yield
        return
    here.expect(run_id, host.name)
    was_connected = host.is_connected()
    try:
        yield
    except Unreachable as e:
        # Its start may have been told, too, and be done. Not where the way there is barred.
        if isinstance(e, NotReached) and not (was_connected or host.is_connected()):
            here.forget_expected([run_id])
        raise
    except GuildError:  # it was not made, and whoever wanted it is told so
        here.forget_expected([run_id])
        raise


def note_begun(run_id: str) -> None:
    """Keep of a run that is expected that it was there: should it be gone, it is lost."""
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
