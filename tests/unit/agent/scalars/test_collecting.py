"""Scalars that are read while an output is made: all of them, or it is said; never torn."""

from __future__ import annotations

import errno
import json
import random
from pathlib import Path

import pytest
from rundirs import A, make

from guild_sync.agent.protocol import LOST, Job, Value
from guild_sync.agent.scalars import collecting, files, kept, rereading, series
from guild_sync.agent.scalars.collecting import Collector
from guild_sync.agent.store import atomic, attempts, rundir


class Printing:
    """A run whose output is made here."""

    def __init__(self, home: Path, **said: Value) -> None:
        self.home = home
        self.run = make(home)
        self.output = self.run / ".guild" / "output"
        self.output.touch()
        job: Job = {"operation": {"kept": {k.replace("_", "-"): v for k, v in said.items()}}}
        self.collector = Collector(str(self.run), job)

    def say(self, text: str) -> None:
        data = text.encode()
        with self.output.open("ab") as file:
            file.write(data)
        self.collector.grown(len(data))

    def counts(self) -> dict[str, int]:
        return {name: form["count"] for name, form in kept.summaries(str(self.run)).items()}


def test_what_was_printed_is_kept_by_the_end(home: Path) -> None:
    it = Printing(home)
    it.say("loss: 4\nloss: 1\nloss")
    it.say(": 2")
    assert it.collector.end() == []
    loss = kept.summaries(str(it.run))["loss"]
    assert (loss["first"], loss["last"], loss["min"], loss["max"]) == (4, 2, 1, 4)
    assert (loss["count"], loss["step"], loss["min_step"], loss["max_step"]) == (3, 2, 1, 0)
    assert "partial" not in loss
    points = kept.points_of(str(home), [A], ["loss", "acc"])[A]
    assert list(points) == ["loss"]
    assert (points["loss"]["step"], points["loss"]["value"]) == ([0, 1, 2], [4, 1, 2])
    assert points["loss"]["time"] == sorted(points["loss"]["time"])


def test_it_is_read_while_nothing_comes_and_written_down_then(home: Path) -> None:
    it = Printing(home)
    assert it.collector.pause() is None
    it.say("loss: 4\n")
    assert it.collector.pause() is not None
    it.collector.look(is_idle=True)
    assert kept.own(str(it.run)) == kept.Own({}, False)  # it was written down a moment ago
    it.collector._next_look = it.collector._next_writing = 0.0
    it.collector.look(is_idle=True)
    assert it.counts() == {"loss": 1}
    assert kept.own(str(it.run)) is not None
    assert it.collector.pause() is None


def test_no_more_is_read_than_there_is_time_for_while_output_comes(home: Path) -> None:
    it = Printing(home)
    it.say("loss: 4\n" * 100_000)
    for _ in range(100):
        it.collector.look(is_idle=False)
    assert it.collector._read < it.collector._size / 2
    it.collector.end()
    assert it.counts() == {"loss": 100_000}


def test_where_the_end_cannot_wait_for_all_of_it_that_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "_MOST_WAIT", -1.0)
    monkeypatch.setattr(collecting, "_TAIL", 100)
    it = Printing(home)
    it.say("first: 1\n" * 10 + "x\n" * 100 + "loss: 4\n" * 11)
    it.collector.end()
    found = kept.summaries(str(it.run))
    assert {name: form.get("partial") for name, form in found.items()} == {"loss": True}
    assert found["loss"]["count"] == 11


def test_a_million_points_of_a_thousand_names_stay_small(home: Path) -> None:
    found = series.ScalarsFound()
    names = [f"{i:04}-{'n' * 90}" for i in range(1100)]
    for step in range(300):
        values = random.Random(step)
        found.add(
            [(name, [values.random()], [step]) for name in names], 1_700_000_000_000_000 + step
        )
    assert len(found.series) == series.MOST_NAMES
    run = make(home)
    kept.write(str(run), found.series)
    sizes = [(run / ".guild" / name).stat().st_size for name in attempts.SCALARS]
    assert sum(sizes) < 4 << 20
    summaries, points = kept.summaries(str(run)), kept.points(str(run))
    assert len(summaries) == len(points) == series.MOST_NAMES
    for name, form in summaries.items():
        assert form["count"] == 300
        assert points[name]["value"][-1] == form["last"]
        assert points[name]["step"][0] == 0


def test_few_names_have_a_thousand_points_each(home: Path) -> None:
    it = Printing(home)
    it.say("".join(f"loss: {i}\n" for i in range(100_000)))
    it.collector.end()
    points = kept.points(str(it.run))["loss"]
    assert 500 < len(points["value"]) <= 1025
    assert points["value"][-1] == 99_999
    assert points["value"] == points["step"]


