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
from guild_sync.declarations import nested_flags
from guild_sync.errors import GuildError
from guild_sync.project.definitions import TEMPLATE, ConfigFile, Yaml
from guild_sync.project.flags import Flag
from guild_sync.project.values import argument_text, plain_value

_MAX_BYTES = 1 << 20
_MAX_NODES = 100_000
_MAX_DEPTH = 50
_JSON, _YAML, _TOML, _INI = (".json",), (".yml", ".yaml"), (".toml",), (".ini", ".cfg")
_SUFFIXES = (*_JSON, *_YAML, *_TOML, *_INI)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")  # a key of TOML that needs no quotes


def config_file(path: str, folder: Path) -> ConfigFile:
    """The config file of a project; what keeps it from being read is kept with it."""
    try:
        file = folder / path
        if not file.is_file():
            return ConfigFile(path, problem=f"the config file {path} is not there")
        with file.open("rb") as f:
            data = f.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        found = ConfigFile(path, text=data.decode("utf-8-sig"))
        flags_in(found)
    except (OSError, ValueError) as e:
        first = str(e).splitlines()[0] if str(e) else type(e).__name__
        return ConfigFile(path, problem=f"the config file {path} cannot be read: {first}")
    return found


def flags_in(config: ConfigFile) -> dict[str, Flag]:
    """The flags that a config file offers. Raises ValueError for one that cannot be read."""
    if _suffix(config) not in _INI:
        return nested_flags.flags_in(_parsed(config))
    values: dict[Yaml, Yaml] = {}
    for section in _ini(config):
        prefix = "" if section == configparser.DEFAULTSECT else f"{section}."
        own = _ini_items(config, section)
        # As configparser has it, `Key` and `key` are one.
        for key, text in own.items():
            value = plain_value(text)
            values[f"{prefix}{key.lower()}"] = text if isinstance(value, (list, dict)) else value
    return nested_flags.flags_in(values)


def with_values(config: ConfigFile, values: Mapping[str, Value]) -> str:
    """The text of the config file with these values in it. Raises GuildError where it cannot be."""
    try:
        if _suffix(config) in _INI:
            return _ini_text(config, values)
        data = _parsed(config)
        for name, value in values.items():
            put(data, name, value)
        return _text(data, _suffix(config))
    except NestedError as e:
        raise GuildError(f"{config.path} cannot take a flag: {e}") from None
    except ValueError as e:
        raise GuildError(f"the config file {config.path} cannot be written: {e}") from None


def _suffix(config: ConfigFile) -> str:
    return PurePosixPath(config.path.removesuffix(TEMPLATE)).suffix.lower()


def _parsed(config: ConfigFile) -> dict[Yaml, Yaml]:
    suffix, text = _suffix(config), config.text or ""
    try:
        if suffix in _JSON:
            data: Yaml = json.loads(text)
        elif suffix in _YAML:
            data = _yaml(text)
        elif suffix in _TOML:
            data = _toml(text)
        else:
            raise ValueError(f"its name ends with none of {', '.join(_SUFFIXES)}")
        data = {} if data is None else _own(data, [_MAX_NODES])
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("it is no mapping")
    return data


def _yaml(text: str) -> Yaml:
    import yaml

    try:
        data: Yaml = yaml.safe_load(text)
    except yaml.YAMLError as e:
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


def _own(node: Yaml, left: list[int], depth: int = 0) -> Yaml:
    """The data with nothing in it twice: what an alias of YAML names is a value of its own."""
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise ValueError("it is too large, or nested too deeply")
    if isinstance(node, dict):
        return {key: _own(value, left, depth + 1) for key, value in node.items()}
    return [_own(item, left, depth + 1) for item in node] if isinstance(node, list) else node


def _text(data: dict[Yaml, Yaml], suffix: str) -> str:
    if suffix in _JSON:
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if suffix in _TOML:
        return "\n".join(_toml_lines(data, [])).strip() + "\n"
    import yaml

    text: str = yaml.safe_dump(data, default_flow_style=False, sort_keys=False, allow_unicode=True)
    return text


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
    parser = _Parser(strict=False, allow_no_value=True)
    try:
        parser.read_string(config.text or "")
    except configparser.Error as e:
        raise ValueError(str(e).splitlines()[0]) from None
    return parser


def _ini_items(config: ConfigFile, section: str) -> dict[str, str]:
    """What the section itself has, without what it takes from DEFAULT."""
    parser = _ini(config)
    found: dict[str, str | None] = dict(parser.defaults())
    if section != parser.default_section:
        for key in found:
            parser.remove_option(parser.default_section, key)
        found = dict(parser[section])
    return {key: text for key, text in found.items() if text is not None}


def _ini_text(config: ConfigFile, values: Mapping[str, Value]) -> str:
    parser = _ini(config)
    for name, value in values.items():
        sections = [s for s in parser.sections() if name.startswith(f"{s}.")]
        section = max(sections, key=len) if sections else name.rpartition(".")[0].split(".")[0]
        key = name.removeprefix(f"{section}.") if section else name
        if section and not parser.has_section(section):
            parser.add_section(section)
        known = parser[section or parser.default_section]
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
