"""One run among many: with the lowest or the highest value, or that a process belongs to."""

from __future__ import annotations

import os
import re
from typing import List, Optional, Sequence

from ..catalog import find, names
from ..catalog.values import RunValues
from ..columns import column, order_of
from ..errors import AgentError
from ..machine import processes
from ..protocol import ADD_OBJECTIVE, NO_OBJECTIVE, Filters, Picked
from ..remembering import looks
from ..store import locks, rundir
from . import objective
from .columns import cell


def choose(
    home: str,
    specs: Sequence[str] = (),
    filters: Optional[Filters] = None,
    limit: Optional[int] = None,
    attr: Optional[str] = None,
    lowest: Optional[str] = None,
    highest: Optional[str] = None,
    whole: bool = False,
    best: bool = False,
) -> List[Picked]:
    """The first `limit` runs that are meant: `id`, `run_dir`, and `value`, what `attr` names.

    Without `lowest` or `highest` the latest is first; with one of them, the run in which
    the column is so, and runs without a number there are left out. `best`: so of the objective
    of their operation, which guild.yml says.
    """
    ids = find.select(home, specs, filters, whole=whole)
    if best and ids:
        name, is_falling = order_of(objective.of_runs(home, ids))
        if not name:
            raise AgentError(NO_OBJECTIVE, ADD_OBJECTIVE)
        lowest, highest = (None, name) if is_falling else (name, None)
    column = lowest or highest
    if column:
        ids = _ranked(home, ids, column, -1 if highest else 1)
    return [_chosen(home, run_id, attr) for run_id in ids[:limit]]


def of_process(home: str, process: str) -> str:
    """The id of the run that a process belongs to: its number, or a file that holds it.

    That is the run's runner, the operation, or a process which one of them started.
    """
    pid = _process_id(process)
    running = {}
    for run_id in find.run_ids(home):
        holder = locks.holder(rundir.guild_dir(rundir.run_dir(home, run_id)))
        if holder:
            running[holder] = run_id
    for ancestor in processes.ancestors(pid):
        if ancestor in running:
            return running[ancestor]
    raise AgentError(
        "no running run has the process %d" % pid,
        "'guild runs info' shows the process of a running run.",
        "not-found",
    )


def _process_id(text: str) -> int:
    found = text
    if not text.isdigit():
        try:
            fd = os.open(text, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            raise AgentError(
                "%s is neither a process's number nor a file that can be read" % rundir.shown(text)
            ) from None
        try:
            found = os.read(fd, 64).decode("utf-8", "replace").strip()
        except OSError:  # a folder
            found = ""
        finally:
            os.close(fd)
    if not re.match(r"[0-9]{1,9}\Z", found):
        raise AgentError("%s holds no process's number" % rundir.shown(text))
    return int(found)


def _ranked(home: str, ids: Sequence[str], text: str, sign: int) -> List[str]:
    name = column(text).text
    with looks.of_values(home, len(ids)) as seen:
        numbers = {i: RunValues(rundir.run_dir(home, i), seen).judged(name) for i in ids}
    known = {run_id: sign * number for run_id, number in numbers.items() if number is not None}
    if ids and not known:
        raise AgentError("no run has a number for %s" % rundir.shown(text), _hint(home, ids, name))
    return sorted(known, key=known.__getitem__)


def _hint(home: str, ids: Sequence[str], name: str) -> str:
    """What there is, where runs lack what was asked for."""
    there = names.offered(home, ids)
    alike = [close for close in there.alike(name) if close != name]
    meant = "Did you mean %s? " % rundir.shown(alike[0]) if alike else ""
    if there.scalars:
        return meant + "There are %s." % there.told()
    return meant + "Name a flag or an attribute; 'guild runs info' shows a run's."


def _chosen(home: str, run_id: str, attr: Optional[str]) -> Picked:
    directory = rundir.run_dir(home, run_id)
    value = cell(directory, column(attr))["value"] if attr else None
    return {"id": run_id, "run_dir": directory, "value": value}
