"""YAML that people write: how it is read, and what is said of what is none."""

from __future__ import annotations

from pathlib import Path

import yaml

from guild_sync.agent.protocol import Value
from guild_sync.errors import ConfigError

# What PyYAML raises for a value that its tag does not fit: `!!int x`, `!!bool x`, `!!timestamp x`.
NO_VALUE = (ValueError, LookupError, AttributeError)


class ConfigLoader(yaml.SafeLoader):
    """Takes no number that Python cannot write: one of thousands of digits, in hexadecimal."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        found: int = super().construct_yaml_int(node)
        str(found)  # ValueError, as for one in decimals
        return found


ConfigLoader.add_constructor("tag:yaml.org,2002:int", ConfigLoader.construct_yaml_int)


def parsed(path: Path, text: str) -> Value:
    """What the text of a file says; dates and the like are what Python has for them.

    Raises ConfigError for what is no YAML.
    """
    try:
        found: Value = yaml.load(text, ConfigLoader)  # not libyaml's: deep nesting ends the process
        return found
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as e:
        raise yaml_error(path, e) from None


def yaml_error(path: Path, error: Exception) -> ConfigError:
    """A ConfigError that names the file, line and column where `error` says it stops being YAML."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if mark is None:
        return ConfigError(f"{path} is not valid YAML: {problem}")
    return ConfigError(
        f"{path}, line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    )
