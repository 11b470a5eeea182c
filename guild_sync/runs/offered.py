"""What a host offers where no project is: operations of installed packages and of earlier runs."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from guild_sync.agent.protocol import InstalledPackage, PackageFile, Recipe, Value
from guild_sync.errors import ConfigError, GuildError
from guild_sync.guildfile import reader
from guild_sync.hosts.base import Host, on
from guild_sync.jobs.needs import request_of
from guild_sync.jobs.recipe import operation_of
from guild_sync.project import operations
from guild_sync.project.definitions import GUILDFILE, Operation, Package
from guild_sync.project.sourcecode import Source, required_files

_MOST_RUNS = 20  # earlier runs that are looked at
_NAMEABLE = re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029\ufffd\ud800-\udfff]+\Z")


@dataclass(frozen=True)
class Installed:
    """An operation of a package that is installed on a host, where its files are."""

    operation: Operation
    package: Package
    folder: Path  # of the package, on the host
    names: tuple[str, ...]  # of all its files
    files: tuple[str, ...]  # of these, those that the operation requires

    def source_of(self, operation: Operation) -> Source:
        """All files of the package that are below the operation's root."""
        root = PurePosixPath(operation.sourcecode.root)
        below = (PurePosixPath(name) for name in self.names)
        found = sorted(str(path.relative_to(root)) for path in below if path.is_relative_to(root))
        return Source(self.folder / root, tuple(found), folder=self.folder)


def of_package(spec: str, host: Host) -> Installed | None:
    """The operation that `[PACKAGE/][MODEL:]NAME` means among the host's packages; None: none.

    Raises GuildError where several packages have it, and where its package cannot be read.
    """
    package, _, wanted = spec.rpartition("/")
    found: dict[str, Installed] = {}
    for each in host.installed_packages(host.environment()):
        if not package or _plain(package) in (_plain(each["name"]), _plain(each["name"], "gpkg-")):
            operation = _read(each, wanted, bool(package), host)
            if operation is not None:
                found[each["name"]] = operation
    if len(found) > 1:
        raise GuildError(
            f"{spec} is an operation of several packages{on(host)}: {', '.join(found)}",
            f"Say which: PACKAGE/{wanted}",
        )
    return next(iter(found.values()), None)


def of_earlier_run(spec: str, host: Host) -> Recipe | None:
    """The recipe of the latest run there of `[PACKAGE/][MODEL:]NAME` that keeps its operation.

    PACKAGE may go without the `gpkg.` that a project's name has in front as a wheel.
    """
    meant: list[Value] = [spec, f"gpkg.{spec}"] if "/" in spec else [spec]
    runs = host.list_runs(filters={"operation": meant}, limit=_MOST_RUNS)["runs"]
    recipes = (host.recipe(run["id"]) for run in runs)
    return next((recipe for recipe in recipes if operation_of(recipe) is not None), None)


def _plain(name: str, without: str = "") -> str:
    """A package's name as names are compared: `My.Demo_x` is `my-demo-x`."""
    return re.sub(r"[-_.]+", "-", name).lower().removeprefix(without)


def _read(package: InstalledPackage, wanted: str, is_named: bool, host: Host) -> Installed | None:
    """The wanted operation of a package; None where it has none of that name."""
    folder = package["folder"]
    with tempfile.TemporaryDirectory(prefix="guild-") as name:
        here = Path(name)
        names = list(mirrored(host.package_files(folder), here))
        if not (here / GUILDFILE).exists():
            return None
        try:
            project = reader.load(here)
            for offered in project.operations:
                known = (offered.full_name, f"{offered.model}:{offered.name}")
                if wanted in known or (is_named and wanted == offered.name):
                    break
            else:
                return None
            operation = operations.with_steps(project, offered)
            needed = [request_of(r, {}) for r in operations.all_requirements(operation)]
            files = required_files(here, needed)
            operation = operations.with_folder(operation, folder)
        except (ConfigError, GuildError) as e:
            said = [text.replace(name, folder) for text in (e.message, e.hint)]
            raise GuildError(f"package {package['name']}{on(host)}: {said[0]}", said[1]) from None
    return Installed(
        operation,
        Package(package["name"], package["version"]),
        Path(folder),
        tuple(names),
        files,
    )


def mirrored(files: Sequence[PackageFile], here: Path) -> Iterator[str]:
    """Write what is known of a package's files below `here`; their paths.

    Raises GuildError for a path that leads elsewhere: they come from the host.
    """
    for file in files:
        path = PurePosixPath(file["path"])
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise GuildError(f"the package has a file outside itself: {file['path']!r}")
        if not _NAMEABLE.match(file["path"]):
            continue
        try:
            (here / path).parent.mkdir(parents=True, exist_ok=True)
            (here / path).write_bytes((file["text"] or "").encode())
        except OSError as e:
            raise GuildError(f"the package's file {str(path)!r} cannot be: {e.strerror}") from None
        yield str(path)
