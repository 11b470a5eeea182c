"""The one place where errors end: one line, one exit status, and no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from support import Guild, imported_by, imported_by_python, project, wait_until

from guild_sync import __version__
from guild_sync import main as cli
from guild_sync.agent import calls
from guild_sync.cli import arguments, table
from guild_sync.errors import (
    ConfigError,
    Exit,
    GuildError,
    Incomplete,
    RemoteError,
    RunNotFound,
    Unreachable,
    UsageError,
    note_scheduler,
    scheduler_silent,
)

Command = Callable[[Sequence[str]], int]
AGENT = Path(calls.__file__).parent


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Command], None]:
    """Puts a command called `try` into the table."""

    def put(main: Command) -> None:
        module = ModuleType("guild_sync.commands.try_it")
        module.main = main  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(table.COMMANDS, "try", ("try_it", "a test"))

    return put


def failing(error: BaseException) -> Command:
    def main(argv: Sequence[str]) -> int:
        raise error

    return main


# What is asked of guild itself.


def test_logs_of_a_run_are_what_it_printed(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'echo hello'}")
    guild.ok("run", "op", "-y")
    assert guild.ok("logs").out == guild.ok("logs", "1").out == "hello\n"
    assert "guild cat" in guild.ok("logs", "--help").out


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    alone = capsys.readouterr()
    for argv in (["--help"], ["-h"], ["help"]):
        assert cli.main(argv) == 0
        assert capsys.readouterr() == alone
    for names in (names for group in table.GROUPS.values() for names in group):
        assert f"  {names} " in alone.out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"guild {__version__}\n"


def test_an_unknown_command_is_answered_with_the_near_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["snyc"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "guild: there is no command 'snyc'",
        "Did you mean 'guild sync'? Try 'guild --help'.",
    ]


def test_an_unknown_command_like_no_other_is_said_to_be_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["xyzzy"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "guild: there is no command 'xyzzy'",
        "Try 'guild --help'.",
    ]


def test_an_unknown_commands_name_cannot_move_the_cursor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["\x1b[2J"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_help_has_help_too() -> None:
    assert cli.main(["help", "help"]) == 0


@pytest.mark.parametrize("name", sorted(set(table.COMMANDS) - {"run"}))
def test_a_command_that_takes_runs_takes_filters_and_a_remote(name: str) -> None:
    module = import_module(f"guild_sync.commands.{table.COMMANDS[name][0]}")
    if "[RUN" in (module.__doc__ or ""):
        usage = arguments.usage_of(table.file_of(name))
        assert usage.endswith(arguments.FILTER_OPTIONS.strip())
        at_hand = ("pull", "push", "sync", "export", "import", "open")
        assert "--remote" in usage or name in at_hand


def test_help_of_a_command_of_runs_is_that_commands_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("rm", "info", "stop"):
        assert cli.main(["help", name]) == 0
        help_of_command = capsys.readouterr().out
        assert f"guild {name} [options]" in help_of_command
        assert cli.main(["help", "runs", name]) == 0
        assert capsys.readouterr().out == help_of_command


def test_a_command_gets_its_own_name_and_all_behind_it(
    command: Callable[[Command], None],
) -> None:
    seen: list[list[str]] = []
    command(lambda argv: seen.append(list(argv)) or 5)  # type: ignore[func-returns-value]
    assert cli.main(["try", "a b", "--x"]) == 5
    assert seen == [["try", "a b", "--x"]]


# Errors that the user can mend.


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (GuildError, 1),
        (UsageError, 1),
        (ConfigError, 1),
        (RunNotFound, 1),
        (RemoteError, 1),
        (Unreachable, 3),
        (Incomplete, 4),
    ],
)
def test_an_error_is_said_on_one_line_and_in_the_exit_status(
    command: Callable[[Command], None],
    capsys: pytest.CaptureFixture[str],
    kind: type[GuildError],
    status: int,
) -> None:
    command(failing(kind("it is broken", "Mend it.")))
    assert cli.main(["try"]) == status
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "guild: it is broken\nMend it.\n")


def test_every_error_of_ours_is_a_guild_error_with_a_status_of_the_design() -> None:
    kinds: list[type[GuildError]] = [GuildError, *GuildError.__subclasses__()]
    assert {kind.exit for kind in kinds} == {Exit.ERROR, Exit.UNREACHABLE, Exit.INCOMPLETE}


@pytest.mark.parametrize(("fails", "status"), [(None, 3), (GuildError("it is broken"), 3)])
def test_a_scheduler_that_could_not_be_asked_is_told_of_once_and_at_the_end(
    command: Callable[[Command], None],
    capsys: pytest.CaptureFixture[str],
    fails: GuildError | None,
    status: int,
) -> None:
    def run(_argv: Sequence[str]) -> int:
        note_scheduler("other", "no answer")
        note_scheduler("other", "")  # it has answered since
        for _ in range(3):
            note_scheduler("hpc", "Unable to contact slurm controller")
        print("what is known")
        if fails:
            raise fails
        return 0

    command(run)
    assert cli.main(["try"]) == status
    shown = capsys.readouterr()
    assert shown.out == "what is known\n"
    lines = [line for line in shown.err.splitlines() if line.startswith("guild: ")]
    assert lines == [
        *(["guild: it is broken"] if fails else []),
        "guild: cannot ask the scheduler of hpc: Unable to contact slurm controller",
    ]
    command(lambda _argv: 0)
    assert cli.main(["try"]) == 0


@pytest.mark.parametrize("host", ["hpc", None])
def test_a_request_that_ends_for_that_tells_of_it_alone(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str], host: str | None
) -> None:
    def run(_argv: Sequence[str]) -> int:
        note_scheduler(host, "no answer")
        raise scheduler_silent(host, "no answer", "")

    command(run)
    assert cli.main(["try"]) == 3
    assert capsys.readouterr().err.count("no answer") == 1


# Bugs of ours.


def test_a_bug_is_one_line_and_a_file_with_its_traceback(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command(failing(ValueError("surprise")))
    assert cli.main(["try"]) == 70
    log = tmp_path / "here" / "error.log"
    assert capsys.readouterr().err.splitlines() == [
        "guild: internal error: ValueError: surprise",
        f"This is a bug. Please report it with {log}.",
    ]
    text = log.read_text()
    assert text.startswith(f"guild {__version__} ")
    assert text.rstrip().endswith("ValueError: surprise")
    assert "Traceback" in text


def test_the_file_of_a_bug_does_not_have_the_arguments(
    command: Callable[[Command], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["guild", "try", "password=secret"])
    command(failing(ValueError("surprise")))
    assert cli.main() == 70
    assert "secret" not in (tmp_path / "here" / "error.log").read_text()


def test_where_no_file_can_be_written_the_traceback_is_shown(
    command: Callable[[Command], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GUILD_HOME", "/dev/null/home")
    command(failing(ValueError("surprise")))
    assert cli.main(["try"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_with_line_breaks_is_one_line_all_the_same(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(failing(ValueError("one\ntwo\x1b[2J")))
    assert cli.main(["try"]) == 70
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("guild: internal error: ")
    assert "\x1b" not in first
    assert second.startswith("This is a bug.")


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "/x"), OSError(28, "No space left", "/x")]
)
def test_a_full_disk_or_a_closed_folder_is_no_bug(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str], error: OSError
) -> None:
    command(failing(error))
    assert cli.main(["try"]) == 1
    assert "/x" in capsys.readouterr().err


def test_a_library_that_cannot_be_opened_for_too_many_files_is_no_bug(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(failing(ImportError("/x.so: cannot open shared object file: Too many open files")))
    assert cli.main(["try"]) == 1
    assert capsys.readouterr().err == "guild: Too many open files\n"


# Ctrl-C and broken pipes.


def test_ctrl_c_is_said_in_the_exit_status(
    command: Callable[[Command], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(failing(KeyboardInterrupt()))
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "\nguild: interrupted\n"


def test_ctrl_c_ends_a_real_guild_without_a_traceback(guild: Guild) -> None:
    (guild.folder / "guild.yml").write_text("wait: {exec: sleep 60}\n")
    asking = subprocess.Popen(
        guild.argv("run", "wait"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=guild.folder,
        env=guild.env,
    )
    assert asking.stdout is not None
    wait_until(lambda: b"Continue?" in os.read(asking.stdout.fileno(), 4096))  # type: ignore[union-attr]
    asking.send_signal(signal.SIGINT)
    _, err = asking.communicate(timeout=30)
    assert asking.returncode == 130
    assert err == b"\nguild: interrupted\n"


def many_runs(home: Path, count: int) -> None:
    for number in range(count):
        attrs = home / "runs" / f"{number:032x}" / ".guild" / "attrs"
        attrs.mkdir(parents=True)
        (attrs / "started").write_text(f"{number}\n")
        (attrs / "exit_status").write_text("0\n")
        (attrs / "label").write_text("x" * 100 + "\n")
        (attrs.parent / "opref").write_text("package:gpkg.demo 1.0 '' op")


def piped_to_head(guild: Guild, *argv: str) -> tuple[int, bytes]:
    """The status and stderr of guild where nobody reads more than the first line."""
    writer = subprocess.Popen(
        guild.argv(*argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=guild.env
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    head = subprocess.Popen(["head", "-n1"], stdin=writer.stdout, stdout=subprocess.DEVNULL)
    writer.stdout.close()
    said = writer.stderr.read()
    writer.stderr.close()
    head.wait(timeout=30)
    return writer.wait(timeout=30), said


@pytest.mark.parametrize("argv", [("runs", "-a"), ("runs", "-a", "--json")])
def test_nobody_who_reads_on_is_no_error(guild: Guild, argv: tuple[str, ...]) -> None:
    many_runs(guild.home, 700)  # more than a pipe holds
    assert piped_to_head(guild, *argv) == (0, b"")


def test_nobody_who_reads_at_all_is_no_error(guild: Guild) -> None:
    many_runs(guild.home, 3)
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        guild.argv("runs"), stdout=write_end, stderr=subprocess.PIPE, env=guild.env
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("argv", [("--help",), ("--version",), ("runs", "--help")])
def test_nobody_who_reads_the_help_is_no_error(guild: Guild, argv: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    env = {**guild.env, "PYTHONUNBUFFERED": ""}  # what is printed waits for the end
    done = subprocess.run(guild.argv(*argv), stdout=write_end, stderr=subprocess.PIPE, env=env)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_stdout_is_told(guild: Guild) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(guild.argv("--help"), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode != 0
    assert b"No space left on device" in done.stderr


def test_a_ctrl_c_right_after_a_fork_is_not_lost(guild: Guild) -> None:
    """What modules do after a fork is a place whose exceptions Python drops."""
    hook = {"on": ["error"], "command": "exec sleep 20", "timeout": 30}
    guild.config.write_text(json.dumps({"hooks": [hook]}))
    lines = (
        "import os, signal, sys",
        "from guild_sync.main import main",
        "once = iter([signal.SIGINT])",
        "os.register_at_fork(after_in_parent=lambda: [signal.raise_signal(s) for s in once])",
        "sys.exit(main(['hooks', 'test']))",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=guild.env, text=True)
    assert done.returncode == Exit.INTERRUPTED


def test_a_full_disk_behind_stdout_is_no_bug(guild: Guild) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(guild.argv("--help"), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1


# What a command costs before it begins.

HEAVY = ("sh", "yaml", "filelock", "docopt", "schema", "rich", "lark", "wheel")


@pytest.mark.parametrize("argv", [("--version",), ("--help",)])
def test_guild_itself_imports_none_of_its_heavy_parts(guild: Guild, argv: tuple[str, ...]) -> None:
    imported = imported_by(guild, *argv) - imported_by_python(guild)
    assert imported & {*HEAVY, "argparse", "typing", "pathlib"} <= {"typing"}
    assert "guild_sync.main" in imported_by(guild, *argv)


def test_a_listing_imports_nothing_that_starts_a_program_or_reads_yaml(guild: Guild) -> None:
    many_runs(guild.home, 3)
    imported = imported_by(guild, "runs") - imported_by_python(guild)
    assert imported & {*HEAVY, "pathlib", "json", "signal"} == {"docopt"}


def test_a_sync_that_has_nothing_to_do_imports_nothing_that_starts_a_program(guild: Guild) -> None:
    assert not imported_by(guild, "sync") & {"sh", "yaml", "schema"}


@pytest.mark.parametrize(
    ("most", "argv"),
    [(40, ["sync"]), (40, ["sync", "--cron"]), (118, ["run", "op", "-y"]), (39, ["runs"])],
)
def test_a_command_imports_no_more_of_guild_than_it_works_with(
    guild: Guild, most: int, argv: list[str]
) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    imported = {name for name in imported_by(guild, *argv) if name.startswith("guild_sync")}
    assert len(imported) <= most, sorted(imported)


def test_a_sync_that_has_nothing_to_do_costs_no_more_than_it_once_did(guild: Guild) -> None:
    """It imported 64 modules, all counted, when guild's own were 58 files in one folder."""
    imported = imported_by(guild, "sync") - imported_by_python(guild)
    assert len(imported) <= 62, sorted(imported)
    assert not imported & {"dataclasses", "hashlib", "inspect", "shutil"}


