"""rsync's argv, what its exit codes mean, and which runs a partial transfer is about."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.errors import (
    Exit,
    GuildError,
    Incomplete,
    NotReached,
    RemoteError,
    Unreachable,
)
from guild_sync.rsync import argv as rsync_argv
from guild_sync.rsync import copies, sending
from guild_sync.rsync import failures as rsync_failures
from guild_sync.rsync.output import Figures
from guild_sync.transport import question, ssh_config
from guild_sync.transport.process import TIMED_OUT, Completed

GPU = Remote("gpu", "ssh", host="gpu.example.com")
A, B, C = "a" * 32, "b" * 32, "c" * 32


# argv.


def test_a_pull_takes_the_named_runs_and_nothing_that_could_harm() -> None:
    assert rsync_argv.pull_argv(GPU, "/there/runs", Path("/here/runs"), Path("/here/runs/.in")) == (
        "rsync",
        "--timeout=60",
        "-s",
        "-e",
        ssh_config.rsync_shell(GPU),
        "--recursive",
        "--links",
        "--safe-links",
        "--hard-links",
        "--times",
        "--modify-window=-1",
        "--perms",
        "--chmod=Du+rwx,Fu+rw,ug-s,o-wt",
        "--info=stats1,name1,symsafe1",
        "--no-human-readable",
        "--sparse",
        "--files-from=-",
        "--from0",
        "--exclude=/*/.guild/LOCK*",
        "--exclude=/*/.guild/PENDING",
        "--exclude=/*/.guild/STAGED",
        "--exclude=/*/.guild/job-packages",
        "--exclude=/*/.guild/attrs/label",
        "--exclude=/*/.guild/attrs/tags",
        "--exclude=/*/.guild/attrs/comments",
        "--exclude=/*/.guild/attrs/marked",
        "--exclude=__pycache__",
        "--temp-dir=.in",
        "--",
        "gpu.example.com:/there/runs/",
        "/here/runs/",
    )


def test_a_push_takes_the_same_the_other_way() -> None:
    pulled = rsync_argv.pull_argv(GPU, "/there/runs", Path("/here/runs"), Path("/here/runs/.in"))
    assert rsync_argv.push_argv(GPU, Path("/here/runs"), "/there/runs", "/there/runs/.in") == (
        *pulled[:-2],
        "/here/runs/",
        "gpu.example.com:/there/runs/",
    )


def test_what_the_source_lacks_is_deleted_last_and_only_on_demand() -> None:
    pull = (GPU, "/there", Path("/here"), Path("/here/.in"))
    push = (GPU, Path("/here"), "/there", "/there/.in")
    for without, deleting in (
        (rsync_argv.pull_argv(*pull), rsync_argv.pull_argv(*pull, delete=True)),
        (rsync_argv.push_argv(*push), rsync_argv.push_argv(*push, delete=True)),
    ):
        assert [word for word in deleting if word not in without] == ["--delete-delay"]
        assert [word for word in deleting if word != "--delete-delay"] == list(without)
        assert deleting.index("--delete-delay") < deleting.index("--files-from=-")


def test_with_copy_links_the_receiver_makes_no_link_out_of_the_runs_either() -> None:
    pull = (GPU, "/there", Path("/here"), Path("/here/.in"))
    without, copying = (
        rsync_argv.pull_argv(*pull),
        rsync_argv.pull_argv(*pull, copy_links=True),
    )
    assert [word for word in copying if word not in without] == ["--copy-unsafe-links"]
    assert "--safe-links" in copying


def test_a_moved_run_is_copied_to_where_it_lies_without_its_marks() -> None:
    pull = (GPU, "/there", Path("/disk/run"), Path("/here/.in"))
    plain, moved = rsync_argv.pull_argv(*pull), rsync_argv.pull_argv(*pull, is_moved=True)
    excluded = [word for word in moved if word.startswith("--exclude=")]
    assert excluded == [w.replace("/*/", "/") for w in plain if w.startswith("--exclude=")]
    assert "--exclude=/.guild/LOCK*" in excluded
    assert "--temp-dir=/here/.in" in moved
    assert moved[-2:] == plain[-2:]


def test_a_remotes_bandwidth_and_compression_are_rsyncs() -> None:
    remote = Remote("gpu", "ssh", host="g", bwlimit="1.5m", compress="yes")
    assert rsync_argv.base_argv(remote)[-2:] == ("--bwlimit=1.5m", "--compress")


def test_several_that_copy_at_once_join_one_connection_and_share_its_bandwidth() -> None:
    for rate, share in (("1.5m", "0.3750m"), ("1000", "250.0000"), ("2KiB", "0.5000KiB")):
        remote = Remote("gpu", "ssh", host="g", bwlimit=rate)
        alone, beside = rsync_argv.base_argv(remote), rsync_argv.base_argv(remote, beside=3)
        assert alone[-1] == f"--bwlimit={rate}"
        assert beside[-1] == f"--bwlimit={share}"
        joining = ssh_config.rsync_shell(remote, joins=True)
        assert beside[beside.index("-e") + 1] == joining
        # In place of a connection of its own, which is never made then.
        assert joining == alone[alone.index("-e") + 1].replace(
            "ssh", "ssh -o ProxyCommand=false", 1
        )


def test_an_address_with_colons_is_in_brackets() -> None:
    assert rsync_argv.place(Remote("gpu", "ssh", host="::1"), "/data") == "[::1]:/data"
    assert rsync_argv.place(GPU, "a b") == "gpu.example.com:a b"


# Exit codes.


@pytest.mark.parametrize(
    ("code", "stderr", "kind", "message", "hint"),
    [
        (
            127,
            "bash: line 1: rsync: command not found\n",
            RemoteError,
            "there is no rsync on remote 'gpu'",
            "Install it there",
        ),
        (
            12,
            "sh: 1: rsync: not found\nrsync: connection unexpectedly closed\n",
            RemoteError,
            "there is no rsync on remote 'gpu'",
            "Install it there",
        ),
        (
            11,
            'rsync: [receiver] write failed on "/here/x": No space left on device (28)\n',
            GuildError,
            "the disk here is full: "
            'rsync: [receiver] write failed on "/here/x": No space left on device (28)',
            "Make room, and try again.",
        ),
        (
            11,
            "rsync: [Receiver] mkstemp failed: Disk quota exceeded (122)\n",
            GuildError,
            "the disk here is full: rsync: [Receiver] mkstemp failed: Disk quota exceeded (122)",
            "Make room, and try again.",
        ),
        (
            2,
            "protocol version mismatch -- is your shell clean?\n",
            RemoteError,
            "the login shell on remote 'gpu' prints text where no person is watching",
            "[ -t 1 ]",
        ),
        (
            2,
            "rsync: something else\n",
            GuildError,
            "rsync failed with remote 'gpu' (exit status 2): rsync: something else",
            "",
        ),
        (
            255,
            "ssh: connect to host g port 22: Connection refused\n",
            NotReached,
            "cannot reach remote 'gpu': gpu.example.com refused the connection",
            "Check that its ssh server runs",
        ),
        *(
            (
                code,
                "rsync: connection unexpectedly closed (0 bytes received)\n"
                "rsync error: error in rsync protocol data stream (code 12) at io.c(228)\n",
                Unreachable,
                "the connection to remote 'gpu' was lost: "
                "rsync: connection unexpectedly closed (0 bytes received)",
                "",
            )
            for code in (12, 10, 30, 35)
        ),
        (
            23,
            "rsync: change_dir failed\nrsync error: some files (code 23)\n",
            Incomplete,
            "not everything was copied: rsync: change_dir failed",
            "",
        ),
        (20, "", Incomplete, "the copying was interrupted (rsync ended with 20)", ""),
        (-15, "", Incomplete, "the copying was interrupted (rsync ended with -15)", ""),
        (
            1,
            "",
            GuildError,
            "rsync failed with remote 'gpu' (exit status 1): it gave no reason",
            "",
        ),
    ],
)
def test_an_exit_code_becomes_what_it_means_and_what_to_do(
    code: int, stderr: str, kind: type[GuildError], message: str, hint: str
) -> None:
    error = rsync_failures.failure(GPU, Completed(code, b"", stderr))
    assert (type(error), error.message) == (kind, message)
    assert hint in error.hint


def test_an_rsync_that_the_config_names_and_that_is_not_there_is_named() -> None:
    elsewhere = GPU._replace(rsync_path="/opt/rsync")
    said = "bash: line 1: /opt/rsync: No such file or directory\n"
    # rsync ends with the status of the shell there, or with its own where that comes too late.
    for code, words in ((127, ""), (12, "rsync: connection unexpectedly closed (0 bytes)\n")):
        error = rsync_failures.failure(elsewhere, Completed(code, b"", said + words))
        assert error.message == "there is no /opt/rsync on remote 'gpu'"
        assert error.hint == "Correct 'rsync-path' of the remote in the config file."


def done(code: int, stderr: str = "") -> Completed:
    return Completed(code, b"", stderr)


def test_a_full_disk_there_is_said_to_be_there_when_sending() -> None:
    # The words of rsync 3.5.0 for `rsync FILE HOST:/full/`: the same as when pulling.
    stderr = 'rsync: [receiver] write failed on "/full/x": No space left on device (28)\n'
    error = rsync_failures.failure(
        GPU, done(11, stderr + "rsync error: error in file IO (code 11)\n"), sending=True
    )
    assert "the disk on remote 'gpu' is full" in error.message


def test_a_time_limit_of_rsync_is_a_lost_connection() -> None:
    stderr = "[receiver] io timeout after 60 seconds -- exiting\n"
    assert rsync_failures.failure(GPU, done(30, stderr)).exit == Exit.UNREACHABLE


def test_a_remote_rsync_that_is_killed_for_its_time_is_incomplete() -> None:
    assert rsync_failures.failure(GPU, done(TIMED_OUT)).exit == Exit.INCOMPLETE


# Pulls with an rsync that fails: a small program first on PATH.


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an rsync whose exit codes and words are in the files `codes`, `stderr`.

    Each call takes the first of the codes, and adds its stdin to the file `stdin`. What is in
    `stdout` it says until it has ended with another code than 24.
    """
    folder = tmp_path / "failing"
    folder.mkdir()
    program = folder / "rsync"
    program.write_text(
        "#!/bin/sh\n"
        f"cd '{folder}'\n"
        "cat >> stdin\n"
        "cat stderr >&2\n"
        "cat stdout 2> /dev/null\n"
        "read -r code < codes\n"
        '[ "$code" = 24 ] || rm -f stdout\n'
        "sed -i 1d codes\n"
        "exit $code\n"
    )
    program.chmod(0o755)
    (folder / "stderr").touch()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def pull(
    failing: Path, *codes: int, stderr: str = "", ids: tuple[str, ...] = (A, B)
) -> dict[str, str]:
    (failing / "codes").write_text("".join(f"{code}\n" for code in codes))
    (failing / "stderr").write_text(stderr)
    return copies.pull(GPU, "/there", ids, failing, failing).faults


