"""Contents kept in a guild home, as starts send them, what requires them, users beside root."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from guild_sync.agent.contents import kept
from guild_sync.agent.protocol import ContentForm, RequirementForm

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that is not below one of root's alone, as pytest's are."""
    folder = tempfile.mkdtemp(prefix="guild-tests-")
    os.chmod(folder, 0o755)
    yield Path(folder)
    shutil.rmtree(folder)


def of_file(source: str, **more: Any) -> RequirementForm:
    """What requires a file of the project, as a job has it."""
    found: RequirementForm = {
        "kind": "file", "source": source, "name": source, "select": [], "rename": [],
        "target_path": "", "copy": False, "keep_folders": False,
    }  # fmt: skip
    return {**found, **more}  # type: ignore[typeddict-item]


def form(data: bytes, is_program: bool = False) -> ContentForm:
    """A content as it is asked for."""
    digest = hashlib.sha256(data).hexdigest()
    return {"digest": digest, "size": len(data), "is_program": is_program}


def path_of(home: Path, data: bytes) -> Path:
    return Path(kept.path_of(str(home), form(data)["digest"]))


def sent(home: Path, run_id: str, *datas: bytes) -> None:
    """Have contents come for a run, as rsync brings them."""
    kept.make_incoming(str(home), run_id)
    for data in datas:
        Path(kept.incoming(str(home), run_id), form(data)["digest"]).write_bytes(data)


def as_a_user(top: Path, work: Callable[[], None]) -> None:
    """Do the work in a process of a user whom modes stop, and who has all that is in `top`."""
    for folder, folders, files in os.walk(top) if os.geteuid() == 0 else ():
        for name in (".", *folders, *files):
            os.chown(os.path.join(folder, name), NOBODY, NOBODY, follow_symlinks=False)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
