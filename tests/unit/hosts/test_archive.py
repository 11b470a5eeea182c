"""An archive of runs as a host: what is made to look into it goes with its process."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from guild_sync.agent.catalog import trash

A = "a" * 32
LOOK = """\
import sys
from guild_sync.hosts.archive import ArchiveHost
host = ArchiveHost(sys.argv[1])
host.fill_listed(host.file, sys.argv[2])
"""


def test_nothing_is_left_of_what_was_looked_at_however_deep_its_folders_are(
    tmp_path: Path,
) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for path in (".guild/opref", "/".join("x" * (sys.getrecursionlimit() + 500))):
            archive.addfile(tarfile.TarInfo(f"{A}/{path}"))
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "x.tar"), A],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        timeout=100,
    )
    left = os.listdir(tmp_path / "temporary")
    trash.remove_tree(str(tmp_path / "temporary"))  # pytest could not
    assert (done.returncode, done.stderr, left) == (0, "", [])
