"""`guild ... | head -n1` in a shell: no message, whatever the command, and an end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from reported import trained
from support import PATIENCE, Guild, Place, wait_until

LONG = 300_000  # bytes: more than a pipe holds, and more than is read at once
MANY = 500
# As long as a name may be, rather than more of them: each takes time to read.
NAMES = [f"with-a-long-name-{'-'.join('x' * 110)}-{number}" for number in range(MANY)]


def head(guild: Guild, *argv: str, folder: Path | None = None) -> tuple[int, str, str]:
    """The status of `guild ARGV | head -n1` under pipefail, its output and its stderr."""
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -n1', "bash", *guild.argv(*argv)],
        cwd=folder or guild.folder,
        env=guild.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        *(
            ("--help",),
            ("help", "run"),
            ("run", "--help"),
            ("help", "--man"),
            ("completion", "zsh"),
        ),
        *(("operations",), ("operations", "-v"), ("operations", "--json"), ("remotes",)),
        ("run", "noisy", "-y"),
        ("run", "noisy", "--print-cmd"),
    ],
    ids=" ".join,
)
def test_nobody_who_reads_on_is_no_error(guild: Guild, argv: tuple[str, ...]) -> None:
    project(guild)
    guild.configure(**{name: {"type": "sandbox"} for name in NAMES})
    status, out, err = head(guild, *argv)
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 1


def project(guild: Guild) -> None:
    """Many operations; one of them prints a lot, and writes many files."""
    many = "\n".join(f"op-{name}: {{exec: 'true', flags: {{x: 1}}}}" for name in NAMES)
    (guild.folder / "guild.yml").write_text(f"noisy: {{main: noisy}}\n{many}\n")
    (guild.folder / "noisy.py").write_text(
        "import pathlib\n"
        f"print('a line of the output\\n' * {LONG // 20})\n"
        f"for name in {NAMES}:\n"
        "    pathlib.Path(f'file-{name}').touch()\n"
        f"pathlib.Path('big').write_text('a line of a file\\n' * {LONG // 16})\n"
    )


@pytest.fixture
def ended(place: Place) -> Place:
    """Two runs with much of everything, here or on a remote, that have ended."""
    project(place.guild)
    for comment in ("first", "second"):
        run = place.started("-c", comment, op="noisy")
        place.wait_for_end(run)
        place.wait_until_dead(run)
    for directory in (place.home / "runs").glob("[0-9a-f]*"):
        (directory / ".guild" / "attrs" / "label").write_text("x" * LONG)
    return place


def test_nobody_who_reads_on_of_what_a_run_has_is_no_error(ended: Place) -> None:
    for argv in (
        ["runs"], ["runs", "-v"], ["runs", "--json"], ["info"], ["info", "--json"], ["ls"],
        ["ls", "-f"], ["cat", "-O"], ["cat", "-p", "big"], ["watch", "1"],
        ["select", "--attr", "label"], ["diff", "2", "1"], ["diff", "-a"],
        ["comment", "-l", "1"], ["tag", "-l"],
    ):  # fmt: skip
        status, out, err = head(ended.guild, *argv, *ended.args)
        assert (argv, status, err) == (argv, 0, "")
        assert len(out.splitlines()) <= 1


def test_a_watch_that_nobody_reads_ends_and_leaves_its_run_running(place: Place) -> None:
    (place.guild.folder / "guild.yml").write_text("ticks: {main: ticks}\n")
    (place.guild.folder / "ticks.py").write_text(
        "import time\nwhile True:\n    print('tick', flush=True)\n    time.sleep(0.05)\n"
    )
    run = place.started(op="ticks")
    place.wait_for_output(run, "tick")
    assert head(place.guild, "watch", run, *place.args) == (0, "tick\n", "")
    assert place.status(run) == "running"
    place.ok("stop", run, "-y")
    wait_until(lambda: place.status(run) == "terminated")


@pytest.mark.parametrize(
    "argv",
    [
        ("compare",),
        ("compare", "-w", "--interval", "1"),
        ("compare", "--csv", "-"),
        ("plot", "loss"),
        ("plot", "loss", "-w", "--interval", "1"),
        ("plot", "loss", "--svg", "-"),
        ("fleet",),
    ],
    ids=" ".join,
)
def test_nobody_who_reads_what_shows_runs_is_no_error(guild: Guild, argv: tuple[str, ...]) -> None:
    trained(guild.home, "a" * 32, 1, {"loss": [0.5, 0.25]})
    going = trained(guild.home, "b" * 32, 2, {"loss": [0.5, 0.125]})
    (going / ".guild/attrs/exit_status").unlink()
    (going / ".guild/LOCK.remote").write_text("gone")
    guild.configure(gone={"type": "ssh", "host": "127.0.0.1", "port": 1})
    status, out, err = head(guild, *argv)
    # A board may be written whole before its reader goes; then it tells that a remote is away.
    assert status in ((0, 3) if argv == ("fleet",) else (0,))
    assert err == ""
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("is_down", [False, True])
def test_a_sync_again_and_again_that_nobody_reads_ends(guild: Guild, is_down: bool) -> None:
    if is_down:
        going = trained(guild.home, "b" * 32, 2, {"loss": [0.5]})
        (going / ".guild/attrs/exit_status").unlink()
        (going / ".guild/LOCK.remote").write_text("gone")
        guild.configure(gone={"type": "ssh", "host": "127.0.0.1", "port": 1})
    status, out, err = head(guild, "sync", "--watch")
    assert (status, out) == (0, "Syncing every 60 s. Press Ctrl-C to end this; it ends no run.\n")
    assert ("cannot reach remote 'gone'" in err) == is_down
