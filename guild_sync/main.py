"""guild's entry: one command line dispatched, and the one place where errors end."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from guild_sync import __version__
from guild_sync.cli.table import ALIASES, COMMANDS, SUBCOMMANDS, file_of, meant, module_of, usage
from guild_sync.errors import Exit, FaultyRemote, GuildError, UsageError, refused, unasked

# Objects that may be made before Python looks for garbage among them, instead of 700.
_GARBAGE = 50_000
_SOON = 0.05  # seconds
# The topics of `guild help` that are files, by all their names.
_FILES = {"config": "config", "guild-config": "config", "guild.yml": "guild.yml"}


def program(argv: Sequence[str] | None = None) -> None:
    """Be the program: `main`, and then the end of this process.

    It ends once all is done that is to be done at an end: what was loaded is not taken apart
    again, as Python does in a tenth of the time that a short command takes.
    """
    status: list[int] = []
    atexit.register(_end_with, status)  # the first that is registered is the last that is called
    status.append(main(argv))
    sys.exit(status[0])


def _end_with(status: Sequence[int]) -> None:
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        return  # Python tells of it
    if status:
        os._exit(status[0])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; its exit status. Every error ends here, in one line."""
    status = _ended(argv)
    return _tell_unasked(status) if unasked else status


def _tell_unasked(status: int) -> int:
    """Say which schedulers could not be asked, each once; the exit status is at least theirs."""
    from guild_sync.output.console import warn

    errors = [*unasked.values()]
    unasked.clear()
    for error in errors:
        warn(error)
    return max(status, *(error.exit for error in errors))