def test_no_scalars_are_read_where_there_are_to_be_none(home: Path) -> None:
    it = Printing(home, output_scalars=False)
    it.say("loss: 5\n")
    assert it.collector.pause() is None
    it.collector.end()
    assert it.counts() == {}


def test_attributes_are_told_by_the_output(home: Path) -> None:
    said: Value = {"model": r"model (\w+)", "id": r"id (.*)", "../x": "x(.)"}
    it = Printing(home, output_attrs=[said, r"set (\key)=(.*)"])
    it.say("model resnet\nid 5\nx9\nset lr=1e-3\nset n=5\nset exit_status=0\nset model= u-net \n")
    it.say(f"set long={'x' * 2000}\nset ctl=a\x07b\n")
    it.collector.end()
    found = {name: rundir.read_attr(str(it.run), name) for name in rundir.attr_names(str(it.run))}
    assert found == {"model": "u-net", "lr": 0.001, "n": 5, "ctl": "ab"}


def test_a_full_disk_loses_scalars_and_no_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = Printing(home, output_attrs={"m": "m(.)"})
    it.say("loss: 4\nm5\n")

    def full(*_args: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_in", full)
    assert it.collector.end() == []
    monkeypatch.undo()
    assert it.counts() == {"loss": 1}  # read from the output later


def test_what_a_killed_runner_has_left_is_read_from_the_output(home: Path) -> None:
    it = Printing(home)
    it.say("loss: 4\n")
    it.collector._next_writing = 0.0
    it.collector.look(is_idle=True)
    it.say("loss: 5\n")  # and here it was killed
    own = kept.own(str(it.run))
    assert own is not None
    assert [form["count"] for form in own.scalars.values()] == [1]
    assert it.counts() == {"loss": 2}
    assert kept.points(str(it.run))["loss"]["value"] == [4, 5]


def test_of_a_line_that_a_killed_runner_has_left_half_nothing_is_told(home: Path) -> None:
    it = Printing(home)
    it.say("loss: 4\nloss: 0.2")
    assert it.counts() == {"loss": 1}


def test_where_the_disk_was_full_the_cut_line_is_no_number_and_the_rest_is_partial(
    home: Path,
) -> None:
    it = Printing(home)
    it.say("loss: 4\nloss: 0.2")
    it.collector.lose()
    it.say(f"\n{LOST}\nloss: 5\nacc: 6")
    it.collector.end()
    found = kept.summaries(str(it.run))
    assert {n: (form["count"], form.get("partial")) for n, form in found.items()} == {
        "loss": (2, True)
    }
    for name in attempts.SCALARS:
        (it.run / ".guild" / name).unlink()
    assert kept.summaries(str(it.run))["loss"]["count"] == 2
    assert kept.summaries(str(it.run))["loss"].get("partial")


def test_an_attempt_that_is_put_aside_takes_its_scalars_along(home: Path) -> None:
    it = Printing(home)
    rundir.write_attr(str(it.run), "started", 5)
    it.say("loss: 4\n")
    it.collector.end()
    rundir.put_attempt_aside(str(it.run))
    guild = it.run / ".guild"
    assert not any((guild / name).exists() for name in attempts.SCALARS)
    assert json.loads((guild / "attempts/1/SCALARS").read_text())["loss"]["last"] == 4
    assert it.counts() == {}


@pytest.mark.parametrize(
    "text", ["", "[", "[]", '{"loss": 5}', '{"loss": {"last": 1}}', "[" * 9999]
)
def test_what_is_torn_is_not_told(home: Path, text: str) -> None:
    run = make(home, exit_status=0)
    for name in attempts.SCALARS:
        (run / ".guild" / name).write_text(text)
    assert kept.summaries(str(run)) == {}
    assert kept.points(str(run)) == {}


def test_lines_of_points_that_cannot_be_are_passed_over(home: Path) -> None:
    run = make(home, exit_status=0)
    good = {"name": "a", "times": [5, 1], "steps": [0, 1], "values": [1, "nan"]}
    bad: list[object] = [
        {**good, "times": [5]},
        {**good, "times": [5, -9]},
        {**good, "steps": ["x", 1]},
        {**good, "values": ["x", 1]},
        {**good, "name": 5},
        {**good, "steps": [1 << 63, 1]},
        {"name": "a"},
        [],
    ]
    lines = "\n".join(map(json.dumps, [*bad, good]))
    (run / ".guild" / kept.SERIES).write_text(lines + '\n{"name": "b", "ti')
    assert kept.points(str(run)) == {"a": {"time": [5, 6], "step": [0, 1], "value": [1, "nan"]}}


# ---- runs that have their output alone


def finished(home: Path, output: str, op: Value = None, **job: Value) -> Path:
    run = make(home, exit_status=0)
    (run / ".guild" / "output").write_text(output)
    if op is not None:
        (run / ".guild/attrs/op").write_text(json.dumps(op))
    if job:
        (run / ".guild" / "job.json").write_text(json.dumps(job))
    return run


def test_a_run_that_has_its_output_alone_has_scalars_and_stays_as_it_is(home: Path) -> None:
    run = finished(home, "loss: 1\nloss: 2 (step 7)\n")
    before = sorted(run.rglob("*"))
    assert kept.summaries(str(run))["loss"]["step"] == 7
    assert kept.points(str(run))["loss"]["value"] == [1, 2]
    assert sorted(run.rglob("*")) == before
    (run / ".guild" / "output").write_text("loss: 1\nloss: 9 (step 7)\n")
    assert kept.summaries(str(run))["loss"]["last"] == 9


def test_an_output_is_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(home, "loss: 1\n")
    first = kept.summaries(str(run))
    monkeypatch.setattr(rereading, "_read_file", None)
    assert kept.summaries(str(run)) == first


@pytest.mark.parametrize(
    ("op", "job", "names"),
    [
        ({"output-scalars": None}, {}, ["loss"]),
        ({"output-scalars": False}, {}, []),
        ({"output-scalars": {"l": r"loss: (\value)"}}, {}, ["l"]),
        ("odd", {}, ["loss"]),
        (None, {"operation": {"kept": {"output-scalars": {"m": r"loss: (\value)"}}}}, ["m"]),
        (None, {"operation": {"kept": {"output-scalars": False}}}, []),
        (None, {"operation": "odd"}, []),
        (None, {"builtin": "series"}, []),
    ],
)
def test_it_is_read_by_the_patterns_that_the_run_was_made_with(
    home: Path, op: Value, job: dict[str, Value], names: list[str]
) -> None:
    assert list(kept.summaries(str(finished(home, "loss: 1\n", op, **job)))) == names


def test_of_a_huge_output_the_middle_is_left_out_and_that_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereading, "_MOST_READ", 100)
    monkeypatch.setattr(rereading, "_PIECE", 64)
    monkeypatch.setattr(rereading, "_TAIL", 30)
    run = finished(home, "a: 1\n" + "x\n" * 200 + "b: 2\n" * 20 + "c: 3\n")
    found = kept.summaries(str(run))
    assert {name: form.get("partial") for name, form in found.items()} == {
        "a": True,
        "b": True,
        "c": True,
    }
    assert found["b"]["count"] < 20


