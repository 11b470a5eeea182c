"""How far copies are: a line a remote on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

from support import Guild, Server, imported_by, wait_until
from terminal import Terminal
from test_fleet import slow_remotes

FIGURES = r"from {} +━*[^━\n]*━* +[\d.]+[KM]?  [\d.]+[kMG]B/s  \d+:\d\d:\d\d"


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_each_remote_has_its_line_of_rsyncs_figures_on_a_terminal(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    runs = slow_remotes(guild, sshd, tmp_path)
    with Terminal(guild.argv("sync"), guild.env, guild.folder, 100) as terminal:
        for name in runs:
            pattern = re.compile(FIGURES.format(name))
            wait_until(lambda p=pattern: p.search(plain(terminal.shown)), f"{name}'s figures")  # type: ignore[misc]
        terminal.end()
        shown = terminal.shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is there again"
    for run_id, _ in runs.values():
        assert f"Copying {run_id}" in plain(shown)
        assert guild.status(run_id) == "completed"


def test_ctrl_c_leaves_the_cursor_to_be_seen(guild: Guild, sshd: Server, tmp_path: Path) -> None:
    slow_remotes(guild, sshd, tmp_path)
    with Terminal(guild.argv("sync"), guild.env, guild.folder, 100) as terminal:
        wait_until(lambda: "\x1b[?25l" in terminal.shown, "the board")
        terminal.type("\x03")
        terminal.end()
        shown = terminal.shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_without_a_terminal_there_are_plain_lines_and_no_board(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    slow_remotes(guild, sshd, tmp_path)
    assert not any(name.split(".")[0] == "rich" for name in imported_by(guild, "sync"))
