"""What `ps` and `sysctl` print on macOS and FreeBSD is read as it is meant.

No machine of either was at hand. The lines have the form that their sources and manual pages tell
of: bin/ps/print.c and kern_mib.c of FreeBSD, ps(1) of macOS, and outputs that others have shown.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence

import pytest

from guild_sync.agent.facts import by_ps, sysctl
from guild_sync.agent.facts.telling import Untold

# macOS 14: ps -A -S -o pid= -o ppid= -o pgid= -o stat= -o time= -o lstart=
MACOS = """\
    1     0     1 Ss     1:43.09 Mon May  4 09:01:55 2026
  412     1   412 S+     0:00.05 Mon May  4 09:02:10 2026
 8021   412  8021 T    123:07.51 Tue Dec  1 23:59:59 2026
 8022   412  8021 Z      0:00.00 Tue Dec  1 23:59:59 2026
"""
# FreeBSD 14, the same words; of a zombie it tells little.
FREEBSD = """\
    0    0    0 DLs     0:02.10 Thu Aug  1 15:12:03 2024
  900    1  900 Is      0:00,00 Thu Aug  1 15:12:04 2024
  901    1  901 I<s  2-03:04:05 Thu Aug  1 15:12:04 2024
  902  901  901 Z           - -
ps: something that is no process
"""


def at(text: str) -> int:
    return int(time.mktime(time.strptime(text + " UTC", "%Y-%m-%d %H:%M:%S %Z"))) - time.timezone


def test_processes_of_macos_are_read() -> None:
    first, second, suspended, zombie = by_ps.parsed(MACOS)
    assert first == (1, 0, 1, "Ss", 103.09, at("2026-05-04 09:01:55"))
    assert (second.parent, second.group, second.seconds) == (1, 412, 0.05)
    assert (suspended.state, suspended.seconds) == ("T", 7387.51)
    assert zombie.state == "Z"


def test_processes_of_freebsd_are_read_and_what_makes_no_sense_is_left_out() -> None:
    kernel, days, zombie = by_ps.parsed(FREEBSD)
    assert (kernel.pid, kernel.began) == (0, at("2024-08-01 15:12:03"))
    assert (days.pid, days.seconds) == (901, ((2 * 24 + 3) * 60 + 4) * 60 + 5)
    assert (zombie.pid, zombie.parent, zombie.state) == (902, 901, "Z")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1 0",
        "1 0 1 Ss 1:43.09 Mon Mai  4 09:01:55 2026",
        "1 0 1 Ss 1:43.09 Mon May  4 9h01 2026",
        "1 0 1 Ss 1:43.09 Mon May  x 09:01:55 2026",
        "x 0 1 Ss 1:43.09 Mon May  4 09:01:55 2026",
        "1 0 1 Ss soon Mon May  4 09:01:55 2026",
        "1 0 1 Ss 1:43.09 Mon May  4 09:01:55 2026 more",
        "1 0 1 Ss 1:43.09 Mon May  4 09:01:55 202",  # cut
        "1 0 1 Ss 1:43.09 Mon May  4 09:01:55 0000",
        "1 0 1 Ss 1:43.09 Mon May  4 09:01:55 99999",
        "1 0 1 Ss 1:43.09 Mon May 99 09:01:55 2026",
        "1 0 1 Ss 1:43.09 Mon May  4 25:01:55 2026",
        "\u00b2 0 1 Ss 1:43.09 Mon May  4 09:01:55 2026",  # digits that are no numbers
        "1 0 1 Ss 1:\u00b2 Mon May  4 09:01:55 2026",
        "1 0 1 Ss 1:43.09 Mon May  \u00b2 09:01:55 2026",
        "4294967296 0 1 Ss 1:43.09 Mon May  4 09:01:55 2026",
        "9" * 5000 + " 0 1 Ss 1:43.09 Mon May  4 09:01:55 2026",
    ],
)
def test_a_line_of_another_form_is_no_process(line: str) -> None:
    assert by_ps.parsed(line) == []


class Programs:
    """What is said by the programs of a system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: bytes) -> None:
        self.answers = answers
        self.asked: list[str] = []
        sysctl._session.cache_clear()
        sysctl._boot_id.cache_clear()
        sysctl.boot.cache_clear()
        monkeypatch.setattr(sysctl, "answer", self)
        monkeypatch.setattr(sysctl, "said", self.said)
        monkeypatch.setattr(by_ps, "said", self.said)

    def __call__(self, argv: Sequence[str]) -> bytes | None:
        name = argv[0] if argv[0] == "ps" else argv[-1].partition(".")[2]
        self.asked.append(name)
        return self.answers.get(name)

    def said(self, argv: Sequence[str]) -> str | None:
        found = self(argv)
        return None if found is None else found.decode()


