"""The remotes that a word means: `gpu1,gpu2`, `all`, a group's name, a spec."""

from __future__ import annotations

import pytest
import yaml
from support import Guild

from guild_sync.config.home import config_path
from guild_sync.errors import ConfigError, GuildError, RemoteNotFound, UsageError
from guild_sync.fleet.naming import clusters, means_several, names
from guild_sync.hosts import sandbox
from guild_sync.hosts.sandbox import SandboxState

SSH = {"type": "ssh", "host": "h"}


def configure(remotes: object, **sections: object) -> None:
    config_path().write_text(yaml.safe_dump({"remotes": remotes, **sections}, sort_keys=False))


@pytest.fixture
def three() -> None:
    """Three remotes, one of a type of Guild AI's, and two groups."""
    configure(
        {"gpu2": SSH, "gpu1": SSH, "old": {"type": "s3", "bucket": "b"}},
        groups={"train": ["gpu1", "gpu2"], "one": "gpu1"},
    )


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("gpu1", ["gpu1"]),
        ("gpu1,gpu2", ["gpu1", "gpu2"]),
        ("gpu2,gpu1,gpu2", ["gpu2", "gpu1"]),
        ("all", ["gpu2", "gpu1"]),  # in the file's order
        ("any", ["gpu2", "gpu1"]),
        ("train", ["gpu1", "gpu2"]),
        ("one", ["gpu1"]),
        ("gpu2,train", ["gpu2", "gpu1"]),
        ("gpu1,all", ["gpu1", "gpu2"]),
        ("sandbox", ["sandbox"]),
        ("sandbox,all", ["sandbox", "gpu2", "gpu1"]),
        ("ssh:ann@h:22:/data/guild", ["ssh:ann@h:22:/data/guild"]),
        ("ssh:h,gpu1,ssh:[::1]:22", ["ssh:h", "gpu1", "ssh:[::1]:22"]),
    ],
)
def test_a_word_means_remotes_in_its_order_each_once(text: str, meant: list[str]) -> None:
    assert list(names(text)) == meant


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "several"),
    [
        *(("gpu1", False), ("sandbox", False), ("ssh:h", False), ("nosuch", False)),
        *(("gpu1,gpu2", True), ("all", True), ("any", True), ("one", True), ("gpu1,", True)),
    ],
)
def test_one_remote_by_its_name_is_not_several(text: str, several: bool) -> None:
    assert means_several(text) is several


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("text", ["", ",", "gpu1,", ",gpu1", "gpu1,,gpu2"])
def test_a_name_that_is_left_out_is_said(text: str) -> None:
    with pytest.raises(UsageError) as error:
        names(text)
    assert error.value.message == f"there is a name missing in {text!r}"


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "said", "near"),
    [
        ("gpu1,nosuch", "remote 'nosuch' is not defined", ""),
        ("gpu1,gpu3", "remote 'gpu3' is not defined", "Did you mean gpu"),
        ("trian", "remote 'trian' is not defined", "Did you mean train?"),
        ("gpu1,old", "remote 'old' is of type 's3', which is not supported", ""),
        ("gpu1,ssh:-oX", "'ssh:-oX' is not a remote", ""),
        ("gpu1, gpu2", "remote ' gpu2' is not defined", "Did you mean gpu"),
        ("gpu1\0,gpu2", "remote 'gpu1\\x00' is not defined", "Did you mean gpu"),
    ],
)
def test_an_unknown_name_is_said_as_for_one_remote(text: str, said: str, near: str) -> None:
    with pytest.raises(RemoteNotFound) as error:
        names(text)
    assert error.value.message == said
    assert error.value.hint.startswith(near)


def running(name: str) -> SandboxState | None:
    return SandboxState(1, 1, 1) if name == "sandbox" else None


def test_the_sandbox_is_one_of_all_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    configure({"gpu1": SSH})
    assert names("all") == ("gpu1",)
    monkeypatch.setattr(sandbox, "running", running)
    assert names("all") == ("gpu1", "sandbox")


