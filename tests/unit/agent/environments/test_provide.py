"""What a requirement means that names a place, and what is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_wheels import write_wheel

from guild_sync.agent import protocol
from guild_sync.agent.environments import asked, kept, provide
from guild_sync.agent.errors import AgentError
from guild_sync.agent.machine.environment import Environment
from guild_sync.agent.staging import stage
from guild_sync.agent.store import identity, locks, rundir

RUN, OTHER = "a" * 32, "b" * 32


@pytest.mark.parametrize("text", ["--target=/x", "a\nb", "-r x", "a\0"])
def test_an_option_is_no_requirement(tmp_path: Path, text: str) -> None:
    stage.stage(str(tmp_path), RUN, "guildfile:x '' '' op", {}, {"argv": ["true"]})
    with pytest.raises(AgentError, match="is not a requirement"):
        list(provide.provide(str(tmp_path), RUN, ["fine", text]))
    directory = str(tmp_path / "runs" / RUN)
    assert rundir.read_attr(directory, protocol.ENVIRONMENT) is None


def test_a_run_that_waits_for_one_of_another_machine_says_which(tmp_path: Path) -> None:
    home, wanted = str(tmp_path), ["is-nowhere"]
    stage.stage(home, RUN, "guildfile:x '' '' op", {}, {"argv": ["true"]})
    environment = Environment.load({})
    key = kept.key_of(wanted, asked.base_of(environment.python, environment.variables))
    folder = Path(kept.key_folder(home, key))
    who = identity.of(os.getpid())._replace(host="far", boot="another")
    (folder / locks.LOCK).write_text(f"{who.pid}\n")
    (folder / locks.LOCK).chmod(0o600)
    (folder / locks.OWNER).write_text(json.dumps({**who._asdict(), "flock": True}))
    waiting = provide.provide(home, RUN, wanted)
    assert [next(waiting)[1] for _ in range(2)] == [
        b"Waiting for another run on far, which installs the same requirements",
        b"If that is gone, remove what it has left: rm -r " + os.fsencode(folder),
    ]
    waiting.close()


def test_a_file_or_folder_that_has_changed_is_another_requirement(tmp_path: Path) -> None:
    (tmp_path / "a b" / ".git").mkdir(parents=True)
    file = tmp_path / "a b" / "setup.py"
    file.write_text("1")
    file_text = f"x[y] @ {file.as_uri()} ; python_version > '3'"
    texts = [file_text, f"x @ {file.parent.as_uri()}"]
    before = [provide._moving(text) for text in texts]
    (tmp_path / "a b" / ".git" / "index").touch()
    assert [provide._moving(text) for text in texts] == before
    os.utime(file, (0, 0))
    assert all(a != b for a, b in zip([*map(provide._moving, texts)], before, strict=True))


def test_a_branch_is_the_commit_that_it_has_now(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        argv = ["git", "-C", str(tmp_path), *who, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "feature/x")
    git("commit", "-q", "--allow-empty", "-m", "1")
    head = git("rev-parse", "HEAD")
    url = f"git+{tmp_path.as_uri()}"
    assert provide._moving(f"x @ {url}@feature/x#egg=x") == head
    assert provide._moving(f"x @ {url}") == head
    assert provide._moving(f"x @ {url}@{head}") == ""
    assert provide._moving(f"x @ {url}-gone@main") == time.strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    "text",
    [
        "numpy",
        "numpy>=1; extra == '@'",
        "x @ https://h/x-1.whl",
        "x @ file:///%00",  # no file can be there
        "x @ file://[",
    ],
)
def test_what_is_the_same_tomorrow_is_told_by_its_text(text: str) -> None:
    assert provide._moving(text) == ""


@pytest.mark.parametrize("kind", ["link", "script"])
def test_a_python_of_another_name_enters_what_it_was_given(tmp_path: Path, kind: str) -> None:
    write_wheel(tmp_path / "wheels", "provide-a")
    wheels = str(tmp_path / "wheels")
    variables = {
        protocol.ENV + name: value
        for kind, offline in (("PIP", "NO_INDEX"), ("UV", "OFFLINE"))
        for name, value in ((f"{kind}_{offline}", "1"), (f"{kind}_FIND_LINKS", wheels))
    }
    other = tmp_path / "python-of-another-name"
    if kind == "link":
        other = Path(sys.executable).with_name("python3")
    else:
        other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        other.chmod(0o755)
    for run_id, python in ((RUN, Path(sys.executable).with_name("python")), (OTHER, other)):
        environment = {"python": str(python), **variables}
        job: protocol.Job = {"argv": ["true"], "environment": environment}
        stage.stage(str(tmp_path), run_id, "guildfile:x '' '' op", {}, job)
        said = list(provide.provide(str(tmp_path), run_id, ["provide-a"]))
    assert said == [], "nothing is installed anew"
    directory = str(tmp_path / "runs" / OTHER)
    assert provide.enter(str(tmp_path), directory, Environment.load(environment)) == []
