"""What of a project travels with a run, and configurations with flags' values in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from guild_sync.agent.protocol import Job, RequirementForm, Value
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Operation, Requirement, Step
from guild_sync.runs import sent

YAML = "lr: 0.1\nnested: {x: 1, y: two}\nwhen: 2026-01-01\na.b: 3\n"


def put(source: str, text: str, **values: Value) -> Value:
    """What a configuration says once values are in it."""
    made = sent.configured(source, text, {k.replace("__", "."): v for k, v in values.items()})
    found: Value = json.loads(made) if source.endswith("json") else yaml.safe_load(made)
    return found


def test_values_go_where_their_names_lead() -> None:
    found = put("c.yml", YAML, lr=0.5, nested__x=7, new__deep__z=[1], none=None, a__b=4)

    assert isinstance(found, dict)
    assert str(found.pop("when")) == "2026-01-01"
    assert found == {
        "lr": 0.5, "nested": {"x": 7, "y": "two"}, "new": {"deep": {"z": [1]}}, "none": None,
        "a.b": 4,
    }  # fmt: skip


def test_a_json_file_stays_one() -> None:
    text = '{"b": {"c": "\\u00e9"}, "a": 1}'
    assert put("c.json", text, b__c="x", d=True) == {"b": {"c": "x"}, "a": 1, "d": True}
    assert list(json.loads(sent.configured("c.json", text, {}))) == ["b", "a"]
    assert put("c.yaml", "") == {}
    assert put("c.json.in", text, b__c="x") == {"b": {"c": "x"}, "a": 1}


@pytest.mark.parametrize(
    ("source", "text", "why"),
    [
        ("c.json", "{", "cannot read the configuration c.json: "),
        ("c.yml", "a: [", "cannot read the configuration c.yml: "),
        ("c.yml", "a: !!python/object:os.system {}", "cannot read the configuration"),
        ("c.json", "[" * 100_000, "cannot read the configuration"),
        ("c.yml", "- a", "is no mapping: flags have no place in it"),
        ("c.yml", "x: 1", "flag 'x.y': x is no mapping in c.yml"),
        ("c.ini", "", "is no configuration"),
    ],
)
def test_a_configuration_that_is_none_is_one_line(source: str, text: str, why: str) -> None:
    with pytest.raises(GuildError) as error:
        sent.configured(source, text, {"x.y": 1})

    assert why in error.value.message
    assert "\n" not in error.value.message


def form(kind: str, source: str, **values: Value) -> RequirementForm:
    made: RequirementForm = {
        "kind": kind, "source": source, "name": source, "select": [], "rename": [],
        "target_path": "", "copy": False, "keep_folders": False,
    }  # fmt: skip
    return {**made, "values": values} if kind == "config" else made


def test_configurations_of_all_children_are_read(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("x: 0\n")
    child: Job = {"requires": [form("config", "c.yml", x=2), form("file", "f")]}
    job: Job = {"requires": [form("config", "c.yml", x=1)], "children": [{"job": child}]}

    made = sent.with_configs(job, tmp_path, {})

    configs = [r for r in sent.all_requirements(made) if r["kind"] == "config"]
    assert [r["content"] for r in configs] == ["x: 1\n", "x: 2\n"]
    assert all("values" not in r for r in configs)
    # Made again without the project, with other values, it has the file as it was.
    again = sent.with_configs({"requires": [form("config", "c.yml", x=3)]}, None, made)
    assert again["requires"][0]["content"] == "x: 3\n"


def test_a_configuration_that_is_not_there_is_said(tmp_path: Path) -> None:
    job: Job = {"requires": [form("config", "c.yml")]}
    with pytest.raises(GuildError, match=r"requires c.yml, which is not in"):
        sent.with_configs(job, tmp_path, {})
    with pytest.raises(GuildError, match=r"requires c.yml, which is not in the run"):
        sent.with_configs(job, None, {})
    optional: RequirementForm = {**form("config", "c.yml"), "optional": True}
    assert sent.with_configs({"requires": [optional]}, tmp_path, {})["requires"] == []


def test_a_file_that_is_to_be_linked_is_linked_where_the_project_is(tmp_path: Path) -> None:
    requires = (Requirement("file", "../d", "d", link=True), Requirement("file", "e", "e"))
    step = Step("s", "s", {}, Operation("s", requires=requires))

    found = sent.with_links(Operation("op", requires=requires, steps=(step,)), tmp_path / "p")

    inner = found.steps[0].operation
    assert inner is not None
    for operation in (found, inner):
        assert [r.source for r in operation.requires] == [str(tmp_path / "d"), "e"]
