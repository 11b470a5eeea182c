"""Flags of Python modules, from the command line to what the module sees, here and on a remote."""

from __future__ import annotations

import subprocess
import sys

from declared import as_one_parser
from support import Place, project

OPTIONS = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--quantize", type=bool, default=False)
p.add_argument("--amp", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--tag", action="append", default=[])
p.add_argument("--ids", nargs="+", type=int, default=[1, 2])
p.add_argument("--size", type=int, nargs=2, default=(28, 28))
p.add_argument("--resume", nargs="?", const=True, default=False)
p.add_argument("--lr", type=float, default=1)
p.add_argument("-v", action="count", default=0)
t = p.add_subparsers(dest="command").add_parser("train")
t.add_argument("--rate", type=float, default=0.1)
print(p.parse_args())
"""

GLOBALS = """
import multiprocessing
SIZE = (28, 28)
NAMES = {0: "cat", 1: "dog"}
rate = 0.1

def show(names=("SIZE", "NAMES", "rate")):
    print([globals()[name] for name in names], flush=True)

if __name__ == "__main__":
    show()
    child = multiprocessing.get_context("spawn").Process(target=show)
    child.start()
    child.join()
"""


def as_python(place: Place, *argv: str) -> str:
    """What the module prints when a person runs it."""
    return subprocess.run(
        [sys.executable, *argv], cwd=place.guild.folder, capture_output=True, text=True, check=True
    ).stdout


def test_options_that_are_not_given_are_left_to_argparse(place: Place) -> None:
    project(place.guild.folder, "op: {main: options train, flags-import: all}", options=OPTIONS)
    run = place.started()
    place.wait_for_end(run)
    assert place.output(run) == as_python(place, "options.py", "train")
    recorded = place.attr(run, "flags")
    assert recorded["ids"] == [1, 2]
    assert (recorded["size"], recorded["amp"], recorded["lr"]) == ([28, 28], True, 1)


def test_options_that_are_given_arrive_as_typed_and_so_they_do_when_the_run_starts_again(
    place: Place,
) -> None:
    project(place.guild.folder, "op: {main: options train}", options=OPTIONS)
    flags = ("quantize=yes", "amp=no", "tag=[a,b]", "ids=3 4", "size=[32,32]", "resume=yes", "v=2")
    run = place.started(*flags, "rate=0.5")
    place.wait_for_end(run)
    words = "--quantize 1 --no-amp --tag a --tag b --ids 3 4 --size 32 32 --resume -vv"
    assert place.output(run) == as_python(
        place, "options.py", *words.split(), "train", "--rate", "0.5"
    )
    place.ok("run", "--restart", run, "amp=yes", "size=[28,28]", "lr=2", "-y")
    words = "--quantize 1 --tag a --tag b --ids 3 4 --resume --lr 2 -vv"
    assert place.output(run) == as_python(
        place, "options.py", *words.split(), "train", "--rate", "0.5"
    )


def test_each_way_to_declare_an_option_sees_what_python_gives_it(place: Place) -> None:
    source, flags, words = as_one_parser()
    project(place.guild.folder, "op: {main: options}", options=source)
    run = place.started(*flags)
    place.wait_for_end(run)
    assert place.output(run) == as_python(place, "options.py", *words)


def test_globals_that_are_not_given_are_left_to_the_module(place: Place) -> None:
    project(place.guild.folder, "op: {main: module, flags-import: all}", module=GLOBALS)
    run = place.started()
    place.wait_for_end(run)
    assert place.output(run) == as_python(place, "module.py")
    assert place.attr(run, "flags")["NAMES"] == {"0": "cat", "1": "dog"}


def test_globals_that_are_given_have_the_sources_form_in_spawned_processes_too(
    place: Place,
) -> None:
    guildfile = "op: {main: module, flags: {NAMES: {default: {0: cow, 5: ox}}}}"
    project(place.guild.folder, guildfile, module=GLOBALS)
    run = place.started("SIZE=[32,16]")
    place.wait_for_end(run)
    line = "[(32, 16), {0: 'cow', 5: 'ox'}, 0.1]\n"
    assert place.output(run) == line * 2
    place.ok("run", "--restart", run, "SIZE=[28,28]", "-y")
    line = "[(28, 28), {0: 'cow', 5: 'ox'}, 0.1]\n"
    assert place.output(run) == line * 2
