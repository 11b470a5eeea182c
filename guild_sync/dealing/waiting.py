"""Deal a batch and bring its trials home, again and again, until all of them are over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from guild_sync.agent.protocol import Trial
from guild_sync.dealing import batches
from guild_sync.dealing.batches import Batch
from guild_sync.errors import Exit
from guild_sync.hosts.local import LocalHost
from guild_sync.output.console import say
from guild_sync.output.terminal import clean
from guild_sync.runs.watch import exit_status

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0  # seconds between rounds in which nothing happens
# One round: the remotes that were worked with, or that another guild works with; `patient`: one
# that failed lately is left alone.
Round = Callable[[bool], Sequence[str]]


def wait(batch: Batch, here: LocalHost, visit_all: Round) -> int:
    """The exit status of a batch, as that of one on one host; 3 where a remote keeps it open.

    Ctrl-C ends the wait, and nothing else: what is left is for syncs.
    """
    over: set[str] = set()
    pause, is_patient, is_last = _FIRST_PAUSE, False, False
    try:
        while True:
            reached = visit_all(is_patient)
            trials = here.trials(batch.trials)
            news = [
                trial for trial in trials if batches.is_over(trial) and trial["run"] not in over
            ]
            for trial in news:
                over.add(trial["run"])
                _tell_end(batch, trial)
            left = [trial for trial in trials if not _is_done(batch, trial)]
            if not left and (is_last or batches.is_home(batch, here)):
                batches.is_forgotten(batch, trials, here)
                return _status(batch, trials)
            if left and _may_go_on(batch, left, reached):
                is_last = False
            elif is_last and left:
                _tell_left(batch, trials)
                return Exit.UNREACHABLE
            else:
                is_last = True
            is_patient = not is_last
            pause = _FIRST_PAUSE if news else min(1.5 * pause, _LONGEST_PAUSE)
            time.sleep(_LONGEST_PAUSE if is_last else pause)
    except KeyboardInterrupt:
        say("")
        _tell_left(batch, here.trials(batch.trials))
        return Exit.INTERRUPTED


def leave(batch: Batch, here: LocalHost) -> int:
    """Say what is left of a batch for syncs, which are to deal it."""
    _tell_left(batch, here.trials(batch.trials))
    return Exit.OK


def _is_done(batch: Batch, trial: Trial) -> bool:
    """Whether nothing more becomes of a trial: it is over, or no remote takes it."""
    is_refused = trial["waits"] and set(batch.remotes) <= trial["refused"].keys()
    return batches.is_over(trial) or (is_refused and trial["remote"] is None)


def _may_go_on(batch: Batch, left: Sequence[Trial], reached: Sequence[str]) -> bool:
    """Whether any of the remotes that can be worked with has something to do, or may get it."""
    for trial in left:
        able = [name for name in batch.remotes if name not in trial["refused"]]
        if {*([trial["remote"]] if trial["remote"] else able)} & {*reached}:
            return True
    return False


def _tell_end(batch: Batch, trial: Trial) -> None:
    if not batches.has_failed(trial):
        return
    status = trial["status"]
    code = "" if trial["exit_status"] is None else f" (exit status {trial['exit_status']})"
    say(clean(f"{_title(batch, trial)} failed: run {trial['run']} ended with {status}{code}"))


def _status(batch: Batch, trials: Sequence[Trial]) -> int:
    """As a batch on one host ends: with the exit status of the first trial that failed."""
    refused = [trial for trial in trials if not batches.is_over(trial)]
    for trial in refused:
        say(f"{_title(batch, trial)} was refused by all: see 'guild info {trial['run']}'")
    failed = [trial for trial in trials if batches.has_failed(trial) or trial in refused]
    deleted = [trial for trial in trials if trial["status"] is None]
    if deleted:
        say(f"Of {batches.counted(len(trials))}, deleted: {len(deleted)}")
    if failed:
        say(f"{len(failed)} of {batches.counted(len(trials))} failed")
        return exit_status(failed[0]["exit_status"]) or Exit.ERROR
    if len(deleted) == len(trials):
        return Exit.ERROR
    say(f"Completed: {batches.counted(len(trials) - len(deleted))}")
    return Exit.OK


def _title(batch: Batch, trial: Trial) -> str:
    return f"trial {batch.number(trial['run'])}"


def _tell_left(batch: Batch, trials: Sequence[Trial]) -> None:
    waiting = batches.waiting(trials)
    given: dict[str, int] = {}
    for trial in trials:
        if trial["remote"] and not batches.is_over(trial):
            given[trial["remote"]] = given.get(trial["remote"], 0) + 1
    parts = [f"{count} on {name}" for name, count in given.items()]
    parts = [f"{len(waiting)} not dealt yet", *parts] if waiting else parts
    if not parts:
        return
    say(f"Of {batches.counted(len(trials))}, {', '.join(parts)}")
    say(
        "'guild sync' deals trials and brings them home; 'guild sync --crontab' has a line for cron"
    )
    say(f"To end the batch: guild stop {batch.id}")