BOOTTIME = b"{ sec = 1722409523, usec = 929665 } Wed Jul 31 07:05:23 2024\n"


def test_the_boot_of_macos_is_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    Programs(
        monkeypatch,
        bootsessionuuid=b"5E6FFEBE-0B2C-4BD5-8F0A-6B7C3B7E2F11\n",
        boottime=BOOTTIME,
    )
    assert sysctl.boot() == "5e6ffebe-0b2c-4bd5-8f0a-6b7c3b7e2f11"
    assert not sysctl.counts_from_boot()
    assert sysctl.reckoned_from() == 0


def test_the_boot_of_freebsd_is_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bytes.fromhex("4c8609698ad1a11cdc00cf6eb7d954e1")
    Programs(monkeypatch, boot_id=raw, boottime=BOOTTIME)
    assert sysctl.boot() == raw.hex()
    assert sysctl.counts_from_boot()
    assert sysctl.reckoned_from() == 1722409523


def test_the_boot_of_an_older_system_is_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    Programs(monkeypatch, boottime=BOOTTIME)
    assert sysctl.boot() == "boottime 1722409523"


def test_a_boot_that_is_not_told_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    Programs(monkeypatch, bootsessionuuid=b"unknown\n", boot_id=b"short", boottime=b"today\n")
    assert sysctl.boot() is None


def line_of(pid: int, second: int = 3, state: str = "S") -> bytes:
    return b"%d 1 %d %s 0:00.01 Thu Aug  1 15:12:%02d 2024\n" % (
        pid,
        pid,
        state.encode(),
        second,
    )


def test_ps_is_asked_once_for_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    parent, own = os.getppid(), os.getpid()
    programs = Programs(monkeypatch, ps=line_of(own) + line_of(parent, 4))
    told = by_ps.ByPs()
    assert told.start_time(own) == at("2024-08-01 15:12:03")
    assert told.start_time(parent) == at("2024-08-01 15:12:04")
    assert programs.asked.count("ps") == 1
    programs.answers["ps"] = line_of(own, 5)
    assert told.start_time(own, is_fresh=True) == at("2024-08-01 15:12:05")
    assert programs.asked.count("ps") == 2


def test_of_a_process_that_ps_does_not_tell_of_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = Programs(monkeypatch, ps=line_of(1))
    with pytest.raises(Untold):
        by_ps.ByPs().start_time(os.getpid())
    del programs.answers["ps"]
    with pytest.raises(Untold):
        by_ps.ByPs().start_time(os.getpid())
    with pytest.raises(Untold):
        by_ps.ByPs().processes()


def test_a_ps_that_does_not_answer_is_not_asked_for_each_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that hangs takes ten seconds each time; a second later it may answer."""
    programs = Programs(monkeypatch)
    told = by_ps.ByPs()
    for pid in (os.getpid(), os.getppid(), os.getpid()):
        with pytest.raises(Untold):
            told.start_time(pid)
    assert programs.asked.count("ps") == 1
    monkeypatch.setattr(by_ps, "_KEPT", -1.0)
    programs.answers["ps"] = line_of(os.getpid())
    assert told.start_time(os.getpid()) is not None


def test_a_number_that_no_process_can_have_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    Programs(monkeypatch)
    for number in (1 << 31, 1 << 80):
        assert by_ps.ByPs().is_gone(number)
        assert by_ps.ByPs().start_time(number) is None


def test_what_has_ended_is_gone_without_a_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch)
    with subprocess.Popen(["true"]) as child:
        pass
    assert by_ps.ByPs().start_time(child.pid) is None
    assert by_ps.ByPs().is_gone(child.pid)
    assert programs.asked == []


def test_a_zombie_does_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getpid()
    Programs(monkeypatch, ps=line_of(own, state="Z"))
    assert by_ps.ByPs().start_time(own) is None


def test_a_clock_that_is_set_makes_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getpid()
    raw = bytes(range(16))
    programs = Programs(monkeypatch, boot_id=raw, boottime=BOOTTIME, ps=line_of(own, 3))
    before = by_ps.ByPs().start_time(own)
    programs.answers["boottime"] = b"{ sec = 1722409524, usec = 100 } Wed Jul 31 07:05:24 2024\n"
    programs.answers["ps"] = line_of(own, 5)
    after = by_ps.ByPs().start_time(own)
    assert before != after
    assert by_ps.ByPs().is_one(before, after)
    assert not by_ps.ByPs().is_one(before, None)
    programs.answers["ps"] = line_of(own, 9)
    assert not by_ps.ByPs().is_one(before, by_ps.ByPs().start_time(own))
