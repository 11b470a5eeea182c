"""Open the directory of a run that is here, or a file in it, in the program for it.

Usage:
  guild open [options] [RUN]

RUN is an index (1, the latest, if it is left out), a run id or the beginning of one, of a run
here: one of a remote is brought here by 'guild pull', or entered by 'guild shell -r'.
The program is what the desktop has for it (xdg-open), or CMD, which gets the path as its last
word: guild open --path plot.png --cmd gimp

Exit status: that of the program.

Options:
  -p, --path PATH   Open this file or folder of the run.
  -s, --sourcecode  Open the folder of the run's source code, or PATH in it.
  -O, --output      Open the run's output.
  -c, --cmd CMD     The program, which may have options.
  --shell           Open a shell there instead, as 'guild shell' does.
  --help            Show this help and exit.

[filters]
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.cli.arguments import Arguments
from guild_sync.cli.choosing import only
from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts.choose import host
from guild_sync.output import terminal
from guild_sync.transport import watched

_DESKTOP = "xdg-open"
# In a run, as Guild AI 0.9 has them; of most runs the source code is in the run's own folder.
_OUTPUT, _SOURCE_FOLDER = ".guild/output", ".guild/sourcecode"


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    if args.is_set("--output") and (args.text("--path") or args.is_set("--sourcecode")):
        raise UsageError("--output is a file of its own: no --path and no --sourcecode")
    for option in ("--cmd", "--path", "--sourcecode", "--output"):
        if args.is_set("--shell") and args.is_given(option):
            raise UsageError(f"--shell and {option} exclude each other")
    program = [] if args.is_set("--shell") else _program(args.text("--cmd"))
    here = host(None)
    run = only(here, args.text("RUN") or "1", arguments.filters_for(args, here, changes=False))
    if args.is_set("--shell"):
        return here.enter(run["id"], [])
    return watched.foreground([*program, _path(run["run_dir"], args)])


def _program(text: str | None) -> list[str]:
    """The words of the program that opens it. Raises GuildError where there is none."""
    if text is None:
        if shutil.which(_DESKTOP) is None:
            raise GuildError(
                f"{_DESKTOP} is not installed, which finds the program for a file",
                "Install xdg-utils, or name the program: --cmd CMD",
            )
        return [_DESKTOP]
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise UsageError(f"--cmd {text!r}: {e}") from None
    if not words:
        raise UsageError("--cmd takes a program, which may have options")
    return words


def _path(run_dir: str, args: Arguments) -> str:
    """What is to be opened. Raises GuildError where it is not there, or not in the run."""
    path = _OUTPUT if args.is_set("--output") else args.text("--path") or ""
    if os.path.isabs(path) or ".." in path.split("/") or "\0" in path:
        raise UsageError(f"--path is relative to the run, and not {path!r}")
    kept = os.path.join(run_dir, _SOURCE_FOLDER)
    is_apart = args.is_set("--sourcecode") and os.path.exists(os.path.join(kept, path))
    found = os.path.join(kept if is_apart else run_dir, path)
    if not os.path.exists(found):
        raise GuildError(
            f"the run has no {terminal.clean(path)}", "'guild ls' shows what there is."
        )
    return found.rstrip("/")
