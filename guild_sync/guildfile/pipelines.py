"""The operations that steps name: those that there are not, and pipelines that go round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from guild_sync.guildfile.lines import Spot
from guild_sync.project.definitions import Operation, Project, Step
from guild_sync.project.flags import did_you_mean
from guild_sync.project.operations import Offered
from guild_sync.project.values import shown

_MOST_COMPARED = 100  # names: each with that of each step that is none


def checked(project: Project, places: Mapping[str, Spot]) -> Project:
    """The project, its pipelines with the faults of what their steps name.

    `places` are where its operations stand, by their full names.
    """
    offered = Offered(project)
    circles = dict(_circles(project, offered))
    made = []
    for operation in project.operations:
        if operation.steps and not operation.faults:
            place = places[operation.full_name]
            before = len(place.faults)
            for number, step in enumerate(operation.steps, 1):
                if offered.of_step(step.spec, operation.model) is None:
                    _fault(step, place.at(f"steps, entry {number}"), project)
            if operation.full_name in circles:
                place.fault(f"steps: {' -> '.join(circles[operation.full_name])} goes round")
            faults = place.faults[before:]
            # Perhaps it would be one that an entry with faults offers.
            operation = replace(operation, faults=(*(project.faults if faults else ()), *faults))
        made.append(operation)
    return replace(project, operations=tuple(made))


def _fault(step: Step, place: Spot, project: Project) -> None:
    names = [o.full_name for o in project.operations]
    near = did_you_mean(step.spec, names) if len(names) <= _MOST_COMPARED else ""
    hint = f": {near[0].lower()}{near[1:].strip()}" if near else ""
    place.fault(f"run: there is no operation {shown(step.spec)}{hint}")


def _circles(project: Project, offered: Offered) -> Iterator[tuple[str, list[str]]]:
    """The pipelines of which a step, at some depth, is the pipeline itself, each with the way.

    Where several go through one pipeline not all are found: a pipeline that leads into one is.
    """
    done: set[str] = set()
    for first in project.operations:
        way: dict[str, Iterator[Operation]] = {}
        current: Operation | None = first if first.full_name not in done else None
        while current is not None:
            name = current.full_name
            if name not in way and name not in done:
                way[name] = _below(current, offered)
            elif name in way:
                names = list(way)
                circle = names[names.index(name) :]
                for number, member in enumerate(circle):
                    yield member, [*circle[number:], *circle[: number + 1]]
            current = None
            while way and current is None:
                last = next(reversed(way))
                current = next(way[last], None)
                if current is None:
                    done.add(last)
                    del way[last]


def _below(operation: Operation, offered: Offered) -> Iterator[Operation]:
    found = (offered.of_step(step.spec, operation.model) for step in operation.steps)
    return (each for each in found if each is not None and each.steps)
