"""What is kept here of a batch over several remotes until all of its trials are over.

A folder below the guild home, named by the batch's id: a record, and the project's wheel, which
every trial gets. How the trials stand is in themselves (agent/catalog/trials.py).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from guild_sync.agent import forms
from guild_sync.agent.protocol import FINAL, RUN_ID, NeedsForm, RunId, Seconds, Trial, Value
from guild_sync.agent.store import identity
from guild_sync.agent.store.atomic import write_atomically
from guild_sync.config.home import file_name, guild_home
from guild_sync.hosts.local import LocalHost
from guild_sync.project.wheel import Built
from guild_sync.runs.sent import SentProject, contents_of

_FOLDER = "batches"
_RECORD = "batch.json"
_REFUSED = "refused-"  # and the file name of a remote: why it has refused trials, a line for each
_MOST_REFUSALS, _LONGEST_WHY = 100, 1000
_MOST = 1 << 24  # bytes of a record: 10,000 trials take 400 kB


class _Record(TypedDict):
    """A batch as its file has it; beside it there is `maker`, the process that makes its trials."""

    name: str
    made: Seconds
    remotes: list[str]
    trials: list[RunId]
    needs: NeedsForm
    secrets: list[str]
    stops: bool
    stopped: bool
    wheel: str
    package: str
    version: str
    folder: str
    files: list[str]
    requires: list[str]
    python_requires: str


@dataclass(frozen=True)
class Batch:
    """A batch whose trials go to several remotes, and the project that each of them gets."""

    id: str
    name: str  # of its operation
    made: float  # seconds since 1970
    remotes: tuple[str, ...]
    trials: tuple[str, ...]  # in their order
    needs: NeedsForm  # of each
    secrets: tuple[str, ...]  # variables of ours that each is given
    stops: bool  # with the first trial that fails
    built: Built
    files: tuple[str, ...]  # of the project, as they are called among those that a run keeps
    requires: tuple[str, ...]
    python_requires: str
    stopped: bool = False  # none of its trials is dealt any more

    def number(self, run_id: str) -> int:
        return self.trials.index(run_id) + 1


def folder_of(batch_id: str) -> Path:
    """The folder of a batch."""
    return guild_home() / _FOLDER / batch_id


def files_folder(batch_id: str) -> Path:
    """The folder of the project's files that a batch keeps, as they were when it was made."""
    return folder_of(batch_id) / "files"


def package(batch: Batch) -> SentProject:
    """The project as each trial is given it. Raises GuildError for a file that is not there."""
    kept = files_folder(batch.id)
    contents = contents_of(batch.built.wheel, {name: kept / name for name in batch.files})
    return SentProject(batch.built, contents, batch.requires, batch.python_requires)


def keep(batch: Batch, is_made: bool) -> None:
    """Write a batch down; until it `is_made`, none of its trials is dealt."""
    built = batch.built
    record: _Record = {
        "name": batch.name,
        "made": batch.made,
        "remotes": list(batch.remotes),
        "trials": list(batch.trials),
        "needs": batch.needs,
        "secrets": list(batch.secrets),
        "stops": batch.stops,
        "stopped": batch.stopped,
        "wheel": built.wheel.name,
        "package": built.name,
        "version": built.version,
        "folder": built.folder,
        "files": list(batch.files),
        "requires": list(batch.requires),
        "python_requires": batch.python_requires,
    }
    maker = {} if is_made else identity.of(os.getpid())._asdict()
    text = json.dumps({**record, "maker": maker})
    write_atomically(str(folder_of(batch.id) / _RECORD), text)


def stopped(batch: Batch) -> Batch:
    """The batch, of which from now on no trial is dealt any more."""
    found = replace(batch, stopped=True)
    keep(found, is_made=True)
    return found


def is_news(batch: Batch, remote: str, why: str) -> bool:
    """Whether the remote, which is locked, refuses trials of a batch for this for the first time.

    The trials do not tell: one that another remote has taken knows no more who has refused it.
    """
    path = folder_of(batch.id) / (_REFUSED + file_name(remote))
    try:
        known = set(path.read_text(encoding="utf-8").split("\n"))
    except (OSError, ValueError):
        known = set()
    line = json.dumps(why[:_LONGEST_WHY])
    if line in known or len(known) > _MOST_REFUSALS:
        return False
    with suppress(OSError):  # then it is said again
        write_atomically(str(path), "\n".join([*known, line]))
    return True


