"""The config file, read: what is kept of it from one command to the next is never a lie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guild_sync.config import file, yaml_text
from guild_sync.config.home import session_folder
from guild_sync.errors import ConfigError

TEXT = "remotes:\n  gpu: {type: ssh, host: gpu1, port: 22}\n"
FOUND = {"remotes": {"gpu": {"type": "ssh", "host": "gpu1", "port": 22}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "config.yml"
    found.write_text(TEXT)
    return found


def load_anew(path: Path) -> object:
    """As another command reads it."""
    file._loaded.cache_clear()
    return file.load(path)


@pytest.fixture
def no_yaml() -> Iterator[pytest.MonkeyPatch]:
    """Within, no text is read as YAML."""

    def refuse(path: Path, text: str) -> None:
        raise AssertionError("read as YAML")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml_text, "parsed", refuse)
        yield patched


def kept(path: Path) -> Path:
    found = file._kept(path)
    assert found
    return found


def test_a_text_that_was_read_once_is_known(path: Path, no_yaml: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="read as YAML"):
        load_anew(path)
    no_yaml.undo()
    assert load_anew(path) == FOUND
    no_yaml.setattr(yaml_text, "parsed", None)
    assert load_anew(path) == FOUND


def test_a_command_that_knows_the_text_does_not_load_what_reads_yaml(path: Path) -> None:
    code = (
        "import pathlib, sys; from guild_sync.config.file import load;"
        "print(load(pathlib.Path(sys.argv[1])), 'yaml' in sys.modules)"
    )
    argv = [sys.executable, "-c", code, str(path)]
    said = [subprocess.run(argv, capture_output=True, text=True).stdout for _ in range(2)]
    assert said == [f"{FOUND} True\n", f"{FOUND} False\n"]


def test_another_text_is_read_though_all_else_of_the_file_is_the_same(path: Path) -> None:
    assert load_anew(path) == FOUND
    before = path.stat()
    with open(path, "r+") as same:  # the inode too
        same.write(TEXT.replace("22", "23"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        *(before.st_size, before.st_mtime_ns),
        before.st_ino,
    )
    assert load_anew(path) == {"remotes": {"gpu": {"type": "ssh", "host": "gpu1", "port": 23}}}


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_what_is_torn_is_not_believed(path: Path, cut: int) -> None:
    load_anew(path)
    whole = kept(path).read_bytes()
    kept(path).write_bytes(whole[:cut])
    assert load_anew(path) == FOUND
    assert kept(path).read_bytes() == whole


@pytest.mark.parametrize(
    "said", ["null", "3", "[]", "[1]", "{}", "[" * 100_000, '"x"', "[1, 2, 3]"]
)
def test_what_is_something_else_is_not_believed(path: Path, said: str) -> None:
    kept(path).write_text(said)
    assert load_anew(path) == FOUND


def test_what_another_program_has_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_anew(path)
    reader, text, found = json.loads(kept(path).read_text())
    assert (reader, text, found) == (file._reader(), TEXT, FOUND)
    kept(path).write_text(json.dumps([f"{reader} ", text, {}]))
    assert load_anew(path) == FOUND
    monkeypatch.setattr(sys, "version", "4.0")
    assert reader != file._reader()


def test_another_yaml_reader_reads_it_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file._reader()
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml" / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert file._reader() != before


def test_each_file_is_kept_by_itself(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text("groups: {all-of-them: [gpu]}\n")
    for _ in range(2):
        assert load_anew(path) == FOUND
        assert load_anew(other) == {"groups": {"all-of-them": ["gpu"]}}


@pytest.mark.parametrize(
    "text",
    [
        "a: 2026-01-01\n",
        "1: b\n",
        "yes: b\n",
        "a: !!set {b}\n",
        "a: !!binary aGk=\n",
        "a: .nan\n",
        '"\\ud83d\\ude00"\n',
        "a: &b [1]\nc: *b\n",
        "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10 if n else 'x')}]\n" for n in range(30)
        ),
        f"x: {'a' * (1 << 22)}\n",
    ],
)
def test_what_json_cannot_say_is_read_each_time(path: Path, text: str) -> None:
    path.write_text(text)
    load_anew(path)
    assert not kept(path).exists()


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "a: [1, 1.0, yes, null, '1', -0.0, 1e3, .inf]\n"]
)
def test_what_is_kept_is_just_what_was_read(path: Path, text: str) -> None:
    path.write_text(text)
    read = load_anew(path)
    assert kept(path).exists()
    assert repr(load_anew(path)) == repr(read)


@pytest.mark.parametrize("text", ["a: [", "a: !!int x\n", "\x00"])
def test_what_is_no_yaml_is_said_each_time(path: Path, text: str) -> None:
    load_anew(path)
    path.write_text(text)
    for _ in range(2):
        with pytest.raises(ConfigError, match="not valid YAML"):
            load_anew(path)


def test_nobody_else_can_read_what_is_kept_and_it_goes_with_the_file(path: Path) -> None:
    load_anew(path)
    assert kept(path).parent == session_folder()  # which is its user's alone (test_home.py)
    assert kept(path).stat().st_mode & 0o077 == 0
    path.unlink()
    with pytest.raises(ConfigError, match="GUILD_CONFIG names"):
        load_anew(path)
    assert not kept(path).exists()


def test_where_the_system_has_no_folder_that_goes_with_its_user_nothing_is_kept(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be on a disk for good, as in /tmp, whatever becomes of the file."""
    monkeypatch.setattr(file, "session_folder", lambda: None)
    before = {*tmp_path.rglob("*")}
    for _ in range(2):
        assert load_anew(path) == FOUND
    assert {*tmp_path.rglob("*")} == before
    path.unlink()
    with pytest.raises(ConfigError, match="GUILD_CONFIG names"):
        load_anew(path)


def test_a_folder_that_nothing_can_be_kept_in_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_kept", lambda _: tmp_path / "not there" / "x")
    for _ in range(2):
        assert load_anew(path) == FOUND
