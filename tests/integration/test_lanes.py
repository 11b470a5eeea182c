"""Copies by several rsyncs side by side: as one rsync makes them, whatever becomes of a lane."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from comparing import differences, whole_or_marked
from faults import check_after, check_between, forget, mark, relayed, rng, write_run
from support import Guild, Server, processes, wait_until
from test_faults_workstation import disk
from test_unreachable import another_sshd, own_connections

from guild_sync.agent.protocol import LARGE
from guild_sync.config import remotes
from guild_sync.rsync import channels
from guild_sync.transport import ssh

__all__ = ["own_connections"]
pytestmark = pytest.mark.usefixtures("own_connections")

RUN, OTHER = f"{1:032x}", f"{2:032x}"
SIZES = (LARGE + 5, LARGE + 4, LARGE + 3, LARGE + 2, 1000)  # so file-0 is the first rsync's own
LANES = 4
CUTS = int(os.environ.get("FAULT_CUTS", "4"))


class Rsyncs:
    """The rsyncs that guild starts: a program first on its PATH, which notes each."""

    def __init__(self, folder: Path, guild: Guild) -> None:
        self._log = folder / "log"
        self._words = folder / "words"
        self._program = folder / "rsync"
        folder.mkdir()
        self._real = shutil.which("rsync", path=guild.env["PATH"])
        guild.env["PATH"] = f"{folder}{os.pathsep}{guild.env['PATH']}"
        self.do()

    def do(self, for_lanes: str = "") -> None:
        """What each does first that brings large files alone, in words of sh."""
        # Its list is in `$list`: a lane's names have no slash at their end.
        self._program.write_text(
            "#!/bin/sh\n"
            'for last; do :; done; list=$(mktemp); trap "rm -f $list" EXIT\n'
            'cat > "$list"\n'
            f'echo "$*" >> {self._words}\n'
            'case "$*" in *--files-from=*)'
            f' echo "$(tr "\\n\\0" "? " < "$list")" >> {self._log};; esac\n'
            f'if grep -q "file-" "$list"; then :; {for_lanes}\nfi\n'
            f'{self._real} "$@" < "$list"\n'
        )
        self._program.chmod(0o755)

    def lists(self) -> list[list[str]]:
        """The names that each got since this was asked last, in no order."""
        if not self._log.exists():
            return []
        lines = self._log.read_text().splitlines()
        self._log.unlink()
        return sorted(line.split() for line in lines)

    def had(self, word: str) -> list[bool]:
        """Of each that copied files since this was asked last, whether it had this word."""
        lines = [line.split() for line in self._words.read_text().splitlines()]
        self._words.unlink()
        return [word in words for words in lines if "--files-from=-" in words]


@pytest.fixture
def rsyncs(guild: Guild, tmp_path: Path) -> Rsyncs:
    return Rsyncs(tmp_path / "bin", guild)


def lanes_of(lists: list[list[str]]) -> list[str]:
    """The names that lanes got; each of them has one file here."""
    return sorted(name for names in lists for name in names if not name.endswith("/"))


OF_LANES = [f"{RUN}/file-{number}" for number in (1, 2, 3)]


@pytest.fixture
def far(guild: Guild, sshd: Server, there: Path) -> Iterator[str]:
    """The remote `far`, which has a run with four large files and a small one."""
    write_run(there, RUN, sizes=SIZES)
    guild.configure(far=sshd.keys(there, lanes=LANES))
    yield "far"
    ssh.disconnect(remotes.remote("far"))


def same(guild: Guild, there: Path, run_id: str = RUN) -> bool:
    return differences(guild.home / "runs" / run_id, there / "runs" / run_id) == []


def test_large_files_are_dealt_out_and_all_else_comes_by_one(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    """Links, two names of one file, empty folders and times are as one rsync makes them."""
    run = there / "runs" / RUN
    (run / "empty").mkdir()
    (run / "sub").mkdir()
    (run / "sub" / "new\nline").write_bytes(os.urandom(LARGE))
    os.link(run / "file-4", run / "again")
    (run / "one").write_bytes(os.urandom(LARGE + 9))
    os.link(run / "one", run / "two")
    (run / "link").symlink_to("file-1")
    (run / "outside").symlink_to("/etc/passwd")
    os.utime(run / "sub", (1_000_000, 1_000_000))
    os.utime(run, (2_000_000, 2_000_000))
    guild.ok("pull", far, "-y")
    lists = rsyncs.lists()
    assert len(lists) == LANES
    assert [names for names in lists if names[0].endswith("/")] == [[f"{RUN}/"]]
    assert lanes_of(lists) == [*OF_LANES, f"{RUN}/sub/new?line"]
    copy = guild.home / "runs" / RUN
    assert [line for line in differences(copy, run) if "outside" not in line] == []
    assert (copy / "one").samefile(copy / "two")
    assert (copy / "again").samefile(copy / "file-4")
    assert (copy / "sub").stat().st_mtime == 1_000_000
    assert copy.stat().st_mtime == 2_000_000
    assert "outside" in guild.ok("ls", RUN).out


ODD = (
    b"-rf",
    b"a\nb",
    b"\xff",
    b" x ",
    b"*",
    b"[a]",
    b"x\\",
    b"x[\\",
    b"#x",
    b"+ x",
    b"- x",
    b"!",
    b"\r",
)


def test_names_that_are_words_or_patterns_of_rsyncs_go_to_lanes_as_they_are(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    run = os.fsencode(there / "runs" / RUN)
    for folder in (run, run + b"/- [x]*\n\xff"):
        for name in ODD:
            os.makedirs(folder, exist_ok=True)
            for end, size in ((b"", LARGE), (b".small", 1)):
                with open(folder + b"/" + name + end, "wb") as file:
                    file.write(os.urandom(size))
    os.utime(folder, (1_000_000, 1_000_000))
    copy = guild.home / "runs" / RUN
    for words in (("pull", far, "-y"), ("push", far, RUN, "-y")):
        guild.ok(*words)
        assert rsyncs.had("--delete-delay") == [False] * LANES  # none more: each lane brought all
        assert same(guild, there)
        assert os.stat(os.fsencode(copy) + folder.removeprefix(run)).st_mtime == 1_000_000
        shutil.rmtree(run)
    assert not os.path.exists(run)


def test_what_is_here_needs_no_lane_and_few_or_small_files_have_none(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    guild.ok("pull", far, "-y")
    assert lanes_of(rsyncs.lists()) == OF_LANES
    guild.ok("pull", far, "-y")
    write_run(there, OTHER, sizes=(LARGE, 1000, 10))
    guild.ok("pull", far, "-y")
    assert lanes_of(rsyncs.lists()) == []


def test_where_no_connection_is_kept_nothing_tries_to_join_one(
    guild: Guild, sshd: Server, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    no_master = ["ControlMaster=no"]
    guild.configure(far=sshd.keys(there, lanes=LANES, ssh_options=no_master))
    guild.ok("pull", far, "-y")
    assert rsyncs.lists() == [[f"{RUN}/"]]
    assert same(guild, there)


def test_a_distance_is_found_out_over_the_one_connection(
    guild: Guild, sshd: Server, there: Path, rsyncs: Rsyncs
) -> None:
    run = write_run(there, RUN)
    for number in range(3):
        (run / f"file-{number}").touch()
        os.truncate(run / f"file-{number}", channels.LEAST_BYTES // 3 + 9 - number)
    with relayed(guild, sshd, there) as far:
        far.delay = 0.02
        guild.ok("pull", "far", "-y")
        assert far.accepted == 1
        assert lanes_of(rsyncs.lists()) == OF_LANES[:2]
        assert same(guild, there)
        ssh.disconnect(remotes.remote("far"))


def test_what_is_left_out_and_what_is_to_go_is_as_by_one(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    guild.ok("pull", far, "-y")
    copy = guild.home / "runs" / RUN
    (copy / "only-here").touch()
    for number in range(4):
        (there / "runs" / RUN / f"file-{number}").rename(there / "runs" / RUN / f"file-{number}b")
    rsyncs.lists()
    guild.ok("pull", far, "-y", "--delete", "--exclude", "file-2b")
    assert len(lanes_of(rsyncs.lists())) == 2
    names = ["file-0b", "file-1b", "file-3b", "file-4"]
    assert sorted(path.name for path in copy.glob("[!.]*")) == names


def test_a_moved_run_has_lanes_too(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    mark(guild.home, RUN, far)
    shutil.move(guild.home / "runs" / RUN, tmp_path / "disk" / RUN)
    (guild.home / "runs" / RUN).symlink_to(tmp_path / "disk" / RUN)
    guild.ok("sync")
    assert lanes_of(rsyncs.lists()) == [f"{RUN}/./file-{number}" for number in (1, 2, 3)]
    assert (guild.home / "runs" / RUN).is_symlink()
    assert same(guild, there)


def test_a_push_has_lanes(guild: Guild, sshd: Server, there: Path, rsyncs: Rsyncs) -> None:
    write_run(guild.home, RUN, sizes=SIZES)
    guild.configure(far=sshd.keys(there, lanes=LANES))
    guild.ok("push", "far", "-y")
    assert lanes_of(rsyncs.lists()) == OF_LANES
    assert same(guild, there)
    guild.ok("push", "far", "-y")
    assert lanes_of(rsyncs.lists()) == []


def test_a_push_finds_the_distance_out_where_there_is_one_channel_alone(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    """It is not measured beside a question: that would have to log in anew."""
    run = write_run(guild.home, RUN)
    for number in range(3):
        (run / f"file-{number}").touch()
        os.truncate(run / f"file-{number}", channels.LEAST_BYTES // 3 + 9)
    with another_sshd(sshd, tmp_path / "one", "MaxSessions 1") as server:
        guild.configure(far=server.keys(there))
        guild.ok("push", "far", "-y")
        assert same(guild, there)
        log = (tmp_path / "one" / "log").read_text()
        assert log.count("Accepted publickey") == 1
        ssh.disconnect(remotes.remote("far"))


@pytest.mark.parametrize(
    "fault",
    [
        "kill -9 $$",  # before it has begun
        'if grep -q file-2 "$list"; then exit 11; fi',
        # In the middle: what it has begun to write is in the folder for unfinished files.
        f'timeout -s KILL 0.3 {shutil.which("rsync")} --bwlimit=500 "$@" < "$list"; exit 137',
    ],
    ids=["killed", "failed", "killed-in-the-middle"],
)
def test_what_a_lane_could_not_bring_comes_by_the_last_rsync(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs, fault: str
) -> None:
    mark(guild.home, RUN, far)
    rsyncs.do(fault)
    check_after(guild, there, far)
    assert [names for names in rsyncs.lists() if names == [f"{RUN}/"]] == [[f"{RUN}/"]] * 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_guild_that_is_killed_while_lanes_copy_leaves_none_at_work(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs, how: signal.Signals
) -> None:
    mark(guild.home, RUN, far)
    # Not as a child of the shell, which alone is told to end: there it would go on.
    slow = f'exec {shutil.which("rsync")} --bwlimit=20 "$@" <&3 3<&-'
    rsyncs.do(f'exec 3< "$list"; rm "$list"; {slow}')
    sync = guild.popen("sync")
    begun = {f"file-{number}" for number in (1, 2, 3)}  # what has come of them by then
    wait_until(
        lambda: begun == {path.stem for path in (guild.home / "runs").glob(".incoming-*/*")},
        "three lanes at work",
    )
    assert rsyncs_at_work(there)
    sync.send_signal(how)
    sync.communicate()
    assert whole_or_marked(guild.home, there) == []
    wait_until(lambda: not rsyncs_at_work(there), "the end of the rsyncs here")
    rsyncs.do()
    check_after(guild, there, far)


def rsyncs_at_work(there: Path) -> list[str]:
    """Those that copy from there: a server's words name no place, they come by the connection."""
    found = [process.args for process in processes()]
    return [args for args in found if "rsync" in args and str(there) in args]


