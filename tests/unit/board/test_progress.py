"""How far a run is, as far as what it prints says so: nothing where nothing is known."""

from __future__ import annotations

import pytest
from boards import glanced, scalar

from guild_sync.board.progress import progress


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("37%", "37%"),
        (" 37%|███▋      | 37/100 [00:12<00:20,  3.1it/s]", "37%"),
        ("train: 12.5%|█  | 1/8", "12.5%"),
        ("[ 45%] Building CXX object", "45%"),
        ("Progress: 80 %", "80%"),
        ("50% done", "50%"),
        ("100%", "100%"),
        ("epoch 3/10", "3/10"),
        ("Epoch [3/10], loss: 0.2", "3/10"),
        ("EPOCH: 3 of 10 acc 93%", "3/10"),
        ("step 200/1000 loss 0.1", "200/1000"),
        ("epoch 3/10 step 200/1000", "3/10"),
        ("120/469 [====>....] - loss: 0.3", "120/469"),
        ("accuracy: 93%", None),
        ("acc=0.9 (93 percent)", None),
        ("250%", None),
        ("epoch 11/10", None),
        ("epoch 1/0", None),
        ("2026/11/27 12:00:00 started", None),
        ("see https://example.org/1/2", None),
        ("saved to out/3/4.txt", None),
        ("", None),
    ],
)
def test_what_a_line_says(line: str, expected: str | None) -> None:
    found = progress(glanced(said=line))
    assert (found.text if found else None) == expected


def test_a_part_is_told_too() -> None:
    found = progress(glanced(said="epoch 3/10"))
    assert found is not None
    assert found.part == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("flags", "scalars", "step", "expected"),
    [
        ({"epochs": 10}, {}, 4, "4/10"),
        ({"max-steps": 100}, {}, 4, "4/100"),
        ({"epochs": 10, "steps": 100}, {}, 4, None),
        ({"epochs": 10}, {}, 400, None),
        ({"epochs": "10"}, {}, 4, None),
        ({"epochs": True}, {}, 1, None),
        ({}, {}, 4, None),
        (None, {}, 4, None),
        ({"epochs": 10, "steps": 100}, {"epoch": scalar(3.0)}, None, "3/10"),
        ({"epochs": 10}, {"epoch": scalar(3.5)}, None, None),
        ({"epochs": 10}, {"epoch": scalar("nan")}, None, None),
        ({"epochs": 10}, {"loss": scalar(3.0)}, None, None),
    ],
)
def test_what_scalars_say_beside_flags(
    flags: object, scalars: dict[str, object], step: int | None, expected: str | None
) -> None:
    found = progress(glanced(flags=flags, scalars=scalars, step=step))
    assert (found.text if found else None) == expected


def test_the_line_counts_more_than_scalars() -> None:
    found = progress(glanced(said="20%", flags={"epochs": 10}, step=4))
    assert found is not None
    assert found.text == "20%"


def test_a_run_that_does_not_run_makes_no_progress() -> None:
    assert progress(glanced(said="100%", status="completed")) is None
