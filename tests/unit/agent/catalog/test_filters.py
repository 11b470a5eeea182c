"""Which runs a filter is about: a table of questions, asked of one run."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from rundirs import give_scalars

from guild_sync.agent.catalog import filters
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Filters
from guild_sync.agent.remembering.looks import Looks
from guild_sync.agent.store import rundir
from guild_sync.cli import expressions

STARTED = 1_700_000_000_000_000
ATTRS: dict[str, Any] = {
    "exit_status": 1,
    "started": STARTED,
    "stopped": STARTED + 5,
    "label": "Best of sleep=5",
    "tags": ["new", "slow"],
    "comments": [{"body": "Look at this", "user": "me"}, "not a comment"],
    "marked": True,
    "sourcecode_digest": "0af3bc",
    "flags": {
        "sleep": 5,
        "rate": 0.5,
        "name": "x y",
        "on": True,
        "label": "flagged",
        "none": None,
        "path": "a/b",
    },
}


@pytest.fixture
def run(tmp_path: Path) -> str:
    directory = tmp_path / "runs" / ("a" * 32)
    (directory / ".guild" / "attrs").mkdir(parents=True)
    (directory / ".guild" / "opref").write_text("package:gpkg.demo 1.0 model train")
    for name, value in ATTRS.items():
        rundir.write_attr(str(directory), name, value)
    numbers = {"val/acc": (0.9,), "val acc": (1,), "name": (0.25,), "nothing": (math.nan,)}
    give_scalars(directory, {"loss": (0.9, 0.1, 0.3), **numbers})
    return str(directory)


def meets(run: str, wanted: Filters) -> bool:
    top, name = os.path.split(run)
    return filters.matching(Looks(top), wanted)([name]) == [name]


@pytest.mark.parametrize(
    ("name", "wanted", "met"),
    [
        ("status", ["error"], True),
        ("status", ["completed", "error"], True),
        ("status", ["completed"], False),
        ("operation", ["train"], True),
        ("operation", ["gpkg.demo/model:train"], True),
        ("operation", ["model:train"], True),
        ("operation", ["gpkg.demo/train"], True),
        ("operation", [":train"], True),
        ("operation", ["gpkg.demo/"], True),
        ("operation", ["test", "train"], True),
        ("operation", ["TRAIN"], False),
        ("operation", ["test", "model"], False),
        ("operation", ["rain"], False),
        ("operation", ["trai"], False),
        ("operation", ["demo/train"], False),
        ("operation", ["odel:train"], False),
        ("operation", ["tr*"], True),
        ("operation", ["gpkg.*/*:train"], True),
        ("operation", ["t.ain"], False),
        ("operation", ["^gpkg"], True),
        ("operation", ["^train"], False),
        ("operation", ["rain$"], True),
        ("operation", ["trai$"], False),
        ("operation", [""], False),
        ("label", ["Best"], True),
        ("label", ["best"], False),
        ("label", ["-"], False),
        ("label", ["worst"], False),
        ("label", [""], False),
        ("unlabeled", True, False),
        ("tag", ["new"], True),
        ("tag", ["old", "slow"], True),
        ("tag", ["ne"], False),
        ("tag", ["New"], False),
        ("comment", ["look AT"], True),
        ("comment", ["elsewhere"], False),
        ("marked", True, True),
        ("marked", False, False),
        ("digest", ["0af"], True),
        ("digest", ["af"], False),
        ("digest", [""], False),
        ("started", [None, None], True),
        ("started", [STARTED, STARTED + 1], True),
        ("started", [STARTED + 1, None], False),
        ("started", [None, STARTED], False),
    ],
)
def test_a_filter_is_met_by_any_of_its_values(run: str, name: str, wanted: Any, met: bool) -> None:
    assert meets(run, {name: wanted}) is met


def test_every_filter_must_be_met(run: str) -> None:
    assert meets(run, {"tag": ["new"], "marked": True})
    assert not meets(run, {"tag": ["new"], "marked": False})
    assert meets(run, {})


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("status = error", True),
        ("status = error and sleep > 5", False),
        ("status = error and sleep >= 5", True),
        ("status = completed or sleep = 5", True),
        ("not status = completed", True),
        ("status != completed", True),
        ("status in [error, terminated]", True),
        ("status not in [error, terminated]", False),
        ("sleep = 5.0", True),
        ("sleep = '5'", True),
        ("sleep < 10", True),
        ("sleep < '10'", False),
        ("rate <= 0.5", True),
        ("exit_status > 0", True),
        ("name = 'x y'", True),
        ("name contains X", True),
        ("name contains z", False),
        ("on = yes", True),
        ("on = 1", False),
        ("on = no", False),
        ("label contains best", True),
        ("flag:label = flagged", True),
        ("attr:label = flagged", False),
        ("attr:sleep is undefined", True),
        ("none is undefined", True),
        ("sleep is not undefined", True),
        ("unknown > 1", False),
        ("unknown < 1", False),
        ("unknown != 1", True),
        ("unknown contains x", False),
        ("name = y", False),
        ("path = b", False),
        ("sleep is 5", True),
        ("sleep is not 5", False),
        ("status is error", True),
        ("tags contains new", True),
        ("tags contains ne", False),
        ("operation = gpkg.demo/model:train", True),
        ("operation = model:train", True),
        ("operation != model:train", False),
        ("operation in [train, model:train]", True),
        ("operation = train", False),
        ("op = train", True),
        ("op contains model", False),
        ("op contains train", True),
        ("id contains aaaa", True),
        ("attr:../opref contains package", False),
        ("notable = 1 or order = 2 or sleep = 5", True),
        ("loss < 0.2", False),
        ("min loss < 0.2", True),
        ("loss > 0.2 and rate >= 0.5", True),
        ("loss step = 2 and min loss step = 1", True),
        ("count loss = 3", True),
        ("val/acc > 0.8", True),
        ('"val acc" = 1', True),
        ('min "val acc" step = 0', True),
        ("name > 0.2", True),  # the scalar: a number is asked for, and the flag is a text
        ("name = 'x y'", True),
        ("name in [0.25, 3]", True),
        ("name != 0.25", False),
        ("scalar:name = 0.25", True),
        ("scalar:rate is undefined", True),
        ("duration < 1", True),
        ("nothing < 1 or nothing > 1 or nothing = 1", False),  # it is not a number
        ("nothing != 1", True),
        ("nothing = nan", True),
        ("min nothing is undefined", True),
    ],
)
def test_an_expression_compares_attributes_flags_and_status(run: str, text: str, met: bool) -> None:
    assert meets(run, {"expression": expressions.parse(text)}) is met


def test_a_dash_means_no_label(run: str) -> None:
    (Path(run) / ".guild" / "attrs" / "label").unlink()
    assert meets(run, {"label": ["-"]})
    rundir.write_attr(run, "label", "a - b")
    assert not meets(run, {"label": ["-"]})


def test_what_the_run_lacks_or_cannot_be_read_meets_no_filter(run: str) -> None:
    for name in ("label", "tags", "comments", "flags", "started"):
        (Path(run) / ".guild" / "attrs" / name).write_text("[{")
    asked: list[dict[str, Any]] = [
        {"label": ["x"]},
        {"tag": ["new"]},
        {"comment": ["Look"]},
        {"started": [0, None]},
        {"expression": ["=", "sleep", 5]},
    ]
    assert not any(meets(run, wanted) for wanted in asked)
    assert meets(run, {"unlabeled": True})


@pytest.mark.parametrize(
    "wanted",
    [
        {"colour": ["red"]},
        {"expression": "sleep = 5"},
        {"expression": []},
        {"expression": ["~", "sleep", 5]},
        {"expression": 300 * ["not"]},
    ],
)
def test_a_filter_that_is_none_is_refused(run: str, wanted: dict[str, Any]) -> None:
    with pytest.raises(AgentError):
        meets(run, wanted)


def test_an_expression_that_is_too_deep_is_refused(run: str) -> None:
    tree: Any = ["=", "sleep", 5]
    for _ in range(250):
        tree = ["not", tree]
    with pytest.raises(AgentError):
        meets(run, {"expression": tree})
