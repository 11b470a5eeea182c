"""A run's files, listed and sent, when whoever made them meant harm."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent import listing, runs
from guild_sync.agent.errors import AgentError
from guild_sync.errors import GuildError
from guild_sync.runs.archive import into

ID, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for run_id in (ID, OTHER):
        folder = tmp_path / "runs" / run_id
        (folder / ".guild" / "attrs").mkdir(parents=True)
        (folder / ".guild" / "opref").write_text("package:gpkg.demo 1.0 '' op")
    folder = tmp_path / "runs" / ID
    (folder / "src" / "deep").mkdir(parents=True)
    for name in ("op.py", "src/lib.py", "src/deep/x.py", "data.txt", "result.csv"):
        (folder / name).write_text(name)
    (folder / ".guild" / "manifest").write_text(
        "s op.py 0 op.py\ns src/lib.py 0 src/lib.py\nd data.txt 0 file:data.txt\n"
    )
    return folder


def paths(home: str, **choice: Any) -> list[str]:
    return [file["path"] for file in listing.list_files(home, ID, **choice)["files"]]


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


def received(tmp_path: Path, home: str, **choice: Any) -> Path:
    target = tmp_path / "received"
    with into(target) as on_bytes:
        for chunk in listing.archive(home, ID, **choice):
            on_bytes(chunk)
    return target


def test_chosen_files_arrive_as_they_are(home: str, run: Path, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (run / "big").write_bytes(content)
    (run / ("long" * 40)).write_text("long")
    (run / os.fsdecode(b"\xff")).write_text("bytes")
    os.utime(run / "op.py", (1_000_000_000, 1_000_000_000))
    target = received(tmp_path, home)
    assert (target / "big").read_bytes() == content
    assert (target / ("long" * 40)).read_text() == "long"
    assert (target / os.fsdecode(b"\xff")).read_text() == "bytes"
    assert (target / "op.py").stat().st_mtime == 1_000_000_000
    assert (target / "src/deep/x.py").read_text() == "src/deep/x.py"


def test_a_part_of_the_files_is_what_was_asked_for(home: str, run: Path, tmp_path: Path) -> None:
    target = received(tmp_path, home, kind="sourcecode")
    files = sorted(str(f.relative_to(target)) for f in target.rglob("*") if f.is_file())
    assert files == ["op.py", "src/lib.py"]


def test_links_fifos_and_marks_are_not_sent(home: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (run / "in").symlink_to("op.py")
    (run / "out").symlink_to(tmp_path / "secret")
    os.mkfifo(run / "fifo")
    (run / ".guild" / "LOCK").write_text("1\n")
    (run / ".guild" / "job-packages" / "pkg").mkdir(parents=True)
    (run / ".guild" / "job-packages" / "pkg" / "module.py").write_text("")
    target = received(tmp_path, home)
    assert (target / "in").read_text() == "op.py"
    assert (target / "out").read_text().startswith("out leads out of the run, to ")
    assert not any((target / name).exists() for name in ("fifo", ".guild/LOCK"))
    assert not (target / ".guild" / "job-packages").exists()


def test_a_file_that_is_cut_while_it_is_sent_has_the_size_that_was_told(
    home: str, run: Path, tmp_path: Path
) -> None:
    (run / "data.txt").write_bytes(b"x" * 1_000_000)
    chunks = listing.archive(home, ID, pattern="data.txt")
    sent = [next(chunks), next(chunks)]
    os.truncate(run / "data.txt", 0)
    with into(tmp_path / "received") as on_bytes:
        for chunk in [*sent, *chunks]:
            on_bytes(chunk)
    assert (tmp_path / "received" / "data.txt").stat().st_size == 1_000_000


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-of-guild", "a/../../evil", "a/.."])
def test_a_file_outside_of_the_run_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(GuildError):
        unpack(tmp_path, tarfile.TarInfo(name))
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_regular_file_is_left_out(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    unpack(tmp_path, member, tarfile.TarInfo("link/inside"))
    assert sorted(p.name for p in (tmp_path / "received").rglob("*")) == ["inside", "link"]


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GuildError), into(tmp_path / "received") as on_bytes:
        on_bytes(b"x" * 2000)
    with pytest.raises(GuildError):
        unpack(tmp_path / "again", tarfile.TarInfo("a"), tarfile.TarInfo("a/b"))


def unpack(tmp_path: Path, *members: tarfile.TarInfo) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        for member in members:
            made.addfile(member)
    with into(tmp_path / "received") as on_bytes:
        on_bytes(archive.getvalue())


def test_a_source_file_is_found_in_the_run_or_in_its_source_folder(home: str, run: Path) -> None:
    assert listing.source_path(home, ID, "op.py") == "op.py"
    assert listing.source_path(home, ID, "./src/lib.py") == "src/lib.py"
    manifest = run / ".guild" / "manifest"
    manifest.write_text("s .guild/sourcecode/op.py 0 op.py\n")
    assert listing.source_path(home, ID, "op.py") == ".guild/sourcecode/op.py"
    with pytest.raises(AgentError) as error:
        listing.source_path(home, ID, "src/lib.py")
    assert error.value.kind == "missing-file"


def test_a_listing_of_many_runs_sends_as_many_as_are_asked_for(tmp_path: Path) -> None:
    import json

    sizes = []
    for count in (1, 300):
        for number in range(count):
            folder = tmp_path / "runs" / f"{number:032x}" / ".guild"
            (folder / "attrs").mkdir(parents=True, exist_ok=True)
            (folder / "attrs" / "started").write_text(f"{1_700_000_000_000_000 + number}")
            (folder / "opref").write_text("package:gpkg.demo 1.0 '' op")
        answer = runs.list_runs(str(tmp_path), limit=1)
        assert answer["total"] == count
        sizes.append(len(json.dumps(answer)))
    assert abs(sizes[1] - sizes[0]) < 5
