"""guild-sync, as cron calls it: silent, patient, and at home in a bare environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support import BIN, Done, Guild, Server, project, wait_until
from test_fleet import bind, pulled, slow_remotes
from test_interrupted import copying

from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError
from guild_sync.sync import schedules
from guild_sync.transport import ssh


def log_of(guild: Guild) -> str:
    path = guild.home / "log" / "sync.log"
    return path.read_text() if path.exists() else ""


# It says something where something is to be said.


def test_it_is_silent_until_something_changes(guild: Guild, remote: str) -> None:
    assert guild.ok("guild-sync").out == "", "there is nothing to sync"
    assert not (guild.home / "log").exists()
    goes_on = guild.started("sleep=600", remote=remote)
    ended = pulled(guild, remote)
    guild.ok("pull", remote, goes_on, "-y")
    bind(guild, ended, remote)
    done = guild.ok("guild-sync")
    assert done.lines == [f"{ended} on {remote}: running -> completed"]
    assert guild.ok("guild-sync").out == "", "the other one goes on"
    log = log_of(guild)
    assert f"{ended} on {remote}: running -> completed" in log
    assert f"{remote}: synced, 1 changed" in log
    assert log.count(f"Resolving run on {remote}") == 1


def test_what_fails_is_said_and_logged(guild: Guild, sshd: Server, there: Path) -> None:
    guild.configure(gpu=sshd.keys(there))
    bind(guild, pulled(guild, "gpu"), "gpu")
    guild.configure(gpu={**sshd.keys(there), "port": 1})
    done = guild("guild-sync")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("guild: cannot reach remote 'gpu'")
    assert "cannot reach remote 'gpu'" in log_of(guild)
    assert "gpu: unreachable" in log_of(guild)


def test_the_log_goes_where_it_is_wanted(guild: Guild, remote: str, tmp_path: Path) -> None:
    bind(guild, pulled(guild, remote), remote)
    guild.ok("sync", "--log", str(tmp_path / "my.log"))
    assert "running -> completed" in (tmp_path / "my.log").read_text()
    assert log_of(guild) == ""


def test_a_log_that_cannot_be_written_keeps_no_run_from_its_end(guild: Guild, remote: str) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    done = guild("sync", "--cron", "--log", "/dev/null/x")
    assert done.code == 0
    assert done.err.startswith("guild: cannot write the log /dev/null/x: ")
    assert guild.status(run_id) == "completed"


SYSLOG = """
import os, socket, subprocess, sys
for name, number in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
    os.mknod("/dev/" + name, 0o20666, os.makedev(1, number))
    os.chmod("/dev/" + name, 0o666)
os.symlink("/proc/self/fd", "/dev/fd")
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind("/dev/log")
heard.settimeout(30)
done = subprocess.run(sys.argv[1:])
subprocess.run(["logger", "the end"])
while (line := heard.recv(65536)) and b"the end" not in line:
    sys.stdout.buffer.write(line.replace(b"\\0", b"") + b"\\n")
sys.exit(done.returncode)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give itself another /dev/log")
def test_the_system_log_gets_the_lines_with_their_priorities(guild: Guild, remote: str) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    inner = [sys.executable, "-c", SYSLOG, *guild.argv("guild-sync", "--syslog")]
    # Private by itself: in a chroot, unshare cannot have all that is below its root be so.
    script = 'mount --make-rprivate /dev && mount -t tmpfs none /dev && exec "$@"'
    argv = ["unshare", "-m", "--propagation", "unchanged", "sh", "-c", script, "sh", *inner]
    done = subprocess.run(argv, env=guild.env, cwd=guild.folder, capture_output=True, timeout=120)
    if b"unshare failed" in done.stderr or b"permission denied" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.decode()}")
    assert done.returncode == 0, done
    lines = done.stdout.decode().splitlines()
    changed = f"{run_id} on {remote}: running -> completed"
    told = [line for line in lines if "guild-sync[" in line]
    assert any(line.startswith("<13>") and changed in line for line in told)
    assert any(line.startswith("<14>") and f"Resolving run on {remote}" in line for line in told)


# It is patient.


