"""The script that finds the agent on a remote, in whichever shells that has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from guild_sync.hosts.bootstrap import BOOTSTRAP, home_words, in_login, one_line, word
from guild_sync.hosts.frames import FrameReader

# The login shell, which hands the script on, and the `sh` that runs it.
LOGIN_SHELLS = ["bash", "csh", "dash", "fish", "tcsh", "zsh", "busybox"]
SHELLS = [(login, "sh") for login in LOGIN_SHELLS] + [("dash", "bash"), ("dash", "busybox")]
HOSTILE = "a b'c\"d!e\\f$(touch x)`g`*~\n;é\n"
# In place of the agent: says how it was started, and what came for it.
STUB = """\
import sys
flags = sys.flags
print("agent", flags.isolated, flags.no_site, flags.utf8_mode, sys.stdin.readline().strip())
"""
AGENT = b"\nGUILD-AGENT\nagent 1 1 1 request\n"


def found(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed here")
    return path


class Remote:
    """A login on a machine: its home, its login shell, its `sh`."""

    def __init__(self, top: Path, login: str, sh: str) -> None:
        self.top = top
        self.home = top / "login"
        self.argv = [found(login), *(["sh"] if login == "busybox" else []), "-c"]
        for folder in (self.home, top / "bin"):
            folder.mkdir()
        self.shell = self.argv[0]
        if login == "busybox":
            self.shell = str(top / "bin" / "ash")
            (top / "bin" / "ash").symlink_to(self.argv[0])
        if sh != "sh":
            (top / "bin" / "sh").symlink_to(found(sh))

    def agent(self, home: str = "guild", name: str = "DIGEST") -> Path:
        """A stub of the agent, in the folder of that name."""
        path = self.home / home / "agent" / name
        path.mkdir(parents=True)
        (path / "__main__.py").write_text(STUB)
        return path

    def __call__(
        self,
        home: str = "guild",
        python: str = sys.executable,
        sent: str = "",
        may_make: bool = True,
        setup: str = "",
        script: str = BOOTSTRAP,
        arguments: Sequence[str] = (),
    ) -> tuple[dict[str, Any] | None, bytes]:
        """The answer and what is behind it; without an answer, all that was printed."""
        made = "enter" if arguments else "yes" if may_make else "no"
        given = (word(python), "DIGEST", word(sent), made, word(setup))
        words = (*given, *home_words(home), *(word(argument, "a") for argument in arguments))
        done = subprocess.run(
            [*self.argv, " ".join([script, *words])],
            input=b"request\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.top,
            env={
                "HOME": str(self.home),
                "LOGIN_NAME": "login",
                "SHELL": self.shell,
                "NAME_OF_HOME": "guild",
                "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}",
            },
            timeout=60,
            check=False,
        )
        frame = FrameReader(lambda rest: None)
        frame.feed(done.stdout)
        return (frame.answer, frame.rest) if frame.answer else (None, done.stdout)


@pytest.fixture(params=SHELLS, ids=lambda pair: "-".join(pair))
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    return Remote(tmp_path, *request.param)


def test_an_agent_that_is_there_is_become_with_nothing_of_the_logins_in_it(
    remote: Remote,
) -> None:
    remote.agent()
    assert remote() == (None, AGENT)


@pytest.mark.parametrize("setup", ["", "cd /; set -- x; IFS=0"])
def test_an_agent_that_a_person_works_with_has_words_of_its_own_and_their_stdin(
    remote: Remote, setup: str
) -> None:
    words = ["shell", HOSTILE, "", "tx", "vHOME", "-n"]
    script = in_login(False) if setup else BOOTSTRAP
    refused = b"guild: it cannot be entered: no agent is there any more\n"
    assert remote(arguments=words, setup=setup, script=script) == (None, refused)
    (remote.agent() / "__main__.py").write_text(
        "import sys\nsys.stdout.write(ascii(sys.argv[1:]) + sys.stdin.read())\n"
    )
    said = f"{words!a}request\n".encode()
    assert remote(arguments=words, setup=setup, script=script) == (None, said)


def test_variables_in_the_guild_home_are_those_there(remote: Remote) -> None:
    remote.agent("login-s/guild")
    assert remote("$LOGIN_NAME-s/${NAME_OF_HOME}") == (None, AGENT)
    assert remote("$NOT_SET/guild") == ({"no_variable": "NOT_SET"}, b"")


def test_where_no_agent_is_the_guild_home_is_made_and_asks_for_one(remote: Remote) -> None:
    assert remote() == ({"no_agent": True}, str(remote.home / "guild").encode())
    assert os.listdir(remote.home / "guild") == ["agent"]


def test_an_agent_that_was_sent_gets_its_place_and_is_become(remote: Remote) -> None:
    remote.agent(name=".DIGEST.12ab")
    assert remote(sent=".DIGEST.12ab") == (None, AGENT)
    assert os.listdir(remote.home / "guild/agent") == ["DIGEST"]


def test_an_agent_that_is_there_is_mended_by_one_that_was_sent_and_not_replaced(
    remote: Remote,
) -> None:
    there = remote.agent().stat().st_ino
    remote.agent(name=".DIGEST.12ab")
    # The stub of what was sent tells that it was called for that, with nothing to read.
    assert remote(sent=".DIGEST.12ab") == (None, b"agent 1 1 1 \n" + AGENT)
    assert os.listdir(remote.home / "guild/agent") == ["DIGEST"]
    assert (remote.home / "guild/agent/DIGEST").stat().st_ino == there


def test_an_agent_without_its_program_is_asked_for(remote: Remote) -> None:
    (remote.agent() / "__main__.py").write_text("")
    assert remote()[0] == {"no_agent": True}


def test_where_no_python_is_that_is_said(remote: Remote) -> None:
    remote.agent()
    assert remote(python="python-none") == ({"no_python": True}, b"")


def test_where_the_guild_home_cannot_be_made_that_is_said_and_where(remote: Remote) -> None:
    (remote.home / "guild").write_text("a file")  # for root too
    answer, rest = remote()
    assert (answer, rest) == ({"no_folder": True}, str(remote.home / "guild").encode())


def test_where_none_may_be_made_a_missing_guild_home_is_said(remote: Remote) -> None:
    assert remote(may_make=False) == ({"home_missing": True}, b"")
    assert not (remote.home / "guild").exists()
    (remote.home / "guild/runs").mkdir(parents=True)
    assert remote(may_make=False)[0] == {"no_agent": True}


def test_where_the_login_has_no_home_that_is_said(remote: Remote) -> None:
    remote.home.rmdir()
    remote.home.write_text("a file")  # fish would make one
    assert remote()[0] == {"no_home": True}


@pytest.mark.parametrize("is_absolute", [False, True])
def test_a_guild_home_and_a_python_of_any_name_are_words(remote: Remote, is_absolute: bool) -> None:
    home = HOSTILE if not is_absolute else str(remote.top / HOSTILE)
    (remote.home / HOSTILE).mkdir()
    python = remote.home / HOSTILE / HOSTILE.strip()
    python.symlink_to(sys.executable)
    answer, rest = remote(home)
    assert (answer, rest.decode()) == ({"no_agent": True}, str(remote.home / home))
    remote.agent(home)
    assert remote(home, python=f"./{HOSTILE}/{python.name}") == (None, AGENT)
    assert not list(remote.top.rglob("x"))


# What comes before: lines of the config file's, the login's profile.


def shows(remote: Remote, name: str) -> Path:
    """An agent that shows a variable; a Python that is found by that alone."""
    path = remote.agent()
    (path / "__main__.py").write_text(f"import os; print(os.environ.get({name!r}))\n")
    return path


@pytest.mark.parametrize("profile", [False, True])
def test_lines_of_setup_count_for_the_agent_and_its_python(remote: Remote, profile: bool) -> None:
    shows(remote, "GREETING")
    (remote.top / "py").symlink_to(sys.executable)
    setup = f'read nothing; echo noise\nexport GREETING="it\'s" PATH={remote.top}:$PATH\n'
    answer, said = remote(python="py", setup=setup, script=in_login(profile))
    assert (answer, said.splitlines()[-1]) == (None, b"it's")


@pytest.mark.parametrize(
    "setup",
    [
        "cd /",
        "set -- one two",
        '[ $# = 0 ] || false; [ -z "$*" ]',
        "IFS=/",
        "set -f -e",
        "trap 'echo more' EXIT",
        "set -eu",
        "a() { echo taken; }; d() { echo taken; }; _w=x _h=x _m=no _s=x _i=x _p=x",
    ],
)
def test_setup_moves_no_guild_home_and_sees_none_of_the_words(remote: Remote, setup: str) -> None:
    home = "a b/*/$NAME_OF_HOME"
    answer, rest = remote(home, setup=setup, script=in_login(False))
    assert (answer, rest) == ({"no_agent": True}, str(remote.home / "a b/*/guild").encode())


def test_a_variable_that_is_not_set_is_said_whatever_setup_wants_of_the_shell(
    remote: Remote,
) -> None:
    answer, _ = remote("$NOT_SET/guild", setup="set -eu", script=in_login(False))
    assert answer == {"no_variable": "NOT_SET"}


def test_setup_that_fails_is_said(remote: Remote) -> None:
    remote.agent()
    answer, _ = remote(setup="echo why >&2; false", script=in_login(False))
    assert answer == {"no_setup": True}


PROFILES = {
    "fish": ".config/fish/config.fish",
    "csh": ".login",
    "tcsh": ".login",
    "zsh": ".zprofile",
}


def test_what_the_profile_sets_is_there(remote: Remote) -> None:
    shell = Path(remote.argv[0]).name
    shows(remote, "GREETING")
    path = remote.home / PROFILES.get(shell, ".profile")
    path.parent.mkdir(parents=True, exist_ok=True)
    line = dict.fromkeys(("csh", "tcsh"), "setenv GREETING hello")
    line["fish"] = "set -gx GREETING hello"
    path.write_text(line.get(shell, "export GREETING=hello") + "\n")
    assert remote(script=in_login(True))[1].splitlines()[-1] == b"hello"
    assert remote()[1].splitlines()[-1] != b"hello" or shell == "fish"


# The file, and the line that it becomes.


def test_comments_and_indentation_are_no_part_of_the_line() -> None:
    assert one_line("# It's\na;\n\n  # b\n\tc { # d;\n  };\n") == "a; c { # d; };"


def test_the_line_is_one_word_to_every_shell() -> None:
    script = BOOTSTRAP.removeprefix("sh -c '").removesuffix("' guild")
    assert len(BOOTSTRAP) - len(script) == len("sh -c '' guild")
    # A single quote ends the word, csh replaces what an exclamation mark begins, and a fish
    # reads these two backslashes.
    assert not re.search(r"['!\n]|\\\\|\\'", script)
    assert " #" not in script, "a comment that shares its line would be all that follows"
    assert not re.search("@[A-Z]", script), "what is put in for each"
    before = in_login(True).partition("' '")[0].removeprefix("sh -c '")
    assert not re.search(r"['!\n]|\\\\|\\'", before)


@pytest.mark.parametrize("shell", ["bash", "dash", "busybox"])
def test_the_file_by_itself_is_a_script_too(shell: str) -> None:
    argv = [found(shell), *(["sh"] if shell == "busybox" else []), "-n"]
    file = Path(sys.modules[one_line.__module__].__file__ or "").with_name("bootstrap.sh")
    subprocess.run([*argv, str(file)], check=True)
