"""Remove runs from a remote that are whole here, once they were verified; all others stay."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from guild_sync.agent import columns
from guild_sync.agent.protocol import FINAL, NOTES, Filters, Run, SentNotes, State, Value
from guild_sync.config.schema import Best
from guild_sync.errors import GuildError, Incomplete
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.output.formats import counted, size
from guild_sync.output.terminal import clean
from guild_sync.transfer import survey, verify
from guild_sync.transfer.verify import DIFFERS, SAME, Verdict

# Why runs stay.
_NOT_HOME = "not home"
_GONE = "there no more"
_CHANGED_HERE = "changed here meanwhile"


class Wish(NamedTuple):
    """Which runs of a remote are to go. Only what is home and the same there ever does."""

    filters: Filters
    ended_before: int | None = None  # microseconds since 1970
    keep_last: int = 0  # of the runs that the filters leave
    permanent: bool = False  # not to the trash there
    keep_best: Best | None = None  # of each operation, of the runs that the filters leave


class Seals(NamedTuple):
    """What changes where anything of a run does, there and here, of each that was verified."""

    there: Mapping[str, str]
    here: Mapping[str, str]


@dataclass
class Cleaning:
    """The runs of a remote that are to go or have gone, with their bytes, and why others stay."""

    runs: Sequence[Run]  # all that were looked at, the latest first
    going: dict[str, int] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    others: int = 0  # of other people's, which nobody looks at
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    home_id: str = ""  # of the guild home there

    def keep(self, why: Mapping[str, str]) -> None:
        """Have these of the runs stay that were to go."""
        for run_id, reason in why.items():
            if self.going.pop(run_id, None) is not None:
                self.kept[run_id] = reason


def sorted_out(
    host: RemoteHost, here: LocalHost, wish: Wish, home_id: str | None, mine: Filters
) -> Cleaning:
    """Which runs there could go, and why each other one stays, before any file is read.

    `home_id` is the name of the guild home that the remote is known to have had. Nothing is
    written. Raises RemoteError where it has another one by now, or none, and as `survey.survey`.
    """
    wanted = {**wish.filters, **mine}
    listed = host.list_runs(filters=wanted, whole=True, with_others=True)
    runs = listed["runs"]
    ids = [run["id"] for run in runs]
    told = survey.survey(
        host, here, ids, host.remote.pull, stamps=False, look_only=True, reading=True
    )
    if ids and told.home_id is None and home_id is None:  # as Guild AI's
        raise survey.another_home(
            *(host, "without a name that it could be known by"),
            f"'guild pull {host.name}' gives it one, and brings home what it has. Nothing was "
            "removed.",
        )
    if home_id not in (None, told.home_id):
        raise survey.another_home(
            *(host, "another than before"),
            "Is another disk mounted there? Nothing was removed. 'guild sync' or 'guild pull' "
            "brings home what it has.",
        )
    found = Cleaning(
        runs, dict.fromkeys(ids, 0), others=listed["others"], home_id=told.home_id or ""
    )
    found.keep(_not_wished(runs, told.states, wish))
    if wish.keep_best and found.going:
        found.keep(_best(host, runs, told.states, wanted, wish.keep_best))
    found.keep(_not_home(host, here, [*found.going], told.states))
    found.keep(_linked(host, [*found.going]))
    found.going = {i: _freed(s) for i in found.going if (s := told.states[i])}
    return found


def verified(host: RemoteHost, here: LocalHost, found: Cleaning, plan: bool) -> Seals:
    """Keep of the runs that are to go all but those that are the same there, byte for byte.

    The seals of each run that is to go, which it had before it was looked at. With `plan`
    nothing is written; else what people wrote there is merged into what is here before.
    Raises as `verify.verified`.
    """
    if not plan:
        here.tidy(here.home_ids(host.name))  # what one that was killed has left half written
    ids = [*found.going]
    if not ids:
        return Seals({}, {})
    seals = host.seals(ids)
    told = verify.asked(host, here, ids, host.remote.pull).states
    found.keep({i: _GONE for i in ids if i not in seals or told[i] is None})
    if not plan:
        found.keep(_notes_not_here(host, here, {i: s for i in found.going if (s := told[i])}))
    mine = here.seals([*found.going])
    # Its inodes are in a seal: what is here is only a link, or a mount, of what is there.
    found.keep({i: "the very files that are here" for i in mine if mine[i] == seals[i]})
    found.verdicts = verify.verified(host, here, {i: told[i] for i in found.going})
    found.keep(
        {i: why for i, verdict in found.verdicts.items() if (why := _not_same(verdict, told[i]))}
    )
    now = here.seals([*found.going])
    found.keep({i: _CHANGED_HERE for i in found.going if i not in mine or now.get(i) != mine[i]})
    found.keep(_linked(host, [*found.going]))
    return Seals({i: seals[i] for i in found.going}, {i: mine[i] for i in found.going})


def removed(
    host: RemoteHost, here: LocalHost, found: Cleaning, seals: Seals, permanent: bool
) -> Mapping[str, str]:
    """Remove there the runs that still have these seals; why others were not.

    All go to the trash there first, and are looked at here once more: what was deleted or
    changed here just before is brought back, and only the rest is removed for good.
    """
    if not seals.there:
        return {}
    answer = host.clean(seals.there, found.home_id)
    moved = [run_id for run_id in answer["done"] if run_id in seals.there]
    refused = {i: why for i, why in answer["refused"].items() if i in seals.there}
    found.keep({i: "changed meanwhile" for i in seals.there if i not in moved})
    now = here.seals(moved)
    changed = [run_id for run_id in moved if now.get(run_id) != seals.here[run_id]]
    found.keep(dict.fromkeys(changed, _CHANGED_HERE))
    refused.update(_brought_back(host, changed))
    here.note_cleaned([*found.going], host.name)
    if permanent and found.going:
        left = host.purge_runs([*found.going])["refused"]
        refused.update({i: f"it is in the trash there: {why}" for i, why in left.items()})
        found.keep(dict.fromkeys(left, "in the trash there"))
    return refused


def summary(found: Cleaning, remote: str, permanent: bool, plan: bool) -> str:
    """What goes, or has gone, and why the rest stays, in a line."""
    if not found.going:
        return f"Nothing to clean on {remote}{kept(found)}"
    runs, freed = counted(len(found.going)), size(sum(found.going.values()))
    if plan:
        begun = f"would free {freed}: {runs}"
    elif permanent:
        begun = f"Freed {freed} on {remote}: {runs}"
    else:
        begun = f"Deleted {runs} on {remote} ({freed})"
    return f"{begun}, all home and verified{kept(found)}"


def refusals(refused: Mapping[str, str], remote: str) -> Iterator[GuildError]:
    """What is said of runs that were verified, and not removed."""
    for run_id, why in refused.items():
        yield Incomplete(f"run {run_id} on {remote} was not deleted: {clean(why)}")


def kept(found: Cleaning) -> str:
    """How many runs stay, and why, behind what goes: `; 2 kept: not home`."""
    return f"; {told}" if (told := counts(found)) else ""


def counts(found: Cleaning) -> str:
    """How many runs stay, and why: `2 kept: not home`; empty where all go."""
    reasons = Counter(found.kept.values())
    if found.others > 0:
        reasons["not your own"] += found.others
    total = sum(reasons.values())
    if len(reasons) == 1:
        return f"{total} kept: {next(iter(reasons))}"
    listed = ", ".join(f"{count} {why}" for why, count in reasons.most_common())
    return f"{total} kept: {listed}" if total else ""


def _freed(state: State) -> int:
    """The bytes that go with a run; what it was given, other runs there may have, too."""
    return max(0, verify.bytes_of([state]) - sum(size for _, size in state["inputs"]))


def _brought_back(host: RemoteHost, ids: Sequence[str]) -> dict[str, str]:
    """Bring runs back out of the trash there that are not here any more as they were."""
    if not ids:
        return {}
    back = {*host.restore_runs(ids)["done"]}
    stays = f"it is in the trash there: 'guild restore -r {host.name}' brings it back"
    return {i: "it changed here meanwhile" + ("" if i in back else f"; {stays}") for i in ids}


def _not_wished(
    runs: Sequence[Run], states: Mapping[str, State | None], wish: Wish
) -> dict[str, str]:
    """Why runs there stay, whatever is here of them."""
    why = {run["id"]: f"among the last {wish.keep_last}" for run in runs[: wish.keep_last]}
    for run in runs:
        state = states[run["id"]]
        if state is None:
            why[run["id"]] = _GONE
        elif state["status"] not in FINAL:
            why[run["id"]] = state["status"] or _GONE
        elif wish.ended_before is not None and run["id"] not in why:
            at = _last_time(run, state)
            if at is None or at >= wish.ended_before:
                why[run["id"]] = "not that old" if at is not None else "of unknown age"
    return why


def _best(
    host: RemoteHost,
    runs: Sequence[Run],
    states: Mapping[str, State | None],
    wanted: Filters,
    best: Best,
) -> dict[str, str]:
    """Why runs there stay that are over: the best of their operation, and what cannot be told.

    A run without a number there may be as good as any, and so may one of whose scalar some of the
    numbers are missing. Of equal ones all stay.
    """
    listed = host.listed(filters=wanted, whole=True, sort=best.column, scalars=True)["runs"]
    numbers = {run["id"]: run["order"] for run in listed}
    scalar = columns.name(columns.column(best.column).text).name
    found = {run["id"]: run["scalars"].get(scalar) for run in listed}
    partial = {run_id for run_id, form in found.items() if form and form.get("partial")}
    known: dict[tuple[str, ...], list[tuple[float, str]]] = {}
    why: dict[str, str] = {}
    for run in runs:
        number, state = numbers.get(run["id"]), states[run["id"]]
        if state is None or state["status"] not in FINAL:
            continue  # which stays anyway, and may get better or worse
        if run["id"] in partial:
            why[run["id"]] = f"with some of {best.column} alone"
        elif isinstance(number, (int, float)):
            opref = run["opref"]
            operation = (opref["package"], opref["model"], opref["name"])
            rank = -number if best.is_highest else number
            known.setdefault(operation, []).append((rank, run["id"]))
        else:
            why[run["id"]] = f"without a number for {best.column}"
    for ranked in known.values():
        ranked.sort()
        last = ranked[min(best.most, len(ranked)) - 1][0]
        why.update((run_id, str(best)) for rank, run_id in ranked if rank <= last)
    return why


def _last_time(run: Run, state: State) -> int | None:
    """When a run ended, or what is known of it instead, in microseconds since 1970."""
    times: list[Value] = [state["stopped"], state["started"], run["initialized"]]
    return next((time for time in times if type(time) is int), None)


def _not_home(
    host: RemoteHost, here: LocalHost, ids: Sequence[str], states: Mapping[str, State | None]
) -> dict[str, str]:
    """Why runs there are not whole here as that remote's."""
    home = set(here.home_ids(host.name))
    deleted = set(here.deleted(ids))
    ours = here.states(ids)
    return {
        run_id: _why_not_home(here, run_id, run_id in deleted, ours[run_id]["status"])
        for run_id in ids
        if run_id not in home or ours[run_id]["status"] not in FINAL
    }


