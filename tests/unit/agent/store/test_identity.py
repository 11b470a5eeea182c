"""A process is who it is, whoever had its number before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import wait_until

from guild_sync.agent.facts.telling import Untold
from guild_sync.agent.protocol import Value
from guild_sync.agent.store import identity


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, that lives."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture(params=["with handles", "without handles"])
def _handles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and the kernel have handles of processes, or have none."""
    if request.param == "without handles":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.mark.usefixtures("_handles")
def test_a_signal_reaches_the_process_that_is_meant(child: subprocess.Popen[bytes]) -> None:
    identity.send(identity.of(child.pid), signal.SIGTERM)
    assert child.wait(20) == -signal.SIGTERM


@pytest.mark.usefixtures("_handles")
@pytest.mark.parametrize("change", [{"start": 1}, {"boot": "another"}, {"namespace": 1}])
def test_a_stranger_with_its_number_is_not_signalled(
    child: subprocess.Popen[bytes], change: dict[str, Value]
) -> None:
    who = identity.recorded({**identity.of(child.pid)._asdict(), **change})
    assert who is not None
    with pytest.raises(ProcessLookupError):
        identity.send(who, signal.SIGKILL)
    assert child.poll() is None


@pytest.mark.usefixtures("_handles")
def test_what_has_ended_is_gone(child: subprocess.Popen[bytes]) -> None:
    who = identity.of(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessLookupError):
        identity.send(who, signal.SIGTERM)


def test_the_hosts_name_decides_nothing(child: subprocess.Popen[bytes]) -> None:
    who = identity.of(child.pid)._replace(host="renamed")
    assert identity.lives(who)
    assert identity.is_same(who, identity.of(child.pid))
    assert not identity.is_elsewhere(who)


@pytest.mark.parametrize(
    "record", [{}, {"pid": 0}, {"pid": "1"}, {"pid": None}, {"pid": -1}, {"pid": [1]}]
)
def test_a_record_without_a_number_is_nobodys(record: dict[str, Value]) -> None:
    assert identity.recorded(record) is None


_PRINT_PLACE = "from guild_sync.agent.store import identity; print(identity.place(), end='')"


@pytest.mark.parametrize("container", [(), ("unshare", "--pid", "--fork")])
def test_numbers_of_a_container_count_in_another_place(container: tuple[str, ...]) -> None:
    argv = [*container, sys.executable, "-c", _PRINT_PLACE]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if container and done.returncode:
        pytest.skip("no namespaces without root")
    host, boot, namespace = done.stdout.split(".")
    here = identity.place()
    assert (host, boot) == (here.host, here.boot)
    assert (namespace == here.namespace) is (not container)


_PRINT_NETWORK = "from guild_sync.agent.store import identity; print(identity.network(), end='')"


@pytest.mark.parametrize("container", [(), ("unshare", "--net")])
def test_the_loopback_of_a_container_is_another(container: tuple[str, ...]) -> None:
    argv = [*container, sys.executable, "-c", _PRINT_NETWORK]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if container and done.returncode:
        pytest.skip("no namespaces without root")
    assert done.stdout != ""
    assert (done.stdout == identity.network()) is (not container)


def test_a_process_works_in_a_run_where_it_is_or_which_it_was_told_of(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    told = {**os.environ, "RUN_DIR": str(run)}
    for where, env in ((run, None), (tmp_path, told), (tmp_path, None)):
        with subprocess.Popen(["sleep", "600"], cwd=where, env=env) as process:
            environ = Path(f"/proc/{process.pid}/environ")
            try:
                wait_until(environ.read_bytes, "its program")  # not yet there just after exec
                expected = where == run or env is not None
                assert identity.works_in(process.pid, str(run)) is expected
            finally:
                process.kill()


@pytest.mark.parametrize("pid", [0, -1, 1 << 31, 1 << 80, "1", None])
def test_a_record_of_a_number_that_no_process_can_have_is_none(pid: Value) -> None:
    assert identity.recorded({**identity.of(os.getpid())._asdict(), "pid": pid}) is None


def test_what_is_no_number_in_a_files_name_is_nobodys() -> None:
    assert not identity.is_gone("\u00b2")
    assert not identity.is_gone("")
    assert identity.is_gone("9" * 200)


def test_a_process_whose_start_was_not_told_may_be_itself_and_may_live(
    child: subprocess.Popen[bytes],
) -> None:
    who = identity.of(child.pid)
    untold = who._replace(start=identity.NOT_TOLD)
    assert identity.is_same(untold, who) and identity.is_same(who, untold)
    assert not identity.is_same(untold, who._replace(boot="another"))
    assert identity.may_live(untold) and identity.may_live(who)
    assert not identity.may_live(who._replace(start=1))
    with pytest.raises(Untold):
        identity.lives(untold)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.may_live(untold)
