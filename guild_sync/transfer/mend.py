"""Copy runs anew that are not as their remote has them though their sizes and times are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import FINAL, Copy, State
from guild_sync.config.selection import Selection
from guild_sync.errors import Exit, GuildError
from guild_sync.hooks.events import ChangeListener
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.terminal import clean
from guild_sync.transfer import pull, verify
from guild_sync.transfer.copying import Say
from guild_sync.transfer.pulled import Pulled
from guild_sync.transfer.room import Room
from guild_sync.transfer.verify import Verdict


class Mended(NamedTuple):
    """What became of runs that were verified: what was found of each, and what was mended."""

    verdicts: Mapping[str, Verdict]
    pulled: Pulled = Pulled({})
    files: Mapping[str, Sequence[str]] = {}  # run id -> the paths of it that are right again
    home_id: str | None = None  # of the guild home there
    absent: Sequence[str] = ()  # what it has not, or no more

    @property
    def faults(self) -> dict[str, str]:
        """Why each run is not known to be the same: it could not be compared, or not mended."""
        why = {i: v.why for i, v in self.verdicts.items() if v.exit == Exit.INCOMPLETE and v.why}
        return {**why, **self.pulled.faults}

    @property
    def unreadable(self) -> dict[str, Sequence[str]]:
        """Of each run the paths that the remote may not read; all else of it is the same."""
        unreadable = {i: v.unreadable for i, v in self.verdicts.items() if v.unreadable}
        return {**unreadable, **self.pulled.unreadable}

    @property
    def gone(self) -> list[str]:
        """The runs that are not there any more, or not here, so that nothing was compared."""
        return [run_id for run_id, verdict in self.verdicts.items() if verdict.exit == Exit.ERROR]

    @property
    def is_whole(self) -> bool:
        """Whether all of the runs that are over are here as the remote has them."""
        return not (self.faults or self.unreadable or self.pulled.cramped)


def mended(
    host: RemoteHost,
    here: LocalHost,
    ids: Sequence[str],
    selection: Selection,
    say: Say,
    journal: ChangeListener | None = None,
    room: Room | None = None,
) -> Mended:
    """Verify the runs, and copy of those that differ what does.

    As a pull does it, so that a kill loses nothing: each file is put in its place when it is
    whole, and a run that has ended here as it has there is shown so meanwhile.
    Raises as `pull.pull`.
    """
    if not ids:
        return Mended({})
    here.tidy(ids)
    say(verify.announced(host, ids))
    told = verify.asked(host, here, ids, selection)
    verdicts = verify.verified(host, here, told.states)
    states = _differing(host, here, verdicts, selection)
    # With none of them, too: what a copy has left that was killed just before its end goes.
    pulled = pull.pull(
        *(host, here, states, say),
        journal=journal,
        named=list(states),
        room=room,
        reading=verify.bytes_of(states.values()),
    )
    files = {i: verdicts[i].differing for i in states if i not in pulled.unfinished}
    absent = [run_id for run_id, state in told.states.items() if state is None]
    return Mended(verdicts, pulled, files, told.home_id, absent)


def _differing(
    host: RemoteHost, here: LocalHost, verdicts: Mapping[str, Verdict], selection: Selection
) -> dict[str, State]:
    """The states of the runs that differ, read anew: to verify them may have taken hours."""
    ids = [run_id for run_id, verdict in verdicts.items() if verdict.differing]
    told = verify.asked(host, here, ids, selection).states if ids else {}
    copies = here.copies(ids)
    return {
        run_id: _as_verified(state, copies.get(run_id), verdicts[run_id])
        for run_id, state in told.items()
        if state and state["status"] in FINAL
    }


def lines(files: Mapping[str, Sequence[str]], remote: str) -> Iterator[str]:
    """What is said of files that were mended."""
    for run_id, paths in files.items():
        yield from (clean(f"Mended {run_id}/{path}, as {remote} has it") for path in paths)


def warn_of(done: Mended, host: RemoteHost, warn: Callable[[GuildError], None]) -> None:
    """Say of each run what keeps it from being here as it is there, or from being compared."""
    pull.warn_of(done.pulled, host, warn)
    rest = {
        run_id: verdict
        for run_id, verdict in done.verdicts.items()
        if verdict.exit and run_id not in done.files
    }
    for error in verify.faults(rest, host.name):
        warn(error)


def _as_verified(state: State, copy: Copy | None, verdict: Verdict) -> State:
    """The state of a run of which a copy leaves out what its verdict says is not here on purpose.

    And nothing else: what is here comes, whatever a selection says by now.
    """
    inputs = dict(state["inputs"])
    sizes = dict([*(copy["left_out"] if copy else ()), *state["left_out"]])
    return {
        **state,
        "left_out": [(path, sizes.get(path, 0)) for path in verdict.left_out if path not in inputs],
        "inputs": [(path, inputs[path]) for path in verdict.left_out if path in inputs],
    }
