"""Write a guild.yml for the Python modules of a folder, and say what was found.

An operation is made of each module that is a program: one with 'if __name__ == "__main__"', or
that does something as it is loaded and is imported by no other there. Their flags are read from
the source, nothing of which is executed: options of argparse and click, what fire is handed, or
else the numbers and short texts that are assigned to names, but for what the module computes anew,
such as a 'loss' in a loop. Tests, setup.py and what git ignores are passed over.

What requirements.txt names, and files of the project that it names by -r, is what a run requires.
Without it, what the modules import from elsewhere is there as a comment, as you know best which
packages have it.

A guild.yml that is there already stays as it is.

Usage:
  guild init [options] [DIR]

Options:
  --print  Show the guild.yml that would be written, and write nothing.
  --help   Show this help and exit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from guild_sync.agent.environments.asked import told
from guild_sync.beginning import first_guildfile, modules
from guild_sync.beginning.modules import FoundModules, FoundProgram
from guild_sync.beginning.packages import REQUIREMENTS
from guild_sync.cli.arguments import parse
from guild_sync.errors import Exit, GuildError
from guild_sync.output.console import say
from guild_sync.output.tables import table
from guild_sync.output.terminal import clean, clean_lines, cut
from guild_sync.project.definitions import GUILDFILE
from guild_sync.project.sourcecode import MAX_FILES

_MOST_TOLD = 10  # modules, or lines, that are passed over
_MOST_OF_A_LINE = 200  # columns


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    folder = Path(os.path.abspath(args.text("DIR") or "."))
    if not folder.is_dir():
        raise GuildError(f"there is no folder {clean(str(folder))}", "Make it, or name another.")
    if not args.is_set("--print") and os.path.lexists(folder / GUILDFILE):
        raise first_guildfile.already_there(folder / GUILDFILE)
    found = modules.programs_in(folder)
    if not found.programs:
        raise _nothing(folder, found)
    if args.is_set("--print"):
        print(clean_lines(first_guildfile.text_of(folder, found)), end="")
        return Exit.OK
    _tell(found)
    path = first_guildfile.written(folder, found)
    say(f"Wrote {clean(str(path))}")
    if found.packages.imported:
        names = ", ".join(found.packages.imported)
        say(clean(f"For what a machine lacks see 'requires' there: the modules import {names}"))
    where = "" if folder == Path.cwd() else f" -C {clean(os.path.relpath(folder))}"
    say(f"To run one: guild{where} run {clean(_example(found.programs))}")
    say("To run it elsewhere: guild remote add NAME [USER@]HOST, and then add -r NAME")
    return Exit.OK


def _nothing(folder: Path, found: FoundModules) -> GuildError:
    several = f" of {len(found.passed_over)}" if found.passed_over else ""
    beyond = f"\n{_beyond(found)}" if found.beyond else ""
    return GuildError(
        f"no Python module{several} in {clean(str(folder))} is a program by itself",
        f"Write {GUILDFILE} by hand: NAME: {{exec: COMMAND}} is an operation.\n"
        f"'guild help --man guild.yml' tells what else one may have.{beyond}",
    )


def _tell(found: FoundModules) -> None:
    rows = [
        (clean(program.name), clean(program.path), clean(_flags(program)))
        for program in found.programs
    ]
    say(f"Found {len(rows)} program{'s' if len(rows) > 1 else ''}:")
    for line in table([("", *row) for row in rows]):
        say(line)
    if found.packages.required:
        say(clean(f"{REQUIREMENTS} requires {', '.join(found.packages.required)}"))
    if found.packages.unread:
        say(clean(f"{REQUIREMENTS} was not read: {found.packages.unread}"))
    for each in found.packages.passed_over[:_MOST_TOLD]:
        said = cut(clean(told(each.line)), _MOST_OF_A_LINE)
        why = f" ({each.why})" if each.why else ""
        say(f"{clean(each.file)} has a line that is not taken: {said}{why}")
    if (more := len(found.packages.passed_over) - _MOST_TOLD) > 0:
        say(f"{more} more lines are not taken")
    if found.beyond:
        say(_beyond(found))
    passed_over = [*found.passed_over.items()]
    for path, why in passed_over[:_MOST_TOLD]:
        say(clean(f"{path} is no operation: {why}"))
    if len(passed_over) > _MOST_TOLD:
        say(f"{len(passed_over) - _MOST_TOLD} more modules are no operations")


def _beyond(found: FoundModules) -> str:
    several = f"{found.beyond} modules are" if found.beyond > 1 else "1 module is"
    return (
        f"{several} not looked at, and in no run: outside git only {MAX_FILES} files are taken "
        "that 'sourcecode' in guild.yml does not name. 'git init' has all of them taken."
    )


def _flags(program: FoundProgram) -> str:
    return ", ".join(map(first_guildfile.said_of, program.flags.values())) or "no flags"


def _example(programs: Sequence[FoundProgram]) -> str:
    """The first to try: what trains, or the first, with the flags that have to be given."""
    chosen = next((p for p in programs if p.name in ("train", "main")), programs[0])
    needed = [f"{f.name}=VALUE" for f in chosen.flags.values() if f.required]
    return " ".join([chosen.name, *needed])
