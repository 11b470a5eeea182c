"""What runs print by name is kept with them, and comes home with each sync."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support import Guild, Place, project, wait_until
from test_unreachable import small_disk

from guild_sync.agent.scalars import kept

# It prints a step whenever a file of that number is there.
TRAIN = """
import os, time
from pathlib import Path
for step in range(3):
    while not Path(os.environ["GATES"], str(step)).exists():
        time.sleep(0.01)
    print(f"loss: {4 / (step + 1)} (step {step})", flush=True)
    print(f"epoch {step} acc {step / 4}", flush=True)
"""


@pytest.fixture
def gates(guild: Guild, tmp_path: Path) -> Path:
    (tmp_path / "gates").mkdir()
    keys = f"env: {{GATES: '{tmp_path / 'gates'}'}}"
    own = r"output-scalars: {step: 'epoch (\step)', acc: 'acc (\value)'}"
    attributes = r"output-attrs: {best: 'acc (\value)'}"
    project(
        guild.folder,
        f"train: {{main: train, {keys}}}\n"
        f"mine: {{main: train, {keys}, {own}, {attributes}}}\n"
        f"fails: {{main: train, {keys}, retry: 1, output-scalars: [json]}}\n"
        f"none: {{main: train, {keys}, output-scalars: no}}\n",
        train=TRAIN,
    )
    return tmp_path / "gates"


def scalars(run: Path) -> dict[str, Any]:
    """A few figures of what is kept in a run's own files."""
    own = kept.own(str(run))
    found = own.scalars if own else {}
    return {n: (each["count"], each["step"], each["last"]) for n, each in found.items()}


def only_run(guild: Guild) -> Path:
    (run,) = (guild.home / "runs").glob("?" * 32)
    return run


def test_they_are_kept_while_it_runs_and_come_home_with_each_sync(
    guild: Guild, there: Path, remote: str, gates: Path
) -> None:
    run_id = guild.started(op="train", remote=remote)
    here, its = guild.home / "runs" / run_id, Place(guild, there, remote).run_dir(run_id)
    (gates / "0").touch()
    wait_until(lambda: scalars(its) == {"loss": (1, 0, 4.0)}, "the first scalar there")
    guild.ok("sync")
    assert scalars(here) == {"loss": (1, 0, 4.0)}
    (gates / "1").touch()
    (gates / "2").touch()
    Place(guild, there, remote).wait_for_end(run_id)
    guild.ok("sync")
    assert scalars(here) == scalars(its) == {"loss": (3, 2, 4 / 3)}
    points = kept.points(str(here))["loss"]
    assert (points["step"], points["value"]) == ([0, 1, 2], [4.0, 2.0, 4 / 3])
    assert "none differs" in guild.ok("verify", run_id).out
    assert not list((guild.home / "cache").glob("scalars-*"))


def test_patterns_of_guild_yml_say_what_is_read(place: Place, guild: Guild, gates: Path) -> None:
    for step in range(3):
        (gates / str(step)).touch()
    found = {}
    for op in ("mine", "none"):
        run_id = place.started(op=op)
        place.wait_for_end(run_id)
        found[op] = scalars(place.run_dir(run_id))
        if op == "mine":
            assert place.attr(run_id, "best") == 0.5
    assert found == {"mine": {"acc": (3, 2, 0.5)}, "none": {}}


def test_of_a_run_whose_runner_was_killed_the_output_tells(
    place: Place, guild: Guild, gates: Path
) -> None:
    run_id = place.started(op="train")
    (gates / "0").touch()
    run = place.run_dir(run_id)
    wait_until(lambda: scalars(run), "the first scalar")
    os.kill(int((run / ".guild" / "LOCK").read_text()), signal.SIGSTOP)
    (gates / "1").touch()
    os.kill(int((run / ".guild" / "LOCK").read_text()), signal.SIGKILL)
    place.wait_until_dead(run_id)
    before = (run / ".guild" / "output").read_text().count("loss: ")
    listed = place.ok("runs", "--json", "--columns", "loss, count loss").out
    assert json.loads(listed)[0]["status"] == "error"
    found = kept.summaries(str(run))["loss"]
    assert found["count"] == before


