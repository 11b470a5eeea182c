"""TensorBoard's event files: runs' own are read, and runs are written as such."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from guild_ai import GuildAi
from support import BIN, Guild, project, wait_until

pytest.importorskip("tensorboard")

from tensorboard.compat.proto.event_pb2 import Event

from guild_sync.eventfiles import framing
from guild_sync.eventfiles.reading import scalars_of

GUILDFILE = """
train:
  main: train
  flags-import: all
  output-scalars:
    step: 'step: (\\step)'
    loss: 'loss: (\\value)'
    val/acc: 'acc: (\\value)'
"""
TRAIN = """
lr = 0.1
for step in range(5):
    print("step: %d" % (step * 10))
    print("loss: %f" % (lr / (step + 1)))
    print("acc: %f" % (step / 7))
"""
PRINTS = """
lr = 0.1
for step in range(5):
    print("loss: %f (step %d)" % (lr / (step + 1), step * 10))
"""

WAITS = """
import pathlib, time
print("loss: 3 (step 1)", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.02)
print("loss: 4 (step 2)", flush=True)
"""


def compared(guild_ai: GuildAi, *columns: str) -> list[dict[str, str]]:
    """What Guild AI's own comparison says."""
    lines = guild_ai.ok("compare", "--csv", "-", "--strict-cols", ",".join(columns))
    return [*csv.DictReader(io.StringIO("\n".join(lines)))]


def test_of_runs_of_guild_ai_there_are_its_own_numbers(guild: Guild, guild_ai: GuildAi) -> None:
    project(guild.folder, GUILDFILE, train=TRAIN)
    for lr in ("0.1", "0.3"):
        guild_ai.ok("run", "train", f"lr={lr}", "-y")
    theirs = compared(guild_ai, "loss", "min loss as least", "val/acc", "loss step as step")
    ours = json.loads(
        guild.ok("runs", "--columns", "loss,min loss,val/acc,loss step", "--json").out
    )
    for run, other in zip(ours, theirs, strict=True):
        numbers = [float(text) for text in [*other.values()][1:]]
        assert [*run["columns"].values()] == pytest.approx(numbers, rel=1e-6)  # of 32 bits there
        (path,) = (guild.home / "runs" / run["id"] / ".guild").glob("events.out.tfevents.*")
        found = scalars_of(str(path))
        assert [found[name]["value"][-1] for name in ("loss", "val/acc")] == [
            numbers[0],
            numbers[2],
        ]
    assert len(ours) == 2
    assert guild.ok("select", "--min", "loss").out.startswith(theirs[1]["run"])
    assert "val/acc" in guild.ok("plot", "loss,val/acc").out


def test_guild_ai_compares_what_was_written_into_its_runs(guild: Guild, guild_ai: GuildAi) -> None:
    project(guild.folder, "train: {main: train, flags-import: all}", train=PRINTS)
    guild.ok("run", "train", "lr=0.5", "-y")
    assert [run["loss"] for run in compared(guild_ai, "loss")] == [""]
    assert guild.ok("export", "--tensorboard", str(guild.home / "runs")).lines == [
        f"Wrote 1 run to {guild.home / 'runs'}"
    ]
    (run,) = compared(guild_ai, "loss", "first loss as first", "loss step as step")
    assert [float(run[name]) for name in ("loss", "first", "step")] == [
        pytest.approx(0.1),
        0.5,
        40,
    ]


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """The address of a TensorBoard of the tests' own that shows a folder."""
    log = folder.parent / "tensorboard.log"
    argv = [str(BIN / "tensorboard"), "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    argv += ["--reload_interval", "1"]
    with log.open("wb") as output:
        server = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        found = wait_until(
            lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), "TensorBoard"
        )
        yield found[0]
    finally:
        server.terminate()
        server.wait(30)


def answer(address: str, path: str, **asked: str) -> object:
    query = f"?{urllib.parse.urlencode(asked)}" if asked else ""
    with urllib.request.urlopen(f"{address}data/{path}{query}", timeout=30) as found:
        return json.loads(found.read())


def values(address: str, run: str) -> list[float]:
    try:
        points = answer(address, "plugin/scalars/scalars", tag="loss", run=run)
    except urllib.error.HTTPError:  # it has not found the run yet
        return []
    assert isinstance(points, list)
    return [value for _, _, value in points]


