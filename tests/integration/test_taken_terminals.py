"""Terminals that guild takes for a while: stopped and gone on with, made small, without colours."""

from __future__ import annotations

import re
import termios
from pathlib import Path

import pytest
from reported import trained
from support import Guild, wait_until
from terminal import Terminal

pytest.importorskip("textual")

TAKEN, GIVEN_BACK = "\x1b[?1049h", "\x1b[?1049l"
# What has Ctrl-Z stop a program, and fg have it go on.
SHELL = (
    "bash",
    "--norc",
    "--noprofile",
    "--noediting",
    "-i",
)  # what has Ctrl-Z stop a program, and fg go on
# Each that takes the terminal, and what leaves it.
TAKING = {
    "fleet": ("fleet --interval 1", "q"),
    "fleet, without keys": ("fleet --plain --interval 1", "\x03"),
    "compare": ("compare", "q"),
    "compare, without keys": ("compare -t -w --interval 1", "\x03"),
    "plot": ("plot loss -w --interval 1", "\x03"),
}


@pytest.fixture
def runs(guild: Guild, remote: str) -> Guild:
    """A guild that has a run that is over, and a copy of one that goes on."""
    trained(guild.home, "a" * 32, 1, {"loss": [0.5, 0.25]}, flags={"lr": 1})
    going = trained(guild.home, "b" * 32, 2, {"loss": [0.5, 0.125]}, flags={"lr": 2})
    (going / ".guild/attrs/exit_status").unlink()
    (going / ".guild/attrs/stopped").unlink()
    (going / ".guild/LOCK.remote").write_text(remote)
    return guild


def echoes(terminal: Terminal) -> bool:
    modes = termios.tcgetattr(terminal.fd)[3]
    return bool(modes & termios.ECHO and modes & termios.ICANON)


def is_given_back(shown: str) -> bool:
    return shown.rindex(GIVEN_BACK) > shown.rindex(TAKEN) and shown.rindex(
        "\x1b[?25h"
    ) > shown.rindex("\x1b[?25l")


@pytest.mark.parametrize("which", TAKING)
def test_ctrl_z_gives_the_terminal_back_until_fg(runs: Guild, which: str, tmp_path: Path) -> None:
    words, leave = TAKING[which]
    env = {**runs.env, "PS1": "READY ", "HISTFILE": "/dev/null"}
    with Terminal(SHELL, env, runs.folder, 100) as terminal:
        wait_until(lambda: "READY " in terminal.shown, "the shell")
        terminal.type(f"{runs.argv()[0]} {words}\n")
        wait_until(lambda: is_drawn(terminal.shown), "what it shows")
        terminal.type("\x1a")
        wait_until(lambda: "Stopped" in terminal.shown, "the shell again")
        assert is_given_back(terminal.shown)
        assert echoes(terminal)
        terminal.type("bg\n")  # it may not draw over what the shell shows
        wait_until(lambda: re.search(r"\[1\].*&", terminal.shown), "that it goes on")
        wait_until(lambda: state_of_child(terminal.pid) == "T", "that it has stopped again")
        assert is_given_back(terminal.shown)
        terminal.type("fg\n")
        wait_until(
            lambda: (
                terminal.shown.count(TAKEN) >= 2 and is_drawn(terminal.shown.rpartition(TAKEN)[2])
            ),
            "what it shows, again",
        )
        terminal.type(leave)
        wait_until(lambda: is_given_back(terminal.shown), "the end")
        terminal.type("echo status=$?\n")
        wait_until(lambda: re.search(r"status=\d", terminal.shown), "the shell")
        assert re.search(r"status=(0|130)", terminal.shown)
        assert echoes(terminal)
        terminal.type("exit\n")
        terminal.end()
        assert "Traceback" not in terminal.shown


def is_drawn(shown: str) -> bool:
    """Whether what it has drawn has been seen: a run, a remote, or the axes of a plot."""
    return bool(re.search(r"aaaaaaaa|bbbbbbbb|answers|┤", shown))


def state_of_child(pid: int) -> str:
    """How the only child of a process is: T where it was stopped."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]


# Odd terminals.

DUMB = {"TERM": "dumb"}


@pytest.mark.parametrize("which", TAKING)
def test_a_terminal_that_is_one_column_and_one_line_for_a_while(runs: Guild, which: str) -> None:
    words, leave = TAKING[which]
    env = {name: value for name, value in runs.env.items() if name not in ("LINES", "COLUMNS")}
    with Terminal(runs.argv(*words.split()), env, runs.folder, 100) as terminal:
        wait_until(lambda: is_drawn(terminal.shown), "what it shows")
        for columns, lines in ((1, 1), (2, 500), (500, 2), (1, 1)):
            before = len(terminal.shown)
            terminal.resize(columns, lines)
            wait_until(lambda least=before: len(terminal.shown) > least, "what it shows then")  # type: ignore[misc]
        before = len(terminal.shown)
        terminal.resize(100, 24)
        wait_until(lambda: is_drawn(terminal.shown[before:]), "what it shows again")
        terminal.type(leave)
        assert terminal.end() in (0, 130)
        assert is_given_back(terminal.shown)
        assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("which", TAKING)
@pytest.mark.parametrize("env", [DUMB, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_a_terminal_that_can_do_little_gets_no_traceback(
    runs: Guild, which: str, env: dict[str, str]
) -> None:
    words, leave = TAKING[which]
    with Terminal(runs.argv(*words.split()), {**runs.env, **env}, runs.folder, 100) as terminal:
        if env == DUMB and which.startswith("fleet"):  # shown once, as in a pipe
            wait_until(lambda: "answers" in terminal.shown, "what it shows")
        else:
            wait_until(lambda: is_drawn(terminal.shown), "what it shows")
            terminal.type("\x03" if env == DUMB else leave)
        assert terminal.end() in (0, 130)
        assert "Traceback" not in terminal.shown
        assert env != DUMB or "\x1b" not in terminal.shown
