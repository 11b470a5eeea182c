"""A real Slurm of the tests' own: a login node, which is this machine, and nodes in namespaces.

Its account is in an /etc of its own, which its daemons alone see; so none is made on this machine.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import daemons
import slurm_files
from daemons import PATH, Daemons
from slurm_files import COMMANDS, Settings
from support import Guild, wait_until

USER = "hpcuser"
_UIDS = range(61200, 65000)  # which Debian and systemd leave alone, but for services of a moment
TOP = Path("/var/tmp")  # a pytest's own folder is closed to the cluster's user
PREFIX = "guild-tests-slurm-"
OWNER = "owner"  # the file that says whose a folder is
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child")
_START_SECONDS = 60


class Call(NamedTuple):
    """A call of one of Slurm's commands on the cluster."""

    name: str
    words: list[str]


@dataclass(frozen=True)
class JobNow:
    """A job as squeue has it."""

    id: str
    name: str
    state: str
    reason: str
    nodes: str


class Cluster:
    """One cluster, from its start to its end."""

    def __init__(self, settings: Settings, number: int) -> None:
        """`number` tells it from other clusters of this process."""
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=TOP))
        self.uid = next(uid for uid in _UIDS if not _is_taken(uid))
        # Every address of 127/8 is this machine: of so many no two sessions choose the same one.
        address = ".".join(["127", *(str(byte) for byte in secrets.token_bytes(3))])
        port = 20_000 + 100 * number
        self.place = slurm_files.Place(self.folder, address, port, socket.gethostname(), USER)
        # Whether it may be otherwise than it was started.
        self.is_altered = False
        self._of_other_tests: set[str] = set()
        self._first_job = 1
        (self.folder / OWNER).write_text(daemons.owner())
        self._make_files()
        self._daemons = self._mounted()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def home(self) -> Path:
        """The home of its user, which all nodes share."""
        return self.folder / "home" / USER

    @property
    def guild_home(self) -> Path:
        return self.home / "guild"

    @property
    def nodes(self) -> list[str]:
        return slurm_files.node_names(self.settings)

    @property
    def etc(self) -> Path:
        """The folder that is /etc on all of its machines."""
        return self.folder / "etc"

    def keys(self, **more: Any) -> dict[str, Any]:
        """The keys of a remote that is this cluster."""
        keys = {
            "type": "slurm",
            "host": self.place.address,
            "port": self.place.ssh_port,
            "user": USER,
            "private-key": str(self.folder / "ssh/key"),
            "known-hosts": str(self.folder / "ssh/known_hosts"),
            "ssh-config": str(self.folder / "ssh/config"),
            "guild-home": str(self.guild_home),
        }
        keys.update({name.replace("_", "-"): value for name, value in more.items()})
        return {name: value for name, value in keys.items() if value is not None}

    def use(self, guild: Guild, agent_folder: Path) -> None:
        """Have it be the remote `hpc` of a guild, which was used before by this version."""
        shutil.copytree(agent_folder, self.guild_home / "agent" / agent_folder.name)
        for folder, _, names in os.walk(self.guild_home):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, self.uid, self.uid)
        guild.configure(hpc=self.keys())

    # What its user does, and its administrators.

    def run(self, *argv: str, stdin: str = "") -> str:
        """What a command of the user's prints on the login node."""
        as_user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        env = {"HOME": str(self.home), "USER": USER, "LOGNAME": USER, "PATH": PATH}
        return self._output([*as_user, *argv], env, stdin, self.home)

    def submit(self, *options: str, script: str) -> str:
        """The id of a job that is submitted by hand."""
        return self.run("sbatch", "--parsable", *options, stdin=f"#!/bin/sh\n{script}\n").strip()

    def admin(self, name: str, *words: str) -> str:
        """What one of Slurm's commands prints for root; it is not counted, and never fails."""
        return self._output([f"{self.folder}/real/{name}", *words], {"PATH": PATH}, "", Path("/"))

    def scontrol(self, *words: str) -> str:
        """Change the cluster, such as `update nodename=n1 state=drain reason=x`."""
        self.is_altered = True
        return self.admin("scontrol", *words)

    def jobs(self) -> list[JobNow]:
        """The jobs of this test, each task of an array by itself."""
        lines = self.admin("squeue", "-h", "-r", "-t", "all", "-o", "%i|%j|%T|%r|%N").splitlines()
        found = [JobNow(*line.split("|")) for line in lines]
        return [job for job in found if job.id not in self._of_other_tests]

    def job(self, job_id: str) -> JobNow:
        (found,) = [job for job in self.jobs() if job.id == job_id]
        return found

    def wait_for(self, job_id: str, *states: str) -> JobNow:
        """The job, once it is in one of these states."""
        wait_until(lambda: self.job(job_id).state in states, f"job {job_id} in {states}")
        return self.job(job_id)

    def processes(self) -> dict[int, str]:
        """What runs on the login node as its user, but for ssh's own: command lines by pid."""
        found = {pid: daemons.command(pid) for pid in self._daemons.processes(self.uid)}
        return {
            pid: command
            for pid, command in found.items()
            if command and not command.startswith("sshd: ") and not daemons.is_in_container(pid)
        }

    def cut_connections(self) -> None:
        """End the connections to the login node; what was started through them goes on."""
        for pid in self._daemons.processes(self.uid):
            if daemons.command(pid).startswith("sshd: "):
                daemons.kill(pid)

    # What is counted, and what goes wrong.

    def calls(self, name: str = "") -> list[Call]:
        """The calls of Slurm's commands, or of one, in their order."""
        texts = [path.read_text() for path in sorted((self.folder / "calls").iterdir())]
        found = [Call(words[0], words[1:-1]) for words in (text.split("\0") for text in texts)]
        return [call for call in found if name in ("", call.name)]

    def forget_calls(self) -> None:
        for path in (self.folder / "calls").iterdir():
            path.unlink()

    def fault(self, name: str, *, before: str = "", after: str = "") -> None:
        """Have a command go wrong from now on: shell code that runs before it or after it.

        `before` may end it (`exit 1`); `after` may change $out, what it has said, and its
        status $rc. `rm "$fault.before"` has it be the last time.
        """
        for when, code in (("before", before), ("after", after)):
            path = self.folder / "fault" / f"{name}.{when}"
            path.write_text(code) if code else path.unlink(missing_ok=True)

    def mend(self) -> None:
        """Have no command go wrong any more."""
        for path in (self.folder / "fault").iterdir():
            path.unlink()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a daemon: slurmctld, slurmdbd, mariadbd, sshd, or a node with all that runs on it."""
        self.is_altered = True
        self._daemons.kill(name, number)

    def fail(self, node: str) -> None:
        """Kill a node, and have Slurm know it without waiting for its answer."""
        self.kill(node)
        self.scontrol("update", f"nodename={node}", "state=down", "reason=killed")

    def start(self, name: str) -> None:
        """Start a daemon that was killed; it is ready then."""
        if name in self.nodes:
            self._start_node(name)
            wait_until(lambda: name in self._idle_nodes(), f"{name} is idle")
        else:
            getattr(self, f"_start_{name}")()

    # Its life.

    def clean(self) -> None:
        """Have no job, no process, no file and no fault of a test's be left."""
        self.mend()
        if self.is_altered or self._daemons.died():
            self._restart()
        else:
            self._daemons.end_processes(self.uid)
            wait_until(self._has_no_jobs, "the end of all jobs")
        for path in self.home.iterdir():
            _delete(path)
        self.forget_calls()
        self._of_other_tests |= {job.id for job in self.jobs()}

    def close(self) -> None:
        self._daemons.end_all()
        remove(self.folder)

    def _has_no_jobs(self) -> bool:
        """Whether all jobs are over; those that are not are ended."""
        if not self.admin("squeue", "-h"):
            return True
        self.admin("scancel", "--user", USER, "--state=PENDING")
        # Of jobs that are cancelled while they run, nodes tell the end after seconds.
        self._daemons.end_processes(self.uid)
        return False

    def _restart(self) -> None:
        self._daemons.end_all()
        for name in ("state", "spool"):
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()
        # Accounting still knows those that were.
        self._first_job += 10_000
        self._write_slurm_conf()
        self._daemons = self._mounted()
        self._start()

    def _mounted(self) -> Daemons:
        return Daemons(self.folder / "log", slurm_files.mounts(self.place, self.settings))

    def _start(self) -> None:
        self._start_munged()
        if self.settings.accounting == "dbd":
            self._start_mariadbd()
            self._start_slurmdbd()
        self._start_slurmctld()
        self._start_sshd()
        for name in self.nodes:
            self._start_node(name)
        self._wait(lambda: self._idle_nodes() == self.nodes, "the nodes")
        self.is_altered = False

    def _start_munged(self) -> None:
        top = self.folder / "munge"
        files = ("key-file", "socket", "pid-file", "seed-file", "log-file")
        options = [f"--{name}={top}/{name.partition('-')[0]}" for name in files]
        (top / "socket").unlink(missing_ok=True)
        self._daemons.start("munged", "munged", "--foreground", "--force", *options)
        self._wait((top / "socket").is_socket, "munged")

    def _start_mariadbd(self) -> None:
        data = self.folder / "database"
        own = ("--no-defaults", "--user=root", f"--datadir={data}")
        if not data.exists():
            self._output(
                ["mysql_install_db", *own, "--skip-test-db"], {"PATH": PATH}, "", data.parent
            )
        place = self.place
        self._daemons.start(
            "mariadbd",
            "mariadbd",
            *own,
            "--skip-grant-tables",
            "--skip-networking=0",
            f"--socket={self.folder}/state/database",
            f"--bind-address={place.address}",
            f"--port={place.port + 2}",
            "--innodb-flush-log-at-trx-commit=0",
        )
        self._wait(lambda: self._listens(2), "mariadbd")

    def _start_slurmdbd(self) -> None:
        self._daemons.start("slurmdbd", "slurmdbd", "-D")
        self._wait(lambda: self._listens(1), "slurmdbd")
        # Limits count for accounts, so the user has one.
        for words in (("cluster", "tests"), ("account", "lab"), ("user", USER, "account=lab")):
            with contextlib.suppress(subprocess.CalledProcessError):  # it has been added before
                self.admin("sacctmgr", "-i", "add", *words)

    def _start_slurmctld(self) -> None:
        self._daemons.start("slurmctld", "slurmctld", "-D")
        self._wait(lambda: "is UP" in self.admin("scontrol", "ping"), "slurmctld")

    def _start_sshd(self) -> None:
        config = str(self.folder / "ssh/sshd_config")
        self._daemons.start("sshd", str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", config)
        self._wait(lambda: self._listens(3), "sshd")

    def _start_node(self, name: str) -> None:
        (self.folder / "spool" / name).mkdir(exist_ok=True)
        script = slurm_files.node_script(self.place, self.settings, name)
        self._daemons.start(name, *NAMESPACES, "bash", "-c", script)

    def _idle_nodes(self) -> list[str]:
        lines = self.admin("sinfo", "-h", "-N", "-p", "main", "-o", "%N %t").splitlines()
        return [line.split()[0] for line in lines if line.endswith(" idle")]

    def _listens(self, offset: int) -> bool:
        with socket.socket() as s:
            return s.connect_ex((self.place.address, self.place.port + offset)) == 0

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(subprocess.CalledProcessError):
                if condition():
                    return
            if time.monotonic() > deadline or self._daemons.died():
                raise AssertionError(f"{what} did not come up\n{self._logs()}")
            time.sleep(0.05)

    def _logs(self) -> str:
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(
            f"{log.name}:\n{log.read_text('utf-8', 'replace')[-2000:]}" for log in logs
        )

    def _output(self, argv: Sequence[str], env: dict[str, str], stdin: str, cwd: Path) -> str:
        done = subprocess.run(
            self._daemons.inside(*argv, folder=str(cwd)),
            input=stdin,
            capture_output=True,
            text=True,
            env=env,
            timeout=_START_SECONDS,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
        return done.stdout

    def _make_files(self) -> None:
        folder = self.folder
        folder.chmod(0o755)
        for name in ("munge", "state", "spool", "log", "ssh", "real", "bin", "fault", "calls"):
            (folder / name).mkdir()
        for name in ("calls", "fault"):
            (folder / name).chmod(0o777)
        self.home.mkdir(parents=True)
        os.chown(self.home, self.uid, self.uid)
        (folder / "munge/key").write_bytes(os.urandom(1024))
        (folder / "munge/key").chmod(0o400)
        wrapper = self.place.fill(slurm_files.WRAPPER)
        for name in COMMANDS:
            if real := shutil.which(name, path=PATH):
                shutil.copy(real, folder / "real")
                (folder / "bin" / name).write_text(wrapper)
                (folder / "bin" / name).chmod(0o755)
        self._make_etc()
        self._make_ssh()

    def _make_etc(self) -> None:
        """Its /etc: this machine's, with the cluster's user and Slurm's configuration."""
        etc = self.etc
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        (etc / Path(daemons.OWNER).name).write_text(daemons.owner())
        (etc / "hosts").write_text(slurm_files.hosts(self.place, self.settings))
        for name, rest in (("passwd", f"::{self.home}:/bin/bash"), ("group", "")):
            line = f"{USER}:x:{self.uid}:{self.uid if rest else ''}{rest}\n"
            others = Path("/etc", name).read_text().splitlines(keepends=True)
            kept = [other for other in others if not other.startswith(f"{USER}:")]
            (etc / name).write_text("".join([*kept, line]))
        shutil.rmtree(etc / "slurm", ignore_errors=True)
        (etc / "slurm").mkdir()
        self._write_slurm_conf()
        (etc / "slurm/slurmdbd.conf").write_text(self.place.fill(slurm_files.SLURMDBD))
        (etc / "slurm/slurmdbd.conf").chmod(0o600)
        if self.settings.commands == "login":
            (etc / "profile.d/slurm.sh").write_text(f"PATH=$PATH:{self.folder}/bin\n")

    def _write_slurm_conf(self) -> None:
        text = slurm_files.slurm_conf(self.place, self.settings, self._first_job)
        (self.etc / "slurm/slurm.conf").write_text(text)

    def _make_ssh(self) -> None:
        ssh = self.folder / "ssh"
        for name in ("host", "key"):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / name)]
            subprocess.run(argv, check=True)
        kind, key, *_ = (ssh / "host.pub").read_text().split()
        at = f"[{self.place.address}]:{self.place.ssh_port}"
        (ssh / "known_hosts").write_text(f"{at} {kind} {key}\n")
        (ssh / "config").touch()
        (ssh / "sshd_config").write_text(self.place.fill(slurm_files.SSHD))
        os.makedirs("/run/sshd", exist_ok=True)


def remove(folder: Path) -> None:
    """Remove the folder of a cluster; what says whose it was goes last, in case of a kill."""
    for path in folder.iterdir():
        if path.name != OWNER:
            _delete(path)
    shutil.rmtree(folder)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _is_taken(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
