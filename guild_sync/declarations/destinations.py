"""Where flags go, as `flags-dest` of an operation says, and what there is for them to set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from guild_sync.config.faults import Place
from guild_sync.config.texts import is_one_line
from guild_sync.declarations import config_files, nested_flags
from guild_sync.programs.modules import find_module
from guild_sync.project.definitions import ConfigFile, Yaml
from guild_sync.project.flags import Flag
from guild_sync.project.values import words_of

_ENVIRONMENT = "env"
_NOWHERE = ("no", "off", "none")  # but into the environment, which has all
_PLAIN = ("args", "globals", _ENVIRONMENT)
_OF_MODULE = ("global", "dict", "namespace")  # with the name of a global
FORMS = "args, args:NAME, globals, global:NAME, dict:NAME, namespace:NAME, config:FILE, env, no"


def destination(value: Yaml) -> Yaml:
    """Where flags go: one of FORMS, or what has been written in its place."""
    return _ENVIRONMENT if value is False or value in _NOWHERE else value


@dataclass(frozen=True)
class ProgramSource:
    """Where the source of an operation's program is: flags are read from it, nothing is run."""

    main: str | None
    root: Path  # the folder that has the module
    folder: Path  # the project's

    @property
    def words(self) -> list[str]:
        """The words of `main`, the first of them the module."""
        return words_of(self.main or "")

    @property
    def path(self) -> Path | None:
        """The module's file, None where there is none."""
        return find_module(self.words[0], [self.root]) if self.words else None


def is_destination(dest: Yaml) -> TypeGuard[str]:
    """Whether it is one of FORMS."""
    if not isinstance(dest, str):
        return False
    kind, colon, name = dest.partition(":")
    if not colon:
        return kind in _PLAIN
    if kind in _OF_MODULE:
        return name.isidentifier()
    return is_one_line(name) and kind in ("args", "config")


def config_of(dest: str, folder: Path) -> ConfigFile | None:
    """The config file that flags go to, None where they go elsewhere."""
    kind, _, path = dest.partition(":")
    return config_files.config_file(path, folder) if kind == "config" else None


def is_nested(dest: str) -> bool:
    """Whether flags go into one thing that holds them all."""
    return dest.partition(":")[0] in ("config", *_OF_MODULE)


def offered(dest: str, program: ProgramSource, place: Place) -> dict[str, Flag]:
    """The flags that are there to be set in a nested destination."""
    config = config_of(dest, program.folder)
    if config is not None:
        return {} if config.problem else config_files.flags_in(config)
    path = program.path
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        data = nested_flags.data_of(text, str(path), dest.partition(":")[2])
    except (SyntaxError, ValueError, OSError) as e:
        place.warn(f"cannot read flags from {path.name}: {e}")
        return {}
    return nested_flags.flags_in(data)
