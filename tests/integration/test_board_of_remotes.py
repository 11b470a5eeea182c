"""guild fleet: all remotes and their runs, as text and on a terminal, whatever the remotes do."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import termios
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Server, project, wait_until
from terminal import Terminal
from test_bad_input import complaint
from test_hostile_remote import RUN, Liar

SLOW = """
import sys, time
for epoch in range(1, 4):
    print("loss: 0.%d (step %d)" % (5 - epoch, epoch), flush=True)
print("epoch 3/10", flush=True)
while True:
    time.sleep(3600)
"""


@pytest.fixture
def mute() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens on."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def run(guild: Guild, remote: str, there: Path) -> Iterator[str]:
    """A run on the remote that has printed something, and goes on."""
    project(guild.folder, "train: {main: slow, flags: {epochs: 10}}", slow=SLOW)
    run_id = guild.started("--no-track", op="train", remote=remote)
    output = there / "runs" / run_id / ".guild" / "output"
    wait_until(lambda: output.exists() and "3/10" in output.read_text(), "its output")
    scalars = there / "runs" / run_id / ".guild" / "SCALARS"
    wait_until(lambda: scalars.exists() and '"last": 0.2' in scalars.read_text(), "its scalars")
    yield run_id
    guild("stop", run_id, "-r", remote, "-y")


def record(guild: Guild, *argv: str, code: int = 0) -> dict[str, Any]:
    """What `guild fleet --json` tells, by remote."""
    done = guild("fleet", "--json", *argv)
    assert (done.code, done.err) == (code, "")
    return {told["remote"]: told for told in json.loads(done.out)}


def test_a_pipe_gets_the_table_once(guild: Guild, remote: str, run: str) -> None:
    done = guild.ok("fleet")
    remotes, runs = done.out.split("\n\n")
    assert re.match(r"REMOTE +STATE +RUNS +(GPUS +)?CORES +LOAD +MEMORY +ROOM +HEARD\n", remotes)
    assert re.search(rf"(?m)^{remote} +answers +1 running ", remotes)
    heading, row = runs.splitlines()
    assert heading.split()[:2] == ["RUN", "OPERATION"]
    assert row.startswith(f"{remote}:{run[:8]}")
    assert row.endswith("epoch 3/10")
    assert re.search(r"  3/10 +loss=0.2  ", row)


def test_json_has_what_the_table_has(guild: Guild, remote: str, run: str) -> None:
    told = record(guild)[remote]
    assert (told["state"], told["live"], told["open"]) == ("answers", True, {"running": 1})
    assert told["free"]["cores"] > 0
    (found,) = told["runs"]
    assert (found["id"], found["status"], found["said"]) == (run, "running", "epoch 3/10")
    assert (found["progress"], found["part"], found["is_over"]) == ("3/10", 0.3, False)
    assert found["scalars"]["loss"]["last"] == 0.2
    assert found["step"] == 3


def test_a_run_that_has_just_ended_is_shown_for_a_while(guild: Guild, remote: str) -> None:
    run_id = guild.ok("run", "op", "sleep=0", "-r", remote, "--no-track", "-y").out.split()[-1]
    assert run_id
    (found,) = record(guild)[remote]["runs"]
    assert (found["status"], found["is_over"]) == ("completed", True)
    assert record(guild, "--ended", "0")[remote]["runs"] == []


def test_one_that_is_down_and_one_that_hangs_cost_the_others_nothing(
    guild: Guild, sshd: Server, there: Path, closed: int, mute: int
) -> None:
    keys = sshd.keys(there)
    guild.configure(
        good=keys,
        down={**keys, "port": closed},
        hung={**keys, "port": mute, "connect-timeout": 600},
    )
    told = record(guild, "--within", "3", code=3)
    assert (told["good"]["state"], told["down"]["state"]) == ("answers", "down")
    assert told["hung"]["state"] in ("asked", "silent")
    assert told["down"]["message"].endswith("refused the connection")
    assert told["hung"]["heard"] is None


def test_twenty_remotes_two_of_which_are_down(
    guild: Guild, sshd: Server, there: Path, run: str, remote: str, closed: int
) -> None:
    up = {f"gpu{number}": sshd.keys(there) for number in range(1, 19)}
    down = {f"old{number}": sshd.keys(there, port=closed) for number in (1, 2)}
    guild.configure(**up, **down, guild_uat=sshd.keys(there))
    told = record(guild, "-r", ",".join([*up, *down]), "--within", "60s", code=3)
    assert {name for name, one in told.items() if one["state"] == "answers"} == {*up}
    assert {name for name, one in told.items() if one["state"] == "down"} == {*down}
    assert all([found["id"] for found in told[name]["runs"]] == [run] for name in up)


def test_of_one_that_is_down_it_is_shown_what_syncs_know(
    guild: Guild, remote: str, run: str, sshd: Server, there: Path, closed: int
) -> None:
    guild.ok("pull", remote, run, "-y")
    guild.configure(guild_uat={**sshd.keys(there), "port": closed})
    told = record(guild, code=3)[remote]
    assert (told["state"], told["live"], told["open"]) == ("down", False, {"running": 1})
    (found,) = told["runs"]
    assert (found["id"], found["said"]) == (run, "epoch 3/10")
    assert found["confirmed"] == pytest.approx(told["heard"], abs=30)
    text = guild("fleet").out
    assert re.search(rf"(?m)^{remote} +down for \d+s +1 running +\d+s ago$", text)
    assert re.search(rf"(?m)^{remote}:{run[:8]}  train +epochs=10 +running, \d+s ago ", text)
    guild.configure(guild_uat=sshd.keys(there))


def test_where_guild_cannot_work_it_says_why(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(odd=sshd.keys(there, python="/nowhere/python3"))
    done = guild("fleet", "--once")
    assert done.code == 1
    assert "odd: there is no /nowhere/python3 on remote 'odd'" in done.out


def test_r_restricts_it(guild: Guild, sshd: Server, there: Path) -> None:
    keys = sshd.keys(there)
    guild.configure(gpu1=keys, gpu2=keys, gpu3=keys)
    with open(guild.config, "a") as config:
        config.write("groups: {train: [gpu3, gpu1]}\n")
    assert [*record(guild, "-r", "gpu2")] == ["gpu2"]
    assert [*record(guild, "-r", "train")] == ["gpu3", "gpu1"]
    assert [*record(guild)] == ["gpu1", "gpu2", "gpu3"]


def test_a_remote_that_is_none(guild: Guild, remote: str) -> None:
    assert "nobody" in complaint(guild("fleet", "-r", "nobody"))[0]


def test_without_a_remote_it_says_so(guild: Guild) -> None:
    assert complaint(guild("fleet"))[0] == "guild: the config file names no remote"


@pytest.mark.parametrize("option", ["--interval", "--within", "--ended"])
@pytest.mark.parametrize("value", ["soon", "-1", ""])
def test_a_time_that_is_none(guild: Guild, remote: str, option: str, value: str) -> None:
    assert complaint(guild("fleet", f"{option}={value}"))[0].startswith(f"guild: {option} takes a")


# A remote that lies.


@pytest.mark.parametrize(
    "lie", [None, [], {}, {"runs": [{}]}, {"runs": [], "open": {"\x1b[2J": 1}}, '{"ok"']
)
def test_a_remote_whose_answer_makes_no_sense_fails_and_costs_no_other_anything(
    guild: Guild, sshd: Server, tmp_path: Path, lie: object
) -> None:
    liar = Liar(guild, sshd, tmp_path)
    liar.says(lie)
    told = record(guild, code=1)
    assert (told["liar"]["state"], told["good"]["state"]) == ("fails", "answers")
    done = guild("fleet")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err


def test_what_a_remote_says_is_neither_obeyed_nor_shown_to_its_end(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    liar = Liar(guild, sshd, tmp_path)
    evil = "\x1b[2J[red]x[/red]\n" * 50_000
    run = {**RUN, "status": "running", "label": evil, "said": evil, "said_at": 1, "step": None}
    run["scalars"] = {}
    runs = [{**run, "id": f"{number:032x}"} for number in range(300)]
    found = {"runs": runs[:3], "open": {"running": 300}, "ended": 0, "failed": 0, "now": 1}
    liar.says({**found, "free": None})
    done = guild("fleet", "-r", "liar")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert len(done.out) < 5_000
    assert "297 runs more" in done.out


# On a terminal that only shows.


@pytest.fixture
def shown(guild: Guild, remote: str, run: str) -> Iterator[Terminal]:
    """The table, live, on a terminal."""
    argv = guild.argv("fleet", "--plain", "--interval", "1")
    with Terminal(argv, guild.env, guild.folder, 100) as terminal:
        wait_until(lambda: "answers" in terminal.shown, "an answer")
        yield terminal


def is_as_before(shown: str) -> bool:
    """Whether the terminal has its own screen and its cursor again."""
    return all(
        shown.rindex(after) > shown.rindex(before)
        for before, after in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"))
    )


def test_ctrl_c_leaves_and_the_terminal_is_as_before(shown: Terminal, run: str) -> None:
    assert run[:8] in shown.shown
    shown.type("\x03")
    assert shown.end() == 0
    assert is_as_before(shown.shown)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_and_the_terminal_is_as_before(shown: Terminal, number: int) -> None:
    os.kill(shown.pid, number)
    assert shown.end() == 128 + number
    assert is_as_before(shown.shown)


def test_what_is_new_is_shown_without_a_key(shown: Terminal, guild: Guild, remote: str) -> None:
    other = guild.started("--no-track", "epochs=77", op="train", remote=remote)
    wait_until(lambda: other[:8] in shown.shown, "the other run")
    guild("stop", other, "-r", remote, "-y")
    wait_until(lambda: "terminated" in shown.shown, "its end")


def test_a_small_terminal_is_not_overflown(guild: Guild, remote: str, run: str) -> None:
    argv = guild.argv("fleet", "--plain")
    env = {name: value for name, value in guild.env.items() if name != "LINES"}  # some have it
    with Terminal(argv, env, guild.folder, 40, lines=4) as terminal:
        wait_until(lambda: "answers" in terminal.shown, "an answer")
        wait_until(lambda: "more lines" in terminal.shown, "how much there is besides")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_without_the_extra_a_line_names_it(guild: Guild, remote: str, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    site = "import sys\nsys.modules['textual'] = None\n"
    (tmp_path / "without" / "sitecustomize.py").write_text(site)
    env = {**guild.env, "PYTHONPATH": str(tmp_path / "without")}
    with Terminal(guild.argv("fleet"), env, guild.folder, 100) as terminal:
        wait_until(lambda: "guild-sync[report]" in terminal.shown, "how to get keys")
        wait_until(lambda: "answers" in terminal.shown, "an answer")
        terminal.type("\x03")
        assert terminal.end() == 0


def test_status_w_is_the_same(guild: Guild, remote: str, run: str) -> None:
    with Terminal(guild.argv("status", "-w"), guild.env, guild.folder, 100) as terminal:
        wait_until(lambda: run[:8] in terminal.shown, "the run")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert is_as_before(terminal.shown)


# On a terminal with keys.


@pytest.fixture
def keyed(guild: Guild, remote: str, run: str) -> Iterator[Terminal]:
    """The table with keys, on a terminal; the run is chosen."""
    pytest.importorskip("textual")
    argv = guild.argv("fleet", "--interval", "1")
    with Terminal(argv, guild.env, guild.folder, 120, lines=30) as terminal:
        wait_until(lambda: "answers" in terminal.shown, "an answer")
        wait_until(lambda: run[:8] in terminal.shown, "the run")
        yield terminal


def is_given_back(shown: str) -> bool:
    """Whether textual has given the terminal back: its screen, the cursor, the mouse."""
    return is_as_before(shown) and shown.rindex("\x1b[?1000l") > shown.rindex("\x1b[?1000h")


def modes(terminal: Terminal) -> list[Any]:
    """How the terminal treats what is typed."""
    return termios.tcgetattr(terminal.fd)[:4]


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_a_key_leaves_and_the_terminal_is_as_before(keyed: Terminal, key: str) -> None:
    keyed.type(key)
    assert keyed.end() == 0
    assert is_given_back(keyed.shown)
    assert modes(keyed)[3] & termios.ECHO
    assert modes(keyed)[3] & termios.ICANON


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(keyed: Terminal, number: int) -> None:
    os.kill(keyed.pid, number)
    assert keyed.end() == 128 + number
    assert is_given_back(keyed.shown)
    assert modes(keyed)[3] & termios.ECHO


def test_a_signal_while_it_begins_gives_the_terminal_back(guild: Guild, remote: str) -> None:
    pytest.importorskip("textual")
    with Terminal(guild.argv("fleet"), guild.env, guild.folder, 120, lines=30) as terminal:
        before = modes(terminal)
        wait_until(lambda: "\x1b[?1049h" in terminal.shown, "a screen of its own")
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert is_as_before(terminal.shown)
        assert modes(terminal) == before


def test_the_output_is_followed_live(keyed: Terminal, run: str, there: Path) -> None:
    keyed.type("f")
    wait_until(lambda: "follows" in keyed.shown, "the output")
    with open(there / "runs" / run / ".guild" / "output", "a") as output:
        output.write("\x1b[31mnews of today\x1b[0m\n")
    wait_until(lambda: "news of today" in keyed.shown, "what came meanwhile")
    keyed.type("q")
    keyed.type("q")
    assert keyed.end() == 0


def test_a_run_is_stopped_by_keys(keyed: Terminal, guild: Guild, run: str, remote: str) -> None:
    keyed.type("s")
    wait_until(lambda: "(y/n)" in keyed.shown, "the question")
    keyed.type("y")
    wait_until(lambda: "terminated" in keyed.shown, "its end")
    keyed.type("q")
    assert keyed.end() == 0
    (found,) = record(guild)[remote]["runs"]
    assert found["status"] == "terminated"


def test_a_run_is_pulled_by_keys(keyed: Terminal, guild: Guild, run: str) -> None:
    keyed.type("p")
    wait_until(lambda: "is here" in keyed.shown, "the copy")
    keyed.type("q")
    assert keyed.end() == 0
    assert (guild.home / "runs" / run / ".guild" / "output").exists()


def test_a_window_may_be_made_small_and_large(keyed: Terminal) -> None:
    keyed.resize(40, 10)
    keyed.type("f")
    wait_until(lambda: "follows" in keyed.shown, "the output")
    keyed.resize(120, 40)
    keyed.type("qq")
    assert keyed.end() == 0
    assert is_given_back(keyed.shown)


def test_a_remote_that_hangs_keeps_no_key_waiting(
    guild: Guild, sshd: Server, there: Path, mute: int
) -> None:
    pytest.importorskip("textual")
    keys = sshd.keys(there)
    guild.configure(good=keys, hung={**keys, "port": mute, "connect-timeout": 600})
    with Terminal(guild.argv("fleet"), guild.env, guild.folder, 100) as terminal:
        wait_until(lambda: "answers" in terminal.shown, "the other's answer")
        wait_until(lambda: "silent for" in terminal.shown, "that it hangs")
        terminal.type("q")
        assert terminal.end() == 0
