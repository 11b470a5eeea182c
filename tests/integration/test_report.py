"""`guild report` as a user calls it: which pages there are, and which of them are written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from reported import several, trained
from support import PATIENCE, Guild, wait_until
from test_faults_workstation import disk

from guild_sync.agent.store import attrs

PAGES = {"index.html", "runs.html", "compare.html"}


@pytest.fixture
def report(guild: Guild) -> Path:
    """The folder of a report of four runs."""
    several(guild.home)
    guild.ok("report")
    return guild.folder / "guild-report"


def pages(report: Path) -> dict[str, bytes]:
    """The pages of a report by their paths; the first one tells the time, and is left out."""
    found = {
        path.relative_to(report).as_posix(): path.read_bytes()
        for path in report.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    found.pop("index.html")
    return found


def times(report: Path) -> dict[str, int]:
    """When each page was written."""
    return {path: os.stat(report / path).st_mtime_ns for path in pages(report)}


def test_a_report_has_a_page_a_run_and_an_operation_and_those_of_all(report: Path) -> None:
    found = {path.relative_to(report).as_posix() for path in report.rglob("*.html")}
    assert found >= PAGES | {f"runs/{digit * 32}.html" for digit in "abcd"}
    assert len(found) == 3 + 4 + 1
    assert {path.name for path in (report / "static").iterdir()} == {"report.css", "report.js"}


def test_what_was_written_is_told(guild: Guild) -> None:
    several(guild.home)
    first, second = guild.ok("report", "out").lines
    assert first.startswith("4 runs: wrote 10 pages (")
    assert second == str(guild.folder / "out" / "index.html")
    said = json.loads(guild.ok("report", "out", "--json").out)
    assert (said["page"], said["runs"], said["removed"]) == (second, 4, 0)
    assert said["written"] <= 1  # that which tells the time


def test_a_home_without_runs_has_a_report_too(guild: Guild) -> None:
    guild.ok("report")
    assert b"There are no runs here yet" in (guild.folder / "guild-report/index.html").read_bytes()


def test_only_what_has_changed_is_written(guild: Guild, report: Path) -> None:
    before = times(report)
    guild.ok("report")
    assert times(report) == before
    (guild.home / "runs" / ("b" * 32) / ".guild/attrs/label").write_text(attrs.encode("new"))
    guild.ok("report")
    changed = {path for path, time in times(report).items() if time != before[path]}
    # Its own page, that of the run behind it, which tells of it, and those of all.
    assert {path for path in changed if path.startswith("runs/")} == {
        f"runs/{digit * 32}.html" for digit in "bc"
    }
    assert {"runs.html", "compare.html"} < changed
    assert not any(path.startswith("static/") for path in changed)


def test_a_run_that_goes_takes_its_page_with_it(guild: Guild, report: Path) -> None:
    guild.ok("rm", "c" * 32, "-y")
    said = guild.ok("report").lines[0]
    assert "removed 1 in" in said
    assert not (report / "runs" / ("c" * 32 + ".html")).exists()
    assert b"c" * 32 not in (report / "runs.html").read_bytes()
    assert b"c" * 32 not in (report / "runs" / ("d" * 32 + ".html")).read_bytes()


def test_a_run_that_comes_is_the_one_before_the_next(guild: Guild, report: Path) -> None:
    trained(guild.home, "9" * 32, 2.5, {"loss": [7.0]}, flags={"lr": 77})
    guild.ok("report")
    assert b"9" * 32 in (report / "runs" / ("d" * 32 + ".html")).read_bytes()


def test_a_page_has_the_attempts_of_a_run(guild: Guild) -> None:
    run = trained(guild.home, "a" * 32, 1, {})
    attempt = run / ".guild" / "attempts" / "1"
    attempt.mkdir(parents=True)
    ended = {"started": 1, "stopped": 2, "exit_status": 7, "ended_by": "time limit"}
    (attempt / "attempt.json").write_text(json.dumps(ended))
    (attempt / "output").write_text("failed\n")
    guild.ok("report")
    page = (guild.folder / "guild-report/runs" / f"{run.name}.html").read_text()
    assert '<h2 id="attempts">' in page and "time limit" in page


def test_what_was_printed_is_read_for_scalars_where_no_runner_has(guild: Guild) -> None:
    run = trained(guild.home, "a" * 32, 1, {}, output="loss: 0.125\nloss: 0.0625\n")
    for name in ("SCALARS", "SCALARS.series"):
        (run / ".guild" / name).unlink()
    guild.ok("report")
    page = (guild.folder / "guild-report/runs" / f"{run.name}.html").read_text()
    assert "0.0625" in page and 'class="curve"' in page


def test_filters_say_which_runs_are_shown(guild: Guild, report: Path) -> None:
    guild.ok("report", "-Se")
    assert {path.name for path in (report / "runs").iterdir()} == {"c" * 32 + ".html"}


def test_what_is_kept_of_the_last_report_may_be_damaged(guild: Guild, report: Path) -> None:
    whole = pages(report)
    for text in ("", "{", '{"version": 1}', "[" * 100_000, '{"version": "", "runs": {"x": 5}}'):
        (report / ".guild-report.json").write_text(text)
        guild.ok("report")
        assert pages(report) == whole


def test_a_folder_with_something_else_in_it_is_left_as_it_is(guild: Guild) -> None:
    folder = guild.folder / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    done = guild("report", "mine")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"guild: {folder} has files in it that are of no report, and was left as it is",
        "Name a folder that is empty, or not there yet.",
    ]
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder_for_a_report(guild: Guild) -> None:
    (guild.folder / "file").write_text("")
    done = guild("report", "file")
    assert done.code == 1
    assert done.err.startswith(f"guild: {guild.folder / 'file'} is not a folder\n")


def test_what_of_others_came_into_the_folder_later_stays(guild: Guild, report: Path) -> None:
    mine = ["runs/notes.txt", "runs/index.html", "operations/index.html", ".htaccess.new"]
    mine += ["runs/.notes.html.new", "static/logo.svg", f"runs/{'e' * 32}.html/notes.txt"]
    for name in mine:
        (report / name).parent.mkdir(exist_ok=True)
        (report / name).write_text("mine")
    guild.ok("rm", "c" * 32, "-y")
    assert "removed 1 in" in guild.ok("report").lines[0]
    assert [(report / name).read_text() for name in mine] == ["mine"] * len(mine)


def test_a_killed_report_leaves_a_folder_that_the_next_mends(guild: Guild) -> None:
    for at in range(200):
        trained(guild.home, f"{at:032x}", at, {"loss": [float(at)]}, flags={"lr": at})
    killed = guild.popen("report", "out")
    wait_until(lambda: any((guild.folder / "out/runs").glob("*.html")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (guild.folder / "out/index.html").exists()  # it leads to pages that are all there
    torn = guild.folder / "out/runs" / f".{'f' * 32}.html.new"
    torn.write_text("half")
    guild.ok("report", "out")
    guild.ok("report", "fresh")
    assert pages(guild.folder / "out") == pages(guild.folder / "fresh")
    assert not torn.exists()


@pytest.mark.parametrize("words", [("report", "out"), ("guild-sync", "--report", "out")])
def test_on_a_full_disk_the_old_report_is_whole(guild: Guild, words: tuple[str, ...]) -> None:
    several(guild.home)
    with disk(guild.folder / "out", "400k"):
        guild.ok("report", "out")
        before = pages(guild.folder / "out")
        for number in range(20):
            text = "x" * 79 + "\n"
            trained(guild.home, f"{number:032x}", 7 + number, {"loss": [1.0]}, output=text * 4000)
        done = guild(*words)
        assert done.code == 1
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith("guild: ") and "No space left" in done.err
        after = pages(guild.folder / "out")
        assert {path: after.get(path) for path in PAGES - {"index.html"}} == {
            path: before[path] for path in PAGES - {"index.html"}
        }
        for path in (guild.folder / "out").rglob("*.html"):
            assert path.read_text().rstrip().endswith("</html>"), path
        with FileLock(guild.folder / "out/.guild-report.lock", timeout=0):
            pass
        subprocess.run(["mount", "-o", "remount,size=64m", guild.folder / "out"], check=True)
        guild.ok(*words)
        guild.ok("report", "fresh")
        assert pages(guild.folder / "out") == pages(guild.folder / "fresh")


def test_kills_at_any_moment_leave_whole_pages(guild: Guild) -> None:
    """Each a little later than the one before: what is there is always a report, old or new."""
    several(guild.home)
    guild.ok("report", "out")
    out = guild.folder / "out"
    for number in range(int(os.environ.get("KILLS", "5"))):
        for more in range(20):
            run_id = f"{number:016x}{more:016x}"
            trained(guild.home, run_id, number + more, {"loss": [1.0]}, flags={"lr": number})
        killed = guild.popen("report", "out")
        seen = len([*out.rglob("*.html")])
        while len([*out.rglob("*.html")]) <= seen + number * 4 and killed.poll() is None:
            pass
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        for path in out.rglob("*.html"):
            assert path.read_text().rstrip().endswith("</html>"), path
        with FileLock(out / ".guild-report.lock", timeout=PATIENCE):
            pass
    guild.ok("report", "out")
    guild.ok("report", "fresh")
    assert pages(out) == pages(guild.folder / "fresh")


def test_what_a_killed_report_had_started_ends_and_the_next_writes(guild: Guild) -> None:
    """Its processes have its lock: one that waits for ever to be read would keep all others out."""
    flags = {f"flag-{number}": "x" * 300 for number in range(100)}  # more than a pipe takes
    for at in range(200):
        trained(guild.home, f"{at:032x}", at, {"loss": [float(at)]}, flags=flags)
    killed = guild.popen("report", "out")
    wait_until(lambda: any((guild.folder / "out/runs").glob("*.html")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    with FileLock(guild.folder / "out/.guild-report.lock", timeout=PATIENCE):
        pass
    guild.ok("report", "out")


def test_a_report_is_no_source_code_of_the_project_that_it_is_in(guild: Guild) -> None:
    several(guild.home)
    guild.ok("report")
    run_id = guild.started()
    assert (guild.folder / "guild-report/index.html").is_file()
    assert not any(
        "guild-report" in str(path) for path in (guild.home / "runs" / run_id).rglob("*")
    )


@pytest.mark.parametrize("folder", ["static", "runs", "operations"])
def test_pages_behind_a_link_are_left_alone(guild: Guild, report: Path, folder: str) -> None:
    shutil.rmtree(report / folder)
    others = guild.folder / "others"
    others.mkdir()
    (others / "mine.html").write_text("mine")
    (report / folder).symlink_to(others)
    done = guild("report")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"guild: {report / folder} is a link, and was left as it is",
    )
    assert [path.name for path in others.iterdir()] == ["mine.html"]


@pytest.mark.parametrize("argv", [["report", ""], ["sync", "--report", ""]])
def test_an_empty_name_is_no_folder(guild: Guild, argv: list[str]) -> None:
    done = guild(*argv)
    assert done.code == 1
    assert "empty" in done.err.splitlines()[0]
    assert not (guild.folder / "guild-report").exists()


def test_two_reports_at_once_write_one_behind_the_other(guild: Guild, report: Path) -> None:
    with FileLock(report / ".guild-report.lock"):
        waiting = guild.popen("report")
        assert waiting.stdout is not None
        said = waiting.stdout.readline()
        assert b"another guild writes the report" in said
        assert waiting.poll() is None
    out, _ = waiting.communicate()
    assert waiting.returncode == 0, out


def test_two_first_reports_at_once_are_one(guild: Guild) -> None:
    """The folder becomes a report's once its lock is held: none finds the other's beginning."""
    several(guild.home)
    folder = guild.folder / "out"
    folder.mkdir()
    with FileLock(folder / ".guild-report.lock"):
        both = [guild.popen("report", "out") for _ in range(2)]
        for one in both:
            assert one.stdout is not None
            assert b"another guild writes the report" in one.stdout.readline()
        assert [path.name for path in folder.iterdir()] == [".guild-report.lock"]
    for one in both:
        out, _ = one.communicate()
        assert one.returncode == 0, out


def test_a_lock_that_is_a_link_is_not_opened(guild: Guild, report: Path) -> None:
    (guild.folder / "mine").write_text("mine")
    (report / ".guild-report.lock").unlink(missing_ok=True)
    (report / ".guild-report.lock").symlink_to(guild.folder / "mine")
    done = guild("report")
    assert (done.code, (guild.folder / "mine").read_text()) == (1, "mine")
    assert "is a link, and was left as it is" in done.err.splitlines()[0]


def test_a_sync_writes_the_report_after_it(guild: Guild, remote: str) -> None:
    run = guild.started("sleep=0", remote=remote)
    wait_until(lambda: guild("sync", "--report", "out").code == 0 and is_shown(guild, run))
    assert remote in (guild.folder / "out/index.html").read_text()
    guild.ok("guild-sync", "--report", "cron")
    assert (guild.folder / "cron/runs" / f"{run}.html").exists()


def is_shown(guild: Guild, run: str) -> bool:
    page = guild.folder / "out/runs" / f"{run}.html"
    return page.exists() and "s-completed" in page.read_text()


def test_a_report_shows_a_remote_that_the_sync_could_not_reach(guild: Guild) -> None:
    from test_fleet import bind

    several(guild.home)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        guild.configure(gone={"type": "ssh", "host": "127.0.0.1", "port": nobody.getsockname()[1]})
        bind(guild, "a" * 32, "gone")
        done = guild("sync", "--report", "out")
        assert done.code == 3
        page = (guild.folder / "out/index.html").read_text()
        assert "gone" in page and "unreachable" in page
        (guild.folder / "mine").mkdir()
        (guild.folder / "mine/file").write_text("")
        done = guild("sync", "--report", "mine")
        assert done.code == 3
        assert "of no report" in done.err


def test_a_report_that_cannot_be_written_is_an_error_of_the_sync(guild: Guild) -> None:
    (guild.folder / "file").write_text("")
    done = guild("sync", "--report", "file")
    assert done.code == 1
    assert done.err.startswith("guild: ") and "is not a folder" in done.err
