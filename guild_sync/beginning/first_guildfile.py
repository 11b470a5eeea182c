"""A first guild.yml for the modules of a folder, as a person would have written it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import yaml

from guild_sync.beginning.modules import FoundModules, FoundProgram
from guild_sync.beginning.packages import REQUIREMENTS, NeededPackages
from guild_sync.config.faults import refuse
from guild_sync.errors import GuildError
from guild_sync.guildfile import reader
from guild_sync.programs.literals import recorded
from guild_sync.programs.offered import ImportedFlag
from guild_sync.project.definitions import GUILDFILE
from guild_sync.project.values import shown

_HEAD = """\
# What guild runs here: an operation for each module that is a program.
# 'guild help --man guild.yml' tells of all keys, 'guild operations -v' of the flags.
"""
_IMPORTED = """\
  # What the modules import. To have guild install what a machine lacks, remove the '#',
  # and name each as the package index does:
"""
_WIDTH = 96  # of a comment
_OF = {
    "args": "options of its argparse parser",
    "args:click": "options of its click command",
    "args:fire": "arguments that it hands to fire",
    "globals": "values that it assigns to names",
}


def text_of(folder: Path, found: FoundModules) -> str:
    """The text of a guild.yml with an operation for each program, and the packages they need."""
    package = "".join(_package(folder, found.packages))
    operations = [*map("".join, map(_lines, found.programs))]
    if not package:
        return _HEAD + "".join(f"\n{operation}" for operation in operations)
    inner = "\n".join(indent(operation, "    ") for operation in operations)
    return f"{_HEAD}\n{package}\n- operations:\n{inner}"


def _package(folder: Path, packages: NeededPackages) -> Iterator[str]:
    """The entry that has guild install what is needed; none where nothing is."""
    if not packages.required and not packages.imported:
        return
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip(".-") or "project"
    yield f"- package: {_scalar(name)}\n"
    if packages.required:
        yield f"  # Those of {REQUIREMENTS}; guild installs what a machine lacks.\n"
        yield "  requires:\n"
        yield from (f"    - {_scalar(line)}\n" for line in packages.required)
    else:
        yield _IMPORTED
        yield f"  # requires: [{', '.join(packages.imported)}]\n"


def written(folder: Path, found: FoundModules) -> Path:
    """The guild.yml of a folder that has none, written whole, and read once as a check.

    Raises GuildError where there is one: it stays as it is.
    """
    path = folder / GUILDFILE
    beside = folder / f".{GUILDFILE}.{os.getpid()}"
    try:
        beside.write_text(text_of(folder, found), encoding="utf-8")
        _put(beside, path)
    except FileExistsError:
        raise already_there(path) from None
    finally:
        beside.unlink(missing_ok=True)
    try:
        project = reader.load(folder)
        refuse(path, [*project.faults, *(f for o in project.operations for f in o.faults)])
    except GuildError:
        path.unlink()
        raise
    return path


def _put(beside: Path, path: Path) -> None:
    """Have the file there by its name, in no other file's place."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:  # a disk that knows no second name of a file
        with path.open("x", encoding="utf-8") as file:
            file.write(beside.read_text(encoding="utf-8"))


def already_there(path: Path) -> GuildError:
    return GuildError(
        f"there is {path} already, which stays as it is",
        "See what it offers with 'guild operations -v'.",
    )


def _lines(program: FoundProgram) -> Iterator[str]:
    yield f"{_scalar(program.name)}:\n"
    if program.description:
        yield f"  description: {_scalar(program.description)}\n"
    yield f"  main: {_scalar(program.main)}\n"
    if not program.flags:
        return
    is_global = program.dest == "globals"
    names = f"[{', '.join(map(_scalar, program.flags))}]" if is_global else "all"
    yield from _comment(program)
    yield f"  flags-import: {names}\n"


def _comment(program: FoundProgram) -> Iterator[str]:
    """Where its flags come from, and what they are in the source, on as few lines as fit."""
    line = f"  # {_OF[program.dest]}:"
    for number, flag in enumerate(program.flags.values(), 1):
        word = said_of(flag) + ("," if number < len(program.flags) else "")
        if len(line) + len(word) > _WIDTH:
            yield f"{line}\n"
            line = "  #  "
        line += f" {word}"
    yield f"{line}\n"


def said_of(flag: ImportedFlag) -> str:
    """A flag and its value in the source, on one line of what can be shown: `lr=0.1`."""
    if flag.default is None:
        return f"{flag.name} (has to be given)" if flag.required else flag.name
    text = shown(recorded(flag.default))
    return f"{flag.name}={text}" if text.isprintable() and len(text) <= 40 else flag.name


def _scalar(text: str) -> str:
    dumped: str = yaml.safe_dump(text, width=10_000, allow_unicode=True)
    return dumped.removesuffix("\n").removesuffix("\n...")
