"""The table of commands, how one is called, and the one place where errors end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from guild_sync import __version__
from guild_sync.errors import Exit, GuildError

# name -> (module below guild_sync.commands, what it does)
COMMANDS = {
    "cat": ("cat", "show a file of a run"),
    "check": ("check", "show what guild lacks, here or on a remote"),
    "comment": ("comment", "add comments to runs, list or delete them"),
    "completion": ("completion", "print a script that completes command lines in a shell"),
    "diff": ("diff", "show how two runs differ"),
    "info": ("info", "show all that is known of a run"),
    "label": ("label", "set or change the label of runs"),
    "ls": ("ls", "list the files of a run"),
    "mark": ("mark", "mark runs, or unmark them"),
    "operations": ("operations", "list what the project here offers"),
    "pull": ("pull", "copy runs from a remote to this machine"),
    "purge": ("purge", "remove deleted runs for good"),
    "push": ("push", "copy runs from this machine to a remote"),
    "remote": ("remote", "start, stop or look at one, or run its init"),
    "remotes": ("remotes", "list the configured remotes, and which answer"),
    "restore": ("restore", "bring deleted runs back"),
    "rm": ("rm", "delete runs"),
    "run": ("run", "run an operation, here or on a remote"),
    "runs": ("runs", "list runs, here or on a remote"),
    "select": ("select", "show the id of a run, or of many"),
    "status": ("status", "show how remotes and their runs stand"),
    "stop": ("stop", "stop runs"),
    "sync": ("sync", "bring running runs up to date with their remotes"),
    "tag": ("tag", "add tags to runs, or delete them"),
    "watch": ("watch", "show the output of a run as it is made"),
}


def usage() -> str:
    """The text of `guild --help`."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items())
    return f"""\
Start operations on machines reached over ssh, and bring their runs home.

Usage:
  guild [options] COMMAND [ARG]...

Options:
  --version  Show the version and exit.
  --help     Show this help and exit.

Commands:
{listed}

Environment:
  GUILD_HOME    Where runs live, instead of ~/.guild.
  GUILD_CONFIG  The file that defines remotes, instead of ~/.guild/config.yml.
  NO_COLOR      Where it is not empty, there are no colours. FORCE_COLOR asks for them
                where there is no terminal.

'guild COMMAND --help' or 'guild help COMMAND' shows what a command takes, and
'guild help --man [COMMAND]' prints it as a manual page.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; its exit status. Every error ends here, in one line."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.umask(os.umask(0o077) | 0o002)  # no file of ours is everybody's to change
    try:
        _be_somewhere()
        try:
            status = _dispatch(words)
        except SystemExit as e:  # `--help`
            status = int(e.code or 0)
        sys.stdout.flush()  # here, where it is seen that nobody reads or the disk is full
        return status
    except GuildError as e:
        from guild_sync.output.console import warn

        warn(e)
        return e.exit
    except KeyboardInterrupt:
        from guild_sync.output.console import complain

        print(file=sys.stderr)
        complain("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # `guild runs | head`: nobody reads on, which is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as e:
        return _report_failure(e)
    except Exception as e:
        return _report_bug(e)


def _be_somewhere() -> None:
    """Leave a folder that is no more: rsync and others end where they are nowhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir("/")


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["__complete"]:
        return _complete(words[1:])
    if words[:1] == ["help"]:
        if "--man" in words:
            return _print_manual([word for word in words[1:] if word != "--man"])
        # `guild help runs rm` too: what has commands of its own shows the help of those.
        words = [word for word in words[1:] if word != "help"] + ["--help"]
    if not words or words[0] in ("--help", "-h"):
        from guild_sync.output.console import help_text

        print(help_text(usage()), end="")
        return Exit.OK
    if words[0] == "--version":
        print(f"guild {__version__}")
        return Exit.OK
    module = import_module(f"guild_sync.commands.{_module(words[0])}")
    return int(module.main(words))


def _module(name: str) -> str:
    """The module of a command. Raises GuildError where there is none of that name."""
    if name not in COMMANDS:
        raise GuildError(f"there is no command {name!r}", _near(name) + "Try 'guild --help'.")
    return COMMANDS[name][0]


def file_of(name: str) -> Path:
    """The file of a command, which has its usage."""
    return Path(__file__).parent / "commands" / f"{_module(name)}.py"


def _complete(words: list[str]) -> int:
    """What the scripts of `guild completion` call: a line for each candidate."""
    from guild_sync import shells
    from guild_sync.completion import Command, complete

    typed = shells.typed(words[0] if words else "", words[1:])
    of_runs: Mapping[str, str] = {}
    if "runs" in (word.text for word in typed[1:2]):
        from guild_sync.commands.runs import SUBCOMMANDS as of_runs
    commands = {
        name: Command(about, file_of(name), of_runs if name == "runs" else {})
        for name, (_, about) in COMMANDS.items()
    }
    found = complete([word.text for word in typed], commands)
    for line in shells.answer(words[0], found, typed[-1]):
        sys.stdout.buffer.write(f"{line}\n".encode())
    return Exit.OK


def manual_pages() -> dict[str, str]:
    """Every page of the manual: its file's name, and its text as roff."""
    from guild_sync import manual
    from guild_sync.arguments import usage_of

    pages = {"guild.1": manual.page("guild", "start operations and sync runs", usage(), COMMANDS)}
    for name, (_, about) in COMMANDS.items():
        pages[f"guild-{name}.1"] = manual.page(f"guild-{name}", about, usage_of(file_of(name)))
    return pages


def _print_manual(words: list[str]) -> int:
    name = "guild.1"
    if words and words[0] != "help":
        _module(words[0])
        name = f"guild-{words[0]}.1"
    print(manual_pages()[name], end="")
    return Exit.OK


def _near(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return f"Did you mean 'guild {near[0]}'? " if near else ""


def _report_failure(error: OSError) -> int:
    """Say what this machine refused: a full disk, a folder that may not be read."""
    place = f" ({error.filename})" if error.filename else ""
    from guild_sync.output.console import complain

    complain(f"{error.strerror or error}{place}")
    # What could not be written to stdout would be tried, and complained of, once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return Exit.ERROR


def _report_bug(error: Exception) -> int:
    """Say that guild itself is at fault; the traceback goes to a file."""
    import traceback

    from guild_sync.config.home import guild_home
    from guild_sync.output.console import complain

    complain(f"internal error: {type(error).__name__}: {error}")
    text = "".join(traceback.format_exception(error))
    try:
        path = guild_home() / "error.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"guild {__version__} {sys.argv[1:2]}\n{text}")
        print(f"This is a bug. Please report it with {path}.", file=sys.stderr)
    except (OSError, GuildError):
        print(text, file=sys.stderr)
    return Exit.BUG
