"""What `guild run` is asked for, read from its command line."""

from __future__ import annotations

import os
import re
from pathlib import Path

from guild_sync.agent.protocol import RUN_ID, Value
from guild_sync.cli.arguments import Arguments, whole_number
from guild_sync.config.texts import gpus_of, is_one_line
from guild_sync.errors import UsageError
from guild_sync.jobs.notes import MAX_SEED, BatchOptions, Notes
from guild_sync.project.definitions import MOST_CORES, MOST_RETRIES
from guild_sync.runs.resolve import NeedsGiven, Request, SupervisionGiven

MAKERS = ("--start", "--restart", "--proto")
# What shows something and makes no run: of the operation, and of the run that it would be.
OF_OPERATION = ("--help-op", "--test-flags", "--test-sourcecode", "--test-output-scalars")
OF_LAUNCH = ("--print-cmd", "--print-env", "--print-trials")
# Which options make no sense together.
_EXCLUSIVE = (
    MAKERS,
    ("--run-dir", "--remote"),
    ("--run-dir", "--stage"),
    ("--run-dir", "--start"),
    ("--run-dir", "--restart"),
    ("--force", "--proto"),
    ("--gpus", "--no-gpus"),
    ("--needed", "--start"),
    ("--needed", "--restart"),
    ("--wait-free", "--stage"),
    ("--wait-free", "--stage-trials"),
    ("--stage", "--stage-trials"),
    ("--run-id", *MAKERS[:2]),
    ("--run-id", "--run-dir"),
    ("--run-id", "--stage-trials"),
    ("--stage-trials", *MAKERS[:2]),
    ("--dep", *MAKERS[:2]),
    ("--stop-after", "--time-limit"),
    (*OF_OPERATION, *OF_LAUNCH),
)
_LONGEST = 5256000.0  # minutes, ten years: what is more is a slip of the keyboard


def request_of(args: Arguments) -> Request:
    """What is to be run, and how. Raises UsageError for what makes no sense."""
    for options in _EXCLUSIVE:
        given = [option for option in options if args.is_set(option)]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude each other")
    if args.is_set("--force-sourcecode") and not any(map(args.is_set, MAKERS)):
        raise UsageError(
            "--force-sourcecode belongs to --start, --restart or --proto",
            "A new run takes the project's source code anyway.",
        )
    if args.is_set("--force") and not (args.is_set("--start") or args.is_set("--restart")):
        raise UsageError("--force belongs to --start or --restart")
    spec, assignments = args.text("OPERATION"), args.texts("FLAG")
    if spec is not None and (
        "=" in spec or spec.startswith("@")
    ):  # no operation: the default one, or the run's
        assignments = [spec, *assignments]
        spec = None
    run_dir = args.text("--run-dir")
    return Request(
        spec,
        tuple(assignments),
        args.text("--start") or args.text("--restart"),
        args.text("--proto"),
        args.is_set("--force-flags"),
        args.is_set("--force"),
        args.is_set("--force-sourcecode"),
        Notes(
            args.text("--label"), tuple(args.texts("--tag")), args.text("--comment"), _seed(args)
        ),
        run_dir=Path(run_dir).absolute() if run_dir is not None else None,
        run_id=_run_id(args),
        files=_files(args),
        options=BatchOptions(
            whole_number(args, "--max-trials", least=1),
            args.is_set("--fail-on-trial-error"),
            args.is_set("--needed"),
        ),
        is_staged=args.is_set("--stage"),
        gpus=_gpus(args)[1],
        env=_env(args),
        supervision=_supervision(args),
        needs=_needs(args),
        job=_job(args),
    )


def _run_id(args: Arguments) -> str | None:
    text = args.text("--run-id")
    if text is not None and not RUN_ID.match(text):
        raise UsageError(
            f"--run-id takes 32 hex digits in lower case, not {text!r}",
            "Such as: python3 -c 'import uuid; print(uuid.uuid4().hex)'",
        )
    return text


def _files(args: Arguments) -> tuple[Path, ...]:
    paths = [Path(os.path.abspath(text)) for text in args.texts("--dep")]
    for path in paths:
        if not path.exists():
            raise UsageError(f"--dep: there is no file or folder {path}")
    return tuple(dict.fromkeys(paths))


