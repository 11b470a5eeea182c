"""The variables that say which GPUs a program sees."""

from __future__ import annotations

import pytest

from guild_sync.agent.capacity import visible
from guild_sync.agent.capacity.cards import AMD, NVIDIA, Card

NV = [Card(str(n), f"GPU-{name}", "X", NVIDIA) for n, name in enumerate("abcd")]
RADEON = [Card(str(n), f"GPU-{n:016x}", "Y", AMD) for n in range(4)]


@pytest.mark.parametrize(
    ("variables", "seen"),
    [
        ({}, "0123"),
        ({"CUDA_VISIBLE_DEVICES": "3,1"}, "31"),
        ({"CUDA_VISIBLE_DEVICES": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ""),
        ({"ROCR_VISIBLE_DEVICES": "0"}, "0123"),
    ],
)
def test_a_login_may_have_a_part_of_the_cards(variables: dict[str, str], seen: str) -> None:
    assert "".join(card.number for card in visible.seen(NV, variables)) == seen


def test_what_hip_is_told_counts_among_what_its_runtime_shows() -> None:
    variables = {"ROCR_VISIBLE_DEVICES": "3,2,1", "HIP_VISIBLE_DEVICES": "0,2"}
    assert [card.number for card in visible.seen(RADEON, variables)] == ["3", "1"]


def test_cards_are_shown_by_their_names() -> None:
    assert visible.showing(NV[1:3]) == {"CUDA_VISIBLE_DEVICES": "GPU-b,GPU-c"}
    assert visible.showing(RADEON[2:]) == {
        "ROCR_VISIBLE_DEVICES": "GPU-0000000000000002,GPU-0000000000000003",
        "HIP_VISIBLE_DEVICES": "0,1",
        "CUDA_VISIBLE_DEVICES": "0,1",
    }
