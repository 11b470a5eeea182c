"""What people see: tables, times, names, questions, and nothing that moves the cursor."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.errors import GuildError, RemoteError
from guild_sync.output import console, formats, runs, tables, terminal

RUN: dict[str, Any] = {
    "id": "0123456789abcdef0123456789abcdef",
    "opref": {"type": "package", "package": "gpkg.demo", "version": "1", "model": "", "name": "op"},
    "status": "completed",
    "remote": None,
    "started": None,
    "initialized": None,
    "label": None,
}


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# Text from elsewhere.


@given(st.text())
def test_nothing_that_is_shown_can_move_the_cursor_or_end_the_line(text: str) -> None:
    shown = terminal.clean(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain é 日本", "plain é 日本"),
        ("a\nb\tc", "a?b?c"),
        ("\x1b[2J", "?[2J"),
        ("\u202egnp.exe", "?gnp.exe"),
        ("\x9b1m", "?1m"),
        (7, "7"),
        (os.fsdecode(b"a\xff"), "a\ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_a_question_mark(value: object, text: str) -> None:
    assert terminal.clean(value) == text


def test_a_lone_surrogate_is_shown_somehow() -> None:
    terminal.clean("\ud800").encode()


# Tables.


def test_columns_are_aligned_with_two_spaces_between_them() -> None:
    assert tables.table([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_a_table_without_rows_has_no_lines() -> None:
    assert tables.table([]) == []


def test_wide_characters_do_not_bend_a_column() -> None:
    assert tables.table([("日本", "x"), ("abcd", "y")]) == ["日本  x", "abcd  y"]


def test_a_run_is_a_row_of_index_operation_time_status_and_label(utc: None) -> None:
    run = {**RUN, "started": 1_795_395_828_000_000, "label": "sleep=10", "remote": "gpu"}
    assert runs.run_row(1, {**run, "status": "running"}) == (
        "[1:01234567]",
        "gpkg.demo/op",
        "2026-11-23 01:03:48",
        "running (gpu)",
        "sleep=10",
    )


def test_a_run_that_has_not_started_has_the_time_of_its_making(utc: None) -> None:
    assert runs.run_row(1, {**RUN, "initialized": 0})[2] == "1970-01-01 00:00:00"
    assert runs.run_row(1, RUN)[2:] == ("", "completed", "")


def test_labels_and_remotes_from_elsewhere_are_cleaned() -> None:
    row = runs.run_row(1, {**RUN, "label": "a\nb", "status": "running", "remote": "\x1b[2J"})
    assert row[3:] == ("running (?[2J)", "a?b")


def test_a_label_that_is_no_text_is_shown_all_the_same() -> None:
    assert runs.run_row(1, {**RUN, "label": 0})[4] == "0"
    assert runs.run_row(1, {**RUN, "label": ["a"]})[4] == "['a']"


# Times.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("yesterday", ""),
        (1.5, ""),
        ([], ""),
        (10**30, "?"),
        (-(10**30), "?"),
        (999_999, "1970-01-01 00:00:00"),
    ],
)
def test_a_time_is_shown_to_the_second_whatever_a_run_says(
    utc: None, value: object, text: str
) -> None:
    assert formats.date(value) == text


@given(st.integers())
def test_no_number_is_too_large_for_a_time(value: int) -> None:
    assert isinstance(formats.date(value), str)


# Names of operations.


def opref(kind: str, package: str, model: str = "", name: str = "op") -> dict[str, Any]:
    return {"opref": {"type": kind, "package": package, "model": model, "name": name}}


def test_an_operation_of_a_package_has_its_name_before_it() -> None:
    assert runs.operation(opref("package", "gpkg.demo")) == "gpkg.demo/op"
    assert runs.operation(opref("package", "gpkg.demo", "cnn")) == "gpkg.demo/cnn:op"


def test_an_operation_of_this_folder_has_its_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert runs.operation(opref("guildfile", f"{tmp_path}/guild.yml")) == "op"
    assert runs.operation(opref("script", f"{tmp_path}/train.py")) == "op"


def test_an_operation_of_another_folder_has_that_behind_it(tmp_path: Path) -> None:
    assert runs.operation(opref("guildfile", "/data/demo/guild.yml", "m")) == "m:op (/data/demo)"
    home = tmp_path / "user"
    assert runs.operation(opref("guildfile", f"{home}/demo/guild.yml")) == "op (~/demo)"


def test_an_operation_without_a_name_is_shown_as_unknown() -> None:
    assert runs.operation(opref("", "", name="")) == "?"


def test_an_operations_name_from_elsewhere_is_cleaned() -> None:
    assert runs.operation(opref("package", "a\x1b", name="b\n")) == "a?/b?"
    assert runs.operation(opref("guildfile", "/a\nb/guild.yml")) == "op (/a?b)"


# Lines, errors and questions.


def test_an_error_is_one_line_and_then_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn(RemoteError("it is broken", "Mend it.\nOr not."))
    assert capsys.readouterr().err == "guild: it is broken\nMend it.\nOr not.\n"


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn(GuildError("it is broken"))
    assert capsys.readouterr().err == "guild: it is broken\n"


def test_an_error_from_elsewhere_cannot_move_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.warn(RemoteError("remote 'gpu': \x1b[2J", "\x1b]0;title\x07"))
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "goes_on"),
    [
        *(("\n", True), ("y\n", True), ("YES\n", True), (" y \n", True)),
        *(("n\n", False), ("no\n", False), ("what\n", False)),
    ],
)
def test_a_question_is_answered_with_yes_by_a_bare_return(
    answer: str,
    goes_on: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert console.confirm() is goes_on
    assert capsys.readouterr().out == "Continue? (Y/n) "


def test_a_question_that_nobody_can_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(GuildError) as error:
        console.confirm()
    assert error.value.hint == "Use -y to go on without being asked."
