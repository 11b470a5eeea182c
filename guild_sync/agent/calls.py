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
    module, _, name = table[function].partition(".")
    try:
        return getattr(import_module("." + module, __package__), name)(home, **args)
    except OSError as e:
        raise AgentError("%s (%s)" % (e.strerror or e, e.filename or home)) from None


# name -> module of the agent, and the function in it that takes the guild home first
FUNCTIONS: Dict[str, str] = {
    "add_files": "dependencies.add_files",
    "adopt_source": "restaging.adopt_source",
    "begin_copy": "copies.begin",
    "begin_push": "copies.begin_push",
    "checkup": "checkup.checkup",
    "candidates": "dependencies.candidates",
    "choose": "choosing.choose",
    "clean_agents": "upkeep.clean_agents",
    "clock": "checkup.clock",
    "command": "runner.command",
    "comment": "changes.comment",
    "confirm_unchanged": "copies.confirm_unchanged",
    "copy_source": "staging.copy_source",
    "delete_runs": "trash.delete",
    "discard": "staging.discard",
    "end_copy": "copies.end",
    "find_again": "copies.find_again",
    "info": "runs.info",
    "install": "staging.install",
    "keep_files": "dependencies.keep_files",
    "label": "changes.label",
    "list": "runs.list_runs",
    "list_files": "listing.list_files",
    "lose": "copies.lose",
    "mark": "changes.mark",
    "mark_staged": "staging.mark_staged",
    "matching": "restaging.matching",
    "mend": "survey.mend",
    "of_process": "choosing.of_process",
    "purge_runs": "trash.purge",
    "overview": "survey.overview",
    "python": "upkeep.python",
    "recipe": "restaging.recipe",
    "reopen_copy": "copies.reopen",
    "restage": "restaging.restage",
    "restore_runs": "trash.restore",
    "settle_copy": "copies.settle",
    "signal_runs": "stopping.signal_runs",
    "stage": "staging.stage",
    "stage_in": "restaging.stage_in",
    "start": "staging.start",
    "states": "runs.states",
    "survey": "survey.survey",
    "tag": "changes.tag",
    "tracked": "survey.tracked",
    "try_environment": "checkup.try_environment",
    "unchanged": "copies.unchanged",
    "wait_runs": "stopping.wait_runs",
}
STREAMS: Dict[str, str] = {
    "archive": "listing.archive",
    "cat": "listing.cat",
    "follow": "files.follow_all",
    "initialize": "initialize.initialize",
    "watch": "files.watch",
}
# The streams that end early where nobody reads them any more: they take `hangup_fd`.
WATCHED = ("follow", "initialize", "watch")
