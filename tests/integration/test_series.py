"""Runs that consist of others: pipelines and batches, here and on a remote."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from guild_ai import GuildAi
from support import Place, project, wait_until, wait_until_gone

GUILDFILE = r"""
prepare:
  exec: sh -c "echo model ${n} > model.bin; echo prepared ${n}"
  flags: {n: 1}
train:
  exec: sh -c "echo ${lr}; cat model.bin"
  flags: {lr: 0.1}
  requires: {operation: prepare}
pipe:
  flags: {lr: 0.5}
  steps:
    - prepare n=5
    - {run: train, name: last, flags: {lr: '${lr}'}}
fails:
  exec: test ${x} = 0
  flags: {x: 1}
broken:
  steps: [prepare, fails, train]
grid:
  main: grid
  flags: {x: 1, y: a}
ones:
  exec: test ${x} = 1
  flags: {x: 1}
waits:
  exec: sleep ${seconds}
  flags: {seconds: 60}
options:
  steps:
    - prepare -l step-1 -t first
    - {run: 'train lr=[1,2]', gpus: 3}
    - prepare --needed
again:
  steps: ['prepare n=7 --needed', 'prepare n=7 --needed']
isolated:
  steps: [{run: train, isolate-runs: yes}]
trials:
  flags: {gate: ''}
  steps: ['prepare n=6', 'gate path=${gate}', 'train lr=[1,2]']
gate:
  exec: sh -c 'read line < "${path}"'
  flags: {path: ''}
shared:
  steps: ['prepare n=2', {run: train, isolate-runs: no}]
inner: {steps: [prepare n=8]}
nested: {steps: [inner, {run: train, isolate-runs: yes}]}
nested-last: {steps: [prepare n=9, inner, train]}
of-trials: {steps: ['prepare n=[2,3]', {run: train, isolate-runs: yes}]}
good:
  steps:
    - run: prepare n=4
      expect:
        - {file: '*.bin', contains: 'model \d'}
        - {file: model.bin, compare-to: refs/model.txt}
        - output: ^prepared 4$
bad:
  steps:
    - {run: prepare, expect: {file: model.bin, compare-to: refs/model.txt}}
    - prepare
file:
  steps: ['grid @trials.csv y=z']
"""


@pytest.fixture
def place(place: Place) -> Place:
    project(place.guild.folder, GUILDFILE, grid="x = 0\ny = ''\nprint(x, y)\n")
    return place


def latest(place: Place, op: str, count: int = 1) -> list[str]:
    """The ids of the latest runs of exactly this operation, the first of them first."""
    found = place.ok("select", "--all", "-F", f"operation = {op}").lines
    return found[:count][::-1]


def first_trial(place: Place) -> str:
    """The id of the first trial of the operation that waits, once there is one."""
    wait_until(lambda: place.ok("runs", "-F", "operation = waits").lines, "the first trial")
    (trial,) = latest(place, "waits")
    return trial


def links(place: Place, run_id: str) -> dict[str, str]:
    """What the run's links are called, and the runs that they lead to."""
    found = [path for path in place.run_dir(run_id).iterdir() if path.is_symlink()]
    return {path.name: os.path.basename(os.readlink(path)) for path in found}


def test_the_steps_of_a_pipeline_are_runs_that_it_links_to(place: Place) -> None:
    place.ok("run", "prepare", "n=9", "-y")  # not what the pipeline's own step makes
    place.ok("run", "pipe", "lr=0.7", "-y")
    (pipe,) = latest(place, "pipe")
    steps = links(place, pipe)
    assert set(steps) == {"prepare", "last"}
    assert place.output(steps["last"]) == "0.7\nmodel 5\n"
    assert place.attr(steps["last"], "flags")["operation:prepare"] == steps["prepare"]
    assert "prepared 5" in place.output(pipe)
    assert {place.status(run) for run in (pipe, *steps.values())} == {"completed"}


def test_a_failed_step_ends_the_pipeline_and_is_named(place: Place) -> None:
    done = place("run", "broken", "-y")
    assert done.code == 1
    (pipe,) = latest(place, "broken")
    assert "Step 2 of 3, fails failed: run " in place.output(pipe)
    assert "1 step was not run" in place.output(pipe)
    assert place.status(pipe) == "error"
    assert place.ok("runs", "-Fo", "train").out == ""


def test_a_pipeline_started_again_runs_what_has_not_completed(place: Place) -> None:
    place("run", "broken", "-y")
    (pipe,) = latest(place, "broken")
    place("run", "--restart", pipe, "-y")
    assert "Step 1 of 3, prepare has completed: " in place.output(pipe)
    assert len(latest(place, "prepare", 9)) == 1
    assert len(latest(place, "fails", 9)) == 2


