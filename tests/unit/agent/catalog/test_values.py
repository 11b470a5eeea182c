"""What a name stands for in a run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from rundirs import give_scalars, make

from guild_sync.agent.catalog.values import RunValues, travelling
from guild_sync.agent.protocol import Value

SECOND = 1_000_000
NAN = math.nan


@pytest.fixture
def run(tmp_path: Path) -> RunValues:
    directory = make(
        tmp_path,
        started=10 * SECOND,
        stopped=70 * SECOND,
        exit_status=0,
        label="best",
        flags={"lr": 0.1, "loss": "mse", "label": "of a flag", "min": 3, "a b": 1},
    )
    scalars = {"loss": (0.9, 0.1, 0.3), "lr": (0.2, 0.05), "bad": (1.0, NAN), "none": (NAN,)}
    return RunValues(str(give_scalars(directory, scalars)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", 0.1),  # the flag, though a scalar is called so, too
        ("scalar:lr", 0.05),
        ("last lr", 0.05),
        ("first lr", 0.2),
        ("loss", "mse"),
        ("scalar:loss", 0.3),
        ("min loss", 0.1),
        ("max loss", 0.9),
        ("mean loss", pytest.approx(1.3 / 3)),
        ("count loss", 3),
        ("loss step", 2),
        ("min loss step", 1),
        ("max loss step", 0),
        ("first loss step", None),  # which is not kept
        ("min loss_", None),
        ("label", "best"),
        ("flag:label", "of a flag"),
        (".label", "best"),
        ("=label", "of a flag"),
        ("scalar:label", None),
        ("status", "completed"),
        ("op", "op"),
        ("operation", "gpkg.demo/op"),
        ("id", "a" * 32),
        ("duration", 60),
        ("time", 60),
        ("min", 3),
        ("a b", 1),
        ("'a b'", 1),
        ("attr:lr", None),
        ("../opref", None),
        ("none step", 0),
        ("min none", None),
        ("min none step", None),
        ("min bad", 1.0),
    ],
)
def test_the_first_of_attribute_flag_and_scalar_is_meant(
    run: RunValues, name: str, value: Value
) -> None:
    assert run.value(name) == value


def test_where_a_number_is_asked_for_a_text_of_that_name_is_passed_over(run: RunValues) -> None:
    assert run.number("loss") == 0.3
    assert run.number("lr") == 0.1
    assert run.number("label") is None
    assert run.number("bad") is None, "what is not a number wins nothing"
    assert math.isnan(float(str(run.value("bad"))))


def test_how_long_a_run_took_is_known_of_one_that_has_started(tmp_path: Path) -> None:
    for name, marks, attributes, value in (
        ("1", {}, {"started": SECOND, "stopped": 3 * SECOND}, 2),
        ("2", {"STAGED": ""}, {"initialized": 1}, None),
        ("3", {"LOCK.remote": "gpu1"}, {"started": SECOND}, 4),
        ("4", {}, {"started": SECOND}, None),  # nobody knows how it ended
        ("6", {}, {"started": 10**400, "stopped": 10**401}, None),
        ("7", {}, {"started": 1, "stopped": 10**400}, None),
        ("5", {}, {"started": 1, "stopped": 2, "flags": {"time": 7, "duration": "long"}}, 7),
    ):
        directory = make(tmp_path, name * 32, marks, **attributes)
        if "LOCK.remote" in marks:
            confirmed = directory / ".guild/LOCK.confirmed"
            confirmed.write_text(f"{5 * SECOND} gpu1\n")
        found = RunValues(str(directory))
        assert found.value("time") == value, name
    assert found.value("duration") == "long", "a flag of that name is meant"
    assert (found.value("attr:time"), found.number("duration")) == (1e-6, 1e-6)


def test_numbers_that_json_has_not_travel_as_texts() -> None:
    assert [travelling(value) for value in (NAN, math.inf, -math.inf, 0.5, 3, "x", None)] == [
        *("nan", "inf", "-inf", 0.5, 3, "x", None)
    ]
