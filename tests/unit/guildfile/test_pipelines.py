"""What steps name is looked for when guild.yml is read, and a fault of the pipeline alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from projects import load

from guild_sync.errors import ConfigError
from guild_sync.project import operations

GUILDFILE = """
- model: m
  operations:
    train: {exec: echo train}
    good: {steps: [train, guild.pass, 'm:train', 'p/m:train']}
    typo: {steps: [train, tain, {run: nowhere}]}
    over: {steps: [good, typo]}
    round: {steps: [train, again]}
    again: {steps: [round]}
    into: {steps: [again]}
- model: other
  operations:
    typo: {exec: echo typo}
"""


def test_a_step_that_names_no_operation_is_a_fault_of_its_pipeline_with_its_line(
    tmp_path: Path,
) -> None:
    found = load(tmp_path, GUILDFILE)
    assert {o.full_name: o.faults for o in found.operations if o.faults} == {
        "m:typo": (
            "m:typo: steps, entry 2: run: there is no operation tain: did you mean m:train or "
            "m:again? (line 6)",
            "m:typo: steps, entry 3: run: there is no operation nowhere (line 6)",
        ),
        "m:round": ("m:round: steps: m:round -> m:again -> m:round goes round (line 8)",),
        "m:again": ("m:again: steps: m:again -> m:round -> m:again goes round (line 9)",),
    }


@pytest.mark.parametrize(
    ("name", "count", "told"), [("over", "2 faults", "m:typo"), ("into", "a fault", "m:again")]
)
def test_a_pipeline_over_one_with_a_fault_tells_it_when_it_runs(
    tmp_path: Path, name: str, count: str, told: str
) -> None:
    found = load(tmp_path, GUILDFILE)
    with pytest.raises(ConfigError, match=f"has {count}:$") as error:
        operations.with_steps(found, operations.find(found, name))
    assert {line.split(": ")[0].strip() for line in error.value.hint.splitlines()} == {told}


def test_what_an_entry_with_faults_would_offer_is_told_with_them(tmp_path: Path) -> None:
    found = load(tmp_path, "- operations: {all: {steps: [gone]}}\n- include: nowhere.yml\n")
    (faults,) = (operation.faults for operation in found.operations)
    assert [text for text in found.faults if text in faults] == list(found.faults) != []
    assert "there is no operation gone" in faults[-1]


def test_pipelines_that_branch_and_join_are_read_once_each(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(60)]
    lines = [f"{name}: {{steps: [{below}, {below}]}}" for name, below in pairwise(names)]
    found = load(tmp_path, "\n".join([*lines, f"{names[-1]}: {{exec: echo last}}"]))
    assert not any(operation.faults for operation in found.operations)
