"""A remote that lies: nothing outside the runs is touched, it is said in a line, others go on."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comparing import faults
from faults import mark, write_run
from support import Done, Guild, Server, project
from test_hostile_names import no_canary
from test_unreachable import another_sshd, own_connections

__all__ = ["no_canary", "own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

A, B = "a" * 32, "b" * 32
OPREF = {"type": "package", "package": "x", "version": "1", "model": "", "name": "op"}
RUN: dict[str, Any] = {
    **dict.fromkeys(("exit_status", "initialized", "started", "stopped", "label", "flags")),
    **dict.fromkeys(("tags", "marked", "comments", "cmd", "remote", "machine", "started_by")),
    "attempt": 1,
    **dict.fromkeys(("ended_by", "waits", "deal", "job")),
    "unreadable": [],
    "indexed": True,
    "id": A,
    "run_dir": "/x",
    "opref": OPREF,
    "status": "completed",
}
STATE: dict[str, Any] = {
    **dict.fromkeys(("status", "remote", "exit_status", "started", "stopped")),
    "stamp": "",
    "left_out": [],
    "inputs": [],
    "links": [],
    "notes": {},
    "unreadable": [],
    "retries": 0,
    "stalls": 0,
    "sample": [0, 0],
    "large": [],
    "sparse": False,
}


def mark_time(run: Path) -> list[tuple[str, int]]:
    """The files of a run, and when each was changed."""
    return sorted((path.name, path.lstat().st_mtime_ns) for path in run.rglob("*"))


def complained(done: Done) -> str:
    """The one complaint of a command that failed as a user can bear it."""
    assert done.code in (1, 3, 4), done
    assert "Traceback" not in done.err + done.out
    assert "internal error" not in done.err
    lines = [line for line in done.err.splitlines() if line.startswith("guild: ")]
    assert len(lines) == 1, done
    assert "\x1b" not in done.err
    return lines[0]


class Liar:
    """A remote whose agent answers whatever a test wants."""

    def __init__(self, guild: Guild, sshd: Server, folder: Path) -> None:
        self.program = folder / "python"
        self.answer = folder / "answer"
        self.program.write_text(f"#!/bin/sh\nhead -n1 > {folder}/request\nexec cat {self.answer}\n")
        self.program.chmod(0o755)
        (folder / "liar" / "runs").mkdir(parents=True)
        guild.configure(
            liar=sshd.keys(folder / "liar", python=str(self.program)),
            good=sshd.keys(folder / "good"),
        )

    def says(self, answer: object) -> None:
        text = answer if isinstance(answer, str) else json.dumps({"ok": answer, "home": "/x"})
        self.answer.write_text(f"\nGUILD-ANSWER {text}\n")


@pytest.fixture
def liar(guild: Guild, sshd: Server, tmp_path: Path) -> Liar:
    return Liar(guild, sshd, tmp_path)


LIES: list[Any] = [
    None,
    [],
    "text",
    {},
    {"runs": 3, "total": 1, "others": 0},
    {"runs": [3], "total": 1, "others": 0},
    {"runs": [{}], "total": 1, "others": 0},
    {"runs": [{**RUN, "id": "../../../etc"}], "total": 1, "others": 0},
    {"runs": [{**RUN, "id": "/etc/passwd"}], "total": 1, "others": 0},
    {"runs": [{**RUN, "id": A + "\n"}], "total": 1, "others": 0},
    {"runs": [{**RUN, "id": None}], "total": 1, "others": 0},
    {"runs": [{**RUN, "opref": {**OPREF, "name": ["x"]}}], "total": 1, "others": 0},
    {"runs": [{**RUN, "status": "\x1b[2J"}], "total": 1, "others": 0},
    {"runs": [{**RUN, "remote": 3}], "total": 1, "others": 0},
    {"states": 3},
    {"states": {A: {"status": "fine"}}},
    {"states": {A: {"status": ["completed"]}}},
    {"states": {A: {"status": "running", "left_out": [["../x", 1]]}}},
    {"states": {A: {"status": "running", "left_out": [], "inputs": [["../x", 1]]}}},
    {"states": {A: {**STATE, "status": "running", "bytes": None, "large": [["../x", 1 << 20]]}}},
    {"files": [{"path": 3, "size": 1}], "run_dir": "/x", "left_out": [], "links": []},
]


@pytest.mark.parametrize(
    "lie", [*LIES, '{"ok"', "[" * 200_000, '{"error": {"message": "\\u001b[2J"}}']
)
def test_an_answer_that_makes_no_sense_is_said_in_a_line(
    guild: Guild, liar: Liar, lie: object
) -> None:
    mark(guild.home, A, "liar")
    liar.says(lie)
    for words in (["runs", "-r", "liar"], ["info", A, "-r", "liar"], ["ls", A, "-r", "liar"]):
        complained(guild(*words))
    complained(guild("pull", "liar", A, "-y"))
    complained(guild("sync"))
    assert guild.status(A) == "running (liar)"
    assert sorted(path.name for path in (guild.home / "runs").glob("[0-9a-f]*")) == [A]


def test_an_answer_without_end_is_cut_off(guild: Guild, liar: Liar) -> None:
    endless = f'{sys.executable} -c \'while True: print("[" * 1000000, end="")\''
    liar.program.write_text(f"#!/bin/sh\nprintf '\\nGUILD-ANSWER '\nexec {endless}\n")
    said = complained(guild("runs", "-r", "liar"))
    assert said == "guild: remote 'liar' answered with more than 256 MB"


@pytest.mark.parametrize(
    ("spec", "offered"),
    [("b", [A]), (B, [A, B]), ("a", [A[:-1] + "b", A]), ("12345678", [A])],
)
def test_a_run_that_was_not_asked_for_is_not_copied(
    guild: Guild, liar: Liar, spec: str, offered: list[str]
) -> None:
    """Nor is one of several that begin as it was asked for: an honest remote asks which."""
    write_run(guild.home, A)
    before = mark_time(guild.home / "runs" / A)
    states = {run_id: {**STATE, "status": "completed"} for run_id in offered}
    runs = [{**RUN, "id": run_id} for run_id in offered]
    liar.says({"runs": runs, "states": states, "home_id": None})
    assert "was not asked for" in complained(guild("pull", "liar", spec, "-y"))
    assert mark_time(guild.home / "runs" / A) == before
    assert [path.name for path in (guild.home / "runs").glob("[0-9a-f]*")] == [A]


def test_one_liar_keeps_no_other_remote_from_its_sync(
    guild: Guild, liar: Liar, tmp_path: Path
) -> None:
    write_run(tmp_path / "good", B)
    mark(guild.home, A, "liar")
    mark(guild.home, B, "good")
    liar.says({"states": {A: {"status": "completed", "exit_status": {"a": 1}, "stopped": "x"}}})
    complained(guild("sync"))
    assert guild.status(B) == "completed"
    assert guild.status(A) == "running (liar)", "no such run ended so"


RUNNING: dict[str, Any] = {
    **dict.fromkeys(("remote", "exit_status", "started", "stopped")),
    "status": "running",
    "stamp": "",
    "notes": {},
    "unreadable": [],
    "left_out": [],
    "inputs": [],
    "links": [],
    "bytes": None,
    "retries": 0,
    "stalls": 0,
    "sample": [0, 0],
    "large": [],
    "sparse": False,
}


@pytest.mark.parametrize(
    "children",
    [None, "text", {A: B}, [3], ["../../x"], [B + "\n"], [B.upper()], [B] * 50_001, [B]],
)
def test_trials_that_make_no_sense_are_said_in_a_line(
    guild: Guild, liar: Liar, children: object
) -> None:
    mark(guild.home, A, "liar")
    liar.says({"states": {A: {**RUNNING, "children": children}}, "home_id": None})
    assert "makes no sense about run" in complained(guild("sync"))
    assert sorted(path.name for path in (guild.home / "runs").glob("[0-9a-fA-F]*")) == [A]


def test_a_remote_that_always_has_more_trials_is_asked_for_some(guild: Guild, liar: Liar) -> None:
    mark(guild.home, A, "liar")
    chain = [A, *(f"{n:032x}" for n in range(100))]
    states = {run: {**RUNNING, "children": [child]} for run, child in itertools.pairwise(chain)}
    liar.says({"states": states, "home_id": None})
    done = guild("sync")
    complained(done)
    assert (done.out + done.err).count("Syncing ") == 11


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)
ATTRIBUTES = {
    "a tag": '!!python/object/apply:os.system ["touch canary"]\n',
    "an alias bomb": BOMB,
    "deep": "[" * 100_000,
    "large": "x" * 3_000_000,
    "escapes": '"\\e[2J\\e]0;owned\\a\\n"\n',
    "not UTF-8": "\udcff\udcfe",
}


@pytest.mark.parametrize("what", ATTRIBUTES)
def test_attributes_are_only_read(guild: Guild, remote: str, there: Path, what: str) -> None:
    run = write_run(there, A)
    for name in ("label", "flags", "tags", "comments", "cmd", "env", "deps"):
        path = run / ".guild" / "attrs" / name
        path.write_text(ATTRIBUTES[what], errors="surrogateescape")
    for words in (
        ["runs", "-r", remote],
        ["pull", remote, "-y"],
        ["runs", "-v", "-c"],
        ["info", A],
    ):
        done = guild(*words)
        assert done.code == 0, done
        assert "\x1b" not in done.out + done.err
    json.loads(guild.ok("runs", "--json").out)
    assert guild.status(A) == "completed"


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder that is none of guild's, and must be as it is afterwards."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("mine")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "mine"


def test_links_out_of_the_runs_are_told_and_not_made(
    guild: Guild, remote: str, there: Path, outside: Path
) -> None:
    run = write_run(there, A)
    (run / "sub").mkdir()
    links = {
        "absolute": str(outside / "file"),
        "up": "../../../outside/file",
        "folder": str(outside),
        "sub/higher": "../../../../outside",
        "odd \x1b name": "/etc/passwd",
    }
    for name, target in links.items():
        (run / name).symlink_to(target)
    (run / "inside").symlink_to("sub")
    guild.ok("pull", remote, A, "-y")
    here = guild.home / "runs" / A
    assert [name for name in links if os.path.lexists(here / name)] == []
    assert os.readlink(here / "inside") == "sub"
    assert guild.status(A) == "completed"
    lines = guild.ok("ls", A).lines
    for name, target in links.items():
        if "\x1b" not in name:
            assert f"  {name} -> {target} (leads out, not copied)" in lines
    assert any("odd" in line and "/etc/passwd" in line for line in lines)
    assert "\x1b" not in "".join(lines)


def test_a_link_that_becomes_a_folder_is_not_gone_through(
    guild: Guild, remote: str, there: Path, outside: Path
) -> None:
    run = write_run(there, A, ended=False)
    here = guild.home / "runs" / A
    mark(guild.home, A, remote)
    guild.ok("pull", remote, A, "-y")
    (here / "trap").symlink_to(outside)  # as an older program could have left it
    (run / "trap").mkdir()
    (run / "trap" / "file").write_text("theirs")
    guild.ok("pull", remote, A, "-y")
    assert not (here / "trap").is_symlink()
    assert (here / "trap" / "file").read_text() == "theirs"


def test_copy_links_brings_what_they_lead_to(
    guild: Guild, remote: str, there: Path, outside: Path
) -> None:
    run = write_run(there, A)
    (run / "link").symlink_to(outside / "file")
    (run / "folder").symlink_to(outside)
    guild.ok("pull", remote, A, "-y")
    guild.ok("pull", remote, A, "-y", "--copy-links")
    here = guild.home / "runs" / A
    assert not (here / "link").is_symlink()
    assert (here / "link").read_text() == "mine"
    assert (here / "folder" / "file").read_text() == "mine"
    assert not any("leads out" in line for line in guild.ok("ls", A).lines)


def test_what_is_no_file_and_what_is_dangerous_does_not_come(
    guild: Guild, remote: str, there: Path, outside: Path
) -> None:
    run = write_run(there, A)
    os.mkfifo(run / "fifo")
    if os.getuid() == 0:
        os.mknod(run / "device", 0o666 | stat.S_IFBLK, os.makedev(8, 0))
    for name in ("setuid", "Case", "case", "e\u0301", "\u00e9", "-rf", "--delete", "new\nline"):
        (run / name).write_text(name)
    if os.getuid() == 0:
        os.chown(run / "setuid", 12345, 12345)
    (run / "setuid").chmod(0o6777)  # last: a new owner clears it
    assert stat.S_IMODE((run / "setuid").stat().st_mode) == 0o6777
    guild.ok("pull", remote, A, "-y")
    here = guild.home / "runs" / A
    assert not os.path.lexists(here / "fifo")
    assert not os.path.lexists(here / "device")
    found = (here / "setuid").stat()
    assert stat.S_IMODE(found.st_mode) & 0o6002 == 0
    assert found.st_uid == os.getuid()
    for name in ("Case", "case", "e\u0301", "\u00e9", "-rf", "--delete", "new\nline"):
        assert (here / name).read_text() == name
    assert guild.status(A) == "completed"


EVIL = """#!/bin/sh
# An rsync server that serves another folder, or more than it is asked for.
for word; do last=$word; done
case "$*" in *--sender*) ;; *) exec {rsync} "$@" ;; esac
set -- $(printf '%s\\n' "$@" | grep -v {left_out} | sed "s#^$last\\$#{served}/#")
exec {rsync} "$@"
"""


@pytest.mark.parametrize("left_out", ["^nothing$", "^--files-from"], ids=["another", "more"])
def test_an_rsync_that_sends_other_files_than_asked_for(
    guild: Guild, sshd: Server, tmp_path: Path, outside: Path, left_out: str
) -> None:
    served = tmp_path / "served"
    for run_id in (A, B):
        write_run(served, run_id, sizes=(10,))
    (served / "runs" / "evil").write_text("evil")
    (served / "runs" / A / "up").symlink_to("../../../outside")
    folder = tmp_path / "bin"
    folder.mkdir()
    rsync = shutil.which("rsync")
    text = EVIL.format(rsync=rsync, left_out=left_out, served=served / "runs")
    (folder / "rsync").write_text(text)
    (folder / "rsync").chmod(0o755)
    write_run(tmp_path / "there", A)
    path = f"{folder}:{os.environ['PATH']}"
    with another_sshd(sshd, tmp_path / "evil", path=path) as server:
        guild.configure(evil=server.keys(tmp_path / "there"))
        mark(guild.home, A, "evil")
        done = guild("sync")
    names = {path.name for path in (guild.home / "runs").glob("*")}
    assert names <= {A, ".home-id"}, f"only what was asked for: {done}"
    if done.code:
        complained(done)
        assert guild.status(A) == "running (evil)"
    assert not os.path.lexists(guild.home / "runs" / A / "up")


def test_the_other_runs_of_a_hostile_one_come(
    guild: Guild, remote: str, there: Path, outside: Path
) -> None:
    bad = write_run(there, A)
    write_run(there, B, sizes=(1000,))
    for name in ("attrs", "output"):
        path = bad / ".guild" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(outside)
    guild("pull", remote, "-y")
    guild("sync")
    assert guild.status(B) == "completed"
    assert [line for line in faults(guild.home, there, remote) if A not in line] == []


@pytest.mark.parametrize("missing", [["f" * 64], ["../../../etc/passwd"]])
def test_a_remote_is_sent_nothing_but_what_it_was_offered(
    guild: Guild, liar: Liar, missing: list[str]
) -> None:
    liar.says({"run_dir": "/x", "missing": missing})
    said = complained(guild("run", "op", "-r", "liar", "-y"))
    assert said == "guild: remote 'liar' asks for what it was not offered"


def test_a_remote_that_claims_to_have_all_and_gives_nothing_is_told_of(
    guild: Guild, liar: Liar
) -> None:
    liar.says({"run_dir": "/x", "missing": []})
    complained(guild("run", "op", "-r", "liar", "-y"))


SAYS_ESCAPES = r"""
import json, sys
told = "before \x1b[2J\x1b]0;owned\x07 after"
answers = {
    "stage": {"run_dir": "/x", "missing": []},
    "install": {"missing": []},
    "add_files": [told],
    "python": {"version": "3.11.0", "executable": "/x"},
}
out = sys.stdout.buffer
for line in sys.stdin:
    asked = json.loads(line)
    for request in asked if isinstance(asked, list) else [asked]:
        function = request["function"]
        ok = json.dumps({"ok": answers.get(function), "home": "/x"})
        out.write(("\nGUILD-ANSWER %s\n" % ok).encode())
        if function == "provide":
            for kind, data in ((b"d", told.encode()), (b"e", b'{"ok": null}')):
                out.write(kind + len(data).to_bytes(4, "big") + data)
            sys.exit()
        out.flush()
"""


def test_what_it_does_for_a_start_cannot_reach_the_terminal(
    guild: Guild, liar: Liar, tmp_path: Path
) -> None:
    folder = project(
        tmp_path / "project",
        "- package: p\n  requires: [numpy]\n"
        "- operations: {op: {main: op, requires: [{file: op.py}]}}\n",
        op="",
    )
    liar.program.write_text(f"#!{sys.executable}{SAYS_ESCAPES}")
    done = guild("run", "op", "-r", "liar", "-y", "--no-wait", cwd=folder)
    told = "before ?[2J?]0;owned? after"
    assert [line for line in done.out.splitlines() if "owned" in line] == [
        told,
        f"Warning: {told}",
    ], done
