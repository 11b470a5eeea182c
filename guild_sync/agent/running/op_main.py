"""The program of a module operation: the module as `python -m` runs it, its flags put in.

    python -u <agent folder>/running/op_main.py [FOLDER/]MODULE [ARG]...

A FOLDER, which is in one of the module path's, comes second in the module path.

Where GUILD_FLAGS_DEST is `globals`, GUILD_GLOBALS is a JSON object of flag name to global
name, and each of these globals gets its flag's value from the run's `flags` attribute: the
value takes the place of what the module's source assigns, so line numbers stay the
user's. GUILD_GLOBAL_FORMS has the values of those that the attribute cannot hold as they are:
tuples, and mappings whose keys are not text.

Where it is `dict:NAME`, `global:NAME` or `namespace:NAME`, GUILD_NESTED is JSON, a
value for each dotted name, and the global of that name, which holds others, gets them right
behind each statement that assigns it.

Processes that multiprocessing spawns come through this file too (`__mp_main__`),
for they would read the source again and see the values that are written there.

Nothing of this file may come between the module and Python: it imports the standard
library alone, and is not to be seen in sys.path, sys.modules or a traceback.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_GLOBALS = os.environ.get("GUILD_FLAGS_DEST") == "globals"
_KIND, _, _NAME = os.environ.get("GUILD_FLAGS_DEST", "").partition(":")
_NESTED = _KIND in ("dict", "global", "namespace") and "GUILD_NESTED" in os.environ
_MAIN_NAME = "GUILD_MAIN_MODULE"  # tells a spawned process what to run

# A user may have an ast.py of their own: what this file imports, it imports without this
# folder and without all that comes before the standard library in sys.path.
_PATH = list(sys.path)
if _PATH and os.path.realpath(_PATH[0]) == os.path.realpath(_HERE):
    _PATH[0] = os.getcwd()
_FOLDER = sys.argv[1].rpartition("/")[0] if __name__ == "__main__" and sys.argv[1:] else ""
if _FOLDER:  # a spawned process gets a module path that has it
    _FOUND = (os.path.join(path, _FOLDER) for path in _PATH)
    _PATH[1:1] = [next(filter(os.path.isdir, _FOUND), _FOLDER)]
_LIBRARY = os.path.dirname(os.__file__)
_USER_PATH = _PATH[: _PATH.index(_LIBRARY)] if _LIBRARY in _PATH else []
_LOADED = frozenset(sys.modules)
sys.path[:] = _PATH[len(_USER_PATH) :]

import __future__  # noqa: E402

import ast  # noqa: E402
import builtins  # noqa: E402
import importlib.machinery  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from types import CodeType, ModuleType, TracebackType  # noqa: E402
from typing import Any, Dict  # noqa: E402

_Values = Dict[str, object]  # by the names of globals

_FUTURES = 0
for _feature in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _feature).compiler_flag


class OperationError(Exception):
    """The operation cannot be started; the message is one line for each fault."""


def _load(*path_of: str) -> ModuleType:
    """A file of the agent's, `agent/store/attrs.py`, under a name that no user's module has."""
    path = os.path.join(os.path.dirname(_HERE), *path_of)
    name = "_guild_" + os.path.basename(path)[: -len(".py")]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a module up while it loads
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def _forget_shadowed() -> None:
    """Unload what was imported here, where the user has a module of that name: theirs is next."""
    for name in set(sys.modules) - _LOADED:
        spec = importlib.machinery.PathFinder.find_spec(name.partition(".")[0], _USER_PATH)
        if spec is not None and spec.origin:  # a folder without __init__.py shadows nothing
            del sys.modules[name]


_ATTRS = _load("store", "attrs.py") if _GLOBALS else None
_NESTING = _load("running", "nested.py") if _NESTED else None
_forget_shadowed()
sys.path[:] = _PATH


def main() -> None:
    """Run the module that the command line names; ends the process as Python itself would."""
    try:
        if len(sys.argv) < 2:
            raise OperationError("no module to run")
        name, sys.argv[:] = sys.argv[1], ["-m", *sys.argv[2:]]
        values = _values()
        spec = _find(name.rpartition("/")[2])
        given, parts = _parts(spec, values)
        sys.argv[0] = spec.origin or name
        if values or _NESTED:
            os.environ[_MAIN_NAME] = name
            _follow_spawned(spec.name)
        _execute("__main__", spec, given, parts)
    except SystemExit:
        raise
    except OperationError as e:
        sys.exit("\n".join("guild: " + line for line in str(e).splitlines()))
    except BaseException as e:
        traceback = _users_part(e)
        sys.excepthook(type(e), e.with_traceback(traceback), traceback)
        # It is shown. Raised again, it ends the process with Python's own status for it.
        sys.excepthook = lambda *_: None
        raise


def spawned_main() -> ModuleType:
    """The module of the process that spawned this one, executed again with the same flags."""
    values = _values()
    spec = _find(os.environ[_MAIN_NAME].rpartition("/")[2])
    _follow_spawned(spec.name)
    return _execute("__mp_main__", spec, *_parts(spec, values))


def _values() -> _Values:
    """The value of each global that a flag sets; none where flags go anywhere else."""
    names = json.loads(os.environ.get("GUILD_GLOBALS") or "{}") if _GLOBALS else {}
    if _ATTRS is None or not names:
        return {}
    path = os.path.join(os.environ.get("RUN_DIR", ""), ".guild", "attrs", "flags")
    try:
        with open(path, encoding="utf-8") as f:
            flags = _ATTRS.decode(f.read())
    except (OSError, ValueError) as e:
        raise OperationError(f"cannot read the flags of this run: {e}") from None
    if not isinstance(flags, dict):
        raise OperationError("cannot read the flags of this run: not a mapping")
    values = {names[flag]: value for flag, value in flags.items() if flag in names}
    forms = json.loads(os.environ.get("GUILD_GLOBAL_FORMS") or "{}")
    return {name: _formed(forms[name]) if name in forms else values[name] for name in values}


def _formed(form: Any) -> Any:
    """The value that a form stands for, as programs/literals.py `tagged` writes it."""
    if isinstance(form, dict):
        if "tuple" in form:
            return tuple(_formed(item) for item in form["tuple"])
        return {_formed(key): _formed(value) for key, value in form["dict"]}
    return [_formed(item) for item in form] if isinstance(form, list) else form


def _find(name: str) -> importlib.machinery.ModuleSpec:
    """The spec of the module, or of a package's `__main__`; imports the packages it is in."""
    spec = None
    if all(name.split(".")) and name != "__main__":
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError as e:
            if e.name is None or not (name + ".").startswith(e.name + "."):
                raise  # one of the packages does not find what it imports itself
    if spec is None:
        raise OperationError(f"cannot find module {name!r}")
    if spec.submodule_search_locations is not None:
        return _find(name + ".__main__")
    return spec


