"""Which files a copy takes: what the config says, and what a call adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.cli import arguments
from guild_sync.commands import pull
from guild_sync.config import remotes
from guild_sync.config.selection import EVERYTHING, USUAL, Selection
from guild_sync.errors import ConfigError


def of_config(tmp_path: Path, text: str) -> Selection:
    (tmp_path / "config.yml").write_text(
        f"remotes: {{gpu: {{type: ssh, host: a.example.com, pull: {{{text}}}}}}}"
    )
    return remotes.remote("gpu").pull


def of_call(configured: Selection, *words: str) -> Selection:
    args = arguments.parse(pull.__doc__ or "", ["pull", *words, "gpu"])
    return arguments.selection(args)(configured)


def test_what_runs_were_given_comes_where_it_is_asked_for(tmp_path: Path) -> None:
    usual, asked = of_config(tmp_path, "exclude: '*.tmp'"), of_config(tmp_path, "inputs: yes")
    assert (usual.inputs, asked.inputs) == (False, True)
    assert not of_call(usual).inputs and of_call(usual, "--inputs").inputs
    assert of_call(asked).inputs
    both = of_call(usual, "--inputs", "--exclude", "x")
    assert both.inputs and both.exclude == ("*.tmp", "x")
    assert of_call(usual, "--all-files") == EVERYTHING


def test_a_remote_is_asked_to_leave_out_what_runs_were_given_unless_it_comes() -> None:
    request = USUAL.as_request()
    assert request is not None and request["inputs"] is False
    assert EVERYTHING.as_request() is None


def test_any_other_word_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        of_config(tmp_path, "inputs: some")
    assert "inputs: must be yes or no" in caught.value.hint
