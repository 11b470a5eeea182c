"""What the agent can be asked, by name: the same functions here and on a remote."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Dict, Iterator

from .errors import AgentError

Answer = Any
Stream = Iterator[bytes]


def call(home: str, function: str, args: Dict[str, Any]) -> Answer:
    """The answer of one function; AgentError where it cannot be given."""
    return _guarded(FUNCTIONS, home, function, args)


def stream(home: str, function: str, args: Dict[str, Any]) -> Stream:
    """The bytes that one streaming function sends."""
    found: Stream = _guarded(STREAMS, home, function, args)
    return found


def _guarded(table: Dict[str, str], home: str, function: str, args: Dict[str, Any]) -> Any:
    if function not in table:
        raise AgentError("the agent has no function %r" % function[:80])
    # Imported only when it is asked for: an agent starts anew for each request.
    module, _, name = table[function].rpartition(".")
    try:
        return getattr(import_module("." + module, __package__), name)(home, **args)
    except OSError as e:
        raise AgentError("%s (%s)" % (e.strerror or e, e.filename or home)) from None


# name -> module of the agent, and the function in it that takes the guild home first
FUNCTIONS: Dict[str, str] = {
    "add_files": "staging.requirements.add_files",
    "adopt_source": "staging.source.adopt_source",
    "beginning": "catalog.describe.beginning",
    "begin_copy": "copies.marks.begin",
    "begin_push": "copies.marks.begin_push",
    "checkup": "machine.checkup.checkup",
    "candidates": "staging.requirements.candidates",
    "choose": "catalog.ranking.choose",
    "clean_agents": "machine.upkeep.clean_agents",
    "clock": "machine.checkup.clock",
    "command": "running.runner.command",
    "comment": "catalog.changes.comment",
    "confirm_unchanged": "copies.marks.confirm_unchanged",
    "copy_source": "staging.source.copy_source",
    "delete_runs": "catalog.trash.delete",
    "discard": "staging.stage.discard",
    "end_copy": "copies.marks.end",
    "find_again": "copies.marks.find_again",
    "info": "catalog.describe.info",
    "install": "staging.install.install",
    "keep_files": "staging.requirements.keep_files",
    "label": "catalog.changes.label",
    "list": "catalog.describe.list_runs",
    "list_files": "files.tree.list_files",
    "lose": "copies.marks.lose",
    "mark": "catalog.changes.mark",
    "mark_staged": "staging.stage.mark_staged",
    "matching": "catalog.describe.matching",
    "mend": "copies.tracked.mend",
    "of_process": "catalog.ranking.of_process",
    "purge_runs": "catalog.trash.purge",
    "overview": "copies.tracked.overview",
    "python": "machine.upkeep.python",
    "recipe": "staging.restage.recipe",
    "reopen_copy": "copies.marks.reopen",
    "restage": "staging.restage.restage",
    "restore_runs": "catalog.trash.restore",
    "settle_copy": "copies.marks.settle",
    "signal_runs": "running.stop.signal_runs",
    "stage": "staging.stage.stage",
    "stage_in": "staging.restage.stage_in",
    "start": "staging.spawn.start",
    "states": "store.rundir.states",
    "survey": "copies.survey.survey",
    "tag": "catalog.changes.tag",
    "tracked": "copies.tracked.tracked",
    "try_environment": "machine.checkup.try_environment",
    "unchanged": "copies.marks.unchanged",
    "wait_runs": "running.stop.wait_runs",
}
STREAMS: Dict[str, str] = {
    "archive": "files.archive.archive",
    "cat": "files.archive.cat",
    "follow": "files.output.follow_all",
    "initialize": "machine.initialize.initialize",
    "watch": "files.output.watch",
}
# The streams that end early where nobody reads them any more: they take `hangup_fd`.
WATCHED = ("follow", "initialize", "watch")
