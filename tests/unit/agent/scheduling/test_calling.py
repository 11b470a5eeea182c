"""How programs of a scheduler are found, and what they are given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.agent.machine.children import NotStarted, Unanswered
from guild_sync.agent.scheduling import calling
from guild_sync.agent.scheduling.calling import Programs
from guild_sync.agent.scheduling.face import Site


def program(folder: Path, text: str, name: str = "sbatch") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + text)
    (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No sbatch of this machine's, none remembered, and a login shell that has read nothing yet."""
    monkeypatch.setattr(calling, "_found", {})
    monkeypatch.setenv("PATH", str(program(tmp_path / "path", 'exec /bin/bash "$@"\n', "bash")))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


def programs(path: str = "", *folders: Path) -> Programs:
    return Programs(Site(path), [str(folder) for folder in folders], lambda name: True)


def said(found: Programs, name: str = "sbatch") -> str:
    return found.call([name, "x"], {}).out


def test_the_path_of_the_site_is_the_only_one(tmp_path: Path) -> None:
    folder = program(tmp_path / "site", "echo of the site")
    program(tmp_path / "path", "echo of the PATH")
    assert said(programs(str(folder))) == "of the site\n"
    with pytest.raises(NotStarted, match=f"^there is no sbatch in {tmp_path}/other$"):
        said(programs(str(tmp_path / "other")))


def test_programs_are_on_the_PATH_then_in_folders_then_on_the_PATH_of_a_login_shell(
    tmp_path: Path,
) -> None:
    login = program(tmp_path / "login", "echo of a login")
    (tmp_path / "home" / ".bash_profile").write_text(
        f"echo hello; echo GUILD-PATH=/; PATH={login}:$PATH\n"
    )
    assert said(programs()) == "of a login\n"
    calling._found.clear()
    usual = program(tmp_path / "usual", "echo in a folder")
    assert said(programs("", usual)) == "in a folder\n"
    calling._found.clear()
    program(tmp_path / "path", "echo on the PATH")
    assert said(programs("", usual)) == "on the PATH\n"


def test_a_login_shell_is_asked_once(tmp_path: Path) -> None:
    login = program(tmp_path / "login", "echo of a login")
    (tmp_path / "home" / ".bash_profile").write_text(f"echo >>$HOME/asked; PATH={login}:$PATH\n")
    assert [said(programs()) for _ in range(3)] == ["of a login\n"] * 3
    assert (tmp_path / "home" / "asked").read_text() == "\n"


def test_where_there_is_none_it_is_said_what_to_do() -> None:
    with pytest.raises(NotStarted, match=r"^no-sbatch is not found; say 'path: FOLDER'"):
        said(programs(), "no-sbatch")


def test_a_program_gets_the_variables_that_are_kept_and_those_that_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = program(tmp_path / "site", "/usr/bin/env | /usr/bin/sort")
    monkeypatch.setattr(os, "environ", {"A": "1", "SBATCH_X": "1", "LC_ALL": "de_DE"})
    found = Programs(Site(str(folder)), [], lambda name: name != "SBATCH_X")
    lines = found.call(["sbatch"], {"LC_ALL": "C"}).out.splitlines()
    assert [line for line in lines if line[:2] in ("A=", "SB", "LC")] == ["A=1", "LC_ALL=C"]


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    folder = program(tmp_path / "site", "exec /bin/sleep 600")
    with pytest.raises(Unanswered, match=r"^has not ended in 0 s$"):
        programs(str(folder)).call(["sbatch"], {}, 0.1)
