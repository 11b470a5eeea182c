"""What there is to read of a run, and what of it may not be read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guild_sync.agent.copies.readable import readable

# As a user who is not root: modes count for those alone.
_BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def filled(run: Path) -> Path:
    for name, size in ((".guild/output", 5), (".guild/LOCK", 7), ("model", 100), ("d/e", 10)):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(b"x" * size)
    (run / "dangling").symlink_to("nowhere")
    os.mkfifo(run / "fifo")
    return run


def test_marks_links_and_what_is_no_file_count_for_nothing(tmp_path: Path) -> None:
    assert readable(str(filled(tmp_path))) == (115, [])


def test_files_and_folders_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "model").chmod(0)
    (tmp_path / "d").chmod(0o400)
    argv = [sys.executable, "-c", f"from {readable.__module__} import readable as r; import sys"]
    argv[-1] += "; print(r(sys.argv[1]))"
    if os.getuid() == 0:
        if not shutil.which("setpriv") or subprocess.run([*_BOUND, "true"]).returncode:
            pytest.skip("root reads everything here")
        argv = [*_BOUND, *argv]
    done = subprocess.run([*argv, str(tmp_path)], capture_output=True, text=True, check=True)
    (tmp_path / "d").chmod(0o700)
    assert done.stdout.strip() == "(105, ['d/', 'model'])"
