"""What Guild AI's users type: options before the command, `ops`, and those of `guild run`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guild_ai import GuildAi
from support import Guild, project

PROJECT = """
- model: net
  description: A network
  operations:
    train:
      description: Train the network
      main: train
      flags-import: all
      flags:
        lr: {description: Learning rate, min: 0}
      requires: {file: data.txt}
    echo: {exec: 'echo ${x}', flags: {x: {default: 3, choices: [1, 2, 3]}}}
    _hidden: {exec: 'true'}
"""
TRAIN = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, default=3)
args = parser.parse_args()
print("loss: 0.5")
print("files:", *sorted(name for name in os.listdir(".") if name.endswith(".txt")))
"""


@pytest.fixture
def net(guild: Guild) -> Guild:
    project(guild.folder, PROJECT)
    (guild.folder / "train.py").write_text(TRAIN)
    (guild.folder / "data.txt").write_text("data\n")
    return guild


# `guild -C DIR`, `guild -H DIR`.


def test_with_a_folder_a_command_works_there(net: Guild, tmp_path: Path) -> None:
    there = net.ok("operations").out
    (tmp_path / "elsewhere").mkdir()
    at, outside = str(net.folder), tmp_path / "elsewhere"
    assert net.ok("-C", at, "operations", cwd=outside).out == there
    assert net.ok(f"-C{at}", "operations", cwd=outside).out == there
    assert net.ok("-C", "x", "-C", at, "operations", cwd=outside).out == there  # the last counts
    net.ok("-C", at, "run", "net:echo", "x=1", "-y", cwd=outside)
    assert "net:echo" in net.ok("runs").out


def test_with_a_guild_home_a_command_has_its_runs_there(net: Guild) -> None:
    (net.folder / "sub").mkdir()
    other = net.folder / "other"
    other.mkdir()
    net.ok("-C", "sub", "-H", "other", "-C", ".", "run", "net:echo", "-y")  # from where it is typed
    assert net.ok("runs").out == ""
    assert "net:echo" in net.ok("-H", "other", "runs").out
    assert [path.name for path in other.iterdir() if path.name == "runs"] == ["runs"]


def test_what_the_environment_names_is_meant_from_where_guild_is_typed(net: Guild) -> None:
    net.ok("run", "net:echo", "-y")
    run_id = net.ok("select").out
    (net.folder / "sub").mkdir()
    net.env["GUILD_HOME"] = os.path.relpath(net.home, net.folder)
    assert net.ok("-C", "sub", "select").out == run_id


@pytest.mark.parametrize("option", ["-C", "-H"])
def test_a_folder_that_is_not_there_is_one_line_and_is_not_made(net: Guild, option: str) -> None:
    done = net(option, "nothere", "runs")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"guild: {option}: there is no folder {net.folder}/nothere",
        "Make it, or name another.",
    ]
    assert not (net.folder / "nothere").exists()
    assert net(option).err.splitlines()[0] == f"guild: {option} takes a folder"


def test_tab_completes_behind_them(net: Guild, tmp_path: Path) -> None:
    def completed(*words: str) -> list[str]:
        return net.ok("__complete", "zsh", "guild", *words, cwd=tmp_path).lines

    assert any(line.startswith("runs") for line in completed("-C", str(net.folder), "ru"))
    found = completed("-C", str(net.folder), "run", "")
    assert any("train" in line for line in found)
    assert completed("-C", "") == completed("-H", "") != []


# `guild ops`.


def test_ops_is_operations(net: Guild) -> None:
    assert net.ok("ops").out == net.ok("operations").out
    assert net.ok("ops", "--help").out == net.ok("operations", "--help").out
    assert net.ok("help", "ops").out == net.ok("operations", "--help").out
    assert net.ok("help", "--man", "ops").out == net.ok("help", "--man", "operations").out


@pytest.mark.parametrize("words", [(), ("tr",), ("net", "tr"), ("echo", "tr"), ("-a",), ("zzz",)])
def test_ops_lists_what_guild_ai_lists(
    net: Guild, guild_ai: GuildAi, words: tuple[str, ...]
) -> None:
    ours, theirs = net.ok("ops", *words).lines, guild_ai("ops", *words).lines
    assert sorted(map(str.split, ours)) == sorted(map(str.split, theirs))
