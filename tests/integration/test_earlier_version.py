"""What an earlier version left is read, and both versions work on one home and one remote."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from comparing import faults
from earlier import EarlierGuild
from support import Guild, Place, Server, project, wait_until
from test_fleet import bind
from test_hooks import TELL, Told
from test_interrupted import assert_same_run
from test_lost import a_minute_later

from guild_sync.agent.store import rundir
from guild_sync.hosts.bootstrap import agent_digest

GUILDFILE = """
until: {main: until, flags-import: all}
quick: {main: quick, flags-import: all}
fails: {exec: test a = b}
pipe: {steps: [until, quick]}
"""
# Runs until a file of the run's name is there.
UNTIL = """
import pathlib, time
n = 0
pathlib.Path("early.ckpt").write_text(f"early {n}")
print("up", flush=True)
while not pathlib.Path("go-on").exists():
    time.sleep(0.02)
pathlib.Path("late.txt").write_text(f"late {n}")
print("done", flush=True)
"""
QUICK = "n = 0\nopen('result.txt', 'w').write(str(n))\nprint('quick', n)\n"
EIGHT_DAYS = 8 * 86400.0


class Turns(NamedTuple):
    """Two versions of guild, by who comes first."""

    first: Guild
    then: Guild


@pytest.fixture(params=["earlier first", "earlier then"])
def turns(request: pytest.FixtureRequest, guild: Guild, earlier: EarlierGuild) -> Turns:
    return Turns(earlier, guild) if request.param == "earlier first" else Turns(guild, earlier)


@pytest.fixture(autouse=True)
def _operations(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, until=UNTIL, quick=QUICK)


@pytest.fixture(params=["here", "there"])
def place(request: pytest.FixtureRequest, turns: Turns) -> Place:
    """Where the first version has its runs: this machine, and in a second test the remote."""
    if request.param == "here":
        return Place(turns.first, turns.first.home)
    return Place(turns.first, request.getfixturevalue("there"), request.getfixturevalue("remote"))


@pytest.fixture
def then(turns: Turns, place: Place) -> Place:
    """The same place, for the other version."""
    return Place(turns.then, place.home, place.remote)


def begun(place: Place) -> str:
    """A run that waits to be told that it may end."""
    run_id = place.started(op="until")
    place.wait_for_output(run_id, "up")
    return run_id


def go_on(place: Place, run_id: str) -> None:
    (place.run_dir(run_id) / "go-on").touch()


def latest(place: Place, op: str) -> str:
    return place.ok("select", "-F", f"operation = {op}").out.strip()


def test_the_other_version_is_the_one_of_before_the_folders(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    earlier.ok("runs", "-r", remote)
    (agent,) = (there / "agent").iterdir()
    assert (agent / "runs.py").exists()
    assert not (agent / "store").exists()


def test_a_run_of_one_version_is_watched_to_its_end_by_the_other(place: Place, then: Place) -> None:
    run_id = begun(place)
    assert then.status(run_id) == "running"
    watching = then.guild.popen("watch", run_id, *then.args)
    go_on(place, run_id)
    out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0, out
    assert "done" in out.decode().splitlines()
    assert then.status(run_id) == place.status(run_id) == "completed"


def test_a_run_of_one_version_is_stopped_by_the_other(place: Place, then: Place) -> None:
    run_id = begun(place)
    then.ok("stop", run_id, "-y")
    assert then.status(run_id) == place.status(run_id) == "terminated"
    then.wait_until_dead(run_id)


def test_a_run_of_one_version_is_restarted_deleted_and_restored_by_the_other(
    place: Place, then: Place
) -> None:
    place.ok("run", "quick", "n=1", "-y")
    run_id = latest(place, "quick")
    then.ok("run", "--restart", run_id, "n=2", "-y")
    assert (then.run_dir(run_id) / "result.txt").read_text() == "2"
    then.ok("runs", "rm", run_id, "-y")
    assert place.ok("runs").lines == []
    place.ok("runs", "restore", run_id, "-y")
    assert then.status(run_id) == "completed"
    then.ok("run", "--proto", run_id, "-y")
    assert len(place.ok("runs", "--completed").lines) == 2


def test_a_run_with_attempts_is_read_copied_and_restarted_by_the_earlier_version(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    new, old = Place(guild, there, remote), Place(earlier, there, remote)
    assert new("run", "fails", "--retry", "2", "--time-limit", "1h", "-y").code == 1
    run_id = latest(new, "fails")
    assert "error" in old.ok("info", run_id).out
    earlier.ok("pull", remote, run_id, "-y")
    assert len(json.loads(guild.ok("info", run_id, "--json").out)["attempts"]) == 2
    assert old("run", "--restart", run_id, "-y").code == 1  # it tries once, and drops an output
    assert new("run", "--restart", run_id, "--retry", "0", "-y").code == 1
    known = json.loads(new.ok("info", run_id, "--json").out)["attempts"]
    assert [each["number"] for each in known] == [1, 2, 3]
    guild.ok("sync")
    ends = json.loads(guild.ok("info", run_id, "--json").out)["attempts"]
    assert [each["exit_status"] for each in ends] == [1, 1, 1]


def test_a_run_that_one_version_staged_is_started_by_the_other(place: Place, then: Place) -> None:
    staged, pending = place.staged("n=3", op="quick"), place.staged("n=4", op="quick")
    marks = then.run_dir(pending) / ".guild"
    (marks / "STAGED").rename(marks / "PENDING")
    assert (then.status(staged), then.status(pending)) == ("staged", "pending")
    for run_id in (staged, pending):
        then.ok("run", "--start", run_id, "-y")
        assert place.status(run_id) == "completed"
    assert (then.run_dir(staged) / "result.txt").read_text() == "3"


def test_a_queue_of_one_version_starts_what_the_other_stages(place: Place, then: Place) -> None:
    queue = place.started("poll-interval=0.1", op="queue")
    run_id = then.staged("n=5", op="quick")
    then.wait_for_end(run_id)
    assert (then.run_dir(run_id) / "result.txt").read_text() == "5"
    assert then.status(run_id) == "completed"
    then.ok("stop", queue, "-y")


def test_a_pipeline_of_one_version_goes_on_under_the_other(place: Place, then: Place) -> None:
    pipeline = place.started(op="pipe")
    wait_until(lambda: place.ok("runs", "--running", "-Fo", "until").lines, "its first step")
    step = latest(then, "until")
    place.wait_for_output(step, "up")
    assert then.status(pipeline) == "running"
    go_on(then, step)
    then.wait_for_end(pipeline)
    assert then.status(pipeline) == "completed"
    assert then.status(latest(then, "quick")) == "completed"


def test_a_batch_of_one_version_is_stopped_by_the_other(place: Place, then: Place) -> None:
    batch = place.started("n=[1,2]", op="until")
    wait_until(lambda: place.ok("runs", "--running", "-F", "n = 1").lines, "its first trial")
    trial = then.ok("select", "-F", "n = 1").out.strip()
    place.wait_for_output(trial, "up")
    then.ok("stop", batch, "-y")
    then.wait_until_dead(trial)
    assert (then.status(batch), then.status(trial)) == ("terminated", "terminated")
    assert not then.ok("runs", "--running").lines


def aged(agent: Path, seconds: float) -> None:
    """Have an agent's folder be one that was last used so long ago."""
    when = time.time() - seconds
    os.utime(agent / "__main__.py", (when, when))


