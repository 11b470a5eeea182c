"""What gets to a remote: the agent, the package, and what the package needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support import BIN, Guild, Server, project

from guild_sync.hosts.bootstrap import agent_digest

pytestmark = pytest.mark.usefixtures("not_used_before")


def agents(there: Path) -> set[str]:
    return {path.name for path in (there / "agent").iterdir()}


def test_the_agent_is_put_there_on_first_contact_and_once(
    guild: Guild, remote: str, there: Path
) -> None:
    guild.ok("runs", "-r", remote)
    assert agents(there) == {agent_digest()}
    before = (there / "agent" / agent_digest() / "__main__.py").stat().st_ctime_ns
    guild.ok("runs", "-r", remote)
    assert (there / "agent" / agent_digest() / "__main__.py").stat().st_ctime_ns == before


def test_an_agent_that_was_removed_is_put_there_again(
    guild: Guild, remote: str, there: Path
) -> None:
    guild.ok("runs", "-r", remote)
    shutil.rmtree(there / "agent")
    guild.ok("runs", "-r", remote)
    assert agents(there) == {agent_digest()}


def test_older_agents_that_nobody_uses_are_removed_when_a_new_one_comes(
    guild: Guild, remote: str, there: Path
) -> None:
    older = there / "agent" / "0123456789abcdef"
    shutil.copytree(Path(__file__).parents[2] / "guild_sync" / "agent", older)
    os.utime(older / "__main__.py", (0, 0))
    guild.ok("runs", "-r", remote)
    assert agents(there) == {agent_digest()}


def test_nothing_of_a_run_that_cannot_start_stays_there(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(guild_uat=sshd.keys(there, venv_path="/no/such/venv"))
    done = guild("run", "op", "-r", "guild-uat", "-y", "--no-wait")
    assert done.code == 1
    assert "there is no Python environment at /no/such/venv" in done.err
    assert "venv-path" in done.err
    assert list((there / "runs").glob("[0-9a-f]*")) == []


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip, as a remote's venv-path names one."""
    path = tmp_path_factory.mktemp("venv")
    venv.create(path, with_pip=True, symlinks=True)
    return path


NEEDS_SIX = "[{package: hello, version: 1.2, requires: [six]}, {operations: {op: {main: shows}}}]"
SHOWS = "import six, sys\nprint(sys.prefix, six.__name__)\n"


def test_a_package_with_requirements_is_installed_by_the_environments_pip(
    guild: Guild, sshd: Server, there: Path, environment: Path
) -> None:
    guild.configure(guild_uat=sshd.keys(there, venv_path=str(environment)))
    project(guild.folder, NEEDS_SIX, shows=SHOWS)
    done = guild.ok("run", "op", "-r", "guild-uat", "-y")
    assert "Successfully installed gpkg.hello-1.2" in done.lines
    assert f"{environment} six" in done.lines
    assert "gpkg.hello/op" in guild.ok("runs", "-r", "guild-uat").out


def test_uv_installs_it_where_there_is_one(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    uv = shutil.which("uv", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("there is no uv here")
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    # The sshd's environment is bare: this machine's certificates have to be named there.
    certificates = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    wrapper = environment / "bin" / "uv"
    wrapper.write_text(f'#!/bin/sh\nSSL_CERT_FILE={certificates} exec {uv} "$@"\n')
    wrapper.chmod(0o755)
    guild.configure(guild_uat=sshd.keys(there, venv_path=str(environment)))
    project(guild.folder, NEEDS_SIX, shows=SHOWS)
    assert f"{environment} six" in guild.ok("run", "op", "-r", "guild-uat", "-y").lines


def test_a_venv_without_pip_takes_the_pip_that_came_with_its_python(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    guild.configure(guild_uat=sshd.keys(there, venv_path=str(environment)))
    project(guild.folder, NEEDS_SIX, shows=SHOWS)
    assert f"{environment} six" in guild.ok("run", "op", "-r", "guild-uat", "-y").lines


def test_without_requirements_a_remote_without_pip_is_enough(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    guild.configure(guild_uat=sshd.keys(there, venv_path=str(environment)))
    project(guild.folder, "op: {main: shows}", shows="import sys\nprint(sys.prefix)\n")
    assert str(environment) in guild.ok("run", "op", "-r", "guild-uat", "-y").lines


def test_an_activate_script_is_sourced(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    script = tmp_path / "activate it"
    script.write_text("echo noise\nexport GREETING='a  b'\n")
    guild.configure(guild_uat=sshd.keys(there, venv_activate=str(script)))
    project(guild.folder, "op: {main: shows}", shows="import os\nprint(os.environ['GREETING'])\n")
    assert "a  b" in guild.ok("run", "op", "-r", "guild-uat", "-y").lines


@pytest.mark.parametrize("editable", [True, False])
def test_pip_installs_working_commands(tmp_path: Path, editable: bool) -> None:
    """`pip install .` and `pip install -e .`; its requirements come from this environment."""
    checkout = tmp_path / "checkout"
    source = Path(__file__).parents[2]
    subprocess.run(["git", "clone", "-q", str(source), str(checkout)], check=True)
    environment = tmp_path / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--system-site-packages", str(environment)], check=True
    )
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, *(["-e"] if editable else []), str(checkout)], check=True)
    for command in ("guild", "guild-pull", "guild-sync"):
        program = environment / "bin" / command
        done = subprocess.run([program, "--help"], capture_output=True, text=True, env=_paths())
        assert done.returncode == 0, done
        assert "Usage:" in done.stdout


def _paths() -> dict[str, str]:
    """The environment, in which this one's packages can be imported."""
    import sh

    site_packages = str(Path(sh.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": site_packages}
