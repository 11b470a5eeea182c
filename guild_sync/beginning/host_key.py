"""The host key of a remote that is new here: shown, and asked about, before it is trusted."""

from __future__ import annotations

from contextlib import suppress

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, LoginRefused, Unreachable
from guild_sync.monitoring import probe as probing
from guild_sync.monitoring.probe import Probe
from guild_sync.output.console import say
from guild_sync.output.terminal import clean
from guild_sync.transport.login import log_in, need_somebody

_TAKEN = ("StrictHostKeyChecking=accept-new",)


def accepted(remote: Remote, without_asking: bool) -> bool:
    """Have the host's key known here: it is, or a person says so to ssh, or it is taken unasked.

    Where the login needs a person beside that, and there is a terminal, they are asked for that,
    too; the answer is whether it does. Raises Unreachable where the host cannot be reached or shows
    another key than before, and GuildError where nobody can be asked.
    """
    found = probing.probe(remote)
    if found.key_state == probing.UNKNOWN:
        say(f"{_place(remote)} shows a host key that is not known here: {clean(found.key)}")
        if without_asking:
            found = _taken(remote, found)
        else:
            return _ask(remote, found)
    if found.failure is None:
        return False
    if not isinstance(found.failure, LoginRefused):
        raise found.failure
    if not without_asking and _has_somebody():  # it may be a password that is wanted
        with suppress(Unreachable):  # the check tells what there is to do
            log_in(remote)
            return True
    return False


def _taken(remote: Remote, shown: Probe) -> Probe:
    """The key taken without a question, as ssh's accept-new does; what a connection shows then."""
    found = probing.probe(remote._replace(ssh_options=_TAKEN))
    if found.key != shown.key:
        raise Unreachable(
            f"{_place(remote)} showed another host key a moment later: {clean(found.key)}",
            "Ask whoever runs it which is right, before you log in there.",
        )
    return found


def _ask(remote: Remote, shown: Probe) -> bool:
    """Have ssh ask for the key, and for whatever the login needs; whether it needs something."""
    try:
        need_somebody()
    except GuildError:
        raise Unreachable(
            f"the host key of {_place(remote)} is not known here, and nobody can be asked",
            f"It shows {clean(shown.key)}. If that is right, take it with -y.",
        ) from None
    try:
        log_in(remote)
    except Unreachable:
        if probing.probe(remote).key_state != probing.KNOWN:
            raise
        return False  # the key is taken; who is let in, and how, is told by the check
    return isinstance(probing.probe(remote).failure, LoginRefused)


def _has_somebody() -> bool:
    try:
        need_somebody()
    except GuildError:
        return False
    return True


def _place(remote: Remote) -> str:
    return clean(remote.host)
