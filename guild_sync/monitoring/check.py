"""What there is to be mended, here and on a remote: the lines of `guild check`."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from guild_sync import __version__
from guild_sync.agent.protocol import HomeState
from guild_sync.config import faults, limits, remotes
from guild_sync.config.home import config_path
from guild_sync.config.remotes import Remote
from guild_sync.errors import (
    ConfigError,
    GuildError,
    LoginRefused,
    RemoteError,
    Unreachable,
)
from guild_sync.hooks import configured
from guild_sync.hooks.addresses import shown
from guild_sync.hooks.notification import Notification, need_apprise
from guild_sync.hosts import initialize
from guild_sync.hosts.base import Host
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.monitoring import cluster, speed
from guild_sync.monitoring import probe as probing
from guild_sync.monitoring.line import Line, fault, to_do
from guild_sync.output.formats import open_since, size
from guild_sync.rsync import channels, packing
from guild_sync.rsync.argv import LEAST_VERSION
from guild_sync.rsync.failures import INSTALL_NEWER, WRONG_PATH
from guild_sync.runs import person
from guild_sync.transport import connection, known, question, ssh, ssh_failures

LOW_SPACE = 1 << 30  # bytes
LOW_INODES = 10_000
CLOCK_SECONDS = 2.0  # by which clocks may differ; runs are listed by their time of start
BASICS, SPACE, ENVIRONMENT = "basics", "space", "environment"
PROBE = "probe"  # of a cluster: a job that looks at its node
ALL_PARTS = frozenset((BASICS, SPACE, ENVIRONMENT))
Parts = frozenset[str]


def here(host: LocalHost, parts: Parts) -> Iterator[Line]:
    """This machine, and its config file."""
    if BASICS in parts:
        yield Line("guild", __version__)
        yield _ssh()
    try:
        yield from _of_agent(host, parts)
    except GuildError as e:
        yield fault("guild home", e)
    if BASICS in parts:
        yield from _config()


def there(remote: Remote, parts: Parts, offline: bool) -> Iterator[Line]:
    """A remote; with `offline`, what is known of it without a connection."""
    try:
        host = remote_host(remote)
        if BASICS in parts:
            settings = ssh.settings(host.remote)
            yield Line("address", _address(settings))
            yield from _private_key(host.remote)
            on_file = _keys_on_file(settings)
            if offline:
                yield Line("host key", on_file)
                return
            yield from _way(host, on_file)
        yield from _of_agent(host, parts)
    except _TheWayIsBarred:
        return
    except GuildError as e:
        yield fault("agent" if isinstance(e, RemoteError) else "connection", e)


class _TheWayIsBarred(Exception):
    """A line has told already why nothing more can be asked."""


def _ssh() -> Line:
    try:
        done = question.run(("ssh", "-V"), timeout=connection.MASTER_TIMEOUT)
    except GuildError as e:
        return fault("ssh", e)
    return Line("ssh", (done.stderr or "?").splitlines()[0].split(",")[0])


def _config() -> Iterator[Line]:
    path = config_path()
    try:
        names = sorted(remotes.usable()[0])
        faults.refuse(path, configured.all_faults())
    except ConfigError as e:
        yield fault("config file", e)
        return
    yield Line("config file", str(path) if path.exists() else f"there is none ({path})")
    yield Line("remotes", ", ".join(names))
    yield from _notifications()


def _notifications() -> Iterator[Line]:
    """Whether the notifications of the config file could be sent; the heartbeat is not called."""
    found = [one for one in configured.listeners()[0] if isinstance(one, Notification)]
    try:
        if found:
            need_apprise()
    except GuildError as e:
        yield fault("notifications", e)
    else:
        for one in found:
            if one.is_understood():
                yield Line("notification", one.shown)
            else:
                hint = "Correct it in the config file: apprise's pages have the form of each."
                yield to_do("notification", f"apprise does not understand {one.shown}", hint)
    if url := configured.heartbeat()[0]:
        yield Line("heartbeat", shown(url))


def _address(settings: dict[str, str]) -> str:
    place = f"{settings.get('user')}@{settings.get('hostname')}, port {settings.get('port')}"
    if settings.get("proxyjump", "none") != "none":
        return f"{place}, through {settings['proxyjump']}"
    if settings.get("proxycommand", "none") != "none":
        program, *more = settings["proxycommand"].split()  # which may have a password in it
        return f"{place}, by {program}{' ...' if more else ''}"
    return place


def _private_key(remote: Remote) -> Iterator[Line]:
    if not remote.private_key:
        return
    path = Path(remote.private_key)
    if not os.access(path, os.R_OK):
        hint = "Correct 'private-key' of the remote in the config file."
        yield to_do("private key", f"{path} is not there, or may not be read", hint)
    elif _is_open_to_others(path):  # ssh passes such a key over
        yield to_do("private key", f"others may read {path}", f"chmod 600 {path}")
    else:
        yield Line("private key", str(path))


def _is_open_to_others(path: Path) -> bool:
    found = path.stat()
    return found.st_uid == os.getuid() and bool(stat.S_IMODE(found.st_mode) & 0o077)


def _keys_on_file(settings: dict[str, str]) -> str:
    kinds = probing.keys_on_file(settings)
    return f"on file: {', '.join(kinds)}" if kinds else "none is on file"


def _way(host: RemoteHost, on_file: str) -> Iterator[Line]:
    """What is between here and the agent there. Raises _TheWayIsBarred where it ends before."""
    if login := connection.login_of(host.remote):
        # By itself, guild has no other connection to look at.
        yield Line("host key", on_file)
        yield Line("connection", f"logged in {open_since(login.since, login.idle)}")
        yield _login_shell(ssh.run(host.remote, ("exit 0",)).stdout.decode("utf-8", "replace"))
    else:
        yield from _probed(host.remote, on_file)
    try:
        host.clock()  # sends the agent, so that the next call need not wait for that
    except GuildError as e:
        yield fault("agent", e)
        raise _TheWayIsBarred from None
    yield Line("agent", f"guild {__version__}, the same as here")
    yield _clock(host)
    if ssh.is_connected(host.remote):
        yield from _speed(speed.measure(host.remote))
    else:  # each amount would be as slow as a login
        for name in ("round trip", "speed"):
            yield Line(name, "not measured: no connection is kept open")
    yield from _copies(host.remote)


def _probed(remote: Remote, on_file: str) -> Iterator[Line]:
    """What a connection of its own shows. Raises _TheWayIsBarred where there can be none."""
    reused = ssh.is_connected(remote)
    probe = probing.probe(remote)
    yield _host_key(remote, probe, on_file)
    needs_you = reused and isinstance(probe.failure, LoginRefused)
    if probe.failure and not needs_you:
        yield fault("connection", probe.failure)
        raise _TheWayIsBarred
    another = "; for another you would have to log in"
    yield Line("connection", f"reused: one was open{another * needs_you}" if reused else "new")
    yield Line("ssh server", probe.server or "it does not tell its version")
    cipher = probe.cipher or "ssh does not tell it"
    # The one that was open may be older than what is known of the processors.
    yield Line("cipher", f"{cipher}, of a new connection" if reused else cipher)
    if not needs_you:
        yield _login_shell(probe.printed)


def _host_key(remote: Remote, probe: probing.Probe, on_file: str) -> Line:
    mend = ssh_failures.failure(remote, _MEND.get(probe.key_state, ""))
    if probe.key_state == probing.CHANGED:
        return to_do("host key", f"it has changed: {probe.key}", mend.hint)
    if probe.key_state == probing.UNKNOWN:
        return to_do("host key", f"it is not known: {probe.key}", mend.hint)
    if probe.key_state == probing.ACCEPTED:
        text = f"it was not known, and your ssh configuration accepted it: {probe.key}"
        return Line("host key", text)
    if probe.key_state == probing.KNOWN:
        return Line("host key", f"known: {probe.key}")
    return Line("host key", f"not seen; {on_file}")


# What ssh says of a key, for ssh.failure to tell what to do about it.
_MEND = {
    probing.CHANGED: "REMOTE HOST IDENTIFICATION HAS CHANGED",
    probing.UNKNOWN: "Host key verification failed",
}


def _login_shell(printed: str) -> Line:
    if not printed.strip():
        return Line("login shell", "prints nothing by itself")
    first = printed.strip().splitlines()[0]
    return to_do(
        "login shell",
        f"it prints text where no person is watching: {first[:60]}",
        "That breaks rsync. Have its start-up files (.bashrc and the like) print only where "
        "[ -t 1 ].",
    )


def _speed(found: speed.Speed) -> Iterator[Line]:
    """The line to the remote. What could not be measured is no fault: it is slow, and no more."""
    slow = f"not measured within {speed.SECONDS:.0f} s"
    if (seconds := found.round_trip) is None:
        yield Line("round trip", f"not measured within {channels.SECONDS:.0f} s")
    else:
        ms = round(seconds * 1000, 1)
        yield Line("round trip", f"{ms} ms", figures={"milliseconds": ms})
    ways = {"from": found.down, "to": found.up}
    rates = {way: round(rate / 1e6, 2) for way, rate in ways.items() if rate is not None}
    told = [f"{f'{rates[way]} MB/s' if way in rates else slow} {way} there" for way in ways]
    yield Line("speed", ", ".join(told), figures={f"{way}_mb_s": r for way, r in rates.items()})


def _copies(remote: Remote) -> Iterator[Line]:
    """How files come from the remote and go there, by what is known of it now."""
    lanes = channels.lanes(remote, (channels.LEAST_BYTES,) * 2)()
    text = f"up to {lanes} rsyncs side by side, for large files" if lanes > 1 else "one rsync"
    given = "" if remote.lanes is None else ", as 'lanes' says"
    yield Line("lanes", f"{text}{given}", figures={"rsyncs": lanes})
    down, up = (packing.in_words(remote, way) for way in known.WAYS)
    both = down if down == up else f"from there {down}; to there {up}"
    yield Line("compression", both)


def _clock(host: Host) -> Line:
    before = time.time()
    told = float(host.clock())
    after = time.time()
    # It was told at some moment of the round trip: half of that is the doubt.
    difference, doubt = told - (before + after) / 2, (after - before) / 2
    text = f"{abs(difference):.2f} s {'ahead of' if difference > 0 else 'behind'} the one here"
    if abs(difference) - doubt < CLOCK_SECONDS:
        return Line("clock", f"{text}, give or take {doubt:.2f} s")
    return to_do("clock", text, "Set it, or the one here: runs are listed by these times.")


def _of_agent(host: Host, parts: Parts) -> Iterator[Line]:
    if parts & {BASICS, SPACE}:
        found = host.checkup(host.rsync)
        if BASICS in parts:
            python = found["python"]
            yield Line("Python", f"{python['version']} ({python['executable']})")
            yield _rsync(found["rsync"], host.rsync)
            if found["ended"]:
                yield to_do(
                    "login",
                    "systemd ends all that a user runs at logout (KillUserProcesses), runs too",
                    "Have it let yours be, there: loginctl enable-linger",
                )
            yield from _home(found["home"], _is_own(host, found["home"]))
            if host.scheduler is not None:
                yield from cluster.lines(host, host.scheduler, PROBE in parts)
        if SPACE in parts:
            yield from _space(found["home"], _kept_free() if host.name is None else 0)
    if ENVIRONMENT in parts:
        yield from _environment(host)


def _rsync(version: str | None, program: str) -> Line:
    if version is None and program != Host.rsync:
        return to_do("rsync", f"there is no {program}", WRONG_PATH)
    if version is None:
        return to_do("rsync", "it is not installed", "Install it, for example: apt install rsync")
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < LEAST_VERSION:
        told = f"version {version}" if version else "it tells no version"
        return to_do("rsync", told, INSTALL_NEWER)
    return Line("rsync", version)


def _is_own(host: Host, home: HomeState) -> bool:
    """Whether a remote's guild home is this machine's own, as on NFS, or by ssh to this machine."""
    if host.name is None or home["fault"] or not home["exists"]:
        return False
    own = person.home_name()
    told = host.survey([], stamps=False, look_only=True, selection=None)["home_id"]
    return bool(own) and told == own


def _home(home: HomeState, is_own: bool) -> Iterator[Line]:
    if home["fault"]:
        hint = "Correct its owner or permissions, or choose another guild home."
        yield to_do("guild home", home["fault"], hint)
        return
    which = ", this machine's own: its runs are here already" if is_own else ""
    more = which if home["exists"] else ", made when it is needed"
    yield Line("guild home", home["path"] + more)
    flock = "has flock" if home["flock"] else "has no flock: process ids tell which runs live"
    yield Line("file system", flock)


def _kept_free() -> int:
    try:
        return limits.keep_free()
    except ConfigError:  # the line of the config file tells it
        return 0


def _space(home: HomeState, kept: int) -> Iterator[Line]:
    """The room that is left; `kept` bytes of it are no copy's."""
    free, inodes = home["free"], home["inodes"]
    left = f"{size(free)} left for {home['path']}"
    if free < LOW_SPACE:
        yield to_do("space", left, "Make room.")
    elif free < kept:
        yield to_do(
            "space",
            f"{left}, and {size(kept)} are to stay free",
            "Runs come without their files until there is more. Make room, or have less of it\n"
            "stay free: keep-free in the config file.",
        )
    else:
        yield Line("space", left)
    if inodes is None:
        yield Line("inodes", "without a limit")
    elif inodes < LOW_INODES:
        yield to_do("inodes", f"{inodes} left", "Remove files: each takes one.")
    else:
        yield Line("inodes", f"{inodes} left")


