"""The hosts that ~/.ssh/config names, as ssh would read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.beginning import ssh_hosts
from guild_sync.beginning.ssh_hosts import hosts
from guild_sync.config.file import text_of


@pytest.fixture
def ssh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh" / "more").mkdir(parents=True)
    return tmp_path / ".ssh"


def test_without_a_configuration_there_are_none(ssh_folder: Path) -> None:
    assert hosts() == []


def test_names_are_those_of_host_lines_without_patterns(ssh_folder: Path) -> None:
    (ssh_folder / "config").write_text(
        '# Host no\nHost gpu1 gpu2\n  HostName x\nhost = a *.b !c d? gpu1\nHOST "e" # f\n'
        "Match host g\nHost 'broken\nHost -x\n"
    )
    assert hosts() == ["gpu1", "gpu2", "a", "e"]


def test_what_is_included_is_read_too_and_a_circle_ends(ssh_folder: Path) -> None:
    (ssh_folder / "config").write_text("Include more/*.conf\nInclude ~/.ssh/config\nHost z\n")
    (ssh_folder / "more" / "b.conf").write_text("Host b\n")
    (ssh_folder / "more" / "a.conf").write_text("Host a\n")
    assert hosts() == ["a", "b", "z"]


def test_files_that_all_include_one_another_are_read_once_each(
    ssh_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def seen(path: Path) -> str:
        read.append(path)
        return text_of(path)

    monkeypatch.setattr(ssh_hosts, "text_of", seen)
    (ssh_folder / "config").write_text("Include more/*\nInclude more/*\n")
    for number in range(9):
        (ssh_folder / "more" / str(number)).write_text(f"Include more/*\nHost h{number}\n")
    assert sorted(hosts()) == [f"h{number}" for number in range(9)]
    assert len(read) == 10
