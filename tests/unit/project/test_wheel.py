"""The wheel that carries a project's files."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from trees import fill

from guild_sync.errors import ConfigError, GuildError
from guild_sync.project.definitions import Package
from guild_sync.project.sourcecode import Source, source
from guild_sync.project.wheel import Built, build


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


def test_a_name_with_the_prefix_gets_no_second_one(plain: Path, tmp_path: Path) -> None:
    found = built(plain, tmp_path / "out", name="gpkg.a.b", version="1.0-beta")
    assert (found.name, found.folder, found.version) == ("gpkg.a.b", "gpkg/a_b", "1.0-beta")
    assert found.wheel.name == "gpkg_a_b-1.0_beta-py3-none-any.whl"
    assert installed(found.wheel, tmp_path / "site")


def test_the_wheel_says_of_itself_what_the_package_does(plain: Path, tmp_path: Path) -> None:
    found = built(
        plain,
        tmp_path / "out",
        name="demo",
        url="http://example.com",
        author="Ann",
        author_email="ann@example.com",
        license="MIT",
        tags=("a", "b"),
        python_tag="py2.py3",
    )
    assert found.wheel.name == "gpkg_demo-0.0.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(found.wheel) as archive:
        texts = [
            archive.read(f"gpkg_demo-0.0.0.dist-info/{name}").decode()
            for name in ("METADATA", "WHEEL")
        ]
    metadata, wheel = map(Parser().parsestr, texts)
    assert metadata.items()[4:] == [
        ("Home-page", "http://example.com"),
        ("Author", "Ann"),
        ("Author-email", "ann@example.com"),
        ("License", "MIT"),
        ("Keywords", "a b"),
    ]
    assert wheel.get_all("Tag") == ["py2-none-any", "py3-none-any"]


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
    from guild_sync.config.faults import refuse
    from guild_sync.guildfile import reader

    (plain / "guild.yml").write_text(f"- package: demo\n  version: '{version}'\n")
    with pytest.raises(ConfigError):
        refuse(plain, reader.load(plain).faults)


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
