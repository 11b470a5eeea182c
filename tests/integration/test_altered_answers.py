"""A remote whose answers are right but for one place: every command says it in a line, or goes on.

`make fuzz` takes more seeds than the tests do (ALTERED_SEEDS).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import altering
import pytest
from faults import mark, write_run
from rundirs import give_scalars
from support import EXAMPLES, Done, Guild, Place, Server
from test_unreachable import own_connections

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

SEEDS = int(os.environ.get("ALTERED_SEEDS", "2"))
ENDED, OTHER, HERE = "a" * 32, "b" * 32, "c" * 32
COMMANDS = [
    ("list_runs", "runs -r far"),
    ("offer", "pull far -y"),
    ("list_runs", "watch {real} -r far"),
    ("info", f"info {ENDED} -r far"),
    ("list_files", f"ls -L {ENDED} -r far"),
    ("unknown_names", "runs -r far -F nope!=1"),
    ("label", f"label -s x {ENDED} -r far -y"),
    ("tag", f"tag -a x {ENDED} -r far -y"),
    ("comment", f"comment -a x {ENDED} -r far -y"),
    ("mark", f"mark {ENDED} -r far -y"),
    ("delete_runs", f"rm {OTHER} -r far -y"),
    ("restore_runs", f"restore {OTHER} -r far -y"),
    ("purge_runs", f"purge {OTHER} -r far -y"),
    ("signal_runs", "stop -r far -y"),
    ("wait_runs", "stop -r far -y"),
    ("listed", "runs -r far --columns exit_status,zzz --sort=-loss -v"),
    ("listed", "runs -r far,far --sort started --json"),
    ("list_details", "runs -r far --sort label -v"),
    ("listed", "runs -r far --columns duration,started,loss"),
    ("compared", "compare -r far"),
    ("compared", "compare -r far,far --csv - --columns loss,time,.started --sort=-time"),
    ("compared", "plot loss -r far"),
    ("points_of", "plot loss -r far --x elapsed"),
    ("points_of", "plot loss -r far --svg -"),
    ("listed", "select -r far,far --min exit_status"),
    ("choose", "select -r far,far --max exit_status"),
    ("choose", "select -r far"),
    ("choose", "diff -r far"),
    ("of_process", "watch -p 1 -r far"),
    ("clock", "check -r far"),
    ("checkup", "check -r far --space"),
    ("try_environment", "check -r far --env"),
    ("python", "remotes --status"),
    ("command", "run op -r far --print-cmd -y"),
    ("stage", "run op -r far --stage -y"),
    ("install", "run op -r far --stage -y"),
    ("mark_staged", "run op -r far --stage -y"),
    ("start", "run op sleep=0 -r far -y --no-wait"),
    ("matching", "run op sleep=0 -r far -y --no-wait --needed"),
    ("recipe", "run --proto {real} -r far -y --stage"),
    ("restage", "run --restart {real} sleep=0 -r far -y --no-wait"),
    ("adopt_source", "run --proto {real} -r far -y --stage"),
    ("candidates", "run train -r far -y --no-wait"),
    ("begin_push", f"push far {HERE} -y"),
    ("take_notes", f"push far {HERE} -y"),
    ("settle_copy", f"push far {HERE} -y"),
    ("end_copy", f"push far {HERE} -y"),
    ("survey", "sync"),
    ("survey", "sync --plan"),
    ("offer", f"pull far {ENDED} -y --exclude x"),
    ("list_runs", f"info {ENDED} -r far,far"),
    ("list_runs", "watch -r all"),
    ("free", "remotes --free"),
    ("free", "run op sleep=0 -r far,far --cpus 1 -y --no-wait"),
    ("environments", "clean --environments -r far -y"),
    ("glance", "fleet"),
    ("glance", "fleet --json"),
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
def runs(guild: Guild, there: Path) -> None:
    """Runs that have ended: two on the remote, one of which is thought to run, and one here."""
    for run_id in (ENDED, OTHER):
        # no bytes that `diff` would show
        give_scalars(write_run(there, run_id, sizes=(0,)), {"loss": [0.5, 0.25]})
    write_run(guild.home, HERE, sizes=(0,))
    mark(guild.home, ENDED, "far")


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("function, line", COMMANDS)
def test_an_altered_answer_does_no_harm(
    guild: Guild, far: Path, there: Path, tmp_path: Path, function: str, line: str
) -> None:
    cwd = None
    if function == "candidates":
        cwd = Path(shutil.copytree(EXAMPLES / "pipeline", tmp_path / "pipeline"))
        guild.ok("run", "prepare", "-r", "far", "-y", cwd=cwd)
    if "{real}" in line:
        place = Place(guild, there, "far")
        real = place.started("sleep=0")
        place.wait_for_end(real)
        line = line.format(real=real)
    if line.startswith("stop"):
        guild.started("sleep=600", remote="far")
    words = line.split()
    own = (guild.home, there, far, tmp_path / "session")  # what guild may write to
    outside = everything_but(tmp_path, *own)
    for seed in range(SEEDS):
        if not (there / "runs" / OTHER).exists():
            write_run(there, OTHER)
        if words[0] in ("purge", "restore"):
            guild.ok("rm", OTHER, "-r", "far", "-y")
        (far / "plan").write_text(json.dumps([function, seed]))
        done = guild(*words, cwd=cwd)
        (far / "plan").write_text("[null, 0]")
        altered = (far / "altered").read_text() if (far / "altered").exists() else ""
        check(done, f"{words}, seed {seed}, {altered.splitlines()[-1:]}: {done}")
        names = {path.name for path in (guild.home / "runs").glob("[!.]*")}
        assert all(len(name) == 32 for name in names), (seed, names)
    assert everything_but(tmp_path, *own) == outside
    assert (far / "altered").exists(), f"no answer was altered: {done}"


READING = [
    ("list_runs", "runs -r far"),
    ("offer", f"pull far {ENDED} -y"),
    ("offer", "pull far -y"),
    ("list_details", "runs -v -r far"),
    ("info", f"info {ENDED} -r far"),
    ("list_files", f"ls -L {ENDED} -r far"),
    ("listed", "runs -r far --columns exit_status --sort=-exit_status -v"),
    ("listed", "runs -r far,far --sort started --json"),
    ("choose", "select -r far"),
    ("offer", f"pull far {ENDED} -y --exclude x"),
    ("survey", "sync"),
    ("python", "remotes --status"),
]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("function, line", READING)
def test_keys_that_nobody_asked_for_change_nothing(
    guild: Guild, far: Path, there: Path, function: str, line: str
) -> None:
    (guild.home / "runs").rename(guild.home / "kept")
    ended = []
    for plan in ("[null, 0]", json.dumps([function, altering.EXTRA])):
        shutil.rmtree(guild.home / "runs", ignore_errors=True)
        shutil.copytree(guild.home / "kept", guild.home / "runs", symlinks=True)
        (far / "plan").write_text(plan)
        done = guild(*line.split())
        files = {
            str(path.relative_to(guild.home)): path.read_bytes()
            for path in (guild.home / "runs").rglob("*")
            if path.is_file() and path.name not in ("LOCK.confirmed", ".home-id")
        }
        ended.append((done.code, re.sub(r"[0-9.]+ s\b", "", done.out), done.err, files))
    assert ended[0] == ended[1]
    assert (far / "altered").exists(), "no answer was altered"


def check(done: Done, told: str) -> None:
    assert done.code in (0, 1, 3, 4), told
    assert "Traceback" not in done.err + done.out, told
    assert "internal error" not in done.err, told
    assert "\x1b" not in done.err + done.out, told
    if done.code:
        # The latter on a page.
        complaints = ("guild: ", "  to do  ", "  error: ", "no answer that guild understands")
        assert any(word in done.err + done.out for word in complaints), told


def everything_but(top: Path, *left_out: Path) -> set[str]:
    """The paths below `top`, but for those folders and what is in them."""
    paths = (path for path in top.rglob("*") if not {path, *path.parents} & set(left_out))
    return set(map(str, paths))