def _why_not_home(here: LocalHost, run_id: str, is_deleted: bool, status: str | None) -> str:
    place = Path(here.home, "runs", run_id)
    if is_deleted:
        return "deleted here"
    if os.path.islink(place) and not place.exists():
        return "on a disk that is not mounted here"
    return _NOT_HOME


def _linked(host: RemoteHost, ids: Sequence[str]) -> dict[str, str]:
    """Why runs stay that runs there need which stay themselves."""
    linking = host.linking(ids) if ids else {}
    going, why = set(ids), "linked to or required by runs that stay"
    while held := [i for i in going if not going.issuperset(linking.get(i, ()))]:
        going.difference_update(held)
    return {run_id: why for run_id in ids if run_id not in going}


def _not_same(verdict: Verdict, theirs: State | None) -> str:
    """Why a run stays on which there is this verdict; empty where it may go.

    What it was given is its project's, and not what would be lost with it.
    """
    inputs = {path for path, _ in theirs["inputs"]} if theirs else set()
    if verdict.word == DIFFERS:
        return "not the same here"
    if verdict.unreadable:
        return "not readable there"
    if verdict.word != SAME:
        return "not compared"
    is_lost = any(not verify.is_in(path, inputs) for path in verdict.left_out)
    return "with files that were left out" if is_lost else ""


def _notes_not_here(
    host: RemoteHost, here: LocalHost, states: Mapping[str, State]
) -> dict[str, str]:
    """Merge what people wrote there into what is here; the runs of which not all of it is."""
    here.merge_notes({i: state["notes"] for i, state in states.items()}, host.name)
    kept = here.notes_to_send([*states], host.name)
    why = "with a label or notes that are not here"
    return {i: why for i, state in states.items() if not _is_known(state, kept[i])}


def _is_known(theirs: State, ours: SentNotes) -> bool:
    """Whether what is written there is here, or has been, and was changed here since."""
    notes, base = theirs["notes"], ours["base"]
    return all(
        name in notes
        and name in ours["notes"]
        and (notes[name] or None) == (base.get(name) or None)
        for name in NOTES
    )


def older_than(seconds: int) -> int:
    """The time, in microseconds since 1970, that is so long ago."""
    return time.time_ns() // 1000 - seconds * 1_000_000
