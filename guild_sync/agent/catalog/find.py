"""The runs of this guild home, and which of them are meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, List, Optional, Sequence, Set, Tuple

from ..errors import AgentError, NoSuchRun
from ..protocol import RUN_ID, Filters, Value
from ..remembering import looks
from ..remembering.looks import Looks
from ..store import rundir

if TYPE_CHECKING:
    from .filters import Matching

_RUN_PREFIX = r"[0-9a-f]{1,32}\Z"
_INDEX = r"[0-9]{1,7}\Z"
# Filters that name runs, and whether those are meant or all others.
_NAMED = {"among": True, "not_among": False}
# Filters that a look at the run alone does not tell; the others are those of filters.py.
_NOT_BY_ITSELF = ("mine", *_NAMED)
# Those for which nothing is read of a run but what looks remember.
_KNOWN = {"status", "operation", *_NAMED}
_RANGE = r"([0-9]{0,7}):([0-9]{0,7})\Z"
_OF_REMOTE = r"([A-Za-z][\w.-]{0,63}):([0-9a-f:]{1,32})\Z"  # gpu1:3, gpu1:1:5, gpu1:4f5e


def run_ids(home: str, deleted: bool = False) -> List[str]:
    """The ids of all runs of this guild home, the latest first.

    The order is by the time at which a run started, or else was initialized.
    """
    with looks.of(home, deleted) as seen:
        return _in_order(seen.every(seen.times))


def _in_order(keyed: List[Tuple[int, str]]) -> List[str]:
    """Newest first, and by id where two began in the same microsecond."""
    keyed.sort(reverse=True)
    return [name for _, name in keyed]


def select(
    home: str,
    specs: Sequence[str],
    filters: Optional[Filters] = None,
    deleted: bool = False,
    whole: bool = False,
    most: Optional[int] = None,
) -> List[str]:
    """The ids that `specs` name, in their order: an index, a range `1:5`, an id or a prefix.

    Without specs: all that have an index, and with `whole` the others too. `filters`
    (filters.py) count before indexes do. What is deleted has indexes of its own.
    With `most`, of those that are meant so many of the first may be all.
    Raises NoSuchRun where a spec names no run, and AgentError (kind "ambiguous") for several.
    """
    if all(RUN_ID.match(spec) for spec in specs) and specs and not filters and not deleted:
        known = [spec for spec in specs if rundir.time_of(rundir.run_dir(home, spec)) is not None]
        if len(known) == len(specs):
            return _unique(known)
    with looks.of(home, deleted) as seen:
        if most is not None and not (specs or filters or deleted):
            first = _first(seen, most, whole)
            if first is not None:
                return first
        meant = _meant(home, seen, filters) if filters else lambda names: names
        reads = not _KNOWN.issuperset(filters or ())
        every = _in_order(seen.every(lambda names: seen.times(meant(names)), reads))
        if not specs and whole:
            return every
        ids = every if deleted else seen.indexed(every)
    if not specs:
        return ids
    hint = "Show runs with 'guild runs%s'." % (" --deleted" if deleted else "")
    if filters and not every:
        raise NoSuchRun("no run meets the filters", hint)
    return _unique([run_id for spec in specs for run_id in _named(spec, ids, every, hint)])


def _first(seen: Looks, most: int, whole: bool) -> Optional[List[str]]:
    """The latest runs, of which alone it is looked at what they are; None where that is too few."""
    found: List[str] = []
    for time, name in sorted(seen.likely_times(), reverse=True):
        directory = seen.top + "/" + name
        if len(found) == most:
            break
        if rundir.time_of(directory) != time:
            return None
        if whole or rundir.is_indexed(directory):
            found.append(name)
    return found


def _meant(home: str, seen: Looks, filters: Filters) -> Matching:
    """Of the runs that it gets, those that meet the filters, in any order."""
    from .filters import matching

    named = [(_ids(filters[name]), is_in) for name, is_in in _NAMED.items() if name in filters]
    by_itself = matching(seen, {n: f for n, f in filters.items() if n not in _NOT_BY_ITSELF})
    owner, above = None, seen.top + "/"
    if "mine" in filters:
        from .owners import Owner  # which takes more than the one run to tell

        owner = Owner(home, filters["mine"])

    def found(names: Sequence[str]) -> Sequence[str]:
        for ids, is_in in named:
            names = [run_id for run_id in names if (run_id in ids) is is_in]
        names = by_itself(names)
        return names if owner is None else [run for run in names if owner.has(above + run)]

    return found


def _ids(value: Value) -> Set[str]:
    return {str(run_id) for run_id in value} if isinstance(value, list) else set()


def _named(spec: str, ids: Sequence[str], every: Sequence[str], hint: str) -> Sequence[str]:
    """The ids that a spec names: indexes are those of `ids`, and any of `every` has an id."""
    # An index first: `1` is the latest run, not a run whose id begins with 1.
    if re.match(_INDEX, spec) and int(spec) <= max(len(ids), 999):
        index = int(spec)
        if 1 <= index <= len(ids):
            return ids[index - 1 : index]
        raise _no_such_run(spec, hint, "there are %d" % len(ids) if ids else "there are none")
    match = re.match(_RANGE, spec)
    if match:
        first = int(match.group(1) or 1)
        found = ids[max(first - 1, 0) : int(match.group(2) or len(ids))]
        if not found:
            raise _no_such_run(spec, hint, "there are %d" % len(ids) if ids else "there are none")
        return found
    matching = [i for i in every if i.startswith(spec)] if re.match(_RUN_PREFIX, spec) else []
    if len(matching) > 1:
        raise AgentError(
            "%s is the beginning of %d run ids" % (rundir.shown(spec), len(matching)),
            "It could be %s. Give more of it." % ", ".join(i[:12] for i in matching[:5]),
            "ambiguous",
        )
    if not matching:
        raise _no_such_run(spec, hint + _of_remote(spec))
    return matching


def _no_such_run(spec: str, hint: str, why: str = "") -> NoSuchRun:
    return NoSuchRun(
        "could not find a run matching %s" % rundir.shown(spec) + (" (%s)" % why if why else ""),
        hint,
        spec,
    )


def _of_remote(spec: str) -> str:
    """How a run of a remote is meant, where a spec looks like one of several remotes."""
    match = re.match(_OF_REMOTE, spec)
    words = "\n%s is for several remotes, such as '-r all'; of one it is '-r %s' and %s."
    return words % (spec, match.group(1), match.group(2)) if match else ""


def _unique(ids: Sequence[str]) -> List[str]:
    return list(dict.fromkeys(ids))


def one(home: str, spec: str, filters: Optional[Filters] = None) -> str:
    """The id of the one run that `spec` names."""
    found = select(home, [spec], filters)
    if len(found) != 1:
        raise AgentError(
            "%s names %d runs" % (rundir.shown(spec), len(found)), "Name one.", "not-found"
        )
    return found[0]
