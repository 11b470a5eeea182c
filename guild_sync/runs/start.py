"""From a launch to a running operation, here or on a remote."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from guild_sync.agent.protocol import RUN_ENV, STARTED_BY, Job, Made, Run, Started, Value
from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError, RemoteError
from guild_sync.hosts.base import Host, NoInstaller
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.job import plain_values
from guild_sync.jobs.opref import with_oprefs
from guild_sync.output.terminal import clean
from guild_sync.project.sourcecode import Source
from guild_sync.runs import person
from guild_sync.runs.launch import Launch, opref_on
from guild_sync.runs.sent import Sending, SentProject, contents_of, files_of

if TYPE_CHECKING:
    from guild_sync.hosts.remote import Question, RemoteHost

Say = Callable[[str], None]

# Bytes that travel with a request; an rsync of its own costs more than they do on a slow line.
_MOST_SENT = 1 << 18


class _Place(TypedDict, total=False):
    """Where a run is that is not in the guild home."""

    run_dir: str


def command(launch: Launch, host: Host) -> list[str]:
    """The command that the run would run; nothing is made."""
    return host.command(_job_on(launch, host))


def child_commands(launch: Launch, host: Host) -> Iterator[list[str]]:
    """The command of each run that it consists of, and of those that they consist of."""
    for child in launch.children or [{"job": launch.job}]:
        if child["job"].get("children"):
            yield from child_commands(replace(launch, job=child["job"]), host)
        else:
            yield command(replace(launch, job=child["job"]), host)


def earlier_run(launch: Launch, host: Host) -> Run | None:
    """A run of the same operation with the same flags that is there, and did not fail."""
    statuses = ["completed", "running", "staged"]
    return host.matching(opref_on(launch, host), plain_values(launch.values), statuses)


def stage(launch: Launch, host: Host, say: Say, track: bool = False) -> None:
    """Make the run on the host, where it waits to be started; `track` as `start` has it."""
    mark = partial(host.mark_staged, run_id=launch.run_id)
    with _discarded_on_error(launch, host), host.staying():
        host.begin()  # while the project is packed here
        _make(launch, host, say, track, mark)
        mark()
    _note_begun(launch, host, track)


def start(
    launch: Launch, host: Host, say: Say, track: bool = False, wait_free: bool = False
) -> Started:
    """Make the run on the host and start its operation, detached; returns once it runs.

    Where runs are jobs of a scheduler it returns once that has it. With `wait_free` it may wait
    there, pending, until what it needs of its host is free.

    Where anything fails before that, nothing of it stays there; a run that was there
    already is staged then. With `track`, syncs bring home what is started on a remote: it is
    expected here from then on, also where the answer was cut off.
    """
    secrets = {name: os.environ[name] for name in launch.secrets if name in os.environ}
    begin = partial(
        host.start, run_id=launch.run_id, secrets=secrets, wait_free=wait_free, **_place(launch)
    )
    with _discarded_on_error(launch, host), host.staying():
        host.begin()  # while the project is packed here
        _make(launch, host, say, track, begin)
        if host.name is not None:
            say(f"Starting {launch.name} on {host.name} as {launch.run_id}")
        begun = begin()
    _note_begun(launch, host, track)
    # A sync may have been there since, and have found the run before it was started again.
    _reopen_copy(launch, host)
    return begun


def _reopen_copy(launch: Launch, host: Host) -> None:
    """Have the copy here of a run that is started again there show no end: sync asks for it."""
    if host.name is not None and launch.again:
        here = LocalHost(str(guild_home()))
        here.reopen_copy(run_id=launch.run_id, remote=host.name)


def run_local(launch: Launch, host: LocalHost, echo: int, say: Say, wait_free: bool = False) -> int:
    """Run the operation here, its output on the descriptor `echo` too; its exit status."""
    with _discarded_on_error(launch, host):
        return host.run(_make(launch, host, say), echo, wait_free)


def _make(
    launch: Launch, host: Host, say: Say, track: bool = False, then: Question | None = None
) -> str:
    """Make the run, pending, with its source code; its directory. `then` as in `make_from`."""
    if host.name is not None and launch.source is not None and not launch.is_installed:
        return _make_from_package(launch, launch.source, host, say, track, then)
    directory = _make_empty(launch, host, track)["run_dir"]
    if launch.requires:
        needs = _Requires(launch.run_id, launch.requires, launch.package.python_requires or "")
        _provide(needs, host, say, directory, **_place(launch))
    if launch.source is not None:
        found, root = launch.source, str(launch.source.project)
        host.copy_source(
            run_id=launch.run_id, root=str(found.root), files=found.files, **_place(launch)
        )
        # What a command has been let at is no more what a run like this one requires.
        is_processed = any(r.get("post_process") for r in launch.job.get("requires", ()))
        if launch.children or (is_processed and launch.run_dir is None):
            host.keep_files(run_id=launch.run_id, root=root, files=launch.files)
        _add_files(launch, host, say, root=root)
    else:
        if launch.like is not None:
            # Of a copy here, which is without what it was given, the project may have that.
            project = str(Path.cwd()) if host.name is None else ""
            host.adopt_source(
                run_id=launch.run_id, source=launch.like, project=project, **_place(launch)
            )
        _add_files(launch, host, say)
    return directory


def _make_empty(launch: Launch, host: Host, track: bool, contents: Mapping[str, int] = {}) -> Made:
    with _expected(launch, host, track):
        return _made(launch, host, contents)


def _made(launch: Launch, host: Host, contents: Mapping[str, int]) -> Made:
    run_id, attributes, job = launch.run_id, _attributes(launch), _job_on(launch, host)
    opref = opref_on(launch, host)
    if launch.again:
        _reopen_copy(launch, host)  # first: a kill after this leaves what the next sync mends
        job["restart"] = os.urandom(16).hex()
        is_new = launch.source is not None
        name = opref if is_new else None
        return host.restage(
            *(run_id, attributes, job, name, is_new, launch.force, launch.diff, contents)
        )
    if launch.run_dir is not None:
        return host.stage_in(run_id, str(launch.run_dir), opref, attributes, job, launch.diff)
    return host.stage(run_id, opref, attributes, job, launch.diff, contents)


def _attributes(launch: Launch) -> dict[str, Value]:
    """The run's attributes, and who starts it: of one that no listing shows, nobody asks."""
    if launch.run_dir is not None:
        return {**launch.attributes}
    return {**launch.attributes, STARTED_BY: person.starter()}


