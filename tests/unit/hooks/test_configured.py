"""What `notify` and `heartbeat` may say; nothing of a URL is in a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from guild_sync.hooks import configured
from guild_sync.hooks.notification import Notification


def read(tmp_path: Path, **data: Any) -> tuple[configured.Listeners, configured.Faults]:
    (tmp_path / "config.yml").write_text(yaml.safe_dump(data))
    found, faults = configured.listeners()
    assert not set(faults) - set(configured.all_faults())
    return found, faults


def test_mere_text_is_a_url_that_is_told_how_things_have_ended(tmp_path: Path) -> None:
    (found,), faults = read(tmp_path, notify=["json://127.0.0.1/x"])
    assert isinstance(found, Notification)
    assert "127.0.0.1" not in repr(found), "its URL is for nobody to see"
    assert faults == ()
    assert found.on == ("completed", "error", "terminated", "lost", "unreachable", "reachable")
    assert (found.remotes, found.timeout, found.number) == ((), 60, 1)


def test_a_mapping_says_of_what_it_is_told(tmp_path: Path) -> None:
    keys = {"url": "ntfy://x", "on": ["started"], "remotes": ["a"], "timeout": 5}
    (found,), faults = read(tmp_path, notify=[keys])
    assert faults == ()
    assert (found.on, found.remotes, found.timeout) == (("started",), ("a",), 5)


def test_hooks_and_notifications_are_told_apart_by_their_keys(tmp_path: Path) -> None:
    found, _ = read(
        tmp_path, hooks=[{"on": ["lost"], "command": "x://y"}], notify=["x://y", "x://z"]
    )
    assert len({one.key for one in found}) == 3


def test_a_url_is_the_same_one_when_the_value_of_its_variable_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = set()
    for token in ("old", "new"):
        monkeypatch.setenv("TOKEN", token)
        (found,), _ = read(tmp_path, notify=["slack://$TOKEN"])
        assert isinstance(found, Notification)
        assert found.url == f"slack://{token}"
        keys.add(found.key)
    assert len(keys) == 1


def test_one_word_stands_for_a_list_of_it(tmp_path: Path) -> None:
    hook = {"on": "error", "command": "mail", "remotes": "gpu1"}
    found, faults = read(tmp_path, hooks=[hook], notify="ntfy://x")
    assert faults == ()
    assert [(one.on, one.remotes) for one in found] == [
        (("error",), ("gpu1",)),
        (configured.BY_DEFAULT, ()),
    ]


SECRETS: list[tuple[Any, str]] = [
    ({"url": "slack://SECRET"}, "notify: must be a list"),
    ("SECRET", "notify: 1: url: must be a URL such as SCHEME://..., on one line"),
    ([{}], "notify: 1: url: is missing"),
    ([["slack://SECRET"]], "notify: 1: must be a mapping"),
    (["SECRET"], "notify: 1: url: must be a URL such as SCHEME://..., on one line"),
    (["x://a", "slack://SECRET\nx"], "notify: 2: url: must be a URL such as"),
    ([{"url": ["slack://SECRET"]}], "notify: 1: url: must be text"),
    ([{"slack": "//SECRET"}], "notify: 1: url: is missing"),
    ([{"url": "x://a", "slack://SECRET": "y"}], "notify: 1: has a key that is none of url, on"),
    ([{"url": "slack://SECRET", "on": ["done"]}], "notify: 1: on: must be one or a list of"),
    ([{"url": "slack://SECRET", "on": []}], "notify: 1: on: must be one or a list of"),
    ([{"url": "slack://SECRET", "timeout": 0}], "notify: 1: timeout: must be a whole number"),
    ([{"url": "slack://SECRET", "remotes": [2]}], "notify: 1: remotes: must be a name, or a list"),
    (["slack://SECRET/$NOT_SET"], "notify: 1: url: the variable NOT_SET is not set"),
]


@pytest.mark.parametrize(("given", "fault"), SECRETS)
def test_a_fault_of_a_notification_tells_nothing_of_its_url(
    tmp_path: Path, given: Any, fault: str
) -> None:
    _, faults = read(tmp_path, notify=given)
    assert faults[0].startswith(fault)
    assert "SECRET" not in str(faults)
    assert "SECRET" not in repr(configured.listeners())


@pytest.mark.parametrize(
    "given",
    [
        "hc-ping.com/SECRET",
        "file:///etc/SECRET",
        "ftp://x/SECRET",
        "https://ann:SECRET@example.com/x",
        "https:///SECRET",
        "https://example.com/SECRET x",
        "https://example.com/$SECRET_IS_NOT_SET_lower",
        ["https://example.com/SECRET"],
        5,
    ],
)
def test_a_heartbeat_is_a_url_of_the_web(tmp_path: Path, given: Any) -> None:
    read(tmp_path, heartbeat=given)
    url, faults = configured.heartbeat()
    assert url is None
    assert faults[0].startswith("heartbeat: ")
    assert "SECRET" not in str(faults)
    assert set(faults) <= set(configured.all_faults())


def test_a_heartbeat_has_variables_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK", "0b1c")
    read(tmp_path, heartbeat="https://hc-ping.com/$CHECK")
    assert configured.heartbeat() == ("https://hc-ping.com/0b1c", ())


def test_a_key_of_the_file_that_is_nearly_one_of_guilds_is_a_fault(tmp_path: Path) -> None:
    keys = {"hoks": [], "remote": {}, "keepfree": "1G", "notify": [], "diff": {}, "x\n": 1, "1": 1}
    read(tmp_path, **keys)
    assert set(configured.all_faults()) == {
        "hoks: is not a key of the config file (did you mean hooks?)",
        "keepfree: is not a key of the config file (did you mean keep-free?)",
        "remote: is not a key of the config file (did you mean remotes?)",
    }
