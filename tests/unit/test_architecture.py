"""The map of docs/design.md, held against what the modules really import.

The page is the list: its order, its folders and its modules are read from there.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from support import Guild

import guild_sync
from guild_sync import main
from guild_sync.agent import forms, protocol
from guild_sync.agent.calls import TABLE, Stream
from guild_sync.cli import table
from guild_sync.hosts.agent import AgentClient

PACKAGE = Path(guild_sync.__file__).parent
TOPS = (Path(__file__).parents[2], Path(__file__).parents[1])  # what pages name paths below
PAGE = TOPS[0] / "docs" / "design.md"


def listed(page: str) -> dict[str, int]:
    """The folders and modules of the page's list, `agent.store` and so on, each with its place.

    The place is counted from the top: what a module imports has a higher one than its own.
    """
    block = re.search(r"^## Packages$[\s\S]*?\n\n((?:    .*\n)+)", page, re.M)
    assert block, "docs/design.md has no list below '## Packages'"
    places: dict[str, int] = {}
    above = ""
    for line in block[1].splitlines():
        indent, name = re.match(r"( +)([\w./]+)", line).groups()  # type: ignore[union-attr]
        name = name.rstrip("/").removesuffix(".py")
        above = name if len(indent) == 4 else above
        places[name if len(indent) == 4 else f"{above}.{name}"] = len(places)
    return places


PLACES = listed(PAGE.read_text(encoding="utf-8"))


def names_of_modules() -> list[str]:
    """`main`, `config.remotes`, `agent.store.locks`, ...: every module but the packages' faces."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(path.parts) for path in paths if path.name != "__init__")


MODULES = names_of_modules()


def packages() -> list[str]:
    """`config`, `agent.store`, ...: every folder with modules in it."""
    paths = (path.relative_to(PACKAGE).parent for path in PACKAGE.rglob("*.py"))
    return sorted({".".join(path.parts) for path in paths} - {""})


def package_of(module: str) -> str:
    return module.rpartition(".")[0]


def path_of(module: str) -> Path:
    return (PACKAGE / Path(*module.split("."))).with_suffix(".py")


def source_of(module: str) -> str:
    return path_of(module).read_text(encoding="utf-8")


def imports_of(source: str, module: str = "x") -> set[str]:
    """What a module imports, at its top, in a function or for types: `sh`, `guild_sync.errors`."""
    return {
        name
        for node in ast.walk(ast.parse(source))
        for name in _imported(node, package_of(module).split("."))
    }


