"""Groups of remotes, as `groups` at the top of the config file names them."""

from __future__ import annotations

from collections.abc import Mapping

from guild_sync.config.faults import Place
from guild_sync.config.file import load
from guild_sync.config.home import config_path
from guild_sync.config.remotes import SANDBOX
from guild_sync.config.remotes import defined as defined_remotes
from guild_sync.config.schema import why_no_name
from guild_sync.config.sections import GROUPS, names_in, section
from guild_sync.config.texts import is_one_line, nearest, plain_name, short


def groups() -> Mapping[str, tuple[str, ...]]:
    """The remotes of each group that has no fault.

    Raises ConfigError where the file cannot be read, or is not YAML.
    """
    return _read()[0]


def faults() -> tuple[str, ...]:
    """What is wrong with the others; raises as `groups` does."""
    return _read()[1]


def defined() -> tuple[str, ...]:
    """The names of all groups of the file, be they at fault; raises as `groups` does."""
    return names_in(GROUPS)


def _read() -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    file = Place()
    given = section(load(config_path()), GROUPS, file)
    if given is None:
        return {}, tuple(file.faults)
    place = file.at(GROUPS)
    if not isinstance(given, dict):
        place.must_be("a mapping of names to lists of remotes")
        return {}, tuple(file.faults)
    remotes = [*dict.fromkeys((*defined_remotes(), SANDBOX))]
    found = {}
    for name, members in given.items():
        before, group = len(file.faults), place.at(plain_name(name))
        names = [members] if isinstance(members, str) else members
        if why := why_no_name(name, "group"):
            group.fault(why)
        elif name in remotes:
            group.fault("is a remote's name, too: rename one of them")
        if not isinstance(names, list) or not names:
            group.must_be(f"a list of remotes, not {short(members)}")
            continue
        for member in names:
            if not is_one_line(member):
                group.must_be(f"a list of names, not of {short(member)}")
            elif member in given and member not in remotes:
                group.fault(f"{plain_name(member)} is a group, and a group has remotes alone")
            elif member not in remotes:
                near = nearest(member, remotes)
                hint = f" (did you mean {near}?)" if near else ""
                group.fault(f"there is no remote {member!r}{hint}")
        if len(file.faults) == before:
            found[name] = tuple(dict.fromkeys(names))
    return found, tuple(file.faults)