def _gpus(args: Arguments) -> tuple[int, str | None]:
    """How many GPUs are asked for, or else which; None where nothing is said of them."""
    if args.is_set("--no-gpus"):
        return 0, ""
    text = args.text("--gpus")
    if text is None:
        return 0, None
    if not is_one_line(text) or text.startswith("-"):
        raise UsageError(f"--gpus takes how many, such as 2, or which, such as 0,1, not {text!r}")
    return gpus_of(text)


def _needs(args: Arguments) -> NeedsGiven:
    """What is said of what the run needs of its host; of guild.yml's word the rest holds."""
    found: NeedsGiven = {}
    if count := _gpus(args)[0]:
        found["gpus"] = count
    if (cpus := whole_number(args, "--cpus", least=1)) is not None:
        if cpus > MOST_CORES:
            raise UsageError(f"--cpus takes a number up to {MOST_CORES}")
        found["cpus"] = cpus
    if (text := args.text("--memory")) is not None:
        from guild_sync.config.texts import size

        if not (amount := size(text)):
            raise UsageError(f"--memory takes a size such as 16G or 500M, not {text!r}")
        found["memory"] = amount
    return found


def _env(args: Arguments) -> dict[str, str]:
    if not args.texts("--env"):
        return {}
    from guild_sync.config.texts import is_value, is_variable

    pairs = [text.partition("=") for text in args.texts("--env")]
    for name, sign, value in pairs:
        if not sign or not name or not is_value(value):
            raise UsageError(f"--env takes NAME=VALUE, not {name + sign + value!r}")
        if not is_variable(name):
            raise UsageError(
                f"--env takes NAME=VALUE, and {name!r} is no name of a variable",
                "One has letters, digits and '_', and begins with none of the digits.",
            )
    return {name: value for name, _, value in pairs}


def _job(args: Arguments) -> dict[str, Value]:
    """What is asked of a scheduler; of what nobody says here the operation's word holds."""
    if not args.texts("--job"):
        return {}
    from guild_sync.agent.scheduling import options

    found: dict[str, Value] = {}
    for text in args.texts("--job"):
        key, sign, word = text.partition("=")
        if not sign or not key:
            raise UsageError(f"--job takes KEY=VALUE, such as time=1:00:00, not {text!r}")
        value, before = options.value_of(key, word), found.get(key)
        if isinstance(value, list) and isinstance(before, list):
            value = [*before, *value]
        found[key] = value
    if faults := options.checked(found):
        raise UsageError(f"--job: {faults[0]}")
    return found


def _supervision(args: Arguments) -> SupervisionGiven:
    """What is said of how attempts are looked after; of guild.yml's word the rest holds."""
    found: SupervisionGiven = {}
    if (count := whole_number(args, "--retry")) is not None:
        if count > MOST_RETRIES:
            raise UsageError(f"--retry takes a number up to {MOST_RETRIES}")
        found["retry"] = count
    if (delay := _time(args, "--retry-delay")) is not None:
        found["retry_delay"] = delay
    if (pattern := args.text("--retry-on")) is not None:
        from guild_sync.config.texts import why_no_pattern

        if why := why_no_pattern(pattern):
            raise UsageError(f"--retry-on: {why}")
        found["retry_on"] = pattern
    if (limit := _time(args, "--time-limit")) is not None:
        found["time_limit"] = limit
    if (minutes := args.text("--stop-after")) is not None:
        try:
            given = float(minutes)
        except ValueError:
            given = 0.0
        if not 0 < given <= _LONGEST:  # nan neither
            raise UsageError(f"--stop-after takes minutes, such as 30 or 0.5, not {minutes!r}")
        found["time_limit"] = given * 60
    if (stall := _time(args, "--stall")) is not None:
        found["stall"] = stall
    return found


def _time(args: Arguments, option: str) -> float | None:
    text = args.text(option)
    if text is None:
        return None
    from guild_sync.config.durations import A_TIME, seconds_of

    found = seconds_of(text)
    if found is None:
        raise UsageError(f"{option} takes {A_TIME}, not {text!r}")
    return found


def _seed(args: Arguments) -> int | None:
    text = args.text("--random-seed")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > MAX_SEED:
        raise UsageError(f"--random-seed takes a number from 0 to {MAX_SEED}, not {text!r}")
    return int(text)
