"""Parsers whose options other modules of the project add, held against Python."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from projects import job, only

from guild_sync.programs import module_sources

OPTIONS = """
import argparse
RATE = 0.5

def add_options(parser, group=None):
    parser.add_argument("--rate", type=float, default=RATE)
    more(group or parser)

def more(p):
    p.add_argument("--on", action="store_true")

def make_parser():
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser)
    return parser

def parse():
    return make_parser().parse_args()

class Parser(argparse.ArgumentParser):
    pass

class Model:
    @staticmethod
    def add_own(parser):
        add_options(parser)
        return parser

class Options:
    def add_own(self, parser):
        add_options(parser)

    def parse(self):
        self.parser = argparse.ArgumentParser()
        self.add_own(self.parser)
        return self.parser.parse_args()

parser = Parser()
add_options(parser)

if __name__ == "__main__":
    parser.add_argument("--when-it-is-run")
"""

PROGRAMS = {
    "a function that is given it": """
from options import add_options as add
p = argparse.ArgumentParser()
add(p, group=p.add_argument_group("g"))
args = p.parse_args()
""",
    "a module's function": """
import options as o
p = argparse.ArgumentParser()
o.add_options(p)
args = p.parse_args()
""",
    "a function that makes it": "import options as o\nargs = o.make_parser().parse_args()",
    "a function that does all": "import options\nargs = options.parse()",
    "a parser": "from options import parser\nargs = parser.parse_args()",
    "a module's parser": "import options\nargs = options.parser.parse_args()",
    "parents": """
from options import make_parser
args = argparse.ArgumentParser(parents=[make_parser()]).parse_args()
""",
    "a class": """
from options import Parser, add_options
p = Parser()
add_options(p)
args = p.parse_args()
""",
    "a method of a class": """
import options
from options import Model
args = options.Model.add_own(Model.add_own(argparse.ArgumentParser(conflict_handler="resolve")))
args = args.parse_args()
""",
    "a method of what a class makes": "from options import Options\nargs = Options().parse()",
    "another class": """
import options
class Mine(options.Parser):
    pass
p = Mine()
p.add_argument("--rate", type=float, default=0.5)
p.add_argument("--on", action="store_true")
args = p.parse_args()
""",
    "a package that has it from elsewhere": """
from package import add_options
p = argparse.ArgumentParser()
add_options(p)
args = p.parse_args()
""",
    "a module of a package": """
from package import inner
p = argparse.ArgumentParser()
inner.add_options(p)
args = p.parse_args()
""",
    "a dotted module": """
import package.inner
p = argparse.ArgumentParser()
package.inner.add_options(p)
args = p.parse_args()
""",
}


def written(folder: Path, program: str) -> None:
    (folder / "package").mkdir()
    (folder / "package/__init__.py").write_text("from .inner import add_options\n")
    (folder / "package/inner.py").write_text(OPTIONS)
    (folder / "options.py").write_text(OPTIONS)
    (folder / "module.py").write_text(f"import argparse\n{program}\nprint(args)\n")


def as_python(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, *argv], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_options_of_other_modules_are_flags(tmp_path: Path, program: str) -> None:
    written(tmp_path, program)
    operation = only(tmp_path, "op: {main: module, flags-import: all}")
    assert list(operation.flags) == ["rate", "on"]
    assert job(operation)["args"] == []
    args = job(operation, "rate=0.25", "on=yes")["args"]
    typed = ["--rate", "0.25", "--on"]
    assert as_python(tmp_path, "module.py", *args) == as_python(tmp_path, "module.py", *typed)


def test_a_module_of_a_package_imports_from_where_it_is(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "package/deep").mkdir()
    (tmp_path / "package/deep/__init__.py").touch()
    program = """
import argparse
from ..inner import add_options
from .own import add
p = argparse.ArgumentParser()
add_options(p)
add(p)
print(p.parse_args())
"""
    (tmp_path / "package/deep/train.py").write_text(program)
    own = "def add(parser):\n    parser.add_argument('--own', type=int, default=1)\n"
    (tmp_path / "package/deep/own.py").write_text(own)
    operation = only(tmp_path, "op: {main: package.deep.train}")
    assert list(operation.flags) == ["rate", "on", "own"]
    args = job(operation, "own=2", "on=yes")["args"]
    typed = shlex.split("--on --own 2")
    ran = [as_python(tmp_path, "-m", "package.deep.train", *words) for words in (args, typed)]
    assert ran[0] == ran[1]


def test_a_module_that_does_not_import_argparse_has_globals_as_for_guild_ai(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "module.py").write_text("from options import parse\nsize = 1\nparse()\n")
    assert only(tmp_path, "op: {main: module}").flags_dest == "globals"


@pytest.mark.parametrize(
    "source",
    [
        "from .options import add_options\n",  # above its package
        "from nowhere import add_options\nadd_options(p)\n",
        "from broken import add_options\nadd_options(p)\n",
        "from around import add_options\nadd_options(p)\n",
        "from link import add_options\nadd_options(p)\n",
        "from options import nothing\nnothing(p)\nnothing.more(p)\n",
    ],
)
def test_what_cannot_be_followed_is_passed_over(tmp_path: Path, source: str) -> None:
    outside, folder = tmp_path / "outside.py", tmp_path / "project"
    outside.write_text(OPTIONS)
    folder.mkdir()
    written(folder, "")
    (folder / "broken.py").write_text("parser = = 1\n")
    (folder / "around.py").write_text("from around import add_options as add_options  # parser\n")
    (folder / "link.py").symlink_to(outside)
    program = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', type=int)\n"
    (folder / "module.py").write_text(program + source)
    assert list(only(folder, "op: {main: module}").flags)[-1:] == ["x"]


def test_no_more_than_some_modules_are_read_and_each_once(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"m{number}.py").write_text("parser = 1\n")
    find = module_sources.other_modules([tmp_path])
    assert len([n for n in range(40) if find(f"m{n}") is not None]) == 30