def test_each_attempt_has_scalars_of_its_own(guild: Guild, tmp_path: Path) -> None:
    text = (
        "import os, sys\nfrom pathlib import Path\n"
        "again = Path('again').exists()\nPath('again').touch()\n"
        "print('{\"loss\": %d}' % (2 if again else 1))\nsys.exit(0 if again else 3)\n"
    )
    project(guild.folder, "op: {main: m, retry: 1, output-scalars: json}", m=text)
    guild.ok("run", "op", "-y")
    run = only_run(guild)
    assert scalars(run) == {"loss": (1, 0, 2.0)}
    first = json.loads((run / ".guild/attempts/1/SCALARS").read_text())
    assert (first["loss"]["count"], first["loss"]["last"]) == (1, 1.0)
    guild.ok("run", "--restart", "1", "-y")
    assert scalars(run) == {"loss": (1, 0, 2.0)}
    assert (run / ".guild/attempts/2/SCALARS").exists()


def test_a_run_that_is_moved_takes_them_along(
    guild: Guild, there: Path, remote: str, tmp_path: Path
) -> None:
    project(guild.folder, "op: {exec: 'echo \"loss: 5\"'}")
    guild.ok("run", "op", "-y")
    run = only_run(guild)
    kept_here = {n: (run / ".guild" / n).read_bytes() for n in ("SCALARS", "SCALARS.series")}
    guild.ok("export", str(tmp_path / "runs.tar"), "1", "-y")
    guild.ok("push", remote, "1", "-y")
    pushed = Place(guild, there, remote).run_dir(run.name) / ".guild"
    assert {n: (pushed / n).read_bytes() for n in kept_here} == kept_here
    guild.ok("runs", "rm", "-p", "1", "-y")
    guild.ok("import", str(tmp_path / "runs.tar"), "-y")
    assert {n: (run / ".guild" / n).read_bytes() for n in kept_here} == kept_here


def test_a_pattern_without_end_neither_hangs_nor_fails_the_run(guild: Guild) -> None:
    project(
        guild.folder,
        r"op: {main: m, output-scalars: {bad: '(a+)+b', loss: 'loss (\value)'}}",
        m=f"print('{'a' * 60}c')\nprint('loss 5')\n",
    )
    done = guild.ok("run", "op", "-y")
    assert "guild: output-scalars: '(a+)+b' takes too long" in done.out
    run = only_run(guild)
    assert scalars(run) == {"loss": (1, 0, 5.0)}


def test_a_run_of_guild_ai_has_those_that_its_own_patterns_find(
    guild: Guild, guild_ai: Any
) -> None:
    project(
        guild.folder,
        "- operations:\n    op: {main: m, output-scalars: {l: 'loss is (\\value)'}}\n",
        m="print('loss is 5')\nprint('acc: 6')\n",
    )
    guild_ai("run", "op", "-y")
    run = only_run(guild)
    assert list(kept.summaries(str(run))) == ["l"]
    assert kept.own(str(run)) is None


FILLS_THE_DISK = """
import os
print("loss: 1", flush=True)
with open("filler", "wb", 0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError:
        print("loss: 2\\n" * 1000, flush=True)
os.remove("filler")
print("loss: 3", flush=True)
"""


def test_a_full_disk_loses_what_it_loses_of_the_output_and_no_run(guild: Guild) -> None:
    project(guild.folder, "op: {main: m, pip-freeze: no}", m=FILLS_THE_DISK)
    with small_disk(guild.home, "8m"):
        guild.ok("run", "op", "-y")
        run = only_run(guild)
        output = (run / ".guild" / "output").read_text()
        assert guild.status(run.name) == "completed"
        assert kept.summaries(str(run))["loss"]["count"] == output.count("loss: ")


def test_python_says_nothing_of_its_own_about_a_pattern(guild: Guild) -> None:
    project(guild.folder, r"op: {main: m, output-scalars: {x: '[[a](\value)'}}", m="print('[5')\n")
    guild.ok("run", "op", "-y")
    assert scalars(only_run(guild)) == {"x": (1, 0, 5.0)}
