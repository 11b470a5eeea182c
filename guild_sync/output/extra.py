"""Libraries that an extra of the package brings: whether they are here, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec

from guild_sync.errors import GuildError


def need(what: str, extra: str, *modules: str) -> None:
    """Raise GuildError where `what`, as `plots`, needs modules that are not installed."""
    if missing := [name for name in modules if find_spec(name) is None]:
        raise GuildError(
            f"{what} need {' and '.join(missing)}, and guild is installed without",
            f"Install it where guild is: pip install 'guild-sync[{extra}]'",
        )
