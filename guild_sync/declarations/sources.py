"""One source of a requirement in guild.yml: what it is, and which of its files are meant."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from guild_sync.agent.protocol import Value
from guild_sync.config.faults import Place, yes_or_no
from guild_sync.config.texts import is_expression, is_one_line
from guild_sync.declarations import config_files
from guild_sync.project.definitions import TEMPLATE, Requirement, Yaml
from guild_sync.project.flags import OF_RUN
from guild_sync.project.values import as_value, words_of

KINDS = ("file", "operation", "config", "module", "url")
SOURCE_KEYS = {
    *KINDS, "name", "flag-name", "select", "select-min", "select-max", "rename", "target-path",
    "path", "target-type", "preserve-path", "replace-existing", "unpack", "optional",
    "warn-if-empty", "fail-if-empty", "sha256", "params", "help", "post-process", "always-resolve",
    "description", "private", "references",
}  # fmt: skip
_TARGET_TYPES = ("copy", "link")
_SWITCHES = (
    "preserve-path", "replace-existing", "unpack", "optional", "warn-if-empty", "fail-if-empty",
    "always-resolve", "private",
)  # fmt: skip
_DIGEST = re.compile(r"[0-9a-fA-F]{64}\Z")
_VARIABLE = re.compile(r"\$\{[^}]*\}")


def source_of(
    entry: Yaml,
    place: Place,
    text_is: str = "",
    inherited: Mapping[Yaml, Yaml] | None = None,
) -> Requirement | None:
    """The source that an entry is, a text or a mapping; None for one that has a fault.

    A text without a kind is one of the kind `text_is`. What the entry does not say is as
    `inherited` has it.
    """
    if isinstance(entry, str):
        entry = _of_text(entry, text_is)
    kinds = [kind for kind in KINDS if isinstance(entry, dict) and entry.get(kind)]
    if not isinstance(entry, dict) or len(kinds) != 1:
        place.must_be(f"a resource's name, or have one of {', '.join(KINDS)} and sources")
        return None
    for key in entry:
        if key not in SOURCE_KEYS:
            place.pass_over(key)
    says_where = "target-path" in entry or "path" in entry
    above = {k: v for k, v in (inherited or {}).items() if k not in ("target-path", "path")}
    return _source(kinds[0], {**(above if says_where else inherited or {}), **entry}, place)


def _of_text(text: str, text_is: str) -> Yaml:
    kind, colon, source = text.partition(":")
    if colon and kind in KINDS:
        return {kind: source}
    if "://" in text:
        return {"url": text}
    return {text_is: text} if text_is else None


def _source(kind: str, entry: Mapping[Yaml, Yaml], place: Place) -> Requirement | None:
    before = len(place.faults)
    entry = {key: value for key, value in entry.items() if value is not None or key == kind}
    if entry.get("flag-name") is False:  # as if it were not there, to Guild AI too
        entry = {key: value for key, value in entry.items() if key != "flag-name"}
    _check_texts(kind, entry, place)
    source, name = str(entry[kind]), str(entry.get("name", entry[kind]))
    _check_source(kind, source, place)
    says = {key: yes_or_no(entry.get(key), key, place) for key in _SWITCHES}
    target_type = entry.get("target-type")
    if target_type not in (None, *_TARGET_TYPES):
        place.must_be(f"one of {', '.join(_TARGET_TYPES)}", "target-type")
    keep = says["preserve-path"] is True
    target_path = _target_path(entry.get("target-path", entry.get("path")), place)
    if keep and target_path:
        place.warn("target-path is passed over: preserve-path says where the files go")
    found = Requirement(
        kind,
        _path(source) if kind in ("file", "config") else source.strip(),
        name,
        select=_patterns("select", entry, place),
        rename=_rename(entry.get("rename"), place),
        target_path="" if keep else target_path,
        copy=target_type == "copy" or (kind == "operation" and target_type is None),
        keep_folders=keep,
        flag=_flag(kind, entry, name),
        has_flag="flag-name" in entry and kind != "config",
        least=_patterns("select-min", entry, place),
        greatest=_patterns("select-max", entry, place),
        unpack=says["unpack"] is not False,
        optional=says["optional"] is True,
        if_empty=_if_empty(says),
        sha256=_digest(entry.get("sha256"), place),
        replace=says["replace-existing"] is True,
        help=str(entry.get("help", "")),
        post_process=str(entry.get("post-process", "")).strip(),
        always=says["always-resolve"] is True,
        link=target_type == "link",
        params=_params(entry.get("params"), kind, place),
    )
    return None if len(place.faults) > before else found


def _check_texts(kind: str, entry: Mapping[Yaml, Yaml], place: Place) -> None:
    """Tell what is wrong with the source and what it is called, and with texts for people."""
    name = entry.get("name", entry[kind])
    flag = entry.get("flag-name", "x")
    for key, text in ((kind, entry[kind]), ("name", name), ("flag-name", flag)):
        if not is_one_line(text):
            if key == kind or key in entry:
                place.must_be("text on one line", key)
        elif "=" in text and key != kind and (key in entry or kind == "operation"):
            place.fault(f"{key}: must have no '='")
    for key in ("help", "post-process"):
        text = entry.get(key, "")
        if not isinstance(text, str) or "\0" in text:
            place.must_be("text", key)


def _path(source: str) -> str:
    """A path as it is looked for: `./data/` is `data`."""
    return posixpath.normpath(source) if "${" not in source else source.rstrip("/") or source


def _check_source(kind: str, text: str, place: Place) -> None:
    if kind == "operation" and not all(_is_pattern(part.strip()) for part in text.split(",")):
        place.fault(f"operation: {text!r} is no name, and no regular expression")
    if kind == "url" and "${" not in text and not re.match(r"(?i)(https?|ftp)://[^/]", text):
        place.must_be("an address of http://, https:// or ftp://", "url")
    is_known = text.removesuffix(TEMPLATE).lower().endswith(config_files.SUFFIXES)
    if kind == "config" and "${" not in text and not is_known:
        place.must_be(f"a file that ends with one of {', '.join(config_files.SUFFIXES)}", "config")


def _flag(kind: str, entry: Mapping[Yaml, Yaml], name: str) -> str:
    """The flag that says what is taken: any requirement can have one, an operation always has."""
    usual = OF_RUN + name if kind == "operation" else None
    given = entry.get("flag-name", entry.get("name", usual))
    return str(given) if given is not None else ""


def _if_empty(says: Mapping[str, bool | None]) -> str:
    if says["fail-if-empty"]:
        return "fail"
    return "pass" if says["warn-if-empty"] is False else "warn"


def _digest(value: Yaml, place: Place) -> str:
    if value is None:
        return ""
    text = str(value)
    if not _VARIABLE.search(text) and not _DIGEST.match(text):
        place.must_be("64 hexadecimal digits", "sha256")
    return text


def _params(value: Yaml, kind: str, place: Place) -> Mapping[str, Value]:
    """Values for a configuration, which those of flags of their names are put over."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(is_one_line(name) for name in value):
        place.must_be("a mapping of names to values", "params")
        return {}
    if kind != "config":
        place.warn("params is passed over: it is a key of config")
        return {}
    try:
        return {str(name): as_value(param) for name, param in value.items()}
    except ValueError as e:
        place.fault(f"params: {e}")
        return {}


