"""What can be a variable of a run's environment."""

from __future__ import annotations

import pytest

from guild_sync.config.variables import is_value, is_variable


@pytest.mark.parametrize("value", ["", "a\nb", "'\"!$`", "é日🙂", "x" * 100_000, 1, -0.5])
def test_text_and_numbers_are_values(value: object) -> None:
    assert is_value(value)


@pytest.mark.parametrize("value", [None, True, ["a"], b"a", "a\0b", "\ud800"])
def test_what_no_variable_can_hold_is_none(value: object) -> None:
    assert not is_value(value)


def test_a_name_has_letters_digits_and_underscores() -> None:
    assert all(map(is_variable, ["A", "_", "a_1"]))
    assert not any(map(is_variable, ["", "1A", "A=B", "A B", "A\n", "é", 3, None, True]))
