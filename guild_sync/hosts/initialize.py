"""Make a remote ready for runs: have its `init` run there, see how it ends, and whether it was."""

from __future__ import annotations

from collections.abc import Callable

from guild_sync.errors import GuildError
from guild_sync.hosts.base import Host
from guild_sync.hosts.remote import RemoteHost

TIMEOUT = 3600.0  # seconds; it may install much


def initialize(
    host: RemoteHost, on_output: Callable[[bytes], None], seconds: float = TIMEOUT
) -> None:
    """Run the remote's `init` there; what it prints goes to `on_output` as it comes.

    Raises GuildError where it fails, or has not ended after `seconds`.
    """
    what = f"'init' of remote {host.name!r}"
    code = host.initialize(on_output, host.remote.init or "", seconds)["code"]
    if code is None:
        raise GuildError(f"{what} was ended: it ran for more than {round(seconds)} seconds")
    if code:
        how = f"exit status {code}" if code > 0 else f"signal {-code}"
        raise GuildError(
            f"{what} failed with {how}", "What it printed is above. Correct it in the config file."
        )


def not_run(host: Host) -> str:
    """Why a host's `init` may have to be run there, as its guild home knows.

    Empty where it was, and for a host that has none.
    """
    if not isinstance(host, RemoteHost) or not (host.remote.init or "").strip():
        return ""
    done = host.initialized(host.remote.init or "")
    if done == "done":
        return ""
    if done:
        return f"'init' of {host.name} has changed since it was run there"
    return f"'init' of {host.name} was not run there, as far as guild knows"
