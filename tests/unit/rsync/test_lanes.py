"""Which files lanes get, how many lanes there are, and what is left of one that fails."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from guild_sync.config.remotes import Remote
from guild_sync.rsync import channels, copies, lanes
from guild_sync.rsync.lanes import Lane
from guild_sync.rsync.output import Figures, Sum
from guild_sync.rsync.parts import Part, listed, names_of
from guild_sync.transport import process, question, ssh_config
from guild_sync.transport.process import Completed

A, B = "a" * 32, "b" * 32
BOTH = Part([A, B], "/runs")
NO_CHANNEL = "mux_client_request_session: session request failed: Session open refused by peer\n"


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Remote:
    """A remote of which nothing is known."""
    monkeypatch.setattr(channels, "_allowed", {})
    monkeypatch.setattr(channels, "_round_trips", {})
    return Remote("gpu", "ssh", host="gpu.example.com")


@pytest.fixture
def connected() -> Iterator[Callable[[Remote], Remote]]:
    """Gives a remote a host that no other test has, and a socket, as of an open connection."""
    with ExitStack() as stack:

        def has_socket(remote: Remote) -> Remote:
            own = remote._replace(host=f"{uuid.uuid4().hex}.invalid")
            socket = ssh_config.paths(own)[1]
            socket.touch()
            stack.callback(socket.unlink)
            return own

        yield has_socket


def files(*sizes: int) -> list[tuple[str, int]]:
    return [(f"f{number}", size) for number, size in enumerate(sizes)]


# Dealt.


def test_files_are_dealt_out_by_size_and_the_first_hand_is_no_lanes() -> None:
    found = lanes.dealt(BOTH, {A: files(7, 5, 3), B: files(6)}, (), 3)
    assert found == [Lane(((B, "f0"),), 6), Lane(((A, "f1"), (A, "f2")), 8)]


def test_all_files_are_somebodys_once() -> None:
    found = lanes.dealt(BOTH, {A: files(*range(1, 100))}, (), 4)
    given = [path for lane in found for _, path in lane.files]
    assert len(found) == 3
    assert len(given) == len(set(given))
    assert 60 < len(given) < 99


@pytest.mark.parametrize(
    ("sizes", "count"), [((), 4), ((10,), 4), ((10, 10), 1), ((1000, 10, 10), 4)]
)
def test_there_are_no_lanes_where_they_would_save_little(
    sizes: tuple[int, ...], count: int
) -> None:
    assert lanes.dealt(BOTH, {A: files(*sizes)}, (), count) == []


def test_of_a_run_that_comes_bare_and_of_others_lanes_bring_nothing() -> None:
    large = {A: files(5, 5), B: files(5, 5), "c" * 32: files(5, 5)}
    (lane,) = lanes.dealt(BOTH, large, [B], 2)
    assert lane.files == ((A, "f0"),)


# And rsync 3.2.7, where it gets a file, refuses a name that ends in a backslash.
@pytest.mark.parametrize("path", ["a/" * 2000 + "{}", "x" * 2000 + "/{}", "{}\\"])
def test_what_is_deep_down_is_no_lanes_or_its_folders_were_gigabytes_of_rules(path: str) -> None:
    far = [(path.format(number), 9) for number in range(500)]
    near = [("a/" * 16 + "f", 5), ("g", 5)]
    (lane,) = lanes.dealt(BOTH, {A: [*far, *near]}, (), 2)
    assert lane.files in (((A, "g"),), ((A, "a/" * 16 + "f"),))


def test_the_other_rsync_leaves_out_what_lanes_bring() -> None:
    lane = Lane(((A, "x"), (B, "y")), 2)
    assert lanes.with_lanes({A: ["old"]}, [lane]) == {A: ["old", "x"], B: ["y"]}


@pytest.mark.parametrize("swapped", ["a", "a/b[1]", ""])
def test_the_other_rsync_puts_no_link_where_a_lane_has_a_folder(
    tmp_path: Path, swapped: str
) -> None:
    """The lane, which had it as a folder, would write its file where the link leads: into B."""
    there, here = tmp_path / "there", tmp_path / "here"
    for run in (there / A / "a/b[1]", here / A / "a/b[1]", here / B):
        run.mkdir(parents=True)
    (there / A / "a/b[1]/small").touch()
    (there / A / "a/latest").symlink_to("b[1]")
    lane = Lane(((A, "a/b[1]/model"),), 1)
    part, folders = Part([A], str(here)), lanes.folders_of([lane])
    assert folders == {A: ["a", "a/b[1]"]}

    def copy() -> None:
        with listed(lanes.with_lanes({}, [lane]), part, (), folders) as file:
            argv = ("rsync", "-rl", "--from0", "--files-from=-", f"--exclude-from={file}")
            done = question.run((*argv, f"{there}/", f"{here}/"), stdin=names_of([A], False))
        assert done.code in (0, 23), done  # the run itself may be none

    place = there / A / swapped
    place.rename(tmp_path / "aside")
    place.symlink_to(here / B if not swapped else f"{'../' * len(Path(swapped).parts)}{B}")
    copy()
    assert (here / A / "a/b[1]").resolve() == here / A / "a/b[1]"
    place.unlink()
    (tmp_path / "aside").rename(place)
    copy()
    assert (here / A / "a/b[1]/small").exists()
    assert os.readlink(here / A / "a/latest") == "b[1]"


def test_names_go_to_rsync_as_the_bytes_that_they_are() -> None:
    odd = "new\nline/\udcff"
    assert BOTH.names_of_files([(A, odd)]) == f"{A}/".encode() + b"new\nline/\xff\0"
    assert Part([A], "/disk/run", True).names_of_files([(A, "f")]) == f"{A}/./f\0".encode()


# How many.


@pytest.mark.parametrize(
    ("seconds", "bwlimit", "count"),
    [
        (0.0005, None, 1),  # one channel is as fast as ciphers are
        (0.01, None, 2),
        (0.04, None, 4),
        (0.2, None, 4),
        (0.04, "10m", 1),
        (0.04, "20000", 1),
        (0.2, "20m", 2),
        (0.2, "20000000b", 2),  # bytes, and not KiB
        (0.04, "0", 4),
    ],
)
def test_there_are_as_many_as_the_distance_is_worth(
    remote: Remote, seconds: float, bwlimit: str | None, count: int
) -> None:
    far = Remote("gpu", "ssh", host="g", bwlimit=bwlimit)
    channels._round_trips[far.name] = seconds
    assert channels.lanes(far, [1 << 24] * 3)() == count


@pytest.mark.parametrize("sizes", [[], [1 << 30], [1 << 20] * 3])
def test_of_few_or_small_files_nothing_is_measured(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    monkeypatch.setattr(channels, "round_trip", None)
    assert channels.lanes(remote, sizes)() == 1


def test_what_the_settings_say_counts_and_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, remote: Remote, connected: Callable[[Remote], Remote]
) -> None:
    monkeypatch.setattr(channels, "round_trip", None)
    eight, one = (Remote("gpu", "ssh", host="g.invalid", lanes=lanes) for lanes in (8, 1))
    assert channels.lanes(eight, [1, 1])() == 1, "there is no connection to be joined"
    assert channels.lanes(connected(eight), [1, 1])() == 8
    assert channels.lanes(one, [1 << 30] * 9)() == 1


@pytest.mark.parametrize(
    ("bwlimit", "count"),
    [("0", 8), ("4", 8), ("1", 2), ("2000B", 3), ("0.5K", 1), ("1KB", 1), ("1KiB", 2), ("1mb", 8)],
)
def test_no_lane_gets_a_lower_limit_than_rsync_takes(
    remote: Remote, connected: Callable[[Remote], Remote], bwlimit: str, count: int
) -> None:
    slow = connected(Remote("gpu", "ssh", host="g", lanes=8, bwlimit=bwlimit))
    assert channels.lanes(slow, [1, 1])() == count


def test_without_a_connection_nothing_is_measured_and_none_is_made(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert channels.round_trip(remote) is None
    monkeypatch.setenv("PATH", str(tmp_path))  # nor is an ssh there
    assert channels.round_trip(remote) is None


# At work.


def tried(
    remote: Remote, count: int, copy: Callable[[Lane, Callable[[], bool]], Completed]
) -> tuple[bool, list[bytes]]:
    given = [Lane(((A, f"f{number}"),), 1) for number in range(count)]
    with lanes.beside(remote, given, copy) as at_work:
        return at_work.have_all(), at_work.told


def test_lanes_that_bring_all_leave_nothing(remote: Remote) -> None:
    is_whole, told = tried(remote, 3, lambda lane, _: Completed(0, lane.files[0][1].encode(), ""))
    assert is_whole
    assert sorted(told) == [b"f0", b"f1", b"f2"]


@pytest.mark.parametrize("code", [11, 23, 24, 30, 255, -9])
def test_a_lane_that_ends_in_any_other_way_leaves_its_files(
    remote: Remote, connected: Callable[[Remote], Remote], code: int
) -> None:
    copy = lambda lane, _: Completed(code if lane.files[0][1] == "f1" else 0, b"", "")  # noqa: E731
    assert not tried(remote, 3, copy)[0]
    four = connected(Remote("gpu", "ssh", host="gpu.example.com", lanes=4))
    assert channels.lanes(four, [1, 1])() == 4


def test_a_lane_that_cannot_be_begun_leaves_its_files(remote: Remote) -> None:
    def copy(*_: object) -> Completed:
        raise OSError("no more threads")

    assert not tried(remote, 2, copy)[0]


def test_what_a_refused_lane_was_to_bring_the_others_bring(remote: Remote) -> None:
    is_refused, brought = threading.Event(), []

    def copy(lane: Lane, _: Callable[[], bool]) -> Completed:
        if lane.files[0][1] == "f1" and not is_refused.is_set():
            is_refused.set()
            return Completed(255, b"", NO_CHANNEL)
        is_refused.wait()
        time.sleep(0.2)  # until it is back among those that wait
        brought.append(lane.files[0][1])
        return Completed(0, b"", "")

    assert tried(remote, 3, copy)[0]
    assert sorted(brought) == ["f0", "f1", "f2"]
    assert channels._at_most(remote, 8) == 3  # with the one beside them


def test_where_all_are_refused_it_is_remembered_for_the_command(remote: Remote) -> None:
    assert not tried(remote, 3, lambda *_: Completed(12, b"", NO_CHANNEL))[0]
    assert channels.lanes(remote, [1 << 30] * 3)() == 1


def test_what_takes_us_out_ends_the_lanes(remote: Remote) -> None:
    ended = threading.Event()

    def copy(_: Lane, is_over: Callable[[], bool]) -> Completed:
        while not is_over():
            time.sleep(0.01)
        ended.set()
        return Completed(-9, b"", "")

    with pytest.raises(KeyboardInterrupt), lanes.beside(remote, [Lane(((A, "f"),), 1)], copy):
        raise KeyboardInterrupt
    assert ended.is_set()


def test_the_deadline_of_the_thread_that_began_them_is_theirs(remote: Remote) -> None:
    found: list[float | None] = []

    def copy(*_: object) -> Completed:
        found.append(process.seconds_left())
        return Completed(0, b"", "")

    with process.deadline(time.monotonic() + 1000):
        tried(remote, 1, copy)
    assert found[0] is not None
    assert 0 < found[0] <= 1000


# What each rsync is told.


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """The rsyncs that were started: of each its names, its options, and what is left out."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "rsync").write_text(
        "#!/bin/sh\n"
        f"cat > {folder}/$$.names\n"
        f'for word; do echo "$word" >> {folder}/$$.words; case $word in\n'
        f"--exclude-from=*) cat ${{word#*=}} > {folder}/$$.out;; esac; done\n"
    )
    (folder / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def read() -> list[list[str]]:
        found = []
        for names in folder.glob("*.names"):
            out = names.with_suffix(".out")
            left_out = out.read_bytes() if out.exists() else b""
            words = names.with_suffix(".words").read_text()
            found.append([names.read_bytes().decode(), words, left_out.decode()])
        return sorted(found, key=lambda each: (not each[0].endswith("/\0"), each[0]))

    return read


def no_links(*run_ids: str) -> list[str]:
    """What keeps each rsync of several from a link in the place of these runs."""
    return [rule for run_id in run_ids for rule in (f"+ /{run_id}/", f"- /{run_id}")]


def test_the_one_beside_lanes_leaves_out_what_they_bring_and_alone_removes(
    remote: Remote, told: Callable[[], list[list[str]]], tmp_path: Path
) -> None:
    copied = copies.pull(
        *(remote, "/there", [A, B], tmp_path, tmp_path / ".in"),
        delete=True,
        left_out={A: ["old"]},
        large={A: files(3, 2), B: files(2, 1)},
        lanes=3,
    )
    assert copied.faults == {}
    one, *others = told()
    assert one[0] == f"{A}/\0{B}/\0"
    *left_out, _ = one[2].split("\0")
    assert sorted(left_out[:4]) == [f"/{A}/f1", f"/{A}/old", f"/{B}/f0", f"/{B}/f1"]
    assert left_out[4:] in (no_links(A, B), no_links(B, A))
    assert "--delete-delay\n" in one[1]
    assert [names for names, _, _ in others] == [f"{A}/f1\0", f"{B}/f0\0{B}/f1\0"]
    for _, words, out in others:
        assert "--delete-delay" not in words
        assert out.split("\0")[:-1] in (no_links(A, B), no_links(B, A))
    same = [set(words.splitlines()) for _, words, _ in others]
    assert {w for w in one[1].splitlines() if "delete" not in w and "-from" not in w} < same[0]


def test_after_a_lane_that_failed_one_does_all_as_without(
    remote: Remote, told: Callable[[], list[list[str]]], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "rsync"
    program.write_text(f"{program.read_text()}! grep -q f0 {tmp_path}/bin/$$.names\n")
    large = {A: files(2, 2)}
    copies.push(remote, tmp_path, [A], "/there", "/there/.in", large=large, lanes=2)
    first, second, lane = told()
    assert first[0] == second[0] == f"{A}/\0"
    assert lane[0] == f"{A}/f0\0"
    whole, beside = sorted([first[2], second[2]])
    assert (whole, beside.split("\0")[:-1]) == ("", [f"/{A}/f0", *no_links(A)])


def test_what_a_lane_has_left_out_is_told_as_by_the_one_beside_it(
    remote: Remote, told: Callable[[], list[list[str]]], tmp_path: Path
) -> None:
    """A file that is a link out of the runs by the time that its lane comes."""
    program = tmp_path / "bin" / "rsync"
    program.write_text(
        f"{program.read_text()}"
        f"name=$(tr -d '\\0' < {tmp_path}/bin/$$.names)\n"
        "case $name in */) name=${name}one;; esac\n"
        'echo "ignoring unsafe symlink \\"$name\\" -> \\"/etc/passwd\\""\n'
    )
    copied = copies.pull(
        *(remote, "/there", [A], tmp_path, tmp_path / ".in"), large={A: files(2, 2)}, lanes=2
    )
    assert sorted(copied.links[A]) == [("f0", "/etc/passwd"), ("one", "/etc/passwd")]


# Progress.


def test_the_progress_of_several_is_shown_as_that_of_one() -> None:
    seen: list[Figures] = []
    total = Sum(seen.append)
    lane, rest = total.part(3 << 20), total.part()
    lane(Figures(1 << 20, 0.33, "1.00MB/s", "0:00:02"))
    assert seen[-1] == Figures(1 << 20, 1 / 3, "1.00MB/s", "0:00:02")
    rest(Figures(1 << 20, 1.0, "512.00kB/s", "0:00:00"))
    assert seen[-1] == Figures(2 << 20, 0.5, "1.00MB/s", "0:00:02")
    lane(Figures(3 << 20, 1.0, "1.00MB/s", "0:00:00"))
    assert seen[-1].part == 1.0
    assert seen[-1].speed == "1.50MB/s", "what has ended did not stand still"


@pytest.mark.parametrize("speed", ["", "??", "0.00kB/s", "1,5kB/s", "12B/s", "9.99TB/s"])
def test_figures_of_any_form_do_no_harm(speed: str) -> None:
    seen: list[Figures] = []
    Sum(seen.append).part()(Figures(0, 0.0, speed, "later"))
    assert seen[0].bytes == 0