def calls_left(failing: Path) -> int:
    return len((failing / "codes").read_text().splitlines())


def test_a_pull_that_went_well_has_no_faults(failing: Path) -> None:
    assert pull(failing, 0) == {}


def test_the_ids_go_to_rsyncs_stdin(failing: Path) -> None:
    pull(failing, 0)
    assert (failing / "stdin").read_bytes() == f"{A}/\0{B}/\0".encode()


def test_a_partial_transfer_that_names_a_run_is_about_that_run_alone(failing: Path) -> None:
    line = f'rsync: [sender] send_files failed to open "/there/{A}/x": Input/output error (5)'
    summary = "rsync error: some files/attrs were not transferred (code 23) at main.c(1865)"
    assert pull(failing, 23, stderr=f"{line}\n{summary}\n") == {A: line}


@pytest.mark.parametrize(
    "line",
    [
        f'rsync: [sender] send_files failed to open "/there/{B}/out/{A}/x": Input/output error (5)',
        f'rsync: [sender] readlink_stat("/there/{B}/{A}") failed: Input/output error (5)',
        f'rsync: [generator] symlink "{B}/latest" -> "../{A}/x" failed: File exists (17)',
        f"cannot delete non-empty directory: {B}/old {A}/",
    ],
)
def test_a_run_is_not_blamed_for_a_path_of_another_that_has_its_id(
    failing: Path, line: str
) -> None:
    assert pull(failing, 23, stderr=f"{line}\n") == {B: line}


