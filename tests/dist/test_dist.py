"""What `make dist` builds, installed and tried in a fresh Debian, in each of the ways that there are.

`make dist-test` runs these tests, GUILD_DIST is the folder with what was built; all else leaves them
out. CI runs their short form, SHORT=1: each way in one of the releases.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DIST = Path(os.environ["GUILD_DIST"]).absolute()
# What is there before guild comes: what README says that it needs, a server for the sandbox, pipx.
BEFORE = "git,openssh-client,openssh-server,pipx,python3,python3-venv,rsync"
RELEASES = {"bookworm": "12", "trixie": "13"}
# As ann, in her home; `dist` is the folder with what was built.
WAYS = {
    "pipx, of a wheel": "pipx install $dist/*.whl",
    "pipx, of a checkout": "git clone -q $top checkout; pipx install ./checkout",
    "uv, of a wheel": "$uv tool install -q $dist/*.whl",
    "uv, of a repository": "$uv tool install -q git+file://$top",
    "pip, of a source archive": "python3 -m venv .local; .local/bin/pip install -q $dist/*.tar.gz",
    "one file": "mkdir -p .local/bin; cp $dist/guild-*.pyz .local/bin/guild",
}
_BOTH = [(way, release) for way in WAYS for release in RELEASES]
# One after the other: each release has about half of them.
_SHORT = [(way, [*RELEASES][number % 2]) for number, way in enumerate(WAYS)]


@pytest.fixture(scope="session")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's program, which Debian does not have, in a folder of its own."""
    folder = tmp_path_factory.mktemp("uv")
    folder.chmod(0o755)
    for above in [*folder.parents][:3]:
        above.chmod(above.stat().st_mode | 0o011)
    program = folder / "uv"
    program.write_bytes((Path(sys.executable).parent / "uv").read_bytes())
    program.chmod(0o755)
    return program


def said(release: str, script: str, *folders: Path) -> str:
    """What a script says in a fresh system of this release, as root; it must end with 0."""
    binds = [word for folder in (DIST, TOP, *folders) for word in ("--bind", str(folder))]
    argv = [str(TOP / "tools/in-system"), "--with", BEFORE, *binds, release, "sh", "-euc", script]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def as_ann(script: str) -> str:
    """The command that has ann's shell run a script, in her home, with what she installs on PATH."""
    given = f"dist={DIST} top={TOP} PATH=/home/ann/.local/bin:/usr/bin:/bin HOME=/home/ann"
    return f"cd /home/ann; setpriv --reuid=ann --regid=ann --init-groups env {given} sh -euc '{script}'"


@pytest.mark.parametrize(("way", "release"), _SHORT if os.environ.get("SHORT") else _BOTH)
def test_it_is_installed_by_a_user(way: str, release: str, uv: Path) -> None:
    script = f"git config --global safe.directory \\*; uv={uv}; {WAYS[way]}; $top/tests/dist/try-guild"
    assert "loss: 0.8" in said(release, as_ann(script), uv.parent)


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_installed_as_a_package_of_debian(release: str) -> None:
    (package,) = DIST.glob(f"*+deb{RELEASES[release]}_all.deb")
    install = f"apt-get install -y -qq --no-install-recommends {package} 2>&1 >/dev/null"
    there = """
        for shell in bash-completion/completions/guild zsh/vendor-completions/_guild \\
            fish/vendor_completions.d/guild.fish man/man5/guild.yml.5.gz; do
          [ -s /usr/share/$shell ]
        done
        grep -x 'ExecStart=/usr/bin/guild-sync --deadline 3600' /usr/lib/systemd/user/guild-sync.service
        [ -d /usr/lib/guild-sync/guild_sync/__pycache__ ]
    """
    gone = "apt-get remove -y -qq guild-sync >/dev/null; [ ! -e /usr/lib/guild-sync ]"
    tried = f"( {as_ann('$top/tests/dist/try-guild')} )"
    assert "loss: 0.8" in said(release, f"{install}; {there} {tried}; {gone}")


def test_lintian_finds_nothing_but_an_address_that_nobody_has() -> None:
    packages = sorted(DIST.glob("guild-sync_*.deb"))
    script = "lintian --pedantic --display-info --fail-on none --allow-root " + " ".join(
        map(str, packages)
    )
    argv = (TOP / "tools/in-system", "--with", "lintian", "--bind", DIST, "bookworm")
    done = subprocess.run((*argv, "sh", "-c", script), capture_output=True, text=True)
    assert (len(packages), done.returncode) == (2, 0), done
    told = [line.split()[2] for line in done.stdout.splitlines()]
    assert {*told} <= {"bogus-mail-host", "bogus-mail-host-in-debian-changelog"}, done.stdout


def test_the_one_file_says_which_python_it_needs() -> None:
    (file,) = DIST.glob("guild-*.pyz")
    script = f"apt-get update -qq; apt-get install -y -qq python3-minimal >/dev/null; python3 {file}"
    argv = (TOP / "tools/in-system", "--bind", DIST, "bullseye", "sh", "-c", script)
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("guild: this needs Python 3.10 or newer, and ")
