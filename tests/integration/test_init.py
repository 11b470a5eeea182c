"""`guild init`: a guild.yml of what a folder's modules are, and the first run from it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import yaml
from support import Done, Guild

ARGPARSE = '''
"""Train the network.

More of it.
"""
import argparse
import helper

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1, help="Learning rate")
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    print("trained", args.lr, args.data)

if __name__ == "__main__":
    main()
'''
CLICK = """
import click
@click.command()
@click.option("--count", default=3)
def prepare(count):
    print("prepared", count)
prepare()
"""
GLOBALS = """
rate = 0.5
NAMES = ["a", "b"]
TEXT = "x" * 3
_hidden = 1
print("evaluated", rate)
"""


@pytest.fixture
def folder(guild: Guild, tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    (folder / "steps").mkdir(parents=True)
    (folder / "train.py").write_text(ARGPARSE)
    (folder / "helper.py").write_text("import logging\nlogging.basicConfig()\n")
    (folder / "evaluate.py").write_text(GLOBALS)
    (folder / "steps" / "prepare.py").write_text(CLICK)
    return folder


def init(guild: Guild, folder: Path, *words: str) -> Done:
    return guild.ok("init", *words, cwd=folder)


def test_what_is_found_is_said_and_written(guild: Guild, folder: Path) -> None:
    assert init(guild, folder).lines == [
        "Found 3 programs:",
        "  evaluate  evaluate.py       rate=0.5",
        "  train     train.py          lr=0.1, data (has to be given)",
        "  prepare   steps/prepare.py  count=3",
        "helper.py is no operation: another module imports it",
        f"Wrote {folder}/guild.yml",
        "For what a machine lacks see 'requires' there: the modules import click",
        "To run one: guild run train data=VALUE",
        "To run it elsewhere: guild remote add NAME [USER@]HOST, and then add -r NAME",
    ]
    assert (
        (folder / "guild.yml").read_text()
        == """\
# What guild runs here: an operation for each module that is a program.
# 'guild help --man guild.yml' tells of all keys, 'guild operations -v' of the flags.

- package: own
  # What the modules import. To have guild install what a machine lacks, remove the '#',
  # and name each as the package index does:
  # requires: [click]

- operations:
    evaluate:
      main: evaluate
      # values that it assigns to names: rate=0.5
      flags-import: [rate]

    train:
      description: Train the network
      main: train
      # options of its argparse parser: lr=0.1, data (has to be given)
      flags-import: all

    prepare:
      main: steps/prepare
      # options of its click command: count=3
      flags-import: all
