"""What stands at the top of the config file."""

from __future__ import annotations

import pytest

from guild_sync.config.faults import Place
from guild_sync.config.sections import SECTIONS, section


def read(data: object) -> tuple[list[object], list[str]]:
    file = Place()
    return [section(data, name, file) for name in SECTIONS], file.faults


def test_each_section_is_what_stands_below_its_name() -> None:
    data = {name: number for number, name in enumerate(SECTIONS)}
    assert read(data) == ([0, 1, 2, 3, 4, 5], [])


@pytest.mark.parametrize("data", [None, 3, [], "remotes", {}])
def test_a_file_without_them_has_nothing(data: object) -> None:
    assert read(data) == ([None] * 6, [])


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("remote", "remotes"),
        ("Remotes", "remotes"),
        ("hook", "hooks"),
        ("notfy", "notify"),
        ("heart-beat", "heartbeat"),
        ("keepfree", "keep-free"),
        ("keep_free", "keep-free"),
        ("group", "groups"),
    ],
)
def test_a_slip_of_the_pen_is_a_fault_once(key: str, meant: str) -> None:
    _, faults = read({key: 1})
    assert faults == [f"{key}: is not a key of the config file (did you mean {meant}?)"]


@pytest.mark.parametrize("key", ["diff", "run", "aws", "check", "view", 3, None, True, ""])
def test_what_guild_ai_has_there_may_stay(key: object) -> None:
    assert read({key: 1}) == ([None] * 6, [])
