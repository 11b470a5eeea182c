"""A short soak; `make soak` is the long one."""

from __future__ import annotations

import os
import random

from soak import soak

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)


def test_after_faults_at_random_everything_is_equal_on_both_sides() -> None:
    assert soak(30, 40, SEED) == []