def _ended(argv: Sequence[str] | None) -> int:
    """The exit status of a command line, of which all is told but what `unasked` has."""
    _seldom_look_for_garbage()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of patterns and modules that are not ours
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _hear_again
    words = list(sys.argv[1:] if argv is None else argv)
    _have_streams()
    os.umask(os.umask(0o077) | 0o002)  # no file of ours is everybody's to change
    try:
        _be_somewhere()
        try:
            status = _dispatch(_behind_own_options(words))
        except SystemExit as e:  # `--help`
            status = int(e.code or 0)
        sys.stdout.flush()  # here, where it is seen that nobody reads or the disk is full
        return status
    except FaultyRemote:
        return _tell_faults()
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
    except UnicodeEncodeError as e:
        from guild_sync.output.console import complain

        what = f"the locale's encoding ({e.encoding}) cannot say {e.object[e.start : e.end]!r}"
        complain(what, hint="Use one of UTF-8, such as LC_ALL=C.UTF-8.")
        return Exit.ERROR
    except Exception as e:
        if isinstance(e, ImportError) and os.strerror(errno.EMFILE) in str(e):
            # What loads libraries has no error number of its own.
            return _report_failure(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        return _report_bug(e)


def _seldom_look_for_garbage() -> None:
    """Keep Python from looking again and again through all that a command loads: no garbage."""
    if sys.implementation.name == "cpython":
        gc.set_threshold(_GARBAGE)


def _hear_again(ignored: sys.UnraisableHookArgs) -> None:
    """Interrupt once more where a Ctrl-C came at a place whose exceptions Python drops.

    Such a place is what modules do right after a fork: a Ctrl-C there would be lost, while guild
    waits for the program that it has just started.
    """
    if ignored.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(ignored)
        return
    import signal
    import threading

    again = threading.Timer(_SOON, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _have_streams() -> None:
    """Have stdin, stdout and stderr, which take all that there is to say, whatever the caller did.

    One that is closed would be None, and its number that of the next file that is opened.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != fd:
                os.dup2(nowhere, fd)
                os.close(nowhere)
            stream = os.fdopen(fd, "w" if fd else "r", closefd=False)
            setattr(sys, name, stream)
    for shown in (sys.stdout, sys.stderr):
        # What the locale's encoding does not have is shown as `?`.
        if isinstance(shown, io.TextIOWrapper) and not shown.encoding.lower().startswith("utf"):
            shown.reconfigure(errors="replace")


def _be_somewhere() -> None:
    """Leave a folder that is no more: rsync and others end where they are nowhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir("/")


def _behind_own_options(words: list[str]) -> list[str]:
    """The words behind `-C DIR` and `-H DIR`, which hold for the command from here on.

    Both folders, and those of the environment, are meant from where guild was called. Raises
    UsageError where one is not there: a slip of the pen is no new guild home.
    """
    given: dict[str, str] = {}
    while words and words[0][:2] in ("-C", "-H"):
        option, attached = words[0][:2], words[0][2:]
        if not attached and (len(words) < 2 or not words[1]):  # as of a variable that is not set
            raise UsageError(f"{option} takes a folder", f"Such as: guild {option} DIR runs")
        given[option] = os.path.abspath(attached or words[1])
        words = words[1 if attached else 2 :]
    for option, folder in given.items():
        if not os.path.isdir(folder):
            from guild_sync.output import terminal

            raise UsageError(
                f"{option}: there is no folder {terminal.clean(folder)}",
                "Make it, or name another.",
            )
    if "-C" in given:
        for name in ("GUILD_HOME", "GUILD_CONFIG"):
            if os.environ.get(name):
                os.environ[name] = os.path.abspath(os.environ[name])
        os.chdir(given["-C"])
        os.environ["PWD"] = given["-C"]
    if "-H" in given:
        os.environ["GUILD_HOME"] = given["-H"]
    return words


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["__complete"]:
        return _complete(words[1:])
    if words[:1] == ["help"]:
        if "--man" in words:
            return _print_manual([word for word in words[1:] if word != "--man"])
        if words[1:] and words[1] in ("filters", *_FILES):
            return _tell_of(_FILES.get(words[1], words[1]))
        # `guild help runs rm` too: what has commands of its own shows the help of those.
        words = [word for word in words[1:] if word != "help"] + ["--help"]
    if not words or words[0] in ("--help", "-h"):
        from guild_sync.output.console import help_text

        print(help_text(usage()), end="")
        return Exit.OK
    if words[0] == "--version":
        print(f"guild {__version__}")
        return Exit.OK
    module = import_module(f"guild_sync.commands.{module_of(words[0])}")
    return int(module.main(meant(words)))


def _complete(words: list[str]) -> int:
    """What the scripts of `guild completion` call: a line for each candidate."""
    from guild_sync.cli import shells
    from guild_sync.cli.completion import Command, complete

    typed = shells.typed(words[0] if words else "", words[1:])
    commands = {
        name: Command(about, file_of(name), SUBCOMMANDS if name == "runs" else {})
        for name, (_, about) in COMMANDS.items()
    }
    commands.update({other: commands[name] for other, (name, *_) in ALIASES.items()})
    texts = [word.text for word in typed]
    if len(texts) > 1 and texts[-2] not in ("-C", "-H"):
        with suppress(
            GuildError
        ):  # of a folder that is not there: who presses a key learns nothing
            texts[1:] = _behind_own_options(texts[1:])
    found = complete(texts, commands)
    for line in shells.answer(words[0], found, typed[-1]):
        sys.stdout.buffer.write(f"{line}\n".encode())
    return Exit.OK


def _print_manual(words: list[str]) -> int:
    from guild_sync.manual.pages import pages

    name = "guild.1"
    if words and words[0] in _FILES:
        name = "guild.yml.5" if words[0] == "guild.yml" else "guild-config.5"
    elif words and words[0] != "help":
        module_of(words[0])
        name = f"guild-{meant(words)[0]}.1"
    print(pages()[name], end="")
    return Exit.OK


def _tell_of(topic: str) -> int:
    from guild_sync.manual import pages
    from guild_sync.output.console import help_text

    print(help_text(pages.topic(topic)))
    return Exit.OK


def _tell_faults() -> int:
    """Tell all faults of the config file, of which one is in the way: they are mended at once."""
    from guild_sync.config.faults import refusal
    from guild_sync.config.home import config_path
    from guild_sync.hooks.configured import all_faults
    from guild_sync.output.console import warn

    warn(refusal(config_path(), all_faults()))
    return Exit.ERROR


def _report_failure(error: OSError) -> int:
    from guild_sync.output.console import complain

    complain(refused(error).message)
    # What could not be written to stdout would be tried, and complained of, once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return Exit.ERROR


def _report_bug(error: Exception) -> int:
    """Say that guild itself is at fault; the traceback goes to a file."""
    from guild_sync.output import bugs
    from guild_sync.output.console import complain

    complain(f"internal error: {type(error).__name__}: {error}")
    text = bugs.report(error, sys.argv[1:])
    try:
        print(f"This is a bug. Please report it with {bugs.write(text)}.", file=sys.stderr)
    except (OSError, GuildError):
        print(text, file=sys.stderr)
    return Exit.BUG
