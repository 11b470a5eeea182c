"""Which runs one rsync copies, and the files that tell it what to leave and what to remove."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from guild_sync.errors import GuildError

LeftOut = Mapping[str, Sequence[str]]  # run id -> paths in it


class Part(NamedTuple):
    """The runs that one rsync copies, and where to: the runs' folder, or that of a moved one."""

    ids: Sequence[str]
    target: str
    is_moved: bool = False

    def top(self, run_id: str) -> str:
        """What the paths of a run begin with, as rsync's rules have them."""
        return "" if self.is_moved else f"/{run_id}"

    def found(self, name: str) -> tuple[str, str]:
        """The run that a file is in which rsync names, and its path there."""
        if self.is_moved:
            return self.ids[0], name
        run_id, _, path = name.partition("/")
        return run_id, path

    def names_of_files(self, files: Sequence[tuple[str, str]]) -> bytes:
        """Files, as run and path, as rsync is told of them."""
        # As in `names_of`; and what is no text travels as surrogates.
        end = "/./" if self.is_moved else "/"
        return b"".join(os.fsencode(f"{run_id}{end}{path}\0") for run_id, path in files)


def parts(ids: Sequence[str], moved: Mapping[str, str], target: str) -> Iterator[Part]:
    """What one rsync each copies of these runs: those in `target`, and each that was moved."""
    if others := [run_id for run_id in ids if run_id not in moved]:
        yield Part(others, target)
    for run_id in ids:
        if run_id in moved:
            yield Part([run_id], moved[run_id], is_moved=True)


def names_of(ids: Sequence[str], is_moved: bool) -> bytes:
    """The runs that are meant, as rsync is told of them."""
    # With the slash, the sender goes through a link of its own in a run's place; what comes
    # before `/./` is none of the path at the receiver's end.
    end = "/./" if is_moved else "/"
    return "".join(f"{run_id}{end}\0" for run_id in ids).encode()


def listed(
    left_out: LeftOut, part: Part, bare: Collection[str] = (), folders: LeftOut | None = None
) -> AbstractContextManager[Path | None]:
    """A file with what is left out, as patterns of rsync's for these paths and no others.

    `folders` are paths of folders: nothing else by their names comes, nor by that of their run.
    What another rsync brings into one would go where a link leads.
    """
    patterns = [_pattern(f"{part.top(i)}/{path}") for i in part.ids for path in left_out.get(i, ())]
    for run_id in part.ids:
        if run_id in bare:
            patterns += [f"+ {part.top(run_id)}/.guild", f"- {part.top(run_id)}/*"]
    for run_id, paths in (folders or {}).items():
        top = part.top(run_id)
        for place in filter(None, (top, *(f"{top}/{path}" for path in paths))):
            patterns += [f"+ {_pattern(place)}/", f"- {_pattern(place)}"]
    for pattern in patterns:  # another NUL in one would make two rules of it (--from0)
        if "\0" in pattern:
            raise GuildError(f"a file cannot be left out of a copy: its name is {pattern!r}")
    return _written(patterns)


def rules(
    removable: Mapping[str, Sequence[str]], part: Part
) -> AbstractContextManager[Path | None]:
    """A file of rules by which --delete removes these paths, and nothing else."""
    risks = []
    for run_id in part.ids:
        paths = removable.get(run_id, ())
        # A folder can go only where what is in it may: it stays while anything else is there.
        going = (*paths, *folders_above(paths))
        risks += [f"R {_pattern(f'{part.top(run_id)}/{path}')}" for path in going]
    return _written([*risks, "P *"] if risks else [])


def folders_above(paths: Sequence[str]) -> list[str]:
    """The folders that these are in, and those which these folders are in."""
    return sorted({path[:at] for path in paths for at in range(len(path)) if path[at] == "/"})


@contextmanager
def _written(patterns: Sequence[str]) -> Iterator[Path | None]:
    if not patterns:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="guild-") as file:
        file.write(b"".join(os.fsencode(pattern) + b"\0" for pattern in patterns))
        file.flush()
        yield Path(file.name)


def _pattern(path: str) -> str:
    # A backslash stands for itself where there is nothing that it could escape: rsync(1).
    return re.sub(r"([\\*?[])", r"\\\1", path) if re.search(r"[*?[]", path) else path
