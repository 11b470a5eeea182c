"""One option of argparse: a call of `add_argument`, read into the flag that it is."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from guild_sync.programs import literals
from guild_sync.programs.literals import Constant, Evaluated, name_or_text, value_of
from guild_sync.programs.offered import ImportedFlag, literal_choices
from guild_sync.programs.spelling import SHELL, Spelling

TYPES = {"int": "int", "float": "float", "str": "string", "bool": "boolean"}
_SWITCHES = {"store_true": True, "store_false": False}
_CONSTANTS = frozenset({"store_const", "append_const"})
_SILENT = frozenset({"help", "version"})  # what says something and exits


def option_of(
    call: ast.Call, constants: Mapping[str, Evaluated]
) -> tuple[str, ImportedFlag] | None:
    """The option's dest, and the flag that it is; None for what is none, or is not known.

    `constants` are the names that the module gives one value and no other.
    """
    names = [name for name in map(literals.text_of, call.args) if name]
    names = [name for name in names if name.startswith("-") and name.strip("-")]
    nodes = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    action = name_or_text(nodes.get("action"))
    if not names or action in _SILENT:
        return None
    longs = [name for name in names if name.startswith("--")]
    option = (longs or names)[0]
    known = {key: value_of(node, constants) for key, node in nodes.items()}
    flag = ImportedFlag(
        name=option.lstrip("-"),
        type=TYPES.get(name_or_text(nodes.get("type"))),
        default=(known.get("default") or Evaluated(None)).value,
        choices=_choices(nodes.get("choices"), constants),
        required=known.get("required") == Evaluated(True),
        help=literals.text_of(nodes.get("help")) or "",
        spelling=Spelling(option=option),
    )
    dest = literals.text_of(nodes.get("dest")) or option.lstrip("-").replace("-", "_")
    if action in _SWITCHES or action in _CONSTANTS or action == "BooleanOptionalAction":
        return dest, _without_value(flag, option, action, "default" in nodes)
    if action == "count":
        return dest, replace(flag, type="int", spelling=Spelling(option=option, counted=True))
    return dest, _with_values(flag, option, action, known, nodes.get("type"))


def _without_value(flag: ImportedFlag, option: str, action: str, has_default: bool) -> ImportedFlag:
    """The flag of an option that takes no value: giving it means something."""
    if action in _SWITCHES:
        switch = _SWITCHES[action]
        # argparse has the other one as its default without a word.
        return replace(flag, switch=switch, default=flag.default if has_default else not switch)
    flag = replace(flag, type="boolean")
    if action in _CONSTANTS:  # giving it means the constant, which may be anything
        return replace(flag, default=False, switch=True)
    if not option.startswith("--"):  # there is no form that says no
        return replace(flag, switch=True)
    return replace(flag, spelling=Spelling(option=option, negative=f"--no-{option[2:]}"))


def _with_values(
    flag: ImportedFlag,
    option: str,
    action: str,
    known: Mapping[str, Evaluated | None],
    kind: ast.expr | None,
) -> ImportedFlag:
    """The flag of an option that takes values."""
    nargs = known.get("nargs")
    words = nargs.value if nargs and isinstance(nargs.value, (int, str)) else None
    repeated = action == "append" or (action == "extend" and words is None)
    many = words in ("+", "*") or (isinstance(words, int) and words > 1)
    bare: Constant = [] if words == "*" else None
    if words == "?":
        bare = (known.get("const") or Evaluated(None)).value
    yes, no = _truth(kind)
    spelling = Spelling(
        option=option,
        repeated=repeated,
        words=words,
        bare=literals.recorded(bare),
        split=SHELL if many else None,
        yes=yes,
        no=no,
    )
    return replace(flag, several=repeated or many or words == 1, spelling=spelling)


def _choices(node: ast.expr | None, constants: Mapping[str, Evaluated]) -> tuple[Constant, ...]:
    """The choices in their order; none unless all of them are known."""
    if isinstance(node, ast.Set):
        node = ast.List(node.elts, ast.Load())
    known = value_of(node, constants)
    return literal_choices(known.value) if known else ()


def _truth(kind: ast.expr | None) -> tuple[str, str]:
    """How yes and no are written to an option of this type."""
    name = name_or_text(kind)
    if kind is None or name in ("str", "bool"):
        return "1", ""
    if name in ("int", "float"):
        return "1", "0"
    return "True", "False"  # a function that reads words
