"""The config file with another remote in it: what people wrote stays, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from guild_sync.beginning.config_text import with_remote, written
from guild_sync.errors import ConfigError, GuildError

KEYS: dict[str, str | int] = {"type": "ssh", "host": "gpu1.example.com", "port": 2222}


def added(tmp_path: Path, text: str | None, name: str = "new") -> str:
    path = tmp_path / "config.yml"
    if text is not None:
        path.write_bytes(text.encode())
    return with_remote(path, name, KEYS)


def lines_added(text: str, made: str) -> tuple[str, str]:
    """What is new, and what stands behind it; nothing else may differ."""
    before = text.splitlines(keepends=True)
    after = made.splitlines(keepends=True)
    at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    at = len(before) if at is None else at
    count = len(after) - len(before)
    assert before[:at] + after[at : at + count] + before[at:] == after
    return "".join(after[at : at + count]), "".join(before[at:])


NEW = """\
  new:
    type: ssh
    host: gpu1.example.com
    port: 2222
"""
COMMENTED = """\
# My machines.
keep-free: 5G

remotes:            # all of them
  a:
    type: ssh   # the first
    host: a
  # b is in the cellar
  b: {type: ssh, host: b}
  # and this one is not used:
  # c: {}

# Who is told.
hooks: []
"""


@pytest.mark.parametrize("text", [None, "", "\n", "# nothing yet\n", "# no end"])
def test_a_file_that_says_nothing_gets_the_remote(tmp_path: Path, text: str | None) -> None:
    made = added(tmp_path, text)
    assert made.startswith(text or "")
    assert made.endswith(f"remotes:\n{NEW}")
    assert yaml.safe_load(made) == {"remotes": {"new": KEYS}}


def test_it_comes_behind_the_last_remote_and_its_comments(tmp_path: Path) -> None:
    new, behind = lines_added(COMMENTED, added(tmp_path, COMMENTED))
    assert new == NEW
    assert behind == "\n# Who is told.\nhooks: []\n"


@pytest.mark.parametrize(
    ("text", "new", "behind"),
    [
        ("keep-free: 5G\n", f"\nremotes:\n{NEW}", ""),
        ("remotes:\n", NEW, ""),
        ("remotes:   # none yet\nhooks: []\n", NEW, "hooks: []\n"),
        ("remotes:\n  a: {type: ssh, host: a}\n", NEW, ""),
        (
            "remotes:\n    a:\n        type: ssh\n        host: a\n",
            NEW.replace("  ", "    ").replace("        ", "        "),
            "",
        ),
        ("remotes:\n  a:\n    type: ssh\n    host: a\n    init: |\n      # x\n      y\n", NEW, ""),
        ("remotes:\n  a:\n    type: ssh\n    host: a\n    init: |\n      y\n\n\nhooks: []\n", NEW,
         "\n\nhooks: []\n"),
        ("remotes: &r\n  a: &a {type: ssh, host: a}\n  b: {<<: *a}\n", NEW, ""),
    ],
)  # fmt: skip
def test_it_is_put_where_it_belongs(tmp_path: Path, text: str, new: str, behind: str) -> None:
    assert lines_added(text, added(tmp_path, text)) == (new, behind)


def test_line_ends_are_those_of_the_file(tmp_path: Path) -> None:
    text = "remotes:\r\n  a:\r\n    type: ssh\r\n    host: a\r\n"
    new, _ = lines_added(text, added(tmp_path, text))
    assert new == NEW.replace("\n", "\r\n")


def test_a_last_line_without_an_end_gets_one(tmp_path: Path) -> None:
    assert added(tmp_path, "remotes:\n  a: {type: ssh, host: a}").endswith(f"host: a}}\n{NEW}")


@pytest.mark.parametrize("name", ["yes", "1", "null", "a.b", "0x10"])
def test_a_name_that_yaml_takes_for_something_else_is_a_name(tmp_path: Path, name: str) -> None:
    assert [*yaml.safe_load(added(tmp_path, "remotes:\n", name))["remotes"]] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "remotes: {}\n",
        "remotes: {a: {type: ssh, host: a}}\n",
        "{remotes: {a: {type: ssh, host: a}}}\n",
        "remotes: [a]\n",
        "remotes: text\n",
        "- a\n",
        "text\n",
        "remotes:\n  new: {type: ssh, host: a}\n",
        "hooks: []\n...\n",
        "a: &a {}\nremotes: *a\n",
        "remotes:\n  a:\n    init: |+\n      x\n\n\n",
        "? remotes\n: a: {type: ssh, host: a}\n",
    ],
)
def test_what_cannot_be_added_to_safely_is_refused_with_the_lines_to_paste(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(GuildError) as refused:
        made = added(tmp_path, text)
        # Or else it says the right thing.
        assert yaml.safe_load(made)["remotes"]["new"] == KEYS
        assert lines_added(text, made)[0] == NEW
        raise GuildError("it is not changed, but as it should be", f"paste\n{NEW}")
    assert "is not changed" in refused.value.message
    assert refused.value.hint.endswith(NEW.rstrip())
    assert (tmp_path / "config.yml").read_text() == text


def test_a_file_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 3"):
        added(tmp_path, "remotes:\n  a: [\n")


def test_a_file_is_written_whole_where_its_link_leads_and_keeps_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yml", tmp_path / "deep" / "config.yml"
    link.parent.mkdir()
    real.write_text("x")
    real.chmod(0o640)
    link.symlink_to(real)
    written(link, "y")
    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ("y", 0o640, True)
    new = tmp_path / "not" / "there" / "config.yml"
    written(new, "z")
    assert (new.read_text(), new.stat().st_mode & 0o777) == ("z", 0o600)
    assert sorted(os.listdir(new.parent)) == ["config.yml"]