def test_a_guild_home_that_lies_in_a_run_does_not_have_that_run_blamed(failing: Path) -> None:
    (failing / "codes").write_text("23\n")
    line = f'rsync: [sender] send_files failed to open "/a/{A}/runs/{B}/x": Permission denied (13)'
    (failing / "stderr").write_text(f"{line}\n")
    found = copies.pull(GPU, f"/a/{A}/runs", (A, B), failing, failing)
    assert found.faults == {B: line}


def test_a_file_that_is_being_received_tells_no_run_by_its_own_name(failing: Path) -> None:
    line = f'rsync: [receiver] mkstemp "/here/.incoming-7/.{A}.Xy12" failed: Input/output error (5)'
    assert pull(failing, 23, 0, 23, stderr=f"{line}\n") == {B: line}, "each was tried alone"


def test_a_run_is_tried_alone_before_it_is_blamed_for_what_names_none(failing: Path) -> None:
    stderr = f"rsync: open {A}/x: denied\nrsync: [generator] recv_generator: mkdir failed: EIO\n"
    assert set(pull(failing, 23, 0, stderr=stderr)) == {A}
    assert (failing / "stdin").read_text() == f"{A}/\0{B}/\0{B}/\0"


def test_no_option_of_rsync_comes_from_the_environment(
    failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSYNC_ICONV", ".")
    monkeypatch.setenv("RSYNC_RSH", "false")
    program = failing / "rsync"
    program.write_text('#!/bin/sh\nenv > "${0%/*}/env"\n')
    copies.pull(GPU, "/there", (A,), failing, failing)
    sending.send_named(GPU, {"aa": program}, "/there")
    assert "RSYNC" not in (failing / "env").read_text()
    assert "HOME=" in (failing / "env").read_text()


def test_the_first_line_about_a_run_is_its_reason(failing: Path) -> None:
    assert pull(failing, 23, stderr=f"one {A}\ntwo {A}\nthree {B}\n") == {
        A: f"one {A}",
        B: f"three {B}",
    }


def test_a_partial_transfer_that_names_no_run_is_taken_apart_until_it_is_one_run(
    failing: Path,
) -> None:
    found = pull(failing, 23, 0, 23, 0, 23, stderr="warning\nrsync: no idea\n", ids=(A, B, C))
    assert found == {C: "rsync: no idea"}
    assert calls_left(failing) == 0
    asked = (A, B, C, A, B, C, B, C)
    assert (failing / "stdin").read_text() == "".join(f"{run_id}/\0" for run_id in asked)


@pytest.mark.parametrize("stderr", ["", "warning\n", f"rsync: link_stat {'c' * 32} failed\n"])
def test_a_partial_transfer_that_is_partial_for_each_run_is_about_all_of_them(
    failing: Path, stderr: str
) -> None:
    reason = stderr.strip() or "it gave no reason"
    assert pull(failing, 23, 23, 23, stderr=stderr) == dict.fromkeys((A, B), reason)


def test_a_line_that_names_no_run_is_not_forgotten_beside_one_that_does(failing: Path) -> None:
    stderr = f"rsync: open {A}/x: denied\nrsync: [generator] recv_generator: mkdir failed: EIO\n"
    assert set(pull(failing, 23, 23, stderr=stderr)) == {A, B}


def test_a_copy_that_is_partial_for_very_many_runs_is_not_taken_apart_for_ever(
    failing: Path,
) -> None:
    ids = tuple(f"{number:032x}" for number in range(1000))
    assert set(pull(failing, *[23] * 40, ids=ids)) == set(ids)
    assert calls_left(failing) == 8


def test_what_vanished_is_looked_for_once_more(failing: Path) -> None:
    assert pull(failing, 24, 0) == {}
    assert calls_left(failing) == 0


def test_what_came_before_something_vanished_is_told_and_each_file_and_link_once(
    failing: Path,
) -> None:
    """What is not told of is in no list of what came: it is never removed, and never checked."""
    unsafe = f'ignoring unsafe symlink "{A}/link" -> "/etc/passwd"'
    said = f">f+++++++++ 3 {A}/x\n{unsafe}\nsent 1 bytes  received 2 bytes  1.00 bytes/sec\n"
    (failing / "stdout").write_text(said)
    (failing / "codes").write_text("24\n24\n")
    copied = copies.pull(GPU, "/there", (A, B), failing, failing)
    assert copied == copies.Copied({}, 6, {A: [("link", "/etc/passwd")]}, {A: ["x"]})
    (failing / "codes").write_text("24\n24\n")
    assert copies.plan(GPU, "/there", (A, B), failing)[A] == copies.Amount(1, 3, 3)


def test_what_vanishes_twice_is_no_fault(failing: Path) -> None:
    assert pull(failing, 24, 24, 1) == {}
    assert calls_left(failing) == 1


def test_a_partial_transfer_after_something_vanished_is_told(failing: Path) -> None:
    assert set(pull(failing, 24, 23, 23, 23)) == {A, B}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (12, Unreachable),
        (30, Unreachable),
        (35, Unreachable),
        (255, Unreachable),
        (127, RemoteError),
        (20, Incomplete),
        (11, GuildError),
        (5, GuildError),
    ],
)
def test_what_stops_all_runs_is_raised_and_not_tried_again(
    failing: Path, code: int, kind: type[GuildError]
) -> None:
    with pytest.raises(GuildError) as error:
        pull(failing, code, 0)
    assert type(error.value) is kind
    assert calls_left(failing) == 1


