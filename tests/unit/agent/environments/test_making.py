"""An environment made: its scripts, its modes, its name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from small_wheels import write_wheel

from guild_sync.agent.environments import asked, kept, making
from guild_sync.agent.machine.environment import Environment

SH = b"#!/bin/sh\n'''exec' \"%s\" \"$0\" \"$@\"\n' '''\n"


@pytest.mark.parametrize("to", ["/base/bin/python", "/a b/python", "/" + "x" * 200])
@pytest.mark.parametrize("by_sh", [False, True])
def test_a_script_names_the_bases_python(tmp_path: Path, to: str, by_sh: bool) -> None:
    script = tmp_path / "script"
    head = SH % b"/new/bin/python" if by_sh else b"#!/new/bin/python\n"
    script.write_bytes(head + b"import sys\nprint('/new/bin/python')\n")
    making._address(str(script), "/new/bin/python", to)
    plain = to == "/base/bin/python"
    expected = b"#!/base/bin/python\n" if plain else SH % to.encode()
    assert script.read_bytes() == expected + b"import sys\nprint('/new/bin/python')\n"


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    for content in (
        b"\x7fELF /new/bin/python\n\n\n",
        b"#!/bin/sh\necho\nx\n",
        b"#!/new/bin/python",
    ):
        (tmp_path / "x").write_bytes(content)
        making._address(str(tmp_path / "x"), "/new/bin/python", "/base/bin/python")
        assert (tmp_path / "x").read_bytes() == content


def test_the_same_content_is_one_and_an_altered_one_is_left_alone(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("there is no uv here")
    wheel = write_wheel(tmp_path / "wheels", "making-a", program="a-program")
    others = ["bin/python-a", "bin/activate-a", "bin/notes/a", "include/a.h"]
    with zipfile.ZipFile(wheel, "a") as archive:
        for name in others:
            archive.writestr(f"making_a-1.0.data/data/{name}", "#!/bin/sh\n")
    variables = {
        **os.environ,
        "PATH": f"{Path(uv).parent}:{os.environ['PATH']}",
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(tmp_path / "wheels"),
    }
    home, base = str(tmp_path / "home"), asked.base_of(sys.executable, variables)
    of = Environment(variables, sys.executable)
    (tmp_path / "home" / "environments").mkdir(parents=True)

    def made(key: str, text: str) -> str:
        found = making.made(home, key, base, [text], of)
        assert found.packages == ["making-a==1.0"]
        return found.name

    first = made("one", "making-a")
    assert made("two", "making-a>=1") == first
    folder = Path(kept.path_of(home, first))
    assert not any(p.lstat().st_mode & 0o222 for p in folder.rglob("*") if not p.is_symlink())
    programs = {path.name for path in (folder / "bin").iterdir()}
    assert programs == {"a-program", "python-a", "activate-a", "notes"}, "none is the venv's"
    assert all((folder / name).is_file() for name in others)
    said = subprocess.run([folder / "bin" / "a-program"], capture_output=True, text=True)
    assert "No module named 'making_a'" in said.stderr  # it is the base's Python, not in it
    (site,) = folder.glob("lib/*/site-packages")
    site.chmod(0o755)
    (site / "added.py").touch()
    second = made("one", "making-a")
    assert second != first and folder.is_dir()
    assert sorted(os.listdir(tmp_path / "home" / "environments")) == sorted([first, second])
