"""A remote whose answers are right but for one place: every command says it in a line, or goes on.

`make fuzz` takes more seeds than the tests do (ALTERED_SEEDS).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import altering
import pytest
from faults import write_run
from support import EXAMPLES, Done, Guild, Place, Server
from test_unreachable import own_connections

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

SEEDS = int(os.environ.get("ALTERED_SEEDS", "3"))
ENDED, OTHER, HERE = "a" * 32, "b" * 32, "c" * 32
COMMANDS = [
    ("list", "runs -r far"),
    ("list", "pull far -y"),
    ("list", "watch {real} -r far"),
    ("list", "diff -r far"),
    ("info", f"info {ENDED} -r far"),
    ("list_files", f"ls -L {ENDED} -r far"),
    ("label", f"label -s x {ENDED} -r far -y"),
    ("tag", f"tag -a x {ENDED} -r far -y"),
    ("comment", f"comment -a x {ENDED} -r far -y"),
    ("mark", f"mark {ENDED} -r far -y"),
    ("delete_runs", f"rm {OTHER} -r far -y"),
    ("restore_runs", f"restore {OTHER} -r far -y"),
    ("purge_runs", f"purge {OTHER} -r far -y"),
    ("signal_runs", "stop -r far -y"),
    ("wait_runs", "stop -r far -y"),
    ("choose", "select -r far"),
    ("of_process", "watch -p 1 -r far"),
    ("clock", "check -r far"),
    ("checkup", "check -r far --space"),
    ("try_environment", "check -r far --env"),
    ("python", "remotes --status"),
    ("command", "run op -r far --print-cmd -y"),
    ("stage", "run op -r far --stage -y"),
    ("copy_source", "run op -r far --stage -y"),
    ("install", "run op -r far --stage -y"),
    ("mark_staged", "run op -r far --stage -y"),
    ("start", "run op sleep=0 -r far -y --no-wait"),
    ("matching", "run op sleep=0 -r far -y --no-wait --needed"),
    ("recipe", "run --proto {real} -r far -y --stage"),
    ("restage", "run --restart {real} sleep=0 -r far -y --no-wait"),
    ("adopt_source", "run --proto {real} -r far -y --stage"),
    ("candidates", "run train -r far -y --stage"),
    ("begin_push", f"push far {HERE} -y"),
    ("settle_copy", f"push far {HERE} -y"),
    ("end_copy", f"push far {HERE} -y"),
    ("survey", "sync"),
    ("survey", "sync --plan"),
    ("survey", f"pull far {ENDED} -y"),
]


@pytest.fixture
def far(guild: Guild, sshd: Server, there: Path, tmp_path: Path) -> Path:
    """The folder of a remote's Python that alters what its agent answers."""
    folder = tmp_path / "python"
    folder.mkdir()
    shutil.copy(altering.__file__, folder / "python")
    (folder / "python").chmod(0o755)
    (folder / "plan").write_text("[null, 0]")
    guild.configure(far=sshd.keys(there, python=str(folder / "python")))
    return folder


@pytest.fixture
def real(guild: Guild, far: Path, there: Path, tmp_path: Path) -> Iterator[str]:
    """The id of a run that ended on the remote; others are there too, and one is there and here."""
    shutil.copytree(EXAMPLES / "pipeline", tmp_path / "pipeline")
    place = Place(guild, there, "far")
    run_id = place.started("sleep=0")
    place.wait_for_end(run_id)
    for other in (ENDED, OTHER):
        write_run(there, other, sizes=(10,))
    write_run(guild.home, HERE, sizes=(10,))
    place.started("sleep=600")
    guild.ok("pull", "far", "-Sr", "-y")
    yield run_id


@pytest.mark.parametrize("function, line", COMMANDS)
def test_an_altered_answer_does_no_harm(
    guild: Guild, far: Path, real: str, there: Path, tmp_path: Path, function: str, line: str
) -> None:
    words = line.format(real=real).split()
    cwd = tmp_path / "pipeline" if function == "candidates" else None
    if cwd:
        guild.ok("run", "prepare", "-r", "far", "-y", cwd=cwd)
    outside = everything_but(tmp_path, guild.home, there, far)
    for seed in range(SEEDS):
        (far / "plan").write_text(json.dumps([function, seed]))
        done = guild(*words, cwd=cwd)
        (far / "plan").write_text("[null, 0]")
        altered = (far / "altered").read_text() if (far / "altered").exists() else ""
        check(done, f"{words}, seed {seed}, {altered.splitlines()[-1:]}: {done}")
        names = {path.name for path in (guild.home / "runs").glob("[!.]*")}
        assert all(len(name) == 32 for name in names), (seed, names)
        if words[0] in ("rm", "purge"):
            guild("restore", OTHER, "-r", "far", "-y")
        if words[0] == "restore":
            guild("rm", OTHER, "-r", "far", "-y")
    assert everything_but(tmp_path, guild.home, there, far) == outside
    assert (far / "altered").exists(), "no answer was altered"


def check(done: Done, told: str) -> None:
    assert done.code in (0, 1, 3, 4), told
    assert "Traceback" not in done.err + done.out, told
    assert "internal error" not in done.err, told
    assert "\x1b" not in done.err + done.out, told
    if done.code:
        assert any(line.startswith("guild: ") for line in done.err.splitlines()), told


def everything_but(top: Path, *left_out: Path) -> set[str]:
    """The paths below `top`, but for those folders and what is in them."""
    paths = (path for path in top.rglob("*") if not {path, *path.parents} & set(left_out))
    return set(map(str, paths))
