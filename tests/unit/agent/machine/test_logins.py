"""Whether systemd ends what a user runs at logout, as its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from guild_sync.agent.machine import logins
from guild_sync.agent.machine.environment import user_name

KILLS = "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n"


def system(top: Path, **files: str) -> str:
    (top / "run/systemd/system").mkdir(parents=True)
    for name, text in files.items():
        path = top / "etc/systemd" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(top)


def test_it_does_only_where_it_is_told_to(tmp_path: Path) -> None:
    assert not logins.are_runs_ended(system(tmp_path / "1"))
    assert not logins.are_runs_ended(system(tmp_path / "2", logind_conf="#KillUserProcesses=yes\n"))
    assert logins.are_runs_ended(system(tmp_path / "3", logind_conf=KILLS))


def test_a_later_file_counts_more(tmp_path: Path) -> None:
    later = {"logind.conf.d__90-no_conf": "KillUserProcesses = no\n"}
    assert not logins.are_runs_ended(system(tmp_path, logind_conf=KILLS, **later))


def test_what_the_distribution_has_counts_where_the_machine_has_no_file_of_its_own(
    tmp_path: Path,
) -> None:
    top, shipped = system(tmp_path), tmp_path / "usr/lib/systemd/logind.conf"
    shipped.parent.mkdir(parents=True)
    shipped.write_text(KILLS)
    assert logins.are_runs_ended(top)
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (tmp_path / "etc/systemd/logind.conf").write_text("[Login]\n")
    assert not logins.are_runs_ended(top)


@pytest.mark.parametrize(
    ("keys", "ended"),
    [
        ("KillOnlyUsers=ann", False),
        ("KillOnlyUsers={me} ann", True),
        ("KillExcludeUsers={me}", False),
    ],
)
def test_users_are_named_or_left_out(tmp_path: Path, keys: str, ended: bool) -> None:
    text = KILLS + keys.format(me=user_name()) + "\n"
    assert logins.are_runs_ended(system(tmp_path, logind_conf=text)) is ended


def test_who_lingers_is_let_be_and_without_systemd_all_are(tmp_path: Path) -> None:
    top = system(tmp_path, logind_conf=KILLS)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger" / user_name()).touch()
    assert not logins.are_runs_ended(top)
    assert not logins.are_runs_ended(str(tmp_path / "nothing"))