def test_a_file_that_is_gone_or_is_another_when_its_lane_comes_is_as_it_is_there(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    run = there / "runs" / RUN
    rsyncs.do(
        f"rm -f {run}/file-1; [ -d {run}/file-2 ] || {{ rm {run}/file-2; mkdir {run}/file-2; }}; "
        f"ln -sf /etc/passwd {run}/file-3"
    )
    guild.ok("pull", far, "-y")
    copy = guild.home / "runs" / RUN
    assert sorted(path.name for path in copy.glob("[!.]*")) == ["file-0", "file-2", "file-4"]
    assert (copy / "file-2").is_dir()


def test_a_connection_that_is_cut_at_any_byte(
    guild: Guild, sshd: Server, there: Path, rsyncs: Rsyncs
) -> None:
    write_run(there, RUN, sizes=SIZES)
    random = rng("lanes")
    with relayed(guild, sshd, there, timeout=5, lanes=LANES) as far:
        guild.ok("runs", "-r", "far")  # the agent is there
        for _ in range(CUTS):
            forget(guild.home)
            mark(guild.home, RUN, "far")
            ssh.disconnect(remotes.remote("far"))
            far.cut()
            far.limit = random.randrange(20_000, sum(SIZES))
            done = guild("sync")
            if done.code:  # else it was the lanes that were cut, and the last rsync has logged in
                check_between(guild, there, done)
                assert done.code == 3, done
            far.limit = None
            far.cut()
            check_after(guild, there, "far")
        assert OF_LANES[0] in lanes_of(rsyncs.lists())


@pytest.mark.parametrize(("sessions", "came"), [(1, 0), (2, 1), (3, 2)])
def test_a_connection_that_takes_fewer_channels_is_lived_with(
    guild: Guild,
    sshd: Server,
    there: Path,
    tmp_path: Path,
    rsyncs: Rsyncs,
    sessions: int,
    came: int,
) -> None:
    """And is the only one: none is made in place of a channel that is refused."""
    write_run(there, RUN, sizes=SIZES)
    with another_sshd(sshd, tmp_path / "few", f"MaxSessions {sessions}") as server:
        guild.configure(far=server.keys(there, lanes=LANES))
        guild.ok("pull", "far", "-y")
        assert same(guild, there)
        log = (tmp_path / "few" / "log").read_text()
        assert log.count("Accepted publickey") == 1
        assert [f"{RUN}/"] in rsyncs.lists()
        ssh.disconnect(remotes.remote("far"))


def test_only_where_a_file_has_holes_does_rsync_look_for_them(
    guild: Guild, there: Path, far: str, rsyncs: Rsyncs
) -> None:
    """It costs a quarter of the time of a copy over a fast line; holes stay holes both ways."""
    guild.ok("pull", far, "-y")
    assert rsyncs.had("--sparse") == [False] * LANES
    write_run(there, OTHER)
    (there / "runs" / OTHER / "holes").touch()
    os.truncate(there / "runs" / OTHER / "holes", 1 << 25)
    guild.ok("pull", far, OTHER, "-y")
    assert rsyncs.had("--sparse") == [True]
    assert same(guild, there, OTHER)
    assert (guild.home / "runs" / OTHER / "holes").stat().st_blocks == 0
    (there / "runs" / OTHER / "holes").rename(there / "holes")
    (there / "runs" / OTHER / "linked").symlink_to(there / "holes")
    guild.ok("pull", far, OTHER, "-y", "--copy-links")
    assert rsyncs.had("--sparse") == [True], "nobody looked at what links lead to"
    assert (guild.home / "runs" / OTHER / "linked").stat().st_size == 1 << 25
    assert (guild.home / "runs" / OTHER / "linked").stat().st_blocks == 0
    (there / "runs" / OTHER / "linked").unlink()
    (there / "holes").rename(there / "runs" / OTHER / "holes")
    (guild.home / "runs" / OTHER / "linked").unlink()
    for run_id, is_sparse in ((OTHER, True), (RUN, False)):
        shutil.rmtree(there / "runs" / run_id)
        guild.ok("push", far, run_id, "-y")
        assert set(rsyncs.had("--sparse")) == {is_sparse}
        assert same(guild, there, run_id)
    assert (there / "runs" / OTHER / "holes").stat().st_blocks == 0


@pytest.mark.parametrize("lanes", [1, LANES])
def test_a_disk_that_is_full_is_told_and_nothing_looks_whole(
    guild: Guild, sshd: Server, there: Path, lanes: int
) -> None:
    write_run(there, RUN, sizes=SIZES)
    guild.configure(far=sshd.keys(there, lanes=lanes))
    with open(guild.config, "a") as config:
        config.write("keep-free: 0\n")
    with disk(guild.home, "64m"):
        mark(guild.home, RUN, "far")
        filler = guild.home / "filler"
        filler.write_bytes(bytes((64 << 20) - 3 * LARGE))
        (there / "runs" / RUN / "sparse").touch()
        os.truncate(there / "runs" / RUN / "sparse", 1 << 20)
        done = guild("sync")
        check_between(guild, there, done)
        filler.unlink()
        check_after(guild, there, "far")