def test_the_earlier_versions_agent_stays_while_its_run_lives_and_goes_then(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    place = Place(earlier, there, remote)
    run_id = begun(place)
    (agent,) = (there / "agent").iterdir()
    aged(agent, EIGHT_DAYS)
    guild.ok("runs", "-r", remote)  # which brings another agent, and cleans
    own = there / "agent" / agent_digest()
    aged(own, 2 * 86400.0)
    guild.ok("runs", "-r", remote)  # which is the first call of a day, and cleans
    assert agent.exists()
    go_on(place, run_id)
    place.wait_for_end(run_id)
    place.wait_until_dead(run_id)
    assert Place(guild, there, remote).status(run_id) == "completed"
    assert place.attr(run_id, "exit_status") == 0
    aged(agent, EIGHT_DAYS)
    aged(own, 2 * 86400.0)
    guild.ok("runs", "-r", remote)
    wait_until(lambda: not agent.exists(), "the end of the agent that nobody uses")
    assert earlier.ok("runs", "-r", remote).lines, "and the earlier version brings it again"


def test_the_earlier_version_may_remove_our_agent_and_no_call_fails(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    guild.ok("runs", "-r", remote)
    earlier.ok("runs", "-r", remote)  # it removes what nobody uses just now
    own = there / "agent" / agent_digest()
    assert not own.exists()
    guild.ok("runs", "-r", remote)
    (its,) = {path for path in (there / "agent").iterdir() if path != own}
    made = (own.stat().st_ino, its.stat().st_ino)
    for version in (earlier, guild, earlier, guild):
        version.ok("runs", "-r", remote)
    assert (own.stat().st_ino, its.stat().st_ino) == made, "from then on both stay"


def test_an_agent_that_a_run_uses_is_not_removed_by_the_earlier_version(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    place = Place(guild, there, remote)
    run_id = begun(place)
    earlier.ok("runs", "-r", remote)
    assert (there / "agent" / agent_digest()).exists()
    go_on(place, run_id)
    place.wait_for_end(run_id)
    assert place.status(run_id) == "completed"


@pytest.fixture
def copied(turns: Turns, remote: str, there: Path) -> str:
    """A run on the remote that the first version started, and copied here while it ran."""
    far = Place(turns.first, there, remote)
    run_id = begun(far)
    turns.first.ok("pull", remote, "-y")
    assert turns.first.status(run_id) == f"running ({remote})"
    return run_id


def test_a_copy_of_one_version_is_synced_by_the_other(
    turns: Turns, remote: str, there: Path, copied: str
) -> None:
    assert turns.then.status(copied) == f"running ({remote})"
    turns.then.ok("sync")
    assert turns.then.status(copied) == f"running ({remote})"
    go_on(Place(turns.then, there, remote), copied)
    Place(turns.then, there, remote).wait_for_end(copied)
    turns.then.ok("sync")
    for version in turns:
        assert version.status(copied) == "completed"
        assert version.ok("sync").lines == [], "there is nothing left to do"
    assert_same_run(turns.then.home / "runs" / copied, there / "runs" / copied)


def test_what_one_version_left_out_is_brought_by_the_other(
    turns: Turns, remote: str, there: Path, copied: str
) -> None:
    go_on(Place(turns.then, there, remote), copied)
    Place(turns.then, there, remote).wait_for_end(copied)
    turns.first.ok("sync", "--exclude", "*.txt")
    run = turns.then.home / "runs" / copied
    assert not (run / "late.txt").exists()
    left_out = (run / ".guild/LOCK.left-out").read_text()
    told = [version.ok("info", copied).lines for version in turns]
    said = [[line for line in lines if not line.startswith("started_by: ")] for lines in told]
    assert said[0] == said[1]
    assert "late.txt" in left_out
    turns.then.ok("pull", remote, copied, "-y")
    assert (run / "late.txt").read_text() == "late 0"
    assert not (run / ".guild/LOCK.left-out").exists()
    assert_same_run(run, there / "runs" / copied)


def test_a_run_that_one_version_lost_is_restored_by_the_other(
    turns: Turns, remote: str, there: Path, tmp_path: Path, copied: str
) -> None:
    staying = begun(Place(turns.first, there, remote))
    turns.first.ok("pull", remote, staying, "-y")
    turns.first.ok("stop", copied, "-r", remote, "-y")
    Place(turns.first, there, remote).wait_until_dead(copied)
    shutil.move(there / "runs" / copied, tmp_path / copied)
    assert turns.first("sync").code == 1
    a_minute_later(turns.first)
    assert turns.then("sync").code == 1, "the second look is the other's"
    assert [version.status(copied) for version in turns] == [f"lost ({remote})"] * 2
    shutil.move(tmp_path / copied, there / "runs" / copied)
    turns.then.ok("sync", "--restore", copied)
    turns.first.ok("sync")
    assert [version.status(copied) for version in turns] == ["terminated"] * 2


def test_a_restart_by_the_other_version_opens_the_copy_again(
    turns: Turns, remote: str, there: Path
) -> None:
    turns.first.ok("run", "quick", "n=1", "-r", remote, "-y")
    run_id = latest(Place(turns.first, there, remote), "quick")
    turns.first.ok("pull", remote, "-y")
    turns.then.ok("run", "--restart", run_id, "n=2", "-r", remote, "-y")
    turns.first.ok("sync")
    assert turns.first.status(run_id) == "completed"
    assert (turns.first.home / "runs" / run_id / "result.txt").read_text() == "2"


def test_a_push_of_one_version_is_pulled_by_the_other(
    turns: Turns, remote: str, there: Path
) -> None:
    turns.first.ok("run", "quick", "n=7", "-y")
    run_id = turns.first.ok("select").out.strip()
    turns.first.ok("push", remote, "-y")
    turns.then.ok("runs", "rm", run_id, "-y")
    turns.then.ok("runs", "purge", run_id, "-y")
    turns.then.ok("pull", remote, "-y")
    assert turns.first.status(run_id) == "completed"
    assert_same_run(turns.then.home / "runs" / run_id, there / "runs" / run_id)


def test_what_one_version_knows_of_a_remote_the_other_knows_too(
    turns: Turns, remote: str, copied: str
) -> None:
    config = turns.first.config.read_text()
    down = yaml.safe_load(config)
    down["remotes"][remote]["port"] = 1
    turns.first.config.write_text(yaml.safe_dump(down))
    assert turns.first("sync").code == 3
    known = [json.loads(version.ok("status", "--json").out) for version in turns]
    for found in known:
        assert found[0].pop("lag") > 0, "it grows from one look to the next"
    assert known[0] == known[1]
    assert "refused" in str(known[0])
    turns.first.config.write_text(config)
    turns.then.ok("sync")
    assert "refused" not in turns.first.ok("status").out


def test_what_hooks_were_not_told_by_one_version_they_are_told_once_by_the_other(
    turns: Turns, remote: str, there: Path, tmp_path: Path, copied: str
) -> None:
    told = Told(turns.first, tmp_path / "told")
    turns.then.env["TOLD"] = turns.first.env["TOLD"]
    told.hooks({"on": ["completed", "terminated"], "command": TELL})
    far = Place(turns.first, there, remote)
    go_on(far, copied)
    far.wait_for_end(copied)
    told.end_with(1)
    assert turns.first("sync").code == 1
    assert told.waiting() == [f"completed-{copied}.json"]
    told.end_with(0)
    turns.then.ok("sync")
    assert told.events() == ["completed"] * 2, "once in vain, and once heard"
    assert told.waiting() == []
    turns.first.ok("sync")
    assert len(told.events()) == 2


def test_what_one_version_expected_to_happen_the_other_tells(
    turns: Turns, remote: str, there: Path, tmp_path: Path, copied: str
) -> None:
    told = Told(turns.first, tmp_path / "told")
    turns.then.env["TOLD"] = turns.first.env["TOLD"]
    told.hooks({"on": ["completed"], "command": TELL})
    far = Place(turns.first, there, remote)
    go_on(far, copied)
    far.wait_for_end(copied)
    told.end_with(1)
    assert turns.first("sync").code == 1
    # As a kill leaves it between the change and its note.
    (event,) = turns.first.home.glob("hooks/*.json")
    event.rename(event.with_suffix(".expected"))
    told.end_with(0)
    turns.then.ok("sync")
    assert told.events() == ["completed"] * 2
    assert told.waiting() == []


def test_a_remote_that_one_version_works_with_is_passed_over_by_the_other(
    turns: Turns, sshd: Server, remote: str, there: Path, copied: str
) -> None:
    (there / "runs" / copied / "large.bin").write_bytes(os.urandom(3_000_000))
    turns.first.configure(guild_uat=sshd.keys(there, bwlimit=1000))
    pulling = turns.first.popen("pull", remote, "-y")
    wait_until(lambda: list(turns.first.home.glob("runs/.incoming-*")), "the first copy")
    pulling.send_signal(signal.SIGSTOP)  # it holds the remote's lock, however slow the other is
    done = turns.then.ok("sync")
    pulling.send_signal(signal.SIGCONT)
    assert done.out.startswith(f"another guild works with remote '{remote}' (guild pull, process")
    assert pulling.wait(60) == 0
    go_on(Place(turns.first, there, remote), copied)
    Place(turns.first, there, remote).wait_for_end(copied)
    turns.then.ok("sync")
    assert faults(turns.then.home, there, remote) == []


def test_one_config_file_is_read_alike_by_both(
    guild: Guild, earlier: EarlierGuild, sshd: Server, there: Path
) -> None:
    keys = sshd.keys(there, bwlimit=1000, timeout=50, python="python3")
    guild.configure(guild_uat=keys, box={"type": "sandbox"})
    found = yaml.safe_load(guild.config.read_text())
    found["hooks"] = [{"on": ["completed", "lost"], "command": "true"}]
    guild.config.write_text(yaml.safe_dump(found))
    for words in (["remotes"], ["remotes", "--json"], ["sync", "--plan"]):
        one, two = guild(*words), earlier(*words)
        assert one == two
        assert one.code == 0
    found["remotes"]["off"] = {**keys, "sync": False}  # no key of a remote's
    guild.config.write_text(yaml.safe_dump(found))
    one, two = guild("remotes"), earlier("remotes")
    assert (one.code, one.err) == (two.code, two.err) == (1, one.err)
    assert "remotes: off: sync: " in one.err


def test_two_versions_that_take_turns_lose_nothing(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    kept, deleted = set(), set()
    for number in range(4):
        one, two = (guild, earlier) if number % 2 else (earlier, guild)
        far = Place(one, there, remote)
        run_id = begun(far)
        two.ok("pull", remote, run_id, "-y")
        one.ok("label", run_id, "-s", f"number {number}", "-y", "-r", remote)
        go_on(far, run_id)
        far.wait_for_end(run_id)
        one.ok("sync")
        two.ok("run", "quick", f"n={number}", "-y")
        quick = one.ok("select").out.strip()
        one.ok("tag", quick, "-a", "mine", "-y")
        two.ok("push", remote, quick, "-y")
        one.ok("run", "quick", "n=9", "-y")
        gone = two.ok("select").out.strip()
        two.ok("runs", "rm", gone, "-y")
        kept |= {run_id, quick}
        deleted.add(gone)
    assert faults(guild.home, there, remote) == []
    for version in (guild, earlier):
        assert set(version.ok("select", "--all").lines) == kept
        assert set(version.ok("select", "--all", "-r", remote).lines) == kept
        shown = version.ok("runs", "--deleted", "-n99", "--json").out
        assert {found["id"] for found in json.loads(shown)} == deleted
        assert len(version.ok("runs", "-n99", "--completed").lines) == len(kept)
    for run_id in kept:
        assert_same_run(guild.home / "runs" / run_id, there / "runs" / run_id)


def test_a_run_that_an_earlier_version_gave_what_it_requires_keeps_it(
    guild: Guild, earlier: EarlierGuild
) -> None:
    """Whose flag it called otherwise."""
    guildfile = """
prepare: {exec: 'sh -c "echo ${n} > made.txt"', flags: {n: 1}}
train: {exec: cat made.txt, requires: {operation: prepare}}
"""
    project(guild.folder, guildfile)
    place = Place(earlier, guild.home)
    place.ok("run", "prepare", "-y")
    first = latest(place, "prepare")
    place.ok("run", "prepare", "n=2", "-y")
    place.ok("run", "train", f"prepare={first}", "-y")
    run = latest(place, "train")
    assert place.attr(run, "flags") == {"prepare": first}
    for words in ([], ["operation:prepare=2"], ["operation:prepare=3"], ["--force-sourcecode"]):
        guild.ok("run", "--restart", run, *words, "-y")
        assert place.output(run) == ("2\n" if words == ["operation:prepare=2"] else "1\n")
    assert place.attr(run, "flags") == {"operation:prepare": first}


def test_both_versions_sync_one_home_at_once_and_nothing_is_torn(
    guild: Guild, earlier: EarlierGuild, remote: str, there: Path
) -> None:
    guild.ok("run", "quick", "n=1", "-r", remote, "-y")
    first = latest(Place(guild, there, remote), "quick")
    guild.ok("pull", remote, "-y")
    for number in range(20):  # runs of which the copies are marked as such that go on
        run_id = f"{number:032x}"
        shutil.copytree(there / "runs" / first, there / "runs" / run_id)
        (there / "runs" / run_id / ".guild/attrs/id").write_text(f"{run_id}\n")
        (there / "runs" / run_id / "data.bin").write_bytes(os.urandom(200_000))
        bind(guild, run_id, remote)
    syncing = [version.popen("sync") for _ in range(3) for version in (guild, earlier)]
    said = [process.communicate(timeout=120)[0].decode() for process in syncing]
    assert [process.returncode for process in syncing] == [0] * 6, said
    passed_over = f"another guild works with remote '{remote}'"
    assert all(out == "" or passed_over in out or "Copying" in out for out in said), said
    guild.ok("sync")
    assert faults(guild.home, there, remote) == []
    assert {rundir.status(str(path)).text for path in (guild.home / "runs").glob("[0-9a-f]*")} == {
        "completed"
    }
    assert len(earlier.ok("runs", "-n99", "--completed").lines) == 21
