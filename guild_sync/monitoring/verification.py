"""Runs here held against what their remotes have, several remotes at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from guild_sync.config import remotes
from guild_sync.errors import Exit, GuildError
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.sync import ledger
from guild_sync.sync.engine import side_by_side
from guild_sync.sync.lost import doubt
from guild_sync.transfer import verify
from guild_sync.transfer.verify import Verdict


class Verification(NamedTuple):
    """What is known of the runs that were held against one remote, or why nothing is."""

    remote: str
    verdicts: Mapping[str, Verdict] = {}
    error: GuildError | None = None

    @property
    def exit(self) -> Exit:
        """The exit status that it stands for; of several the highest counts."""
        if self.error:
            return self.error.exit
        return max((verdict.exit for verdict in self.verdicts.values()), default=Exit.OK)


def verifications(
    here: LocalHost,
    wanted: Mapping[str, Sequence[str]],
    jobs: int,
    say: Callable[[str], None],
    inputs: bool = False,
) -> list[Verification]:
    """Hold the runs that `wanted` has of each remote against it; `jobs` remotes at a time.

    Nothing is written, here or there, no lock and no entry of the ledger either: a sync goes on
    meanwhile. A remote that fails stops no other. `inputs` as `verify.verified` has it.
    """
    return side_by_side(
        [partial(_verification, here, name, ids, say, inputs) for name, ids in wanted.items()], jobs
    )


def _verification(
    here: LocalHost, name: str, ids: Sequence[str], say: Callable[[str], None], inputs: bool
) -> Verification:
    try:
        # Nothing is made in place of a home that is not mounted.
        host = remote_host(remotes.remote(name), make_home=False)
        say(verify.announced(host, ids))
        told = verify.asked(host, here, ids, host.remote.pull)
        gone = [run_id for run_id, state in told.states.items() if state is None]
        if doubted := doubt(host, told.home_id, ledger.read(name), ids, gone):
            return Verification(name, error=doubted)
        return Verification(name, verify.verified(host, here, told.states, inputs))
    except GuildError as e:
        return Verification(name, error=e)
