"""Which program installs, how it is called, and what is said where it cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from guild_sync.agent.environments import asked, installers
from guild_sync.agent.errors import AgentError
from guild_sync.agent.machine.environment import uv_of

BASE = asked.Base("py", "/base/py", "3.11.0", "/base", "t", "p", ["/tmp"], ["/tmp"], False, [])


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)
    return folder / name


def test_uv_installs_what_the_base_lacks_and_nothing_else(tmp_path: Path) -> None:
    program(
        tmp_path / "bin",
        "uv",
        f'echo "$@" >> {tmp_path}/calls; env > {tmp_path}/env\n'
        'echo "Would install 2 packages"; echo " - a==1.0"; echo " + a==2.0+cpu"\n'
        'echo " + b @ file:///w/b.whl"; echo " + c==1 (from file:///w/c.whl)"\n',
    )
    variables = {"PATH": f"{tmp_path}/bin:/bin:/usr/bin", "PIP_TARGET": "/x", "VIRTUAL_ENV": "/y"}
    installers.install(BASE, ["a>1", "b"], "/new/bin/python", "/no", variables)
    asking, doing = (tmp_path / "calls").read_text().splitlines()
    assert asking == ("pip install --python /base/py --dry-run --break-system-packages -- a>1 b")
    assert doing == (
        "pip install --python /new/bin/python --no-deps --link-mode copy --compile-bytecode "
        "-- a==2.0+cpu b @ file:///w/b.whl c @ file:///w/c.whl"
    )
    told = (tmp_path / "env").read_text()
    assert "PIP_TARGET" not in told and "VIRTUAL_ENV" not in told and "PIP_USER=0" in told


def test_uv_comes_second_where_it_would_not_see_packages_of_the_base(tmp_path: Path) -> None:
    program(tmp_path / "bin", "uv", "exit 1")
    python = program(tmp_path / "bin", "python", f'echo "$@" > {tmp_path}/calls')
    other = tmp_path / "dist-packages"
    (other / "numpy-1.0.dist-info").mkdir(parents=True)
    base = BASE._replace(folders=[*BASE.folders, str(other)], has_pip=True)
    variables = {"PATH": f"{tmp_path}/bin:/bin:/usr/bin"}
    installers.install(base, ["a"], str(python), "/no", variables)
    assert (tmp_path / "calls").read_text().startswith("-m pip install ")
    with pytest.raises(AgentError):  # seen by uv: that is asked
        installers.install(BASE._replace(has_pip=True), ["a"], str(python), "/no", variables)


def test_none_at_all_is_an_error_with_the_lines_to_paste(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="there is neither uv nor pip for py") as caught:
        installers.install(BASE, ["a"], sys.executable, str(tmp_path), {"PATH": "/no"})
    assert caught.value.kind == installers.NO_INSTALLER
    uv, pip = caught.value.hint.splitlines()
    assert uv.startswith("Install uv there: curl ") and uv.endswith(" | sh")
    assert pip.endswith(": apt install python3-venv"), "its Python has no ensurepip"


def test_uv_is_found_where_its_installer_puts_it(tmp_path: Path) -> None:
    own = tmp_path / ".local" / "bin"
    own.mkdir(parents=True)
    uv = program(own, "uv", "exit 0")
    assert uv_of({"PATH": "/no", "HOME": str(tmp_path)}) == str(uv)
    assert uv_of({"PATH": "/no"}) is None


@pytest.mark.parametrize(
    ("words", "is_away"),
    [
        ("WARNING: Retrying after connection broken by 'x'\nERROR: No matching distribution", True),
        (
            "ERROR: Could not find a version that satisfies a\nERROR: No matching distribution",
            False,
        ),
        ("error: Request failed\n  cause: tcp connect error\n  cause: Connection refused", True),
    ],
)
def test_its_own_words_are_told_shortly(tmp_path: Path, words: str, is_away: bool) -> None:
    script = f"cat <<'END'\n{'Collecting x' + os.linesep}{words}\nEND\nexit 1"
    program(tmp_path / "bin", "uv", script)
    with pytest.raises(AgentError, match="cannot install the project's requirements") as caught:
        installers.install(BASE, ["a"], "x", "/no", {"PATH": f"{tmp_path}/bin:/bin:/usr/bin"})
    hint = caught.value.hint.splitlines()
    assert hint[-1 if not is_away else -3] == words.splitlines()[-1]
    assert ("PIP_FIND_LINKS" in caught.value.hint) is is_away
    assert "Collecting" not in caught.value.hint


def test_who_logs_in_where_a_package_comes_from_is_not_told(tmp_path: Path) -> None:
    program(tmp_path / "bin", "uv", 'echo "error: Failed to parse: $8"; exit 1')
    requires = ["a @ https://ann:s3cret@h/a.whl", "b @ git+https://token@h/b@main"]
    variables = {"PATH": f"{tmp_path}/bin:/bin:/usr/bin"}
    with pytest.raises(AgentError) as caught:
        installers.install(BASE, requires, "x", "/no", variables)
    assert caught.value.message.endswith("a @ https://****@h/a.whl, b @ git+https://****@h/b@main")
    assert caught.value.hint == "error: Failed to parse: a @ https://****@h/a.whl"


def test_who_logs_in_there_is_told_to_uv_which_masks_it(tmp_path: Path) -> None:
    program(
        tmp_path / "bin",
        "uv",
        f'echo "$@" >> {tmp_path}/calls\n'
        'echo " + my-a==1 (from https://ann:****@h/a.whl)"; echo " + b @ https://****@h/b.whl"',
    )
    requires = ["My_A[x] @ https://ann:s3cret@h/a.whl"]
    variables = {"PATH": f"{tmp_path}/bin:/bin:/usr/bin"}
    installers.install(BASE, requires, "/new/bin/python", "/no", variables)
    doing = (tmp_path / "calls").read_text().splitlines()[1]
    assert doing.endswith(f" -- {requires[0]} b @ https://****@h/b.whl")
