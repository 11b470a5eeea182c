"""The host that `-r NAME` or `-A FILE` means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guild_sync.config.home import home_folder
from guild_sync.errors import UsageError
from guild_sync.hosts.base import Host
from guild_sync.hosts.local import LocalHost

if TYPE_CHECKING:
    from guild_sync.config.remotes import Remote
    from guild_sync.hosts.remote import RemoteHost


def host(remote: str | None, archive: str | None = None) -> Host:
    """The host that the user named with `-r`, the archive named with `-A`, or this machine."""
    if archive is not None:
        if remote is not None:
            raise UsageError("--archive and --remote exclude each other")
        from guild_sync.hosts.archive import ArchiveHost

        return ArchiveHost(archive)
    if remote is None:
        return LocalHost(home_folder())
    from guild_sync.config import remotes

    return remote_host(remotes.remote(remote))


def remote_host(remote: Remote, make_home: bool = True) -> RemoteHost:
    """The host of a configured remote. Raises Unreachable for a sandbox that is not up.

    Without `make_home`, calls raise RemoteError where its guild home is not there, as when a
    disk is not mounted, rather than make one in its place.
    """
    from guild_sync.hosts.remote import RemoteHost  # this machine alone needs nothing of it

    if remote.type == "sandbox":
        from guild_sync.hosts import sandbox

        remote = sandbox.as_ssh(remote)
    return RemoteHost(remote, make_home)
