"""What could be meant where a usage says REMOTE, RUN, OPERATION and so on.

All of it is of this machine: no completion opens a connection or starts a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent import calls
from guild_sync.agent.calls import Functions
from guild_sync.agent.protocol import flags_of
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError
from guild_sync.hosts.local import LocalHost
from guild_sync.project.definitions import Operation

MOST_RUNS = 100
SHORT_ID = 8
_LATEST_RUNS = 20  # whose scalars are offered
SHELLS = ("bash", "zsh", "fish")


class Candidate(NamedTuple):
    """A word that could be meant, and what it is."""

    word: str
    about: str = ""


class Names(NamedTuple):
    """A wish that the shell completes names of its own: `files`, or `folders`."""

    of: str


Found = Iterator[Candidate | Names]


@dataclass(frozen=True)
class TypedLine:
    """A command line before the word that is being typed, and that word's beginning."""

    words: tuple[str, ...]  # the command's name first; no options among them
    given: Mapping[str, str]  # the options, by all of their names, with their values
    current: str

    @property
    def is_here(self) -> bool:
        """Whether the runs that it is about are this machine's."""
        elsewhere = {"--remote", "--archive"} & self.given.keys()
        command = self.words[:1]
        return command == ("verify",) or not (elsewhere or {"pull", "import"} & {*self.words[:2]})


def suggestions(kind: str, line: TypedLine) -> list[Candidate | Names]:
    """What could be meant by the `kind` of argument that a usage names."""
    try:
        return list(_SOURCES[kind](line)) if kind in _SOURCES else []
    except (GuildError, OSError):
        # A broken guild.yml or config file: who presses a key has not asked what is wrong.
        return []


def _shells(line: TypedLine) -> Found:
    yield from map(Candidate, SHELLS)


def _folders(line: TypedLine) -> Found:
    yield Names("folders")


def _files(line: TypedLine) -> Found:
    yield Names("files")


def _remotes(line: TypedLine) -> Found:
    from guild_sync.config import remotes

    if line.words[:2] == ("remote", "add"):
        return  # a new one
    for name, remote in sorted(remotes.usable()[0].items()):
        yield Candidate(name, remote.description or remote.host)


def _hosts(line: TypedLine) -> Found:
    from guild_sync.beginning.ssh_hosts import hosts

    yield from map(Candidate, hosts())


def _remotes_of_command(line: TypedLine) -> Found:
    """What a command takes as its REMOTE, which of those that do only `pull` takes several of."""
    return _several_remotes(line) if line.words[:1] == ("pull",) else _remotes(line)


def _several_remotes(line: TypedLine) -> Found:
    """Remotes, groups and `all`, behind the last comma; none that is there already."""
    from guild_sync.config import groups, remotes
    from guild_sync.config.schema import EVERY

    before, comma, _ = line.current.rpartition(",")
    given = before.split(",")
    found = [one for one in _remotes(line) if isinstance(one, Candidate)]
    found += [Candidate(name, ", ".join(names)) for name, names in groups.groups().items()]
    if remotes.defined()[1:]:
        found.append(Candidate(EVERY[0], "all remotes"))
    for one in found:
        if one.word not in given:
            yield Candidate(f"{before}{comma}{one.word}", one.about)


def _runs(line: TypedLine) -> Found:
    """The latest runs of this machine whose ids begin so, as short as they are unique."""
    from guild_sync.output.runs import run_row

    if not line.is_here:
        return
    deleted = "--deleted" in line.given or bool({"restore", "purge"} & {*line.words[:2]})
    here = LocalHost(str(guild_home()))
    for run in here.beginning(
        prefix=line.current, short=SHORT_ID, limit=MOST_RUNS, deleted=deleted
    ):
        begin = run["id"][:SHORT_ID]
        # Digits alone could be read as an index.
        plain = run["unique"] and not begin.isdigit() and begin.startswith(line.current)
        about = "  ".join(filter(None, run_row(1, run)[1:]))
        yield Candidate(begin if plain else run["id"], about)


