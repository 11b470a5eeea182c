"""What a copy would bring, as people and programs are told before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from guild_sync.config import limits
from guild_sync.errors import Exit
from guild_sync.hooks.events import EXPECTED
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, formats, records, tables, terminal
from guild_sync.sync.preview import Plan, Planned, free_bytes
from guild_sync.transfer.room import Room


def show(plans: Sequence[Plan], here: LocalHost, as_json: bool) -> Exit:
    """Print what would be copied, and whether there is room; guild's exit status."""
    needed, free = sum(plan.bytes for plan in plans), free_bytes(Path(here.home))
    room = Room().left(Path(here.home, "runs"))
    if as_json:
        print(json.dumps(_plan_as_json(plans, needed, free, needed <= room), indent=2))
    else:
        for line in _plan_as_text(plans):
            console.say(line)
        if needed <= room and any(not plan.error for plan in plans):
            console.say(f"There is room here: {formats.size(free)} are free")
    for plan in plans:
        if plan.error:
            console.warn(plan.error)
    if needed > room:
        console.complain(
            f"there is no room here for {formats.size(needed)}: {formats.size(free)} are free, "
            f"and {formats.size(limits.keep_free())} are to stay so",
            hint="Make room, or leave files out; keep-free in the config says what stays free.",
        )
    worst = max((plan.error.exit for plan in plans if plan.error), default=Exit.OK)
    return max(worst, Exit.ERROR if needed > room else Exit.OK)


def _plan_as_text(plans: Sequence[Plan]) -> Iterator[str]:
    for plan in plans:
        if plan.error:
            continue
        total = f"{plan.files} files, {formats.size(plan.bytes)}" if plan.files else "nothing"
        yield terminal.clean(f"{plan.remote}: {total} to copy")
        rows = [
            (
                f"  {run.run}",
                _change(run),
                f"{run.files} files",
                formats.size(run.bytes),
            )
            for run in plan.runs
        ]
        yield from tables.table(rows)
        yield from (f"  {run_id}  is not there any more" for run_id in plan.missing)


def _change(run: Planned) -> str:
    before = run.before or (EXPECTED if run.is_expected else "new")
    return run.after if before == run.after else f"{before} -> {run.after}"


def _plan_as_json(plans: Sequence[Plan], needed: int, free: int, fits: bool) -> records.PlanRecord:
    remotes: list[records.RemotePlan] = [
        {
            "remote": plan.remote,
            "error": plan.error.message if plan.error else None,
            "runs": list(map(_planned_as_json, plan.runs)),
            "missing": list(plan.missing),
            "files": plan.files,
            "bytes": plan.bytes,
        }
        for plan in plans
    ]
    return {"remotes": remotes, "bytes": needed, "free": free, "fits": fits}


def _planned_as_json(run: Planned) -> records.PlannedRun:
    return {
        "run": run.run,
        "before": run.before,
        "after": run.after,
        "files": run.files,
        "bytes": run.bytes,
    }