def _make_from_package(
    launch: Launch, found: Source, host: Host, say: Say, track: bool, then: Question | None
) -> str:
    """Bring the project to the remote and install it there; the run's directory."""
    import tempfile

    from guild_sync.hosts.remote import RemoteHost
    from guild_sync.project import wheel

    assert isinstance(host, RemoteHost)  # it has a name
    say("Building package")
    with tempfile.TemporaryDirectory(prefix="guild-") as folder:
        built = wheel.build(found, launch.package, Path(folder))
        contents = contents_of(built.wheel, files_of(found.project, launch.files))
        package = SentProject(
            built, contents, launch.requires, launch.package.python_requires or ""
        )
        make = partial(_make_empty, launch, host, track)
        directory = make_from(package, launch.run_id, launch.job, host, make, say, then)
        say(f"Successfully installed {built.name}-{built.version}")
    return directory


def make_from(
    package: SentProject,
    run_id: str,
    job: Job,
    host: RemoteHost,
    make: Callable[[Mapping[str, int]], Made],
    say: Say,
    then: Question | None = None,
) -> str:
    """Have a run on the remote, which `make` makes, be given its project; its directory.

    `then` is what is asked of the remote next: it may be done already.
    """
    built, contents = package.built, package.contents
    install = partial(
        host.install,
        run_id=run_id,
        wheel=built.wheel.name,
        folder=built.folder,
        contents=contents.forms,
    )
    give = _giving(run_id, job, ("file", "url"), host)
    # What is installed for it lasts long, and is told line by line.
    follows = [] if package.requires else [q for q in (give, then) if q]
    host.ahead(install, *follows)
    made = make(contents.sizes)
    missing = made["missing"]
    # What was there may have been removed since, or what was sent have changed meanwhile.
    for is_again in (False, True):
        if missing:
            small = _send(host, run_id, contents, missing, built.wheel, say)
            install = partial(install, sent=small)
            host.ahead(*follows)
        if not is_again:
            say("Installing package")
        if not (missing := install()["missing"]):
            break
    else:
        raise GuildError(
            f"what was sent to {host.name} is not there as it was read here",
            "Was it changed meanwhile? Start the run again.",
        )
    if package.requires:
        needs = _Requires(run_id, package.requires, package.python_requires)
        _provide(needs, host, say, made["run_dir"])
    _give_files(give, say)
    return made["run_dir"]


def _send(
    host: RemoteHost, run_id: str, contents: Sending, missing: Sequence[str], wheel: Path, say: Say
) -> dict[str, str]:
    """Send the contents that are missing there, all by one rsync.

    Or none: where they are small they are what `install` is to have as `sent`.
    """
    if not contents.paths.keys() >= {*missing}:
        raise RemoteError(f"remote {host.name!r} asks for what it was not offered")
    files = {digest: contents.paths[digest] for digest in missing}
    if wheel in files.values():
        say(f"Copying package to {host.name}")
    total = sum(contents.sizes[digest] for digest, path in files.items() if path != wheel)
    if total:
        from guild_sync.output.formats import size  # few runs require any that are not there

        say(f"Copying required files to {host.name}: {size(total)}")
    is_small = sum(contents.sizes[digest] for digest in files) <= _MOST_SENT
    if is_small and host.remote.bwlimit is None:
        return {digest: _encoded(path, contents.sizes[digest]) for digest, path in files.items()}
    from guild_sync.rsync import sending

    host.leave()
    sending.send_named(host.remote, files, f"{host.home}/contents/.incoming-{run_id}")
    return {}


