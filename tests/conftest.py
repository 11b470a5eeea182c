"""Every test has a home of its own; those that need a remote have a real sshd."""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clusters as slurm
import earlier as past
import forks
import guild_ai as black_box
import pytest
from cluster import Cluster
from clusters import Clusters
from earlier import EarlierGuild
from faults import RUNS, SIZES, write_run
from guild_ai import GuildAi
from hypothesis import settings
from on_cluster import SharedDisk
from slurm_files import Settings
from support import BIN, EXAMPLES, Guild, Place, Server, end_runs, server

from guild_sync.hosts.bootstrap import AGENT, agent_digest

# `make dist-test` runs these, which take minutes, with what it has built.
collect_ignore = [] if "GUILD_DIST" in os.environ else ["dist"]

# The same examples each time, so that a test that passed fails by what was changed alone; `make
# fuzz` is where examples are drawn at random.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's home, config or runs."""
    (tmp_path / "user").mkdir()
    (tmp_path / "session").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("GUILD_HOME", str(tmp_path / "here"))
    monkeypatch.setenv("GUILD_CONFIG", str(tmp_path / "config.yml"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="session", autouse=True)
def _no_forks_stay() -> Iterator[None]:
    yield
    forks.end_all()


@pytest.fixture
def guild(tmp_path: Path) -> Iterator[Guild]:
    """guild in a copy of the example project `parallel-runs`."""
    folder = tmp_path / "parallel-runs"
    shutil.copytree(EXAMPLES / "parallel-runs", folder)
    (tmp_path / "config.yml").touch()
    yield Guild(folder, os.environ)
    end_runs(tmp_path)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real sshd, of this test session alone."""
    with server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(scope="session")
def agent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent as a home has it after some use: its modules are compiled, half a second's work."""
    folder = tmp_path_factory.mktemp("agent") / agent_digest()
    shutil.copytree(AGENT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder, quiet=1)
    return folder


@pytest.fixture
def there(tmp_path: Path, agent_folder: Path) -> Path:
    """The guild home on the remote, which was used before by this version of guild."""
    there = tmp_path / "there"
    shutil.copytree(agent_folder, there / "agent" / agent_folder.name)
    return there


@pytest.fixture
def not_used_before(there: Path) -> None:
    """There is no guild home on the remote yet: the first that connects sends the agent."""
    shutil.rmtree(there)


@pytest.fixture
def remote(guild: Guild, sshd: Server, there: Path) -> str:
    """The name of a configured remote on the real sshd."""
    guild.configure(guild_uat=sshd.keys(there))
    return "guild-uat"


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    """The Slurm clusters of this test session."""
    found = Clusters()
    yield found
    found.close()


@pytest.fixture
def cluster(cluster_with: Callable[..., Cluster]) -> Cluster:
    """A real Slurm, which the remote `hpc` is: without jobs, files and faults of other tests."""
    return cluster_with()


@pytest.fixture
def disk(cluster: Cluster) -> SharedDisk:
    return SharedDisk(cluster)


@pytest.fixture
def cluster_with(
    clusters: Clusters, guild: Guild, agent_folder: Path
) -> Iterator[Callable[..., Cluster]]:
    """Makes a real Slurm with settings of `slurm_files.Settings` the remote `hpc`."""
    used = []

    def like(**settings: Any) -> Cluster:
        try:
            found = clusters.like(Settings(**settings))
        except slurm.Unavailable as e:
            pytest.skip(str(e))
        used.append(found)
        found.use(guild, agent_folder)
        return found

    yield like
    for one in dict.fromkeys(used):
        clusters.clean(one)


@pytest.fixture
def far(guild: Guild, sshd: Server, there: Path) -> str:
    """The name of a remote with runs that have ended (`faults.RUNS`)."""
    for run_id in RUNS:
        write_run(there, run_id, sizes=SIZES)
    guild.configure(far=sshd.keys(there))
    return "far"


@pytest.fixture(params=["here", "there"])
def place(request: pytest.FixtureRequest, guild: Guild) -> Place:
    """This machine, and in a second test the remote."""
    if request.param == "here":
        return Place(guild, guild.home)
    return Place(guild, request.getfixturevalue("there"), request.getfixturevalue("remote"))


@pytest.fixture(scope="session")
def guild_ai_program() -> Path:
    """Guild AI 0.9.0, in a virtual environment of its own."""
    try:
        return black_box.program()
    except black_box.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture
def guild_ai(guild_ai_program: Path, guild: Guild) -> GuildAi:
    """Guild AI on the guild home of this machine."""
    return GuildAi(guild_ai_program, guild.folder, guild.env, guild.home)


@pytest.fixture
def guild_ai_there(guild_ai_program: Path, guild: Guild, place: Place) -> GuildAi:
    """Guild AI on the guild home of this machine, and in a second test on the remote's."""
    return GuildAi(guild_ai_program, guild.folder, guild.env, place.home)


@pytest.fixture(scope="session")
def earlier_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `guild` of before the package was moved into folders."""
    try:
        return past.program(tmp_path_factory.mktemp("earlier"))
    except past.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture
def earlier(earlier_program: Path, guild: Guild) -> EarlierGuild:
    """The earlier version of guild, in the folder and on the guild home of `guild`."""
    return EarlierGuild(earlier_program, guild)