def _parts(spec: importlib.machinery.ModuleSpec, values: _Values) -> tuple[_Values, list[CodeType]]:
    """The globals that flags set and the module does not, and its code.

    That is cut behind each statement that assigns the global that flags go into.
    """
    if not _NESTED:
        given, code = _code(spec, values)
        return given, [code]
    tree, origin = _tree(spec), spec.origin or ""
    ends = [number for number, node in enumerate(tree.body, 1) if _assigns(node, _NAME)]
    given = {} if ends else {_NAME: {}}
    parts: list[CodeType] = []
    futures = 0
    for start, end in zip([0, *ends], [*ends, len(tree.body)]):
        body = tree.body[start:end]
        if start and body:  # a text that comes first would be the module's docstring
            body.insert(0, ast.copy_location(ast.Pass(), body[0]))
        code = compile(ast.Module(body, []), origin, "exec", flags=futures, dont_inherit=True)
        assert isinstance(code, CodeType)
        futures = code.co_flags & _FUTURES
        parts.append(code)
    return given, parts


def _assigns(statement: ast.stmt, name: str) -> bool:
    """Whether the statement gives the global, or something in it, a value."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((a.asname or a.name.partition(".")[0]) == name for a in statement.names)
    if isinstance(statement, ast.ClassDef):
        return statement.name == name
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign) or getattr(statement, "value", None) is not None:
        targets = [statement.target] if hasattr(statement, "target") else []
    for target in targets:
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target = target.value
        if isinstance(target, ast.Name) and target.id == name:
            return True
    return False


def _nested_values() -> _Values:
    values: _Values = json.loads(os.environ["GUILD_NESTED"])
    return values


def _put_nested(namespace: _Values) -> None:
    """Put the values into the global that holds them, made what `flags-dest` says it is."""
    assert _NESTING is not None
    if _NAME not in namespace:
        return
    kind = _NESTING.NAMESPACE if _KIND == "namespace" else _NESTING.MAPPING
    namespace[_NAME] = _NESTING.converted(namespace[_NAME], kind)
    try:
        for name, value in _nested_values().items():
            _NESTING.put(namespace[_NAME], name, value, kind)
    except _NESTING.NestedError as e:
        raise OperationError(f"cannot set flags in {_NAME}: {e}") from None


def _tree(spec: importlib.machinery.ModuleSpec) -> ast.Module:
    """The module's source, as it was written."""
    origin = spec.origin or ""
    get_data = getattr(spec.loader, "get_data", None)
    if not origin.endswith(".py") or get_data is None:
        raise OperationError(f"module {spec.name!r} has no source to set flags in")
    source: bytes = get_data(origin)  # bytes: they declare their encoding
    return ast.parse(source, origin)


def _code(spec: importlib.machinery.ModuleSpec, values: _Values) -> tuple[_Values, CodeType]:
    """Those of these globals that the module never assigns, and its code, with the others in it."""
    loader: Any = spec.loader  # what PEP 451 promises of it is less than what it has
    origin = spec.origin or ""
    if not values:
        code = loader.get_code(spec.name) if hasattr(loader, "get_code") else None
        if not isinstance(code, CodeType):
            raise OperationError(f"module {spec.name!r} cannot be run: it has no code")
        return {}, code
    tree = _tree(spec)
    never = set_globals(tree, values)
    code = compile(tree, origin, "exec", dont_inherit=True)  # the future import here is ours
    assert isinstance(code, CodeType)
    return {name: values[name] for name in never}, code