def test_where_there_is_no_more_time_an_output_is_left_for_the_next_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(home, "loss: 1\n")
    monkeypatch.setattr(rereading, "_MOST_TIME", 0.0)
    assert kept.summaries(str(run)) == {}
    monkeypatch.undo()
    assert list(kept.summaries(str(run))) == ["loss"]


def test_an_output_that_is_a_link_is_not_read(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("loss: 1\n")
    run = make(home, exit_status=0)
    (run / ".guild" / "output").symlink_to(tmp_path / "secret")
    assert kept.summaries(str(run)) == {}
    assert files.series_lines(str(run / ".guild"), "output") == []


def test_the_end_waits_no_longer_for_its_last_part_than_it_is_told_to(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = Printing(home)
    it.say("loss: 1\n" * 50_000)
    for name in ("_CATCH_UP", "_MOST_WAIT", "_LAST"):
        monkeypatch.setattr(collecting, name, -1.0)
    it.collector.end()
    loss = kept.summaries(str(it.run))["loss"]
    assert loss["count"] < 50_000
    assert loss["partial"] is True


def test_what_a_later_runner_has_kept_besides_is_passed_over(home: Path) -> None:
    run = make(home)
    found = {"loss": series.ScalarSeries()}
    found["loss"].add(0.5, 1, 1)
    kept.write(str(run), found)
    path = run / ".guild" / kept.SUMMARIES
    told = json.loads(path.read_text())
    told["loss"]["median"] = {"of": [1, 2]}
    told[""]["since"] = "0.9"
    told["its own kind"] = {"median": 1}
    path.write_text(json.dumps(told))
    summaries = kept.summaries(str(run))
    assert [*summaries] == ["loss"]
    assert summaries["loss"]["last"] == 0.5
    assert "median" not in summaries["loss"]