def _environment(host: Host) -> Iterator[Line]:
    spec = host.environment()
    if host.name is not None:
        named = [f"{key} {value}" for key, value in spec.items()]
        yield Line("environment", ", ".join(named) or "the login's own")
    if isinstance(host, RemoteHost) and (host.remote.init or "").strip():
        if why := initialize.not_run(host):
            yield to_do("init", why, f"guild remote reinit {host.name}")
        else:
            yield Line("init", "run there, as it is in the config file")
    try:
        found = host.try_environment(spec=spec)
    except Unreachable:
        raise
    except GuildError as e:
        yield fault("for operations", e)
        return
    yield Line("for operations", f"Python {found['version']} ({found['python']})")
    tools = [f"{name} {found[name]}" for name in ("uv", "pip") if found[name]]
    text = ", ".join(tools) or "none; only a project with requirements needs one"
    yield Line("installers", text)
    yield from _kept(host)


def _kept(host: Host) -> Iterator[Line]:
    """What is installed there for projects that require packages, and how much of it has no use."""
    found = host.environments()
    unused = [each for each in found if not each["runs"]]
    free = f"; {size(sum(each['bytes'] for each in unused))} are of no open run"
    if found:
        total = f"{len(found)} for what projects require, {size(sum(e['bytes'] for e in found))}"
        yield Line("environments", total + free * bool(unused))