def _patterns(key: str, entry: Mapping[Yaml, Yaml], place: Place) -> tuple[str, ...]:
    value = entry.get(key)
    patterns = [] if value is None else value if isinstance(value, list) else [value]
    for pattern in patterns:
        if not isinstance(pattern, str) or not _is_pattern(pattern):
            place.fault(f"{key}: {pattern!r} is not a regular expression")
        elif key != "select" and "${" not in pattern and not re.compile(pattern).groups:
            place.fault(f"{key}: {pattern!r} has no group (...) for the number")
    return tuple(str(pattern) for pattern in patterns)


def _rename(value: Yaml, place: Place) -> tuple[tuple[str, str], ...]:
    """Pairs of a pattern and what takes its place: `'PATTERN TEXT'`, or a mapping of both."""
    entries = [] if value is None else value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        if isinstance(entry, dict):
            words = [word for key in ("pattern", "repl") if isinstance(word := entry.get(key), str)]
        else:
            text = entry if isinstance(entry, str) else ""
            # Without quotes a backslash is the expression's own, as in `\1`.
            words = words_of(text) if "'" in text or '"' in text else text.split()
            if len(words) == 1 and words[0] and words[0] == text.strip():
                words = [".*", words[0]]  # a name, instead of the whole of it
        if len(words) != 2:
            place.must_be("'PATTERN TEXT' or a name, or have pattern and repl", "rename")
        elif not _is_pattern(words[0]) or not _is_replacement(words[0], words[1]):
            place.fault(f"rename: {words[0]!r}, {words[1]!r} is no pattern and its replacement")
        else:
            found.append((words[0], words[1]))
    return tuple(found)


def _target_path(value: Yaml, place: Place) -> str:
    if value is None:
        return ""
    if not is_one_line(value) or value.startswith("/") or ".." in value.split("/"):
        place.must_be("a path in the run", "target-path")
        return ""
    if posixpath.normpath(value).split("/")[0] == ".guild":
        place.fault("target-path: .guild is guild's own")
    return value.rstrip("/")


def _is_pattern(text: str) -> bool:
    """Whether it is a regular expression, whatever value a flag in it has."""
    return is_expression(_VARIABLE.sub("x", text))


def _is_replacement(pattern: str, text: str) -> bool:
    """Whether `text` names only groups that the pattern has."""
    try:
        re.sub(_VARIABLE.sub("x", pattern), text, "")  # reads it, whether or not it has a place
    except (re.error, IndexError):
        return False
    return True
