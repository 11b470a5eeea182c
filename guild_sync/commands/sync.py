"""Bring the runs that are running on remotes up to date.

Usage:
  guild sync [options] [RUN]...

Each run here that is running on a remote is copied anew, and gets the status that the
remote tells. RUN is an index of 'guild runs', a range 1:5, a run id or the beginning
of one; without RUN, all running runs are meant, or with filters those of them that
they leave. Where nothing runs, nothing is said. A remote that cannot be reached, or that
hangs, keeps no other waiting.

'guild-sync' is the same command by itself.

Options:
  --jobs N  Work on N remotes at a time [default: 8].
  --help    Show this help and exit.

Exit status: 0 if all went well, 1 for an error that you can mend, 3 if a remote could
not be reached, 4 if a run was not copied whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync import arguments, display, sync
from guild_sync.home import guild_home
from guild_sync.hosts import LocalHost

USAGE = (__doc__ or "") + arguments.FILTER_OPTIONS


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(USAGE, argv)
    here = LocalHost(str(guild_home()))
    jobs = arguments.whole_number(args, "--jobs", least=1)
    assert jobs is not None  # the usage has a default
    return sync.sync(here, args["RUN"], arguments.filters(args), jobs, display.say, display.warn)
