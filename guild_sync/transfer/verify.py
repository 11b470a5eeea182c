"""Hold runs here against those of a remote, byte for byte: nothing is changed, here or there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import FINAL, Copy, State, Value
from guild_sync.config.selection import Selection, is_pattern
from guild_sync.errors import Exit, GuildError, Incomplete
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.formats import counted
from guild_sync.output.progress import progress
from guild_sync.output.terminal import clean
from guild_sync.rsync.comparing import Compared, Comparison, compare
from guild_sync.transfer import survey
from guild_sync.transport import watched

CLEANED = "'guild clean' removed it there"  # why a run was not compared: it was, before
SAME, DIFFERS, NOT_CHECKED = "same", "differs", "not checked"


class Verdict(NamedTuple):
    """What is known of a run here, held against the same run there, byte for byte."""

    differing: Sequence[str] = ()  # paths in it: another here than there, or not here
    unreadable: Sequence[str] = ()  # what may not be read there; all else was compared
    why: str = ""  # it was not compared
    left_out: Sequence[str] = ()  # what is there, and is not here on purpose
    files: int = 0  # that were compared
    bytes: int = 0
    exit: Exit = Exit.OK

    @property
    def word(self) -> str:
        """SAME, DIFFERS or NOT_CHECKED: which of these it is."""
        if self.differing:
            return DIFFERS
        return NOT_CHECKED if self.why or self.unreadable else SAME


def asked(
    host: RemoteHost, here: LocalHost, ids: Sequence[str], selection: Selection
) -> survey.Survey:
    """What the remote says of the runs that are to be verified, as `survey.survey`."""
    watched.prepare()  # rsync compares them
    return survey.survey(host, here, ids, selection, stamps=False, look_only=True, reading=True)


def announced(host: RemoteHost, ids: Sequence[str]) -> str:
    """What is said before runs are verified, which may take long."""
    return f"Verifying {counted(len(ids))} of {host.name}"


def verified(
    host: RemoteHost, here: LocalHost, states: Mapping[str, State | None], inputs: bool = False
) -> dict[str, Verdict]:
    """A verdict on each of the runs, of which `asked` has told just before.

    One that is not over is not checked, nor one that is started or copied meanwhile. Not compared
    are labels, tags, comments and marks, which copies merge; what is here alone; and what
    was left out of the copy on purpose, which the verdict tells. With `inputs`, what the runs
    were given, and is not here, is held there against what it was. Raises as `copies.pull`.
    """
    ours = here.survey(list(states), stamps=False, look_only=True, selection=None, reading=True)
    mine = {run_id: ours["states"][run_id] for run_id in states}
    copies = here.copies(list(states))
    why_not = {i: _why_not(host.name, s, mine[i], copies.get(i)) for i, s in states.items()}
    found = {run_id: verdict for run_id, verdict in why_not.items() if verdict}
    theirs = {i: state for i, state in states.items() if state and i not in found}
    if not theirs:
        return found
    runs, left_out = Path(here.home, "runs"), _left_out(here, theirs)
    lacking = {i: sorted(p for p in left_out[i] if not _is_here(runs / i, p)) for i in theirs}
    reading = max(bytes_of(mine[run_id] for run_id in theirs), bytes_of(theirs.values()))
    host.leave()
    # What would be left out by now, and is here all the same, is compared.
    with progress(f"verifying {host.name} ") as watch:
        told = compare(
            host.remote, f"{host.home}/runs", list(theirs), runs, reading, lacking, watch
        )
    for run_id, state in theirs.items():
        found[run_id] = _verdict(run_id, told, state, left_out[run_id], lacking[run_id])
    if inputs:
        for run_id, paths in host.altered_inputs([*theirs]).items():
            if run_id in theirs:
                found[run_id] = _also_differing(found[run_id], paths)
    doubted = {i: state for i, state in theirs.items() if found[i].word != SAME}
    for run_id in _changed(host, here, doubted, mine) if doubted else ():
        found[run_id] = Verdict(why="it changed while it was compared")
    return found


def _also_differing(verdict: Verdict, paths: Sequence[str]) -> Verdict:
    if verdict.why or not paths:
        return verdict
    differing = sorted({*verdict.differing, *paths})
    return verdict._replace(differing=differing, exit=Exit.INCOMPLETE)


def faults(verdicts: Mapping[str, Verdict], remote: str) -> Iterator[GuildError]:
    """Why each run could not be compared whole. One that is not over is none of them."""
    for run_id, verdict in verdicts.items():
        compared = f"run {run_id} was {'not ' if verdict.why else ''}compared with {remote}"
        if verdict.why and verdict.exit:
            yield Incomplete(f"{compared}: {verdict.why}")
        elif verdict.unreadable:
            count = len(verdict.unreadable)
            files = "1 file that is" if count == 1 else f"{count} files that are"
            more = "" if count == 1 else " and others"
            what = f"{files} not readable there: {clean(verdict.unreadable[0])}{more}"
            yield Incomplete(f"{compared} but for {what}")


def _why_not(remote: str, theirs: State | None, mine: State, copy: Copy | None) -> Verdict | None:
    """Why a run is not compared at all; None where it is."""
    if mine["status"] is None:
        return Verdict(why="it is not here any more", exit=Exit.ERROR)
    if theirs is None and copy and copy["cleaned"]:
        return Verdict(why=CLEANED)
    if theirs is None and copy and copy["remote"] == remote:
        return Verdict(why=f"it is not on {remote} any more", exit=Exit.ERROR)
    if theirs is None:  # RUN and -r were given: it need not have been there ever
        whose = f": it is a copy of {clean(copy['remote'])}'s" if copy else ""
        return Verdict(why=f"it is not on {remote}{whose}", exit=Exit.ERROR)
    if mine["status"] not in (*FINAL, "lost"):
        return Verdict(why=f"it is {mine['status']} ({mine['remote'] or 'here'})")
    if theirs["status"] not in FINAL:
        return Verdict(why=f"it is {theirs['status']} ({remote})")
    if mine["unreadable"]:
        why = f"{mine['unreadable'][0]} may not be read here"
        return Verdict(why=why, exit=Exit.INCOMPLETE)
    return None


def _left_out(here: LocalHost, theirs: Mapping[str, State]) -> dict[str, set[str]]:
    """What the copies were made without, and what they would be made without by now."""
    copies = here.copies(list(theirs))
    noted = {i: [path for path, _ in copy["left_out"]] for i, copy in copies.items()}
    return {
        i: {*filter(is_pattern, noted.get(i, ())), *survey.paths_left_out(state)}
        for i, state in theirs.items()
    }


def _is_here(run: Path, path: str) -> bool:
    return os.path.lexists(run / path)


def bytes_of(states: Iterable[State]) -> int:
    """The bytes of runs that `asked` has told of."""
    return sum(state["bytes"] or 0 for state in states)


def _verdict(
    run_id: str,
    told: Comparison,
    theirs: State,
    left_out: Collection[str],
    lacking: Sequence[str],
) -> Verdict:
    """What rsync's words say of one run, without what `left_out` says of it."""
    compared = told.runs.get(run_id)
    why = told.faults.get(run_id, "")
    if why or not compared or not compared.files:
        return Verdict(why=why or "rsync said nothing of it", exit=Exit.INCOMPLETE)
    on_purpose = {path for path in compared.lacking if is_in(path, left_out)}
    differing = {*compared.differing, *_lacking(compared, on_purpose)}
    # rsync takes what it may not read for what differs.
    unreadable = {*told.unreadable.get(run_id, ()), *(differing & {*theirs["unreadable"]})}
    differing -= unreadable
    return Verdict(
        sorted(differing),
        sorted(unreadable),
        left_out=sorted({*lacking, *on_purpose}),
        files=compared.files,
        bytes=compared.bytes,
        exit=Exit.INCOMPLETE if differing or unreadable else Exit.OK,
    )