def test_tensorboard_shows_runs_their_scalars_and_their_flags(guild: Guild, tmp_path: Path) -> None:
    project(guild.folder, "train: {main: train, flags-import: all}", train=PRINTS)
    guild.ok("run", "train", "lr=[0.5,0.25]", "-y")
    folder = tmp_path / "tb"
    assert guild.ok("export", "--tensorboard", str(folder)).lines == [f"Wrote 2 runs to {folder}"]
    again = guild.ok("export", "--tensorboard", str(folder), "1").lines
    assert again == [f"Wrote 0 runs to {folder}, 1 as before"]
    latest, first = guild.ok("select", "--all").lines[:2]
    names = {f"{latest[:8]} train lr=0.25", f"{first[:8]} train lr=0.5"}
    with tensorboard(folder) as address:
        tags = wait_until(
            lambda: (found := answer(address, "plugin/scalars/tags")) and len(found) == 2 and found,  # type: ignore[arg-type]
            "the runs",
        )
        assert {run: [*scalars] for run, scalars in tags.items()} == {n: ["loss"] for n in names}
        points = answer(address, "plugin/scalars/scalars", tag="loss", run=min(names))
        assert [step for _, step, _ in points] == [0, 10, 20, 30, 40]  # type: ignore[attr-defined]
        request = urllib.request.Request(
            f"{address}data/plugin/hparams/experiment",
            data=b'{"experimentName": ""}',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as found:
            flags = json.loads(found.read())["hparamInfos"]
        assert [flag["name"] for flag in flags] == ["lr"]
        # And what has come since, without being started again.
        (guild.folder / "train.py").write_text(WAITS)
        waiting = guild.started(op="train")
        export = ("export", "--tensorboard", str(folder), waiting)
        wait_until(lambda: "Wrote 1 run" in guild.ok(*export).out, "its first number")
        run = f"{waiting[:8]} train"
        wait_until(lambda: values(address, run) == [3], "its first number there")
        (guild.home / "runs" / waiting / "go").touch()
        wait_until(lambda: guild.status(waiting) == "completed", "its end")
        assert "Wrote 1 run" in guild.ok(*export).out
        wait_until(lambda: values(address, run) == [3, 4], "both")


def test_what_became_of_each_run_is_told_as_json(guild: Guild, tmp_path: Path) -> None:
    guildfile = "train: {main: train, flags-import: all}\nquiet: {main: quiet}"
    project(guild.folder, guildfile, train=PRINTS, quiet="print('x')")
    guild.ok("run", "train", "-y")
    guild.ok("run", "quiet", "-y")
    no, train = guild.ok("select", "--all").lines
    folder = str(tmp_path / "tb")
    told = json.loads(guild.ok("export", "--tensorboard", folder, "--json", train, no).out)
    assert told == {"folder": folder, "done": [train], "unchanged": [], "without": [no]}
    assert guild.ok("export", "--tensorboard", folder).lines == [
        f"Wrote 0 runs to {folder}, 1 as before",
        "1 run without scalars: nothing to write",
    ]


def test_options_that_are_of_an_archive_are_refused(guild: Guild) -> None:
    for option in ("-m", "-r"):
        done = guild("export", "--tensorboard", "tb", option)
        assert (done.code, done.out) == (1, "")
        assert "--tensorboard excludes" in done.err


def test_a_copy_stays_the_same_as_its_run_though_its_event_file_was_written(
    guild: Guild, remote: str
) -> None:
    project(guild.folder, "train: {main: train, flags-import: all}", train=PRINTS)
    guild.ok("run", "train", "-y", "-r", remote)
    run_id = guild.ok("select").lines[0]
    metadata = guild.home / "runs" / run_id / ".guild"
    guild.ok("export", "--tensorboard", str(guild.home / "runs"))
    assert len([*metadata.glob("events.out.tfevents.*")]) == 1
    guild.ok("verify")
    guild.ok("pull", remote, run_id, "-y")
    assert len([*metadata.glob("events.out.tfevents.*")]) == 1


def test_event_files_of_a_remote_count_once_they_are_home(guild: Guild, remote: str) -> None:
    events = []
    for step in range(3):
        event = Event(step=step, wall_time=1000.0 + step)
        event.summary.value.add(tag="loss", simple_value=step / 4)
        events.append(framing.framed(event.SerializeToString()))
    writes = (
        "import os\n"
        "os.mkdir('logs')\n"
        f"open('logs/events.out.tfevents.1000.x', 'wb').write({b''.join(events)!r})\n"
    )
    project(guild.folder, "write: {main: write}", write=writes)
    guild.ok("run", "write", "-y", "-r", remote)
    assert guild("plot", "loss", "-r", remote).code == 1
    assert guild.ok("plot", "loss").lines[-1].split()[4:] == ["logs#loss", "0.5"]
    assert guild.ok("select", "--max", "logs#loss").lines == guild.ok("select").lines
    assert guild.ok("runs", "-s", "-F", "'logs#loss' > 0.4").lines[0].startswith("[1]")
