"""Config files of a project: read, and written anew with the values of flags in them."""

from __future__ import annotations

import configparser
import datetime
import io
import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from guild_sync.agent.protocol import Value
from guild_sync.agent.running.nested import NestedError, put
from guild_sync.agent.value_words import plain_value
from guild_sync.config import file
from guild_sync.declarations import nested_flags
from guild_sync.errors import GuildError
from guild_sync.project.definitions import TEMPLATE, ConfigFile, Yaml
from guild_sync.project.flags import Flag
from guild_sync.project.values import argument_text

_MAX_BYTES = 1 << 22  # it travels with the request for a run
_MAX_NODES = 1_000_000
_MAX_DEPTH = 100
_JSON, _YAML, _TOML, _INI = (".json",), (".yml", ".yaml"), (".toml",), (".ini", ".cfg")
SUFFIXES = (*_JSON, *_YAML, *_TOML, *_INI)
_HALVES = re.compile("[\ud800-\udfff]")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")  # a key of TOML that needs no quotes


def config_file(path: str, folder: Path) -> ConfigFile:
    """The config file of a project; what keeps it from being read is kept with it."""
    try:
        text = text_of(path, folder)
        if text is None:
            return ConfigFile(path, problem=f"the config file {path} is not there")
        found = ConfigFile(path, text)
        flags_in(found)
    except ValueError as e:
        return ConfigFile(path, problem=_unreadable(path, e))
    return found


def text_of(path: str, folder: Path) -> str | None:
    """The text of a config file of a project, None where there is none.

    Raises ValueError, with a message of one line, where it cannot be read.
    """
    try:
        if not (folder / path).is_file():
            return None
        return file.text_of(folder / path, _MAX_BYTES).removeprefix("\ufeff")
    except OSError as e:
        raise ValueError(e.strerror or type(e).__name__) from None


def flags_in(config: ConfigFile) -> dict[str, Flag]:
    """The flags that a config file offers. Raises ValueError for one that cannot be read."""
    if _suffix(config) not in _INI:
        return nested_flags.flags_in(_parsed(config))
    values: dict[Yaml, Yaml] = {}
    parser = _ini(config)
    for section in parser.sections():
        prefix = "" if section == configparser.DEFAULTSECT else f"{section}."
        # As configparser has it, `Key` and `key` are one.
        for key, text in parser.items(section):
            if text is not None:
                value = plain_value(text)
                name = f"{prefix}{key.lower()}"
                values[name] = text if isinstance(value, (list, dict)) else value
    return nested_flags.flags_in(values)


def with_values(config: ConfigFile, values: Mapping[str, Value]) -> str:
    """The text of the config file with these values in it: `a.b` is `b` of its mapping `a`.

    Raises GuildError where it cannot be read, or has no place for a value.
    """
    try:
        if _suffix(config) in _INI:
            return _ini_text(config, values)
        data = _parsed(config)
        for name, value in values.items():
            put(data, name, _own(value, [_MAX_NODES]))
        return _text(data, _suffix(config))
    except NestedError as e:
        raise GuildError(f"{config.path} cannot take a flag: {e}") from None
    except ValueError as e:
        raise GuildError(_unreadable(config.path, e)) from None


def _unreadable(path: str, error: ValueError) -> str:
    return f"the config file {path} cannot be read: {str(error).splitlines()[0]}"


def _suffix(config: ConfigFile) -> str:
    return PurePosixPath(config.path.removesuffix(TEMPLATE)).suffix.lower()


def _parsed(config: ConfigFile) -> dict[Yaml, Yaml]:
    suffix, text = _suffix(config), config.text
    try:
        if suffix in _JSON:
            data: Yaml = json.loads(text)
        elif suffix in _YAML:
            data = _yaml(text)
        elif suffix in _TOML:
            data = _toml(text)
        else:
            raise ValueError(f"its name ends with none of {', '.join(SUFFIXES)}")
        data = {} if data is None else _own(data, [_MAX_NODES])
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("it is no mapping")
    return data


