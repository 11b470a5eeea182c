"""Lines, errors and questions."""

from __future__ import annotations

import io

import pytest

from guild_sync.errors import GuildError, RemoteError
from guild_sync.output import console


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