"""
    )
    assert {path.name for path in folder.iterdir()} == {
        "train.py", "helper.py", "evaluate.py", "steps", "guild.yml"
    }  # fmt: skip


def test_what_is_written_runs_here_and_on_a_remote(guild: Guild, folder: Path, remote: str) -> None:
    init(guild, folder)
    for where in ((), ("-r", remote)):
        out = guild.ok("run", "train", "data=x", "lr=2", *where, "-y", cwd=folder).out
        assert "trained 2.0 x" in out
        out = guild.ok("run", "evaluate", "rate=3", *where, "-y", cwd=folder).out
        assert "evaluated 3" in out


def test_a_guild_yml_that_is_there_stays(guild: Guild, folder: Path) -> None:
    path = folder / "guild.yml"
    for text in ("op: {exec: 'true'}\n", ""):
        if text:
            path.write_text(text)
        else:  # a link that leads nowhere
            path.symlink_to("nothere")
        before = path.lstat()
        done = guild("init", cwd=folder)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"guild: there is {path} already, which stays as it is\n")
        assert path.lstat() == before
        path.unlink()


def test_it_can_be_shown_first_and_another_folder_be_named(
    guild: Guild, folder: Path, tmp_path: Path
) -> None:
    shown = init(guild, folder, "--print").out
    assert not (folder / "guild.yml").exists()
    said = guild.ok("init", "own", cwd=tmp_path).lines
    assert (folder / "guild.yml").read_text() == shown
    assert "To run one: guild -C own run train data=VALUE" in said
    assert guild("init", "nothere", cwd=tmp_path).err.startswith("guild: there is no folder")


def test_nothing_of_the_modules_is_executed(guild: Guild, folder: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (folder / "act.py").write_text(f"open({str(canary)!r}, 'w')\nprint(1)\n")
    assert "act" in init(guild, folder).out
    assert not canary.exists()


def test_tests_and_what_git_ignores_and_what_is_no_python_are_no_operations(
    guild: Guild, folder: Path
) -> None:
    (folder / "tests").mkdir()
    for name in ("_own.py", "tests/run.py", "test_x.py", "x_test.py", "setup.py", "conftest.py"):
        (folder / name).write_text("print(1)\n")
    (folder / "broken.py").write_text("print(1)\nx = (\n")
    (folder / "odd name.py").write_text("print(1)\n")
    (folder / "blob.py").write_bytes(b"\xff\xfe\0")
    said = init(guild, folder).out
    assert "broken.py is no operation: it is no Python: line 2" in said
    assert "odd name.py is no operation: its name is none that a module can have" in said
    assert "blob.py is no operation: it cannot be read: it is not UTF-8 text" in said
    _, model = yaml.safe_load((folder / "guild.yml").read_text())
    assert [*model["operations"]] == ["evaluate", "train", "prepare"]


def test_names_that_yaml_takes_for_something_else_are_names(guild: Guild, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("yes", "null", "on"):
        (folder / f"{name}.py").write_text('"""A: b # c"""\nno = 1\nprint(no)\n')
    init(guild, folder)
    listed = guild.ok("operations", cwd=folder).lines
    assert sorted(line.split()[0] for line in listed) == ["null", "on", "yes"]
    assert all("A: b # c" in line for line in listed)
    assert guild.ok("run", "null", "no=5", "-y", cwd=folder).lines == ["5"]


def test_packages_have_their_modules_by_dotted_names(guild: Guild, tmp_path: Path) -> None:
    package = tmp_path / "p" / "net"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("print('whole')\n")
    (package / "train.py").write_text("from . import own\nprint(own.NAME)\n")
    (package / "own.py").write_text("NAME = 'of the package'\n")
    (tmp_path / "p" / "train.py").write_text("print('top')\n")
    init(guild, tmp_path / "p")
    for name, said in (("net", "whole"), ("net-train", "of the package"), ("train", "top")):
        assert guild.ok("run", name, "-y", cwd=tmp_path / "p").lines == [said]


