"""How many trials a remote gets at a time."""

from __future__ import annotations

import pytest

from guild_sync.agent.protocol import NeedsForm
from guild_sync.config.remotes import Remote
from guild_sync.dealing.dealer import places
from guild_sync.hosts.remote import RemoteHost


@pytest.mark.parametrize(
    ("kind", "said", "needs", "most"),
    [
        ("ssh", None, {}, 1),
        ("ssh", None, {"gpus": 1}, None),
        ("ssh", 3, {"gpus": 1}, 3),
        ("slurm", None, {}, 1),
        ("slurm", None, {"gpus": 1}, 1),  # what waits for GPUs there would wait for another nowhere
        ("slurm", 50, {"gpus": 1}, 50),
    ],
)
def test_a_remote_has_the_places_that_are_said_and_a_cluster_one_else(
    kind: str, said: int | None, needs: NeedsForm, most: int | None
) -> None:
    assert places(RemoteHost(Remote("r", kind, host="h", places=said)), needs) == most
