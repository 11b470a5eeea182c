"""Runs of several remotes, named by ids or as `gpu1:3`, each found on its remote."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from guild_sync.agent.protocol import Filters
from guild_sync.errors import Exit, GuildError, RemoteError, RunAmbiguous, RunNotFound, UsageError
from guild_sync.fleet.asking import asked, worst
from guild_sync.hosts.base import Host
from guild_sync.hosts.remote import RemoteHost

_INDEXES = re.compile(r"[0-9]{1,7}\Z|[0-9]{0,7}:[0-9]{0,7}\Z")  # an index, or a range

FiltersOn = Callable[[Host], Filters]


@dataclass(frozen=True)
class Located:
    """Which runs are meant on which remote, as words that it understands by itself.

    And why others could not be asked, which were told of.
    """

    words: dict[str, list[str]]
    errors: Mapping[str, GuildError] = field(default_factory=dict)

    @property
    def exit(self) -> Exit:
        return worst(self.errors)


def located(
    names: Sequence[str], specs: Sequence[str], filters: FiltersOn, deleted: bool = False
) -> Located:
    """On which of the remotes the runs are that `specs` name.

    `gpu1:3` and `gpu1:1:5` say it; an id, or the beginning of one, is looked for on all of them.
    Raises RunNotFound where it is on none, or on several, and UsageError for a mere index.
    """
    words, ids = _told_apart(names, specs)
    if not ids:
        return Located(words)

    def look(host: RemoteHost) -> dict[str, Sequence[str] | RunAmbiguous]:
        wanted = filters(host)
        return {one: matching(host, one, wanted, deleted) for one in ids}

    replies = asked(names, look)
    for one in ids:
        found: dict[str, Sequence[str]] = {}
        for name, reply in replies.answers.items():
            ids_there = reply[one]
            if isinstance(ids_there, RunAmbiguous):
                raise ids_there
            if ids_there:
                found[name] = ids_there
        if not found:
            raise replies.without(f"could not find a run matching {one!r}")
        if len(found) > 1:
            raise RunAmbiguous(
                f"there is a run {one} on {' and on '.join(found)}",
                f"Say which is meant: {' or '.join(f'{name}:{one}' for name in found)}.",
            )
        for name, run_ids in found.items():
            words.setdefault(name, []).extend(run_ids)
    return Located(words, replies.errors)


def _told_apart(
    names: Sequence[str], specs: Sequence[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """The words for runs of a remote that they name, and those that are looked for on all."""
    words: dict[str, list[str]] = {}
    ids: list[str] = []
    for spec in specs:
        # The longest: the spec of a remote may be the beginning of another one.
        named = max((n for n in names if spec.startswith(f"{n}:")), key=len, default="")
        if named:
            words.setdefault(named, []).append(spec.removeprefix(f"{named}:"))
        elif _INDEXES.match(spec):
            raise UsageError(
                f"{spec!r} has an index, of which each remote has its own",
                f"Say of which one: {names[0]}:{spec}.",
            )
        elif ":" in spec:
            raise UsageError(
                f"{spec!r} is a run of none of the remotes that are meant",
                f"These are {', '.join(names)}.",
            )
        else:
            ids.append(spec)
    return words, ids


def matching(
    host: Host, spec: str, filters: Filters, deleted: bool = False
) -> Sequence[str] | RunAmbiguous:
    """The run of a host that has the id, or the beginning of it; none; or why it is not one.

    Raises RemoteError where the host has another one for it: what is named is believed of a host.
    """
    try:
        found = host.list_runs([spec], None, filters, deleted)["runs"]
    except RunAmbiguous as e:
        return e
    except RunNotFound:
        return []
    ids = [run["id"] for run in found]
    if len(ids) != 1 or not ids[0].startswith(spec):
        raise RemoteError(f"remote {host.name!r} has other runs for {spec!r} than were asked for")
    return ids
