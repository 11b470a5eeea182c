"""What of a project travels with a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.agent.protocol import Job, RequirementForm, Value
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Operation, Requirement, Step
from guild_sync.runs import sent


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
    (tmp_path / "bad.yml").write_bytes(b"a: \xff")
    with pytest.raises(GuildError, match=r"cannot read .*/bad.yml: it is not UTF-8 text"):
        sent.with_configs({"requires": [form("config", "bad.yml")]}, tmp_path, {})
    (tmp_path / "bad.yml").write_text("a: [")
    with pytest.raises(GuildError, match=r"the config file bad.yml cannot be read: while parsing"):
        sent.with_configs({"requires": [form("config", "bad.yml")]}, tmp_path, {})
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
