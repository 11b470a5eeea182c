"""The map of docs/design.md, held against what the modules really import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from support import Guild

import guild_sync
from guild_sync import cli
from guild_sync.agent.calls import FUNCTIONS
from guild_sync.hosts import answers

PACKAGE = Path(guild_sync.__file__).parent

# From the top down: a module imports from the lines below its own, or from its own folder.
LAYERS = (
    ("cli",),
    ("commands",),
    ("preview", "rounds", "reports", "metrics"),
    ("standings",),
    ("sync", "asking", "checking"),
    ("transfer", "hooks", "choosing", "completion", "shells"),
    ("suggestions",),
    ("runs",),
    ("jobs",),
    ("outcomes", "ledger", "probing"),
    ("hosts",),
    ("project",),
    ("arguments", "manual", "crontab"),
    ("usages", "expressions", "timeranges"),
    ("output",),
    ("transport",),
    ("config",),
    ("agent",),
    ("errors", "__init__"),
)


def names_of_modules() -> list[str]:
    """`config`, `agent.runs`, ...: every module of the package."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(path.parts) for path in paths)


def source_of(module: str) -> str:
    return (PACKAGE / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")


def imports_of(source: str) -> set[str]:
    """What a module imports, at its top or in a function: `sh`, `guild_sync.ssh`, `.locks`.

    What it imports for type checkers alone does not count.
    """
    return {name for statement in _statements(ast.parse(source)) for name in _imported(statement)}


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children: list[ast.stmt] = node.orelse
    else:
        yield node
        children = list(ast.iter_child_nodes(node))  # type: ignore[arg-type]
    for child in children:
        yield from _statements(child)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    module = "." * node.level + (node.module or "")
    if module in (".", "guild_sync", "guild_sync.agent", "guild_sync.commands"):
        separator = "" if module == "." else "."
        return [f"{module}{separator}{alias.name}" for alias in node.names]
    return [module]


def layer_of(module: str) -> int:
    """The place of `config`, `agent.runs`, ... in LAYERS, counted from the top."""
    top = module.split(".")[0]
    (found,) = [number for number, layer in enumerate(LAYERS) if top in layer]
    return found


def own_imports(module: str) -> set[str]:
    """The modules of the package that one of them imports, named as in LAYERS."""
    prefix = "guild_sync."
    found = {name for name in imports_of(source_of(module)) if name.startswith(prefix)}
    names = {name[len(prefix) :] for name in found}
    return {"__init__" if name == "__version__" else name for name in names}


def test_every_import_is_found_but_those_for_type_checkers() -> None:
    source = """
import json, os.path
from guild_sync import ssh, __version__
from guild_sync.errors import Exit
from . import locks
from .errors import AgentError
if TYPE_CHECKING:
    from guild_sync import cli
else:
    import select
def call():
    try:
        from guild_sync import rsync
    finally:
        pass
"""
    assert imports_of(source) == {
        *("json", "os.path", "select", ".locks", ".errors", "guild_sync.errors"),
        *("guild_sync.ssh", "guild_sync.__version__", "guild_sync.rsync"),
    }


def test_every_module_has_one_place_in_the_layers() -> None:
    tops = {name.split(".")[0] for name in names_of_modules()}
    assert sorted(name for layer in LAYERS for name in layer) == sorted(tops)


def test_only_process_imports_sh() -> None:
    importers = [
        name
        for name in names_of_modules()
        if any(found.split(".")[0] == "sh" for found in imports_of(source_of(name)))
    ]
    assert importers == ["transport.process"]


def test_no_module_but_process_and_the_agent_starts_a_program_by_itself() -> None:
    starters = {name for name in names_of_modules() if "subprocess" in imports_of(source_of(name))}
    assert {name for name in starters if not name.startswith("agent.")} == {"transport.process"}


@pytest.mark.parametrize("module", names_of_modules())
def test_arrows_point_down_only(module: str) -> None:
    for imported in own_imports(module):
        below = layer_of(imported) > layer_of(module)
        same_folder = "." in module and imported.split(".")[0] == module.split(".")[0]
        assert below or same_folder, f"{module} imports {imported}"


@pytest.mark.parametrize("module", [n for n in names_of_modules() if n.startswith("agent.")])
def test_the_agent_imports_the_standard_library_and_itself_alone(module: str) -> None:
    siblings = {f".{name.removeprefix('agent.')}" for name in names_of_modules()}
    for imported in imports_of(source_of(module)):
        standard = imported.split(".")[0] in sys.stdlib_module_names
        assert standard or imported in siblings, f"{module} imports {imported}"


@pytest.mark.parametrize("module", [name for name in names_of_modules() if "commands." in name])
def test_a_command_says_how_it_is_used(module: str) -> None:
    if module != "commands.__init__":
        docstring = ast.get_docstring(ast.parse(source_of(module))) or ""
        assert "\nUsage:\n  guild " in docstring


def test_every_module_of_a_command_is_in_the_table() -> None:
    modules = {name.removeprefix("commands.") for name in names_of_modules() if "commands." in name}
    assert modules - {"__init__"} == {module for module, _ in cli.COMMANDS.values()}


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    shown = capsys.readouterr()
    assert f"guild {command}" in shown.out
    assert shown.err == ""


def test_help_of_a_command_is_shown_by_the_installed_program_too(guild: Guild) -> None:
    done = guild.ok("sync", "--help")
    assert done.lines[0] == (import_module("guild_sync.commands.sync").__doc__ or "").split("\n")[0]


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_command_shows_what_the_option_shows(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--help"]) == 0
    by_option = capsys.readouterr().out
    assert cli.main(["help", command]) == 0
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


# Functions that guild asks for on this machine alone, where nobody else answers.
OF_THIS_MACHINE = {
    *("begin_copy", "confirm_unchanged", "copy_source", "find_again", "keep_files", "lose"),
    *("mend", "overview", "reopen_copy", "states", "tracked", "unchanged"),
}


def test_what_a_remote_can_be_asked_has_a_check_of_its_answer() -> None:
    assert set(FUNCTIONS) - set(answers.CHECKS) == OF_THIS_MACHINE
    assert set(answers.CHECKS) <= set(FUNCTIONS)