def _lacking(compared: Compared, on_purpose: Collection[str]) -> set[str]:
    """What is not here and should be: a folder only where it is empty, as its files are told."""
    above = {
        path[: at + 1]
        for path in compared.lacking
        for at, letter in enumerate(path[:-1])
        if letter == "/"
    }
    return {*compared.lacking} - above - {*on_purpose}


def is_in(path: str, places: Collection[str]) -> bool:
    """Whether a path is one of those, or in one of those that are folders."""
    if not places:
        return False
    above = (path[: at + 1] for at, letter in enumerate(path) if letter == "/")
    return path in places or any(folder in places for folder in above)


def _changed(
    host: RemoteHost, here: LocalHost, theirs: Mapping[str, State], mine: Mapping[str, State]
) -> list[str]:
    """Those of the runs that are not as they were, there or here: one was started again, say."""
    there_now, here_now = host.states(list(theirs)), here.states(list(theirs))
    return [
        run_id
        for run_id in theirs
        if _moment(there_now[run_id]) != _moment(theirs[run_id])
        or _moment(here_now[run_id]) != _moment(mine[run_id])
    ]


def _moment(state: State) -> tuple[Value, ...]:
    end = state["exit_status"], state["started"], state["stopped"]
    return (state["status"], state["remote"], *end)