def test_the_sandbox_is_one_of_all_where_the_file_names_it() -> None:
    configure({"sandbox": {"type": "sandbox"}, "gpu1": SSH})
    assert names("all") == ("sandbox", "gpu1")


@pytest.mark.parametrize("remotes", [None, {}, {"old": {"type": "s3"}}])
def test_all_of_none_is_said(remotes: object) -> None:
    configure(remotes)
    with pytest.raises(RemoteNotFound) as error:
        names("all")
    assert error.value.message == "the config file names no remote"
    assert "guild remote add NAME" in error.value.hint


def test_a_remote_at_fault_is_one_of_all_and_told_of_where_it_is_asked() -> None:
    configure({"gpu1": SSH, "bad": {"type": "ssh"}})
    assert names("all") == ("gpu1", "bad")
    assert names("bad,gpu1") == ("bad", "gpu1")


@pytest.mark.parametrize("name", ["all", "any"])
@pytest.mark.parametrize("kind", ["remotes", "groups"])
def test_what_is_called_all_is_to_be_renamed(name: str, kind: str) -> None:
    configure({"gpu1": SSH, **({name: SSH} if kind == "remotes" else {})})
    if kind == "groups":
        configure({"gpu1": SSH}, groups={name: ["gpu1"]})
    with pytest.raises(ConfigError) as error:
        names(name)
    assert error.value.hint == f"  {kind}: {name}: '{name}' means all remotes: rename it"
    assert names("gpu1") == ("gpu1",)


def test_a_group_at_fault_is_said_where_it_is_meant_alone() -> None:
    configure({"gpu1": SSH}, groups={"a": ["gpu1", "gpu9"], "b": ["gpu1"]})
    with pytest.raises(ConfigError) as error:
        names("gpu1,a")
    assert error.value.hint == "  groups: a: there is no remote 'gpu9' (did you mean gpu1?)"
    assert names("b,gpu1") == ("gpu1",)


def test_groups_that_are_no_mapping_are_said_where_one_may_be_meant() -> None:
    config_path().write_text("remotes: {gpu1: {type: ssh, host: h}}\ngroups: [a, b]\n")
    assert not means_several("gpu1")
    assert not means_several("sandbox")
    assert means_several("a")
    for text in ("a", "gpu1,a"):
        with pytest.raises(ConfigError) as error:
            names(text)
        assert error.value.hint == "  groups: must be a mapping of names to lists of remotes"
    config_path().write_text("remotes: {gpu1: {type: ssh, host: h}}\n")
    with pytest.raises(RemoteNotFound):
        names("a")


def test_a_name_of_both_kinds_is_the_remotes() -> None:
    configure({"gpu1": SSH, "b": SSH}, groups={"b": ["gpu1"]})
    assert not means_several("b")
    assert names("b") == ("b",)


def test_a_config_file_that_is_none_is_said_where_it_is_needed() -> None:
    config_path().write_text("remotes: [")
    for text in ("all", "gpu1", "gpu1,gpu2"):
        with pytest.raises(GuildError):
            names(text)
    assert not means_several("ssh:h")
    assert names("ssh:h,ssh:g") == ("ssh:h", "ssh:g")


def test_what_is_wrong_with_groups_is_told_with_the_rest(guild: Guild) -> None:
    guild.config.write_text("remotes: {x: {type: ssh}}\ngroups: {g: [y]}\n")
    done = guild("remotes")
    assert done.code == 1
    assert done.err.splitlines() == [
        f"guild: {guild.config} has 2 faults:",
        "  remotes: x: host: is missing",
        "  groups: g: there is no remote 'y'",
    ]


def test_clusters_are_the_remotes_whose_runs_are_jobs() -> None:
    jobs = {kind: {**SSH, "type": kind} for kind in ("slurm", "pbs")}
    configure({"gpu": SSH, "hpc": jobs["slurm"], "pbs": jobs["pbs"], "x": {"type": "slurm"}})
    assert clusters(["pbs", "gpu", "x", "ssh:h", "hpc", "nobody"]) == ("pbs", "hpc")