def _yaml(text: str) -> Yaml:
    import yaml

    from guild_sync.config.yaml_text import NO_VALUE

    try:
        data: Yaml = yaml.safe_load(text)  # not libyaml's loader: deep nesting ends the process
    except (yaml.YAMLError, *NO_VALUE) as e:
        raise ValueError(" ".join(str(e).split())) from None
    return data


def _toml(text: str) -> Yaml:
    try:
        import tomllib
    except ImportError:
        raise ValueError("guild reads TOML with Python 3.11 and later") from None
    found: dict[Yaml, Yaml] = {}
    for key, value in tomllib.loads(text).items():
        found[key] = value
    return found


def _own(node: Yaml | Value, left: list[int], depth: int = 0) -> Yaml:
    """The data with nothing in it twice: what an alias of YAML names is a value of its own."""
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise ValueError("it is too large, or nested too deeply")
    if isinstance(node, dict):
        return {key: _own(value, left, depth + 1) for key, value in node.items()}
    return [_own(item, left, depth + 1) for item in node] if isinstance(node, list) else node


def _text(data: dict[Yaml, Yaml], suffix: str) -> str:
    if suffix in _JSON:
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        # Half a character, which JSON can spell, and no file can have.
        return json.dumps(data, indent=2) + "\n" if _HALVES.search(text) else text
    if suffix in _TOML:
        return "\n".join(_toml_lines(data, [])).strip() + "\n"
    import yaml

    dumped: str = yaml.safe_dump(
        data, default_flow_style=False, sort_keys=False, allow_unicode=True
    )
    return dumped


# TOML, which the standard library reads and does not write.


def _toml_lines(table: Mapping[Yaml, Yaml], above: list[str]) -> Iterator[str]:
    """The lines of a table: first its values, then the tables in it."""
    for key, value in table.items():
        if not _is_table(value) and value is not None:
            yield f"{_toml_key(key)} = {_toml_value(value)}"
    for key, value in table.items():
        name = [*above, _toml_key(key)]
        if isinstance(value, dict):
            yield from ("", f"[{'.'.join(name)}]")
            yield from _toml_lines(value, name)
        elif isinstance(value, list) and _is_table(value):
            for item in value:
                yield from ("", f"[[{'.'.join(name)}]]")
                yield from _toml_lines(item if isinstance(item, dict) else {}, name)


def _is_table(value: Yaml) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def _toml_key(key: Yaml) -> str:
    return str(key) if _BARE.match(str(key)) else _toml_value(str(key))


def _toml_value(value: Yaml) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf, -inf, nan
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise ValueError(f"TOML has no value like {value}")


# INI: sections of texts, and no deeper. What is in no section is in DEFAULT.


class _Parser(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # keys are written as they were


def _ini(config: ConfigFile) -> configparser.RawConfigParser:
    # DEFAULT is a section like the others: none has what it says among its own.
    parser = _Parser(strict=False, allow_no_value=True, default_section="")
    try:
        parser.read_string(config.text)
    except configparser.Error as e:
        raise ValueError(str(e).splitlines()[0]) from None
    return parser


def _ini_text(config: ConfigFile, values: Mapping[str, Value]) -> str:
    parser = _ini(config)
    for name, value in values.items():
        found = [s for s in parser.sections() if name.startswith(f"{s}.")]
        named = max(found, key=len) if found else name.rpartition(".")[0].split(".")[0]
        section, key = named or configparser.DEFAULTSECT, name.removeprefix(f"{named}.")
        if not parser.has_section(section):
            parser.add_section(section)
        known = parser[section]
        key = next((k for k in known if k.lower() == key.lower()), key)
        text = _ini_value(value)
        if any(c in key + text for c in "\n\r") or not key:
            raise NestedError(f"{name}: its value is not one line")
        known[key] = text
    out = io.StringIO()
    parser.write(out)
    return out.getvalue()


def _ini_value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return shlex.join(map(argument_text, value))
    return "" if value is None else argument_text(value)
