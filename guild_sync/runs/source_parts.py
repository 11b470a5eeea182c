"""The source code of a pipeline's run: every file once, and which of them each step has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from guild_sync.agent.protocol import SourcePart
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Operation, SourceCode
from guild_sync.project.sourcecode import Source, is_nameable


def gathered(
    operation: Operation, folder: Path, source_of: Callable[[Operation], Source]
) -> tuple[Operation, Source, tuple[SourcePart, ...]]:
    """The pipeline, whose steps say which part they have; all files; and these parts.

    There are no parts where all steps have the same files. `source_of` an operation is what it
    has by itself, of the project or package in `folder`.
    """
    sources = {selection: source_of(who) for selection, who in _selections(operation).items()}
    own = list({(each.root, each.files): each for each in sources.values()}.values())
    said = tuple(dict.fromkeys(text for each in sources.values() for text in each.left_out))
    if len(own) == 1:
        return operation, replace(own[0], left_out=said), ()
    top = Path(os.path.commonpath([each.root for each in own]))
    files: set[str] = set()
    parts: list[SourcePart] = []
    for each in own:
        root = each.root.relative_to(top)
        parts.append({"root": str(root), "files": list(each.files)})
        files.update(str(root / name) for name in each.files)
    if wrong := next((name for name in files if not is_nameable(name)), None):
        raise GuildError(f"a package cannot have a file of the name {wrong!r}")
    whole = Source(top, tuple(sorted(files)), said, folder if top != folder else None)
    places = [(each.root, each.files) for each in own]
    numbers = {s: places.index((each.root, each.files)) for s, each in sources.items()}
    return _numbered(operation, numbers), whole, tuple(parts)


def _selections(operation: Operation) -> dict[SourceCode, Operation]:
    """What is source code to the operation, and for a pipeline to its steps -> one that says so."""
    if not operation.steps:
        return {replace(operation.sourcecode, dest="."): operation}
    below = [_selections(step.operation) for step in operation.steps if step.operation]
    return {selection: who for found in below for selection, who in found.items()}


def _numbered(operation: Operation, numbers: Mapping[SourceCode, int]) -> Operation:
    """The pipeline, each step with the number of its part, or its steps, where they differ."""
    steps = []
    for step in operation.steps:
        assert step.operation is not None  # operations.with_steps
        first, *others = {numbers[selection] for selection in _selections(step.operation)}
        if others:
            steps.append(replace(step, operation=_numbered(step.operation, numbers)))
        else:
            steps.append(replace(step, source_part=first))
    return replace(operation, steps=tuple(steps))