def entry(guild: Guild) -> dict[str, Any]:
    (path,) = (guild.home / "remotes").iterdir()
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_remote_that_failed_is_left_alone_for_a_while_but_not_by_hand(
    guild: Guild, sshd: Server, there: Path
) -> None:
    guild.configure(gpu=sshd.keys(there))
    run_id = pulled(guild, "gpu")
    bind(guild, run_id, "gpu")
    guild.configure(gpu={**sshd.keys(there), "port": 1})
    assert guild("guild-sync").code == 3
    assert guild.ok("guild-sync").out == ""
    assert entry(guild)["failures"] == 1, "it was not tried"
    said = guild.ok("guild-sync", "-v").out
    assert said.startswith("remote 'gpu' is left alone until ")
    assert "cannot reach remote 'gpu'" in said
    assert guild("sync").code == 3
    assert entry(guild)["failures"] == 2, "by hand it is tried"
    guild.configure(gpu=sshd.keys(there))
    assert guild.ok("guild-sync").out == ""
    assert guild.status(run_id) == "running (gpu)"
    guild.ok("sync")
    assert (entry(guild)["failures"], entry(guild)["next_try"]) == (0, None)
    bind(guild, run_id, "gpu")
    assert guild.ok("guild-sync").lines == [f"{run_id} on gpu: running -> completed"]


def test_a_remote_that_another_works_with_is_passed_over(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    slow_remotes(guild, sshd, tmp_path)
    first = copying(guild, "sync")
    assert guild.ok("guild-sync").out == ""
    said = guild.ok("guild-sync", "-v").lines
    for name in ("one", "two"):
        holder = (
            f"another guild works with remote '{name}' (guild sync, process {first.pid}, since "
        )
        assert any(line.startswith(holder) for line in said), said
    assert first.wait(60) == 0


def test_the_worst_exit_status_wins(guild: Guild, sshd: Server, there: Path) -> None:
    keys = sshd.keys(there)
    guild.configure(good=keys, partial=keys, down=keys)
    for name in ("good", "partial", "down"):
        run_id = pulled(guild, "good")
        bind(guild, run_id, name)
        if name == "partial":  # rsync can make no file where there is a folder with something in it
            (there / "runs" / run_id / "x").touch()
            (guild.home / "runs" / run_id / "x" / "y").mkdir(parents=True)
    guild.configure(good=keys, partial=keys, down={**keys, "port": 1})
    assert guild("guild-sync").code == 4


# It is at home in a bare environment.

BARE = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "root"}


