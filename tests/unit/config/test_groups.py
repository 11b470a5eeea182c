"""`groups` in the config file: what it may say, and what is said of its faults."""

from __future__ import annotations

import pytest
import yaml

from guild_sync.config import groups, remotes
from guild_sync.config.home import config_path


def read(text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The groups beside the remotes gpu1 and gpu2, and what is wrong with the others."""
    known = {name: {"type": "ssh", "host": name} for name in ("gpu1", "gpu2")}
    config_path().write_text(f"{yaml.safe_dump({'remotes': known})}groups: {text}\n")
    return dict(groups.groups()), list(groups.faults())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("{}", {}),
        ("{a: [gpu1, gpu2], b: [gpu2]}", {"a": ("gpu1", "gpu2"), "b": ("gpu2",)}),
        ("{a: gpu1}", {"a": ("gpu1",)}),
        ("{a: [gpu2, gpu1, gpu2]}", {"a": ("gpu2", "gpu1")}),
        ("{a: [sandbox]}", {"a": ("sandbox",)}),
        ("{ü-1.2: [gpu1]}", {"ü-1.2": ("gpu1",)}),
    ],
)
def test_a_group_has_remotes_each_once(text: str, found: dict[str, tuple[str, ...]]) -> None:
    assert read(text) == (found, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[gpu1]", "must be a mapping of names to lists of remotes"),
        ("gpu1", "must be a mapping of names to lists of remotes"),
        ("{a: [gpu3]}", "a: there is no remote 'gpu3' (did you mean gpu2?)"),
        ("{a: [x]}", "a: there is no remote 'x'"),
        ("{a: ['gpu1,gpu2']}", "a: there is no remote 'gpu1,gpu2' (did you mean gpu2?)"),
        ("{a: ['ssh:h']}", "a: there is no remote 'ssh:h'"),
        ("{a: []}", "a: must be a list of remotes, not []"),
        ("{a: }", "a: must be a list of remotes, not None"),
        ("{a: 3}", "a: must be a list of remotes, not 3"),
        ("{a: {gpu1: gpu2}}", "a: must be a list of remotes, not {'gpu1': 'gpu2'}"),
        ("{a: [3]}", "a: must be a list of names, not of 3"),
        ("{a: [[gpu1]]}", "a: must be a list of names, not of ['gpu1']"),
        ('{a: ["x\\ny"]}', "a: must be a list of names, not of 'x\\ny'"),
        ("{gpu1: [gpu2]}", "gpu1: is a remote's name, too: rename one of them"),
        ("{sandbox: [gpu2]}", "sandbox: is a remote's name, too: rename one of them"),
        ("{all: [gpu2]}", "all: 'all' means all remotes: rename it"),
        ("{any: [gpu2]}", "any: 'any' means all remotes: rename it"),
        ("{'a,b': [gpu2]}", "a,b: a group's name has neither comma nor colon: rename it"),
        ("{'a:b': [gpu2]}", "a:b: a group's name has neither comma nor colon: rename it"),
        (
            "{-a: [gpu2]}",
            "-a: a group's name is one word that begins with neither '-' nor '.'",
        ),
        ("{3: [gpu2]}", "3: a group's name is one word that begins with neither '-' nor '.'"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, fault: str) -> None:
    assert read(text) == ({}, [f"groups: {fault}"])


def test_a_group_in_a_group_is_said_to_be_one() -> None:
    found, faults = read("{a: [gpu1], b: [a]}")
    assert found == {"a": ("gpu1",)}
    assert faults == ["groups: b: a is a group, and a group has remotes alone"]


def test_every_fault_is_told_and_others_stay() -> None:
    found, faults = read("{a: [gpu1], b: [x, y], all: z}")
    assert found == {"a": ("gpu1",)}
    assert len(faults) == 4
    assert groups.defined() == ("a", "b", "all")
    assert remotes.usable()[1] == ()


def test_a_remote_at_fault_may_be_in_a_group() -> None:
    config_path().write_text("remotes: {x: {type: ssh}}\ngroups: {g: [x]}\n")
    assert groups.groups() == {"g": ("x",)}


@pytest.mark.parametrize("data", ["", "[]", "3", "remotes: {}"])
def test_a_file_without_groups_has_none(data: str) -> None:
    config_path().write_text(data)
    assert (groups.groups(), groups.faults(), groups.defined()) == ({}, (), ())
