"""Environments that are kept: which are known, which are used, which go."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guild_sync.agent import leavings, protocol, trees
from guild_sync.agent.environments import kept
from guild_sync.agent.environments.kept import Suitable
from guild_sync.agent.errors import AgentError
from guild_sync.agent.staging import stage
from guild_sync.agent.store import identity, locks, rundir

NAMES = [f"{number:016x}" for number in range(3)]
RUN = "a" * 32
HOLDS = """
import sys
from guild_sync.agent.environments import kept
kept.hold(sys.argv[1], sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def made(home: Path, name: str, age: float = 0.0) -> Path:
    folder = home / "environments" / name
    (folder / "site" / "p-1.dist-info").mkdir(parents=True)
    record = {"site": "site", "names": kept.names_digest(str(folder / "site")), "bytes": 7}
    (folder / kept.RECORD).write_text(json.dumps(record))
    os.utime(folder / kept.RECORD, (time.time() - age,) * 2)
    (folder / "site").chmod(0o555)
    folder.chmod(0o555)
    return folder


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "environments").iterdir() if path.name[0] != ".")


def test_one_that_was_not_used_for_a_month_goes_by_itself(tmp_path: Path) -> None:
    made(tmp_path, NAMES[0], age=31 * 86400)
    made(tmp_path, NAMES[1], age=29 * 86400)
    (tmp_path / "environments" / ".gone-12345678").mkdir()
    (tmp_path / "environments" / ".new-0123-12345678").mkdir()
    kept.upkeep(str(tmp_path))
    assert left(tmp_path) == NAMES[1:2]
    assert not list((tmp_path / "environments").glob(".[gn]*"))


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    held = locks.hold(kept.key_folder(str(tmp_path), "0" * 16))
    assert held is not None
    new = tmp_path / "environments" / f".new-{'0' * 16}-12345678"
    new.mkdir()
    kept.environments(str(tmp_path), remove=True)
    assert new.is_dir()
    locks.release(kept.key_folder(str(tmp_path), "0" * 16), held)
    kept.environments(str(tmp_path), remove=True)
    assert not new.exists()


def test_none_goes_that_a_process_or_an_open_run_has(tmp_path: Path) -> None:
    for name in NAMES:
        made(tmp_path, name)
    stage.stage(str(tmp_path), RUN, "guildfile:x '' '' op", {}, {"argv": ["true"]})
    directory = str(tmp_path / "runs" / RUN)
    rundir.write_attr(directory, protocol.ENVIRONMENT, {"name": NAMES[1], "requires": []})
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, tmp_path, NAMES[0]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline()
    found = kept.environments(str(tmp_path))
    assert [(each["runs"], each["going"]) for each in found] == [(1, False), (1, False), (0, True)]
    assert left(tmp_path) == NAMES
    kept.environments(str(tmp_path), remove=True)
    assert left(tmp_path) == NAMES[:2]
    holder.communicate()
    rundir.write_attrs(directory, {"exit_status": 0})
    rundir.unmark(directory, rundir.PENDING)
    kept.environments(str(tmp_path), remove=True)
    assert left(tmp_path) == []


def test_without_flock_what_runs_say_of_themselves_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_fd: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    for name in NAMES:
        made(tmp_path, name)
    stage.stage(str(tmp_path), RUN, "guildfile:x '' '' op", {}, {"argv": ["true"]})
    directory = str(tmp_path / "runs" / RUN)
    rundir.write_attr(directory, protocol.ENVIRONMENT, {"name": NAMES[1], "requires": []})
    kept.hold(str(tmp_path), NAMES[1])
    kept.environments(str(tmp_path), remove=True)
    assert left(tmp_path) == [NAMES[1]]


def test_who_is_gone_on_another_machine_is_named_and_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0.0)
    home = str(tmp_path)
    made(tmp_path, NAMES[0], age=31 * 86400)
    with kept.using(home):
        (folder,) = (tmp_path / "environments" / ".keys").glob("using-*")
        with pytest.raises(AgentError, match="another process has not let go of"):
            kept.environments(home)
    held_elsewhere(folder)
    with pytest.raises(AgentError, match="another process on far has not let go of") as caught:
        leavings.leavings(home, remove=True)
    kept.upkeep(home)  # which goes on the next day
    assert left(tmp_path) == NAMES[:1]
    assert caught.value.hint == f"If it is gone, remove that folder: rm -r {folder}"
    shutil.rmtree(folder)
    assert [each["kind"] for each in leavings.leavings(home, remove=True)] == ["environment"]
    assert left(tmp_path) == []


def held_elsewhere(folder: Path) -> None:
    who = identity.of(os.getpid())._replace(host="far", boot="another")
    (folder / locks.LOCK).write_text(f"{who.pid}\n")
    (folder / locks.LOCK).chmod(0o600)
    (folder / locks.OWNER).write_text(json.dumps({**who._asdict(), "flock": True}))


def test_an_altered_one_is_not_whole(tmp_path: Path) -> None:
    folder = made(tmp_path, NAMES[0])
    assert kept.is_whole(str(folder))
    (folder / "site").chmod(0o755)
    (folder / "site" / "q-1.dist-info").mkdir()
    assert not kept.is_whole(str(folder))


def test_what_is_known_counts_as_long_as_all_is_there(tmp_path: Path) -> None:
    home, base = str(tmp_path), tmp_path / "numpy-1.dist-info"
    base.mkdir()
    folder = made(tmp_path, NAMES[0])
    kept.note(home, "key", Suitable(NAMES[0], ["p==1"], [str(base)]))
    kept.note(home, "key", Suitable("", ["q==1"], [str(tmp_path / "gone")]))
    assert kept.known(home, "key") == Suitable(NAMES[0], ["p==1"], [str(base)])
    base.rmdir()
    assert kept.known(home, "key") is None
    base.mkdir()
    trees.remove_tree(str(folder))
    assert kept.known(home, "key") is None
    assert kept.known(home, "other") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '[{"name": 1}]', "[1]"])
def test_a_damaged_note_is_none(tmp_path: Path, text: str) -> None:
    folder = Path(kept.key_folder(str(tmp_path), "key"))
    (folder / "known.json").write_text(text)
    assert kept.known(str(tmp_path), "key") is None
    folder = made(tmp_path, NAMES[0])
    folder.chmod(0o755)
    (folder / kept.RECORD).write_text(text)
    assert not kept.is_whole(str(folder))
    assert [each["bytes"] for each in kept.environments(str(tmp_path))] == [0]


@pytest.mark.parametrize("name", ["../../x", "..", 3, None, ["x"], "A" * 16])
def test_a_run_names_no_other_folder(tmp_path: Path, name: protocol.Value) -> None:
    (tmp_path / ".guild" / "attrs").mkdir(parents=True)
    rundir.write_attr(str(tmp_path), protocol.ENVIRONMENT, {"name": name})
    assert kept.name_of_run(str(tmp_path)) == ""


def test_a_base_that_was_exchanged_needs_another(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    folder = made(tmp_path, NAMES[0])
    folder.chmod(0o755)
    record = json.loads((folder / kept.RECORD).read_text())
    record.update(python=str(python), real=os.path.realpath(python), uses=[])
    (folder / kept.RECORD).write_text(json.dumps(record))
    assert kept.is_for(str(tmp_path), NAMES[0], str(python))
    assert not kept.is_for(str(tmp_path), NAMES[0], sys.executable)
    python.unlink()
    python.symlink_to("/bin/sh")
    assert not kept.is_for(str(tmp_path), NAMES[0], str(python))