def test_lists_and_ranges_make_a_run_for_each_combination(place: Place) -> None:
    place.ok("run", "grid", "x=[1:3]", "y=[a,b]", "-y", "-t", "mine")
    trials = latest(place, "grid", 9)
    assert [place.output(run) for run in trials] == [
        "1 a\n", "1 b\n", "2 a\n", "2 b\n", "3 a\n", "3 b\n"
    ]  # fmt: skip
    (batch,) = latest(place, "grid+")
    assert set(links(place, batch).values()) == set(trials)
    assert place.attr(batch, "flags") == {"x": [1, 2, 3], "y": ["a", "b"]}
    assert {str(place.attr(run, "tags")) for run in (batch, *trials)} == {"['mine']"}


def test_a_value_that_is_listed_three_times_makes_three_trials(place: Place) -> None:
    place.ok("run", "grid", "x=[0,0,0]", "y=a", "-y")
    trials = latest(place, "grid", 9)
    assert [place.output(run) for run in trials] == ["0 a\n"] * 3
    (batch,) = latest(place, "grid+")
    place.ok("run", "--restart", batch, "-y")
    assert "Trial 3 of 3 has completed" in place.output(batch)
    assert latest(place, "grid", 9) == trials


def test_max_trials_are_drawn_at_random_by_the_seed(place: Place) -> None:
    for _ in range(2):
        place.ok("run", "grid", "x=[1:50]", "--max-trials=2", "--random-seed=7", "-y")
    drawn = [place.attr(run, "flags")["x"] for run in latest(place, "grid", 4)]
    assert drawn[:2] == drawn[2:]
    assert len(drawn) == 4


@pytest.mark.parametrize("stops", [False, True])
def test_a_failed_trial_shows_and_ends_the_batch_only_if_asked(place: Place, stops: bool) -> None:
    options = ["--fail-on-trial-error"] if stops else []
    done = place("run", "fails", "x=[1,0]", "-y", *options)
    assert done.code == 1
    statuses = [place.status(run) for run in latest(place, "fails", 9)]
    assert statuses == (["error"] if stops else ["error", "completed"])
    (batch,) = latest(place, "fails+")
    assert "1 of 2 trials failed" in place.output(batch)
    assert place.status(batch) == "error"


def test_a_batch_started_again_runs_the_trials_that_failed(place: Place) -> None:
    assert place("run", "ones", "x=[1,0]", "-y").code == 1
    (batch,) = latest(place, "ones+")
    assert place("run", "--restart", batch, "-y").code == 1
    values = [place.attr(run, "flags")["x"] for run in latest(place, "ones", 9)]
    assert values == [1, 0, 0]
    assert "Trial 1 of 2 has completed" in place.output(batch)


def test_a_run_like_a_batch_is_none_where_each_flag_has_one_value(place: Place) -> None:
    place.ok("run", "grid", "x=[1,2]", "-y")
    (batch,) = latest(place, "grid+")
    place.ok("run", "--proto", batch, "x=[3,4]", "-y")
    assert len(latest(place, "grid+", 9)) == 2
    place.ok("run", "--proto", batch, "x=5", "-y")
    assert place.attr(latest(place, "grid")[0], "flags")["x"] == 5
    refused = place("run", "--restart", batch, "x=6", "-y")
    assert refused.code == 1
    assert "cannot be a batch the one time and a single run the other" in refused.err
    assert place.status(batch) == "completed"


def test_a_preview_tells_the_trials_and_print_cmd_their_commands(place: Place) -> None:
    shown = place("run", "grid", "x=[1,2]", stdin="n\n").out
    assert f"You are about to run grid as a batch of 2 trials{place.on}" in shown
    printed = place.ok("run", "fails", "x=[1,2]", "--print-cmd").lines
    assert printed == ["test 1 = 0", "test 2 = 0"]


def test_needed_trials_are_those_that_no_run_has_completed(place: Place) -> None:
    place.ok("run", "grid", "x=[1,2]", "-y")
    place.ok("run", "grid", "x=[1,2,3]", "-y", "--needed")
    assert len(latest(place, "grid", 9)) == 3
    assert len(links(place, latest(place, "grid+")[0])) == 3


def test_a_batch_that_is_stopped_stops_its_trial_and_starts_no_other(place: Place) -> None:
    batch = place.ok("run", "waits", "seconds=[60,61]", "-y", "--no-wait").lines[-2].split()[0]
    trial = first_trial(place)
    wait_until(lambda: place.status(trial) == "running", "the trial's start")
    place.ok("stop", batch, "-y")
    assert place.status(batch) == "terminated"
    place.wait_for_end(trial)
    assert place.status(trial) == "terminated"
    assert len(latest(place, "waits", 9)) == 1