def _columns(line: TypedLine) -> Found:
    """Flags and scalars of the latest runs here, behind the last comma and a `-`."""
    before, comma, typed = line.current.rpartition(",")
    sign = "-" if typed.startswith("-") else ""
    found: dict[str, str] = {"duration": "how long a run took"}
    asked: dict[str, object] = {"limit": _LATEST_RUNS, "scalars": True}
    for run in calls.call(str(guild_home()), Functions.listed, asked)["runs"]:
        found.update(dict.fromkeys(run["scalars"], "scalar"))
        found.update(dict.fromkeys(flags_of(run), "flag"))
    for name, about in sorted(found.items()):
        if re.fullmatch(r"[\w./-]+", name):  # others are in quotes
            yield Candidate(f"{before}{comma}{sign}{name}", about)


def _scalars(line: TypedLine) -> Found:
    """The scalars of the latest runs of this machine, behind the last comma."""
    if not line.is_here:
        return
    before, comma, _ = line.current.rpartition(",")
    given = before.split(",")
    home = str(guild_home())  # not as a host: that would read event files, which takes its time
    ids = calls.call(home, Functions.select, {"specs": [], "most": _LATEST_RUNS})[:_LATEST_RUNS]
    found = calls.call(home, Functions.scalars_of, {"ids": ids})
    for name in sorted({name for scalars in found.values() for name in scalars}):
        if name not in given:
            yield Candidate(f"{before}{comma}{name}")


def _events(line: TypedLine) -> Found:
    from guild_sync.hooks.events import EVENTS

    if line.words[1:2] == ("test",):
        yield from map(Candidate, EVENTS)


def _files_of_run(line: TypedLine) -> Found:
    """The files of the run that the line names, or of the latest."""
    if not line.is_here:
        return
    named = [word for word in line.words if re.fullmatch("[0-9a-f]+", word)]
    here = LocalHost(str(guild_home()))
    found = here.list_files(run=named[0] if named else "1")
    yield from (Candidate(file["path"]) for file in found["files"])


def _operations(line: TypedLine) -> Found:
    from guild_sync.guildfile import reader
    from guild_sync.project import builtin
    from guild_sync.project.definitions import GUILDFILE

    offered = list(builtin.OPERATIONS.values())
    if (Path.cwd() / GUILDFILE).exists():
        offered = [*reader.load(Path.cwd()).operations, *offered]
    for operation in offered:
        yield Candidate(
            operation.full_name, "cannot run" if operation.faults else operation.description
        )


def _operations_and_scripts(line: TypedLine) -> Found:
    found = suggestions("OP", line)
    yield from found
    if not any(c.word.startswith(line.current) for c in found if isinstance(c, Candidate)):
        yield Names("files")


def _flags(line: TypedLine) -> Found:
    """The flags of the operation that the line names, and the values that one can have."""
    from guild_sync.project import flags

    name, equals, _ = line.current.partition("=")
    given = {word.partition("=")[0] for word in line.words[1:]}
    for flag in _operation(line).flags.values():
        if equals and flag.name == name:
            yield from (Candidate(f"{name}={text}") for text in flags.possible_texts(flag))
        elif not equals and flag.name not in given:
            yield Candidate(f"{flag.name}=", flag.description)


def _keys_of_jobs(line: TypedLine) -> Found:
    from guild_sync.guildfile import keys

    for name in keys.JOB:
        yield Candidate(f"{name}=", keys.about("a job", name))


def _operation(line: TypedLine) -> Operation:
    """The operation that the line names. Raises GuildError where it names none."""
    from guild_sync.guildfile import reader
    from guild_sync.project import builtin, operations

    spec = next((word for word in line.words[1:2] if "=" not in word), None)
    if spec and Path(spec).is_file():
        return reader.of_script(Path(spec))[1]
    try:
        return operations.find(reader.load(Path.cwd()), spec)
    except GuildError:
        if spec in builtin.OPERATIONS:
            return builtin.OPERATIONS[spec]
        raise


# What a usage calls it -> what it could be.
_SOURCES: dict[str, Callable[[TypedLine], Found]] = {
    "COL": _columns,
    "COLS": _columns,
    "DIR": _folders,
    "EVENT": _events,
    "FILE": _files,
    "FLAG": _flags,
    "HOST": _hosts,
    "KEY": _keys_of_jobs,
    "NAME": _remotes,
    "OP": _operations,
    "OPERATION": _operations_and_scripts,
    "PATH": _files_of_run,
    "PATTERN": _files_of_run,
    "REMOTE": _remotes_of_command,
    "NAMES": _several_remotes,
    "RUN": _runs,
    "SCALAR": _scalars,
    "SHELL": _shells,
}
