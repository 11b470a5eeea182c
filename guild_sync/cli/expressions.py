"""Filter expressions: `status = error and sleep > 5`, parsed here, evaluated where runs are.

The result is a tree of lists, which travels as JSON (agent/catalog/filters.py evaluates it):
`["and", tree, tree, ...]`, `["or", tree, tree, ...]`, `["not", tree]`, and
`[operator, name, value]` with the operators `= != < <= > >= contains in defined`. A name may be
that of a scalar's number, as agent/columns.py reads it: `min loss`, `min "val loss" step`.
"""

from __future__ import annotations

from functools import cache

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from guild_sync.agent.columns import PREFIXES
from guild_sync.agent.protocol import Value
from guild_sync.errors import UsageError

Tree = list[Value]
MAX_LENGTH = 10_000  # characters
MAX_DEPTH = 100  # parentheses and nots in each other

_KEYWORDS = ("and", "or", "not", "in", "is", "contains", "undefined")
_GRAMMAR = r"""
?start: alternative
?alternative: conjunction | conjunction (_OR conjunction)+ -> either
?conjunction: negation | negation (_AND negation)+ -> both
?negation: term | _NOT negation -> negated
?term: "(" alternative ")" | comparison
?comparison: name OPERATOR value -> compared
    | name _CONTAINS value -> contains
    | name _IN items -> among
    | name _NOT _IN items -> not_among
    | name _IS _UNDEFINED -> undefined
    | name _IS _NOT _UNDEFINED -> defined
    | name _IS value -> equal
    | name _IS _NOT value -> unequal
name: (NAME | STRING)+
items: "[" [value ("," value)*] "]"
value: NUMBER -> number | NAME -> word | WORD -> word | STRING -> string
OPERATOR: "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">"
%s
NUMBER.2: /[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?(?![\w:.\/-])/
NAME.1: /[a-z_][a-z0-9_:.\/+-]*/i
WORD: /[^\s\[\]()"',=<>!]+/i
STRING: /"[^"]*"|'[^']*'/
%ignore /\s+/
""".replace("%s", "\n".join(rf"_{word.upper()}.3: /{word}(?![\w:.\/-])/i" for word in _KEYWORDS))


class _Misplaced(Exception):
    """A word that does not belong where it stands."""

    def __init__(self, word: Token) -> None:
        super().__init__(str(word))
        self.pos_in_stream = word.start_pos


class _Builder(Transformer[Token, Tree]):
    def name(self, words: list[Token]) -> str:
        """One word, but for what says which number of a scalar is meant: `min loss step`."""
        kept = words[1:] if len(words) > 1 and words[0] in PREFIXES else words
        kept = kept[:-1] if len(kept) > 1 and kept[-1] == "step" else kept
        if len(kept) > 1:
            raise _Misplaced(kept[1])
        return " ".join(words)

    def either(self, parts: list[Value]) -> Tree:
        return ["or", *parts]

    def both(self, parts: list[Value]) -> Tree:
        return ["and", *parts]

    def negated(self, parts: list[Value]) -> Tree:
        return ["not", *parts]

    def compared(self, parts: list[Value]) -> Tree:
        name, operator, value = parts
        return ["!=" if operator == "<>" else str(operator), str(name), value]

    def equal(self, parts: list[Value]) -> Tree:
        return ["=", str(parts[0]), parts[1]]

    def unequal(self, parts: list[Value]) -> Tree:
        return ["!=", str(parts[0]), parts[1]]

    def contains(self, parts: list[Value]) -> Tree:
        return ["contains", str(parts[0]), parts[1]]

    def among(self, parts: list[Value]) -> Tree:
        return ["in", str(parts[0]), parts[1]]

    def not_among(self, parts: list[Value]) -> Tree:
        return ["not", self.among(parts)]

    def undefined(self, parts: list[Value]) -> Tree:
        return ["not", self.defined(parts)]

    def defined(self, parts: list[Value]) -> Tree:
        return ["defined", str(parts[0]), None]

    def items(self, parts: list[Value]) -> Tree:
        return [part for part in parts if part is not None]

    def number(self, parts: list[Token]) -> int | float:
        text = str(parts[0])
        # int() refuses thousands of digits; as a float they are infinite.
        return float(text) if len(text) > 300 or any(c in text for c in ".eE") else int(text)

    def word(self, parts: list[Token]) -> Value:
        text = str(parts[0])
        constants = {"yes": True, "true": True, "no": False, "false": False}
        return constants.get(text.lower(), text)

    def string(self, parts: list[Token]) -> str:
        return str(parts[0])[1:-1]


def _depth(tree: Tree) -> int:
    nested = [_depth(part) for part in tree if isinstance(part, list)]
    return 1 + max(nested, default=0)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr")


def _tree(text: str) -> Tree:
    try:
        tree: Tree = _Builder().transform(_parser().parse(text))
    except VisitError as e:  # around what the builder has raised
        raise e.orig_exc from None
    return tree


def parse(text: str) -> Tree:
    """The tree of a filter expression. Raises UsageError, which points at what is wrong."""
    if len(text) > MAX_LENGTH:
        raise UsageError(f"the filter is longer than {MAX_LENGTH} characters")
    try:
        tree = _tree(text)
        if _depth(tree) > MAX_DEPTH:
            raise RecursionError
        return tree
    except (UnexpectedInput, _Misplaced) as e:
        place = len(text) if _at_end(e) else max((e.pos_in_stream or 0), 0)
        line = "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in text)
        raise UsageError(
            "the filter is not an expression that guild understands",
            f"  {line}\n  {' ' * place}^ {_expected(e)}\n"
            "Write it like: status = error and (sleep > 5 or label contains x)",
        ) from None
    except RecursionError:
        raise UsageError("the filter is nested too deeply") from None


def _at_end(error: Exception) -> bool:
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"


def _expected(error: Exception) -> str:
    if _at_end(error):
        return "more is expected here"
    if isinstance(error, UnexpectedCharacters):
        return "this character does not belong here"
    return "this does not belong here"