def set_globals(tree: ast.Module, values: _Values) -> list[str]:
    """Put each value where the module assigns its name; returns the names it never assigns.

    The values replace the literals that are assigned at top level. A name that has none
    gets its value in the place of the first expression that is assigned to it.
    """
    places: dict[str, list[ast.stmt]] = {name: [] for name in values}
    literals: set[str] = set()
    for statement in tree.body:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
            continue
        literal = _is_literal(statement.value)
        for name in places.keys() & set(_names(statement)):
            if literal and name not in literals:
                literals.add(name)
                places[name] = [statement]
            elif literal or not places[name]:
                places[name].append(statement)
    body: list[ast.stmt] = []
    for statement in tree.body:
        here = {name: values[name] for name in values if statement in places[name]}
        body += _replaced(statement, here) if here else [statement]
    tree.body = body
    return [name for name in values if not places[name]]


def _names(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """The plain names that the statement assigns its value to: two in `a = b = 1`."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _replaced(statement: ast.stmt, values: _Values) -> list[ast.stmt]:
    """The statement with these values for these names, and its own for its other targets."""
    if isinstance(statement, ast.AnnAssign):
        (value,) = values.values()
        statement.value = _node(value)
        ast.copy_location(statement.value, statement)
        return [ast.fix_missing_locations(statement)]
    assert isinstance(statement, ast.Assign)
    ours = [t for t in statement.targets if isinstance(t, ast.Name) and t.id in values]
    statement.targets = [target for target in statement.targets if target not in ours]
    new: list[ast.stmt] = [statement] if statement.targets else []
    for target in ours:
        assignment = ast.Assign([target], _node(values[target.id]))
        new.append(ast.fix_missing_locations(ast.copy_location(assignment, statement)))
    return new


def _node(value: object) -> ast.expr:
    """An expression whose value is this one, of the same type."""
    if isinstance(value, list):
        return ast.List([_node(item) for item in value], ast.Load())
    if isinstance(value, tuple):
        return ast.Tuple([_node(item) for item in value], ast.Load())
    if isinstance(value, dict):
        return ast.Dict([_node(key) for key in value], [_node(v) for v in value.values()])
    return ast.Constant(value)  # type: ignore[arg-type]  # a scalar, inf and nan included


def _execute(
    name: str, spec: importlib.machinery.ModuleSpec, given: _Values, parts: Sequence[CodeType]
) -> ModuleType:
    """Execute the code as a new module of this name, which stays the module of this name.

    `given` are globals that it has from the start.
    """
    module = ModuleType(name)
    vars(module).update(given)
    if given and _NESTED:
        _put_nested(vars(module))
    vars(module).update(
        __file__=spec.origin,
        __cached__=spec.cached,
        __loader__=spec.loader,
        __package__=spec.parent,
        __spec__=spec,
        __builtins__=builtins,
    )
    sys.modules[name] = module
    for number, code in enumerate(parts, 1):
        exec(code, vars(module))
        if number < len(parts):
            _put_nested(vars(module))
    return module


def _users_part(error: BaseException) -> TracebackType | None:
    """The error's traceback from the user's first frame on."""
    traceback = error.__traceback__
    while traceback is not None and _is_machinery(traceback.tb_frame.f_globals):
        traceback = traceback.tb_next
    if traceback is None and not isinstance(error, (SyntaxError, ImportError)):
        return error.__traceback__  # the fault is in this file: hide nothing
    return traceback


def _is_machinery(namespace: _Values) -> bool:
    name = str(namespace.get("__name__"))
    return namespace is globals() or name == "ast" or name.startswith("importlib.")


class _SpawnFinder:
    """Finds `multiprocessing.spawn` as ever, and adapts it as soon as it is loaded."""

    def __init__(self, main: str) -> None:
        self.main = main

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "multiprocessing.spawn":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        execute, main = spec.loader.exec_module, self.main

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _adapt_spawn(module, main)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _follow_spawned(main: str) -> None:
    """Have the processes that this one spawns come through this file, now or whenever."""
    if "multiprocessing.spawn" in sys.modules:
        _adapt_spawn(sys.modules["multiprocessing.spawn"], main)
    else:
        sys.meta_path.insert(0, _SpawnFinder(main))


def _adapt_spawn(spawn: ModuleType, main: str) -> None:
    # What it uses is local: in a spawned process the globals here become the user's.
    original, this_file = spawn.get_preparation_data, os.path.join(_HERE, "op_main.py")

    def get_preparation_data(name: str) -> dict[str, object]:
        data: dict[str, object] = original(name)
        # Python does not execute a package's __main__ again, and so neither do we.
        if data.get("init_main_from_name") == main and not main.endswith(".__main__"):
            del data["init_main_from_name"]
            data["init_main_from_path"] = this_file
        return data

    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":  # see multiprocessing/spawn.py: this namespace is the result
    globals().update(vars(spawned_main()))
