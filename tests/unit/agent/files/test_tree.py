"""A run's files, listed, when whoever made them meant harm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from rundirs import A as ID
from rundirs import B as OTHER

from guild_sync.agent.catalog import describe
from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import tree


def paths(home: str, **choice: Any) -> list[str]:
    return [file["path"] for file in tree.list_files(home, ID, **choice)["files"]]


EVERYTHING = [
    *("data.txt", "op.py", "result.csv"),
    *("src/", "src/deep/", "src/deep/x.py", "src/lib.py"),
]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({}, EVERYTHING),
        ({"pattern": "."}, EVERYTHING),
        ({"pattern": "*.py"}, ["op.py"]),
        ({"pattern": "src"}, EVERYTHING[3:]),
        ({"pattern": "./src/"}, EVERYTHING[3:]),
        ({"pattern": "s*/*.py"}, ["src/lib.py"]),
        ({"pattern": "**/x.py"}, ["src/deep/x.py"]),
        ({"pattern": "**/op.py"}, ["op.py"]),
        ({"pattern": "none"}, []),
        ({"pattern": ".guild/o*"}, [".guild/opref"]),
        ({"kind": "sourcecode"}, ["op.py", "src/lib.py"]),
        ({"kind": "sourcecode", "pattern": "src"}, ["src/lib.py"]),
        ({"kind": "dependencies"}, ["data.txt"]),
        ({"kind": "generated"}, ["result.csv", "src/deep/x.py"]),
    ],
)
def test_files_are_chosen_by_pattern_and_kind(
    home: str, run: Path, choice: dict[str, Any], found: list[str]
) -> None:
    assert paths(home, **choice) == found


def test_everything_has_the_files_of_guild_too(home: str, run: Path) -> None:
    guild = [".guild/", ".guild/attrs/", ".guild/manifest", ".guild/opref"]
    assert paths(home, everything=True) == guild + EVERYTHING


@pytest.mark.parametrize("name", ["a b.py", "it's.py", 'q"x.py', "back\\slash.py", "\u00e9.py"])
def test_a_manifest_names_files_as_sh_would(home: str, run: Path, name: str) -> None:
    import shlex

    (run / name).write_text("")
    (run / ".guild" / "manifest").write_text(f"s {shlex.quote(name)} 0 x\n")
    assert paths(home, kind="sourcecode") == [name]


def test_a_manifest_that_is_none_names_nothing(home: str, run: Path) -> None:
    (run / ".guild" / "manifest").write_bytes(b"s 'open\ns\n\n\xff\x00\n")
    assert paths(home, kind="sourcecode") == []
    (run / ".guild" / "manifest").unlink()
    assert paths(home, kind="sourcecode") == []


@pytest.mark.parametrize("pattern", ["/etc", "../x", "a/../../b", "\0"])
def test_a_pattern_that_leads_out_is_refused(home: str, run: Path, pattern: str) -> None:
    with pytest.raises(AgentError):
        paths(home, pattern=pattern)


def test_a_link_is_followed_where_asked_and_never_out_of_the_runs(
    home: str, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("")
    (tmp_path / "runs" / OTHER / "model").write_text("")
    links = {"out": tmp_path / "secret", "other": tmp_path / "runs" / OTHER, "top": tmp_path}
    links |= {"loop": Path("."), "self": Path("self"), "gone": Path("nowhere")}
    for name, target in links.items():
        (run / name).symlink_to(target)
    shown = {"out/", "other/", "top/", "loop/", "self", "gone"}
    assert set(paths(home)) == {*EVERYTHING, *shown}
    followed = set(paths(home, follow=True))
    assert "other/model" in followed
    assert not any("key" in path or path.startswith(("out/.", "top/")) for path in followed - shown)


def test_two_links_to_each_other_end(home: str, run: Path) -> None:
    for name in ("x", "y"):
        (run / name).mkdir()
        for number in range(5):
            (run / name / f"l{number}").symlink_to(run / ("y" if name == "x" else "x"))
    assert len(paths(home, follow=True)) < 1000


def test_a_folder_that_cannot_be_read_and_deep_folders_are_no_failure(home: str, run: Path) -> None:
    os.makedirs(run / "/".join(900 * "d"))
    assert len(paths(home)) == len(EVERYTHING) + 900


# Sent as one stream, and put into a folder.


def test_a_listing_of_many_runs_sends_as_many_as_are_asked_for(tmp_path: Path) -> None:
    import json

    sizes = []
    for count in (1, 300):
        for number in range(count):
            folder = tmp_path / "runs" / f"{number:032x}" / ".guild"
            (folder / "attrs").mkdir(parents=True, exist_ok=True)
            (folder / "attrs" / "started").write_text(f"{1_700_000_000_000_000 + number}")
            (folder / "opref").write_text("package:gpkg.demo 1.0 '' op")
        answer = describe.list_runs(str(tmp_path), limit=1)
        assert answer["total"] == count
        sizes.append(len(json.dumps(answer)))
    assert abs(sizes[1] - sizes[0]) < 5