def _imported(node: ast.AST, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = ["guild_sync", *package[: len(package) - node.level + 1]]
            base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            full = f"{base}.{alias.name}"
            yield full if full.removeprefix("guild_sync.") in MODULES else base


def own_imports(module: str) -> set[str]:
    """The modules of the package that one of them imports, named as in MODULES."""
    found = {name for name in imports_of(source_of(module), module) if "guild_sync" in name}
    return {name.removeprefix("guild_sync.") for name in found} - {"guild_sync"}


IMPORTS: Mapping[str, set[str]] = {module: own_imports(module) for module in MODULES}


def place_of(module: str, places: Mapping[str, int]) -> int:
    """Where the page has a module: by its own name, or by that of the folder it is in."""
    for name in (module, package_of(module), module.split(".")[0]):
        if name in places:
            return places[name]
    raise AssertionError(f"{module} is not in the list of docs/design.md")


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """The names of one circle of arrows; none where there is no circle."""
    done: set[str] = set()

    def below(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name in done:
            return []
        found = next(filter(None, (below(n, [*above, name]) for n in arrows.get(name, ()))), [])
        done.add(name)
        return found

    return next(filter(None, (below(name, []) for name in arrows)), [])


# The list, and what the modules import.


def test_imports_at_the_top_in_functions_and_for_types_are_found() -> None:
    source = """
import json, os.path
from guild_sync import __version__
from guild_sync.errors import Exit
from guild_sync.config import remotes
from ..store import locks
from .marks import begin
if TYPE_CHECKING:
    from guild_sync import main
def call():
    from guild_sync.transport import process
"""
    assert imports_of(source, "agent.copies.survey") == {
        *("json", "os.path", "guild_sync", "guild_sync.errors", "guild_sync.config.remotes"),
        *("guild_sync.agent.store.locks", "guild_sync.agent.copies.marks", "guild_sync.main"),
        "guild_sync.transport.process",
    }


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_every_folder_and_module_is_in_the_list_and_nothing_else_is() -> None:
    tops = {name.split(".")[0] for name in MODULES}
    of_agent = {".".join(name.split(".")[:2]) for name in MODULES if name.startswith("agent.")}
    assert set(PLACES) == tops | of_agent


def is_in_a_table(module: str) -> bool:
    """Whether a module is told of in its folder's table, and not in the list or `guild --help`."""
    return module not in PLACES and not module.startswith("commands.")


def test_the_page_tells_of_every_module_in_a_line_which_is_that_of_its_docstring() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = []
    for module in filter(is_in_a_table, MODULES):
        docstring = ast.get_docstring(ast.parse(source_of(module))) or ""
        line = f"| `{module.rpartition('.')[2]}.py` | {docstring.splitlines()[0]} |"
        if line not in page:
            missing.append(line)
    assert not missing, "docs/design.md lacks:\n" + "\n".join(missing)


def test_the_page_tells_of_no_module_that_is_not_there() -> None:
    told = re.findall(r"^\| `(\w+)\.py` \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert sorted(told) == sorted(m.rpartition(".")[2] for m in filter(is_in_a_table, MODULES))


def texts_of(source: str) -> Iterator[str]:
    """The comments and docstrings of a module."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield ast.get_docstring(node) or ""


def gone(text: str, folder: Path) -> set[str]:
    """The modules that a text in a folder names, and that are not there.

    One is named by its path in the package, or by its name alone where it is beside the text.
    """
    names = {module.rpartition(".")[2] for module in MODULES} - {"__main__"}
    told = re.findall(r"(?<![\w./>-])([a-z_/]*[a-z_])\.py\b", text)
    return {
        name
        for name in told
        if (name in names or "/" in name)
        and not any((top / f"{name}.py").exists() for top in (folder, PACKAGE, *TOPS))
        and name.split("/")[0] not in sys.stdlib_module_names
    }


def test_a_module_that_is_not_there_is_found_in_a_text() -> None:
    assert gone("see agent/store/gone.py, locks.py", PACKAGE) == {"agent/store/gone", "locks"}
    assert gone("see agent/store/locks.py, rest.py, user.py", PACKAGE / "agent" / "store") == set()


def test_a_module_that_a_comment_names_is_there() -> None:
    found = {
        module: gone("\n".join(texts_of(source_of(module))), path_of(module).parent)
        for module in MODULES
    }
    assert {module: names for module, names in found.items() if names} == {}


@pytest.mark.parametrize("page", ["docs/design.md", "CONTRIBUTING.md", "bench/README.md"])
def test_a_module_that_a_page_names_by_its_path_is_there(page: str) -> None:
    told = gone((TOPS[0] / page).read_text(encoding="utf-8"), PACKAGE)
    assert {name for name in told if "/" in name} == set()


def missing_tests(text: str) -> set[str]:
    """The tests that a page names and that are not there: files, and functions or `...` of them."""
    top = Path(__file__).parents[1]
    functions = {
        name
        for path in top.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    places = (top.parent, top, top / "integration", top / "unit")
    return {
        name
        for name in re.findall(r"`((?:[\w/]+/|\.\.\.)?_?(?:test_)?[\w.]+(?:\[\w+\])?)`", text)
        if "test_" in name or name.startswith("...")
        if not any((place / name).is_file() for place in places)
        and not any(fnmatchcase(f, name.partition("[")[0].replace("...", "*")) for f in functions)
    }


def test_a_test_that_is_not_there_is_found_in_a_text() -> None:
    text = "`test_story.py` `unit/test_gone.py` `test_a_test_that_is...` `..._a_text` `test_no`"
    assert missing_tests(text) == {"unit/test_gone.py", "test_no"}


@pytest.mark.parametrize("page", ["docs/reliability.md", "docs/design.md", "CONTRIBUTING.md"])
def test_a_test_that_a_page_names_is_there(page: str) -> None:
    assert missing_tests((TOPS[0] / page).read_text(encoding="utf-8")) == set()


def test_a_file_of_tests_has_some() -> None:
    """One that was emptied by a slip passes every other check."""
    paths = Path(__file__).parents[1].rglob("test_*.py")
    assert [path.name for path in paths if "\ndef test_" not in path.read_text("utf-8")] == []


def pointing_up(module: str, places: Mapping[str, int]) -> set[str]:
    """What a module imports of its own line in the list, or of one above it."""
    return {
        imported
        for imported in IMPORTS[module]
        if package_of(imported) != package_of(module) or package_of(module) in ("", "agent")
        if place_of(imported, places) <= place_of(module, places)
    }


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_the_list_or_stay_in_their_folder(module: str) -> None:
    assert not pointing_up(module, PLACES), f"{module} imports what is not below it"


def test_a_line_of_the_list_that_is_moved_is_seen() -> None:
    page = PAGE.read_text(encoding="utf-8")
    line = next(line for line in page.splitlines(True) if line.startswith("    transport/"))
    places = listed(page.replace(line, "").replace("    main.py ", f"{line}    main.py "))
    assert "transport.ssh" in pointing_up("hosts.remote", places)
    assert not pointing_up("hosts.remote", PLACES)


def test_no_modules_of_a_folder_go_round() -> None:
    for package in packages():
        own = {module for module in MODULES if package_of(module) == package}
        assert not circle({module: IMPORTS[module] & own for module in own})


def test_a_folder_has_one_purpose_that_can_be_looked_over() -> None:
    sizes = {
        package: sum(package_of(module) == package for module in MODULES)
        for package in packages()
        if package not in ("commands", "agent")
    }
    assert {p: size for p, size in sizes.items() if not 4 <= size <= 12} == {}
    assert {name for name in MODULES if "." not in name} == {"main", "errors"}


def test_the_face_of_a_folder_tells_what_others_may_call() -> None:
    """Each module that another folder imports is named in the docstring of its own folder."""
    for package in packages():
        face = ast.get_docstring(ast.parse(source_of(f"{package}.__init__"))) or ""
        named = set(re.findall(r"`(\w+)[.`]", face))
        used = {
            imported.rpartition(".")[2]
            for module, found in IMPORTS.items()
            for imported in found
            if package_of(imported) == package != package_of(module)
        }
        assert used <= named, f"{package} does not tell of {used - named}"


def public_classes(module: str) -> list[str]:
    """The classes of a module that another could import."""
    found = [n.name for n in ast.parse(source_of(module)).body if isinstance(n, ast.ClassDef)]
    return [name for name in found if not name.startswith("_")]


def test_a_class_has_a_name_of_its_own() -> None:
    where: dict[str, list[str]] = {}
    for module in MODULES:
        for name in public_classes(module):
            where.setdefault(name, []).append(module)
    assert where["Launch"] == ["runs.launch"]
    assert {name: modules for name, modules in where.items() if len(modules) > 1} == {}


def test_what_is_no_type_gets_only_rarer() -> None:
    """Lines with `Any` in them (365 before agent/protocol.py), and what could stand in for it."""
    sources = "\n".join(source_of(module) for module in MODULES)
    lines = Counter(
        word
        for line in sources.splitlines()
        for word in ("Any", "object", "cast", "type: ignore")
        if re.search(rf"(?<!\.)\b{word}\b", re.sub(r'"[^"]*"', "", line))
    )
    most = {"Any": 50, "object": 120, "cast": 0, "type: ignore": 5}
    assert {word: lines[word] for word in most if lines[word] > most[word]} == {}


# What of the agent's insides the others may reach: all else is asked for through `calls`.
OPEN = {
    *("agent.calls", "agent.protocol", "agent.errors", "agent.running.runner"),
    "agent.shell",  # which, as the runner, has this process
    "agent.columns",  # the language of columns and names, which both read
    "agent.value_words",  # how people write values, which both read and write
    *("agent.forms", "agent.json_text"),  # both read what the other sends
    "agent.running.nested",  # of which both ends think the same
    *("agent.archives.members", "agent.archives.unpacking"),  # a stream of files is a tar, too
    "agent.trees",  # what came out of an archive to be looked at
    "agent.environments.asked",  # the pip that came with Python
    "agent.machine.abilities",  # has_aes, has_zstd: of either end
    "agent.machine.environment",  # user_name
    "agent.machine.folder",  # digest
    "agent.scalars.reading",  # what it would find is shown before it is made
    "agent.scalars.patterns",  # what an output is read by is looked at before it is made
    "agent.scheduling.options",  # what a job can ask for is looked at on either end
    "agent.staging.selecting",  # what of a folder comes along, from here and to there
    *("agent.store.atomic", "agent.store.attrs", "agent.store.identity", "agent.facts.dying"),
    "agent.facts.by_proc",  # work_of: of programs here
}


@pytest.mark.parametrize("module", [m for m in MODULES if not m.startswith("agent.")])
def test_the_agents_insides_are_reached_through_its_door(module: str) -> None:
    assert {name for name in IMPORTS[module] if name.startswith("agent.")} <= OPEN


def test_one_module_imports_sh() -> None:
    importers = [
        name
        for name in MODULES
        if any(found.split(".")[0] == "sh" for found in imports_of(source_of(name), name))
    ]
    assert importers == ["transport.watched"]


def test_one_module_and_the_agent_start_programs_by_subprocess() -> None:
    starters = {name for name in MODULES if "subprocess" in imports_of(source_of(name), name)}
    assert {name for name in starters if not name.startswith("agent.")} == {"transport.question"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("agent.")])
def test_the_agent_imports_the_standard_library_and_itself_alone(module: str) -> None:
    for imported in imports_of(source_of(module), module):
        standard = imported.split(".")[0] in sys.stdlib_module_names
        assert standard or imported.startswith("guild_sync.agent."), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [m for m in MODULES if "commands." in m])
def test_a_command_says_how_it_is_used(module: str) -> None:
    docstring = ast.get_docstring(ast.parse(source_of(module))) or ""
    assert "\nUsage:\n  guild " in docstring


def test_every_module_of_a_command_is_in_the_table() -> None:
    modules = {name.removeprefix("commands.") for name in MODULES if "commands." in name}
    assert modules == {module for module, _ in table.COMMANDS.values()}


@pytest.mark.parametrize("command", table.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([command, "--help"]) == 0
    shown = capsys.readouterr()
    assert f"guild {command}" in shown.out
    assert shown.err == ""


def test_help_of_a_command_is_shown_by_the_installed_program_too(guild: Guild) -> None:
    done = guild.ok("sync", "--help")
    assert done.lines[0] == (import_module("guild_sync.commands.sync").__doc__ or "").split("\n")[0]


@pytest.mark.parametrize("command", table.COMMANDS)
def test_help_command_shows_what_the_option_shows(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([command, "--help"]) == 0
    by_option = capsys.readouterr().out
    assert main.main(["help", command]) == 0
    assert capsys.readouterr().out == by_option


def test_the_error_statuses_are_those_of_the_design() -> None:
    from guild_sync.errors import Exit

    assert {status.name: int(status) for status in Exit} == {
        "OK": 0,
        "ERROR": 1,
        "UNREACHABLE": 3,
        "INCOMPLETE": 4,
        "BUG": 70,
        "INTERRUPTED": 130,
    }


def plain(form: Any) -> Any:
    """A form of the protocol as the agent's functions may name it: a run's id is text."""
    if (
        isinstance(form, type)
        and form.__module__ == protocol.__name__
        and issubclass(form, (str, int, float))
    ):
        return form.__mro__[1]
    parts = get_args(form)
    return (get_origin(form), *map(plain, parts)) if parts else form


def test_each_function_of_the_agent_answers_what_the_table_says() -> None:
    for name, function in TABLE.items():
        module, _, place = function.place.rpartition(".")
        found = getattr(import_module(f"guild_sync.agent.{module}"), place)
        returned = get_type_hints(found, vars(import_module(found.__module__)))["return"]
        if isinstance(function, Stream):
            returned = returned.__args__[2]
        assert plain(returned) == plain(function.answer), name
        assert callable(forms._reader(function.answer)), name


def test_each_function_has_its_method_and_is_asked_for_there_alone() -> None:
    source = source_of("hosts.agent")
    asked = re.findall(r"Functions\.(\w+)", source)
    assert sorted(asked) == sorted(TABLE)
    for name in TABLE:
        assert callable(getattr(AgentClient, name)), name


def arguments_asked_with(source: str) -> dict[str, set[str]]:
    """Of each function of the table that a module asks, the names that it hands over."""
    return {
        call.args[0].attr: {keyword.arg or "**" for keyword in call.keywords}
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Attribute)
        if ast.unparse(call.args[0].value) == "Functions"
    }


def test_each_method_asks_with_the_arguments_that_its_function_takes() -> None:
    """The guild home comes first, from the host; `hangup_fd` is what a stream has there alone."""
    for name, given in arguments_asked_with(source_of("hosts.agent")).items():
        module, _, place = TABLE[name].place.rpartition(".")
        found = signature(getattr(import_module(f"guild_sync.agent.{module}"), place))
        takes = list(found.parameters.values())[1:]
        assert given <= {p.name for p in takes} - {"hangup_fd"}, name
        assert given >= {p.name for p in takes if p.default is p.empty}, name
