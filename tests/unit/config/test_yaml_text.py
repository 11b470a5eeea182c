"""config.yml as YAML: what stands in `job` of a remote is as it was typed, all else is YAML's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from guild_sync.agent.protocol import Value
from guild_sync.config.schema import REMOTE_KEYS
from guild_sync.config.yaml_text import ConfigLoader, parsed

# What YAML 1.1 takes for something else than it looks like, or than a whole number.
ODD = ("4:00:00", "1:30", "0x10", "030", "1_000", "1.5", ".5", "+4", "-1", "0b1")
PLAIN = ("4", "0", "16000", "gpu", "16G", "yes", "no", "~", "1-2", "1-02:00:00", "'4:00'")


def of(text: str) -> Value:
    return parsed(Path("config.yml"), text)


def job_of(text: str, *path: str) -> Value:
    found = of(text)
    for key in ("remotes", *(path or ("hpc",)), "job"):
        assert isinstance(found, dict)
        found = found[key]
    return found


@pytest.mark.parametrize("text", [*ODD, "2026-01-01"])
def test_what_a_job_has_is_as_it_was_typed(text: str) -> None:
    assert job_of(f"remotes: {{hpc: {{job: {{time: {text}}}}}}}") == {"time": text}


@pytest.mark.parametrize("text", PLAIN)
def test_whole_numbers_yes_and_no_are_what_they_were(text: str) -> None:
    file = f"remotes: {{hpc: {{job: {{x: {text}}}}}}}"
    assert of(file) == yaml.load(file, ConfigLoader)


@pytest.mark.parametrize("text", [*ODD, *PLAIN])
def test_no_other_key_of_the_file_means_anything_else_than_before(text: str) -> None:
    keys = "".join(f"    {key}: {text}\n" for key in (*REMOTE_KEYS, "time") if key != "job")
    file = (
        f"remotes:\n  gpu:\n{keys}  job:\n{keys}"
        f"  x: {{env: {{job: {text}, time: {text}}}, job: {text}, y: {{job: {{time: {text}}}}}}}\n"
        f"job: {{time: {text}}}\nkeep-free: {text}\nhooks: [{{job: {{time: {text}}}}}]\n"
    )
    assert of(file) == yaml.load(file, ConfigLoader)


def test_what_an_anchor_brings_into_a_job_is_as_it_was_typed_too() -> None:
    shared = "x: &x {time: 4:00:00}\ny: &y {job: *x, timeout: 1:30}\n"
    assert job_of(f"{shared}remotes: {{hpc: {{job: *x}}}}") == {"time": "4:00:00"}
    merged = job_of(f"{shared}remotes: {{hpc: {{job: {{<<: [*x], mem: 1_0}}}}}}")
    assert merged == {"time": "4:00:00", "mem": "1_0"}
    file = f"{shared}remotes: {{<<: {{a: {{<<: *y, port: 0x16}}}}}}"
    found = of(file)
    assert isinstance(found, dict)
    assert found["remotes"] == {"a": {"job": {"time": "4:00:00"}, "timeout": 90, "port": 22}}


def test_an_anchor_that_has_itself_is_read_in_finite_time() -> None:
    for text in ("remotes: &r {a: *r, job: *r}", "remotes: {a: &a {job: &j {x: *j, time: 1:30}}}"):
        found = of(text)
        assert isinstance(found, dict)
