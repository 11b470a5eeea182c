"""Why nothing is drawn, in a line, and the names of what could be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from guild_sync.agent.columns import QUALIFIERS
from guild_sync.agent.protocol import flags_of
from guild_sync.curves.runs_drawn import Gathered, WantedCurves
from guild_sync.errors import GuildError, RunNotFound, UsageError
from guild_sync.output.formats import counted, there_are
from guild_sync.output.terminal import clean


def nothing(found: Sequence[Gathered], wanted: WantedCurves) -> GuildError:
    """The error that no run of these hosts has what is wanted."""
    runs = [*chain.from_iterable(each.looked_at for each in found)]
    which = _which(len(runs), sum(each.total for each in found))
    if not runs:
        return RunNotFound(
            "there is no run to be drawn", "'guild runs' lists those that there are."
        )
    if wanted.is_scatter and all(run["cells"][0]["value"] is None for run in runs):
        flags = {name for run in runs for name in flags_of(run)}
        return RunNotFound(
            f"{which} a flag {clean(wanted.over)!r}",
            there_are(wanted.over, sorted(flags)) or "None has any.",
        )
    for name in wanted.names:
        qualifier, _, rest = name.partition(" ")
        if not wanted.is_scatter and rest and qualifier in QUALIFIERS:
            return UsageError(
                f"{clean(name)!r} is one number of a run, and no curve",
                f"Draw the curve: guild plot {clean(rest)}. "
                f"Or each run over a flag: guild plot '{clean(name)}' --x FLAG.",
            )
    scalars = {name for run in runs for name in run["scalars"]}
    asked = " or ".join(repr(clean(name)) for name in wanted.names)
    with_x = f" and {clean(wanted.over)!r}" if wanted.is_scatter else ""
    hint = there_are(wanted.names[0], sorted(scalars)) or _how_to_have_some()
    return RunNotFound(f"{which} a scalar {asked}{with_x}", hint)


def no_numbers(count: int, wanted: WantedCurves) -> GuildError:
    """The error that so many runs have it, and nothing of it can be drawn."""
    names = " or ".join(repr(clean(name)) for name in wanted.names)
    has = "has" if count == 1 else "have"
    hint = "They are nan or inf, or their points have not come along."
    if wanted.logarithmic:
        hint = "With --log no number is drawn that is not above 0."
    return RunNotFound(f"{counted(count)} {has} {names}, and no number of it can be drawn", hint)


def _which(looked_at: int, total: int) -> str:
    return f"of the {looked_at} latest runs none has" if looked_at < total else "no run has"


def _how_to_have_some() -> str:
    return "None has any: lines such as 'loss: 0.5' of a run's output are its scalars."
