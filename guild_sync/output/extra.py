"""Libraries that an extra of the package brings: whether they are here, and how to get them."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from guild_sync.errors import GuildError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "guild-sync"
_DEBIAN = Path("/usr/lib/guild-sync")  # where Debian's package has guild
# What Debian has in a version that is new enough, by the Python of its release: the package, and
# the least Python. tools/debian builds for these releases.
_OF_DEBIAN = {
    "apprise": ("apprise", (3, 13)),
    "jinja2": ("python3-jinja2", (3, 11)),
    "matplotlib": ("python3-matplotlib", (3, 11)),
    "textual": ("python3-textual", (3, 13)),
}


def need(what: str, extra: str, *modules: str) -> None:
    """Raise GuildError where `what`, as `plots`, needs modules that are not here, or too old."""
    if missing := [name for name in modules if find_spec(name) is None]:
        lack = f"{what} need {' and '.join(missing)}, and guild is installed without"
        raise GuildError(lack, how_to_get(extra, *missing))
    for name in modules:
        if old := _too_old(name):
            wanted, found = old
            lack = f"{what} need {name} {wanted}, and {found} is installed"
            raise GuildError(lack, how_to_get(extra, name))


def is_here(module: str) -> bool:
    """Whether a library is installed, and new enough."""
    return find_spec(module) is not None and _too_old(module) is None


def how_to_get(extra: str, *modules: str) -> str:
    """What to do to have an extra, or of Debian's package these modules of it."""
    typed = command(extra, *modules)
    if _is_one_file():
        return f"guild as one file does without. As a package it can have it: {typed}"
    if _is_of_debian() and not typed.startswith("sudo "):
        return f"Debian has none that is new enough. Another guild beside it can have it: {typed}"
    return f"Install it where guild is: {typed}"


def command(extra: str, *modules: str) -> str:
    """What to type to have an extra, by how guild was installed; without modules, all of it."""
    here, wanted = Path(sys.prefix), f"{PACKAGE}[{extra}]"
    if _is_one_file():
        return f"pipx install {shlex.quote(wanted)}"
    if _is_of_debian():
        names = modules or [one.name for one in _brought_by(extra)]
        packages = [_OF_DEBIAN.get(name, ("", (9, 9))) for name in names]
        if all(python <= sys.version_info for _, python in packages):
            return f"sudo apt install {' '.join(sorted(name for name, _ in packages))}"
        return f"pipx install {shlex.quote(wanted)}"
    if (here / "pipx_metadata.json").exists():
        brought = [f"{one.name}{one.specifier}" for one in _brought_by(extra)]
        return shlex.join(["pipx", "inject", here.name, *brought])
    if (here / "uv-receipt.toml").exists():
        return shlex.join(["uv", "tool", "install", "--force", *_source(extra)])
    if find_spec("pip") is None:  # as uv makes environments
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, wanted])
    pip = shutil.which("pip")
    if pip is not None and Path(pip).parent == here / "bin":
        return f"pip install {shlex.quote(wanted)}"
    return shlex.join([sys.executable, "-m", "pip", "install", wanted])


def _is_one_file() -> bool:
    """Whether guild is a zipapp, which shiv's bootstrap has unpacked."""
    return hasattr(sys.modules.get("_bootstrap"), "Environment")


def _is_of_debian() -> bool:
    return Path(__file__).is_relative_to(_DEBIAN)


def _too_old(module: str) -> tuple[str, str] | None:
    """The version of a library that is needed, and the older one that is here; else None.

    Its module is named as its package is.
    """
    from importlib import metadata

    try:
        found = metadata.version(module)
    except metadata.PackageNotFoundError:  # nobody says which it is
        return None
    for one in _requirements():
        if one.name == module and not one.specifier.contains(found, prereleases=True):
            return str(one.specifier), found
    return None


def _brought_by(extra: str) -> list[Requirement]:
    return [
        one
        for one in _requirements()
        if one.marker is not None and one.marker.evaluate({"extra": extra})
    ]


def _requirements() -> Iterator[Requirement]:
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        lines = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:  # a folder of sources that is on the path
        lines = []
    yield from map(Requirement, lines)


def _source(extra: str) -> Sequence[str]:
    """What an installer is to be told so that it takes guild, with an extra, from where it is of.

    Without that, an index of packages would be asked for it.
    """
    from importlib import metadata

    try:
        text = metadata.distribution(PACKAGE).read_text("direct_url.json")
        told = json.loads(text or "{}")
        url = str(told.get("url", ""))
        if vcs := told.get("vcs_info"):
            return [f"{PACKAGE}[{extra}] @ {vcs['vcs']}+{url}"]
        is_editable = bool(told.get("dir_info", {}).get("editable"))
    except (metadata.PackageNotFoundError, ValueError, KeyError, AttributeError, TypeError):
        url, is_editable = "", False
    parts = urlsplit(url)
    if parts.scheme == "file":
        return [*(["--editable"] if is_editable else []), f"{unquote(parts.path)}[{extra}]"]
    return [f"{PACKAGE}[{extra}] @ {url}" if url else f"{PACKAGE}[{extra}]"]
