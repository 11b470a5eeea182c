"""What is wrong with a file, each fault with its place, gathered so that all are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guild_sync.errors import ConfigError


class Place:
    """A place in a file, where faults are found and keys are passed over.

    The places of one file share what was found: `faults` and `warnings`, each a line.
    """

    def __init__(self, name: str = "", file: Place | None = None) -> None:
        self.name = name
        self.faults: list[str] = file.faults if file else []
        self.warnings: list[str] = file.warnings if file else []

    def at(self, name: str) -> Place:
        """A place within this one."""
        return Place(self._line(name), self)

    def fault(self, text: str) -> None:
        self.faults.append(self._line(text))

    def warn(self, text: str) -> None:
        self.warnings.append(self._line(text))

    def pass_over(self, key: object) -> None:
        self.warn(f"{key} is passed over: guild does not know it")

    def refuse(self, path: Path) -> None:
        """Raise ConfigError with all the faults of the file, if it has any."""
        refuse(path, self.faults)

    def _line(self, text: str) -> str:
        return f"{self.name}: {text}" if self.name else text


def yes_or_no(value: object, key: str, place: Place) -> bool | None:
    """What a key of that place says; anything else is a fault, and says nothing."""
    if value is None or isinstance(value, bool):
        return value
    place.fault(f"{key}: must be yes or no")
    return None


def refuse(path: Path, faults: Sequence[str]) -> None:
    """Raise ConfigError with these faults of the file, if there are any."""
    if faults:
        raise refusal(path, faults)


def refusal(path: Path, faults: Sequence[str]) -> ConfigError:
    """The error that names these faults of the file, each with its place."""
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return ConfigError(f"{path} has {count}:", "\n".join(f"  {fault}" for fault in faults))
