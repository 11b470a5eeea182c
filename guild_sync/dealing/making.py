"""The trials of a batch over several remotes, made here: each waits for one of these."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from guild_sync.agent.protocol import (
    BATCH,
    COMMIT,
    RUN_ENV,
    STARTED_BY,
    TRIAL,
    Child,
    Job,
    Value,
    new_run_id,
)
from guild_sync.config.home import guild_home
from guild_sync.dealing.batches import Batch, discard, files_folder, find, folder_of, keep
from guild_sync.fleet.asking import asked
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.jobs.opref import with_oprefs
from guild_sync.output.console import say
from guild_sync.project import wheel
from guild_sync.runs import person
from guild_sync.runs.launch import Launch, opref_on
from guild_sync.runs.sent import files_of


def made(launch: Launch, target: RemoteHost, remotes: Sequence[str], needed: bool) -> Batch | None:
    """The batch, each of its trials a run here that waits for one of the remotes.

    All of them are there afterwards, or none, whatever goes wrong. `target` is any of the remotes:
    all get the same. With `needed`, trials are left out that have completed here or on one of the
    remotes; None where these are all.
    """
    source = launch.source
    assert source is not None  # a project's: remotes have their own of all else
    here = LocalHost(str(guild_home()))
    job = with_oprefs(launch.job, opref_on(launch, target))
    children = list(job["children"])
    if needed:
        children = _not_done(children, here, remotes)
        if not children:
            return None
    say("Building package")
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        built = wheel.build(source, launch.package, Path(folder))
        files = files_of(source.project, launch.files)
        batch = Batch(
            new_run_id(),
            launch.name,
            time.time(),
            tuple(remotes),
            tuple(new_run_id() for _ in children),
            children[0]["job"].get("needs", {}),
            tuple(job.get("secrets", ())),
            bool(job.get("stops")),
            built,
            tuple(files),
            launch.requires,
            launch.package.python_requires or "",
        )
        _make_whole(batch, children, launch, files, here)
    return find(batch.id)


def _make_whole(
    batch: Batch,
    children: Sequence[Child],
    launch: Launch,
    files: Mapping[str, Path],
    here: LocalHost,
) -> None:
    folder = folder_of(batch.id)
    folder.mkdir(mode=0o700, parents=True)
    try:
        shutil.copyfile(batch.built.wheel, folder / batch.built.wheel.name)
        for name, path in files.items():
            target = files_folder(batch.id) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        keep(batch, is_made=False)
        for run_id, child in zip(batch.trials, children, strict=True):
            _stage(run_id, child, batch, launch, here)
        keep(batch, is_made=True)
    except BaseException:
        discard(batch, here)
        raise


def _stage(run_id: str, child: Child, batch: Batch, launch: Launch, here: LocalHost) -> None:
    number = batch.number(run_id)
    kept = launch.job.get("environment") or {}
    job: Job = {
        **child["job"],
        "environment": {key: value for key, value in kept.items() if key.startswith(RUN_ENV)},
    }
    if job.get("children") and launch.job.get("sources"):
        job["sources"] = launch.job["sources"]
    commit = launch.attributes.get(COMMIT)
    attributes: dict[str, Value] = {
        **child["attributes"],
        **({} if commit is None else {COMMIT: commit}),
        STARTED_BY: person.starter(),
        BATCH: batch.id,
        TRIAL: number,
    }
    here.stage(run_id, child["opref"], attributes, job, launch.diff)
    here.note_trial(
        run_id,
        {
            "batch": batch.id,
            "number": number,
            "count": len(batch.trials),
            "remotes": list(batch.remotes),
            "refused": {},
        },
    )
    here.mark_staged(run_id)


def _not_done(children: Sequence[Child], here: LocalHost, remotes: Sequence[str]) -> list[Child]:
    """The trials of which no run has completed, here or on one of the remotes."""

    def done_on(host: RemoteHost | LocalHost) -> list[bool]:
        return [
            host.matching(child["opref"], _flags(child), ["completed"]) is not None
            for child in children
        ]

    found = [done_on(here), *asked(remotes, done_on).answers.values()]
    left = []
    for number, child in enumerate(children):
        if any(done[number] for done in found):
            say(f"Trial {number + 1} of {len(children)} has completed before")
        else:
            left.append(child)
    return left


def _flags(child: Child) -> Mapping[str, Value]:
    flags = child["attributes"].get("flags")
    return flags if isinstance(flags, dict) else {}
