"""An agent that stays for what is asked next. ssh is a script here; the agent is the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support import PATIENCE, wait_until

from guild_sync.agent.store import identity
from guild_sync.config.remotes import Remote
from guild_sync.errors import GuildError, RemoteError, RunNotFound, Unreachable
from guild_sync.hosts.remote import RemoteHost
from guild_sync.transport.background import begun

RUN = "a" * 32
# The agent gets the pid that is noted.
SSH = """\
#!/bin/sh
case "$*" in *" -O "*) exit 255 ;; "-F "*) ;; *) exit 1 ;; esac
echo $$ >>{log}
while :; do
    case $1 in
        -F) shift 2 ;;
        -*) shift ;;
        *) shift; eval "exec $*" ;;
    esac
done
"""


class Place:
    """A remote whose ssh is a script, and which agents were begun there."""

    def __init__(self, folder: Path, there: Path) -> None:
        self.there = there
        self.log = folder / "ssh.log"
        self.told = folder / "told"  # what agents were told, where `listens`
        self.folder = folder
        self.put("ssh", SSH.format(log=self.log))

    def put(self, name: str, script: str) -> str:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
        return str(path)

    def host(self, python: str = sys.executable) -> RemoteHost:
        return RemoteHost(Remote("far", "ssh", "far", guild_home=str(self.there), python=python))

    def listening(self) -> RemoteHost:
        """A host what whose agents are told is noted."""
        script = f'#!/bin/sh\ntee -a {self.told} | {sys.executable} "$@"\n'
        return self.host(self.put("python", script))

    @property
    def begun(self) -> list[int]:
        return [int(pid) for pid in self.log.read_text().split()] if self.log.exists() else []

    def live(self) -> list[int]:
        return [pid for pid in self.begun if identity.start_time(pid) is not None]


@pytest.fixture
def place(tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = Place(tmp_path, there)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    yield found
    assert found.live() == [], "it leaves nothing"


def made(host: RemoteHost, **contents: int) -> list[str]:
    """Make a run that has need of contents; those that are missing."""
    return host.stage(RUN, "x", {}, {}, contents=contents)["missing"]


def status(host: RemoteHost) -> str | None:
    return host.states([RUN])[RUN]["status"]


def test_one_agent_answers_all_that_is_asked_while_it_may_stay(place: Place) -> None:
    host = place.host()
    with host.staying():
        made(host)
        host.mark_staged(RUN)
        with host.staying():
            assert status(host) == "staged"
        assert host.tracked() == []
    assert len(place.begun) == 1
    assert host.tracked() == []
    assert len(place.begun) == 2


def test_an_agent_that_was_begun_answers_what_is_asked_next(place: Place) -> None:
    host = place.host()
    for _ in range(2):
        host.begin()
    wait_until(lambda: place.begun, "an agent")
    assert begun(host.tracked).result(PATIENCE) == []  # of another thread, with one of its own
    assert len(place.begun) == 2
    assert host.tracked() == []
    assert len(place.begun) == 2
    assert host.tracked() == []
    assert len(place.begun) == 3


def test_an_agent_that_was_begun_is_its_threads_whoever_has_one_stay(place: Place) -> None:
    host = place.host()

    def another() -> None:
        with host.staying():
            assert host.tracked() == []
        host.leave()

    host.begin()
    begun(another).result(PATIENCE)
    assert len(place.begun) == 2
    assert host.tracked() == []
    assert len(place.begun) == 2


def test_an_agent_that_was_begun_may_stay(place: Place) -> None:
    host = place.host()
    host.begin()
    with host.staying():
        for _ in range(2):
            host.begin()
            assert host.tracked() == []
    assert len(place.begun) == 1


def test_an_agent_that_was_begun_is_left_where_it_is_asked_nothing(place: Place) -> None:
    host = place.host()
    host.begin()
    host.leave()
    assert (len(place.begun), place.live()) == (1, [])
    with host.staying():
        host.begin()
    assert (len(place.begun), place.live()) == (2, [])


def test_an_error_ends_no_conversation(place: Place) -> None:
    host = place.host()
    with host.staying():
        for _ in range(2):
            with pytest.raises(RunNotFound):
                host.recipe(RUN)
        assert host.tracked() == []
    with pytest.raises(GuildError), host.staying():
        host.recipe(RUN)
    assert len(place.begun) == 2


def test_what_is_asked_in_another_thread_has_an_agent_of_its_own(place: Place) -> None:
    host = place.host()
    with host.staying():
        made(host)
        with host.staying():
            assert begun(partial(status, host)).result(PATIENCE) == "pending"
            assert status(host) == "pending"
    assert len(place.begun) == 2


def test_it_is_left_for_what_else_uses_the_connection(place: Place) -> None:
    host = place.host()
    with host.staying():
        host.tracked()
        host.leave()
        assert place.live() == []
        host.tracked()
    assert len(place.begun) == 2


def test_it_is_ended_by_what_ends_us(place: Place) -> None:
    host = place.host()
    with pytest.raises(KeyboardInterrupt), host.staying():
        host.tracked()
        raise KeyboardInterrupt


def test_it_ends_with_a_guild_that_is_killed(place: Place) -> None:
    script = """
