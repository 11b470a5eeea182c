"""What an operation requires: files of the project and of other runs, here and on a remote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import Guild, Place, project, wait_until

GUILDFILE = """
prepare:
  exec: sh -c "mkdir sub; echo model ${n} > model.bin; echo s > sub/s.txt"
  flags: {n: 1}
train:
  exec: sh -c "cat model.bin in/data.csv"
  flags: {lr: 0.1}
  requires:
    - operation: prepare
    - {file: data.csv, target-path: in}
part:
  exec: ls
  requires:
    - operation: prepare
      name: from
      select: 'sub/.*'
      rename: 's(.*) got\\1'
      target-type: link
    - {file: data, select: '.*[.]csv'}
nothing:
  exec: ls
  requires: {operation: prepare, select: nosuch}
nothing-fails:
  exec: ls
  requires: {operation: prepare, select: nosuch, fail-if-empty: yes}
absolute:
  exec: cat there.txt
  requires: {file: %s}
"""


@pytest.fixture
def place(place: Place) -> Place:
    project(place.guild.folder, GUILDFILE % (place.home.parent / "there.txt"))
    (place.guild.folder / "data.csv").write_text("1,2\n")
    (place.guild.folder / "data").mkdir()
    for name in ("a.csv", "b.txt"):
        (place.guild.folder / "data" / name).write_text("x\n")
    return place


def ran(place: Place, op: str, *flags: str) -> str:
    """Run an operation to its end; its run's id."""
    place.ok("run", op, *flags, "-y")
    return place.ok("select", "-Fo", op).out.strip()


def test_a_run_takes_the_files_of_the_latest_completed_run(place: Place) -> None:
    ran(place, "prepare", "n=1")
    latest = ran(place, "prepare", "n=2")
    run = ran(place, "train")
    assert place.output(run) == "model 2\n1,2\n"
    assert not (place.run_dir(run) / "model.bin").is_symlink()  # it may change what it has
    assert place.attr(run, "env")["FLAG_OPERATION_PREPARE"] == latest
    assert place.attr(run, "flags")["operation:prepare"] == latest
    assert not (place.run_dir(run) / "in/data.csv").is_symlink()


def test_a_flag_says_which_run_is_taken(place: Place) -> None:
    first = ran(place, "prepare", "n=1")
    ran(place, "prepare", "n=2")
    run = ran(place, "train", f"prepare={first[:8]}")
    assert place.output(run) == "model 1\n1,2\n"
    # Started again with another run, it has the files of that.
    other = place.ok("select", "-Fo", "prepare").out.strip()
    place.ok("run", "--restart", run, f"prepare={other}", "-y")
    assert place.output(run) == "model 2\n1,2\n"


def test_the_preview_shows_which_run_would_be_taken(place: Place) -> None:
    prepared = ran(place, "prepare")
    shown = place("run", "train", stdin="n\n")
    assert f"It takes what it requires{place.on} from:" in shown.out
    assert f"[{prepared[:8]}]" in shown.out
    assert shown.code == 0


def assert_refused(place: Place, op: str, why: str) -> None:
    """The operation does not run, which is said, and no run is left of it."""
    done = place("run", op, "-y")
    assert done.code == 1
    assert why in done.err
    assert place.ok("runs", "-Fo", op).out == ""


def test_what_is_missing_is_one_line_that_says_what_would_do(place: Place) -> None:
    done = place("run", "train", "-y")
    where = f" -r {place.remote}" if place.remote else ""
    assert done.code == 1
    assert done.err.splitlines() == [
        f"guild: train cannot run{place.on}: it requires a completed run of 'prepare', "
        "and there is none",
        f"Run it first: guild run prepare{where}",
        "Or name a run that has ended: prepare=RUN",
    ]
    (place.guild.folder / "data.csv").unlink()
    ran(place, "prepare")
    assert_refused(place, "train", "the operation requires data.csv, which is not in")


def test_files_are_selected_and_renamed(place: Place) -> None:
    made = ran(place, "prepare")
    run = ran(place, "part")
    assert os.readlink(place.run_dir(run) / "got.txt") == f"../{made}/sub/s.txt"
    names = set(place.output(run).split())
    assert {"got.txt", "a.csv"} <= names
    assert "model.bin" not in names and "b.txt" not in names
    listed = place.ok("ls", "-d", "-n", run).lines
    assert listed == ["a.csv", "got.txt"]
    told = place.ok("info", "--deps", run).out
    assert "/sub/s.txt" in told and "uri: operation:prepare" in told


