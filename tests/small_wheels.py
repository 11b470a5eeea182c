"""Small packages for tests that install some: wheels in a folder, and no index."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    requires: Sequence[str] = (),
    pth: str = "",
    program: str = "",
) -> Path:
    """A wheel with a module of its name, which knows its version, and a program that tells it."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    says = f"import sys\nversion = {version!r}\ndef main(): print({name!r}, version, sys.prefix)\n"
    members = {
        f"{module}.py": says,
        f"{info}/METADATA": "\n".join(
            [
                "Metadata-Version: 2.1",
                f"Name: {name}",
                f"Version: {version}",
                *(f"Requires-Dist: {each}" for each in requires),
                "",
            ]
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if pth:
        members[f"{module}.pth"] = pth
    if program:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{program} = {module}:main\n"
    record = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in {**members, f"{info}/RECORD": record}.items():
            wheel.writestr(member, text)
    return path
