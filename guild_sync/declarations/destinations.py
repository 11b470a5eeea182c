"""Where flags go, as `flags-dest` of an operation says, and what there is for them to set."""

from __future__ import annotations

from pathlib import Path

from guild_sync.config.faults import Place
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


def is_destination(dest: Yaml) -> bool:
    """Whether it is one of FORMS."""
    if not isinstance(dest, str):
        return False
    kind, colon, name = dest.partition(":")
    if not colon:
        return kind in _PLAIN
    if kind in _OF_MODULE:
        return name.isidentifier()
    usable = bool(name.strip()) and "\0" not in name and "\n" not in name
    return usable and kind in ("args", "config")


def config_of(dest: Yaml, folder: Path) -> ConfigFile | None:
    """The config file that flags go to, None where they go elsewhere."""
    if not isinstance(dest, str) or not dest.startswith("config:"):
        return None
    return config_files.config_file(dest.partition(":")[2], folder)


def is_nested(dest: Yaml) -> bool:
    """Whether flags go into one thing that holds them all."""
    kind = dest.partition(":")[0] if isinstance(dest, str) else None
    return kind == "config" or kind in _OF_MODULE


def offered(dest: str, main: str | None, root: Path, folder: Path, place: Place) -> dict[str, Flag]:
    """The flags that are there to be set in a nested destination: of the project in `folder`.

    `root` is the folder that has the module of `main`.
    """
    config = config_of(dest, folder)
    if config is not None:
        return {} if config.problem else config_files.flags_in(config)
    words = words_of(main or "")
    path = find_module(words[0], [root]) if words else None
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        data = nested_flags.data_of(text, str(path), dest.partition(":")[2])
    except (SyntaxError, ValueError, OSError) as e:
        place.warn(f"cannot read flags from {path.name}: {e}")
        return {}
    return nested_flags.flags_in(data)
