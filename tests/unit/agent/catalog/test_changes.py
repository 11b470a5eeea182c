"""Labels, tags, comments and marks: what is written, and that nothing written is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import PATIENCE

from guild_sync.agent.catalog import changes
from guild_sync.agent.store import attrs, rundir

A, B = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> str:
    for run_id in (A, B):
        attributes = tmp_path / "runs" / run_id / ".guild/attrs"
        attributes.mkdir(parents=True)
        (attributes / "started").write_text("1\n")
        (attributes.parent / "opref").write_text("package:gpkg.demo 1.0 '' op")
    return str(tmp_path)


def attr(home: str, name: str, run_id: str = A) -> Any:
    return rundir.read_attr(rundir.run_dir(home, run_id), name)


def has(home: str, name: str) -> bool:
    return Path(rundir.run_dir(home, A), ".guild/attrs", name).exists()


DONE = {"done": [A], "refused": {}}


# Labels.


@pytest.mark.parametrize(
    ("before", "action", "values", "after"),
    [
        (None, "set", ["x"], "x"),
        ("old", "set", ["new one"], "new one"),
        ("old", "prepend", ["x"], "x old"),
        ("old", "append", ["x"], "old x"),
        (None, "prepend", ["x"], "x"),
        (None, "append", ["x"], "x"),
        ("abc b ab c b", "remove", ["b", "ab c"], "abc"),
        ("red-blue red", "remove", ["red"], "red-blue"),
        ("a.b axb", "remove", ["a.b"], "axb"),
        ("two  spaces", "remove", ["other"], "two  spaces"),
        ("x", "remove", ["x"], None),
        (None, "remove", ["x"], None),
        ("x", "clear", [], None),
        ("x", "set", [""], None),
        (None, "clear", [], None),
    ],
)
def test_a_label_is_changed(
    home: str, before: str | None, action: str, values: list[str], after: str | None
) -> None:
    if before is not None:
        changes.label(home, [A], "set", [before])
    assert changes.label(home, [A], action, values) == DONE
    assert attr(home, "label") == after
    assert has(home, "label") == (after is not None)


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "yes",
        "null",
        "- x",
        "a: b",
        "'",
        '"',
        "# c",
        "\x1b[2J",
        "two\nlines",
        "é 日本 🙂",
        "{",
        " ",
    ],
)
def test_any_text_can_be_a_label_and_stays_text(home: str, text: str) -> None:
    assert changes.label(home, [A], "set", [text]) == DONE
    assert attr(home, "label") == text
    written = Path(rundir.run_dir(home, A), ".guild/attrs/label").read_text()
    assert yaml.safe_load(written) == text


def test_a_label_that_is_too_long_is_refused_and_the_old_one_stays(home: str) -> None:
    changes.label(home, [A], "set", ["old"])
    refused = changes.label(home, [A], "set", ["x" * (attrs.MAX_BYTES + 1)])
    assert refused["done"] == []
    assert list(refused["refused"]) == [A]
    assert attr(home, "label") == "old"


def test_a_run_that_is_gone_or_broken_stops_no_other(home: str) -> None:
    gone, link = "c" * 32, "d" * 32
    Path(home, "runs", link, ".guild").mkdir(parents=True)
    Path(home, "runs", link, ".guild/attrs").write_text("not a folder")
    answer = changes.label(home, [gone, "../x", link, A], "set", ["x"])
    assert answer["done"] == [A]
    assert answer["refused"][gone] == "it is not there any more"
    assert answer["refused"]["../x"] == "'../x' is not a run id"
    assert list(answer["refused"]) == [gone, "../x", link]


# Tags.


def test_tags_are_sorted_and_each_is_there_once(home: str) -> None:
    changes.tag(home, [A], add=["b", "a", "b"])
    assert attr(home, "tags") == ["a", "b"]
    changes.tag(home, [A], add=["a", "c"], delete=["b", "other"])
    assert attr(home, "tags") == ["a", "c"]


def test_what_is_deleted_and_added_at_once_is_there(home: str) -> None:
    changes.tag(home, [A], add=["x", "y"])
    changes.tag(home, [A], add=["z"], delete=["z"])
    assert attr(home, "tags") == ["x", "y", "z"]
    changes.tag(home, [A], add=["y"], clear=True)
    assert attr(home, "tags") == ["y"]


@pytest.mark.parametrize(
    ("label", "tags", "changed", "after"),
    [
        ("old t1 lbl", ["t1", "t2"], {"add": ["new"], "delete": ["t1"]}, "new old lbl"),
        (None, [], {"add": ["b", "a"]}, "b a"),
        ("b a", ["a", "b"], {"add": ["z", "a"]}, "z b a"),
        ("z x", ["z"], {"delete": ["x"]}, "z"),
        ("newtag old", ["newtag", "other"], {"clear": True}, "old"),
        ("with space end", ["with space"], {"delete": ["with space"]}, "end"),
        ("t1", ["t1"], {"clear": True}, None),
    ],
)
def test_a_label_follows_the_tags_where_that_is_asked_for(
    home: str, label: str | None, tags: list[str], changed: dict[str, Any], after: str | None
) -> None:
    changes.label(home, [A], "set", [label or ""])
    changes.tag(home, [A], add=tags)
    assert attr(home, "label") == label
    assert changes.tag(home, [A], sync_labels=True, **changed) == DONE
    assert attr(home, "label") == after


# Comments and marks.


def test_a_comment_is_written_as_guild_ai_writes_it(home: str) -> None:
    added = {"body": "two\nlines: -", "user": "ann", "host": "ws"}
    changes.comment(home, [A], add=added)
    changes.comment(home, [A], add={**added, "body": "second"})
    first, second = attr(home, "comments")
    assert first == {**added, "time": first["time"]}
    assert second["body"] == "second"
    assert isinstance(first["time"], int)
    assert first["time"] <= second["time"]


def test_a_comment_is_deleted_by_its_number(home: str) -> None:
    for body in ("1", "2", "3"):
        changes.comment(home, [A], add={"body": body, "user": "u", "host": "h"})
    assert changes.comment(home, [A], delete=2) == DONE
    assert [c["body"] for c in attr(home, "comments")] == ["1", "3"]
    for number in (0, 3):
        answer = changes.comment(home, [A], delete=number)
        assert answer == {"done": [], "refused": {A: f"it has no comment {number}"}}
    changes.comment(home, [A], clear=True)
    assert not has(home, "comments")


def test_a_mark_is_set_and_removed(home: str) -> None:
    changes.mark(home, [A])
    assert attr(home, "marked") is True
    changes.mark(home, [A], marked=False)
    assert not has(home, "marked")
    assert changes.mark(home, [A], marked=False) == DONE


# At the same time.


def start_loop(home: str, call: str) -> subprocess.Popen[str]:
    program = (
        "from guild_sync.agent.catalog import changes\n"
        "for i in range(50):\n"
        f"    answer = changes.{call}\n"
        "    assert not answer['refused'], answer\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, home], text=True)


def finish(children: Sequence[subprocess.Popen[str]]) -> None:
    assert [child.wait(60) for child in children] == [0] * len(children)


def test_of_tags_that_are_added_at_once_none_is_lost(home: str) -> None:
    finish([start_loop(home, f"tag({home!r}, [{A!r}], add=['{who}%d' % i])") for who in "xyz"])
    assert set(attr(home, "tags")) == {f"{who}{i}" for who in "xyz" for i in range(50)}


def test_of_comments_and_label_parts_that_are_added_at_once_none_is_lost(home: str) -> None:
    comment = "{'body': '%s%%d' %% i, 'user': '', 'host': ''}"
    finish(
        [
            *(start_loop(home, f"comment({home!r}, [{A!r}], add={comment % w})") for w in "xy"),
            *(start_loop(home, f"label({home!r}, [{A!r}], 'append', ['{w}%d' % i])") for w in "xy"),
        ]
    )
    expected = {f"{who}{i}" for who in "xy" for i in range(50)}
    assert {c["body"] for c in attr(home, "comments")} == expected
    assert set(attr(home, "label").split()) == expected


def test_a_change_leaves_nothing_in_the_run_but_its_attribute(home: str) -> None:
    before = set(Path(home).rglob("*"))
    changes.tag(home, [A], add=["x"])
    added = {str(path.relative_to(home)) for path in Path(home).rglob("*")} - {
        str(path.relative_to(home)) for path in before
    }
    assert added == {f"runs/{A}/.guild/attrs/tags", "locks", "locks/changes.lock"}


def test_a_change_waits_for_another_but_not_for_ever(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from guild_sync.agent.errors import AgentError

    monkeypatch.setattr(changes, "_PATIENCE", 0.05)
    monkeypatch.setattr(changes, "_THREADS", 1)
    with changes.changing(home), pytest.raises(AgentError, match="another guild"):
        changes.mark(home, [A])
    assert changes.mark(home, [A]) == DONE


def test_threads_of_one_process_wait_for_each_other_without_looking_again_and_again(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    waits = threading.Event()
    locked, acquire = changes._locked, changes._ours.acquire

    def looked(fd: int) -> bool:
        looks.append(fd)
        return locked(fd)

    class Ours:
        release = changes._ours.release

        def acquire(self, timeout: float) -> bool:
            waits.set()
            return acquire(timeout=timeout)

    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(changes.mark(home, [A])))
    monkeypatch.setattr(changes, "_locked", looked)
    with changes.changing(home):
        monkeypatch.setattr(changes, "_ours", Ours())
        thread.start()
        assert waits.wait(PATIENCE)
        assert len(looks) == 1, "at the file, whoever waits looks again and again"
    thread.join(PATIENCE)
    assert (found, len(looks)) == ([DONE], 2)