def test_a_pull_with_progress_sends_the_same_ids_and_tells_the_same_faults(failing: Path) -> None:
    (failing / "codes").write_text("23\n")
    (failing / "stderr").write_text(f"rsync: {B}\n")
    found = copies.pull(GPU, "/there", [A, B], failing, failing, lambda figures: None)
    assert found.faults == {B: f"rsync: {B}"}
    assert (failing / "stdin").read_bytes() == f"{A}/\0{B}/\0".encode()


@pytest.mark.parametrize("comma", [",", ".", ""])
def test_progress_is_told_in_rsyncs_own_figures_however_they_come(
    failing: Path, comma: str
) -> None:
    (failing / "rsync").write_text(
        "#!/bin/sh\n"
        "cat > /dev/null\n"
        f"printf '\\r      1{comma}0'; sleep 0.1\n"
        "printf '24  50%%    1.00MB/s    0:00:01'\n"
        f"printf '\\r      2{comma}048 100%%    2.50MB/s    0:00:00 (xfr#1, to-chk=0/2)\\n'\n"
        "printf 'sent 12 bytes  received 2100 bytes  1.00 bytes/sec\\n'\n"
    )
    seen: list[Figures] = []
    copied = copies.pull(GPU, "/there", [A], failing, failing, seen.append)
    assert seen == [
        Figures(1024, 0.5, "1.00MB/s", "0:00:01"),
        Figures(2048, 1.0, "2.50MB/s", "0:00:00"),
    ]
    assert copied == copies.Copied({}, 2112)


