"""guild plot: curves of runs here and on remotes, in a pipe, on a terminal and as pictures."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest
from support import Guild, Place, Server, imported_by, project, wait_until
from terminal import Terminal
from test_unreachable import another_sshd, own_connections

from guild_sync.config import remotes
from guild_sync.transport import ssh

__all__ = ["own_connections"]

GUILDFILE = """
train: {main: train, flags-import: all}
other: {main: other}
wait: {main: wait}
"""
TRAIN = """
lr = 0.5
opt = "adam"
for step in range(10):
    print("loss: %f (step %d)" % (lr / (step + 1), step * 10))
    print("val_loss: %f (step %d)" % (lr, step * 10))
    print("odd: nan (step %d)" % step)
"""
WAIT = """
import time, pathlib
print("loss: 1", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
print("loss: 2", flush=True)
"""
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def trained(place: Place) -> Place:
    project(place.guild.folder, GUILDFILE, train=TRAIN, other="print('x')", wait=WAIT)
    for lr in ("0.25", "0.5"):
        place.ok("run", "train", f"lr={lr}", "-y")
    return place


def ids(place: Place) -> list[str]:
    return place.ok("select", "--all").lines


def test_the_latest_runs_that_have_it_are_drawn(trained: Place) -> None:
    trained.ok("run", "other", "-y")
    done = trained.ok("plot", "loss")
    assert done.lines[0] == "loss"
    assert "0.5┤ a" in done.out
    _, second, first = ids(trained)
    assert [line.split()[:2] for line in done.lines[-2:]] == [
        ["a", f"[{second[:8]}]"],
        ["b", f"[{first[:8]}]"],
    ]
    assert done.lines[-2].split()[3:5] == ["completed", "0.05"]
    assert all(len(line) <= 80 for line in done.lines)
    assert len(trained.ok("plot", "loss", "-n", "1").lines) == len(done.lines) - 1


def test_runs_are_named_or_filtered_as_everywhere(trained: Place) -> None:
    one = ids(trained)[1]
    for argv in (("2",), (one[:10],), ("-F", "lr = 0.25")):
        legend = trained.ok("plot", "loss", *argv).lines[-1]
        assert legend.split()[1] == f"[{one[:8]}]"


def test_several_scalars_are_several_curves(trained: Place) -> None:
    legend = trained.ok("plot", "loss,val_loss", "1").lines[-2:]
    assert [line.split()[4] for line in legend] == ["loss", "val_loss"]


def test_curves_over_time_have_its_unit(trained: Place) -> None:
    assert "seconds since the run began" in trained.ok("plot", "loss", "-x", "elapsed").out
    over_time = trained.ok("plot", "loss", "--x", "time").out
    assert re.search(r"\d\d:\d\d:\d\d[.\d]*\n +time\n", over_time)


def test_over_a_flag_each_run_is_a_point(trained: Place) -> None:
    done = trained.ok("plot", "min loss", "--x", "lr")
    assert done.lines[0] == "min loss by lr"
    assert done.lines[-1] == "2 runs"
    assert sum(line.count("a") for line in done.lines if "│" in line) == 2
    assert "adam" in trained.ok("plot", "loss", "--x", "opt").out


def test_a_name_that_no_run_has_is_a_line_with_those_that_there_are(trained: Place) -> None:
    for argv, what, hint in (
        (("los",), "no run has a scalar 'los'", "Did you mean 'loss'? There are loss, odd, val_"),
        (("xyz,q",), "no run has a scalar 'xyz' or 'q'", "There are loss, odd, val_loss."),
        (("loss", "--x", "lrr"), "no run has a flag 'lrr'", "Did you mean 'lr'? There are lr"),
        (("min loss",), "'min loss' is one number of a run, and no curve", "Draw the curve: guild"),
        (("odd",), "2 runs have 'odd', and no number of it can be drawn", "They are nan or inf"),
        (("loss,",), "SCALAR is a name, or several with commas between them", ""),
        (("loss", "--smooth", "0"), "--smooth takes a number from 1 on", ""),
        (("loss", "--smooth", "3", "--x", "lr"), "--smooth is for curves: with --x FLAG", ""),
    ):
        done = trained("plot", *argv)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"guild: {what}"), done
        assert hint in done.err


def test_a_run_that_is_named_and_has_it_not_is_told_of(trained: Place) -> None:
    trained.ok("run", "other", "-y")
    done = trained("plot", "loss", "1:2")
    assert done.code == 0
    assert done.err == f"guild: run {ids(trained)[0]} has no loss\n"
    assert trained("plot", "loss", "1").code == 1


def test_where_no_run_is_there_is_nothing_to_draw(place: Place) -> None:
    done = place("plot", "loss")
    assert done.code == 1
    assert done.err.startswith("guild: there is no run to be drawn")


def test_pictures_are_files(trained: Place, tmp_path: Path) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    done = trained.ok("plot", "loss", "--png", str(png), "--svg", str(svg), "--log")
    assert done.lines == [f"Wrote {png}", f"Wrote {svg}"]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    failed = trained("plot", "loss", "--png", "/nowhere/a.png")
    assert failed.code == 1
    assert failed.err.splitlines()[0] == (
        "guild: cannot write '/nowhere/a.png': No such file or directory"
    )


def test_a_picture_goes_into_a_pipe(trained: Place, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    trained.ok("plot", "loss", "--svg", str(path))
    for name in ("-", "/dev/stdout"):
        assert trained.ok("plot", "loss", "--svg", name).out == path.read_text()


def test_a_label_is_no_more_than_text(trained: Place, tmp_path: Path) -> None:
    trained.ok("label", "1", "-s", "$\\frac{_\x1b[31m<b>", "-y")
    assert "$\\frac{_?[31m<b>" in trained.ok("plot", "loss").out
    trained.ok("plot", "loss", "--svg", str(tmp_path / "a.svg"))
    assert "\x1b" not in (tmp_path / "a.svg").read_text()


def test_runs_of_several_remotes_are_in_one_plot(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    project(guild.folder, GUILDFILE, train=TRAIN)
    remotes = {name: sshd.keys(tmp_path / name) for name in ("gpu1", "gpu2")}
    guild.configure(**remotes, gone={"type": "ssh", "host": "127.0.0.1", "port": 1})
    for name in remotes:
        guild.ok("run", "train", "-r", name, "-y")
    done = guild.ok("plot", "loss", "-r", "gpu1,gpu2")
    assert [line.split()[1][:6] for line in done.lines[-2:]] == ["[gpu2:", "[gpu1:"]
    partly = guild("plot", "loss", "-r", "gpu1,gone")
    assert partly.code == 3
    assert partly.lines[-1].split()[1].startswith("[gpu1:")
    assert "gone" in partly.err


def test_a_plot_on_a_terminal_fits_and_is_coloured(trained: Place) -> None:
    with Terminal(trained.guild.argv("plot", "loss", *trained.args), trained.guild.env,
                  trained.guild.folder, 60) as terminal:  # fmt: skip
        assert terminal.end() == 0
        shown = terminal.shown
    assert "\x1b[38;5;" in shown
    lines = STYLE.sub("", shown).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) == 60
    assert lines[-1].startswith("━  [")


def test_on_a_terminal_the_legend_says_what_tells_the_curves_apart(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, train=TRAIN)
    for lr in ("0.1", "0.2"):
        guild.ok("run", "train", f"lr={lr}", "-y")
    with Terminal(guild.argv("plot", "loss"), guild.env, guild.folder) as terminal:
        assert terminal.end() == 0
        shown = STYLE.sub("", terminal.shown)
    ends = [line.split()[-1] for line in shown.splitlines()[-2:]]
    assert ends == ["lr=0.2", "lr=0.1"]


def test_it_is_drawn_anew_until_the_run_has_ended(trained: Place) -> None:
    run_id = trained.started(op="wait")
    trained.wait_for_output(run_id, "loss: 1")
    argv = trained.guild.argv("plot", "loss", run_id, "-w", "--interval", "1", *trained.args)
    with Terminal(argv, trained.guild.env, trained.guild.folder) as terminal:
        wait_until(lambda: "running" in terminal.shown, "the plot of a running run")
        (trained.run_dir(run_id) / "go").touch()
        assert terminal.end() == 0
        shown = terminal.shown
    last = shown.rpartition("\x1b[?1049l")[2]  # behind the screen that it was drawn on
    assert "completed" in last
    assert "2.0┤" in last


def test_a_terminal_that_cannot_draw_over_gets_no_escape(trained: Place) -> None:
    run_id = trained.started(op="wait")
    trained.wait_for_output(run_id, "loss: 1")
    argv = trained.guild.argv("plot", "loss", run_id, "-w", "--interval", "1", *trained.args)
    env = {**trained.guild.env, "TERM": "dumb"}
    with Terminal(argv, env, trained.guild.folder) as terminal:
        wait_until(lambda: "running" in terminal.shown, "the plot of a running run")
        (trained.run_dir(run_id) / "go").touch()
        assert terminal.end() == 0
        assert "\x1b" not in terminal.shown


def test_no_other_command_loads_what_draws(guild: Guild) -> None:
    loaded = {name.split(".")[0] for name in imported_by(guild, "runs")}
    assert not loaded & {"plotext", "matplotlib", "numpy", "tensorboard"}


@pytest.mark.usefixtures("own_connections")
def test_a_remote_that_is_gone_meanwhile_leaves_what_was_known_and_why(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    project(guild.folder, GUILDFILE, wait=WAIT)
    with another_sshd(sshd, tmp_path / "server") as server:
        guild.configure(far=server.keys(there))
        run_id = guild.started(op="wait", remote="far")
        wait_until(lambda: guild("plot", "loss", run_id, "-r", "far").code == 0, "its number")
        watching = guild.popen("plot", "loss", run_id, "-w", "--interval", "1", "-r", "far")
        assert watching.stdout is not None
        lines = iter(watching.stdout.readline, b"")
        assert any(b"running" in line for line in lines)
    ssh.disconnect(remotes.remote("far"))
    found = [*takewhile(lambda line: b"cannot reach remote 'far'" not in line, lines)]
    assert any(b"running" in line for line in found), "what was known is shown with it"
    assert watching.poll() is None
    watching.kill()
    watching.communicate()
    (there / "runs" / run_id / "go").touch()
