"""Batch files: rows and items become trials, and what is none is refused in a line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from guild_sync.errors import GuildError
from guild_sync.guildfile import batch_files
from guild_sync.project.batches import MAX_TRIALS, trials, with_rows
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Flag, flag_values
from guild_sync.project.values import Several

OPERATION = Operation(
    "op",
    exec="true",
    flags={
        "n": Flag("n", default=1),
        "s": Flag("s", default="a", type="string"),
        "l": Flag("l", default=[0]),
    },
)


TYPED = Operation(
    "op",
    exec="true",
    flags={
        "i": Flag("i", default=1, type="int", minimum=1),
        "b": Flag("b", default=True, type="boolean"),
        "c": Flag("c", default="x", choices=("x", "y")),
    },
)


def rows(folder: Path, *files: tuple[str, str], force: bool = False) -> Any:
    for name, text in files:
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return batch_files.rows_of(OPERATION, [name for name, _ in files], folder, force)


def test_an_empty_cell_is_the_empty_text_whatever_the_flag_takes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('i,b,c\n,,\n2,no,y\n3,"",\n4\n')
    assert list(batch_files.rows_of(TYPED, ["a.csv"], tmp_path)) == [
        {"i": "", "b": "", "c": ""},
        {"i": 2, "b": False, "c": "y"},
        {"i": 3, "b": "", "c": ""},
        {"i": 4, "b": True, "c": "x"},
    ]
    (tmp_path / "a.csv").write_text("i\n' '\n")
    with pytest.raises(GuildError, match="not a whole number"):
        batch_files.rows_of(TYPED, ["a.csv"], tmp_path)


def made(found: Any, *words: str) -> list[Any]:
    """The flags of each trial that the rows make with these words."""
    found = batch_files.without(OPERATION, found, words)
    values = flag_values(batch_files.supplied(OPERATION, found), words)
    return trials(with_rows(values, found), rows=found)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", "n,s\n1,x\n2,007\n", [{"n": 1, "s": "x"}, {"n": 2, "s": "007"}]),
        ("a.CSV", "n,s\r\nyes,'1'\r\n", [{"n": True, "s": "1"}]),
        ("a.csv", "\ufeffn\n1e3\n", [{"n": 1000.0}]),
        ("a.csv", 'n,s\n,"a,""b"""\n', [{"n": "", "s": 'a,"b"'}]),
        ("a.csv", "n,s\n5\n\n6,\n", [{"n": 5, "s": "a"}, {"n": 6, "s": ""}]),
        ("a.csv", "n\n[1:3]\n", [{"n": Several((1, 2, 3))}]),
        ("a.csv", "n\n1,,\n", [{"n": 1}]),
        ("a.json", '[{"n": 1}, {"s": "q"}]', [{"n": 1, "s": "a"}, {"n": 1, "s": "q"}]),
        ("a.json", '{"n": [3, 4]}', [{"n": Several((3, 4))}]),
        ("a.json", '[{"n": "1", "s": "1"}]', [{"n": "1", "s": "1"}]),
        ("a.json", '[{"n": "[1,2]"}]', [{"n": "[1,2]"}]),
        ("a.json", '[{"l": [3, 4]}, {"l": [[1], [2]]}]', [
            {"l": [3, 4]}, {"l": Several(([1], [2]))},
        ]),
        ("a.json", '[{"n": null}, {"n": true}]', [{"n": None}, {"n": True}]),
        ("a.yml", "- n: 1e3\n  s: 1\n- {n: 12:30}\n", [{"n": 1000.0, "s": "1"},
                                                       {"n": "12:30", "s": "a"}]),
        ("a.yaml", "n: yes\n", [{"n": True}]),
    ],
)  # fmt: skip
def test_each_row_or_item_is_a_trial_with_values_as_on_the_command_line(
    tmp_path: Path, name: str, text: str, found: list[Any]
) -> None:
    assert list(rows(tmp_path, (name, text))) == found


def test_several_files_and_flags_and_lists_are_combined(tmp_path: Path) -> None:
    found = rows(tmp_path, ("a.csv", "n,s\n1,x\n2,y\n"), ("b.json", '{"n": [3, 4]}'))
    assert [(t["n"], t["s"]) for t in made(found)] == [(1, "x"), (2, "y"), (3, "a"), (4, "a")]
    assert [(t["n"], t["s"]) for t in made(found, "n=9")] == [(9, "x"), (9, "y"), (9, "a")]
    both = made(found, "s=[p,q]")
    assert [(t["n"], t["s"]) for t in both] == [(n, s) for n in (1, 2, 3, 4) for s in "pq"]


