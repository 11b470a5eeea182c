"""Open a shell in the directory of a run, with the environment of its operation.

Usage:
  guild shell [options] [RUN]
  guild shell [options] [RUN] -- COMMAND [ARG]...

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one.
The shell is the one that SHELL names there, or else your login's. With COMMAND that is
run in its place: its words are taken as they are, so what a shell is to expand needs one
(-- sh -c 'ls *.ckpt'). Where stdin and stdout are a terminal it has one, there too.

The environment is the one that the operation has there: that of the remote's 'venv-path',
'conda-env' and the like, what its 'env', 'setup' and 'login-shell' say, RUN_DIR, and the
values of flags as FLAG_NAME. guild keeps no value of 'env-secrets': those that are not set
there are named. Start-up files of your shell are read after that. Of a copy here of a
remote's run, and of one that came out of an archive and was not started here since, it is
this machine's environment, RUN_DIR and FLAG_NAME alone.

Exit status: that of the shell or of COMMAND; 127 if COMMAND is not there, and 255 if the
connection was lost.

Options:
  -r, --remote NAME  In a run of this remote, on its machine.
  --help             Show this help and exit.

[filters]
"""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.choosing import only
from guild_sync.errors import UsageError
from guild_sync.hosts.choose import host


def main(argv: Sequence[str]) -> int:
    at = argv.index("--") if "--" in argv else len(argv)
    command = argv[at + 1 :]
    args = arguments.parse(__doc__ or "", argv[:at])
    if at < len(argv) and not command:
        raise UsageError("COMMAND is missing", "Try 'guild shell --help'.")
    target = host(args.text("--remote"))
    filters = arguments.filters_for(args, target, changes=False)
    run = only(target, args.text("RUN") or "1", filters)
    return target.enter(run["id"], command)