def test_no_rsync_here_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GuildError) as error:
        copies.pull(GPU, "/there", [A], tmp_path, tmp_path)
    assert error.value.message == "rsync is not installed here"


# The real rsync, without ssh: what the options do to a hostile run.


def copy_with_pull_options(source: Path, target: Path, *ids: str, delete: bool = False) -> None:
    """Copy as `pull` does, from this machine's own file system."""
    argv = rsync_argv.pull_argv(GPU, str(source), target, target, delete)
    local = [word for at, word in enumerate(argv) if "-e" not in (word, argv[at - 1])]
    local[local.index(f"gpu.example.com:{source}/")] = f"{source}/"
    found = question.run(local, stdin="".join(f"{i}/\0" for i in ids or (A,)).encode())
    assert found.code in (0, rsync_failures.PARTIAL), found.stderr


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """A run with hostile and with locked files, and where it was copied to."""
    (tmp_path / "secret").write_text("secret")
    source = tmp_path / "there"
    run = source / A
    (run / ".guild" / "job-packages").mkdir(parents=True)
    (run / ".guild" / "job-packages" / "big").touch()
    (run / ".guild" / "attrs").mkdir()
    for name in ("LOCK", "LOCK.remote", "LOCK.owner", "PENDING", "STAGED", "opref"):
        (run / ".guild" / name).touch()
    (run / "setuid").touch()
    (run / "setuid").chmod(0o6755)
    (run / "open").touch()
    (run / "open").chmod(0o666)
    (run / "closed").mkdir()
    (run / "closed" / "file").write_text("text")
    (run / "closed" / "file").chmod(0o400)
    (run / "closed").chmod(0o500)
    os.mkfifo(run / "fifo")
    (run / "outside").symlink_to(tmp_path / "secret")
    (run / "upwards").symlink_to("../../secret")
    (run / "inside").symlink_to("open")
    (run / "LOCK").write_text("a file of the user's own")
    target = tmp_path / "target"
    target.mkdir()
    copy_with_pull_options(source, target)
    return run, target / A


