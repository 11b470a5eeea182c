"""Which files of a run are copied, and what becomes of those that are left out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparing import differences
from support import Guild, Server
from test_fleet import bind, pulled

from guild_sync.agent.files.left_out import left_out_of

FILES = {
    "model.ckpt": 5000,
    "result.json": 20,
    "odd [x]*?\\.ckpt": 7,
    "new\nline.ckpt": 8,
    "-dash": 9,
    "deep/er/model.ckpt": 6000,
    "deep/er/notes.txt": 30,
    "logs/a.gz": 40,
    "logs/a.log": 50,
}


@pytest.fixture
def run_id(guild: Guild, remote: str, there: Path) -> str:
    """A run that has ended on the remote, with these files; it is here without them."""
    found = pulled(guild, remote)
    guild.ok("sync")
    fill(there / "runs" / found)
    bind(guild, found, remote)
    return found


def fill(run: Path) -> None:
    for name, size in FILES.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def copied(guild: Guild, run_id: str) -> set[str]:
    """Those of FILES that are here."""
    return {name for name in FILES if (guild.home / "runs" / run_id / name).exists()}


CKPT = {name for name in FILES if name.endswith(".ckpt")}
SELECTIONS: list[tuple[list[str], set[str]]] = [
    (["--exclude", "*.ckpt"], CKPT),
    (["--exclude", "/*.ckpt"], {name for name in CKPT if "/" not in name}),
    (["--exclude", "deep/", "--exclude", "logs/*.gz"], {*list(FILES)[5:7], "logs/a.gz"}),
    (["--exclude", "deep", "--include", "notes.txt"], {"deep/er/model.ckpt"}),
    (["--exclude", "*", "--include", "result.json"], set(FILES) - {"result.json"}),
    (["--exclude", "**/er/*.txt"], {"deep/er/notes.txt"}),
    (["--exclude", "logs/**"], {"logs/a.gz", "logs/a.log"}),
    (["--exclude", "odd [[]x]*"], {"odd [x]*?\\.ckpt"}),
    (["--max-size", "5K"], {"deep/er/model.ckpt"}),
    (["--max-size", "5000"], {"deep/er/model.ckpt"}),
    (["--max-size", "45", "--include", "/model.ckpt"], {"deep/er/model.ckpt", "logs/a.log"}),
    (["--exclude=-dash"], {"-dash"}),
    (["--exclude", ".guild", "--exclude", "attrs", "--exclude", "opref"], set()),
]


@pytest.mark.parametrize(
    ("words", "left_out"), SELECTIONS, ids=[" ".join(words) for words, _ in SELECTIONS]
)
def test_what_is_left_out_is_told_by_ls_and_all_files_brings_it(
    guild: Guild, remote: str, there: Path, run_id: str, words: list[str], left_out: set[str]
) -> None:
    guild.ok("pull", remote, run_id, "-y", *words)
    assert copied(guild, run_id) == set(FILES) - left_out
    assert guild.status(run_id) == "completed", "what is left out on purpose is no fault"
    listed = [line for line in guild.ok("ls", run_id).lines if line.endswith(")")]
    assert all(" (not copied, " in line for line in listed)
    assert bool(listed) == bool(left_out)
    assert not any(line.endswith(")") for line in guild.ok("ls", run_id, "-n").lines)
    guild.ok("pull", remote, run_id, "-y", "--all-files")
    assert differences(guild.home / "runs" / run_id, there / "runs" / run_id) == []
    assert not any(line.endswith(")") for line in guild.ok("ls", run_id).lines)


def test_ls_tells_the_size_of_a_file_and_of_a_folder(
    guild: Guild, remote: str, run_id: str
) -> None:
    guild.ok("sync", "--exclude", "deep", "--exclude", "new*")
    lines = guild.ok("ls", run_id).lines
    assert "  deep/ (not copied, 5.9K)" in lines
    assert "  new?line.ckpt (not copied, 8)" in lines
    assert "  deep/ (not copied, 5.9K)" in guild.ok("ls", run_id, "-p", "deep").lines


def configure(guild: Guild, remote: str, **pull: Any) -> None:
    found = yaml.safe_load(guild.config.read_text())
    found["remotes"][remote]["pull"] = {key.replace("_", "-"): v for key, v in pull.items()}
    guild.config.write_text(yaml.safe_dump(found))


def test_the_config_says_what_is_left_out_and_a_call_adds_to_it(
    guild: Guild, remote: str, run_id: str
) -> None:
    configure(guild, remote, exclude="*.ckpt", max_size="35")
    guild.ok("sync", "--exclude", "-dash", "--max-size", "45")
    assert copied(guild, run_id) == set(FILES) - CKPT - {"-dash", "logs/a.log"}


def test_large_files_come_when_their_run_has_ended(
    guild: Guild, sshd: Server, remote: str, there: Path
) -> None:
    configure(guild, remote, large_files="at-end", large_files_over="1K")
    ended = pulled(guild, remote)
    goes_on = guild.started("sleep=600", remote=remote)
    guild.ok("pull", remote, goes_on, "-y")
    for each in (ended, goes_on):
        fill(there / "runs" / each)
        bind(guild, each, remote)
    done = guild.ok("sync")
    assert len([line for line in done.lines if line.startswith("Copying")]) == 2
    assert copied(guild, ended) == set(FILES)
    assert copied(guild, goes_on) == set(FILES) - {"model.ckpt", "deep/er/model.ckpt"}
    guild.ok("stop", goes_on, "-r", remote, "-y")
    guild.ok("sync")
    assert guild.status(goes_on) == "terminated"
    assert copied(guild, goes_on) == set(FILES)
    assert left_out_of(str(guild.home / "runs" / goes_on)) == []


def test_another_selection_copies_anew_a_run_that_has_not_changed(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=600", remote=remote)
    fill(there / "runs" / run_id)
    guild.ok("pull", remote, run_id, "-y", "--exclude", "*.ckpt")
    for _ in range(2):
        done = guild.ok("sync", "--exclude", "*.ckpt")
    assert f"Copying {run_id}" not in done.lines
    assert f"Copying {run_id}" in guild.ok("sync").lines
    assert copied(guild, run_id) == set(FILES)


def test_delete_spares_what_is_left_out(guild: Guild, remote: str, run_id: str) -> None:
    guild.ok("pull", remote, run_id, "-y")
    folder = guild.home / "runs" / run_id
    (folder / "mine").touch()
    guild.ok("pull", remote, run_id, "-y", "--delete", "--exclude", "*.ckpt")
    assert copied(guild, run_id) == set(FILES)
    assert not (folder / "mine").exists()


def test_a_plan_leaves_out_what_the_sync_would(guild: Guild, remote: str, run_id: str) -> None:
    words = ("sync", "--plan", "--json", "--exclude", "*.ckpt")
    found = json.loads(guild.ok(*words).out)
    assert found["remotes"][0]["files"] == len(FILES) - len(CKPT)
    assert found["bytes"] == sum(size for name, size in FILES.items() if name not in CKPT)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exclude", "../x"], "'../x' is not a pattern of a path in a run"),
        (["--exclude", ""], "'' is not a pattern of a path in a run"),
        (["--include", "/"], "'/' is not a pattern of a path in a run"),
        (["--max-size", "big"], "--max-size takes a size such as 100M or 1.5G, not 'big'"),
        (["--max-size", "-1"], "--max-size takes a size such as 100M or 1.5G, not '-1'"),
        (["--all-files", "--exclude", "x"], "--all-files excludes --exclude, --include"),
    ],
)
def test_a_selection_that_is_none(guild: Guild, words: list[str], said: str) -> None:
    for command in (["sync"], ["pull", "guild-uat", "-y"]):
        done = guild(*command, *words)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"guild: {said}"), done.err


def test_every_fault_of_a_selection_in_the_config_is_named(guild: Guild, remote: str) -> None:
    configure(guild, remote, exclude=["a", 3], max_size="big", large_files="never", exlude="x")
    done = guild("runs", "-r", remote)
    assert done.code == 1
    faults = [line.strip().partition(": pull: ")[2] for line in done.err.splitlines()[1:]]
    assert faults == [
        "exclude: must be a pattern of paths in a run, or a list of them, not ['a', 3]",
        "exlude: is not a key of pull (did you mean exclude?)",
        "large-files: can be 'at-end', not 'never'",
        "max-size: must be a size, such as 100M or 1.5G, not 'big'",
    ]
