"""What a project requires: installed once, for all runs, over what the environment has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from small_wheels import write_wheel
from support import BIN, Guild, Place, Server, project, wait_until

GUILDFILE = """
- package: demo
  requires: [guildtest-a, guildtest-c]
- operations:
    show: {main: show, flags: {x: 1}}
    program: {exec: guildtest-a}
    sleep: {main: sleeps}
    install: {main: install}
"""
SHOW = """
import sys, guildtest_a, guildtest_b, guildtest_c
from importlib.metadata import distribution
print("b", guildtest_b.version, guildtest_b.__file__)
print("prefix", sys.prefix)
print("pth", sys.guildtest, distribution("guildtest-a").entry_points[0].name)
print("library first", sys.path.index(json_place) < sys.path.index(place)
      if (json_place := __import__("json").__file__.rpartition("/json/")[0])
      and (place := guildtest_a.__file__.rpartition("/")[0]) else None)
"""
SLEEPS = "import guildtest_c, time\nprint('up', flush=True)\ntime.sleep(600)\n"
INSTALL = """
import subprocess, sys
pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
print(subprocess.run([*pip, "install", "--quiet", "guildtest-d"]).returncode)
print(subprocess.run([*pip, "uninstall", "--quiet", "-y", "guildtest-a"]).returncode)
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "guildtest-a", requires=["guildtest-b>=1"], program="guildtest-a")
    write_wheel(folder, "guildtest-a", "0.9", requires=["guildtest-b>=1"])
    write_wheel(folder, "guildtest-b")
    write_wheel(folder, "guildtest-b", "2.0")
    write_wheel(
        folder, "guildtest-c", requires=["guildtest-b<2"], pth="import sys; sys.guildtest = 1\n"
    )
    write_wheel(folder, "guildtest-d")
    return folder


@pytest.fixture(scope="module")
def with_b(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """A venv with pip that has one of the packages."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    argv = [str(folder / "bin/pip"), "install", "--quiet", "--no-index", f"--find-links={wheels}"]
    subprocess.run([*argv, "guildtest-b==1.0"], check=True, env=plain())
    return folder


def plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}


def variables(wheels: Path | str) -> dict[str, str]:
    """Of a machine that has these wheels, and no index."""
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    return {**index, "UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels)}


@pytest.fixture
def base(place: Place, wheels: Path, with_b: Path, sshd: Server) -> Path:
    """The Python that runs have; on the remote a venv with a package and pip, here guild's own."""
    have(place, sshd, wheels, with_b)
    project(place.guild.folder, GUILDFILE, show=SHOW, install=INSTALL, sleeps=SLEEPS)
    return with_b if place.remote else Path(sys.prefix)


@pytest.fixture
def far(guild: Guild, there: Path, remote: str, wheels: Path, with_b: Path, sshd: Server) -> Place:
    """A remote with such a venv, and uv, which is a second faster each time."""
    place = Place(guild, there, remote)
    have(place, sshd, wheels, with_b, PATH=f"{BIN}:/usr/bin:/bin")
    project(guild.folder, GUILDFILE, show=SHOW, install=INSTALL, sleeps=SLEEPS)
    return place


def have(place: Place, sshd: Server, wheels: Path | str, venv: Path, **more: str) -> None:
    """The place has these wheels from now on, and nothing else that could be asked."""
    place.guild.env.update(variables(wheels))
    if place.remote:
        keys = sshd.keys(place.home, venv_path=str(venv), env={**variables(wheels), **more})
        place.guild.configure(guild_uat=keys)


def environments(home: Path) -> list[Path]:
    return sorted(path.parent for path in home.glob("environments/*/environment.json"))


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if not path.is_dir() and path.name != "environment.json"  # which tells when it was used
    }


