"""The operations that guild brings along: they need no guild.yml and no package."""

from __future__ import annotations

from collections.abc import Mapping

from guild_sync.agent.protocol import DEVICES, Job, Run, Value
from guild_sync.config.texts import gpus_of
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import Flag
from guild_sync.project.values import shown

QUEUE = Operation(
    "queue",
    description="Start staged runs in the order in which they were staged, one at a time",
    flags={
        "poll-interval": Flag(
            "poll-interval",
            default=10,
            type="number",
            minimum=0.1,
            required=True,
            description="Seconds between two looks for staged runs",
        ),
        "run-once": Flag(
            "run-once",
            default=False,
            type="boolean",
            required=True,
            description="End when no run is staged",
        ),
        "wait-for-running": Flag(
            "wait-for-running",
            default=False,
            type="boolean",
            required=True,
            description="Start none while other runs run there",
        ),
        "gpus": Flag(
            "gpus",
            type="string",
            description="GPUs for the runs that it starts: as --gpus, but none that has others",
        ),
    },
    label=None,
)
OPERATIONS = {QUEUE.name: QUEUE}
# Guild AI's operation that does nothing, for a project's steps; `main` may name it, too.
PASS = Operation("guild.pass", description="Do nothing", main="guild.pass")


def opref(operation: Operation) -> str:
    """What the run of a built-in operation is, as Guild AI 0.9 writes it."""
    from guild_sync import __version__

    return f"builtin:guild-sync {__version__} '' {operation.name}"


def is_queue(run: Run) -> bool:
    """Whether a run, as a listing has it, is that of a queue: ours or Guild AI's."""
    return bool(run["opref"]["type"] == "builtin" and run["opref"]["name"] == QUEUE.name)


def agent_command(operation: Operation, values: Mapping[str, Value]) -> Job:
    """What runs for it, as `jobs.command` has it for others: the agent itself, with these words."""
    words = [shown(values[name]) for name in ("poll-interval", "run-once")]
    made: Job = {"op": operation.name, "builtin": operation.name, "args": words, "env": {}}
    if values.get("wait-for-running"):
        made["args"].append("wait-for-running")
    if (gpus := values.get("gpus")) is not None:
        count, devices = gpus_of(str(gpus))
        made["args"].append(f"count={count}" if count else f"device={devices}")
        if devices is None:
            made["needs"] = {"gpus": count}
        else:
            made["env"][DEVICES] = devices
    return made
