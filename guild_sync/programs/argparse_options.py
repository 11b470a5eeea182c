"""The options of argparse's parsers in a module, subcommands included, read from its source."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from guild_sync.programs import literals
from guild_sync.programs.literals import Constant, Evaluated
from guild_sync.programs.offered import ImportedFlag, Program, literal_choices
from guild_sync.programs.spelling import SHELL, Spelling

TYPES = {"int": "int", "float": "float", "str": "string", "bool": "boolean"}
_SWITCHES = {"store_true": True, "store_false": False}
_CONSTANTS = frozenset({"store_const", "append_const"})
_SILENT = frozenset({"help", "version"})  # what says something and exits
_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
_ALL_THAT_FOLLOWS = frozenset({"REMAINDER", "...", "PARSER", "A..."})  # values of nargs
_MOST_CALLS = 200  # of functions that are followed, each with the parser that it is given


@dataclass
class _Parser:
    """A parser as far as the source is read; groups of its options are the parser itself."""

    options: list[tuple[tuple[int, int], str, ImportedFlag]] = field(default_factory=list)
    set_defaults: dict[str, Evaluated | None] = field(default_factory=dict)
    commands: dict[str, _Parser] = field(default_factory=dict)
    parents: list[_Parser] = field(default_factory=list)
    function: str = ""  # whose parameter it is
    takes_rest: bool = False  # an argument of it takes all words that follow

    def whole(self) -> Iterator[_Parser]:
        """It, and the parsers whose options it takes over."""
        yield self
        for parent in self.parents:
            yield from parent.whole()


@dataclass(frozen=True)
class _Commands:
    """What `add_subparsers` of a parser returns."""

    parser: _Parser


_Meaning = _Parser | _Commands


def options(tree: ast.Module, constants: Mapping[str, Evaluated]) -> Program | None:
    """The options of the parsers that a module builds; None where it builds none."""
    reader = _Reader(tree, constants)
    reader.visit(tree)
    return reader.program() if reader.found else None


class _Reader(ast.NodeVisitor):
    """Follows what names stand for, from assignment to assignment and into the module's functions.

    A parser whose origin is not seen counts as the main one.
    """

    def __init__(self, tree: ast.Module, constants: Mapping[str, Evaluated]) -> None:
        self.found = False
        self._constants = constants
        self._modules: set[str] = set()  # what argparse is called here
        self._classes: set[str] = set()  # and argparse.ArgumentParser
        self._functions = _functions(tree)
        self._main = _Parser()
        self._roots: list[_Parser] = [self._main]
        self._names: dict[str, _Meaning] = {}
        self._returned: list[_Meaning] = []
        self._active: list[str] = []
        self._followed: set[str] = set()  # functions that were given a parser
        self._calls = 0

    def program(self) -> Program:
        taken = {id(parent) for root in self._roots for p in _below(root) for parent in p.parents}
        roots = [
            root
            for root in self._roots
            if id(root) not in taken and root.function not in self._followed
        ]
        return _program(roots, 0)

    # What names stand for.

    def visit_Import(self, node: ast.Import) -> None:
        self._modules.update(a.asname or a.name for a in node.names if a.name == "argparse")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "argparse" and not node.level:
            names = (a.asname or a.name for a in node.names if a.name in ("ArgumentParser", "*"))
            self._classes.update("ArgumentParser" if name == "*" else name for name in names)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(map(self._is_parser_class, node.bases)):
            self._classes.add(node.name)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        unknown: dict[str, _Meaning] = {}
        for name in _parameters(node):
            self._roots.append(_Parser(function=f"{node.name} {name}"))
            unknown[name] = self._roots[-1]
        with self._scope(unknown):
            self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> None:
        meaning = self._meaning(node.value)
        for target in node.targets:
            name = ast.unparse(target)
            self._names.pop(name, None)
            if meaning is not None:
                self._names[name] = meaning

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit_Assign(ast.Assign([node.target], node.value))

    def visit_For(self, node: ast.For) -> None:
        items = node.iter.elts if isinstance(node.iter, (ast.Tuple, ast.List)) else []
        meanings = [meaning for item in items if (meaning := self._meaning(item))]
        name = ast.unparse(node.target)
        # Where a loop's parsers are not known, neither is whose options these are.
        for meaning in meanings or [_Parser()]:
            self._names[name] = meaning
            for statement in node.body:
                self.visit(statement)
        self._names.pop(name, None)
        for statement in node.orelse:
            self.visit(statement)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and (meaning := self._meaning(node.value)):
            self._returned.append(meaning)

    def visit_Call(self, node: ast.Call) -> None:
        self._meaning(node)

    @contextmanager
    def _scope(self, names: Mapping[str, _Meaning]) -> Iterator[None]:
        outside, returned = self._names, self._returned
        self._names, self._returned = {**outside, **names}, []
        yield
        self._names, self._returned = outside, returned

    # Expressions.

    def _meaning(self, node: ast.expr) -> _Meaning | None:
        """The parser or the subcommands that an expression is; its calls have their effect."""
        if (
            isinstance(node, (ast.Name, ast.Attribute))
            and (name := ast.unparse(node)) in self._names
        ):
            return self._names[name]
        if not isinstance(node, ast.Call):
            self.generic_visit(node)
            return None
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        known = {id(n): self._meaning(n) for n in arguments if not isinstance(n, ast.Starred)}
        if self._is_parser_class(node.func):
            self.found = True
            self._roots.append(_Parser(parents=self._parents(node)))
            return self._roots[-1]
        followed = self._follow(node, known)
        if followed is not None or not isinstance(node.func, ast.Attribute):
            return followed
        return self._method(node, node.func)

    def _method(self, node: ast.Call, func: ast.Attribute) -> _Meaning | None:
        """What a method of a parser, or of a parser's subcommands, does and returns."""
        if func.attr not in (
            *_GROUPS, "add_argument", "set_defaults", "add_subparsers", "add_parser",
        ):  # fmt: skip
            self.visit(func.value)
            return None
        owner = self._meaning(func.value) or self._main
        parser = owner.parser if isinstance(owner, _Commands) else owner
        if func.attr in _GROUPS:
            return parser
        if func.attr == "add_subparsers":
            return _Commands(parser)
        if func.attr == "add_parser":
            return self._command(parser, node)
        if func.attr == "set_defaults":
            parser.set_defaults.update(
                {k.arg: self._value(k.value) for k in node.keywords if k.arg}
            )
        elif name_or_text(_keywords(node).get("nargs")) in _ALL_THAT_FOLLOWS:
            parser.takes_rest = True
        elif option := self._option(node):
            parser.options.append(((node.lineno, node.col_offset), *option))
        return None

    def _command(self, parser: _Parser, node: ast.Call) -> _Parser:
        made = _Parser(parents=self._parents(node))
        aliases = next((k.value for k in node.keywords if k.arg == "aliases"), None)
        others = aliases.elts if isinstance(aliases, (ast.Tuple, ast.List)) else []
        for word in filter(None, map(literals.text_of, [*node.args[:1], *others])):
            parser.commands[word] = made
        return made

    def _parents(self, node: ast.Call) -> list[_Parser]:
        given = next((k.value for k in node.keywords if k.arg == "parents"), None)
        items = given.elts if isinstance(given, (ast.Tuple, ast.List)) else []
        return [p for item in items if isinstance(p := self._meaning(item), _Parser)]

    def _follow(self, node: ast.Call, known: Mapping[int, _Meaning | None]) -> _Meaning | None:
        """What a function of the module returns, read with the parsers that it is given."""
        function = self._functions.get(_called(node.func))
        if function is None or function.name in self._active or self._calls >= _MOST_CALLS:
            return None
        names = _parameters(function)
        if isinstance(node.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
            names = names[1:]
        given = {n: known.get(id(argument)) for n, argument in zip(names, node.args, strict=False)}
        given.update({k.arg: known.get(id(k.value)) for k in node.keywords if k.arg in names})
        parsers = {name: meaning for name, meaning in given.items() if meaning is not None}
        self._followed.update(f"{function.name} {name}" for name in parsers)
        self._calls += 1
        self._active.append(function.name)
        with self._scope(parsers):
            for statement in function.body:
                self.visit(statement)
            returned = self._returned[-1:]
        self._active.pop()
        return returned[0] if returned else None

    def _is_parser_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr == "ArgumentParser" and node.value.id in self._modules
        return isinstance(node, ast.Name) and node.id in self._classes

    # Options.

    def _option(self, call: ast.Call) -> tuple[str, ImportedFlag] | None:
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
        is_required = self._value(keywords.get("required")) == Evaluated(True)
        flag = ImportedFlag(
            name=option.lstrip("-"),
            type=TYPES.get(name_or_text(keywords.get("type"))),
            choices=self._choices(keywords.get("choices")),
            required=is_required,
            help=literals.text_of(keywords.get("help")) or "",
        )
        default = self._value(keywords.get("default")) or Evaluated(None)
        spelling = Spelling(option=option, names=tuple(names), is_asked_for=is_required)
        if action in _SWITCHES:
            switch = _SWITCHES[action]
            if "default" not in keywords:
                default = Evaluated(not switch)  # argparse has this default without a word
            return dest, replace(flag, default=default.value, switch=switch, spelling=spelling)
        if action in _CONSTANTS:  # giving it means the constant, which may be anything
            return dest, replace(
                flag, default=False, type="boolean", switch=True, spelling=spelling
            )
        flag = replace(flag, default=default.value)
        if action == "BooleanOptionalAction":
            if not longs:  # there is no form that says no
                return dest, replace(flag, type="boolean", switch=True, spelling=spelling)
            spelling = replace(spelling, negative=f"--no-{option[2:]}")
            return dest, replace(flag, type="boolean", spelling=spelling)
        if action == "count":
            return dest, replace(flag, type="int", spelling=replace(spelling, counted=True))
        return dest, self._with_values(flag, spelling, action, keywords)

    def _with_values(
        self,
        flag: ImportedFlag,
        spelling: Spelling,
        action: str,
        keywords: Mapping[str, ast.expr],
    ) -> ImportedFlag:
        """The flag of an option that takes values."""
        nargs = self._value(keywords.get("nargs"))
        words = nargs.value if nargs and isinstance(nargs.value, (int, str)) else None
        repeated = action == "append" or (action == "extend" and words is None)
        many = words in ("+", "*") or (isinstance(words, int) and words > 1)
        bare: Constant = [] if words == "*" else None
        if words == "?":
            bare = (self._value(keywords.get("const")) or Evaluated(None)).value
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

    def _value(self, node: ast.expr | None) -> Evaluated | None:
        """The value of a literal, or of a name that the module gives one and no other."""
        return (
            self._constants.get(node.id) if isinstance(node, ast.Name) else literals.evaluated(node)
        )

    def _choices(self, node: ast.expr | None) -> tuple[Constant, ...]:
        """The choices in their order; none unless all of them are known."""
        if isinstance(node, ast.Set):
            node = ast.List(node.elts, ast.Load())
        known = self._value(node)
        return literal_choices(known.value) if known else ()


def _program(parsers: list[_Parser], depth: int) -> Program:
    """What parsers that are one program offer, in the order of the source."""
    whole = [part for parser in parsers for part in parser.whole()]
    defaults = {dest: value for part in whole for dest, value in part.set_defaults.items()}
    made = Program(takes_rest=any(part.takes_rest for part in whole))
    first: dict[str, str] = {}  # the option that a dest has its default from
    for _, dest, flag in sorted((o for part in whole for o in part.options), key=lambda o: o[0]):
        if dest in defaults:
            flag = replace(flag, default=(defaults[dest] or Evaluated(None)).value)
        elif first.setdefault(dest, flag.name) != flag.name and flag.switch is None:
            flag = replace(flag, default=None)
        made.flags[flag.name] = _agreed(made.flags.get(flag.name), flag)
    words = {word for part in whole for word in part.commands}
    for word in sorted(words) if depth < 20 else ():
        made.commands[word] = _program([p.commands[word] for p in whole if word in p.commands],
                                       depth + 1)  # fmt: skip
    return made


def _agreed(known: ImportedFlag | None, flag: ImportedFlag) -> ImportedFlag:
    """The flag of an option that may be there already: its default is known where both agree."""
    if known is None:
        return flag
    if _is_long(known) and not _is_long(flag):  # `-x` beside `--x` is another's
        return known
    if literals.same(literals.tagged(known.default), literals.tagged(flag.default)):
        return flag
    return flag if flag.switch is not None else replace(flag, default=None)


def _is_long(flag: ImportedFlag) -> bool:
    return flag.spelling is not None and (flag.spelling.option or "").startswith("--")


def _below(parser: _Parser) -> Iterator[_Parser]:
    yield parser
    for command in parser.commands.values():
        yield from _below(command)


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions and methods of a module by their names, those whose name is theirs alone."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    counts = Counter(function.name for function in found)
    return {function.name: function for function in found if counts[function.name] == 1}


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [argument.arg for argument in arguments]


def _called(node: ast.expr) -> str:
    """The name of the function that is called: `f`, and `self.f`."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls"):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def name_or_text(node: ast.expr | None) -> str:
    """`x` for the name `x`, the attribute `module.x` and the text "x"; else nothing."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


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
