"""A wheel, unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from guild_sync.agent.environments.wheels import unpack
from guild_sync.agent.errors import AgentError


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_no_member_gets_out(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr(name, "")
    with pytest.raises(AgentError, match="has a file outside itself"):
        unpack(str(tmp_path / "x.whl"), str(tmp_path / "in"))