def test_no_link_out_of_the_runs_is_copied(copied: tuple[Path, Path]) -> None:
    _, copy = copied
    assert not os.path.lexists(copy / "outside")
    assert not os.path.lexists(copy / "upwards")
    assert os.readlink(copy / "inside") == "open"


def test_no_device_no_fifo_and_no_setuid_file_is_made(copied: tuple[Path, Path]) -> None:
    _, copy = copied
    assert not os.path.lexists(copy / "fifo")
    assert (copy / "setuid").stat().st_mode & 0o7000 == 0


def test_what_is_copied_can_be_read_and_changed_by_its_owner_alone_at_least(
    copied: tuple[Path, Path],
) -> None:
    _, copy = copied
    assert (copy / "closed" / "file").stat().st_mode & 0o777 == 0o600
    assert (copy / "closed").stat().st_mode & 0o777 == 0o700
    assert (copy / "open").stat().st_mode & 0o777 == 0o664


def test_marks_and_installed_packages_stay_there(copied: tuple[Path, Path]) -> None:
    _, copy = copied
    assert sorted(path.name for path in (copy / ".guild").iterdir()) == ["attrs", "opref"]


def test_a_users_own_file_called_like_a_mark_is_copied(copied: tuple[Path, Path]) -> None:
    _, copy = copied
    assert (copy / "LOCK").read_text() == "a file of the user's own"


