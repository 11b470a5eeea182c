"""Which files are a project's source code, and the wheel that carries them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from guild_sync.errors import ConfigError, GuildError
from guild_sync.project.definitions import Package
from guild_sync.project.sourcecode import Source, source
from guild_sync.project.wheel import Built, build

BIG = b"x" * ((1 << 20) + 1)


def fill(folder: Path, *names: str, content: bytes = b"text") -> Path:
    """Files in a folder, each with this content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def git(folder: Path, *argv: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *argv],
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A project that is not in git."""
    return fill(tmp_path / "project", "guild.yml", "train.py", "lib/util.py")


@pytest.fixture
def tracked(plain: Path) -> Path:
    """The same project, committed."""
    git(plain, "init", "-q")
    git(plain, "add", ".")
    git(plain, "commit", "-qm", "first")
    return plain


# Which files, outside git.


LEFT_OUT = "model.bin is left out: it is 1.0 MB, and 'sourcecode' in guild.yml does not name it"


def test_all_files_are_source_code(plain: Path) -> None:
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__/a.pyc",
        "lib/__pycache__/a.txt",
        "a.pyc",
        ".mypy_cache/x",
        ".pytest_cache/x",
        "node_modules/x/y.js",
        ".ipynb_checkpoints/x",
        "demo.egg-info/PKG-INFO",
        ".hg/x",
    ],
)
def test_caches_are_left_out_without_a_word(plain: Path, name: str) -> None:
    fill(plain, name)
    assert source(plain) == Source(plain, ("guild.yml", "lib/util.py", "train.py"))


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_environments_are_left_out_whatever_they_are_called(plain: Path, mark: str) -> None:
    fill(plain, f"my env/{mark}", "my env/lib/x.py")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_a_file_over_1_mb_is_left_out_and_said(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    found = source(plain)
    assert "model.bin" not in found.files
    assert found.left_out == (LEFT_OUT,)


def test_a_file_of_1_mb_is_taken(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG[:-1])
    assert "model.bin" in source(plain).files


def test_more_than_100_files_are_refused_with_what_to_do(plain: Path) -> None:
    fill(plain, *(f"data/{n}" for n in range(98)))
    with pytest.raises(GuildError) as error:
        source(plain)
    assert error.value.message == f"the project {plain} has 101 files, more than 100"
    assert "sourcecode: ['*.py', 'config/*']" in error.value.hint


def test_100_files_are_taken(plain: Path) -> None:
    fill(plain, *(f"data/{n}" for n in range(97)))
    assert len(source(plain).files) == 100


def test_more_than_100_files_are_taken_where_sourcecode_asks_for_them(plain: Path) -> None:
    fill(plain, *(f"data/{n}" for n in range(200)))
    assert len(source(plain, ["data/*"]).files) == 200


def test_what_is_no_regular_file_is_passed_over(plain: Path) -> None:
    import os

    os.mkfifo(plain / "fifo")
    (plain / "dangling").symlink_to("nowhere")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_a_link_to_a_folder_is_not_followed(plain: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "secret")
    (plain / "link").symlink_to(tmp_path / "elsewhere")
    (plain / "loop").symlink_to(plain)
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


# Which files, in git.


def test_what_git_tracks_and_what_it_does_not_ignore_is_source_code(tracked: Path) -> None:
    fill(tracked, "new.py", "data/big.csv", "notes.txt")
    (tracked / ".gitignore").write_text("data/\nnotes.txt\n")
    assert source(tracked).files == (".gitignore", "guild.yml", "lib/util.py", "new.py", "train.py")


def test_a_tracked_file_is_taken_though_it_is_ignored_or_large(tracked: Path) -> None:
    fill(tracked, "model.bin", content=BIG)
    (tracked / ".gitignore").write_text("*.bin\n")
    git(tracked, "add", "-f", "model.bin")
    found = source(tracked)
    assert "model.bin" in found.files
    assert found.left_out == ()


def test_an_untracked_file_over_1_mb_is_left_out_and_said(tracked: Path) -> None:
    fill(tracked, "model.bin", content=BIG)
    assert source(tracked).left_out == (LEFT_OUT,)


def test_a_tracked_file_that_is_gone_is_passed_over(tracked: Path) -> None:
    (tracked / "train.py").unlink()
    assert source(tracked).files == ("guild.yml", "lib/util.py")


def test_a_project_below_the_top_of_a_work_tree_is_its_own_files_alone(tracked: Path) -> None:
    fill(tracked, "sub/guild.yml", "sub/new.py")
    git(tracked, "add", "sub/guild.yml")
    assert source(tracked / "sub").files == ("guild.yml", "new.py")


def test_names_that_git_would_quote_are_found(tracked: Path) -> None:
    names = ("a b.py", 'say "hi".py', "it's.py", "é.py", "tab\t.py")
    fill(tracked, *names)
    git(tracked, "add", ".")
    assert set(names) <= set(source(tracked).files)


def test_a_folder_that_only_looks_like_git_is_taken_as_it_is(plain: Path) -> None:
    fill(plain, ".git/HEAD")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_caches_that_git_does_not_ignore_are_left_out_too(tracked: Path) -> None:
    fill(tracked, "__pycache__/train.pyc", "venv/pyvenv.cfg", "venv/lib/x.py")
    assert source(tracked).files == ("guild.yml", "lib/util.py", "train.py")


# What `sourcecode` selects.


@pytest.mark.parametrize(
    ("selection", "files"),
    [
        (None, ("guild.yml", "lib/util.py", "train.py")),
        (True, ("guild.yml", "lib/util.py", "train.py")),
        (False, ()),
        ("no", ()),
        ("*.py", ("lib/util.py", "train.py")),
        (["train.py", "guild.yml"], ("guild.yml", "train.py")),
        ("lib", ("lib/util.py",)),
        ("lib/", ("lib/util.py",)),
        ({"include": "*.py", "exclude": "lib"}, ("train.py",)),
        ({"exclude": ["*.yml"]}, ("lib/util.py", "train.py")),
        ({}, ("guild.yml", "lib/util.py", "train.py")),
    ],
)
def test_sourcecode_selects(plain: Path, selection: object, files: tuple[str, ...]) -> None:
    assert source(plain, selection).files == files


def test_a_large_file_is_taken_where_sourcecode_asks_for_it(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    assert source(plain, ["*.bin"]) == Source(plain, ("model.bin",))


def test_an_excluded_file_is_not_said_to_be_left_out(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    assert source(plain, {"exclude": "*.bin"}).left_out == ()


@pytest.mark.parametrize(
    ("selection", "fault"),
    [
        ({"inclued": "x"}, "sourcecode: inclued is not one of include, exclude"),
        ([1], "sourcecode: must be a pattern or a list of patterns"),
        ({"include": {"a": "b"}}, "sourcecode: must be a pattern or a list of patterns"),
    ],
)
def test_a_selection_that_is_none_is_a_fault(plain: Path, selection: object, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        source(plain, selection)
    assert error.value.message == fault


# The digest.


def test_the_same_place_and_content_have_the_same_digest(plain: Path) -> None:
    assert source(plain).digest() == source(plain).digest()
    assert re.fullmatch("[0-9a-f]{64}", source(plain).digest())


def test_another_content_name_or_place_has_another_digest(plain: Path, tmp_path: Path) -> None:
    first = source(plain).digest()
    other = fill(tmp_path / "other", "guild.yml", "train.py", "lib/util.py")
    assert source(other).digest() != first
    (plain / "train.py").rename(plain / "brain.py")
    renamed = source(plain).digest()
    (plain / "brain.py").write_text("other")
    assert len({first, renamed, source(plain).digest()}) == 3


def test_moving_bytes_between_a_name_and_its_content_changes_the_digest(tmp_path: Path) -> None:
    one, two = fill(tmp_path, "a", content=b"bc"), tmp_path
    first = Source(one, ("a",)).digest()
    fill(two, "ab", content=b"c")
    assert Source(two, ("ab",)).digest() != first


# The wheel.


def built(project: Path, target: Path, **keys: object) -> Built:
    target.mkdir(exist_ok=True)
    return build(source(project), Package(**keys), target)  # type: ignore[arg-type]


def test_a_project_without_a_name_is_named_by_its_digest(plain: Path, tmp_path: Path) -> None:
    digest = source(plain).digest()[:8]
    found = built(plain, tmp_path / "out")
    assert found == Built(
        wheel=tmp_path / "out" / f"gpkg_anonymous_{digest}-0.0.0-py3-none-any.whl",
        name=f"gpkg.anonymous-{digest}",
        version="0.0.0",
        folder=f"gpkg/anonymous_{digest}",
        requires=(),
    )


def test_a_package_entry_names_the_wheel(plain: Path, tmp_path: Path) -> None:
    found = built(plain, tmp_path / "out", name="My.Demo-x", version="1.2", requires=("a>=1",))
    assert found.wheel.name == "gpkg_my_demo_x-1.2-py3-none-any.whl"
    assert (found.name, found.folder, found.requires) == (
        *("gpkg.My.Demo-x", "gpkg/My_Demo_x"),
        ("a>=1",),
    )


def test_the_wheel_has_the_files_and_says_what_it_is(plain: Path, tmp_path: Path) -> None:
    found = built(
        plain,
        tmp_path / "out",
        name="demo",
        version="1.2",
        description="two\nlines",
        python_requires=">=3.8",
        requires=("a>=1", "b"),
    )
    with zipfile.ZipFile(found.wheel) as archive:
        assert sorted(archive.namelist()) == [
            "gpkg/demo/guild.yml",
            "gpkg/demo/lib/util.py",
            "gpkg/demo/train.py",
            "gpkg_demo-1.2.dist-info/METADATA",
            "gpkg_demo-1.2.dist-info/RECORD",
            "gpkg_demo-1.2.dist-info/WHEEL",
        ]
        metadata = Parser().parsestr(archive.read("gpkg_demo-1.2.dist-info/METADATA").decode())
    assert metadata.items() == [
        ("Metadata-Version", "2.1"),
        ("Name", "gpkg.demo"),
        ("Version", "1.2"),
        ("Summary", "two lines"),
        ("Requires-Python", ">=3.8"),
        ("Requires-Dist", "a>=1"),
        ("Requires-Dist", "b"),
    ]


def test_every_file_is_in_the_record_with_its_digest_and_size(plain: Path, tmp_path: Path) -> None:
    found = built(plain, tmp_path / "out", name="demo")
    with zipfile.ZipFile(found.wheel) as archive:
        assert archive.testzip() is None
        record = archive.read("gpkg_demo-0.0.0.dist-info/RECORD").decode()
        rows = list(csv.reader(io.StringIO(record)))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows:
            if not name.endswith("/RECORD"):
                content = archive.read(name)
                raw = hashlib.sha256(content).digest()
                expected = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
                assert (digest, int(size)) == (f"sha256={expected}", len(content))


def installed(wheel: Path, target: Path) -> set[str]:
    """The files that pip makes of the wheel."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-compile", "--target", str(target), str(wheel)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()}


