"""Commands that are told of what became of runs: each time once, until they end with 0."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Guild, Place, Server, project, wait_until
from test_fleet import bind, pulled
from test_interrupted import kill
from test_lost import a_minute_later

# It writes what it was told into a file of its own, and ends with what the file `code` says.
TELL = """\
f=$(mktemp "$TOLD/XXXXXXXX")
{ env -0 | grep -z ^GUILD_ | tr '\\0' '\\036'; echo; cat; } > "$f"
mv "$f" "$f.told"
exit $(cat "$TOLD/code")
"""
ALL = ["completed", "error", "terminated", "lost", "unreachable", "reachable"]


class Told:
    """What hooks were told, and how they are to end."""

    def __init__(self, guild: Guild, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._guild = guild
        guild.env["TOLD"] = str(folder)
        self.end_with(0)

    def end_with(self, code: int) -> None:
        (self.folder / "code").write_text(str(code))

    def hooks(self, *hooks: dict[str, Any]) -> None:
        found = yaml.safe_load(self._guild.config.read_text())
        found["hooks"] = list(hooks)
        self._guild.config.write_text(yaml.safe_dump(found))

    def all(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        """Of each call, in no order: the variables, and the JSON on stdin."""
        found = []
        for path in self.folder.glob("*.told"):
            variables, _, text = path.read_text().rpartition("\x1e\n")
            pairs = (pair.partition("=") for pair in variables.split("\x1e"))
            found.append(({name: value for name, _, value in pairs}, json.loads(text)))
        return found

    def events(self) -> list[str]:
        return sorted(variables["GUILD_EVENT"] for variables, _ in self.all())

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self._guild.home.glob("hooks/[a-z]*"))


@pytest.fixture
def told(guild: Guild, remote: str, tmp_path: Path) -> Told:
    found = Told(guild, tmp_path / "told")
    found.hooks({"on": ALL, "command": TELL})
    return found


def test_a_hook_gets_the_run_as_variables_and_as_json(
    guild: Guild, remote: str, told: Told
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    guild.ok("label", run_id, "-s", "best one", "-y", "-r", remote)
    guild.ok("sync")
    ((variables, data),) = told.all()
    assert variables["GUILD_EVENT"] == variables["GUILD_STATUS"] == "completed"
    assert variables["GUILD_PREVIOUS_STATUS"] == "running"
    assert variables["GUILD_REMOTE"] == remote
    assert variables["GUILD_RUN"] == run_id
    assert variables["GUILD_RUN_DIR"] == str(guild.home / "runs" / run_id)
    assert variables["GUILD_LABEL"] == data["run"]["label"] == "best one"
    assert variables["GUILD_EXIT_STATUS"] == "0"
    assert variables["GUILD_STOPPED"] == str(data["run"]["stopped"])
    assert variables["GUILD_OPERATION"].endswith("op")
    assert variables["GUILD_HOME"] == str(guild.home), "guild's own are as they were"
    assert (data["event"], data["before"], data["remote"]) == ("completed", "running", remote)
    assert data["run"]["flags"] == {"sleep": 0}
    guild.ok("sync")
    assert len(told.all()) == 1
    assert told.waiting() == []


ENDS = "import os, sys, time\nif how == 'error': sys.exit(3)\ntime.sleep(600)\nhow = ''"


def test_each_way_to_end_is_told_once(guild: Guild, remote: str, there: Path, told: Told) -> None:
    project(guild.folder, "op: {main: ends, flags: {how: x}}", ends="how = ''\n" + ENDS[:-8])
    failed = guild.started("how=error", "--no-track", remote=remote)
    stopped = guild.started("how=stop", "--no-track", remote=remote)
    guild.ok("pull", remote, "-y")
    for run_id in (failed, stopped):
        bind(guild, run_id, remote)
    guild.ok("stop", stopped, "-y", "-r", remote)
    guild("sync")
    guild("sync")
    assert told.events() == ["error", "terminated"]


def test_a_stall_and_a_retry_are_told_once_while_the_run_goes_on(
    guild: Guild, remote: str, there: Path, told: Told, tmp_path: Path
) -> None:
    told.hooks({"on": ["stalled", "retried", "completed"], "command": TELL})
    project(guild.folder, "op: {exec: sh script, stall: 1s, retry: 2}")
    until = "until test -e {}; do echo {}; sleep 0.05; done"
    first, second = (until.format(tmp_path / word, word) for word in ("first", "second"))
    script = f"test -e x || {{ touch x; {first}; exec sleep 600; }}\n{second}\n"
    (guild.folder / "script").write_text(script)
    run_id = guild.started(remote=remote)
    place = Place(guild, there, remote)
    guild.ok("sync")
    assert told.events() == []
    (tmp_path / "first").touch()
    place.wait_for_output(run_id, "second")
    for _ in range(2):
        guild.ok("sync")
        assert told.events() == ["retried", "stalled"]
    variables, data = next(each for each in told.all() if each[0]["GUILD_EVENT"] == "retried")
    assert (variables["GUILD_ATTEMPT"], variables["GUILD_STATUS"]) == ("2", "running")
    assert (data["run"]["attempt"], data["before"]) == (2, "running")
    (tmp_path / "second").touch()
    place.wait_for_end(run_id)
    guild.ok("sync")
    assert told.events() == ["completed", "retried", "stalled"]
    assert told.waiting() == []


def test_a_lost_run_is_told_once(guild: Guild, remote: str, there: Path, told: Told) -> None:
    gone, stays = pulled(guild, remote), pulled(guild, remote)
    for run_id in (gone, stays):
        bind(guild, run_id, remote)
    shutil.rmtree(there / "runs" / gone)
    guild("sync")
    assert told.events() == ["completed"]
    a_minute_later(guild)
    guild("sync")
    guild("sync")
    assert told.events() == ["completed", "lost"]


def test_a_remote_that_is_down_and_one_that_answers_again_are_told_once_each_time(
    guild: Guild, sshd: Server, remote: str, there: Path, told: Told
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    config = guild.config.read_text()
    down = yaml.safe_load(config)
    down["remotes"][remote]["port"] = 1
    for outage in (1, 2):
        guild.config.write_text(yaml.safe_dump(down))
        for _ in range(2):
            assert guild("sync").code == 3
        assert told.events().count("unreachable") == outage
        guild.config.write_text(config)
        guild.ok("sync") if outage == 1 else guild.ok("pull", remote, "-y")
        assert told.events().count("reachable") == outage
        guild.ok("sync")
        assert told.events().count("reachable") == outage
        bind(guild, run_id, remote)
    variables, data = next(found for found in told.all() if found[1]["event"] == "unreachable")
    assert variables["GUILD_RUN"] == ""
    assert data["run"] is None
    assert f"cannot reach remote '{remote}'" in variables["GUILD_REASON"]


def test_a_hook_that_fails_is_told_again_until_it_ends_with_0(
    guild: Guild, remote: str, told: Told
) -> None:
    told.end_with(3)
    bind(guild, pulled(guild, remote), remote)
    bind(guild, pulled(guild, remote), remote)
    for calls in (1, 2):
        done = guild("sync")
        assert done.code == 1
        assert done.err.count("guild: the hook ") == 1, "of two events, the other one waits"
        assert "exit status 3" in done.err
        assert len(told.all()) == calls
        assert len(told.waiting()) == 2
    told.end_with(0)
    guild.ok("sync")
    assert told.events() == ["completed"] * 4
    assert told.waiting() == []


def test_a_hook_that_hangs_is_ended_and_the_sync_is_done_by_then(
    guild: Guild, remote: str, told: Told
) -> None:
    told.hooks(
        {"on": ["completed"], "command": "sleep 600 & echo $! > $TOLD/pid; wait", "timeout": 1}
    )
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    syncing = guild.popen("sync")
    wait_until((told.folder / "pid").exists, "the hook")
    assert guild.status(run_id) == "completed"
    said, _ = syncing.communicate(timeout=60)
    assert syncing.returncode == 1
    assert b"it took longer than 1 s" in said
    pid = int((told.folder / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}/stat").exists() or is_dead(pid), "its end")


def is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_pull_tells_too_and_not_of_runs_that_were_not_here(
    guild: Guild, remote: str, told: Told
) -> None:
    run_id = pulled(guild, remote)
    assert told.all() == [], "it comes with its past, which is no news"
    bind(guild, run_id, remote)
    guild.ok("pull", remote, run_id, "-y")
    assert told.events() == ["completed"]


def test_hooks_are_told_of_their_own_events_and_remotes_alone(
    guild: Guild, sshd: Server, remote: str, there: Path, told: Told
) -> None:
    told.hooks(
        {"on": ["error", "lost"], "command": TELL},
        {"on": ["completed"], "command": TELL, "remotes": ["other"]},
        {"on": ["completed"], "command": ["sh", "-c", TELL], "remotes": ["other", remote]},
    )
    bind(guild, pulled(guild, remote), remote)
    guild.ok("sync")
    assert told.events() == ["completed"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_between_a_change_and_the_word_of_it_loses_no_event_and_makes_none(
    guild: Guild, remote: str, told: Told, moment: str
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    event: dict[str, Any] = {"event": "completed", "remote": remote, "before": "running"}
    event |= {"run": run_id}
    event |= {"id": f"completed-{run_id}", "reason": "", "at": time.time(), "done": [], "tries": 0}
    if moment == "after":
        guild.ok("pull", remote, run_id, "-y")
        for path in told.folder.glob("*.told"):
            path.unlink()
    (guild.home / "hooks").mkdir(exist_ok=True)
    (guild.home / "hooks" / f"completed-{run_id}.expected").write_text(json.dumps(event))
    guild.ok("sync")
    assert told.events() == ["completed"]
    assert told.waiting() == []


def test_a_kill_while_a_hook_runs_has_it_told_again(guild: Guild, remote: str, told: Told) -> None:
    told.hooks(
        {"on": ["completed"], "command": "touch $TOLD/begun; exec sleep 600", "timeout": 600}
    )
    bind(guild, pulled(guild, remote), remote)
    syncing = guild.popen("sync")
    wait_until((told.folder / "begun").exists, "the hook")
    kill(syncing)
    assert len(told.waiting()) == 1
    told.hooks({"on": ["completed"], "command": TELL})
    guild.ok("sync")
    assert told.events() == ["completed"]


def test_two_syncs_at_once_tell_once(guild: Guild, remote: str, told: Told) -> None:
    told.end_with(1)
    bind(guild, pulled(guild, remote), remote)
    guild("sync")
    told.end_with(0)
    for path in told.folder.glob("*.told"):
        path.unlink()
    syncing = [guild.popen("sync") for _ in range(5)]
    assert [one.wait(60) for one in syncing] == [0] * 5
    assert told.events() == ["completed"]


NASTY = "$(touch canary) `touch canary`; touch canary #'\"\\\n|&\x1b[31m"


def test_what_a_run_says_of_itself_is_no_command(
    guild: Guild, remote: str, there: Path, told: Told
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    label = there / "runs" / run_id / ".guild" / "attrs" / "label"
    label.write_text(json.dumps(NASTY))
    guild.ok("sync")
    ((variables, data),) = told.all()
    assert variables["GUILD_LABEL"] == data["run"]["label"] == NASTY
    assert list(guild.folder.rglob("canary")) + list(told.folder.rglob("canary")) == []


FAULTS: list[tuple[Any, str]] = [
    ("x", "hooks: must be a list"),
    (["x"], "hooks: 1: must be a mapping"),
    ([{"on": ["completed"]}], "hooks: 1: command: is missing"),
    ([{"command": "x"}], "hooks: 1: on: is missing"),
    (
        [{"on": ["done"], "command": "x"}],
        "hooks: 1: on: must be one or a list of started, completed",
    ),
    (
        [{"on": "errors", "command": "x"}],
        "hooks: 1: on: must be one or a list of started, completed",
    ),
    ([{"on": ["error"], "command": []}], "hooks: 1: command: must be a command for sh, or a"),
    ([{"on": ["error"], "command": "x", "timeout": 0}], "hooks: 1: timeout: must be a whole"),
    (
        [{"on": ["error"], "command": "x", "remote": "y"}],
        "hooks: 1: remote: is not a key of a hook",
    ),
]


@pytest.mark.parametrize(("hooks", "fault"), FAULTS)
def test_a_fault_in_the_hooks_keeps_no_run_from_its_end_and_is_said(
    guild: Guild, remote: str, told: Told, hooks: Any, fault: str
) -> None:
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    found = yaml.safe_load(guild.config.read_text())
    guild.config.write_text(yaml.safe_dump({**found, "hooks": hooks}))
    done = guild("sync")
    assert done.code == 1
    assert done.err.splitlines()[1].strip().startswith(fault)
    assert guild.status(run_id) == "completed"
    guild.config.write_text(yaml.safe_dump(found))
    guild.ok("sync")
    assert told.events() == ["completed"], "once it is mended, the event is told"


def test_what_is_in_the_folder_and_no_event_is_removed(
    guild: Guild, remote: str, told: Told
) -> None:
    folder = guild.home / "hooks"
    folder.mkdir(parents=True)
    for number, text in enumerate(["", "[]", "{", '{"event": "error"}', "[" * 99999]):
        (folder / f"x{number}.json").write_text(text)
        (folder / f"x{number}.expected").write_text(text)
    guild.ok("sync")
    assert told.waiting() == []
    assert told.all() == []


# ---- faults of the config file


def faulty(guild: Guild, *hooks: dict[str, Any]) -> None:
    """Give the config file a remote and a hook that have a fault, beside those that have none."""
    found = yaml.safe_load(guild.config.read_text())
    found["remotes"]["bad"] = {"type": "ssh", "port": 0}
    found["hooks"] = [*hooks, {"on": ["never"], "command": "x"}]
    guild.config.write_text(yaml.safe_dump(found))


THREE_FAULTS = [
    "  remotes: bad: port: must be a number from 1 to 65535, not 0",
    "  remotes: bad: host: is missing",
    "  hooks: 2: on: must be one or a list of started, completed, error, terminated, lost, "
    "stalled, retried, unreachable, reachable, not ['never']",
]


def test_a_fault_of_a_hook_or_a_remote_stops_no_other(
    guild: Guild, remote: str, told: Told
) -> None:
    usual = guild.config.read_text()
    faulty(guild, {"on": ALL, "command": TELL})
    bind(guild, pulled(guild, remote), remote)
    done = guild("sync")
    assert done.code == 1
    assert done.err.splitlines() == [f"guild: {guild.config} has 3 faults:", *THREE_FAULTS]
    assert told.events() == ["completed"]
    assert guild("sync").code == 1, "until it is mended"
    assert told.events() == ["completed"], "each hook is told once"
    guild.config.write_text(usual)
    found = yaml.safe_load(usual)
    found["hooks"].append({"on": ["completed"], "command": f"touch {told.folder}/mended"})
    guild.config.write_text(yaml.safe_dump(found))
    guild.ok("sync")
    assert (told.folder / "mended").exists(), "a hook that was mended is told too"
    assert told.events() == ["completed"]


def test_all_faults_are_told_where_one_is_looked_for(guild: Guild, remote: str, told: Told) -> None:
    faulty(guild, {"on": ALL, "command": TELL})
    expected = [f"guild: {guild.config} has 3 faults:", *THREE_FAULTS]
    listed = guild("remotes")
    assert (listed.code, listed.err.splitlines()) == (1, expected)
    assert [line.split()[0] for line in listed.lines] == [remote, "sandbox"]
    checked = guild("check")
    assert checked.code == 1
    assert [line.strip() for line in THREE_FAULTS] == [
        line.strip() for line in checked.lines if line.strip().startswith(("remotes: b", "hooks"))
    ]
    for words in (["runs", "-r", "bad"], ["pull", "bad", "-y"], ["hooks"]):
        needed = guild(*words)
        assert (needed.code, needed.err.splitlines()) == (1, expected)
    guild.ok("runs", "-r", remote)
    guild.ok("status")
