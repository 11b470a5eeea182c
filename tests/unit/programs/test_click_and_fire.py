"""Programs that use click or fire: what guild passes is what their author would type.

Both are installed once, in a virtual environment of their own, and execute each program twice.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from projects import job, only

from guild_sync.project.module_flags import module_flags

REQUIREMENTS = ("click", "fire")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guild-sync-tests"

# Executes each program with its words, in one process: what it printed, or how it ended.
DRIVER = """
import contextlib, io, json, runpy, sys
answers = []
for path, words in json.load(sys.stdin):
    out = io.StringIO()
    sys.argv[:] = ["module", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            runpy.run_path(path, run_name="__main__")
    except SystemExit as e:
        out.write(f"ends with {e.code or 0}")
    except Exception as e:
        out.write(repr(e))
    answers.append(out.getvalue())
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python that has click and fire."""
    venv = _CACHE / f"click-fire-python{sys.version_info.major}.{sys.version_info.minor}"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{venv}.lock"):
        if not (venv / "installed").exists():
            for argv in (
                [sys.executable, "-m", "venv", "--clear", str(venv)],
                [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS],
            ):
                done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
                if done.returncode:
                    pytest.skip(f"click and fire cannot be installed: {done.stderr[-200:]}")
            (venv / "installed").touch()
    return venv / "bin/python"


def check(
    python: Path, folder: Path, program: str, cases: list[tuple[str, str, str]], dest: str
) -> None:
    """Hold guild's words against a person's: each case is main's words, flags, what is typed."""
    asked, path = [], str(folder / "module.py")
    for main, flags, typed in cases:
        text = f"op: {{main: {shlex.quote(f'module {main}')}}}"
        operation = only(folder, text, module=program)
        assert operation.flags_dest == dest
        asked.append((path, job(operation, *shlex.split(flags))["args"]))
        asked.append((path, shlex.split(typed)))
    done = subprocess.run(
        [str(python), "-c", DRIVER], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    ours = dict(zip(cases, answers[::2], strict=True))
    assert ours == dict(zip(cases, answers[1::2], strict=True))
    assert not [answer for answer in answers if "ends with 0" not in answer and "{" not in answer]


CLICK = """
import click

RATE = 0.1

@click.command()
@click.argument("name", default="bob")
@click.option("-c", "--count", default=1, help="How often.")
@click.option("--rate", default=RATE)
@click.option("--shout/--no-shout", default=False)
@click.option("--loud/--quiet", " /-Q", default=True)
@click.option("--fast", is_flag=True)
@click.option("-s", "--size", "the_size", type=int, default=3)
@click.option("--kind", type=click.Choice(["a", "b"]), default="a")
@click.option("--tag", multiple=True)
@click.option("--pair", nargs=2, type=int)
@click.option("--pairs", nargs=2, type=int, multiple=True)
@click.option("-v", "--verbose", count=True)
@click.option("--upper", "case", flag_value="upper")
@click.option("--lower", "case", flag_value="lower", default="lower")
@click.option("--path", type=click.Path(), default="a/b")
@click.option("--on", type=bool, default=True)
@click.option("--untold", default=lambda: 5)
@click.option("-x", default="x")
def main(**given):
    print(given)

if __name__ == "__main__":
    main()
"""


def test_a_click_command_sees_what_its_author_would_type(python: Path, tmp_path: Path) -> None:
    cases = [
        ("", "", ""),
        ("ann", "", "ann"),
        ("", "count=3 rate=0.5", "--count 3 --rate 0.5"),
        ("", "count=-3", "--count -3"),
        ("", "shout=yes loud=no", "--quiet --shout"),
        ("", "shout=no loud=yes", ""),
        ("", "fast=yes", "--fast"),
        ("", "size=5", "-s 5"),
        ("", "kind=b", "--kind b"),
        ("", "tag=a", "--tag a"),
        ("", "tag=[a,-b]", "--tag a --tag -b"),
        ("", "pair=[1,-2]", "--pair 1 -2"),
        ("", "pair='1 2'", "--pair 1 2"),
        ("", "pairs=[[1,2],[3,4]]", "--pairs 1 2 --pairs 3 4"),
        ("", "verbose=3", "-vvv"),
        ("", "upper=yes", "--upper"),
        ("", "path=-x", "--path -x"),
        ("", "on=no", "--on no"),
        ("", "untold=6", "--untold 6"),
        ("", "x=-y", "-x -y"),
        ("--count 4", "rate=1.0", "--count 4 --rate 1.0"),
    ]
    check(python, tmp_path, CLICK, cases, "args:click")


GROUP = """
from click import argument, command, group, option, pass_context

@group()
@option("--seed", default=1)
def cli(seed):
    print({"seed": seed})

@cli.command()
@option("--rate", default=0.1)
@argument("out")
def train_all(rate, out):
    print({"rate": rate, "out": out})

@cli.group("more")
@option("--level", default=1)
def further(level):
    print({"level": level})

@further.command(name="deep")
@option("--depth", default=1)
def deep(depth):
    print({"depth": depth})

@command()
@option("--strict", is_flag=True)
def check(strict):
    print({"strict": strict})

cli.add_command(check, "test")

if __name__ == "__main__":
    cli()
"""


def test_a_group_of_click_has_options_before_and_behind_its_words(
    python: Path, tmp_path: Path
) -> None:
    cases = [
        ("train-all x", "", "train-all x"),
        ("train-all x", "seed=2 rate=0.5", "--seed 2 train-all --rate 0.5 x"),
        ("more deep", "seed=2 level=3 depth=4", "--seed 2 more --level 3 deep --depth 4"),
        ("test", "strict=yes", "test --strict"),
    ]
    check(python, tmp_path, GROUP, cases, "args:click")
    offered = {
        words: list(module_flags(GROUP, "module.py", words.split()).flags)
        for words in ("", "train-all x", "more deep", "test")
    }
    assert offered == {
        "": ["seed"],
        "train-all x": ["seed", "rate"],
        "more deep": ["seed", "level", "depth"],
        "test": ["seed", "strict"],
    }


FIRE = """
import fire

RATE = 0.1

def main(a, b=2, c="x", d=False, e=None, rate=RATE, shape=(1, 2), *, names=["p"], more=len("a")):
    print(repr({**locals()}))

if __name__ == "__main__":
    fire.Fire(main)
"""


def test_a_function_of_fires_sees_what_its_author_would_type(python: Path, tmp_path: Path) -> None:
    cases = [
        ("1", "", "1"),
        ("", "a=5", "5"),
        ("1", "b=3 rate=0.5", "1 --b=3 --rate=0.5"),
        ("1", "b=-3", "1 --b=-3"),
        ("1", "d=yes", "1 --d"),
        ("1", "c=5", "1 --c='\"5\"'"),
        ("1", "c='a b'", "1 --c='a b'"),
        ("1", "c=a,b", "1 --c='\"a,b\"'"),
        ("1", "c=True", "1 --c='\"True\"'"),
        ("1", "c=/a/b.txt", "1 --c=/a/b.txt"),
        ("1", "c=-x", "1 --c='\"-x\"'"),
        ("1", "e=text", "1 --e=text"),
        ("1", "e=7", "1 --e=7"),
        ("1", "shape=[3,4]", "1 --shape='(3,4)'"),
        ("1", "names=[a,2]", "1 --names='[\"a\",2]'"),
        ("1", "more=3", "1 --more=3"),
    ]
    check(python, tmp_path, FIRE, cases, "args:fire")


FIRE_CLASS = """
from fire import Fire

class Trainer:
    def __init__(self, seed=1):
        self.seed = seed

    def train(self, rate=0.1):
        print({"seed": self.seed, "rate": rate})

    @staticmethod
    def check_all(strict=False):
        print({"strict": strict})

    def _hidden(self, x=1):
        pass

Fire(Trainer)
"""


def test_a_class_of_fires_offers_its_own_arguments_and_those_of_its_method(
    python: Path, tmp_path: Path
) -> None:
    cases = [
        ("train", "", "train"),
        ("train", "seed=2 rate=0.5", "train --seed=2 --rate=0.5"),
        ("check_all", "strict=yes", "check_all --strict"),
        ("check-all", "strict=yes", "check-all --strict"),
    ]
    check(python, tmp_path, FIRE_CLASS, cases, "args:fire")
    assert list(module_flags(FIRE_CLASS, "module.py", ["train"]).flags) == ["seed", "rate"]
    assert list(module_flags(FIRE_CLASS, "module.py", ["_hidden"]).flags) == ["seed"]


@pytest.mark.parametrize("call", ["fire.Fire()", "fire.Fire({'train': train, 'x': 1})"])
def test_all_of_a_module_or_some_of_its_functions_may_be_fires_commands(
    python: Path, tmp_path: Path, call: str
) -> None:
    program = f"import fire\ndef train(rate=0.1):\n    print({{'rate': rate}})\n{call}\n"
    cases = [("train", "", "train"), ("train", "rate=2.0", "train --rate=2.0")]
    check(python, tmp_path, program, cases, "args:fire")


@pytest.mark.parametrize(
    ("source", "dest"),
    [
        ("import click\nx = 1", "globals"),
        ("import fire\nx = 1", "globals"),
        ("import click\n@click.command()\ndef main(): pass", "args:click"),
        ("import click as c\n@c.command\ndef main(): pass", "args:click"),
        ("import fire as f\ndef main(): pass\nf.Fire(main)", "args:fire"),
        ("from other import command\n@command()\ndef main(): pass\nx = 1", "globals"),
        ("import argparse, click\nargparse.ArgumentParser()", "args"),
    ],
)
def test_what_a_module_uses_says_where_its_flags_go(tmp_path: Path, source: str, dest: str) -> None:
    assert module_flags(source, "module.py").dest == dest
    given = dest.partition(":")[0]
    operation = only(tmp_path, f"op: {{main: module, flags-dest: {given}}}", module=source)
    assert operation.flags_dest == dest


def test_a_destination_that_the_module_has_not_imports_nothing(tmp_path: Path) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x')\n"
    for dest in ("args:click", "args:fire", "globals"):
        text = f"op: {{main: module, flags-dest: '{dest}', flags: {{y: 1}}}}"
        operation = only(tmp_path, text, module=source)
        assert (operation.flags_dest, list(operation.flags)) == (dest, ["y"])
