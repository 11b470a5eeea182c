"""What is about to be run: shown, and asked about."""

from __future__ import annotations

from guild_sync.agent.protocol import RUN_ID
from guild_sync.hosts.base import Host, on
from guild_sync.output import console, terminal
from guild_sync.output.console import say
from guild_sync.project import values
from guild_sync.runs.launch import Launch


def confirmed(
    prepared: Launch, where: str, stage: bool = False, target: Host | None = None
) -> bool:
    """Show what is about to be run, and what it requires on the `target`, and ask."""
    act = "stage" if stage else "start" if prepared.again else "run"
    which = f" again, as {prepared.run_id}" if prepared.again else ""
    say(f"You are about to {act} {terminal.clean(prepared.name)}{_kind(prepared)}{where}{which}")
    for flag, value in sorted(prepared.values.items()):
        known = prepared.operation.flags.get(flag)
        text = values.shown(value) if value is not None else known.null_label if known else None
        if text is not None:
            say(f"  {terminal.clean(flag)}: {terminal.clean(text)}")
    if target is not None:
        _show_asked(prepared, target)
        _show_required(prepared, target)
    return console.confirm()


def _kind(prepared: Launch) -> str:
    """What it consists of: ` as a batch of 6 trials`, ` in 2 steps: prepare, train`."""
    if prepared.is_batch:
        return f" as a batch of {len(prepared.children)} trials"
    names = ", ".join(child["name"] for child in prepared.children)
    return f" in {len(prepared.children)} steps: {names}" if names else ""


def _show_asked(prepared: Launch, target: Host) -> None:
    """Show what it would ask for where it would be a job of a scheduler."""
    if target.scheduler is None:
        return
    from guild_sync.jobs import cluster

    words = []
    for key, value in sorted(cluster.asked_of(target.scheduler, prepared.job).items()):
        texts = map(values.shown, value if isinstance(value, list) else [value])
        words.append(f"{key}={'; '.join(texts)}")
    say(f"As a job it asks for {terminal.clean(', '.join(words)) or 'nothing in particular'}")


def _show_required(prepared: Launch, target: Host) -> None:
    """Show the runs that it would take what it requires from."""
    of_runs = [name for name, flag in prepared.operation.flags.items() if flag.is_run]
    given = [prepared.values[name] for name in of_runs]
    ids = [value for value in given if isinstance(value, str) and RUN_ID.match(value)]
    if not ids:
        return
    say(f"It takes what it requires{on(target)} from:")
    found = target.list_runs(specs=ids)["runs"]
    from guild_sync.output import runs, tables  # few runs are made of others

    for line in tables.table([("", *runs.row_without_index(run)) for run in found]):
        say(line)
