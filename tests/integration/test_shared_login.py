"""Several people whose remote is one login: whose runs are meant where none is named."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from earlier import EarlierGuild
from support import Guild, Place, project

from guild_sync.agent.protocol import STARTED_BY
from guild_sync.agent.store.home import home_id

LEFT = "1 run of others on guild-uat was left: name it, or use --all-users"
# What changes the latest run, the attribute that it changes, and what it says.
CHANGES = [
    (("label", "-s", "mine"), "label", "Labeled"),
    (("tag", "-a", "mine"), "tags", "Changed the tags of"),
    (("comment", "-a", "mine"), "comments", "Added a comment to"),
    (("mark",), "marked", "Marked"),
]


def person(guild: Guild, name: str, home: Path) -> Guild:
    """Somebody with a guild home of their own, and the same remotes."""
    return Guild(guild.folder, {**guild.env, "LOGNAME": name, "GUILD_HOME": str(home)})


@pytest.fixture
def ann(guild: Guild, remote: str, there: Path) -> Place:
    return Place(person(guild, "ann", guild.home), there, remote)


@pytest.fixture
def bob(guild: Guild, remote: str, there: Path, tmp_path: Path) -> Place:
    return Place(person(guild, "bob", tmp_path / "bob"), there, remote)


def listed(place: Place, *argv: str) -> dict[str, Any]:
    """The runs that `guild runs` lists there, and who it says has started each."""
    found = json.loads(place.ok("runs", "--json", "-a", *argv).out)
    return {run["id"]: run["started_by"] for run in found}


def test_without_run_ones_own_are_changed_and_it_is_said_how_many_others_there_are(
    ann: Place, bob: Place
) -> None:
    assert not (bob.guild.home / "runs").exists(), "a fresh workstation"
    first, second = ann.started("sleep=600"), bob.started("sleep=600")
    homes = [home_id(str(place.guild.home), make=False) for place in (ann, bob)]
    assert None not in homes
    assert listed(ann) == {
        second: {"user": "bob", "client": socket.gethostname(), "home": homes[1]},
        first: {"user": "ann", "client": socket.gethostname(), "home": homes[0]},
    }
    assert list(listed(ann, "--mine")) == [first]
    assert list(listed(bob, "--mine")) == [second]
    assert f"  started_by: bob@{socket.gethostname()}" in bob.ok("runs", "-v").lines

    # The latest run is another's.
    for words, attribute, told in CHANGES:
        before = bob.attr(second, attribute)
        assert ann.ok(*words, "-y").lines == [LEFT, f"{told} 1 run on guild-uat"]
        changed = ann.attr(first, attribute)
        assert changed != before
        assert bob.attr(second, attribute) == before
        assert bob.ok(*words, "-y").lines == [f"{told} 1 run on guild-uat"]
        assert bob.attr(second, attribute) != before
    ann.ok("label", "-s", "named", "1", "-y")
    assert bob.attr(second, "label") == "named"
    assert ann.ok("comment", "-l").lines[0].startswith(f"[{second[:8]}]"), "a look at the latest"

    assert ann.ok("stop", "-y").lines[0] == LEFT
    assert (ann.status(first), bob.status(second)) == ("terminated", "running")
    assert ann.ok("stop", "-y").lines == [LEFT, "Nothing to stop."]
    assert LEFT not in ann.ok("stop", second, "-y").lines

    assert ann.ok("rm", "-y").lines == [LEFT, "Deleted 1 run on guild-uat"]
    assert list(listed(ann)) == [second]
    assert ann.ok("rm", "--all-users", "-y").lines == ["Deleted 1 run on guild-uat"]
    assert bob.ok("restore", "-y").lines == [LEFT, "Restored 1 run on guild-uat"]
    assert list(listed(ann)) == [second]
    assert bob.ok("purge", "-y").lines == [LEFT, "Nothing to purge."]
    assert list(listed(ann, "--deleted")) == [first]


def test_trials_are_their_batchs_and_a_run_is_of_who_started_it_last(
    ann: Place, bob: Place
) -> None:
    project(ann.guild.folder, "op: {main: fails, flags: {x: 1}}", fails="import sys; sys.exit(1)")
    ann("run", "op", "x=[1,2]", "-y")
    assert {who["user"] for who in listed(ann).values()} == {"ann"}
    assert len(listed(ann, "--mine")) == 3
    batch = next(i for i in listed(ann) if (ann.run_dir(i) / ".guild/BATCH").exists())
    bob("run", "--restart", batch, "-y")
    users = {run_id: who["user"] for run_id, who in listed(bob).items()}
    assert users[batch] == "bob"
    assert sorted(users.values()) == ["ann", "ann", "bob", "bob", "bob"]


def test_what_an_earlier_version_has_started_is_ones_own_where_nobody_else_is(
    ann: Place, bob: Place, earlier: EarlierGuild
) -> None:
    earlier.ok("run", "op", "sleep=0", "-r", str(ann.remote), "-y")
    (old,) = listed(ann)
    assert listed(ann, "--mine") == {old: None}
    own = ann.started("sleep=0")
    ann.wait_until_dead(own)
    assert ann.ok("rm", "-y").lines == ["Deleted 2 runs on guild-uat"]
    ann.ok("restore", "-y")
    other = bob.started("sleep=0")
    bob.wait_until_dead(other)
    assert list(listed(ann, "--mine")) == [own]
    assert ann.ok("rm", "-y").lines == [
        LEFT.replace("1 run ", "2 runs ").replace("was left: name it", "were left: name them"),
        "Deleted 1 run on guild-uat",
    ]
    ann.ok("rm", old, other, "-y")  # what lies in the trash says that there is somebody else
    ann.ok("restore", old, "-y")
    assert listed(ann, "--mine") == {}


def test_a_copy_keeps_who_started_it(ann: Place, bob: Place) -> None:
    here = Place(ann.guild, ann.guild.home)
    own, other = ann.started("sleep=0"), bob.started("sleep=600")
    ann.guild.ok("pull", "guild-uat", "--mine", "-y")
    assert list(listed(here)) == [own]
    ann.guild.ok("pull", "guild-uat", "-y")
    assert listed(here) == listed(ann)
    assert list(listed(here, "--mine")) == [own]
    assert here.attr(other, STARTED_BY)["user"] == "bob"
    # Here all runs are meant where none is named, as ever.
    assert "Deleted 2 runs" in ann.guild.ok("rm", "-y").lines
    assert os.listdir(ann.guild.home / "runs") == [".home-id"]
    bob.guild.ok("sync", "--mine")
    assert list(listed(Place(bob.guild, bob.guild.home))) == [other], "what is not here yet counts"
    bob.ok("stop", "-y")
