"""The remotes that a word means: names, groups, specs and `all`, with commas between them."""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.config import groups, remotes
from guild_sync.config.faults import refuse
from guild_sync.config.home import config_path
from guild_sync.config.remotes import SANDBOX, SUPPORTED_TYPES
from guild_sync.config.schema import EVERY
from guild_sync.config.texts import nearest
from guild_sync.errors import FaultyRemote, RemoteNotFound, UsageError


def means_several(text: str) -> bool:
    """Whether a word means remotes that are worked with together, be it one in the end.

    The name of a remote, or a spec, means that one alone, and all is as it is without groups.
    """
    return "," in text or text in EVERY or _is_group(text)


def names(text: str) -> tuple[str, ...]:
    """The names of the remotes that a word means, in its order, each once.

    Raises UsageError where a name between commas is left out, RemoteNotFound for what is no
    remote, and ConfigError for a group that is at fault. A remote that has a fault is among the
    names: it is told of where that remote is asked, and stops no other.
    """
    words = text.split(",")
    if not all(words):
        raise UsageError(f"there is a name missing in {text!r}", "Write it as gpu1,gpu2.")
    return tuple(dict.fromkeys(name for word in words for name in _meant(word)))


def clusters(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the remotes whose runs are jobs of a scheduler; one with a fault is none."""
    usable, _ = remotes.usable()
    return tuple(name for name in names if name in usable and usable[name].scheduler is not None)


def _meant(word: str) -> Sequence[str]:
    if word in EVERY:
        return _every(word)
    if not _is_group(word):
        return [_one(word)]
    known = groups.groups()
    if word not in known:
        refuse(config_path(), groups.faults())
    return known[word]


def _is_group(word: str) -> bool:
    """Whether it is a group's name; a spec is none, and takes no config file.

    Where none can be read, what is no remote may be meant for one: that fault is told then.
    """
    if word.startswith("ssh:") or word in (*remotes.defined(), SANDBOX):
        return False
    known = groups.defined()
    return word in known or (not known and bool(groups.faults()))


def _one(word: str) -> str:
    """The name of one remote. Raises RemoteNotFound, with what could have been meant."""
    try:
        remotes.remote(word)
    except FaultyRemote:
        pass
    except RemoteNotFound as e:
        near = nearest(word, groups.groups())
        hint = f"Did you mean {near}?\n" if near and "Did you mean" not in e.hint else ""
        raise RemoteNotFound(e.message, f"{hint}{e.hint}") from None
    return word


def _every(word: str) -> Sequence[str]:
    """All remotes of the config file, but for those of Guild AI's types that guild has not.

    The sandbox is one of them where the file names it, and while it runs.
    """
    if word in remotes.defined():
        remotes.remote(word)  # raises: it is to be renamed
    if word in groups.defined():
        refuse(config_path(), groups.faults())
    usable, _ = remotes.usable()
    found = [
        name
        for name in remotes.defined()
        if name not in usable or usable[name].type in SUPPORTED_TYPES
    ]
    if SANDBOX not in remotes.defined():
        from guild_sync.hosts import sandbox

        found += [SANDBOX] if sandbox.running(SANDBOX) else []
    if not found:
        raise RemoteNotFound(
            "the config file names no remote",
            "'guild remote add NAME [USER@]HOST' adds one; 'guild remote start sandbox' has one "
            "on this machine.",
        )
    return found