def test_they_are_installed_once_over_what_is_there(
    place: Place, base: Path, sshd: Server, with_b: Path
) -> None:
    before = files(base)
    first = place.ok("run", "show", "-y").lines
    assert any(line.startswith("Installing requirements: ") for line in first)
    (made,) = environments(place.home)
    site = made / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    of_b = base / site.relative_to(made) if place.remote else site
    says = [f"b 1.0 {of_b}/guildtest_b.py", f"prefix {base}", "pth 1 guildtest-a"]
    assert {*says, "library first True"} <= {*first}
    assert not any(os.access(path, os.W_OK) for path in made.rglob("*")) or os.geteuid() == 0
    assert not any(
        path.lstat().st_mode & 0o222 for path in [made, *made.rglob("*")] if not path.is_symlink()
    )

    have(place, sshd, "/no/such/folder", with_b)  # whoever asked an index now would fail
    again = place.ok("run", "show", "x=[1,2]", "-y").lines
    assert [line for line in again if line.startswith("b ")] == says[:1] * 2
    assert not any(line.startswith(("Installing requirements", "Requirements")) for line in again)
    assert f"guildtest-a 1.0 {base}" in place.ok("run", "program", "-y").lines
    assert environments(place.home) == [made]
    told = place.ok("info").out
    assert (
        f"environment: {made.name} (guildtest-a==1.0, guildtest-b==1.0, guildtest-c==1.0)" in told
    )
    checked = place("check", "--env").out
    assert "1 for what projects require, " in checked and " of no open run" in checked
    assert files(base) == before or not place.remote


@pytest.mark.parametrize("place", ["here"], indirect=True)
@pytest.mark.usefixtures("base")
def test_a_changed_requirement_gets_another_environment(place: Place) -> None:
    place.ok("run", "show", "-y")
    text = GUILDFILE.replace("[guildtest-a, guildtest-c]", "[guildtest-a, 'guildtest-b >=2']")
    show = "import guildtest_b\nprint('b', guildtest_b.version)\n"
    project(place.guild.folder, text, show=show)
    assert "b 2.0" in place.ok("run", "show", "-y").lines
    assert len(environments(place.home)) == 2
    # One form of a requirement is as good as another.
    project(place.guild.folder, text.replace("'guildtest-b >=2'", "guildtest-b>=2"), show=show)
    assert "b 2.0" in place.ok("run", "show", "-y").lines
    assert len(environments(place.home)) == 2


