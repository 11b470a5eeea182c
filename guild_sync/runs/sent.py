"""What a run needs of its project beside the source code: files, and configurations."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import FILES, Child, ContentForm, Job, RequirementForm, kept_name
from guild_sync.config.home import guild_home
from guild_sync.declarations import config_files
from guild_sync.errors import GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.project.definitions import ConfigFile, Operation, Requirement

if TYPE_CHECKING:
    from guild_sync.project.wheel import Built


class Sending(NamedTuple):
    """What is sent for a run unless it is there: by its path among the run's packages, and here."""

    forms: Mapping[str, ContentForm]
    paths: Mapping[str, Path]  # by the digest

    @property
    def sizes(self) -> dict[str, int]:
        """The bytes of each, by its digest."""
        return {form["digest"]: form["size"] for form in self.forms.values()}


class SentProject(NamedTuple):
    """A project as a run on a remote is given it, and what is installed for that."""

    built: Built
    contents: Sending
    requires: tuple[str, ...]
    python_requires: str


def files_of(project: Path, files: Sequence[str]) -> dict[str, Path]:
    """Files of the project, by what they are called among those that a run keeps."""
    return {kept_name(file): project / file for file in files}


def contents_of(wheel: Path, files: Mapping[str, Path]) -> Sending:
    """The wheel, and files of the project as `files_of` has them, by their digests.

    Raises GuildError for one that cannot be read.
    """
    named = {f"{FILES}/{name}": path for name, path in files.items()}
    try:
        paths = [*map(str, named.values())]
        digests = LocalHost(str(guild_home())).digests(paths) if paths else {}
        digests[str(wheel)] = hashlib.sha256(wheel.read_bytes()).hexdigest()
        named[wheel.name] = wheel
        forms = {name: _form(path, digests[str(path)]) for name, path in named.items()}
    except OSError as e:
        raise GuildError(f"cannot read {e.filename}: {e.strerror}") from None
    return Sending(forms, {digests[str(path)]: path for path in named.values()})


def _form(path: Path, digest: str) -> ContentForm:
    status = path.stat()
    return {"digest": digest, "size": status.st_size, "is_program": bool(status.st_mode & 0o100)}


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


def with_given(
    operation: Operation, paths: Sequence[Path], folder: Path, is_here: bool
) -> Operation:
    """The operation, and those of its steps, which require these files and folders of here, too.

    Here they are linked to, as by Guild AI 0.9; a remote is sent them as those of the project's
    `folder`.
    """
    known = {os.path.normpath(folder / needed.source) for needed in operation.requires}
    new = [
        str(path) if is_here else os.path.relpath(path, folder)
        for path in paths
        if str(path) not in known
    ]
    steps = tuple(
        replace(step, operation=with_given(step.operation, paths, folder, is_here))
        if step.operation
        else step
        for step in operation.steps
    )
    requires = (*operation.requires, *(Requirement("file", source, source) for source in new))
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
    content = config_files.with_values(ConfigFile(source, text), needed["values"])
    made: RequirementForm = {**needed, "config": text, "content": content}
    del made["values"]
    return made


def _read(folder: Path, source: str) -> str | None:
    try:
        return config_files.text_of(source, folder)
    except ValueError as e:
        raise GuildError(f"cannot read {folder / source}: {e}") from None