def test_two_names_of_one_file_stay_that_and_holes_stay_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "there", tmp_path / "here"
    run, copy = source / A, target / A
    run.mkdir(parents=True)
    (target / ".incoming-1").mkdir(parents=True)
    (run / "one").write_text("weights")
    os.link(run / "one", run / "two")
    with open(run / "map", "wb") as f:
        f.truncate(50 << 20)
    copy_with_pull_options(source, target, A)
    assert (copy / "one").samefile(copy / "two")
    assert (copy / "map").stat().st_size == 50 << 20
    assert (copy / "map").stat().st_blocks * 512 < 1 << 20
    (run / "two").unlink()
    (run / "two").write_text("another")
    copy_with_pull_options(source, target, A)
    assert [(copy / name).read_text() for name in ("one", "two")] == ["weights", "another"]


def test_times_are_kept(copied: tuple[Path, Path]) -> None:
    run, copy = copied
    assert int((run / "open").stat().st_mtime) == int((copy / "open").stat().st_mtime)


def test_no_owner_is_taken_over() -> None:
    options = " ".join(rsync_argv.pull_argv(GPU, "/a", Path("/b"), Path("/c")))
    assert not re.search(
        r"--(owner|group|devices|specials|archive|copy-links|keep-dirlinks)", options
    )


def test_deleting_leaves_marks_other_runs_and_runs_that_the_source_lacks(tmp_path: Path) -> None:
    source, target = tmp_path / "there", tmp_path / "here"
    keep = [f"{A}/.guild/{name}" for name in ("LOCK", "LOCK.remote", "LOCK.confirmed", "PENDING")]
    keep += [f"{A}/.guild/STAGED", f"{A}/.guild/job-packages/big", f"{A}/.guild/attrs/label"]
    keep += [f"{B}/file", f"{'c' * 32}/file", ".incoming-1/half", "note"]
    old = [f"{A}/old", f"{A}/folder/old", f"{A}/.guild/attrs/staged", f"{A}/gone/file"]
    both = [f"{A}/.guild/opref", f"{A}/folder/new"]
    for folder, names in ((source, both), (target, [*keep, *old])):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    copy_with_pull_options(source, target, A, "c" * 32, delete=True)
    left = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert left == {*keep, *both}


_EACCES = "Permission denied (13)"
_SUM = (
    "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c"
)


def denied(path: str, who: str = "sender", why: str = _EACCES) -> str:
    return f'rsync: [{who}] send_files failed to open "/there/runs/{path}": {why}'


def test_what_the_sender_may_not_read_is_told_apart_by_run() -> None:
    folder = f'rsync: [sender] opendir "/there/runs/{A}/d" failed: {_EACCES}'
    old = f'rsync: send_files failed to open "/there/runs/{A}/.guild/output": {_EACCES}'
    said = "\n".join([denied(f"{A}/f"), denied(f"{B}/g"), folder, old, _SUM])
    assert rsync_failures.unreadable(said, [A, B], ["/there/runs"]) == (
        {A: ["f", "d/", ".guild/output"], B: ["g"]},
        _SUM,
    )


@pytest.mark.parametrize(
    "line",
    [
        denied(f"{A}/.guild/attrs/exit_status"),
        denied(f"{A}/.guild/opref"),
        denied(f"{B}/f"),
        denied(f"{A}/f", who="receiver"),
        denied(f"{A}/f", why="Input/output error (5)"),
        f'rsync: [receiver] mkstemp "/here/runs/{A}/.f.x" failed: Permission denied (13)',
        denied(f"{B}/a/there/runs/{A}/f"),
        f'rsync: [sender] send_files failed to open "/other/runs/{A}/f": {_EACCES}',
        "rsync: [sender] something else",
    ],
)
def test_anything_else_that_is_missing_is_a_fault(line: str) -> None:
    said = f"{line}\n{_SUM}"
    assert rsync_failures.unreadable(said, [A], ["/there/runs"]) == ({}, said)


def test_words_that_may_be_cut_off_say_nothing() -> None:
    line = denied(f"{A}/f")
    assert rsync_failures.unreadable(line, [A], ["/there/runs"])[0] == {}
    assert (
        rsync_failures.unreadable("x" * (1 << 20) + f"\n{line}\n{_SUM}", [A], ["/there/runs"])[0]
        == {}
    )
