"""Measure how long `guild report` takes for many runs with scalars, the first time and later.

Usage:
  bench.pages [options]

Options:
  --runs N     How many runs there are [default: 2000].
  --scalars N  How many scalars each of them has [default: 10].
  --steps N    How many numbers each scalar has [default: 1000].
  --keep DIR   Make the runs in DIR, a guild home, unless they are there; and leave them, and the
               report in DIR/report. Else all is in a temporary folder.

It prints, for a first report, for one where nothing has changed, and for one where ten runs have:
seconds by the wall clock and of CPU, pages written, bytes.
"""

from __future__ import annotations

import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from docopt import docopt

from guild_sync.agent.protocol import Plain
from guild_sync.agent.scalars import kept
from guild_sync.agent.scalars.series import ScalarSeries
from guild_sync.agent.store import attrs

_SECOND = 1_000_000  # a run's times are in microseconds
_NAMES = ("loss", "acc", "val_loss", "val_acc", "lr", "grad_norm", "throughput", "f1")
_CHANGED = 10


def main() -> int:
    args = docopt(__doc__ or "")
    runs, scalars, steps = (int(args[f"--{name}"]) for name in ("runs", "scalars", "steps"))
    if args["--keep"]:
        return _measure(Path(args["--keep"]), runs, scalars, steps)
    with tempfile.TemporaryDirectory(prefix="guild-pages-") as top:
        return _measure(Path(top), runs, scalars, steps)


def _measure(home: Path, runs: int, scalars: int, steps: int) -> int:
    if not (home / "runs").is_dir():
        began = time.monotonic()
        made = [write_trained_run(home, n, scalars, steps) for n in range(runs)]
        print(f"made {len(made)} runs in {time.monotonic() - began:.1f} s", file=sys.stderr)
    report = home / "report"
    (home / "config.yml").touch()  # not the user's own
    ids = sorted(path.name for path in (home / "runs").iterdir())
    _turn("first", home, report)
    _turn("nothing changed", home, report)
    for run_id in ids[:_CHANGED]:
        label = home / "runs" / run_id / ".guild" / "attrs" / "label"
        label.write_text(attrs.encode(f"changed at {time.time()}"))
    _turn(f"{min(_CHANGED, runs)} changed", home, report)
    size = sum(path.stat().st_size for path in report.rglob("*") if path.is_file())
    print(f"the folder: {size / 1e6:.1f} MB")
    return 0


def _turn(name: str, home: Path, report: Path) -> None:
    env = {**os.environ, "GUILD_HOME": str(home), "GUILD_CONFIG": str(home / "config.yml")}
    guild = str(Path(sys.executable).with_name("guild"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(
        [guild, "report", str(report), "--json"], env=env, check=True, capture_output=True
    )
    took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = json.loads(done.stdout)
    print(
        f"{name}: {took:.2f} s, {cpu:.2f} s of CPU, {said['written']} pages written, "
        f"{said['bytes'] / 1e6:.1f} MB, of {said['runs']} runs",
        flush=True,
    )


def write_trained_run(home: Path, number: int, scalars: int = 10, steps: int = 1000) -> Path:
    """A run that has ended, as one of a search for good flags, with scalars; its directory."""
    draw = random.Random(number)
    run_id = f"{draw.getrandbits(128):032x}"
    directory = home / "runs" / run_id
    guild = directory / ".guild"
    (guild / "attrs").mkdir(parents=True)
    started = 1_790_000_000 * _SECOND + number * 97 * _SECOND
    flags: dict[str, Plain] = {
        "lr": round(10 ** draw.uniform(-4, -1), 5),
        "dropout": draw.choice([0.0, 0.1, 0.3, 0.5]),
        "layers": draw.randint(2, 8),
        "optimizer": draw.choice(["adam", "sgd", "adamw"]),
    }
    found = _scalars(draw, flags, started, scalars, steps)
    exit_status = 0 if draw.random() > 0.06 else draw.choice([1, -15])
    values: dict[str, Plain] = {
        "id": run_id,
        "initialized": started - _SECOND // 2,
        "started": started,
        "stopped": started + draw.randint(60, 7200) * _SECOND,
        "exit_status": exit_status,
        "flags": flags,
        "label": f"lr={flags['lr']} {flags['optimizer']}",
        "cmd": ["python", "-m", "train", "--lr", str(flags["lr"])],
        "host": draw.choice(["gpu1", "gpu2"]),
        "user": "ann",
        "sourcecode_digest": "9db68f61b98511aab5624976a87f2c18",
    }
    (guild / "opref").write_text("guildfile:/home/ann/vision/guild.yml 0.0.0 '' train")
    for name, value in values.items():
        (guild / "attrs" / name).write_text(attrs.encode(value))
    objective: dict[str, Plain] = {"operation": {"kept": {"objective": "val_loss"}}}
    (guild / "job.json").write_text(json.dumps({"op": "train", "env": {}, **objective}))
    (guild / "output").write_text(_output(found, steps))
    (directory / "model.bin").write_bytes(b"\0" * draw.randint(1000, 9000))
    (directory / "train.py").write_text("import argparse\n")
    kept.write(str(directory), found)
    return directory


def _scalars(
    draw: random.Random, flags: Mapping[str, Plain], started: int, count: int, steps: int
) -> dict[str, ScalarSeries]:
    rate = flags["lr"]
    assert isinstance(rate, float)
    fit = 1 / (1 + (math.log10(rate) + 2.4) ** 2)  # best near 0.004
    found: dict[str, ScalarSeries] = {}
    for at in range(count):
        name = _NAMES[at] if at < len(_NAMES) else f"layer{at}/norm"
        rises = name.endswith("acc") or name in ("f1", "throughput")
        best, noise = 0.2 + 0.75 * fit * draw.uniform(0.85, 1), draw.uniform(0.01, 0.05)
        series = found[name] = ScalarSeries()
        for step in range(steps):
            share = best * (1 - math.exp(-4 * step / max(steps, 1)))
            value = share if rises else 2.3 * (1.04 - share)
            # As programs print them.
            number = round(value + draw.gauss(0, noise), 6)
            series.add(number, started + step * _SECOND, step)
    return found


def _output(found: Mapping[str, ScalarSeries], steps: int) -> str:
    lines = ["Loading 60,000 images", "Training"]
    for step in range(0, steps, 10):
        lines += [f"{name}: {found[name].values[step]:.5f} (step {step})" for name in [*found][:4]]
    return "\n".join([*lines, "Saved model.bin", ""])


if __name__ == "__main__":
    sys.exit(main())
