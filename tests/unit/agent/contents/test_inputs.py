"""What a run was given: written down in it, and left out of copies while it is as it was given."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from contents import as_a_user, form

from guild_sync.agent.contents import inputs, kept
from guild_sync.agent.contents.inputs import SMALL, Content

ID = "a" * 32


def given(run: Path, origin: str, **sizes: int) -> dict[str, Content]:
    """Give the run files of these sizes; `__` stands for a slash."""
    if not inputs.is_begun(str(run)):
        inputs.begin(str(run), {})
    files = {}
    for name, size in sizes.items():
        path = run / name.replace("__", "/").replace("_dot_", ".")
        data = (name.encode() * size)[:size]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        content = Content(form(data)["digest"], size)
        kept.set_time(str(path), content.digest)
        files[str(path.relative_to(run))] = content
    inputs.note(str(run), files, origin)
    return files


def left_out(run: Path, most: int = 1000, wanted: str = "") -> list[tuple[str, int]]:
    return inputs.left_out(str(run), most, lambda path: path == wanted)


def test_what_a_source_gives_is_left_out_from_1_mb_on(run: Path) -> None:
    given(run, "file:table.csv", table=SMALL - 1)
    given(run, "file:images", images__a=SMALL // 2, images__b=SMALL // 2)
    assert left_out(run) == [("images/a", SMALL // 2), ("images/b", SMALL // 2)]
    assert left_out(run, wanted="images/a") == [("images/b", SMALL // 2)]
    assert left_out(run, most=1) == [("images/a", SMALL // 2)], "the rest comes"


@pytest.mark.parametrize("change", ["written", "replaced", "removed", "link", "folder"])
def test_what_the_run_has_changed_is_its_own(run: Path, change: str) -> None:
    given(run, "file:d", d__x=SMALL, d__y=SMALL)
    path = run / "d/x"
    if change == "written":
        with open(path, "r+b") as f:
            f.write(b"!")
    elif change == "replaced":
        (run / "new").write_bytes(path.read_bytes())
        os.replace(run / "new", path)
    else:
        path.unlink()
        if change == "link":
            path.symlink_to("y")
        elif change == "folder":
            path.mkdir()
    assert left_out(run) == [("d/y", SMALL)]
    assert set(inputs.given(str(run))) == {"d/x", "d/y"}, "what it was is known"


def test_nothing_in_a_folder_is_looked_at_through_a_link(run: Path, tmp_path: Path) -> None:
    given(run, "file:d", d__x=SMALL)
    (run / "d").rename(tmp_path / "d")
    (run / "d").symlink_to(tmp_path / "d")
    assert left_out(run) == []


def test_of_many_files_the_folders_are_told_that_have_nothing_else_in_them(run: Path) -> None:
    names = {f"d__whole__deep__f{n}": 100_000 for n in range(150)}
    given(run, "file:d", **names, d__mixed__a=5, d__b=7)
    (run / "d/mixed/made").write_text("by the run")
    assert left_out(run) == [("d/b", 7), ("d/mixed/a", 5), ("d/whole/", 15_000_000)]
    (run / "d/whole/empty").mkdir()
    assert ("d/whole/deep/", 15_000_000) in left_out(run)


def test_a_folder_that_is_a_link_in_it_keeps_one_from_being_left_out_whole(run: Path) -> None:
    given(run, "file:d", **{f"d__f{n}": 100_000 for n in range(150)})
    (run / "d/link").symlink_to(".")
    assert len(left_out(run)) == 150


def test_a_run_of_an_earlier_version_leaves_nothing_out(run: Path) -> None:
    (run / "x").write_bytes(bytes(SMALL))
    assert (left_out(run), inputs.given(str(run)), inputs.named(str(run))) == ([], {}, set())


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"given": []}', '{"given": {"x": 3}}', '{"given": {"x": ["ab", 1, "file:x"]}}',
        *(
            json.dumps({"given": {path: ["0" * 64, SMALL, "file:x"]}})
            for path in ("../x", "/x", "a/../../x", ".guild/opref", "a//b", "", "x\0", "\ud800")
        ),
        json.dumps({"given": {"x": ["0" * 64, 10**30, "file:x"]}}),
        json.dumps({"given": {"x": ["0" * 64, -1, "file:x"]}}),
    ],
)  # fmt: skip
def test_a_record_that_makes_no_sense_says_nothing(run: Path, text: str) -> None:
    (run / ".guild/inputs.json").write_text(text)
    assert (left_out(run), inputs.given(str(run)), inputs.kept(str(run))) == ([], {}, {})


def test_what_may_not_be_read_keeps_nobody_from_the_rest(home: Path) -> None:
    directory = home / "runs" / ID
    (directory / ".guild").mkdir(parents=True)
    given(directory, "file:d", d__x=SMALL, d__y=SMALL)

    def work() -> None:
        (directory / "d/x").chmod(0)
        at = (directory / "d/y").stat().st_mtime_ns
        (directory / "d/y").write_bytes(b"?" * SMALL)
        os.utime(directory / "d/y", ns=(at, at))
        assert inputs.altered(str(home), [ID]) == {ID: ["d/y"]}
        assert inputs.without_altered(str(home), [ID]) == {ID: [("d/y", SMALL)]}
        assert not (directory / "d/y").exists()
        assert inputs.without_altered(str(home), [ID]) == {}
        assert (directory / "d/x").exists()

    as_a_user(home, work)


def test_what_was_given_is_forgotten_by_its_path_or_a_folders(run: Path) -> None:
    given(run, "file:d", d__x=1, d__y=2, z=3)
    inputs.forget(str(run), ["d"])
    assert set(inputs.given(str(run))) == {"z"}
