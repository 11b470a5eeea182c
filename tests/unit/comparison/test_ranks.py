"""Which runs are best by a number."""

from __future__ import annotations

from guild_sync.comparison.ranks import ranks, tones


def test_the_least_is_first_or_the_greatest() -> None:
    assert ranks([3.0, 1.0, 2.0]) == [3, 1, 2]
    assert ranks([3.0, 1.0, 2.0], greatest=True) == [1, 3, 2]


def test_equal_ones_share_a_rank_and_the_next_is_behind_all_of_them() -> None:
    assert ranks([2.0, 1.0, 1.0, 3.0]) == [3, 1, 1, 4]


def test_what_is_missing_has_no_rank() -> None:
    assert ranks([None, 1.0, None]) == [None, 1, None]
    assert ranks([]) == []


def test_the_best_is_told_and_the_others_by_thirds() -> None:
    assert tones([1, 2, 3, 4, 5, 6, 7]) == [
        *("best", "good", "good", "fair", "fair", "poor", "poor")
    ]
    assert tones([1, 1, 3, None]) == ["best", "best", "poor", ""]


def test_where_all_are_equal_or_alone_none_is_the_best() -> None:
    assert tones([1, 1, None]) == ["", "", ""]
    assert tones([1]) == [""]
    assert tones([]) == []