def test_a_selection_that_nothing_meets_is_said(place: Place) -> None:
    ran(place, "prepare")
    why = "it requires files of prepare matching nosuch, and there are none"
    run = ran(place, "nothing")
    assert place.output(run).splitlines()[0] == f"guild: {why}"
    assert_refused(place, "nothing-fails", why)


def test_an_absolute_path_is_a_link_to_what_the_host_has(place: Place) -> None:
    assert place("run", "absolute", "-y").code == 1
    (place.home.parent / "there.txt").write_text("hello\n")
    run = ran(place, "absolute")
    assert place.output(run) == "hello\n"
    assert (place.run_dir(run) / "there.txt").is_symlink()


def test_a_staged_run_waits_in_the_queue_for_what_it_requires(place: Place) -> None:
    train = place.staged(op="train")
    place.staged("n=7", op="prepare")
    place("run", "queue", "run-once=yes", "-y")
    wait_until(lambda: place.attr(train, "exit_status") is not None, "the run's end")
    assert place.output(train) == "model 7\n1,2\n"


def test_a_run_like_another_has_its_files_without_the_project(place: Place) -> None:
    ran(place, "prepare")
    run = ran(place, "train")
    (place.guild.folder / "data.csv").unlink()
    place.ok("run", "--proto", run, "-y")
    again = place.ok("select", "-Fo", "train").out.strip()
    assert again != run
    assert place.output(again) == "model 1\n1,2\n"


def test_a_manifest_that_leads_out_of_the_run_is_not_followed(place: Place) -> None:
    ran(place, "prepare")
    run = ran(place, "train")
    secret = place.home.parent / "secret.txt"
    secret.write_text("secret\n")
    manifest = place.run_dir(run) / ".guild/manifest"
    lines = (
        "d ../../../secret.txt - file:x",
        f"d {secret} - file:x",
        "d 'x - file:x",
        "d . - file:x",
    )
    manifest.write_text(manifest.read_text() + "\n".join(lines) + "\n")
    place.ok("run", "--proto", run, "-y")
    again = place.ok("select", "-Fo", "train").out.strip()
    assert place.output(again) == "model 1\n1,2\n"
    assert "secret" not in (place.run_dir(again) / ".guild/manifest").read_text()
    place.ok("run", "--restart", run, "--force-sourcecode", "-y")
    assert secret.read_text() == "secret\n"
    assert place.output(run) == "model 1\n1,2\n"


def test_a_pulled_run_can_be_required_here(guild: Guild, remote: str) -> None:
    project(guild.folder, GUILDFILE % "/nonexistent")
    (guild.folder / "data.csv").write_text("1\n")
    guild.ok("run", "prepare", "n=5", "-r", remote, "-y")
    guild.ok("pull", remote, "-y")
    assert "model 5" in guild.ok("run", "train", "-y").out


def test_python_caches_nothing_in_a_run_that_is_linked_into_another(place: Place) -> None:
    """What one run made is imported by the next through a link."""
    place.guild.env.pop("PYTHONDONTWRITEBYTECODE", None)  # as whoever runs the tests may have it
    project(
        place.guild.folder,
        "makes: {main: makes}\n"
        "uses: {main: uses, requires: [{operation: makes, target-type: link}]}\n",
        makes="import os\nos.mkdir('pkg')\nopen('pkg/made.py', 'w').write('x = 1')\n",
        uses="import sys\nsys.path.insert(0, 'pkg')\nimport made\nprint(made.x)\n",
    )
    place.ok("run", "makes", "-y")
    place.ok("run", "uses", "-y")
    runs = place.home / "runs"
    assert not list(runs.glob("*/pkg/__pycache__"))
    assert not list(runs.glob("*/__pycache__"))


def test_what_python_has_cached_is_no_output_and_is_not_copied(
    guild: Guild, remote: str, there: Path
) -> None:
    project(guild.folder, "op: {exec: sh script}")
    (guild.folder / "script").write_text("mkdir __pycache__; touch __pycache__/a.pyc result\n")
    guild.ok("run", "op", "-r", remote, "-y")
    assert "__pycache__" not in guild.ok("ls", "-r", remote, "--generated").out
    guild.ok("pull", remote, "-y")
    (run,) = (guild.home / "runs").glob("[0-9a-f]*")
    assert (run / "result").exists()
    assert not (run / "__pycache__").exists()