def by_cron(guild: Guild, line: str, tmp_path: Path) -> Done:
    """What a crontab's line does, as cron calls it."""
    command = line.split(None, 5)[5].replace("\\%", "%")
    home = tmp_path / "cron home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**BARE, "HOME": str(home)},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_the_line_for_a_crontab_syncs(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    nasty = tmp_path / "a b%c'd\"$(touch canary);é"
    nasty.mkdir()
    guild.env["GUILD_HOME"] = str(nasty / "home")
    guild.env["GUILD_CONFIG"] = str(nasty / "config.yml")
    guild.configure(gpu=sshd.keys(there))
    run_id = pulled(guild, "gpu")
    bind(guild, run_id, "gpu")
    (line,) = guild.ok("sync", "--crontab").lines
    assert line.split()[0] in {f"{first}-59/5" for first in range(5)}
    assert line.split()[1:5] == ["*"] * 4
    done = by_cron(guild, line, tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [f"{run_id} on gpu: running -> completed"]
    assert list(tmp_path.rglob("canary")) == []


def test_a_line_break_in_a_path_is_refused(guild: Guild, tmp_path: Path) -> None:
    guild.env["GUILD_CONFIG"] = str(tmp_path / "a\nb")
    done = guild("sync", "--crontab")
    assert done.code == 1
    assert done.err.startswith("guild: a line break in a path cannot stand in a crontab")


@pytest.mark.parametrize("umask", ["077", "000"])
@pytest.mark.parametrize("cwd", ["/", "gone"])
def test_nothing_of_a_users_environment_is_needed(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path, umask: str, cwd: str
) -> None:
    project(guild.folder, "op: {main: op}", op="print('ü')")
    guild.configure(größe=sshd.keys(there))
    run_id = guild.started(remote="größe")
    wait_until(lambda: guild("pull", "größe", run_id, "-y").code == 0)
    guild.ok("label", run_id, "-s", "größer ☃", "-y", "-r", "größe")
    bind(guild, run_id, "größe")
    ssh.disconnect(Remote("größe", "ssh", host="127.0.0.1"))
    folder = tmp_path / "gone"
    folder.mkdir()
    place = "/" if cwd == "/" else folder
    script = f"umask {umask}; cd {place}; rmdir {folder}; exec {BIN}/guild-sync"
    kept = {name: guild.env[name] for name in ("GUILD_HOME", "GUILD_CONFIG", "HOME")}
    argv = [
        "env",
        "-i",
        *(f"{k}={v}" for k, v in {**BARE, **kept}.items()),
        "/bin/sh",
        "-c",
        script,
    ]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{run_id} on größe: running -> completed\n"
    loose = [path for path in guild.home.rglob("*") if path.lstat().st_mode & 0o002]
    assert [path for path in loose if not path.is_symlink()] == []


# systemd calls it as well.


@pytest.fixture
def units(guild: Guild, tmp_path: Path) -> Path:
    """Where the user's own systemd looks for units."""
    guild.env["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    return tmp_path / "config/systemd/user"


NASTY = ("plain", "a b%c'd\"$(touch canary);$HOME\\é")


@pytest.mark.parametrize("name", NASTY)
def test_the_units_call_this_guild_with_its_home(
    guild: Guild, units: Path, tmp_path: Path, name: str
) -> None:
    guild.env["GUILD_HOME"] = str(tmp_path / name)
    done = guild.ok("sync", "--systemd")
    paths = sorted(units.iterdir())
    assert [path.name for path in paths] == ["guild-sync.service", "guild-sync.timer"]
    assert done.lines[:2] == [f"Wrote {path}" for path in paths]
    service = paths[0].read_text()
    assert f"ExecStart={BIN}/guild-sync --deadline 3600\n" in service
    assert f"GUILD_CONFIG={guild.env['GUILD_CONFIG']}" in service
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    verified = subprocess.run(
        [program, "--user", "--man=no", "verify", *map(str, paths)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert "guild-sync" not in verified.stderr, verified.stderr


def test_a_unit_has_the_words_as_systemd_reads_them() -> None:
    text = schedules.units(("/a b/100%", "$x", 'q"\\'), {"HOME": "ü $x"})["guild-sync.service"]
    assert r"""ExecStart="/a b/100%%" "$$x" "q\"\\" --deadline""" in text
    assert 'Environment="HOME=ü $x"' in text


@pytest.mark.parametrize("name", ["o'hara", 'a"b', "a\\b", "a\tb", "a\rb", "caf\udce9"])
def test_a_program_that_systemd_would_not_call_gets_no_unit(name: str) -> None:
    with pytest.raises(GuildError, match="systemd"):
        schedules.units((f"/opt/{name}/guild-sync",), {})


@pytest.mark.parametrize("name", ["a\rb", "caf\udce9"])
def test_a_unit_that_systemd_would_not_read_is_none(name: str) -> None:
    with pytest.raises(GuildError, match="cannot stand in a unit of systemd"):
        schedules.units(("/opt/guild-sync",), {"GUILD_HOME": f"/{name}"})


def test_units_that_are_links_are_written_where_these_lead(guild: Guild, units: Path) -> None:
    units.mkdir(parents=True)
    own = units.parent / "dotfiles"
    (units / "guild-sync.timer").symlink_to(own)
    guild.ok("sync", "--systemd")
    assert (units / "guild-sync.timer").is_symlink() and "[Timer]" in own.read_text()
    assert {path.suffix for path in units.iterdir()} == {".service", ".timer"}


def test_units_are_written_anew_but_for_those_of_somebody_else(guild: Guild, units: Path) -> None:
    guild.ok("sync", "--systemd")
    service = units / "guild-sync.service"
    service.write_text(service.read_text() + "Nice=19\n")
    guild.ok("sync", "--systemd")
    assert "Nice=19" not in service.read_text()
    service.write_text("[Service]\nExecStart=/bin/true\n")
    done = guild("sync", "--systemd")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"guild: {service} is there, and is not of 'guild sync --systemd'")
    assert service.read_text() == "[Service]\nExecStart=/bin/true\n"


def test_a_unit_takes_no_line_break(guild: Guild, units: Path, tmp_path: Path) -> None:
    guild.env["GUILD_CONFIG"] = str(tmp_path / "a\nb")
    done = guild("sync", "--systemd")
    assert done.code == 1
    assert done.err.startswith("guild: a line break in a path cannot stand in a unit of systemd")
    assert not units.exists()


@pytest.mark.parametrize("how", ["--crontab", "--systemd"])
def test_a_guild_that_is_one_file_is_called_by_its_python(
    units: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    zipapp = tmp_path / "guild"
    zipfile.ZipFile(zipapp, "w").close()
    monkeypatch.setattr(sys, "argv", [str(zipapp)])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(units.parents[1]))
    called = f"{sys.executable} {zipapp} sync --cron"
    if how == "--crontab":
        assert schedules.line().endswith(called)
    else:
        schedules.write_units()
        assert f"ExecStart={called} --deadline 3600\n" in (units / "guild-sync.service").read_text()
