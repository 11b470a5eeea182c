"""The options of a module's click commands, groups of them included, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from guild_sync.programs import literals
from guild_sync.programs.argparse_calls import TYPES
from guild_sync.programs.literals import Constant, Evaluated, name_or_text, value_of
from guild_sync.programs.offered import ImportedFlag, Program, literal_choices
from guild_sync.programs.spelling import SHELL, Spelling

_TYPES = {
    **TYPES, "INT": "int", "FLOAT": "float", "STRING": "string", "BOOL": "boolean",
    "IntRange": "int", "FloatRange": "number",
}  # fmt: skip
_COMMANDS = frozenset({"command", "group"})


def options(tree: ast.Module, constants: Mapping[str, Evaluated]) -> Program | None:
    """The options of the commands that a module has; None where it has none of click's."""
    reader = _Reader(constants)
    reader.visit(tree)
    roots = [command for command in reader.commands.values() if not command.is_below]
    if not roots:
        return None
    made = Program()
    for command in roots:
        made.flags.update(command.program.flags)
        made.commands.update(command.program.commands)
    return made


@dataclass
class _Command:
    """A function that is a command, or a group of them."""

    name: str  # as a command line has it
    program: Program = field(default_factory=Program)
    is_below: bool = False  # it belongs to a group


class _Reader(ast.NodeVisitor):
    def __init__(self, constants: Mapping[str, Evaluated]) -> None:
        self.commands: dict[str, _Command] = {}  # by the names of their functions
        self._constants = constants
        self._modules: set[str] = set()  # what click is called here
        self._names: dict[str, str] = {}  # what is imported from it, and as what

    def visit_Import(self, node: ast.Import) -> None:
        self._modules.update(a.asname or a.name for a in node.names if a.name == "click")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "click" and not node.level:
            self._names.update({a.asname or a.name: a.name for a in node.names})

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        calls = [d for d in node.decorator_list if isinstance(d, ast.Call)]
        for decorator in node.decorator_list:
            func = decorator.func if isinstance(decorator, ast.Call) else decorator
            word = (
                literals.text_of(decorator.args[0])
                if isinstance(decorator, ast.Call) and decorator.args
                else None
            )
            if self._click(func) in _COMMANDS:
                self._command(node, word, None)
            elif above := self._group(func):
                self._command(node, word, above)
        if command := self.commands.get(node.name):
            for call in calls:
                if self._click(call.func) == "option" and (flag := self._option(call)):
                    command.program.flags.setdefault(flag.name, flag)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """`group.add_command(command, "name")`."""
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute) or node.func.attr != "add_command":
            return
        group = self.commands.get(ast.unparse(node.func.value))
        command = self.commands.get(ast.unparse(node.args[0])) if node.args else None
        if group and command:
            word = literals.text_of(node.args[1]) if len(node.args) > 1 else None
            _put_below(group, command, word or command.name)

    def _group(self, func: ast.expr) -> _Command | None:
        """The group whose `command` or `group` a decorator is."""
        if isinstance(func, ast.Attribute) and func.attr in _COMMANDS:
            return self.commands.get(ast.unparse(func.value))
        return None

    def _click(self, func: ast.expr) -> str:
        """The name that a part of click has there; empty for what is none."""
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            return func.attr if func.value.id in self._modules else ""
        return self._names.get(func.id, "") if isinstance(func, ast.Name) else ""

    def _command(self, node: ast.FunctionDef, word: str | None, above: _Command | None) -> None:
        command = _Command(word or node.name.lower().replace("_", "-"))
        self.commands[node.name] = command
        if above is not None:
            _put_below(above, command, command.name)
            for ending in ("-command", "-cmd", "-group", "-grp"):  # click 8.2 drops them
                if word is None and command.name.endswith(ending):
                    _put_below(above, command, command.name.removesuffix(ending))

    def _option(self, call: ast.Call) -> ImportedFlag | None:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        names = [name for name in map(literals.text_of, call.args) if name and name[0] in "-/ "]
        halves = [name.partition("/") for name in names]
        positive = [half[0].strip() for half in halves if half[0].strip()]
        negative = [half[2].strip() for half in halves if half[2].strip()]
        if not positive:
            return None
        option = _first_long(positive)
        default = self._value(keywords.get("default")) or Evaluated(None)
        kind = keywords.get("type")
        name = name_or_text(kind.func if isinstance(kind, ast.Call) else kind)
        flag = ImportedFlag(
            name=option.lstrip("-"),
            default=default.value,
            type=_TYPES.get(name),
            choices=self._choices(kind),
            required=self._is_true(keywords.get("required")),
            help=literals.text_of(keywords.get("help")) or "",
        )
        both = (*positive, *negative)
        spelling = Spelling(option=option, names=both, yes="True", no="False")
        if negative:
            spelling = replace(spelling, negative=_first_long(negative))
            return replace(flag, type="boolean", spelling=spelling)
        if self._is_true(keywords.get("is_flag")):
            return replace(
                flag, default=default.value or False, type="boolean", switch=True, spelling=spelling
            )
        if "flag_value" in keywords:  # one of several options that mean a value each
            return replace(flag, default=False, type="boolean", switch=True, spelling=spelling)
        if self._is_true(keywords.get("count")):
            return replace(flag, type="int", spelling=replace(spelling, counted=True))
        words = self._value(keywords.get("nargs"))
        number = words.value if words and isinstance(words.value, int) else 1
        repeated = self._is_true(keywords.get("multiple"))
        spelling = replace(
            spelling,
            repeated=repeated,
            words=number if number > 1 else None,
            split=SHELL if number > 1 else None,
        )
        return replace(flag, several=repeated or number > 1, spelling=spelling)

    def _is_true(self, node: ast.expr | None) -> bool:
        return self._value(node) == Evaluated(True)

    def _value(self, node: ast.expr | None) -> Evaluated | None:
        return value_of(node, self._constants)

    def _choices(self, kind: ast.expr | None) -> tuple[Constant, ...]:
        """The choices of `click.Choice(...)`, where all of them are known."""
        if not isinstance(kind, ast.Call) or name_or_text(kind.func) != "Choice":
            return ()
        known = self._value(kind.args[0]) if kind.args else None
        return literal_choices(known.value) if known else ()


def _put_below(group: _Command, command: _Command, word: str) -> None:
    group.program.commands[word] = command.program
    command.is_below = True


def _first_long(names: list[str]) -> str:
    return next((name for name in names if name.startswith("--")), names[0])