def test_no_trial_outlives_the_runner_of_its_batch(place: Place) -> None:
    batch = place.ok("run", "waits", "seconds=[60,61]", "-y", "--no-wait").lines[-2].split()[0]
    trial = first_trial(place)
    wait_until(lambda: place.status(trial) == "running", "the trial's start")
    pid = int((place.run_dir(batch) / ".guild/LOCK").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
    place.wait_until_dead(trial)
    assert place.status(batch) == "error"
    assert place.status(trial) == "terminated"


def test_a_staged_batch_is_started_by_a_queue(place: Place) -> None:
    batch = place.staged("x=[1,2]", op="grid")
    place.ok("run", "queue", "run-once=yes", "-y")
    assert place.status(batch) == "completed"
    assert len(latest(place, "grid", 9)) == 2


def test_too_many_trials_are_refused_before_anything_is_made(place: Place) -> None:
    done = place("run", "grid", "x=[1:200]", "y=[1:200]", "-y")
    assert done.code == 1
    assert "these flags make 40000 trials, more than 10000" in done.err
    assert place.ok("runs").out == ""


def test_guild_ai_shows_a_batch_and_its_trials(place: Place, guild_ai_there: GuildAi) -> None:
    place.ok("run", "grid", "x=[1,2]", "-y")
    listed = "\n".join(guild_ai_there.ok("runs", "-s"))
    assert "grid+" in listed and listed.count("completed") == 3


def rows(place: Place, *argv: str) -> list[list[str]]:
    """The index and the operation of each line of a listing."""
    return [line.split()[:2] for line in place.ok("runs", "-s", *argv).lines]


def test_a_batch_that_has_ended_well_is_listed_with_all_runs_alone(place: Place) -> None:
    place.ok("run", "prepare", "-y")
    place.ok("run", "grid", "x=[1,2]", "-y")
    grid, prepare = "grid", "prepare"
    if place.remote:
        grid, prepare = (f"{place_package(place)}/{name}" for name in (grid, prepare))
    assert rows(place) == [["[1]", grid], ["[2]", grid], ["[3]", prepare]]
    assert rows(place, "-a") == [
        ["[1]", grid], ["[2]", grid], ["[-]", f"{grid}+"], ["[3]", prepare],
    ]  # fmt: skip
    (batch,) = latest(place, "grid+")
    assert batch[:8] in place.ok("runs", "-a").lines[2].split()[0]
    assert place.ok("runs", batch[:12]).lines[0].startswith(f"[{batch[:8]}]")
    assert "operation: prepare" in place.ok("info", "3").out.replace(f"{prepare}", "prepare")
    assert place.ok("select", "1").lines == latest(place, "grid")


def place_package(place: Place) -> str:
    """What the project is called where it was installed."""
    return place.ok("runs", "-s", "-n1").lines[0].split()[1].rpartition("/")[0]


def test_a_batch_that_failed_has_an_index(place: Place) -> None:
    assert place("run", "fails", "x=[0,1]", "-y").code == 1
    names = [row[1].rpartition("/")[2] for row in rows(place)]
    assert names == ["fails", "fails", "fails+"]


def test_all_runs_are_deleted_and_restored_with_their_batches(place: Place) -> None:
    place.ok("run", "grid", "x=[1,2]", "-y")
    place.ok("rm", "-y")
    assert place.ok("runs", "-a").out == ""
    assert [row[0] for row in rows(place, "-d")] == ["[1]", "[2]", "[3]"]
    place.ok("restore", "-y")
    assert len(rows(place, "-a")) == 3


def test_steps_have_options_of_run(place: Place) -> None:
    place.ok("run", "options", "-y", "-l", "mine", "-t", "all", "--gpus", "device=7")
    (pipe,) = latest(place, "options")
    steps = links(place, pipe)
    assert {name: place.attr(run, "label") for name, run in steps.items()} == {
        "prepare": "step-1",
        "prepare_2": "step-1",
        "train": "mine",
    }
    assert place.attr(steps["prepare"], "tags") == ["first"]
    assert place.attr(steps["train"], "tags") == ["all"]
    trials = links(place, steps["train"]).values()
    assert [place.attr(run, "env")["CUDA_VISIBLE_DEVICES"] for run in trials] == ["3", "3"]
    assert place.attr(steps["prepare"], "env")["CUDA_VISIBLE_DEVICES"] == "7"


def test_a_step_that_is_not_needed_is_not_run(place: Place) -> None:
    place.ok("run", "again", "-y")
    (made,) = latest(place, "prepare", 9)
    (pipe,) = latest(place, "again")
    assert f"Step 2 of 2, prepare_2 has completed: {made}" in place.output(pipe)
    assert links(place, pipe) == {"prepare": made, "prepare_2": made}
    place.ok("run", "again", "-y")
    assert latest(place, "prepare", 9) == [made]
    assert links(place, latest(place, "again")[0]) == {"prepare": made, "prepare_2": made}


def test_an_isolated_step_takes_runs_of_its_pipeline_alone(place: Place) -> None:
    place.ok("run", "prepare", "-y")
    refused = place("run", "isolated", "-y")
    assert refused.code == 1
    assert "step train requires prepare, which no step before it runs" in refused.err
    place.ok("run", "shared", "-y")
    assert "model 2" in place.output(latest(place, "train")[0])


@pytest.mark.parametrize(
    ("op", "model"), [("nested", 8), ("nested-last", 9), ("of-trials", 3)], ids=str
)
def test_a_step_takes_runs_that_a_step_before_it_consists_of_where_there_is_no_other(
    place: Place, op: str, model: int
) -> None:
    """Of a pipeline among the steps, and of a batch; a step's own run comes first, as ever."""
    place.ok("run", op, "-y")
    assert f"model {model}" in place.output(latest(place, "train")[0])


def test_trials_of_a_step_take_the_runs_of_their_pipeline(place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    pipe = place.started(f"gate={gate}", op="trials")
    place.wait_for_output(pipe, "gate: starting")
    place.ok("run", "prepare", "n=7", "-y")  # a later one than the pipeline's
    gate.write_text("open\n")
    place.wait_until_dead(pipe)
    assert place.status(pipe) == "completed"
    outputs = [place.output(run) for run in latest(place, "train", 9)]
    assert outputs == ["1\nmodel 6\n", "2\nmodel 6\n"]


def test_what_is_expected_of_a_step_is_checked(place: Place) -> None:
    refs = place.guild.folder / "refs"
    refs.mkdir()
    (refs / "model.txt").write_text("model 4\n")
    place.ok("run", "good", "-y")
    done = place("run", "bad", "-y")
    assert done.code == 3
    (pipe,) = latest(place, "bad")
    assert place.status(pipe) == "error"
    assert "prepare failed: 'model.bin' differs from 'refs/model.txt'" in place.output(pipe)
    assert "1 step was not run" in place.output(pipe)
    assert place("run", "--restart", pipe, "-y").code == 3, "it has not done what was expected"


def test_flags_of_steps_are_given_to_the_pipeline_and_kept(place: Place) -> None:
    place.ok("run", "pipe", "prepare:n=8", "last:lr=[3,4]", "-y")
    (pipe,) = latest(place, "pipe")
    assert [place.output(run) for run in latest(place, "train", 2)] == [
        "3\nmodel 8\n", "4\nmodel 8\n",
    ]  # fmt: skip
    place.ok("run", "--proto", pipe, "-y")
    assert place.output(latest(place, "train")[0]) == "4\nmodel 8\n"
    place.ok("run", "--restart", pipe, "last:lr=5", "-y")
    assert place.output(latest(place, "train")[0]) == "5\nmodel 8\n"
    wrong = place("run", "pipe", "nobody:n=8", "-y")
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        1, "guild: pipe has no step 'nobody': 'nobody:n' is no flag of it",
    )  # fmt: skip


def test_each_row_of_a_batch_file_is_a_trial(place: Place) -> None:
    (place.guild.folder / "trials.csv").write_text("x,y\n1,p\n[2:3],q\n")
    (place.guild.folder / "more.json").write_text('[{"x": 9}]')
    place.ok("run", "grid", "@trials.csv", "@more.json", "-y")
    trials = latest(place, "grid", 9)
    assert [place.output(run) for run in trials] == ["1 p\n", "2 q\n", "3 q\n", "9 a\n"]
    (batch,) = latest(place, "grid+")
    (place.guild.folder / "trials.csv").unlink()
    place.ok("run", "--proto", batch, "y=r", "-y")
    assert [place.output(run) for run in latest(place, "grid", 4)] == [
        "1 r\n", "2 r\n", "3 r\n", "9 r\n",
    ]  # fmt: skip
    place.ok("run", "--restart", batch, "-y")
    assert len(latest(place, "grid", 99)) == 8
    missing = place("run", "grid", "@trials.csv", "-y")
    assert (missing.code, missing.err) == (1, "guild: batch file trials.csv does not exist\n")


def test_a_step_has_a_batch_file(place: Place) -> None:
    (place.guild.folder / "trials.csv").write_text("x\n1\n2\n")
    place.ok("run", "file", "-y")
    (pipe,) = latest(place, "file")
    (place.guild.folder / "trials.csv").unlink()
    place.ok("run", "--proto", pipe, "-y")
    assert [place.output(run) for run in latest(place, "grid", 9)] == ["1 z\n", "2 z\n"] * 2
