"""The options of argparse's parsers in a module, subcommands included, read from its source."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from guild_sync.programs import literals
from guild_sync.programs.argparse_calls import option_of, takes_rest
from guild_sync.programs.module_sources import Find, ModuleSource, no_other
from guild_sync.programs.offered import Program
from guild_sync.programs.parsers import Commands, Parser, Place, below, program_of

_GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})
_MOST_CALLS = 200  # of functions that are followed, each with the parser that it is given
_MOST_IMPORTS = 5  # from module to module, for one name

_Meaning = Parser | Commands


def options(source: ModuleSource, find: Find = no_other) -> Program | None:
    """The options of the parsers that a module builds; None where it builds none.

    `find` tells of the other modules of the project: what they do with parsers is followed.
    """
    seen = _Seen(find)
    reader = _Reader(source, seen)
    reader.visit(source.tree)
    return reader.program() if seen.found else None


@dataclass
class _Seen:
    """What the readers of a program's modules have seen together."""

    find: Find
    found: bool = False  # a parser
    main: Parser = field(default_factory=Parser)
    roots: list[Parser] = field(default_factory=list)
    active: list[str] = field(default_factory=list)  # functions that are just followed
    followed: set[str] = field(default_factory=set)  # those that were given a parser
    calls: int = 0
    place: Place = ()  # the calls that lead from the main module to where options are read now
    readers: dict[str, _Reader | None] = field(default_factory=dict)  # of other modules


