"""The trials of a batch, staged each by itself: what starts them is whoever starts staged runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from guild_sync.agent.protocol import COMMIT, Child, Job, Value, new_run_id
from guild_sync.errors import UsageError
from guild_sync.hosts.base import Host, on, option
from guild_sync.output.console import say
from guild_sync.output.terminal import clean
from guild_sync.runs import start
from guild_sync.runs.launch import Launch


def stage(prepared: Launch, target: Host, track: bool, needed: bool) -> None:
    """Stage each trial on the host, where they wait in their order; the batch has no run.

    With `needed` those are left out of which there is a run already. Raises UsageError for what
    is no batch.
    """
    if not prepared.is_batch:
        raise UsageError(
            f"--stage-trials belongs to a batch, and {clean(prepared.name)} here is none",
            "Give a flag several values, FLAG=[1,2,3], or stage the one run: --stage",
        )
    trials = [*_trials(prepared)]
    with target.staying():
        for number, trial in enumerate(trials, 1):
            if needed and start.earlier_run(trial, target) is not None:
                say(f"Trial {number} of {len(trials)} has run before")
                continue
            start.stage(trial, target, say, track)
            label = clean(str(trial.attributes.get("label") or ""))
            said = f"Trial {number} of {len(trials)} staged{on(target)} as {trial.run_id}"
            say(f"{said}  {label}".rstrip())
    say(f"To start them, one after the other, use 'guild run queue{option(target.name)}'")


def _trials(prepared: Launch) -> Iterator[Launch]:
    """Each trial as a launch of its own, which is given what the batch was to be given."""
    whole = prepared.job
    commit = prepared.attributes.get(COMMIT)
    for child in prepared.children:
        job: Job = {**child["job"], "environment": whole.get("environment") or {}}
        if job.get("children") and whole.get("sources"):
            job["sources"] = whole["sources"]
        attributes = {**child["attributes"], **({} if commit is None else {COMMIT: commit})}
        yield replace(
            prepared, job=job, attributes=attributes, values=_values(child), run_id=new_run_id()
        )


def _values(child: Child) -> dict[str, Value]:
    found = child["attributes"].get("flags")
    return {**found} if isinstance(found, dict) else {}
