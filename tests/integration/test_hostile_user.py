"""What users type and have in their files is never run, and what is secret goes nowhere."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from support import Guild, Place, Server, processes, project, wait_until
from test_fleet import bind, pulled
from test_hostile_names import no_canary

from guild_sync.config.home import private_folder

__all__ = ["no_canary"]

SHOW = "import os\nvalue = ''\nprint(ascii(value))\n"
PIECES = (
    *("$(touch canary)", "`touch canary`", "; touch canary;", "&& touch canary", "| touch canary"),
    *(
        "\n touch canary \n",
        "> canary",
        "'",
        '"',
        "\\",
        "$",
        "${IFS}",
        "!",
        "#",
        "~",
        "*",
        "?",
        "[",
    ),
    *(
        "[",
        "{a,b}",
        "-",
        "--",
        " ",
        "\t",
        "%",
        "%s",
        "ü",
        "☃",
        "a",
        "=",
        ":",
        "\\0",
        "\\n",
        "$HOME",
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
# A label's `${NAME}` is the value of a flag, and no text where there is no such flag.
LABELS = TEXTS.filter(lambda text: "${" not in text)
SLOW = settings(
    max_examples=int(os.environ.get("HOSTILE_EXAMPLES", "6")),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(flag=TEXTS, label=LABELS)
def test_flags_and_labels_arrive_as_they_are(
    guild: Guild, remote: str, there: Path, flag: str, label: str
) -> None:
    """Through the shell's words, JSON, ssh, the agent and the operation; and home by rsync."""
    project(guild.folder, "op: {main: show, flags: {value: {type: string}}}", show=SHOW)
    words = ("run", "op", f"value={flag}", "-r", remote, "-y", f"--label={label}")
    done = guild.ok(*words)
    assert ascii(flag) in done.lines
    guild.ok("pull", remote, "1", "-y")
    (run,) = json.loads(guild.ok("runs", "-n1", "--json").out)
    assert run["flags"] == {"value": flag}
    assert run["label"] == label


def as_one_word(text: str) -> str:
    """What a shell would make the same of, in the letters that the name of a remote may have."""
    return "x" + "".join(c for c in text if c not in "/,:").replace(" ", "${IFS}").strip()


LINES = TEXTS.filter(lambda text: not {*text} & {*"\n\t"})


@SLOW
@given(name=LINES.map(as_one_word), command=LINES)
@example(name="x$(touch${IFS}canary)", command="$(touch canary)")
@example(name="x';touch${IFS}canary;'", command="'; touch canary; '")
def test_names_and_config_values_are_no_commands(
    guild: Guild, sshd: Server, there: Path, name: str, command: str
) -> None:
    """Whatever a remote and its keys are called: there is no such Python, and nothing is run."""
    keys = {**sshd.keys(there), "description": command}
    named = {name: {**keys, "python": command}, "env": {**keys, "venv-path": command}}
    guild.config.write_text(yaml.safe_dump({"remotes": named}))
    for words in (["runs", "-r", name], ["check", "-r", "env", "--env"]):
        done = guild(*words)
        assert done.code in (1, 3), done
        assert "has a fault" not in done.err, "it comes to the shell there"
        assert "internal error" not in done.err
    assert len(guild.ok("remotes").lines) == 3


@pytest.mark.parametrize(
    "word", ["op$(touch canary)", "`touch canary`:op", "../../op", "-op", "a\nb"]
)
def test_an_operation_of_any_name(guild: Guild, remote: str, word: str) -> None:
    (guild.folder / "guild.yml").write_text(yaml.safe_dump({word: {"exec": "true"}}))
    done = guild("run", word, "-r", remote, "-y")
    assert done.code in (0, 1), done
    assert "internal error" not in done.err


# Secrets.

TOKEN = "SECRET-3f1d9c"


