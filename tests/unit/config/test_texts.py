"""What is text on one line, wherever a file of a user's asks for it."""

from __future__ import annotations

import pytest

from guild_sync.config.texts import (
    is_expression,
    is_one_line,
    is_value,
    is_variable,
    plain_name,
    short,
)


@pytest.mark.parametrize(
    "text", ["a", " a b ", "é", "日本　語", "no\u00a0break", "🙂", "e\u0301", 'it\'s \\ "so"']
)
def test_text_of_any_script_is_one_line(text: str) -> None:
    assert is_one_line(text)


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "\u3000", None, 1, True, ["a"], b"a"),
        *(
            "a\n",
            "a\r",
            "a\0",
            "a\tb",
            "\x1b[2J",
            "a\x7f",
            "a\x85",
            "a\u2028b",
            "a\u2029",
            "\udcff",
        ),
    ],
)
def test_what_is_blank_or_ends_a_line_or_is_no_text_is_none(value: object) -> None:
    assert not is_one_line(value)


def test_a_name_is_shown_on_one_line() -> None:
    assert [plain_name(name) for name in ("a", "", "a\n", 3)] == ["a", "''", "'a\\n'", "3"]


@pytest.mark.parametrize("text", ["(", "[", "a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_what_is_no_regular_expression(text: str) -> None:
    assert is_expression("a.*(b|c)")
    assert not is_expression(text)


def test_long_values_are_cut_in_messages() -> None:
    assert short("a\n") == "'a\\n'"
    assert len(short("x" * 1000)) == 60


# What can be a variable of a run's environment.


@pytest.mark.parametrize("value", ["", "a\nb", "'\"!$`", "é日🙂", "x" * 100_000, 1, -0.5])
def test_text_and_numbers_are_values(value: object) -> None:
    assert is_value(value)


@pytest.mark.parametrize("value", [None, True, ["a"], b"a", "a\0b", "\ud800"])
def test_what_no_variable_can_hold_is_none(value: object) -> None:
    assert not is_value(value)


def test_a_name_has_letters_digits_and_underscores() -> None:
    assert all(map(is_variable, ["A", "_", "a_1"]))
    assert not any(map(is_variable, ["", "1A", "A=B", "A B", "A\n", "é", 3, None, True]))
