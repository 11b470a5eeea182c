"""A report, written: all pages the first time, and later those of what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent.protocol import Filters
from guild_sync.config import remotes as configured
from guild_sync.errors import UsageError
from guild_sync.hosts.local import LocalHost
from guild_sync.monitoring import standings
from guild_sync.output import extra
from guild_sync.reports import making, operations, overview, pages, rows
from guild_sync.reports.folder import KeptReport, KeptRun, ReportFolder, held
from guild_sync.reports.making import Task
from guild_sync.reports.rows import Row

FOLDER = "guild-report"


class WrittenReport(NamedTuple):
    """A report that is written: its runs, the pages that were written anew, and their bytes."""

    first_page: Path
    runs: int
    pages: int
    removed: int
    bytes: int


def remotes() -> list[str]:
    """The remotes of the config file that a report shows."""
    return [name for name in configured.usable()[0] if name != configured.SANDBOX]


def top_of(text: str | None) -> Path:
    """The folder that is meant by what people write; the usual one where they write nothing.

    Raises UsageError where it is no name, as of a variable that is not set.
    """
    if text is not None and not text.strip():
        raise UsageError("a report needs the name of a folder, and it is empty")
    return Path(FOLDER if text is None else text)


def write(
    here: LocalHost,
    top: Path,
    names: Iterable[str],
    filters: Filters | None = None,
    on_wait: Callable[[str], None] = lambda text: None,
) -> WrittenReport:
    """Have the folder `top` show the runs here, and how the remotes `names` stand; none is asked.

    Raises GuildError where the folder has something else in it, and where a library is missing.
    """
    extra.need("reports", "report", "jinja2")
    fleet = standings.standings(here, names)
    with held(top.absolute(), on_wait) as folder:
        known = folder.known()
        is_same = known["version"] == pages.version()
        ids = here.select(filters=filters, whole=True)
        runs = _written_runs(here, folder, ids, known["runs"], is_same)
        found = [kept["row"] for kept in runs.values()]
        _write_rest(folder, found, fleet)
        removed = folder.leave_only("runs", {f"{run_id}.html" for run_id in runs})
        removed += folder.leave_only("operations", {operations.file_of(row) for row in found})
        report: KeptReport = {"version": pages.version(), "runs": runs}
        if report != known:
            folder.keep(report)
        return WrittenReport(
            folder.top / "index.html", len(runs), folder.written, removed, folder.bytes
        )


def _written_runs(
    here: LocalHost,
    folder: ReportFolder,
    ids: Sequence[str],
    known: dict[str, KeptRun],
    is_same: bool,
) -> dict[str, KeptRun]:
    """The pages of runs, written where something of them may have changed; what is kept of all."""
    asked = [(run_id, known.get(run_id) if is_same else None) for run_id in ids]
    fresh = sum(kept is None for _, kept in asked)
    looks = list(making.over(partial(making.look, here.home), asked, fresh))
    all_rows = [look.row or known[look.run_id]["row"] for look in looks]
    before = _before(all_rows)
    runs: dict[str, KeptRun] = {}
    tasks: list[Task] = []
    for look, row in zip(looks, all_rows, strict=True):
        earlier = before.get(row["id"])
        print_of = _print(earlier)
        runs[row["id"]] = {"seal": look.seal, "before": print_of, "row": row}
        run = look.run
        kept = known.get(row["id"]) if is_same else None
        if run is not None and kept and look.seal and _is_told(kept, look.seal, row, print_of):
            run = None
        elif run is None and kept and kept["before"] != print_of:
            run = here.compared([row["id"]], whole=True, asked=rows.ASKED)["runs"][0]
        if run is not None:
            tasks.append(Task(run, row, earlier))
    make = partial(making.make, here.home, str(folder.top))
    for made in making.over(make, tasks, len(tasks)):
        runs[made.row["id"]]["row"] = made.row
        folder.count(made.written)
    return runs


def _is_told(kept: KeptRun, seal: str, row: Row, print_of: str) -> bool:
    """Whether the page that was kept of a run tells all that was found now."""
    return (kept["seal"], kept["row"], kept["before"]) == (seal, row, print_of)


def _before(found: Sequence[Row]) -> dict[str, Row]:
    """Of each run the one before it of its operation; they come newest first."""
    before: dict[str, Row] = {}
    latest: dict[tuple[str, str], str] = {}
    for row in found:
        if later := latest.get(rows.key(row)):
            before[later] = row
        latest[rows.key(row)] = row["id"]
    return before


def _print(earlier: Row | None) -> str:
    """What changes where what is told of the run before does: all but its curves."""
    if earlier is None:
        return ""
    scalars = {name: scalar["last"] for name, scalar in earlier["scalars"].items()}
    return pages.digest([{**earlier, "scalars": None}, scalars])


def _write_rest(
    folder: ReportFolder, found: Sequence[Row], fleet: Sequence[standings.Standing]
) -> None:
    """The pages that show several runs; the first page comes last, when all that it leads to is."""
    for name in pages.STATIC:
        folder.count(folder.put(f"static/{name}", pages.static(name)))
    by_name = operations.operations(found)
    for operation in by_name:
        folder.count(folder.put(f"operations/{operation.file}", operations.page(operation)))
    folder.count(folder.put("compare.html", overview.comparison(found)))
    folder.count(folder.put("runs.html", overview.table(found)))
    folder.count(folder.put("index.html", overview.overview(found, by_name, fleet)))