def test_what_hostile_modules_say_moves_no_cursor(guild: Guild, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    text = '"""\x1b[2J"""\nname = "\x1b[2J"\nother = "\x85\u2028"\nprint(name)\n'
    (folder / "run.py").write_text(text, encoding="utf-8")
    done = init(guild, folder)
    assert "\x1b" not in done.out + (folder / "guild.yml").read_text()
    assert guild.ok("operations", "-v", cwd=folder).out


def test_a_folder_without_programs_gets_none_and_a_way(guild: Guild, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = guild("init", "empty", cwd=tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"guild: no Python module in {tmp_path}/empty is a program by itself",
        "Write guild.yml by hand: NAME: {exec: COMMAND} is an operation.",
        "'guild help --man guild.yml' tells what else one may have.",
    ]
    assert [*(tmp_path / "empty").iterdir()] == []


@pytest.mark.parametrize(
    "computes",
    [
        "for step in range(3):\n    loss = loss / 2",
        "while loss > 1:\n    loss, last = loss / 2, loss",
        "if True:\n    loss += 1",
        "for loss in (1, 2):\n    pass",
        "def train():\n    global loss\n    loss = 1\ntrain()",
    ],
)
def test_what_a_module_computes_anew_is_no_flag(guild: Guild, folder: Path, computes: str) -> None:
    """Else `guild select --min loss` would mean what all runs begin with."""
    text = f"lr = 0.1\nloss = 2.0\n{computes}\nprint('loss:', loss)\n"
    (folder / "evaluate.py").write_text(text)
    assert "  evaluate  evaluate.py       lr=0.1" in init(guild, folder).lines


def test_what_a_function_has_of_its_own_leaves_a_flag_alone(guild: Guild, folder: Path) -> None:
    text = (
        "lr = 0.1\ndef f():\n    for lr in 1, 2:\n        pass\nif lr:\n    lr = 0.2\nprint(lr)\n"
    )
    (folder / "evaluate.py").write_text(text)
    assert "  evaluate  evaluate.py       lr=0.1" in init(guild, folder).lines


def test_what_requirements_say_is_installed_for_runs(guild: Guild, tmp_path: Path) -> None:
    folder = tmp_path / "my net"
    folder.mkdir()
    (folder / "train.py").write_text("import helper, numpy\nprint(1)\n")
    (folder / "requirements.txt").write_text(
        "# All\n-r more.txt\n\nnumpy>=1.2 # fast\ntorch; python_version<'3'\n"
    )
    said = init(guild, folder).lines
    assert "requirements.txt requires numpy>=1.2, torch; python_version<'3'" in said
    assert (
        "requirements.txt has a line that is not taken: -r more.txt (No such file or directory)"
        in said
    )
    assert not [line for line in said if "import" in line]
    package, model = yaml.safe_load((folder / "guild.yml").read_text())
    assert package == {
        "package": "my-net", "requires": ["numpy>=1.2", "torch; python_version<'3'"]
    }  # fmt: skip
    assert model == {"operations": {"train": {"main": "train"}}}


def test_files_of_the_project_that_requirements_name_are_taken_and_others_told_with_what_to_do(
    guild: Guild, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    (folder / "deps").mkdir(parents=True)
    (folder / "train.py").write_text("print(1)\n")
    (tmp_path / "outside.txt").write_text("secret\n")
    (folder / "deps" / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "deps" / "itself.txt").symlink_to("itself.txt")
    (folder / "requirements.txt").write_text(
        "numpy\n-r deps/base.txt\n-c versions.txt\ntorch\n--requirement=requirements.txt\n"
        "-e .\n-r ../outside.txt\n-r https://host/all.txt\n"
    )
    (folder / "deps" / "base.txt").write_text(
        "-r more.txt\n-r link.txt\n-r itself.txt\n-r ../requirements.txt\nnumpy\nclick\n"
    )
    (folder / "deps" / "more.txt").write_text("tqdm\n-r base.txt\n--index-url x\n")
    said = init(guild, folder).lines
    package, _ = yaml.safe_load((folder / "guild.yml").read_text())
    assert package["requires"] == ["numpy", "tqdm", "click", "torch"]
    none_of_it = "(that is none of the project's files: put its lines into 'requires')"
    pip = "(it is an option of pip's: 'pip config' has it where runs are)"
    own = (
        "(the project's own modules are in each run; for another's, name its package in 'requires')"
    )
    assert [line for line in said if "not taken" in line] == [
        f"deps/more.txt has a line that is not taken: --index-url x {pip}",
        f"deps/base.txt has a line that is not taken: -r link.txt {none_of_it}",
        "deps/base.txt has a line that is not taken: -r itself.txt "
        "(Too many levels of symbolic links)",
        "requirements.txt has a line that is not taken: -c versions.txt "
        "(put the versions that it says into 'requires')",
        f"requirements.txt has a line that is not taken: -e . {own}",
        f"requirements.txt has a line that is not taken: -r ../outside.txt {none_of_it}",
        "requirements.txt has a line that is not taken: -r https://host/all.txt "
        "(No such file or directory)",
    ]


def test_modules_that_are_not_looked_at_outside_git_are_told_of(
    guild: Guild, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for number in range(103):
        (folder / f"m{number:03}.py").write_text("x = 1\n")
    told = "3 modules are not looked at, and in no run: outside git only 100 files are taken that "
    done = guild("init", cwd=folder)
    assert (done.code, told in done.err) == (1, True)
    (folder / "m000.py").write_text("print(1)\n")
    (said,) = (line for line in init(guild, folder).lines if "not looked at" in line)
    assert said.startswith(told)
    assert said.endswith("'git init' has all of them taken.")


def test_a_password_of_requirements_is_neither_shown_nor_written(
    guild: Guild, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "requirements.txt").write_text(
        "--index-url https://me:secret@host/simple\nown @ https://me:secret@host/own.whl\n"
    )
    said = init(guild, tmp_path).lines
    assert "requirements.txt has a line that is not taken: own @ https://****@host/own.whl" in said
    assert "secret" not in "".join(said) + (tmp_path / "guild.yml").read_text()


def test_requirements_are_read_as_pip_reads_them_and_none_is_left_out_unsaid(
    guild: Guild, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    many = [f"package{number}" for number in range(250)]
    text = "tabbed\t# as pip has comments\r\nhashed==1 \\\r\n  --hash=sha256:00\r\n"
    odd = "".join(f"-r {number}.txt\n" for number in range(3000))
    long = "x" * 100_000
    (tmp_path / "requirements.txt").write_bytes(
        "\n".join([text, *many, long, odd]).encode("utf-8-sig")
    )
    said = init(guild, tmp_path).lines
    untaken = [line for line in said if "not taken" in line]
    assert untaken[0] == (
        "requirements.txt has a line that is not taken: hashed==1    --hash=sha256:00 "
        "('requires' has the line without its hashes)"
    )
    assert untaken[-1] == "2992 more lines are not taken"
    assert len(untaken) < 20
    assert max(map(len, untaken)) < 300
    package, _ = yaml.safe_load((tmp_path / "guild.yml").read_text())
    assert package["requires"] == ["tabbed", *many]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("numpy\n".encode("utf-16"), "it is not UTF-8 text"),
        (b"#" * (1 << 20) + b"\n", "it has more than 1 MB"),
        (None, "Is a directory"),
        ("requirements.txt", "Too many levels of symbolic links"),
    ],
)
def test_requirements_that_cannot_be_read_are_told_of(
    guild: Guild, tmp_path: Path, data: bytes | str | None, why: str
) -> None:
    (tmp_path / "train.py").write_text("import numpy\nprint(1)\n")
    if data is None:
        (tmp_path / "requirements.txt").mkdir()
    elif isinstance(data, str):
        (tmp_path / "requirements.txt").symlink_to(data)
    else:
        (tmp_path / "requirements.txt").write_bytes(data)
    said = init(guild, tmp_path).lines
    assert f"requirements.txt was not read: {why}" in said
    assert "# requires: [numpy]" in (tmp_path / "guild.yml").read_text()


def test_links_in_a_circle_and_a_line_of_blanks_in_requirements_are_told_of_like_others(
    guild: Guild, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    blanks = "click" + " " * 900_000 + "x"  # minutes, for a pattern that goes back for each
    (tmp_path / "requirements.txt").write_text(f"numpy\n-r loop.txt\n{blanks}\n")
    said = init(guild, tmp_path).lines
    why = os.strerror(errno.ELOOP)
    assert f"requirements.txt has a line that is not taken: -r loop.txt ({why})" in said
    (tmp_path / "guild.yml").unlink()
    (tmp_path / "requirements.txt").unlink()
    (tmp_path / "requirements.txt").symlink_to("requirements.txt")
    assert f"requirements.txt was not read: {why}" in init(guild, tmp_path).lines


def test_what_is_imported_from_elsewhere_is_told_and_left_to_a_person(
    guild: Guild, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "layer.py").write_text("size = 3\n")
    (folder / "helper.py").write_text("from sklearn import metrics\nfrom . import x\n")
    (folder / "train.py").write_text(
        "import json, helper, parts.layer\nimport numpy.linalg as la\n"
        "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None\nrate = 0.1\nprint(rate)\n"
    )
    said = init(guild, folder).lines
    assert (
        "For what a machine lacks see 'requires' there: the modules import numpy, sklearn" in said
    )
    text = (folder / "guild.yml").read_text()
    assert text.endswith(
        """\
- package: net
  # What the modules import. To have guild install what a machine lacks, remove the '#',
  # and name each as the package index does:
  # requires: [numpy, sklearn]

- operations:
    train:
      main: train
      # values that it assigns to names: rate=0.1
      flags-import: [rate]
"""
    )
    listed = guild.ok("operations", cwd=folder).lines
    assert [line.split()[0] for line in listed] == ["train"]
    (folder / "guild.yml").write_text(text.replace("# requires", "requires"))
    assert yaml.safe_load((folder / "guild.yml").read_text())[0]["requires"] == ["numpy", "sklearn"]
