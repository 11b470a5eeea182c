"""A user's world as a page assumes it, in which its lines are typed: a home, a project, remotes."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rundirs import give_scalars
from support import BIN, EXAMPLES, PATIENCE, Done, Guild, Server, end_runs
from terminal import Terminal
from test_free_one import Smi
from test_login import answer

from guild_sync.agent.protocol import Plain
from guild_sync.agent.store import rundir
from guild_sync.agent.store.home import home_id

# Whatever a shell would do more with than part it into words.
_SHELL = set("|&;<>$~*?`\\(){}")
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
# A user's crontab, as crontab has it, but in a file.
_CRONTAB = """\
#!/bin/sh
case $1 in -l) cat "$HOME/crontab" 2>/dev/null ;; -) cat >"$HOME/crontab" ;; esac
"""
# Lets the runs end that wait for it, and waits for that.
_LET_END = """\
#!/bin/sh
cd "${1-..}" || exit
for run in $(find . -path '*/runs/*/.guild' -prune); do
    [ -e "$run/LOCK.remote" ] && continue
    touch "$run/../go-on"
    for _ in $(seq 1500); do [ -e "$run/attrs/exit_status" ] && break; sleep 0.02; done
done
"""
# Waits until a run on a remote has printed a text, and its scalars are known: REMOTE TEXT.
_AWAIT = """\
#!/bin/sh
cd "$(dirname "$0")/../$1" || exit
for _ in $(seq 1500); do
    for run in $(grep -lsF -- "$2" runs/*/.guild/output); do
        grep -qs last "$(dirname "$run")/SCALARS" && exit
    done
    sleep 0.02
done
exit 1
"""
# Has somebody else work on these of a remote's GPUs, and on no others: NAME [NUMBER]...
_BUSY = """\
#!/bin/sh
cd "$(dirname "$0")/../smi-$1" || exit; shift
for number; do echo "$(cat name)-$number, 4711"; done >working
"""


@dataclass(frozen=True)
class RunBefore:
    """A run that was made before: of `train`, and ended well unless `attrs` say otherwise."""

    flags: Mapping[str, Plain]
    scalars: Mapping[str, Sequence[float]]
    attrs: Mapping[str, Plain] = field(default_factory=dict)
    seconds: int = 64
    run_id: str = ""  # else one by chance
    days: int = 0  # since it has ended


@dataclass(frozen=True)
class Setting:
    """What a page assumes, and how its lines are taken. Lines are known by their commands."""

    files: Mapping[str, str] = field(default_factory=dict)  # of the project, by their names
    # Files that the page shows, by how what it shows begins.
    from_page: Mapping[str, str] = field(default_factory=dict)
    remotes: Sequence[str] = ("gpu1", "gpu2")
    config: str = ""  # more of the config file
    runs: Sequence[RunBefore] = ()  # here, the latest last
    runs_there: Sequence[RunBefore] = ()  # on each of the remotes
    runs_on: Mapping[str, Sequence[RunBefore]] = field(default_factory=dict)  # by remote
    # Remotes with four GPUs, and on which of these somebody else works.
    gpus: Mapping[str, Sequence[int]] = field(default_factory=dict)
    # Whether hosts of the page are all a server that is not known yet, with a home of its own.
    is_new: bool = False
    before: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what is typed before
    stdin: Mapping[str, str] = field(default_factory=dict)  # in place of many a `y`
    on_terminal: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    ends: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # exit status, and why
    instead: Mapping[str, str] = field(default_factory=dict)  # parts of lines, as they are here
    differs: Sequence[tuple[str, str]] = ()  # see `pages.looks_like`
    not_compared: Mapping[str, str] = field(default_factory=dict)  # what they show, and why
    parsed_only: Mapping[str, str] = field(default_factory=dict)  # and why


class World:
    """One page's: all of it is below a folder."""

    def __init__(self, top: Path, setting: Setting, guild: Guild) -> None:
        self.top = top
        self.setting = setting
        self.guild = guild
        self.folder = guild.folder
        # Open connections are known by user and host, and pages have the same hosts.
        self.user = f"u{os.urandom(4).hex()}"

    def close(self) -> None:
        """End what a page leaves: servers of sandboxes, connections, runs."""
        for sandbox in (self.top / "home/.guild/sandboxes").glob("*"):
            self.guild("remote", "stop", sandbox.name, "-y")
        self.guild("remote", "logout")
        end_runs(self.top)

    def type(self, command: str) -> Done:
        """What a line prints, and how it ends."""
        stdin = self.setting.stdin.get(command, "y\n" * 8)
        command = self._as_here(command)
        words = shlex.split(command, comments=" #" in command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return Done(0, "", "")
        is_plain = words[0].startswith("guild") and not _SHELL & set(_outside_quotes(command))
        argv = self.guild.argv(*words[words[0] == "guild" :]) if is_plain else _in_shell(command)
        try:
            done = self.guild.forks.run(
                argv, stdin.encode(), self.folder, self.guild.env, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            return Done(-1, "", f"{command} did not end in {PATIENCE} s")
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        return Done(done.returncode, out, err)

    def type_on_terminal(self, command: str, answers: Sequence[tuple[str, str]]) -> Done:
        """The same with somebody there, who is asked these questions."""
        words = shlex.split(self._as_here(command), comments=" #" in command)
        env = {**self.guild.env, "NO_COLOR": "1", "TERM": "dumb"}
        with Terminal(self.guild.argv(*words[1:]), env, self.folder, 200) as terminal:
            for question, text in answers:
                answer(terminal, question, text)
            code = terminal.end()
            return Done(code, terminal.shown, "")

    def _as_here(self, command: str) -> str:
        for text, here in self.setting.instead.items():
            command = command.replace(text, here.format(top=self.top, user=self.user))
        return command


def _in_shell(command: str) -> list[str]:
    return [str(shutil.which("bash")), "-c", command]


def _outside_quotes(command: str) -> str:
    """What of a line is in no quotes."""
    return "".join(command.replace('"', "'").split("'")[::2]).partition(" #")[0]


def world(top: Path, setting: Setting, sshd: Server, a_run: Path, agent_folder: Path) -> World:
    """The world of a setting. `a_run` is one of guild's own, of which others are made."""
    guild = Guild(top / "net", _variables(top))
    shutil.copytree(EXAMPLES, top / "guild/uat/examples")
    guild.folder.mkdir()
    (top / "home" / ".guild").mkdir(parents=True)
    for name, text in setting.files.items():
        path = guild.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _programs(top, setting, sshd)
    remotes = {}
    for name in setting.remotes:
        there = top / name
        shutil.copytree(agent_folder, there / "agent" / agent_folder.name)
        remotes[name] = sshd.keys(there)
        if name in setting.gpus:
            smi = Smi(top / f"smi-{name}")
            smi.busy(*setting.gpus[name])
            remotes[name]["env"] = {"PATH": smi.path}
        home_id(str(there), make=True)
        _give(there, setting.runs_on.get(name, setting.runs_there), a_run)
    if "here" in setting.gpus:
        guild.env["PATH"] = Smi(top / "smi-here").path + os.pathsep + guild.env["PATH"]
    text = yaml.safe_dump({"remotes": remotes}) if remotes else ""
    (top / "home/.guild/config.yml").write_text(f"keep-free: 0\n{setting.config}{text}")
    _give(top / "home/.guild", setting.runs, a_run)
    return World(top, setting, guild)


def _variables(top: Path) -> dict[str, str]:
    env = dict(os.environ)
    for name in ("GUILD_HOME", "GUILD_CONFIG"):
        env.pop(name, None)
    path = f"{top}/bin{os.pathsep}{BIN}{os.pathsep}{env['PATH']}"
    return {**env, "HOME": str(top / "home"), "PATH": path, "SHELL": "/bin/sh"}


def _programs(top: Path, setting: Setting, sshd: Server) -> None:
    (top / "bin").mkdir()
    programs = {"crontab": _CRONTAB, "let-end": _LET_END, "busy": _BUSY, "await-text": _AWAIT}
    if setting.is_new:
        programs["ssh"] = _ssh_to(sshd, top / "home/known_hosts")
    for name, text in programs.items():
        (top / "bin" / name).write_text(text)
        (top / "bin" / name).chmod(0o755)


def _ssh_to(sshd: Server, known: Path) -> str:
    """An ssh to whom every host is this one; the user's key is good there."""
    options = {
        "HostName": "127.0.0.1",
        "User": getpass.getuser(),
        "Port": sshd.state.port,
        "UserKnownHostsFile": known,
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
    }
    argv = [str(shutil.which("ssh")), "-i", str(sshd.remote.private_key)]
    argv += [f"-o{name}={value}" for name, value in options.items()]
    own = f'case " $* " in *" 127.0.0.1 "*) exec {argv[0]} "$@" ;; esac'  # a sandbox
    return f'#!/bin/sh\n{own}\nexec {shlex.join(argv)} "$@"\n'


def _give(home: Path, runs: Sequence[RunBefore], a_run: Path) -> None:
    """Have a home have these runs, a minute between each and the next."""
    began = int(str(rundir.read_attr(str(a_run), "started"))) - len(runs) * 100 * _SECOND
    for number, run in enumerate(runs, 1):
        run_id = run.run_id or f"{number:x}{os.urandom(16).hex()[1:]}"
        made = shutil.copytree(a_run, home / "runs" / run_id, symlinks=True)
        at = began + number * 100 * _SECOND - run.days * _DAY
        values: dict[str, Plain] = {
            "id": run_id,
            "flags": {**run.flags},
            "label": " ".join(f"{name}={value}" for name, value in run.flags.items()),
            "initialized": at,
            "started": at,
            "stopped": at + run.seconds * _SECOND,
            **run.attrs,
        }
        rundir.write_attrs(str(made), values)
        if home.parent.name != "home":
            rundir.remove_attrs(str(made), ["started_by"])
        give_scalars(made, run.scalars)
        (made / ".guild/opref").write_text(f"guildfile:{home.parents[1]}/net/guild.yml 0 '' train")
