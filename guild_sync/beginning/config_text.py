"""The config file with another remote in it: all else stays as people have written it."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from guild_sync.agent.protocol import Value
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.file import text_of
from guild_sync.config.yaml_text import parsed
from guild_sync.errors import Busy, ConfigError, GuildError

Keys = Mapping[str, str | int]

_HEAD = "# Remotes of guild. 'guild help --man guild-config' tells of all keys.\n"
_INDENT = "  "
_WAIT = 30.0  # seconds


def with_remote(path: Path, name: str, keys: Keys) -> str:
    """The text of the config file `path`, which need not be there, with a remote of these keys.

    It is read back: it says what it said, and the remote. Raises ConfigError for a file that is no
    YAML, and GuildError with the lines to paste where they cannot be put in safely.
    """
    try:
        # Line ends are as they are: no text is made anew but the lines of the remote.
        text = text_of(path)
    except FileNotFoundError:
        text = ""
    except (OSError, ValueError) as e:
        raise ConfigError(f"cannot read {path}: {e}") from None
    before = parsed(path, text)
    made = _put_in(text, name, keys)
    if made is not None and _is_with(path, made, before, name, keys):
        return made
    raise GuildError(
        f"{path} is not changed: its 'remotes' are written in a way that guild does not add to",
        "Put these lines there by hand:\n" + "".join(_lines(name, keys, _INDENT, "\n")).rstrip(),
    )


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only guild that adds to the file: of two that do at once none takes back the other's.

    Raises Busy where another one has been at it for long.
    """
    from filelock import FileLock, Timeout

    logging.getLogger("filelock").setLevel(logging.WARNING)
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=_WAIT)
    except Timeout:
        raise Busy(f"another guild changes {path}", "Try again when it is done.") from None
    try:
        yield
    finally:
        lock.release()


def written(path: Path, text: str) -> None:
    """Write the file, whole; where it is a link, what that leads to. Who may read it, still may."""
    target = Path(os.path.realpath(path))
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600  # secrets come into it
    write_atomically(str(target), text, mode)
    os.chmod(target, mode)


def _is_with(path: Path, made: str, before: Value, name: str, keys: Keys) -> bool:
    """Whether a text says what was said before, and the remote, last of all."""
    try:
        after = parsed(path, made)
    except ConfigError:
        return False
    old = before if isinstance(before, dict) else {}
    known = old.get("remotes") or {}
    if not isinstance(after, dict) or not isinstance(known, dict) or name in known:
        return False
    remotes = {**known, name: {**keys}}
    # As text: their order counts, and 1 is not yes.
    return repr({**old, "remotes": remotes}) == repr(after)


def _put_in(text: str, name: str, keys: Keys) -> str | None:
    """The text with the remote's lines in it; None where there is no place for them."""
    end = "\r\n" if "\r\n" in text else "\n"
    try:
        top = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if top is None or top.value == "":
        begin = text if not text or text.endswith("\n") else text + end
        own = f"{_HEAD.replace(chr(10), end)}" if not text.strip() else ""
        return begin + own + f"remotes:{end}" + "".join(_lines(name, keys, _INDENT, end))
    if not isinstance(top, yaml.MappingNode) or top.flow_style:
        return None
    lines = text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += end
    found = [(key, value) for key, value in top.value if key.value == "remotes"]
    if not found:
        new = [f"{end}remotes:{end}", *_lines(name, keys, _INDENT, end)]
        return "".join([*lines, *new])
    key, value = found[0]
    at, indent = _place(lines, key, value)
    if at is None:
        return None
    return "".join([*lines[:at], *_lines(name, keys, indent, end), *lines[at:]])


def _place(lines: list[str], key: yaml.Node, value: yaml.Node) -> tuple[int | None, str]:
    """Behind which line the remote belongs, and how far its lines are indented; None: nowhere."""
    if isinstance(value, yaml.ScalarNode) and value.value == "":
        return key.end_mark.line + 1, _INDENT
    if not isinstance(value, yaml.MappingNode) or value.flow_style or not value.value:
        return None, ""
    first = value.value[0][0].start_mark
    indent = lines[first.line][: first.column]
    if first.line == key.start_mark.line or indent.strip(" "):
        return None, ""
    at = value.end_mark.line if value.end_mark.column == 0 else value.end_mark.line + 1
    at = min(at, len(lines))
    # Comments in front of what follows are of that, as are blank lines.
    while at > first.line + 1 and not _is_of_block(lines[at - 1], indent):
        at -= 1
    return at, indent


def _is_of_block(line: str, indent: str) -> bool:
    return bool(line.strip()) and line.startswith(indent)


def _lines(name: str, keys: Keys, indent: str, end: str) -> list[str]:
    step = indent or _INDENT
    own = [f"{indent}{step}{key}: {_scalar(value)}{end}" for key, value in keys.items()]
    return [f"{indent}{_scalar(name)}:{end}", *own]


def _scalar(value: str | int) -> str:
    dumped: str = yaml.safe_dump(value, width=10_000, allow_unicode=True)
    return dumped.removesuffix("\n").removesuffix("\n...")