def holding(text: str, *folders: Path) -> list[Path]:
    """The files that hold the text."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
                found.append(path)
    return found


def test_the_environment_here_stays_here(
    guild: Guild, remote: str, there: Path, tmp_path: Path
) -> None:
    guild.env.update(AWS_SECRET_ACCESS_KEY=TOKEN, GITHUB_TOKEN=TOKEN)
    project(guild.folder, "op: {main: show}", show="import os\nprint(sorted(os.environ))")
    done = guild.ok("run", "op", "-r", remote, "-y")
    assert "AWS_SECRET_ACCESS_KEY" not in done.out
    guild.ok("run", "op", "-y")
    guild.ok("pull", remote, "-y")
    guild.ok("sync", "--log", str(tmp_path / "sync.log"))
    assert holding(TOKEN, tmp_path) == []


def command_lines(pid: int) -> str:
    """The command lines of all processes below a process, and its own."""
    found, below = processes(), {pid}
    for _ in range(4):
        below |= {process.pid for process in found if process.parent in below}
    return "".join(process.args + "\n" for process in found if process.pid in below)


PROXY = """
import os, socket, threading
server = socket.create_connection(("127.0.0.1", PORT))
def up():
    while data := os.read(0, 65536):
        server.sendall(data)
    os._exit(0)
threading.Thread(target=up, daemon=True).start()
while data := server.recv(65536):
    os.write(1, data)
"""


def test_a_password_in_a_proxy_line_is_in_no_command_line_log_or_attribute(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    """ssh runs the proxy itself: that is the one process that must have it."""
    keys = sshd.keys(there)
    proxy = tmp_path / "proxy"
    proxy.write_text(f"#!{sys.executable}\n" + PROXY.replace("PORT", str(keys["port"])))
    proxy.chmod(0o755)
    guild.configure(gpu=keys)
    run_id = pulled(guild, "gpu")
    (there / "runs" / run_id / "large").write_bytes(os.urandom(2_000_000))
    bind(guild, run_id, "gpu")
    guild.configure(gpu={**keys, "proxy": f"{proxy} --password {TOKEN}", "bwlimit": 500})
    guild.configure(gpu={**keys, "proxy": f"false --password {TOKEN}"})
    failed = guild("sync")
    assert failed.code == 3
    assert TOKEN not in failed.out + failed.err
    guild.configure(gpu={**keys, "proxy": f"{proxy} --password {TOKEN}", "bwlimit": 500})
    shutil.rmtree(guild.home / "remotes")  # cron is to try it at once
    syncing = guild.popen("guild-sync")
    seen = ""

    def copies() -> bool:
        nonlocal seen
        seen += command_lines(syncing.pid)
        return syncing.poll() is not None

    wait_until(copies, "the end")
    assert syncing.returncode == 0, syncing.stdout and syncing.stdout.read()
    ours = [line for line in seen.splitlines() if not line.startswith(("/bin/sh", "sh -c", "nc"))]
    assert any("rsync" in line for line in ours)
    assert [line for line in ours if TOKEN in line and str(proxy) not in line.split()[:2]] == []
    assert holding(TOKEN, guild.home, there) == []
    folder = private_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secret = holding(TOKEN, folder)
    assert secret, "the file that ssh reads"
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


# Modes.


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_no_file_of_guilds_is_everybodys_to_change(
    guild: Guild, sshd: Server, tmp_path: Path, umask: int
) -> None:
    there = tmp_path / "shared"
    there.mkdir()
    there.chmod(0o2775)
    guild.configure(gpu=sshd.keys(there))
    before = os.umask(umask)
    try:
        guild.ok("run", "op", "sleep=0", "-y", "-l", "x")
        place = Place(guild, there, "gpu")
        run_id = place.started("sleep=0")
        place.wait_for_end(run_id)
        guild.ok("pull", "gpu", "-y", "--exclude", "*.pyc")
        guild.ok("guild-sync")
        guild.ok("rm", run_id, "-y")
        guild.ok("remote", "start", "sandbox")
        guild.ok("remote", "stop", "sandbox", "-y")
    finally:
        os.umask(before)
    found = [*guild.home.rglob("*"), *there.rglob("*")]
    loose = [path for path in found if not path.is_symlink() and path.stat().st_mode & 0o002]
    assert loose == []
    keys = [path for path in found if path.name in ("host_key", "login_key")]
    assert keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
