"""Runs with scalars, as tests of what shows them have them; one of them is hostile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rundirs import make

from guild_sync.agent.protocol import Plain
from guild_sync.agent.scalars import kept
from guild_sync.agent.scalars.series import ScalarSeries

# What must stay text wherever a run can put it.
HOSTILE = (
    "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>"
    "</title></script><!--{{7*7}}&lt;"
)
HOSTILE_SCALAR = HOSTILE[:90]  # a longer name is none
HOSTILE_ID = "e" * 32
SECOND = 1_000_000
BEGAN = 1_790_000_000 * SECOND


def trained(
    home: Path,
    run_id: str,
    at: float,
    scalars: Mapping[str, Sequence[float]],
    operation: str = "train",
    output: str = "",
    **attributes: Plain,
) -> Path:
    """A run that has ended, the `at`-th, with what it has printed by these names; its directory."""
    began = BEGAN + int(at * 100) * SECOND
    values: dict[str, Plain] = {
        "initialized": began,
        "started": began,
        "stopped": began + 42 * SECOND,
        "exit_status": 0,
        **attributes,
    }
    run = make(home, run_id, None, **values)
    (run / ".guild" / "opref").write_text(f"guildfile:/p/guild.yml 0 '' {operation}")
    (run / ".guild" / "output").write_text(output)
    found: dict[str, ScalarSeries] = {}
    for name, numbers in scalars.items():
        series = found[name] = ScalarSeries()
        for step, number in enumerate(numbers):
            series.add(number, began + step, step)
    kept.write(str(run), found)
    return run


def hostile(home: Path) -> Path:
    """A run all of whose texts would be markup, or a script, were they not escaped."""
    run = trained(
        home,
        HOSTILE_ID,
        9,
        {HOSTILE_SCALAR: [1.0, math.nan, math.inf, 3.0], "loss": [0.5, 0.4]},
        f'"{HOSTILE.translate({ord(mark): None for mark in "/:{}"})[:60]}"',
        f"{HOSTILE}\n\x1b[31mred {HOSTILE}\x1b[0m\n\x1b]8;;http://127.0.0.1:9/\x07link\x1b]8;;\x07\n",
        label=HOSTILE,
        flags={HOSTILE: HOSTILE, "lr": 0.5, "ends": "\u202e\u2028</script>"},
        tags=[HOSTILE],
        comments=[{"user": HOSTILE, "host": HOSTILE, "body": f"{HOSTILE}\n{HOSTILE}", "time": 1}],
        cmd=["python", HOSTILE],
        host=HOSTILE,
        sourcecode_digest=HOSTILE,
    )
    (run / HOSTILE.replace("/", "_")).write_text("")
    return run


def several(home: Path) -> list[str]:
    """Four runs of one operation, the latest last; their ids."""
    ids = [digit * 32 for digit in "abcd"]
    rates, ends = (0.001, 0.01, 0.1, 0.1), (0.9, 0.1, 0.5, math.nan)
    for at, (run_id, rate, end) in enumerate(zip(ids, rates, ends, strict=True)):
        curve = [end + 1 / (1 + step) - 1 / 40 for step in range(40)]
        trained(
            home,
            run_id,
            at,
            {"loss": curve, f"only-{at}": [float(at)]},
            output=f"\x1b[32mepoch\x1b[0m {at}\nloss: {end}\n",
            label=f"run {at}",
            flags={"lr": rate, "layers": 2, "optimizer": "adam" if at % 2 else "sgd"},
            exit_status=1 if at == 2 else 0,
        )
    return ids