import sys, time
from guild_sync.config.remotes import Remote
from guild_sync.hosts.remote import RemoteHost
host = RemoteHost(Remote("far", "ssh", "far", guild_home=sys.argv[1], python=sys.executable))
with host.staying():
    host.tracked()
    print("asked", flush=True)
    time.sleep(600)
"""
    argv = [sys.executable, "-c", script, str(place.there)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as guild:
        assert guild.stdout and guild.stdout.readline() == b"asked\n"
        assert len(place.live()) == 1
        guild.kill()
    wait_until(lambda: place.live() == [], "the agent's end")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_an_agent_that_has_gone_is_begun_anew(place: Place, signum: int) -> None:
    host = place.host()
    with host.staying():
        host.tracked()
        os.kill(place.begun[0], signum)
        wait_until(lambda: place.live() == [])
        assert host.tracked() == []
        assert len(place.begun) == 2


def test_one_that_goes_again_and_again_is_an_error(place: Place) -> None:
    answer = 'printf \'\\nGUILD-ANSWER {"ok": [], "home": "/x"}\\n\''
    first = f"[ -e {place.folder}/asked ] || {{ : >{place.folder}/asked; {answer}; }}"
    host = place.host(place.put("python", f"#!/bin/sh\nread -r line\n{first}\n"))
    with pytest.raises(GuildError), host.staying():
        assert host.tracked() == []
        host.tracked()


def test_an_answer_that_is_cut_off_is_none(place: Place) -> None:
    half = "printf '\\nGUILD-ANSWER {\"ok\": []'"
    python = f'#!/bin/sh\ncase "$*" in *mend*) exit ;; esac\nread -r line\n{half}\n'
    host = place.host(place.put("python", python))
    with pytest.raises(RemoteError, match="gave no answer"), host.staying():
        host.tracked()


def test_an_agent_that_is_always_sent_anew_is_sent_some_times(place: Place) -> None:
    """The Python there says what is no answer, and says it too where it mends the agent."""
    host = place.host(place.put("python", "#!/bin/sh\nprintf '\\nGUILD-ANSWER {'\n"))
    with pytest.raises(RemoteError):
        host.tracked()


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_remote_says(
    place: Place,
) -> None:
    python = place.put("python", "#!/bin/sh\nexec sleep 600\n")
    remote = Remote("far", "ssh", "far", guild_home=str(place.there), python=python, timeout=1)
    host = RemoteHost(remote)
    with pytest.raises(Unreachable, match="did not answer in time"), host.staying():
        host.tracked()


def test_what_comes_next_is_told_ahead_and_done(place: Place) -> None:
    host = place.listening()
    mark, ask = partial(host.mark_staged, RUN), partial(status, host)
    with host.staying():
        host.ahead(mark, ask)
        made(host)
        mark()
        assert ask() == "staged"
        made_too = host.home_name(make=True)
        assert made_too
    assert len(place.begun) == 1
    assert len(place.told.read_text().splitlines()) == 2


def test_what_is_asked_instead_is_asked_behind_what_was_told_ahead(place: Place) -> None:
    host = place.host()
    with host.staying():
        host.ahead(partial(host.mark_staged, RUN))
        made(host)
        assert status(host) == "staged"


def test_nothing_is_done_ahead_where_something_is_missing(place: Place) -> None:
    host = place.host()
    mark = partial(host.mark_staged, RUN)
    with host.staying():
        host.ahead(mark)
        assert made(host, **{"f" * 64: 3}) == ["f" * 64]
        assert status(host) == "pending"
        mark()
        assert status(host) == "staged"
    assert len(place.begun) == 1


def test_nothing_is_done_ahead_where_something_fails(place: Place) -> None:
    host = place.host()
    with host.staying():
        host.ahead(partial(made, host))
        with pytest.raises(RunNotFound):
            host.recipe(RUN)
        assert status(host) is None


def test_nothing_is_told_ahead_where_nobody_stays(place: Place) -> None:
    host = place.host()
    host.ahead(partial(host.mark_staged, RUN))
    made(host)
    assert status(host) == "pending"


def test_a_host_that_has_answered_is_connected(place: Place) -> None:
    host = place.host()
    assert not host.is_connected()
    host.tracked()
    assert host.is_connected()
