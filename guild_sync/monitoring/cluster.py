"""A cluster, for `guild check`: its scheduler, what a job there would find, and its shared disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from guild_sync.agent.protocol import ProbeForm, SchedulerForm, Value
from guild_sync.errors import GuildError, SchedulerSilent, Unreachable
from guild_sync.hosts.base import Host
from guild_sync.monitoring.line import Line, fault, to_do
from guild_sync.output.terminal import clean

_SILENT = "What runs there goes on. Try again later, or ask its administrators."
_NOT_TAKEN = (
    "Correct 'job' of the remote in the config file. There, 'sinfo' lists the partitions, and\n"
    "'sacctmgr show associations user=$USER' your accounts."
)
_OWN_DISK = "Jobs run on other machines: choose a 'guild-home' on a disk that they share with it."
_NO_ANSWER = (
    "It needs the guild home, and the Python of the login node, at the same paths there: choose\n"
    "'guild-home' and 'python' of the remote such that all nodes have them."
)
_HELD = "It cannot begin as it is: correct 'job' of the remote, or ask its administrators."
_LATE = "Nothing is known of the nodes. Try again when the queue is shorter."


def lines(host: Host, scheduler: SchedulerForm, probes: bool) -> Iterator[Line]:
    """What the scheduler tells of itself, and whether its nodes can see the guild home.

    With `probes` a job looks at its node.
    """
    found = host.cluster(scheduler)
    if found["problem"]:
        yield fault("scheduler", SchedulerSilent(host.name, found["problem"], _SILENT))
    for name, text in found["lines"]:
        yield Line(clean(name), clean(text))
    if found["refusal"]:
        yield to_do("job", clean(found["refusal"]), _NOT_TAKEN)
    elif found["refusal"] is not None:
        yield Line("job", clean(f"taken, with {_asked(scheduler['options'])}"))
    node = None
    if probes and not (found["problem"] or found["refusal"]):
        line, node = _probed(host, scheduler)
        yield line
    if node is not None:
        yield Line("disk", clean(f"{found['disk']}, which {node} sees, too"))
    elif found["is_own"]:
        text = f"the guild home is on a disk of this machine alone ({found['disk']})"
        yield to_do("disk", text, _OWN_DISK)
    elif found["disk"]:
        yield Line("disk", clean(f"{found['disk']}; its nodes are to see it too"))


def _asked(options: Mapping[str, Value]) -> str:
    """What jobs ask for, as the config file has it: `time 4:00:00, partition gpu`."""
    told = (f"{key} {value}" for key, value in options.items() if not isinstance(value, list))
    return ", ".join(told) or "what the site gives"


def _probed(host: Host, scheduler: SchedulerForm) -> tuple[Line, str | None]:
    """What a job has found on its node, and which node that is; None: there is no answer."""
    try:
        found = host.probe(scheduler)
    except Unreachable:
        raise
    except GuildError as e:
        return fault("node", e), None
    node = found["node"]
    if node is None:
        return _unanswered(found), None
    said = f"; it printed: {found['said']}" if found["said"] else ""  # of `setup`, mostly
    text = f"job {found['job']} ran on {node['host']}, with Python {node['python']}{said}"
    return Line("node", clean(text)), node["host"]


def _unanswered(found: ProbeForm) -> Line:
    """What is wrong where a job has left no answer."""
    job, state = f"job {found['job']}", found["state"]
    if found["is_over"]:
        where = f" on {found['nodes']}" if found["nodes"] else ""
        said = f": {found['said']}" if found["said"] else ""
        return to_do("node", clean(f"{job} {state}{where}, without an answer{said}"), _NO_ANSWER)
    why = ", ".join(filter(None, [state, found["reason"]])) or "nothing is known of it"
    if found["is_held"]:
        return to_do("node", clean(f"{job} was cancelled: {why}"), _HELD)
    return to_do("node", clean(f"{job} did not run within a minute, cancelled: {why}"), _LATE)
