"""Who deals while remotes are visited: what a remote was given is settled, free places get trials.

All of it under the remote's lock. A trial is given first (LOCK.remote, on the disk), and sent then;
so where anything is cut off, that remote alone is asked what has become of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from functools import partial

from guild_sync.agent.protocol import Job, NeedsForm, Trial, TrialWork, needed
from guild_sync.config import remotes
from guild_sync.config.selection import EVERYTHING
from guild_sync.dealing import batches
from guild_sync.dealing.batches import Batch
from guild_sync.errors import DeadlinePassed, GuildError, NotFree, Unreachable
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.runs import start
from guild_sync.transfer import survey

Say = Callable[[str], None]
Warn = Callable[[GuildError], None]
# Keep the name of the guild home that a remote has, of which none is known yet.
NoteHome = Callable[[str], None]


class Dealer:
    """The batches that are not over, and who is told of what becomes of them."""

    def __init__(self, here: LocalHost, say: Say, warn: Warn, only: str = "") -> None:
        """`only`: the batch whose trials are dealt; else those of all."""
        self._here = here
        self._say = say
        self._warn = warn
        self._batches = batches.batches(here)
        self._dealt = [batch for batch in self._batches if only in ("", batch.id)]
        self._hosts: dict[str, RemoteHost] = {}
        self._homes: dict[str, str] = {}  # the names of their guild homes, where they are known
        self._note_home: dict[str, NoteHome] = {}
        self._said: set[str] = set()  # by the remotes' threads, of what is said once
        self.remotes = self._remotes()  # that may have a place for a trial, or are to be asked

    def _remotes(self) -> list[str]:
        found: dict[str, None] = {}
        for batch in self._dealt:
            for trial in self._tidied(batch):
                if trial["waits"] and trial["status"]:
                    given = trial["remote"]
                    able = [name for name in batch.remotes if name not in trial["refused"]]
                    found.update(dict.fromkeys([given] if given else able))
        return list(found)

    def _tidied(self, batch: Batch) -> list[Trial]:
        """How the trials of a batch stand; of one that is over, nothing is kept any more."""
        trials = self._here.trials(batch.trials)
        if batches.is_forgotten(batch, trials, self._here):
            return []
        return self._here.trials(batch.trials) if self._stops(batch, trials) else trials

    def _stops(self, batch: Batch, trials: Sequence[Trial]) -> bool:
        """Whether no trial of a batch is dealt any more: it is stopped by one that has failed."""
        if batch.stopped or not (batch.stops and any(map(batches.has_failed, trials))):
            return batch.stopped
        left = batches.waiting(trials)
        if left:
            batches.stopped(batch)
            gone = self._here.delete_runs(left)["done"]  # another thread may be at it, too
            if gone:
                text = f"not run are {batches.counted(len(gone))}"
                self._say(f"One of {batch.name} has failed: {text}")
        return True

    def settled(self, name: str, home_id: str | None, note_home: NoteHome) -> list[str]:
        """Of the trials that were given to a remote, those that it has and that run there.

        What it has and does not run is started, what it has not waits here again. `home_id`: of the
        guild home that it had, if it is known; if not, it is noted before anything is started
        there. Raises Unreachable and the like, and RemoteError where it has another one now: that
        one's word counts for nothing.
        """
        if name not in self.remotes:
            return []
        host = remote_host(remotes.remote(name), make_home=home_id is None)
        given = {
            trial["run"]: batch
            for batch in self._dealt
            for trial in self._here.trials(batch.trials)
            if trial["waits"] and trial["remote"] == name
        }
        found = survey.survey(host, self._here, list(given), EVERYTHING, False, look_only=True)
        if home_id not in (None, found.home_id):
            raise survey.another_home(
                *(host, "empty, or another than before"),
                "Is a disk not mounted there? It gets no trials of batches.\n"
                f"If that is its home from now on, start any run there alone, with '-r {name}'.",
            )
        self._hosts[name] = host
        self._note_home[name] = note_home
        if home_id is not None:
            self._homes[name] = home_id
        there = []
        for run_id, batch in given.items():
            state = found.states[run_id]
            is_stopped = _is_stopped(batch)
            if state is None:
                self._here.take_trial_back(run_id, name)
                if is_stopped:
                    self._here.delete_runs([run_id])
            elif state["status"] in ("pending", "staged") and is_stopped:
                self._forsake(host, run_id)
            elif state["status"] not in ("pending", "staged"):
                self._here.note_trial_there(run_id)
                there.append(run_id)
            elif not self._lacks(batch):
                self._begin(host, batch, run_id, is_whole=state["status"] == "staged")
        return there

    def deal(self, name: str) -> None:
        """Give trials to a remote that was settled, in their order, until it has no place."""
        host = self._hosts.get(name)
        for batch in self._dealt if host else ():
            assert host is not None
            held: set[str] = set()  # by others: another dealer, or who deletes it
            while (run_id := self._next(host, batch, held)) and self._has_place(host, batch):
                if not self._here.give_trial(run_id, name):
                    held.add(run_id)
                elif not self._begin(host, batch, run_id):
                    break

    def _next(self, host: RemoteHost, batch: Batch, held: Collection[str]) -> str | None:
        """The first trial that waits for this remote or another, and that nobody holds."""
        trials = {trial["run"]: trial for trial in self._here.trials(batch.trials)}
        if self._stops(batch, list(trials.values())):
            return None
        waiting = batches.waiting(list(trials.values()))
        able = [
            run_id
            for run_id in waiting
            if host.name not in trials[run_id]["refused"] and run_id not in held
        ]
        if able and self._lacks(batch):
            return None
        return able[0] if able and host.name in batch.remotes else None

    def _lacks(self, batch: Batch) -> bool:
        """Whether a variable is not set here that each trial of a batch is given."""
        lacking = [variable for variable in batch.secrets if variable not in os.environ]
        if lacking and batch.id not in self._said:
            self._said.add(batch.id)
            self._say(f"Trials of {batch.name} wait: {', '.join(lacking)} is not set here")
        return bool(lacking)

    def _has_place(self, host: RemoteHost, batch: Batch) -> bool:
        """Whether a trial can run there now, beside those that do."""
        if batch.needs and host.scheduler is None and not self._is_free(host, batch):
            return False
        trials = [t for each in self._batches for t in self._here.trials(each.trials)]
        busy = [t for t in trials if t["remote"] == host.name and not batches.is_over(t)]
        most = places(host, batch.needs)
        return most is None or len(busy) < most

    def _is_free(self, host: RemoteHost, batch: Batch) -> bool:
        """Whether the remote has free what a trial needs; where it never has, it gets none."""
        free = host.free(host.environment(), batch.needs)
        if free["never"]:
            why = f"there is no room for {needed(batch.needs)}: {free['refusal']}"
            waiting = batches.waiting(self._here.trials(batch.trials))
            self._warn(GuildError(f"{batch.name} on {host.name}: {why}"))
            self._here.note_refused(waiting, host.name, why)
        return not free["refusal"]

    def _begin(self, host: RemoteHost, batch: Batch, run_id: str, is_whole: bool = False) -> bool:
        """Have a trial run there that was given to the remote; whether it may get another one.

        With `is_whole` it was made there before. Where the remote does not take it, it waits here
        again. Raises Unreachable and the like, after which it is the remote's still.
        """
        work = self._here.trial_work(run_id)
        try:
            with host.staying():
                if not is_whole:
                    self._make(host, batch, run_id, work)
                self._name_home(host, run_id)
                if _is_stopped(batch):  # meanwhile, and who did it may have looked there before
                    self._forsake(host, run_id)
                    return False
                secrets = {name: os.environ[name] for name in batch.secrets if name in os.environ}
                host.start(run_id, secrets=secrets)
        except (Unreachable, DeadlinePassed):
            raise
        except NotFree:  # somebody was faster
            self._withdraw(host, run_id)
            return False
        except GuildError as e:
            if _is_stopped(batch):  # who did it has withdrawn the trial there
                self._forsake(host, run_id)
                return False
            is_back = self._withdraw(host, run_id, e.message)
            if is_back and batches.is_news(batch, host.name, e.message.replace(run_id, "")):
                title = f"trial {batch.number(run_id)} of {batch.name} on {host.name}"
                self._warn(GuildError(f"{title}: {e.message}", e.hint))
            return False
        self._here.note_trial_there(run_id)
        label = work["attributes"].get("label")
        of = f" ({label})" if label else ""
        self._say(f"trial {batch.number(run_id)}{of} on {host.name} as {run_id}")
        return True

    def _make(self, host: RemoteHost, batch: Batch, run_id: str, work: TrialWork) -> None:
        """Make a trial there, staged: from then on it takes a start alone."""
        kept = work["job"].get("environment") or {}
        job: Job = {**work["job"], "environment": start.environment_on(host, kept)}
        job = start.on_scheduler(job, host)
        make = partial(host.stage, run_id, work["opref"], work["attributes"], job, work["diff"])
        mark = partial(host.mark_staged, run_id)
        start.make_from(batches.package(batch), run_id, job, host, make, lambda text: None, mark)
        mark()

    def _name_home(self, host: RemoteHost, run_id: str) -> None:
        """Have the guild home known in which a trial is now, before that is started there.

        Else an empty one in its place would be believed that it has not got the trial.
        """
        if host.name in self._homes:
            return
        found = survey.survey(host, self._here, [run_id], EVERYTHING, False)
        if found.home_id:
            self._homes[host.name] = found.home_id
            self._note_home[host.name](found.home_id)

    def _forsake(self, host: RemoteHost, run_id: str) -> None:
        """Have a trial of a batch that was stopped be neither there nor wait here any more."""
        if self._withdraw(host, run_id):
            self._here.delete_runs([run_id])

    def _withdraw(self, host: RemoteHost, run_id: str, why: str = "") -> bool:
        """Have a trial wait here again that the remote did not start; whether it has it no more."""
        host.withdraw_runs([run_id])
        found = survey.survey(host, self._here, [run_id], EVERYTHING, False, look_only=True)
        if found.states[run_id] or self._homes.get(host.name) not in (None, found.home_id):
            # It has begun all the same, or cannot be removed, or this is another guild home by
            # now, which does not know: it is asked for again.
            return False
        self._here.take_trial_back(run_id, host.name, why)
        return True


def places(host: RemoteHost, needs: NeedsForm) -> int | None:
    """How many trials a remote has at a time; None: as many as it has what they need for.

    A cluster takes any number, and would have all of them wait in its queue.
    """
    return host.remote.places or (None if needs and host.scheduler is None else 1)


def _is_stopped(batch: Batch) -> bool:
    """Whether none of its trials is to start any more, as far as can be read by now."""
    now = batches.find(batch.id)
    return now is not None and now.stopped