def test_trials_of_files_are_drawn_by_the_seed_too() -> None:
    found: list[batch_files.Row] = [{"n": Several((n, -n)), "s": "x"} for n in range(100)]
    values = with_rows({"n": 1, "s": "a", "l": 0}, found)
    drawn = trials(values, 5, 3, found)
    assert drawn == trials(values, 5, 3, found)
    every = trials(values, rows=found)
    assert len(every) == 200
    assert [trial for trial in every if trial in drawn] == drawn


def test_a_flag_that_needs_a_value_has_it_from_the_file(tmp_path: Path) -> None:
    needs = Operation("op", exec="true", flags={"n": Flag("n", required=True)})
    (tmp_path / "a.csv").write_text("n\n1\n")
    found = batch_files.rows_of(needs, ["a.csv"], tmp_path)
    assert flag_values(batch_files.supplied(needs, found), []) == {"n": None}
    (tmp_path / "a.csv").write_text('n\n""\n')
    with pytest.raises(GuildError, match=r"batch file a\.csv: flag 'n' needs a value"):
        batch_files.rows_of(needs, ["a.csv"], tmp_path)


NESTED = "[" * 100_000
LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 12))])


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.csv", "", "has no trials"),
        ("a.csv", "n\n", "has no trials"),
        ("a.json", "[]", "has no trials"),
        ("a.yml", "", "has no trials"),
        ("a.txt", "n\n1\n", "is none of .csv, .json, .yml and .yaml"),
        ("a.csv", "n,q\n1,2\n", "'q', which is no flag of op"),
        ("a.csv", "n,n\n1,2\n", "a name is missing in its first row, or there twice"),
        ("a.csv", "n,\n1,2\n", "a name is missing in its first row, or there twice"),
        ("a.csv", "n\n1,2\n", "row 1 has more cells than there are names"),
        ("a.csv", 'n\n"1', "cannot read"),
        ("a.csv", "n\n" + "9" * 200_000, "cannot read"),
        ("a.csv", "n\n" + "1\n" * (MAX_TRIALS + 1), f"has more than {MAX_TRIALS} trials"),
        ("a.csv", "n\n\udcff\n", "is not UTF-8 text"),
        ("a.csv", "n\n" + "x" * (5 << 20), "it has more than 4 MB"),
        ("a.json", "{", "cannot read"),
        ("a.json", NESTED, "nested too deeply"),
        ("a.json", "[1]", "trial 1 is no mapping of flags to values"),
        ("a.json", '"x"', "trial 1 is no mapping of flags to values"),
        ("a.json", '[{"n": ' + "9" * 5000 + "}]", "cannot read"),
        ("a.yml", "n: [1", "cannot read"),
        ("a.yml", NESTED, "is not valid YAML: maximum recursion depth exceeded"),
        ("a.yml", "n: !!python/name:os.system", "cannot read"),
        ("a.yml", "n: !!timestamp x", "is not valid YAML"),
        ("a.yml", "n: !!binary aGk=", "nothing is read from a value of the kind"),
        ("a.yml", LAUGHS, "it has more than 100000 values"),
        ("a.yml", "a: &a [*a]", "it is nested more than 60 deep"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_line(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    with pytest.raises(GuildError) as e:
        rows(tmp_path, (name, text))
    assert fault in e.value.message
    assert "\n" not in e.value.message
    assert len(e.value.message) < 400


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, fault in [
        ("none.csv", "does not exist"),
        ("pipe.csv", "it is a pipe"),
        ("folder.csv", "Is a directory"),
        ("a\0.csv", "its name has a NUL"),
        ("a\n.csv", "does not exist"),
    ]:
        with pytest.raises(GuildError) as e:
            batch_files.rows_of(OPERATION, [name], tmp_path)
        assert fault in e.value.message
        assert "\n" not in e.value.message


def test_flags_that_the_operation_does_not_have_are_taken_by_force(tmp_path: Path) -> None:
    assert rows(tmp_path, ("a.csv", "q\n1\n"), force=True) == ({"q": 1},)