@pytest.mark.parametrize("folder", ["project", 'it\'s a "project" $(x) 100% é'])
def test_pip_installs_the_wheel(tmp_path: Path, folder: str) -> None:
    project = fill(tmp_path / folder, "train.py", "data/a b.txt", "data/é'\".txt")
    found = built(project, tmp_path / "out")
    files = installed(found.wheel, tmp_path / "site")
    assert {f"{found.folder}/{name}" for name in source(project).files} <= files


def test_an_executable_file_stays_one(plain: Path, tmp_path: Path) -> None:
    (plain / "train.py").chmod(0o755)
    found = built(plain, tmp_path / "out", name="demo")
    with zipfile.ZipFile(found.wheel) as archive:
        mode = archive.getinfo("gpkg/demo/train.py").external_attr >> 16
    assert mode & 0o777 == 0o755


def test_two_wheels_of_the_same_project_have_the_same_name(plain: Path, tmp_path: Path) -> None:
    assert built(plain, tmp_path / "a").name == built(plain, tmp_path / "b").name


def test_a_requirement_that_is_none_is_a_fault(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        built(plain, tmp_path / "out", name="demo", requires=("a b c",))
    assert error.value.message.startswith("package: requires: 'a b c' is not a requirement: ")


def test_a_file_from_before_1980_does_not_stop_the_wheel(plain: Path, tmp_path: Path) -> None:
    import os

    os.utime(plain / "train.py", (0, 0))
    assert built(plain, tmp_path / "out").wheel.exists()


@pytest.mark.parametrize(("key", "value"), [("version", "1!2.0"), ("version", "1.0+a.b")])
def test_any_version_gives_a_wheel_that_pip_installs(
    plain: Path, tmp_path: Path, key: str, value: str
) -> None:
    found = built(plain, tmp_path / "out", name="demo", **{key: value})
    assert installed(found.wheel, tmp_path / "site")


@pytest.mark.parametrize("version", ["1.0.x", "1abc", "1..2", "1!!"])
def test_a_version_that_is_none_is_a_fault(plain: Path, tmp_path: Path, version: str) -> None:
    from guild_sync.project import guildfile

    (plain / "guild.yml").write_text(f"- package: demo\n  version: '{version}'\n")
    with pytest.raises(ConfigError):
        guildfile.load(plain)


def test_a_name_that_is_not_utf8_is_packed_or_refused(plain: Path, tmp_path: Path) -> None:
    import os

    (plain / os.fsdecode(b"\xff.py")).write_text("text")
    try:
        assert built(plain, tmp_path / "out").wheel.exists()
    except GuildError as e:
        assert "\\xff" in e.message


def test_a_file_that_cannot_be_read_is_an_error_of_the_users(plain: Path, tmp_path: Path) -> None:
    (plain / "train.py").unlink()
    found = Source(plain, ("train.py",))  # as if it went, or was closed, in between
    with pytest.raises(GuildError):
        build(found, Package(), tmp_path)
