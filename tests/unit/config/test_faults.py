"""What is wrong with a file: gathered with its place, and told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.config.faults import Place
from guild_sync.errors import ConfigError


def test_the_places_of_a_file_gather_its_faults_in_order() -> None:
    file = Place()
    remote = file.at("remotes").at("gpu")
    remote.fault("host: is missing")
    file.fault("must be a mapping")
    remote.at("pull").fault("exclude: must be text")
    assert file.faults == [
        "remotes: gpu: host: is missing",
        "must be a mapping",
        "remotes: gpu: pull: exclude: must be text",
    ]
    assert remote.faults is file.faults
    assert Place().faults == []


def test_what_is_passed_over_is_a_warning_and_no_fault() -> None:
    file = Place()
    file.at("op").pass_over("plugins")
    assert file.warnings == ["op: plugins is passed over: guild does not know it"]
    file.refuse(Path("guild.yml"))


@pytest.mark.parametrize(
    ("faults", "message"), [(["a"], "f.yml has a fault:"), (["a", "b"], "f.yml has 2 faults:")]
)
def test_a_file_with_faults_is_refused_with_all_of_them(faults: list[str], message: str) -> None:
    file = Place()
    for fault in faults:
        file.fault(fault)
    with pytest.raises(ConfigError) as error:
        file.refuse(Path("f.yml"))
    assert (error.value.message, error.value.hint.split()) == (message, faults)
