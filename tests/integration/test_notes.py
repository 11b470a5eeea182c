"""What people wrote is kept: labels, tags, comments and marks of runs that are copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from guild_ai import GuildAi
from support import Guild, Place

from guild_sync.agent.copies import notes


@pytest.fixture
def far(guild: Guild, there: Path, remote: str) -> Place:
    """The remote."""
    return Place(guild, there, remote)


@pytest.fixture
def here(guild: Guild) -> Place:
    """This machine."""
    return Place(guild, guild.home)


@pytest.fixture
def run_id(guild: Guild, far: Place) -> str:
    """A run that runs on the remote and was pulled, with a label."""
    run_id = far.started("sleep=600")
    far.ok("label", "-s", "first", "-y")
    guild.ok("pull", "guild-uat", "-y")
    return run_id


def bodies(place: Place, run_id: str) -> list[Any]:
    return [comment["body"] for comment in place.attr(run_id, "comments") or []]


def test_a_run_that_is_not_here_yet_comes_with_what_was_written_there(
    guild: Guild, here: Place, far: Place
) -> None:
    guild.ok("run", "op", "sleep=0", "-r", "guild-uat", "-y")
    (run_id,) = far.ok("select").lines
    for argv in (["label", "-s", "best"], ["tag", "-a", "x"], ["comment", "-a", "hm"], ["mark"]):
        far.ok(*argv, "-y")
    guild.ok("pull", "guild-uat", "-y")
    assert (here.attr(run_id, "label"), here.attr(run_id, "tags")) == ("best", ["x"])
    assert (bodies(here, run_id), here.attr(run_id, "marked")) == (["hm"], True)


@pytest.mark.parametrize("command", [("sync",), ("pull", "guild-uat", "-y")], ids=["sync", "pull"])
def test_what_was_written_here_outlives_a_copy(
    guild: Guild, here: Place, far: Place, run_id: str, command: tuple[str, ...]
) -> None:
    for argv in (["label", "-s", "mine"], ["tag", "-a", "m"], ["comment", "-a", "m"], ["mark"]):
        here.ok(*argv, "-y")
    far.ok("tag", "-a", "t", "-y")
    far.ok("comment", "-a", "t", "-y")
    assert guild.ok(*command).err == ""
    assert (here.attr(run_id, "label"), here.attr(run_id, "tags")) == ("mine", ["m", "t"])
    assert (bodies(here, run_id), here.attr(run_id, "marked")) == (["m", "t"], True)
    assert far.attr(run_id, "label") == "first"


def test_what_was_changed_there_alone_comes_here_with_a_sync(
    guild: Guild, here: Place, far: Place, run_id: str
) -> None:
    far.ok("label", "-s", "second", "-y")
    guild.ok("sync")
    assert here.attr(run_id, "label") == "second"
    far.ok("label", "-c", "-y")
    guild.ok("sync")
    assert here.attr(run_id, "label") is None
    assert "Copying" not in guild.ok("sync").out, "it is unchanged"


def test_a_label_that_both_have_changed_stays_and_one_line_says_so(
    guild: Guild, here: Place, far: Place, run_id: str
) -> None:
    here.ok("label", "-s", "mine", "-y")
    far.ok("label", "-s", "theirs", "-y")
    done = guild("sync")
    assert done.code == 0
    assert done.err.splitlines() == [
        f"guild: the label of run {run_id} was changed here and on guild-uat: what is here stays",
        "To have it the same, write what is on guild-uat here too.",
    ]
    far.ok("tag", "-a", "x", "-y")
    assert guild("sync").err == "", "it is said once"
    assert (here.attr(run_id, "label"), far.attr(run_id, "label")) == ("mine", "theirs")


def test_a_copy_of_an_earlier_version_keeps_what_is_written_on_either_side(
    guild: Guild, here: Place, far: Place, run_id: str
) -> None:
    (here.run_dir(run_id) / ".guild" / notes.BASE).unlink()
    here.ok("label", "-s", "mine", "-y")
    here.ok("tag", "-a", "m", "-y")
    far.ok("tag", "-a", "t", "-y")
    assert "what is here stays" in guild("sync").err
    assert (here.attr(run_id, "label"), here.attr(run_id, "tags")) == ("mine", ["m", "t"])


def test_a_push_keeps_what_was_written_there(guild: Guild, here: Place, far: Place) -> None:
    guild.ok("run", "op", "sleep=0", "-l", "first", "-y")
    (run_id,) = guild.ok("select").lines
    guild.ok("push", "guild-uat", "-y")
    here.ok("label", "-s", "second", "-y")
    guild.ok("push", "guild-uat", "-y")
    assert far.attr(run_id, "label") == "second"
    far.ok("label", "-s", "theirs", "-y")
    far.ok("comment", "-a", "t", "-y")
    here.ok("comment", "-a", "m", "-y")
    assert guild.ok("push", "guild-uat", "-y").err == ""
    assert (far.attr(run_id, "label"), bodies(far, run_id)) == ("theirs", ["t", "m"])
    here.ok("label", "-s", "mine", "-y")
    for _ in range(2):
        done = guild("push", "guild-uat", "-y")
        assert done.err.startswith(f"guild: the label of run {run_id} was changed here and on ")
        assert "what is on guild-uat stays" in done.err
        assert far.attr(run_id, "label") == "theirs"
    done = guild("pull", "guild-uat", run_id, "-y")
    assert "what is here stays" in done.err
    assert (here.attr(run_id, "label"), bodies(here, run_id)) == ("mine", ["t", "m"])


def test_a_label_written_on_a_copy_goes_back_with_a_push(
    guild: Guild, here: Place, far: Place
) -> None:
    guild.ok("run", "op", "sleep=0", "-l", "first", "-r", "guild-uat", "-y")
    guild.ok("pull", "guild-uat", "-y")
    (run_id,) = guild.ok("select").lines
    here.ok("label", "-s", "mine", "-y")
    assert guild.ok("push", "guild-uat", "-y").err == ""
    assert far.attr(run_id, "label") == "mine"


def test_guild_ai_shows_what_was_merged(
    guild: Guild, far: Place, run_id: str, guild_ai: GuildAi
) -> None:
    guild_ai.ok("label", run_id, "-s", "mine", "-y")
    guild_ai.ok("tag", run_id, "-a", "m", "-y")
    far.ok("tag", "-a", "t", "-y")
    guild.ok("sync")
    run = guild_ai.runs()[run_id]
    assert (run["label"], run["tags"]) == ("mine", ["m", "t"])
