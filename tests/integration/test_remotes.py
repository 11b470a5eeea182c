"""The remotes themselves: which of them answer, and what makes one ready for runs."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from support import Guild, Server, project, wait_until, wait_until_gone
from test_bad_input import complaint
from test_login import typing
from test_unreachable import another_sshd, closed_port, hang_up, mute_port, own_connections

from guild_sync.agent.machine import initialize
from guild_sync.agent.protocol import DATA
from guild_sync.agent.store.locks import start_time
from guild_sync.config import remotes as configured
from guild_sync.monitoring import reach

# Fixtures of other modules, for here too.
__all__ = ["closed_port", "mute_port", "own_connections"]


# ---- which of them answer


def test_each_remote_says_whether_it_answers(
    guild: Guild, sshd: Server, there: Path, closed_port: int, mute_port: int
) -> None:
    guild.configure(
        a_mute=sshd.keys(there, port=mute_port, connect_timeout=1),
        b_closed=sshd.keys(there, port=closed_port),
        c_well=sshd.keys(there),
        d_other={"type": "s3", "bucket": "x"},
        e_wrong=sshd.keys(there, python="/no/such/python"),
    )
    done = guild("remotes", "--status")
    told = [line.split(maxsplit=2) for line in done.lines]
    assert [(name, kind) for name, kind, _ in told] == [
        *(("a-mute", "ssh"), ("b-closed", "ssh"), ("c-well", "ssh")),
        *(("d-other", "s3"), ("e-wrong", "ssh"), ("sandbox", "sandbox")),
    ]
    mute, closed, well, other, wrong, sandbox = (rest for _, _, rest in told)
    assert mute.endswith(f"127.0.0.1:{mute_port} does not answer")
    assert closed.endswith(f"127.0.0.1:{closed_port} refused the connection")
    assert well.startswith("127.0.0.1  answers: Python 3.")
    assert well.endswith(f"guild home {there}")
    assert other == "unsupported: guild does not support the type 's3'"
    assert "error: there is no /no/such/python on remote 'e-wrong'" in wrong
    assert sandbox == "stopped: Start it: guild remote start sandbox"
    assert (done.code, done.err) == (3, "")


def test_the_status_of_remotes_is_zero_where_nobody_is_missed(guild: Guild, remote: str) -> None:
    assert guild.ok("remotes", "--status").lines[0].startswith(f"{remote}  ssh ")


def test_a_remote_that_guild_cannot_work_on_is_an_error(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(x=sshd.keys(there, python="/no/such/python"), y=sshd.keys(there))
    assert guild("remotes", "--status").code == 1


def test_the_status_of_remotes_as_json(
    guild: Guild, sshd: Server, there: Path, closed_port: int
) -> None:
    guild.configure(x=sshd.keys(there, port=closed_port), y=sshd.keys(there, description="good"))
    done = guild("remotes", "--status", "--json")
    sandbox, x, y = json.loads(done.out)
    assert done.code == 3
    assert (x["name"], x["status"]) == ("x", "unreachable")
    assert x["message"].endswith("refused the connection")
    assert x["hint"].startswith("Check that its ssh server runs")
    assert (y["status"], y["message"], y["home"]) == ("answers", None, str(there))
    assert (y["description"], y["host"]) == ("good", "127.0.0.1")
    assert sandbox["status"] == "stopped"


def test_all_remotes_are_asked_at_once(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    keys = {}
    for name, other in (("a", "b"), ("b", "a")):  # each answers once the other is asked too
        waits = tmp_path / name
        waits.write_text(
            f"#!/bin/sh\ntouch {tmp_path}/asked-{name}\n"
            f"while [ ! -e {tmp_path}/asked-{other} ]; do sleep 0.05; done\n"
            'exec python3 "$@"\n'
        )
        waits.chmod(0o755)
        keys[name] = sshd.keys(there / name, python=str(waits))
    guild.configure(**keys)
    assert [line.split()[3] for line in guild.ok("remotes", "--status").lines[:2]] == [
        "answers:",
        "answers:",
    ]


def test_a_remote_that_hangs_after_the_login_is_given_up(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, own_connections: None
) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexec sleep 60\n")
    hangs.chmod(0o755)
    guild.configure(x=sshd.keys(there, python=str(hangs), connect_timeout=1), y=sshd.keys(there))
    guild.ok("remote", "status", "y")  # the agent is there
    remotes = configured.usable()[0]
    x, y = reach.answers([remotes["x"], remotes["y"]], seconds=1)
    assert (tmp_path / "asked").exists()
    assert (x.status, x.message) == ("unreachable", "remote 'x' did not answer in time")
    assert y.status == "answers"


def test_the_status_of_remotes_without_a_config_file(guild: Guild) -> None:
    assert guild.ok("remotes", "--status").lines == [
        "sandbox  sandbox    stopped: Start it: guild remote start sandbox"
    ]


# ---- init


def with_init(guild: Guild, sshd: Server, there: Path, script: str) -> None:
    guild.configure(x=sshd.keys(there, init=script))


def test_init_runs_on_the_remote_and_shows_what_it_prints(
    guild: Guild, sshd: Server, there: Path
) -> None:
    script = "echo one\necho $((1 + 1)) >&2\necho $GUILD_HOME\npwd\nread x || echo nobody types\n"
    with_init(guild, sshd, there, script)
    done = guild.ok("remote", "reinit", "x", "-y")
    home = Path(sshd.remote.private_key or "").parent / "home"
    assert done.lines == [
        *("one", "2", str(there), str(home), "nobody types"),
        f"x is ready: 'init' has ended well, guild home {there}",
    ]


def test_init_makes_the_guild_home(guild: Guild, sshd: Server, there: Path) -> None:
    with_init(guild, sshd, there, "test -d $GUILD_HOME && echo 'it is there'")
    assert guild.ok("remote", "reinit", "x", "-y").lines[0] == "it is there"


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("echo so; exit 7", "exit status 7"),
        ("echo so; /no/such/program", "exit status 127"),
        ("echo so; kill -9 $$", "signal 9"),
        ("echo so\n(", "exit status 2"),
    ],
)
def test_an_init_that_fails_tells_how(
    guild: Guild, sshd: Server, there: Path, script: str, how: str
) -> None:
    with_init(guild, sshd, there, script)
    done = guild("remote", "reinit", "x", "-y")
    assert done.out.startswith("so\n")
    assert complaint(done)[0] == f"guild: 'init' of remote 'x' failed with {how}"


def test_init_asks_first_and_shows_the_script(guild: Guild, sshd: Server, there: Path) -> None:
    with_init(guild, sshd, there, f"touch {there}.made\n\x1b[31mecho")
    done = guild.ok("remote", "reinit", "x", stdin="n\n")
    assert done.lines[:3] == [
        "You are about to run this on x:",
        f"  touch {there}.made",
        "  ?[31mecho",
    ]
    assert not Path(f"{there}.made").exists()
    assert complaint(guild("remote", "reinit", "x"))[0] == "guild: nobody answered the question"


@pytest.mark.parametrize("keys", [{}, {"init": " \n"}])
def test_a_remote_without_init_says_so(
    guild: Guild, sshd: Server, there: Path, keys: dict[str, str]
) -> None:
    guild.configure(x=sshd.keys(there, **keys))
    assert guild.ok("remote", "reinit", "x").lines == ["Nothing to run: remote 'x' has no 'init'."]


def test_init_is_data_and_no_command_line_of_the_login_shell(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    text = """x='$(touch canary) `touch canary` "quoted" %s \\n !!'"""
    with_init(guild, sshd, there, f"{text}\nprintf '%s\\n' \"$x\"\n")
    assert guild.ok("remote", "reinit", "x", "-y").lines[0] == text[3:-1]


def test_init_does_not_wait_for_what_it_leaves_running(
    guild: Guild, sshd: Server, there: Path
) -> None:
    with_init(guild, sshd, there, "sleep 100 & echo $!")
    left = int(guild.ok("remote", "reinit", "x", "-y").lines[0])
    assert start_time(left) is not None
    os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_init_ends_where_nobody_watches_any_more(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, end: signal.Signals
) -> None:
    pids = tmp_path / "pids"
    with_init(guild, sshd, there, f"sleep 1000 & echo $! > {pids}.new; mv {pids}.new {pids}; wait")
    running = guild.popen("remote", "reinit", "x", "-y")
    wait_until(pids.exists, "the start of init")
    running.send_signal(end)
    running.communicate()
    wait_until_gone(int(pids.read_text()))


def test_an_init_that_does_not_end_is_ended(tmp_path: Path) -> None:
    packets = initialize.initialize(str(tmp_path / "home"), "echo so; sleep 1000", 0.5)
    assert next(packets) == (DATA, b"so\n")
    with pytest.raises(StopIteration) as end:
        next(packets)
    assert end.value.value == {"code": None}


NOT_RUN = "'init' of x was not run there, as far as guild knows"
CHANGED = "'init' of x has changed since it was run there"


def test_an_init_that_was_not_run_there_is_told_until_it_has_ended_well(
    guild: Guild, sshd: Server, there: Path
) -> None:
    def status() -> list[str]:
        return guild.ok("remote", "status", "x").lines[1:]

    with_init(guild, sshd, there, "exit 3")
    assert status() == [f"{NOT_RUN}: guild remote reinit x"]
    guild("remote", "reinit", "x", "-y")
    assert status() == [f"{NOT_RUN}: guild remote reinit x"]
    with_init(guild, sshd, there, "echo 1")
    guild.ok("remote", "reinit", "x", "-y")
    assert status() == []
    assert " init            ok" in guild("check", "-r", "x", "--env").out
    with_init(guild, sshd, there, "echo 2")
    assert status() == [f"{CHANGED}: guild remote reinit x"]
    told = guild("check", "-r", "x", "--env")
    assert told.code == 1
    assert f"to do  {CHANGED}\n      guild remote reinit x" in told.out
    with_init(guild, sshd, there, "exit 3")
    guild("remote", "reinit", "x", "-y")
    assert status() == [f"{NOT_RUN}: guild remote reinit x"]


def test_a_run_elsewhere_tells_a_person_of_an_init_that_was_not_run(
    guild: Guild, sshd: Server, there: Path
) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    with_init(guild, sshd, there, "true")
    argv = ("run", "op", "-r", "x", "-y", "--no-track")
    assert "init" not in guild.ok(*argv).err
    with typing(guild, *argv) as terminal:
        terminal.end()
        said = terminal.shown
    assert f"warning: {NOT_RUN}" in said
    assert "To do that: guild remote reinit x" in said
    guild.ok("remote", "reinit", "x", "-y")
    with typing(guild, *argv) as terminal:
        terminal.end()
        assert "init" not in terminal.shown


def test_an_environment_that_init_may_make_is_told_with_it(
    guild: Guild, sshd: Server, there: Path
) -> None:
    project(guild.folder, "op: {exec: 'true'}")
    guild.configure(x=sshd.keys(there, **{"venv-path": "nothere", "init": "true"}))
    done = guild("run", "op", "-r", "x", "-y")
    assert complaint(done)[0].startswith("guild: remote 'x': there is no Python environment at ")
    assert complaint(done)[-1] == "If its 'init' makes it: guild remote reinit x"
    assert guild.ok("runs", "-a", "-r", "x").out == ""
    guild.configure(x=sshd.keys(there, **{"venv-path": "nothere"}))
    assert "init" not in guild("run", "op", "-r", "x", "-y").err


def test_init_of_an_undefined_remote(guild: Guild) -> None:
    assert complaint(guild("remote", "reinit", "x"))[0] == "guild: remote 'x' is not defined"


@pytest.mark.parametrize("home", ["$SCRATCH/x", "${SCRATCH}/x", "$HOME/../a b/$NAMED"])
def test_variables_in_a_guild_home_are_those_that_are_set_there(
    guild: Guild, sshd: Server, tmp_path: Path, own_connections: None, home: str
) -> None:
    folder = tmp_path / "other"
    with another_sshd(sshd, folder) as server:
        # A variable's value is a value: what looks like one in it is none.
        variables = f"SetEnv HOME={folder}/home SCRATCH={tmp_path}/ab NAMED=$HOME\n"
        settings = folder / "sshd_config"
        settings.write_text(variables + settings.read_text())
        hang_up(folder, server)
        guild.configure(x={**server.keys(tmp_path), "guild-home": home})
        run_id = guild.started("sleep=0", remote="x")
        guild.ok("watch", run_id, "-r", "x")
        guild.ok("pull", "x", "-y")
        assert guild.status(run_id) == "completed"
    expected = tmp_path / "ab/x" if "SCRATCH" in home else folder / "a b/$HOME"
    assert (expected / "runs" / run_id).is_dir()
    assert not list(tmp_path.glob("**/$SCRATCH*")) + list(folder.glob("home/$*"))


def test_a_variable_in_a_guild_home_that_is_not_set_there_is_said(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    guild.configure(x={**sshd.keys(tmp_path), "guild-home": "/data/$NO_SUCH_THING/x"})
    for command in ("runs", "check"):
        done = guild(command, "-r", "x")
        assert done.code == 1
        assert (
            "the guild home /data/$NO_SUCH_THING/x on remote 'x' has a variable that is not set "
            "there: NO_SUCH_THING" in done.out + done.err
        )