class _Reader(ast.NodeVisitor):
    """Follows what names stand for, from assignment to assignment and into functions.

    A parser whose origin is not seen counts as the main one.
    """

    def __init__(self, source: ModuleSource, seen: _Seen) -> None:
        self._source = source
        self._seen = seen
        self._modules: set[str] = set()  # what argparse is called here
        self._classes: set[str] = set()  # and argparse.ArgumentParser
        self._functions = _functions(source.tree)
        self._methods = _methods(source.tree)
        self._class = ""  # whose method is being read
        self._imported: dict[str, tuple[str, str]] = {}  # names: a module, and what of it
        self._names: dict[str, _Meaning] = {}
        self._returned: list[_Meaning] = []
        self._own: list[Parser] = []  # the parsers that another module than the main one has

    def program(self) -> Program:
        seen = self._seen
        roots = [seen.main, *seen.roots]
        taken = {id(parent) for root in roots for p in below(root) for parent in p.parents}
        roots = [
            root for root in roots if id(root) not in taken and root.function not in seen.followed
        ]
        return program_of(roots, 0)

    def read_names(self) -> None:
        """Read what the names of another module stand for: its own parsers are no one's yet."""
        found, main, roots = self._seen.found, self._seen.main, self._seen.roots
        self._seen.main, self._seen.roots = Parser(), self._own
        for statement in self._source.tree.body:
            if isinstance(statement, ast.ClassDef):
                self._add_class(statement)
            elif not isinstance(statement, ast.FunctionDef) and not _is_for_main(statement):
                self.visit(statement)
        self._seen.found, self._seen.main, self._seen.roots = found, main, roots

    # What names stand for.

    def visit_Import(self, node: ast.Import) -> None:
        self._modules.update(a.asname or a.name for a in node.names if a.name == "argparse")
        self._imported.update({a.asname or a.name: (a.name, "") for a in node.names})

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "argparse" and not node.level:
            names = (a.asname or a.name for a in node.names if a.name in ("ArgumentParser", "*"))
            self._classes.update("ArgumentParser" if name == "*" else name for name in names)
        elif (module := self._source.absolute(node.module, node.level)) is not None:
            self._imported.update({a.asname or a.name: (module, a.name) for a in node.names})

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._add_class(node)
        outside, self._class = self._class, node.name
        self.generic_visit(node)
        self._class = outside

    def _add_class(self, node: ast.ClassDef) -> None:
        if any(map(self._is_parser_class, node.bases)):
            self._classes.add(node.name)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        unknown: dict[str, _Meaning] = {}
        for name in _parameters(node):
            parser = Parser(function=f"{self._source.name} {node.name} {name}")
            self._seen.roots.append(parser)
            unknown[name] = parser
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
        for meaning in meanings or [Parser()]:
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
        if isinstance(node, (ast.BoolOp, ast.IfExp)):
            parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            meanings = [self._meaning(part) for part in parts]
            return next((meaning for meaning in meanings if meaning is not None), None)
        if not isinstance(node, ast.Call):
            self.generic_visit(node)
            return self._of_another(node)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        known = {id(n): self._meaning(n) for n in arguments if not isinstance(n, ast.Starred)}
        if self._is_parser_class(node.func):
            self._seen.found = True
            self._seen.roots.append(Parser(parents=self._parents(node)))
            return self._seen.roots[-1]
        followed = self._follow(node, known)
        if followed is not None or not isinstance(node.func, ast.Attribute):
            return followed
        return self._method(node, node.func)

    def _method(self, node: ast.Call, func: ast.Attribute) -> _Meaning | None:
        """What a method of a parser, or of a parser's subcommands, does and returns."""
        if func.attr not in (
            *_GROUPS, "add_argument", "set_defaults", "add_subparsers", "add_parser",
        ):  # fmt: skip
            self._meaning(func.value)
            return None
        owner = self._meaning(func.value) or self._seen.main
        parser = owner.parser if isinstance(owner, Commands) else owner
        if func.attr in _GROUPS:
            return parser
        if func.attr == "add_subparsers":
            return Commands(parser)
        if func.attr == "add_parser":
            return self._command(parser, node)
        if func.attr == "set_defaults":
            parser.set_defaults.update(
                {k.arg: self._source.value(k.value) for k in node.keywords if k.arg}
            )
        elif takes_rest(node):
            parser.takes_rest = True
        elif option := option_of(node, self._source):
            place = (*self._seen.place, node.lineno, node.col_offset)
            parser.options.append((place, *option))
        return None

    def _command(self, parser: Parser, node: ast.Call) -> Parser:
        made = Parser(parents=self._parents(node))
        aliases = next((k.value for k in node.keywords if k.arg == "aliases"), None)
        others = aliases.elts if isinstance(aliases, (ast.Tuple, ast.List)) else []
        for word in filter(None, map(literals.text_of, [*node.args[:1], *others])):
            parser.commands[word] = made
        return made

    def _parents(self, node: ast.Call) -> list[Parser]:
        given = next((k.value for k in node.keywords if k.arg == "parents"), None)
        items = given.elts if isinstance(given, (ast.Tuple, ast.List)) else []
        return [p for item in items if isinstance(p := self._meaning(item), Parser)]

    def _follow(self, node: ast.Call, known: Mapping[int, _Meaning | None]) -> _Meaning | None:
        """What a function of the project returns, read with the parsers that it is given."""
        reader, function = self._function(node.func)
        if function is None or self._seen.calls >= _MOST_CALLS:
            return None
        name = f"{reader._source.name} {function.name}"
        if name in self._seen.active:
            return None
        names = _parameters(function)
        if isinstance(node.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
            names = names[1:]
        given = {n: known.get(id(argument)) for n, argument in zip(names, node.args, strict=False)}
        given.update({k.arg: known.get(id(k.value)) for k in node.keywords if k.arg in names})
        parsers = {name: meaning for name, meaning in given.items() if meaning is not None}
        self._seen.followed.update(f"{name} {parameter}" for parameter in parsers)
        self._seen.calls += 1
        self._seen.active.append(name)
        place = self._seen.place
        if reader is not self:
            self._seen.place = (*place, node.lineno, node.col_offset)
        outside = reader._class
        reader._class = next((c for (c, _), m in reader._methods.items() if m is function), "")
        with reader._scope(parsers):
            for statement in function.body:
                reader.visit(statement)
            returned = reader._returned[-1:]
        reader._class = outside
        self._seen.active.pop()
        self._seen.place = place
        return returned[0] if returned else None

    def _is_parser_class(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr == "ArgumentParser" and node.value.id in self._modules:
                return True
        elif isinstance(node, ast.Name) and node.id in self._classes:
            return True
        reader, name = self._exporter(node)
        return reader is not None and name in reader._classes

    # Other modules of the project.

    def _function(self, node: ast.expr) -> tuple[_Reader, ast.FunctionDef | None]:
        """The function that is called, and the reader of its module."""
        called = _called(node)
        own = self._methods.get((self._class, called)) if isinstance(node, ast.Attribute) else None
        if (function := own or self._functions.get(called)) is not None:
            return self, function
        if isinstance(node, ast.Attribute):  # of a class, or of what it makes
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            reader, name = self._exporter(owner)
            name, reader = (name, reader) if reader is not None else (ast.unparse(owner), self)
            if (method := reader._methods.get((name, node.attr))) is not None:
                return reader, method
        reader, name = self._exporter(node)
        return (reader, reader._functions.get(name)) if reader is not None else (self, None)

    def _of_another(self, node: ast.expr) -> _Meaning | None:
        """The parser of another module that a name stands for."""
        reader, name = self._exporter(node)
        if reader is None or name not in reader._names:
            return None
        self._seen.found = True
        known = set(map(id, self._seen.roots))
        self._seen.roots += [parser for parser in reader._own if id(parser) not in known]
        return reader._names[name]

    def _exporter(self, node: ast.expr) -> tuple[_Reader | None, str]:
        """The reader of the module that an imported name is of, and what it is called there."""
        if isinstance(node, ast.Name) and node.id in self._imported:
            module, name = self._imported[node.id]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in self._imported:
            module, part = self._imported[ast.unparse(node.value)]
            module, name = f"{module}.{part}".rstrip("."), node.attr
        else:
            return None, ""
        for _ in range(_MOST_IMPORTS):  # a package may have it from another module
            reader = self._reader(module)
            if reader is None or name not in reader._imported:
                return reader, name
            module, name = reader._imported[name]
        return None, ""

    def _reader(self, module: str) -> _Reader | None:
        readers = self._seen.readers
        if module not in readers:
            readers[module] = None  # while it is being read, and where there is none
            source = self._seen.find(module)
            if source is not None:
                readers[module] = reader = _Reader(source, self._seen)
                reader.read_names()
        return readers[module]


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions of a module by their names, and the methods whose name is theirs alone."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    counts = Counter(function.name for function in found)
    at_top = [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]
    top_counts = Counter(function.name for function in at_top)
    alone = {function.name: function for function in found if counts[function.name] == 1}
    return {**alone, **{f.name: f for f in at_top if top_counts[f.name] == 1}}


def _methods(tree: ast.Module) -> dict[tuple[str, str], ast.FunctionDef]:
    """The methods of a module's classes by the names of both."""
    return {
        (statement.name, method.name): method
        for statement in tree.body
        if isinstance(statement, ast.ClassDef)
        for method in statement.body
        if isinstance(method, ast.FunctionDef)
    }


def _is_for_main(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, which no module does that is imported."""
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [argument.arg for argument in arguments]


def _called(node: ast.expr) -> str:
    """The name of the function that is called: `f`, and `self.f`."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls"):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