@pytest.mark.parametrize("command", [("remotes",), ("status",), ("runs", "-r", "unknown")])
def test_a_config_file_is_read_as_yaml_once_and_not_by_each_command(
    guild: Guild, command: tuple[str, ...]
) -> None:
    remotes = {"gpu": {"type": "ssh", "host": "gpu1"}, "unknown": {"type": "sandbox"}}
    guild.config.write_text(json.dumps({"remotes": remotes}))
    first, second = guild(*command), guild(*command)
    assert first == second
    path = "import sys, guild_sync.main as guild; guild.main(sys.argv[1:]); print(*sys.modules)"
    argv = [sys.executable, "-c", path, *command]
    done = subprocess.run(argv, capture_output=True, text=True, env=guild.env)
    assert not {"yaml", "schema"} & set(done.stdout.split()), done.stdout


APART = """
class Told:
    def __del__(self):
        print("taken apart")
kept = Told()
"""


def ended(guild: Guild, begun: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """How a process ends that is guild with `argv`, where that begins with these lines."""
    lines = (
        "import atexit, gc, os, sys, threading, guild_sync.main as guild",
        f"{APART}main = guild.main",
        f"def began(argv):\n    {begun}\n    return main(argv)",
        f"guild.main = began\nguild.program({list(argv)})",
    )
    code = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(code, capture_output=True, text=True, env=guild.env)


def test_python_looks_for_no_garbage_among_what_a_command_loads(guild: Guild) -> None:
    seen = "seen = []; gc.callbacks.append(lambda phase, about: seen.append(phase))"
    done = ended(guild, f"{seen}; atexit.register(lambda: print(len(seen)))", "runs")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_at_its_end_guild_takes_nothing_apart_and_does_all_that_is_to_be_done(guild: Guild) -> None:
    end = "atexit.register(print, 'the end', end='')"
    done = ended(guild, end, "--version")
    assert (done.returncode, done.stdout) == (0, f"guild {__version__}\nthe end")
    done = ended(guild, end, "snyc")
    assert (done.returncode, done.stdout) == (1, "the end")
    assert done.stderr.startswith("guild: there is no command")
    failed = ended(guild, "raise SystemExit(7)", "--version")  # not one of main's own
    assert (failed.returncode, failed.stdout) == (7, "taken apart\n")


def test_guild_ends_after_its_threads(guild: Guild) -> None:
    thread = "threading.Thread(target=lambda: print(os.read(read, 9))).start()"
    later = "threading.Timer(0.1, os.write, (write, b'x')).start()"
    done = ended(guild, f"read, write = os.pipe(); {thread}; {later}", "--version")
    assert done.stdout.endswith("b'x'\n")


def test_an_agent_that_has_answered_ends_at_once(guild: Guild) -> None:
    later = "import atexit, runpy, sys\natexit.register(print, 'taken apart')"
    code = f"{later}\nrunpy.run_path(sys.argv.pop(), run_name='__main__')"
    request = json.dumps({"home": str(guild.home), "function": "list_runs", "args": {}})
    argv = [sys.executable, "-I", "-S", "-c", code, str(AGENT)]
    done = subprocess.run(argv, input=f"{request}\n", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"total": 0' in done.stdout
    assert "taken apart" not in done.stdout


@pytest.mark.parametrize("name", ["guild-pull", "guild-sync"])
def test_a_command_by_itself_is_the_same_code(guild: Guild, name: str) -> None:
    by_itself, of_guild = guild(name, "--help"), guild(name.split("-")[1], "--help")
    assert by_itself == of_guild
    assert by_itself.code == 0


# What the caller has closed, or cannot show.


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["runs", "sync", "help", "run op sleep=0 -y", "pull x -y"])
def test_a_stream_that_is_closed_makes_no_difference(
    guild: Guild, command: str, closed: str
) -> None:
    usual = guild(*command.split())
    script = f"exec guild {command} {closed}"
    done = subprocess.run(["sh", "-c", script], env=guild.env, cwd=guild.folder, timeout=120)
    assert done.returncode == usual.code
    assert not (guild.home / "error.log").exists()


def test_a_locale_that_is_not_utf_8_shows_what_it_can(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y", "--label", "Gr\u00f6\u00dfe \u8a08")
    guild.env.update(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "Gr??e ?" in guild.ok("runs").out


def test_a_name_that_the_locale_cannot_say_is_one_line(guild: Guild, remote: str) -> None:
    guild.env.update(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    guild.config.write_text("remotes: {x: {type: ssh, host: b\u00fcro}}\n", encoding="utf-8")
    done = guild("runs", "-r", "x")
    assert done.code in (1, 3)
    assert done.err.startswith("guild: ") and "Traceback" not in done.err
