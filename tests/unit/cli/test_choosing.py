"""Which runs a command that changes them means where none is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from asked_host import AskedHost
from rundirs import A, B, C, make

from guild_sync.agent.protocol import Filters, Value
from guild_sync.agent.store.home import home_id
from guild_sync.cli import choosing
from guild_sync.cli.arguments import Arguments
from guild_sync.config.home import guild_home
from guild_sync.errors import UsageError
from guild_sync.hosts.local import LocalHost
from guild_sync.runs import person


class Remote(AskedHost):
    """A guild home as a remote of that name has it."""

    name = "gpu1"


NONE: Filters = {}


def of_own(host: LocalHost, **options: object) -> Filters:
    args = Arguments({f"--{name.replace('_', '-')}": value for name, value in options.items()})
    return choosing.of_own(args, host, NONE)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(str(tmp_path / "there"))


def test_on_a_remote_ones_own_are_meant_where_none_is_named(remote: LocalHost) -> None:
    assert of_own(remote) == {"mine": person.mine()}


def test_a_name_or_a_word_for_all_means_others_too(remote: LocalHost) -> None:
    assert choosing.of_own(Arguments({"RUN": ["1"]}), remote, NONE) is NONE
    assert of_own(remote, all_users=True) is NONE


def test_on_this_machine_all_are_meant(tmp_path: Path) -> None:
    assert of_own(LocalHost(str(tmp_path))) is NONE


def test_who_asks_for_both_has_said_nothing(remote: LocalHost) -> None:
    with pytest.raises(UsageError, match="--all-users and --mine exclude each other"):
        of_own(remote, all_users=True, mine=True)


def test_who_asks_for_their_own_is_told_of_no_others(remote: LocalHost) -> None:
    assert of_own(remote, mine=True) is NONE, "the filter has it"


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (0, ""),
        (-1, ""),  # one of one's own was started between two questions
        (1, "1 run of others on gpu1 was left: name it, or use --all-users\n"),
        (2, "2 runs of others on gpu1 were left: name them, or use --all-users\n"),
    ],
)
def test_how_many_others_there_are_is_one_line(
    remote: LocalHost, capsys: pytest.CaptureFixture[str], count: int, line: str
) -> None:
    choosing.tell_of_others(remote, count)
    assert capsys.readouterr().out == line


@pytest.fixture
def there(remote: LocalHost, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The guild home of the remote that `-r gpu1` means, with a run of mine and two of others'."""
    monkeypatch.setattr(choosing, "host", lambda name: remote)
    mine = {**person.starter(), "client": "x"}
    other: dict[str, Value] = {**mine, "home": "another"}
    home = Path(remote.home)
    make(home, A, started=1, exit_status=0, started_by=mine)
    make(home, B, started=2, exit_status=0, started_by=other)
    make(home, C, started=3, exit_status=0, started_by=other)
    assert home_id(str(guild_home()), make=False) == mine["home"]
    return home


@pytest.mark.parametrize(
    ("whole", "others"), [(True, "2 runs of others"), (False, "1 run of others")]
)
def test_what_others_would_be_meant_is_counted(
    there: Path, remote: Remote, capsys: pytest.CaptureFixture[str], whole: bool, others: str
) -> None:
    args = Arguments({"--remote": "gpu1"})
    assert choosing.choose(args, changes=True, all_runs=whole).ids == [A]
    assert remote.asked == ["list_runs"], "each question is an ssh"
    assert capsys.readouterr().out.startswith(others)
    assert len(choosing.choose(args, changes=False, all_runs=True).ids) == 3
    assert choosing.choose(args, changes=True, all_runs=whole, label=["none"]).ids == []
    assert capsys.readouterr().out == "", "others' do not meet the filters either"
