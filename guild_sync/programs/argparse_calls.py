"""What a call of argparse's `add_argument` says: an option as a flag, and how it is written."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from guild_sync.programs import literals
from guild_sync.programs.literals import Constant, Evaluated, name_or_text
from guild_sync.programs.module_sources import ModuleSource
from guild_sync.programs.offered import ImportedFlag, literal_choices
from guild_sync.programs.spelling import SHELL, Spelling

TYPES = {"int": "int", "float": "float", "str": "string", "bool": "boolean"}
_SWITCHES = {"store_true": True, "store_false": False}
_CONSTANTS = frozenset({"store_const", "append_const"})
_SILENT = frozenset({"help", "version"})  # what says something and exits
_ALL_THAT_FOLLOWS = frozenset({"REMAINDER", "...", "PARSER", "A..."})  # values of nargs


def option_of(call: ast.Call, source: ModuleSource) -> tuple[str, ImportedFlag] | None:
    """The option's dest, and the flag that it is; None for what is none, or is not known."""
    names = [name for name in map(literals.text_of, call.args) if name]
    names = [name for name in names if name.startswith("-") and name.strip("-")]
    keywords = _keywords(call)
    action = name_or_text(keywords.get("action"))
    if not names or action in _SILENT:
        return None
    longs = [name for name in names if name.startswith("--")]
    option = (longs or names)[0]
    dest = literals.text_of(keywords.get("dest")) or option.lstrip("-").replace("-", "_")
    is_required = source.value(keywords.get("required")) == Evaluated(True)
    flag = ImportedFlag(
        name=option.lstrip("-"),
        type=TYPES.get(name_or_text(keywords.get("type"))),
        choices=_choices(keywords.get("choices"), source),
        required=is_required,
        help=literals.text_of(keywords.get("help")) or "",
    )
    default = source.value(keywords.get("default")) or Evaluated(None)
    spelling = Spelling(option=option, names=tuple(names), is_asked_for=is_required)
    if action in _SWITCHES:
        switch = _SWITCHES[action]
        if "default" not in keywords:
            default = Evaluated(not switch)  # argparse has this default without a word
        return dest, replace(flag, default=default.value, switch=switch, spelling=spelling)
    if action in _CONSTANTS:  # giving it means the constant, which may be anything
        return dest, replace(flag, default=False, type="boolean", switch=True, spelling=spelling)
    flag = replace(flag, default=default.value)
    if action == "BooleanOptionalAction":
        if not longs:  # there is no form that says no
            return dest, replace(flag, type="boolean", switch=True, spelling=spelling)
        spelling = replace(spelling, negative=f"--no-{option[2:]}")
        return dest, replace(flag, type="boolean", spelling=spelling)
    if action == "count":
        return dest, replace(flag, type="int", spelling=replace(spelling, counted=True))
    return dest, _with_values(flag, spelling, action, keywords, source)


def _with_values(
    flag: ImportedFlag,
    spelling: Spelling,
    action: str,
    keywords: Mapping[str, ast.expr],
    source: ModuleSource,
) -> ImportedFlag:
    """The flag of an option that takes values."""
    nargs = source.value(keywords.get("nargs"))
    words = nargs.value if nargs and isinstance(nargs.value, (int, str)) else None
    repeated = action == "append" or (action == "extend" and words is None)
    many = words in ("+", "*") or (isinstance(words, int) and words > 1)
    bare: Constant = [] if words == "*" else None
    if words == "?":
        bare = (source.value(keywords.get("const")) or Evaluated(None)).value
    yes, no = _truth(keywords.get("type"))
    spelling = replace(
        spelling,
        repeated=repeated,
        words=words,
        bare=literals.recorded(bare),
        split=SHELL if many else None,
        yes=yes,
        no=no,
    )
    several = repeated or many or words == 1
    return replace(flag, several=several, spelling=spelling)


def _choices(node: ast.expr | None, source: ModuleSource) -> tuple[Constant, ...]:
    """The choices in their order; none unless all of them are known."""
    if isinstance(node, ast.Set):
        node = ast.List(node.elts, ast.Load())
    known = source.value(node)
    return literal_choices(known.value) if known else ()


def takes_rest(call: ast.Call) -> bool:
    """Whether it is an argument that takes all words which follow."""
    return name_or_text(_keywords(call).get("nargs")) in _ALL_THAT_FOLLOWS


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _truth(kind: ast.expr | None) -> tuple[str, str]:
    """How yes and no are written to an option of this type."""
    name = "" if isinstance(kind, ast.Constant) else name_or_text(kind)
    if kind is None or name in ("str", "bool"):
        return "1", ""
    if name in ("int", "float"):
        return "1", "0"
    return "True", "False"  # a function that reads words; a text names one that is registered