def _encoded(path: Path, length: int) -> str:
    """So many bytes of a file in base64: the remote finds out whether they are what is meant."""
    import base64

    try:
        with path.open("rb") as file:
            return base64.b64encode(file.read(length)).decode()
    except OSError as e:
        raise GuildError(f"cannot read {path}: {e.strerror}") from None


class _Requires(NamedTuple):
    """The packages that are installed for a run."""

    run_id: str
    requires: tuple[str, ...]
    python_requires: str


def _provide(needs: _Requires, host: Host, say: Say, directory: str, **where: str) -> None:
    """Give the run an environment that has the packages which its project requires.

    Here, as with Guild AI, whose runs never have more than its own environment has, an operation
    that needs none of them can run where they cannot be had.
    """

    def provide() -> None:
        host.provide(
            lambda line: say(clean(line.decode("utf-8", "replace"))),
            **needs._asdict(),
            **where,
        )

    try:
        try:
            provide()
        except NoInstaller:
            if not _send_pip(host, directory, say):
                raise
            provide()
    except GuildError as e:
        if host.name is not None:
            raise
        say(f"Warning: {e.message}, so the run goes on without")
        for line in e.hint.splitlines():
            say(f"  {line}")


def _send_pip(host: Host, directory: str, say: Say) -> bool:
    """Bring the pip that came with Python here to a remote that has none; whether one did."""
    from guild_sync.agent.environments.asked import base_of
    from guild_sync.hosts.remote import RemoteHost
    from guild_sync.rsync import sending

    wheels = base_of(sys.executable, os.environ).wheels
    if not wheels or not isinstance(host, RemoteHost):
        return False
    say(f"Copying pip to {host.name}, which has neither uv nor pip")
    host.leave()
    pip = Path(wheels[0])
    sending.send_named(host.remote, {pip.name: pip}, f"{directory}/.guild/job-packages")
    return True


def _add_files(launch: Launch, host: Host, say: Say, **where: str) -> None:
    """Give the run the project's files that it requires, where it has one, and web servers'."""
    kinds = ("url",) if launch.source is None else ("file", "url")
    give = _giving(launch.run_id, launch.job, kinds, host, **where, **_place(launch))
    _give_files(give, say)


def _giving(
    run_id: str, job: Job, kinds: Sequence[str], host: Host, **where: str
) -> Callable[[], list[str]] | None:
    """What asks the host to give a run what its job requires of these kinds, if it does.

    Of several runs each gets its own.
    """
    requires = [needed for needed in job.get("requires", ()) if needed["kind"] in kinds]
    if not requires or job.get("children"):
        return None
    return partial(host.add_files, run_id, requires, **where)


def _give_files(give: Callable[[], list[str]] | None, say: Say) -> None:
    for line in give() if give else ():
        say(f"Warning: {clean(line)}")


def environment_on(host: Host, kept: Mapping[str, str]) -> dict[str, str]:
    """The host's environment with what this run alone has; where the host names none, as it was."""
    given = {key: value for key, value in kept.items() if key.startswith(RUN_ENV)}
    return {**(host.environment() or kept), **given}


def _job_on(launch: Launch, host: Host) -> Job:
    kept = launch.job.get("environment") or {}
    job: Job = with_oprefs(launch.job, opref_on(launch, host))
    # A queue's runs have environments of their own; it needs one where it asks for GPUs itself.
    is_plain = launch.is_builtin and not launch.job.get("needs")
    job["environment"] = {} if is_plain else environment_on(host, kept)
    if launch.run_dir is not None and isinstance(host, LocalHost):
        job["guild_home"] = host.home
    return on_scheduler(job, host)


def on_scheduler(job: Job, host: Host) -> Job:
    """The job as it is on that host, which may have a scheduler."""
    if host.scheduler is None:
        return job
    from guild_sync.jobs.cluster import submitted  # most hosts have none

    return submitted(job)


def _place(launch: Launch) -> _Place:
    return {} if launch.run_dir is None else {"run_dir": str(launch.run_dir)}


@contextmanager
def _discarded_on_error(launch: Launch, host: Host) -> Iterator[None]:
    """Leave nothing behind of a run that does not come to be."""
    try:
        yield
    except BaseException:
        if launch.run_dir is None:
            with suppress(GuildError, KeyboardInterrupt):  # what went wrong first is what counts
                host.discard(launch.run_id, None if launch.again else person.home_name())
                if host.name is not None:
                    from guild_sync.runs import tracking

                    tracking.forget_if_gone(launch.run_id, host)
        raise


def _expected(launch: Launch, host: Host, track: bool) -> AbstractContextManager[None]:
    if not track or host.name is None:
        return nullcontext()
    from guild_sync.runs import tracking  # a run here has no use for it

    return tracking.expected(launch.run_id, host)


def _note_begun(launch: Launch, host: Host, track: bool) -> None:
    if track and host.name is not None:
        from guild_sync.runs import tracking

        tracking.note_begun(launch.run_id)
