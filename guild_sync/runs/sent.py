"""What a run needs of its project beside the source code: files, and configurations."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from guild_sync.agent.protocol import Child, Job, RequirementForm, Value
from guild_sync.errors import GuildError
from guild_sync.project.definitions import TEMPLATE, Operation, Yaml

_MOST_BYTES = 1 << 22  # of a configuration: it travels with the request


def all_requirements(job: Job) -> Iterator[RequirementForm]:
    """What a job requires, and the runs that it consists of; also what files are compared to."""
    yield from job.get("requires", ())
    for child in job.get("children", ()):
        yield from all_requirements(child["job"])
        for expected in child.get("expect", ()):
            if expected["compare_to"]:
                yield _file(expected["compare_to"])


def _file(source: str) -> RequirementForm:
    return {
        "kind": "file",
        "source": source,
        "name": source,
        "select": [],
        "rename": [],
        "target_path": "",
        "copy": True,
        "keep_folders": False,
    }


def with_links(operation: Operation, folder: Path) -> Operation:
    """The operation for this machine, where files of the project can be linked to."""
    requires = tuple(
        replace(needed, source=os.path.normpath(folder / needed.source))
        if needed.link and needed.kind == "file"
        else needed
        for needed in operation.requires
    )
    steps = tuple(
        replace(step, operation=with_links(step.operation, folder)) if step.operation else step
        for step in operation.steps
    )
    return replace(operation, requires=requires, steps=steps)


def with_configs(job: Job, folder: Path | None, kept: Job) -> Job:
    """The job, with each configuration that it requires as the run is to have it.

    They are read in the project's `folder`, or else taken from the earlier job `kept`. Raises
    GuildError for one that is not there, or cannot be read.
    """
    texts = {r["source"]: r.get("config") for r in all_requirements(kept) if r["kind"] == "config"}
    return _with_configs(job, folder, texts)


def _with_configs(job: Job, folder: Path | None, texts: Mapping[str, str | None]) -> Job:
    made: Job = {**job}
    if job.get("requires"):
        found = [_with_config(needed, folder, texts) for needed in job["requires"]]
        made["requires"] = [needed for needed in found if needed is not None]
    if job.get("children"):
        children: list[Child] = [
            {**child, "job": _with_configs(child["job"], folder, texts)}
            for child in job["children"]
        ]
        made["children"] = children
    return made


def _with_config(
    needed: RequirementForm, folder: Path | None, texts: Mapping[str, str | None]
) -> RequirementForm | None:
    """The requirement with its content; None for one that is not there and need not be."""
    if needed["kind"] != "config" or "values" not in needed:
        return needed
    source = needed["source"]
    text = texts.get(source) if folder is None else _read(folder, source)
    if text is None:
        if needed.get("optional"):
            return None
        raise GuildError(
            f"the operation requires {source}, which is not in {folder or 'the run'}",
            "Put it there, or correct 'requires' in guild.yml."
            if folder
            else "In its project's folder, --force-sourcecode takes it from there.",
        )
    values = needed["values"]
    made: RequirementForm = {**needed, "config": text, "content": configured(source, text, values)}
    del made["values"]
    return made


def _read(folder: Path, source: str) -> str | None:
    path = folder / source
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise GuildError(f"{path} is larger than 4 MB: it cannot be a configuration")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as e:
        raise GuildError(f"cannot read {path}: {e.strerror}") from None
    except UnicodeDecodeError:
        raise GuildError(f"cannot read {path}: it is not UTF-8 text") from None


def configured(source: str, text: str, values: Mapping[str, Value]) -> str:
    """A configuration's text with flags' values in it: `a.b` is what `b` is within `a`."""
    import yaml

    name = source.removesuffix(TEMPLATE)
    is_json = name.endswith(".json")
    if not is_json and not name.endswith((".yml", ".yaml")):
        raise GuildError(f"{source} is no configuration: its name ends with none of .json, .yml")
    try:
        data: Yaml = json.loads(text) if is_json else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as e:
        why = " ".join(str(e).split())
        raise GuildError(f"cannot read the configuration {source}: {why}") from None
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise GuildError(f"the configuration {source} is no mapping: flags have no place in it")
    for name, value in values.items():
        _put(data, name, json.loads(json.dumps(value)), source)
    if is_json:
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    made: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return made


def _put(data: dict[Yaml, Yaml], name: str, value: Yaml, source: str) -> None:
    """Put a value where its name leads; a key with dots in it that is there is meant itself."""
    *above, last = [name] if name in data else name.split(".")
    for number, part in enumerate(above):
        inner = data.setdefault(part, {})
        if inner is None:
            inner = data[part] = {}
        if not isinstance(inner, dict):
            place = ".".join(above[: number + 1])
            raise GuildError(f"flag {name!r}: {place} is no mapping in {source}")
        data = inner
    data[last] = value