def test_two_starts_at_once_make_one(far: Place) -> None:
    argv = ("run", "show", "-y", *far.args)
    both = [far.guild.popen(*argv), far.guild.popen(*argv)]
    said = [each.communicate(timeout=100)[0].decode() for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert sum("Installing requirements: " in text for text in said) == 1
    assert len(environments(far.home)) == 1


def test_one_that_a_run_uses_stays_and_a_removed_one_is_made_anew(far: Place) -> None:
    run_id = far.started(op="sleep")
    far.wait_for_output(run_id, "up")
    staged = far.staged(op="show")
    (made,) = environments(far.home)
    kept = "Nothing to clean; 1 kept: of runs that are not over"
    assert far.ok("clean", "--environments", "-y").lines == [kept]
    far.ok("stop", run_id, "-y")
    assert far.ok("clean", "--environments", "-y").lines == [kept]
    assert made.is_dir()
    far.ok("run", "--start", staged, "-y")
    plan = json.loads(far.ok("clean", "--environments", "--plan", "--json").out)
    assert [file["path"] for file in plan["files"]] == [str(made)]
    assert made.is_dir()
    # Of several remotes at once, and one that is down.
    config = yaml.safe_load(far.guild.config.read_text())
    config["remotes"]["down"] = {"type": "ssh", "host": "127.0.0.1", "port": 1}
    far.guild.config.write_text(yaml.safe_dump(config))
    both = far.guild("clean", "--environments", "-r", f"{far.remote},down", "--plan")
    assert both.code == 3
    assert both.lines[0].startswith(f"{far.remote}: would free ")
    assert "cannot reach remote 'down'" in both.err
    (line,) = far.ok("clean", "--environments", "-y").lines
    assert line.startswith("Freed ") and line.endswith(": 1 environment")
    assert environments(far.home) == []
    again = far.ok("run", "--restart", staged, "-y").lines
    assert any(line.startswith("Installing requirements: ") for line in again)
    assert environments(far.home) == [made]
    wrong = far("clean", "--environments", "--completed")
    assert wrong.code == 1 and "is about no runs" in wrong.err


def test_a_run_that_installs_packages_changes_no_others(far: Place) -> None:
    far.ok("run", "show", "-y")
    (made,) = environments(far.home)
    before = files(made)
    far("run", "install", "-y")
    assert files(made) == before
    assert "pth 1 guildtest-a" in far.ok("run", "show", "-y").lines


def test_what_is_wanted_and_not_to_be_had_is_said_shortly(
    place: Place, base: Path, sshd: Server, with_b: Path
) -> None:
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    uv = {"UV_INDEX_URL": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    env = {**unreachable, **uv, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    for name in variables(""):
        place.guild.env.pop(name, None)
    place.guild.env.update(env)
    if place.remote:
        keys = sshd.keys(place.home, venv_path=str(with_b), env=env)
        place.guild.configure(guild_uat=keys)
    done = place("run", "show", "-y")
    text = done.out + done.err
    assert "cannot install the project's requirements" in text
    assert "The packages cannot be fetched there." in text
    assert "Traceback" not in text.partition("The packages cannot be fetched")[0]
    if place.remote:
        assert done.code == 1
        assert place.ok("runs").out == ""
        assert len(done.err.splitlines()) <= 9
    else:  # as with Guild AI, which asks no package of a project's here
        assert "so the run goes on without" in done.out
        assert "ModuleNotFoundError" in text
    assert list(place.home.glob("environments/.new-*")) == []


def test_a_run_of_an_earlier_version_has_its_packages_in_itself(guild: Guild) -> None:
    place = Place(guild, guild.home)
    show = "import an_earlier_one\nprint(an_earlier_one.__file__)\n"
    project(place.guild.folder, "show: {main: show}", show=show)
    run_id = place.staged(op="show")
    packages = place.run_dir(run_id) / ".guild" / "job-packages"
    (packages / "an_earlier_one.py").touch()
    place.ok("run", "--start", run_id, "-y")
    place.ok("run", "--restart", run_id, "-y")
    assert place.output(run_id).strip() == str(packages / "an_earlier_one.py")


def test_a_remote_with_neither_uv_nor_pip_gets_pip_from_here(
    guild: Guild, sshd: Server, there: Path, wheels: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    # As on a Debian without python3-venv.
    (tmp_path / "without" / "ensurepip").mkdir(parents=True)
    (tmp_path / "without" / "ensurepip" / "__init__.py").touch()
    env = {**variables(wheels), "PYTHONPATH": str(tmp_path / "without")}
    guild.configure(far=sshd.keys(there, venv_path=str(venv), env=env))
    project(guild.folder, GUILDFILE, show=SHOW)
    done = guild.ok("run", "show", "-r", "far", "-y").lines
    # Debian keeps the wheels of its ensurepip elsewhere, and there they are.
    elsewhere = sysconfig.get_config_var("WHEEL_PKG_DIR")
    is_there = elsewhere is not None and any(Path(elsewhere).glob("pip-*.whl"))
    assert ("Copying pip to far, which has neither uv nor pip" in done) is not is_there
    assert f"prefix {venv}" in done
    guild.ok("clean", "--environments", "-r", "far", "-y")
    again = guild.ok("run", "show", "-r", "far", "-y").lines
    assert not any(line.startswith("Copying pip") for line in again)
    assert any(line.startswith("Installing requirements") for line in again)


def test_a_kill_in_the_middle_leaves_nothing_that_is_taken_for_whole(
    guild: Guild, wheels: Path, tmp_path: Path
) -> None:
    guild.env.update(variables(wheels))
    project(guild.folder, GUILDFILE, show=SHOW)
    uv = shutil.which("uv")
    assert uv is not None
    reached = tmp_path / "reached"
    (tmp_path / "bin").mkdir()
    stopper = tmp_path / "bin" / "uv"  # it installs, and then takes for ever to say so
    stopper.write_text(
        f'#!/bin/sh\n{uv} "$@" || exit\n'
        f'case "$*" in *dry-run*) ;; *) touch {reached}; exec sleep 600;; esac\n'
    )
    stopper.chmod(0o755)
    path = guild.env["PATH"]
    guild.env["PATH"] = f"{stopper.parent}{os.pathsep}{path}"
    first = guild.popen("run", "show", "-y")
    wait_until(reached.exists)
    guild.env["PATH"] = path
    second = guild.popen("run", "show", "-y")
    assert second.stdout is not None
    line = second.stdout.readline().decode()
    assert line == "Waiting for another run, which installs the same requirements\n"
    assert environments(guild.home) == []
    first.kill()
    first.communicate()
    rest = second.communicate(timeout=100)[0].decode()
    assert second.returncode == 0, rest
    assert "pth 1 guildtest-a" in rest
    assert len(environments(guild.home)) == 1
    assert [path.name for path in guild.home.glob("environments/.[ng]*")] == []
