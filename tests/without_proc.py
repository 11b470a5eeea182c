"""A Linux that hides /proc, and whose `ps` and `sysctl` answer as those of macOS or FreeBSD do.

What they tell is true: it is read from a procfs that is mounted elsewhere. What they print has the
form of bin/ps/print.c and sbin/sysctl/sysctl.c of FreeBSD, and of the manual pages of macOS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support import Done, Guild

SYSTEMS = ("macos", "freebsd")

_PS = """\
#!{python} -IS
import os, sys, time
top, system = {top!r}, {system!r}
known = ["pid", "ppid", "pgid", "stat", "time", "lstart"] + ["jid"] * (system == "freebsd")
words, columns, pids = sys.argv[1:], [], None
while words:
    word = words.pop(0)
    if word == "-o":
        columns.append(words.pop(0).rstrip("="))
    elif word == "-p":
        pids = words.pop(0).split(",")
    elif word not in ("-A", "-S"):
        sys.exit("ps: illegal option -- %s" % word.lstrip("-"))
for column in columns:
    if column not in known:
        sys.exit("ps: %s: keyword not found" % column)
# macOS keeps what the clock said at the start, FreeBSD the time since the boot.
boot = float(open(top + ("/boottime" if system == "freebsd" else "/kept")).read())
ticks = os.sysconf("SC_CLK_TCK")
for pid in sorted(filter(str.isdigit, os.listdir(top + "/proc")), key=int):
    try:
        fields = open(top + "/proc/%s/stat" % pid, "rb").read().rpartition(b")")[2].split()
    except OSError:
        continue
    if pids is not None and pid not in pids:
        continue
    cpu = sum(map(int, fields[11:15])) / ticks
    told = dict(pid=pid, ppid=fields[1].decode(), pgid=fields[2].decode(), jid="0")
    told["stat"] = fields[0].decode() + "s"
    told["time"] = "%d:%05.2f" % divmod(cpu, 60)
    began = time.localtime(boot + int(fields[19]) / ticks)
    told["lstart"] = time.strftime("%a %b %e %H:%M:%S %Y", began)
    if system == "freebsd" and fields[0] == b"Z":
        told["time"] = told["lstart"] = "-"
    print(" ".join(told[column].rjust(5) for column in columns))
"""

_SYSCTL = """\
#!{python} -IS
import sys, time
top, system = {top!r}, {system!r}
how, name = sys.argv[1:]
boot = float(open(top + "/boottime").read())
if (how, name) == ("-n", "kern.boottime"):
    date = time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(boot))
    print("{{ sec = %d, usec = %d }} %s" % (boot, boot % 1 * 1e6, date))
elif (how, name, system) == ("-n", "kern.bootsessionuuid", "macos"):
    print(open(top + "/boot").read().upper())
elif (how, name, system) == ("-b", "kern.boot_id", "freebsd"):
    sys.stdout.buffer.write(bytes.fromhex(open(top + "/boot").read().replace("-", "")))
else:
    sys.exit("sysctl: unknown oid '%s'" % name)
"""

# Behind these lines, in a mount namespace of its own: all that is typed behind them.
_HIDE = """\
top=$1; shift
mount --bind /proc "$top/proc"
mount -t tmpfs -o mode=755 none /proc
# What /dev/fd is a link to here: on FreeBSD it has no others than these.
mkdir /proc/self
if [ "$(cat "$top/system")" = macos ]; then
    ln -s "$top/proc/self/fd" /proc/self/fd
else
    mkdir /proc/self/fd
    for number in 0 1 2; do ln -s "$top/proc/self/fd/$number" /proc/self/fd/$number; done
fi
for name in ps sysctl; do mount --bind "$top/$name" "$(cat "$top/$name.place")"; done
exec "$@"
"""


class Unavailable(Exception):
    """Nothing can be hidden here."""


class Hidden:
    """A system with a `ps` and a `sysctl` and no /proc, for what is started in it."""

    def __init__(self, top: Path, system: str) -> None:
        self.top, self.system = top, system
        (top / "proc").mkdir(parents=True)
        (top / "system").write_text(system)
        # Not what /proc/stat says: that changes with each small step of the clock.
        self.boot_time = round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), 3)
        self.boots("c56a4180-65aa-42ec-a945-5fd21dec0538")
        (top / "kept").write_text(f"{self.boot_time:.3f}")
        for name, text in (("ps", _PS), ("sysctl", _SYSCTL)):
            place = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
            if place is None:
                raise Unavailable(f"there is no {name} here to put another one over")
            (top / name).write_text(text.format(python=sys.executable, top=str(top), system=system))
            (top / name).chmod(0o755)
            (top / f"{name}.place").write_text(os.path.realpath(place))
        done = subprocess.run(self.argv(["ps", "-o", "pid=", "-p", "1"]), capture_output=True)
        if done.returncode != 0:
            raise Unavailable(f"/proc cannot be hidden: {done.stderr.decode().strip()}")

    def argv(self, argv: Sequence[str]) -> list[str]:
        """A command line that runs another one where /proc is hidden."""
        unshare = ("unshare", "--mount", "--propagation", "private")
        return [*unshare, "sh", "-ec", _HIDE, "sh", str(self.top), *argv]

    def boots(self, boot: str) -> None:
        """Have it have booted anew, a minute later than it had before."""
        self.sets_clock(60)
        (self.top / "boot").write_text(boot)

    def sets_clock(self, seconds: float) -> None:
        """Have the clock be set: what is reckoned from the boot's time is another now."""
        self.boot_time += seconds
        (self.top / "boottime").write_text(f"{self.boot_time:.3f}")


class HiddenGuild(Guild):
    """guild where /proc is hidden."""

    def __init__(self, hidden: Hidden, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(folder, env)
        self.hidden = hidden

    def __call__(self, *argv: str, stdin: str = "", cwd: Path | None = None) -> Done:
        done = subprocess.run(
            self.argv(*argv),
            input=stdin,
            cwd=cwd or self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def argv(self, *argv: str) -> list[str]:
        return self.hidden.argv(super().argv(*argv))
