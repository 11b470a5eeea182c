"""Packages: what a project's own brings along, and operations that installed ones offer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guild_ai import GuildAi
from support import Guild, Place, Server, project
from trees import fill

from guild_sync.guildfile import reader
from guild_sync.project import wheel
from guild_sync.project.sourcecode import source, with_data

SHOW = """
import os
here = os.path.dirname(os.path.abspath(__file__))
print(*sorted(os.path.relpath(os.path.join(top, name), here)
              for top, _, names in os.walk(here) if "/.guild" not in top for name in names))
"""
GUILDFILE = """
- package: gpkg.demo
  version: '1.10'
  author: Ann
  data-files: [data.csv, big/*.bin]
- model: m
  sourcecode: '*.py'
  operations:
    show: {main: show}
"""


def test_data_files_are_found_beside_the_modules(place: Place) -> None:
    folder = project(place.guild.folder, GUILDFILE, show=SHOW)
    fill(folder, "data.csv", "other.csv")
    fill(folder, "big/x.bin", content=b"\0" * ((1 << 20) + 1))
    out = place.ok("run", "show", "-y").lines
    assert "big/x.bin data.csv show.py sleep.py" in out
    run = json.loads(place.ok("runs", "1", "--json").out)[0]
    if place.remote:
        assert "Successfully installed gpkg.demo-1.10" in out
        opref = {"type": "package", "package": "gpkg.demo", "version": "1.10"}
        assert {name: run["opref"][name] for name in opref} == opref


# What is installed in an environment.

OFFERS = """
- package: offers
  version: 2.0
  data-files: [data.csv]
- model: net
  operations:
    train:
      main: train
      requires: [file: data.csv]
    use: {main: train --used, flags: {lr: 0.5}, requires: [operation: net:train]}
    both: {steps: [train lr=2, use]}
- operations:
    top: {exec: 'echo top of ${x}', flags: {x: 1}}
"""
TRAIN = """
import os, sys
import helper
lr = 0.1
print("train", lr, helper.value, open("data.csv").read(), sys.argv[1:])
if "--used" not in sys.argv:
    open("out.txt", "w").write("made")
"""


def write(folder: Path) -> Path:
    project(folder, OFFERS, train=TRAIN, helper="value = 'helped'\n")
    return fill(folder, "data.csv", content=b"data")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment, which finds what is installed in folders of the test."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "tests.pth").write_text(f"{tmp_path / 'site'}\n{tmp_path / 'other-site'}\n")
    return folder


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, guild: Guild, venv: Path, sshd: Server, there: Path
) -> Iterator[Place]:
    """A folder without a project, and a remote whose runs are in the virtual environment."""
    guild.configure(gpu=sshd.keys(there, venv_path=str(venv)))
    (guild.folder.parent / "empty").mkdir()
    guild.folder = guild.folder.parent / "empty"
    yield Place(guild, there, "gpu")


def install(wheels: Path, site: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    argv = [*pip, "--no-compile", "--target", str(site), *map(str, wheels.glob("*.whl"))]
    subprocess.run(argv, check=True, timeout=120)


@pytest.fixture
def installed(tmp_path: Path, venv: Path) -> None:
    """The package, as guild builds it, in the environment."""
    folder = write(tmp_path / "offers")
    package = reader.load(folder).package
    (tmp_path / "wheels").mkdir()
    wheel.build(with_data(source(folder), package), package, tmp_path / "wheels")
    install(tmp_path / "wheels", tmp_path / "site")


@pytest.mark.usefixtures("installed")
def test_operations_of_an_installed_package_run_without_a_project(elsewhere: Place) -> None:
    says = "train 0.1 helped data []"
    for spec in ("gpkg.offers/net:train", "offers/net:train", "offers/train", "net:train"):
        assert says in elsewhere.ok("run", spec, "-y").lines, spec
    assert "train 3 helped data []" in elsewhere.ok("run", "net:train", "lr=3", "-y").lines
    assert "top of 1" in elsewhere.ok("run", "offers/top", "-y").lines
    run = json.loads(elsewhere.ok("runs", "2", "--json").out)[0]
    assert (run["label"], run["flags"], run["status"]) == ("lr=3", {"lr": 3}, "completed")
    assert elsewhere.run_dir(run["id"]).joinpath(".guild/opref").read_text() == (
        "package:gpkg.offers 2.0 net train"
    )
    assert elsewhere.run_dir(run["id"]).joinpath("helper.py").is_file()
    out = elsewhere.ok("run", "net:both", "-y").lines
    assert "train 2 helped data []" in out
    assert "train 0.5 helped data ['--used']" in out
    again = elsewhere.ok("run", "--restart", run["id"], "lr=4", "-y").lines
    assert "train 4 helped data []" in again
    refused = elsewhere("run", "net:nothing", "-y")
    assert refused.err.splitlines()[0] == (
        "guild: no package and no earlier run on gpu offers net:nothing, "
        f"and there is no guild.yml in {elsewhere.guild.folder}"
    )


@pytest.mark.usefixtures("installed")
def test_a_project_here_comes_before_a_package(elsewhere: Place) -> None:
    own = "- model: net\n  operations: {train: {exec: echo own}}\n"
    project(elsewhere.guild.folder, own)
    assert "own" in elsewhere.ok("run", "net:train", "-y").lines
    says = "train 0.1 helped data []"
    assert says in elsewhere.ok("run", "offers/net:train", "-y").lines


@pytest.mark.usefixtures("installed")
def test_several_packages_with_one_operation_must_be_told_apart(
    elsewhere: Place, tmp_path: Path
) -> None:
    folder = write(tmp_path / "other")
    (folder / "guild.yml").write_text(OFFERS.replace("package: offers", "package: other"))
    package = reader.load(folder).package
    (tmp_path / "more").mkdir()
    wheel.build(with_data(source(folder), package), package, tmp_path / "more")
    install(tmp_path / "more", tmp_path / "other-site")
    refused = elsewhere("run", "net:train", "-y")
    first = refused.err.splitlines()[0]
    assert first.startswith("guild: net:train is an operation of several packages on gpu: gpkg.o")
    assert "Say which: PACKAGE/net:train" in refused.err
    assert "train 0.1 helped data []" in elsewhere.ok("run", "other/train", "-y").lines


def test_an_earlier_run_offers_its_operation_with_its_own_defaults(
    elsewhere: Place, tmp_path: Path
) -> None:
    here = elsewhere.guild.folder
    elsewhere.guild.folder = write(tmp_path / "offers")
    elsewhere.ok("run", "net:train", "lr=7", "-y")
    elsewhere.guild.folder = here
    for spec in ("net:train", "gpkg.offers/net:train", "offers/net:train"):
        assert "train 0.1 helped data []" in elsewhere.ok("run", spec, "-y").lines
    runs = json.loads(elsewhere.ok("runs", "--json").out)
    labels = [
        None,
        None,
        None,
        "lr=7",
    ]  # without flags-import a run has the flags of guild.yml alone
    assert [run["label"] for run in runs] == labels


@pytest.mark.parametrize("name", ["theirs", "demo.pkg-x"])
def test_a_package_that_guild_ai_built_is_found_and_run(
    elsewhere: Place, guild_ai: GuildAi, tmp_path: Path, name: str
) -> None:
    folder = write(tmp_path / "offers")
    text = OFFERS.replace("package: offers", f"package: {name}")
    (folder / "guild.yml").write_text(text)
    assert guild_ai("-C", str(folder), "package").code == 0
    install(folder / "dist", tmp_path / "site")
    for spec in (f"{name}/net:train", "net:train"):
        assert "train 0.1 helped data []" in elsewhere.ok("run", spec, "-y").lines
    run = json.loads(elsewhere.ok("runs", "1", "--json").out)[0]
    opref = elsewhere.run_dir(run["id"]).joinpath(".guild/opref").read_text()
    assert opref == f"package:{name} 2.0 net train"


@pytest.mark.usefixtures("installed")
def test_a_package_is_found_here_too(guild: Guild, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    guild.folder = tmp_path / "empty"
    guild.env["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "site")])
    assert "train 0.1 helped data []" in guild.ok("run", "offers/net:train", "-y").lines


@pytest.mark.usefixtures("installed")
def test_a_fault_of_a_package_is_told_with_the_packages_name(
    elsewhere: Place, tmp_path: Path
) -> None:
    (guildfile,) = (tmp_path / "site").glob("gpkg/*/guild.yml")
    guildfile.write_text("- model: net\n  operations: {train: {main: train, flags: 3}}\n")
    refused = elsewhere("run", "net:train", "-y")
    assert refused.code == 1
    assert refused.err.startswith(f"guild: package gpkg.offers on gpu: {guildfile} has a fault:")
