"""Names in an expression that no run has."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundirs import A, B, give_scalars, make

from guild_sync.agent.catalog.names import offered, unknown_names
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import Value
from guild_sync.cli import expressions


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("rate != 0.1", {}),
        ("size > 3 or rate = 1", {}),
        ("raet != 0.1", {"raet": ["rate"]}),
        ("not (raet = 1 and size = 2)", {"raet": ["rate"]}),
        ("zzz is undefined", {"zzz": []}),
        ("marked = yes and label contains x", {}),
        ("attr:tags contains x and flag:rate = 1", {}),
        ("flag:label = x", {"flag:label": ["label"]}),
        ("odd = 1", {}),
        ("attr:rate = 1", {"attr:rate": ["rate"]}),
        ("loss < 1 and min loss < 1 and scalar:loss = 1 and loss step > 0", {}),
        ("min los < 1", {"min los": ["min loss"]}),
        ("los step < 1", {"los step": ["loss step"]}),
        ("los < 1", {"los": ["loss"]}),
        ("scalar:rate < 1", {"scalar:rate": []}),
        ("duration > 1 or attr:time > 1", {}),
        ("min duration > 1", {"min duration": []}),
    ],
)
def test_a_name_is_unknown_that_no_run_has(
    tmp_path: Path, text: str, unknown: dict[str, list[str]]
) -> None:
    give_scalars(make(tmp_path, A, started=1, flags={"rate": 1}), {"loss": (0.5,)})
    make(tmp_path, B, started=2, flags={"size": 2}, odd=1)
    assert unknown_names(str(tmp_path), expressions.parse(text)) == unknown


def test_where_there_are_no_runs_no_name_is_wrong(tmp_path: Path) -> None:
    assert unknown_names(str(tmp_path), ["=", "x", 1]) == {}


def test_what_is_no_expression_has_no_names(tmp_path: Path) -> None:
    with pytest.raises(AgentError):
        unknown_names(str(tmp_path), [*300 * ["not"]])
    tree: Value = ["=", "x", 1]
    for _ in range(250):
        tree = ["not", tree]
    with pytest.raises(AgentError):
        unknown_names(str(tmp_path), tree)


def test_the_names_that_there_are_are_told(tmp_path: Path) -> None:
    first = make(tmp_path, A, started=1, flags={"rate": 1})
    give_scalars(first, {f"loss{number:02}": (0.5,) for number in range(22)})
    make(tmp_path, B, started=2, flags={"size": 2})
    found = offered(str(tmp_path), [A, B]).told()
    assert found.startswith("scalars loss00, loss01, ")
    assert found.endswith("loss19, and 2 more; flags rate, size")
    assert offered(str(tmp_path), []).told() == ""


def test_a_name_of_another_makes_no_line_of_its_own_and_is_cut(tmp_path: Path) -> None:
    make(tmp_path, A, started=1, flags={"a\nguild: all is well": 1, "n" * 9999: 2})
    found = offered(str(tmp_path), [A]).told()
    assert found == "flags a guild: all is well, " + "n" * 97 + "..."
