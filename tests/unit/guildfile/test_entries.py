"""The files that guild.yml includes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from projects import load

from guild_sync.errors import ConfigError
from guild_sync.guildfile import reader


def test_entries_of_files_and_folders_stand_where_they_are_included(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/guild.yml").write_text(
        "- {config: inc, operations: {t: {exec: a}}}\n- {package: sub}\n- include: rel.yml\n"
    )
    (tmp_path / "sub/rel.yml").write_text("z: {exec: a}\n")
    (tmp_path / "three.yml").write_text("- {model: three, operations: {u: {exec: a}}}\n")
    text = "- include: sub\n- include: [three.yml]\n- {model: m, extends: inc}\n- package: own\n"
    found = load(tmp_path, text)
    assert [o.full_name for o in found.operations] == ["z", "three:u", "m:t"]
    assert (found.package.name, found.faults, found.warnings) == ("own", (), ())


def test_a_fault_in_an_included_file_is_told_with_that_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/guild.yml").write_text("- x\n- operations:\n    bad: {main: [a]}\n")
    found = load(tmp_path, "- include: sub\n")
    assert found.faults == ("entry 1: must be a mapping, not 'x' (sub/guild.yml, line 1)",)
    assert found.operations[0].faults == (
        "bad: main: must be text, not ['a'] (sub/guild.yml, line 3)",
    )


@pytest.mark.parametrize(
    ("include", "fault"),
    [
        ("gone.yml", "include: there is no gone.yml in "),
        ("circle.yml", "include: there is no circle.yml in "),
        ("guild.yml", "include: guild.yml includes itself"),
        (".", "include: . includes itself"),
        ("there.yml", "include: guild.yml includes itself"),
        ("broken.yml", "include: "),
        ("pipe", "include: it is a pipe"),
        ("{a: b}", "include: must be the path of a file or folder, not {'a': 'b'}"),
        ('"a\\0b"', "include: must be the path of a file or folder, not 'a\\x00b'"),
        ("~", "include: must be the path of a file or folder, not None"),
    ],
)
def test_what_cannot_be_included_keeps_nobody_from_running(
    tmp_path: Path, include: str, fault: str
) -> None:
    (tmp_path / "there.yml").write_text("- include: guild.yml\n")
    (tmp_path / "broken.yml").write_text("a: [\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle.yml").symlink_to("circle.yml")
    found = load(tmp_path, f"- include: {include}\n- operations: {{good: {{exec: a}}}}\n")
    assert [(o.full_name, o.faults) for o in found.operations] == [("good", ())]
    (said,) = found.faults
    assert fault in said


def test_files_that_include_each_other_again_and_again_end(tmp_path: Path) -> None:
    for n in range(10):
        both = f"- include: [f{n + 1}.yml, f{n + 1}.yml]\n"
        (tmp_path / f"f{n}.yml").write_text(both)
    (tmp_path / "f10.yml").write_text("[]")
    found = load(tmp_path, "- include: f0.yml\n")
    assert any("more than 100 files" in fault for fault in found.faults)


def test_a_guild_yml_that_is_a_pipe_is_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "guild.yml")
    with pytest.raises(ConfigError, match="it is a pipe"):
        reader.load(tmp_path)