def batches(here: LocalHost) -> list[Batch]:
    """The batches that are not over, the oldest first; what a killed guild began goes."""
    found = []
    for batch_id in names():
        batch, maker = _read(batch_id)
        if batch is not None and not maker:
            found.append(batch)
        elif batch is not None:
            who = identity.recorded(maker)
            if who is None or not identity.may_live(who):
                discard(batch, here)
    return sorted(found, key=lambda batch: (batch.made, batch.id))


def find(batch_id: str) -> Batch | None:
    """The batch of this id, which is made; None where there is none that is not over."""
    batch, maker = _read(batch_id)
    return None if maker else batch


def names() -> list[str]:
    """The ids of the batches that are kept here; most guild homes have none."""
    try:
        return [name for name in os.listdir(guild_home() / _FOLDER) if RUN_ID.match(name)]
    except OSError:
        return []


def _read(batch_id: str) -> tuple[Batch | None, dict[str, Value]]:
    """A batch, and the process that is making it."""
    try:
        with open(folder_of(batch_id) / _RECORD, encoding="utf-8") as f:
            record = json.loads(f.read(_MOST))
        maker = record.get("maker") if isinstance(record, dict) else None
        found = forms.read(_Record, record)
    except (OSError, ValueError, RecursionError, forms.Misread):
        return None, {}
    return _batch(batch_id, found), maker if isinstance(maker, dict) else {}


def _batch(batch_id: str, found: _Record) -> Batch:
    wheel = folder_of(batch_id) / os.path.basename(found["wheel"])
    requires = tuple(found["requires"])
    return Batch(
        batch_id,
        found["name"],
        found["made"],
        tuple(found["remotes"]),
        tuple(found["trials"]),
        found["needs"],
        tuple(found["secrets"]),
        found["stops"],
        Built(wheel, found["package"], found["version"], found["folder"], requires),
        tuple(found["files"]),
        requires,
        found["python_requires"],
        found["stopped"],
    )


def discard(batch: Batch, here: LocalHost) -> None:
    """Remove a batch that was not made whole, with the trials that there are of it by now."""
    states = here.states(batch.trials)
    here.delete_runs([run for run in batch.trials if states[run]["status"]], permanent=True)
    forget(batch)


def forget(batch: Batch) -> None:
    """Remove what is kept of a batch: its trials need it no more."""
    shutil.rmtree(folder_of(batch.id), ignore_errors=True)


def is_home(batch: Batch, here: LocalHost) -> bool:
    """Whether none of its runs is one of a remote that may change: steps may come last."""
    states = here.states([*family(batch, here)])
    return not any(s["remote"] and s["status"] != "lost" for s in states.values())


def is_forgotten(batch: Batch, trials: Sequence[Trial], here: LocalHost) -> bool:
    """Whether all trials are over: then nothing is kept of the batch any more."""
    is_done = all(is_over(trial) and not trial["waits"] for trial in trials)
    is_done = is_done and is_home(batch, here)
    if is_done:
        forget(batch)
    return is_done


def family(batch: Batch, here: LocalHost) -> set[str]:
    """The trials of a batch, and the runs here that these consist of: steps of pipelines."""
    found: set[str] = set()
    new = {*batch.trials}
    while new:
        found |= new
        survey = here.survey([*new], stamps=False, look_only=True, selection=None)
        new = {run for state in survey["states"].values() for run in state["children"]} - found
    return found


def has_work(here: LocalHost) -> bool:
    """Whether any trial waits for a remote that may yet take it."""
    return any(
        trial["waits"] and trial["status"] and not set(batch.remotes) <= trial["refused"].keys()
        for batch in batches(here)
        if not batch.stopped
        for trial in here.trials(batch.trials)
    )


def counted(count: int) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count} trial{'' if count == 1 else 's'}"


def is_over(trial: Trial) -> bool:
    """Whether it is home, or lost, or was deleted here."""
    if trial["status"] in (None, "lost"):
        return True
    return trial["status"] in FINAL and trial["remote"] is None


def has_failed(trial: Trial) -> bool:
    """Whether it has run and not completed."""
    return is_over(trial) and trial["status"] not in (None, "completed")


def waiting(trials: Sequence[Trial]) -> list[str]:
    """Those that wait here, and are no remote's yet."""
    return [t["run"] for t in trials if t["waits"] and t["status"] and t["remote"] is None]
