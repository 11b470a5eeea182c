"""Run an operation, here or on a remote.

Usage:
  guild run [options] [-t TAG]... [--env VARIABLE]... [OPERATION] [FLAG]...

OPERATION is [MODEL:]NAME as guild.yml of this folder defines it, or 'queue', or, here
only, the path of a Python script. PACKAGE/OPERATION and MODEL:OPERATION may also be what
a package in the environment of the runs offers, or an earlier run there. A FLAG is
NAME=VALUE, of a pipeline also STEP:NAME=VALUE, or @FILE, a batch file. The run's own exit
status is guild's, unless it is not waited for.

'guild run queue' starts the staged runs of its host one at a time, in the order in which
they were staged. It takes poll-interval=SECONDS (10), run-once=yes, to end when no run is
staged, wait-for-running=yes, to start none while others but queues run there, and
gpus=LIST: as --gpus LIST, and runs that were staged with another --gpus are left to other
queues; gpus=N: as --gpus N. Stopped, it lets the run that it started finish first.

A list, FLAG=[1,2,3], or a range, FLAG=[1:5] or FLAG=[0:1:0.1], makes a batch: one run for
each combination, one after the other, under a run that is called OPERATION+. So does @FILE,
which is CSV, JSON or YAML: one run for each row or item. An operation with steps is a
pipeline: each step is a run, and the first that fails ends it. Either run has links to its
runs; started again, it runs those that have not completed.

With several remotes each trial is a run of its own that waits here, 'staged (gpu1,gpu2)', goes to
the first of them that has a place, and comes home when it has ended. A remote has one at a time,
or as many as 'places' of its config says, or as have the GPUs, cores and memory that they need.
Not waited for, or after Ctrl-C, 'guild sync' deals the rest, also from cron. 'guild stop BATCH'
ends all of it.

What an operation requires of another's run comes from the latest completed run of that on
the same host, or from the one that the flag of that name says: prepare=RUN.

RUN is an index (1 is the latest), a run id or the beginning of one.

Options:
  -r, --remote NAMES  Run it there: on a remote of the config file, or
                      ssh:[USER@]HOST[:PORT][:PATH]. Of several, gpu1,gpu2 or a group or
                      'any', the run goes to the freest that has what it needs, and the
                      trials of a batch are dealt out as places get free: see below.
  -n, --no-wait       Do not wait for the run to end.
  --background        The same.
  --stage             Make the run without starting it.
  --start RUN         Start a staged run.
  --restart RUN       Start a run that ended again, in its place: with its operation, its
                      source code, and its flags unless a FLAG changes them. What an
                      earlier start wrote stays; its output and end are kept as an attempt.
                      Both options start staged runs and runs that ended.
  --proto RUN         Make a new run with the operation, the flags and the source code of
                      RUN. A FLAG changes a flag; OPERATION takes this project's instead.
  --force-sourcecode  With --start, --restart and --proto: take the source code, and the
                      operation, of the project here.
  --force             With --start and --restart: though the run is 'running (on MACHINE)',
                      on another machine that shares the guild home. Only you can know that
                      it is over there.
  --needed            Run only if there is no run of this operation as it is now with the
                      same flags there, but for those that failed or were stopped.
  -l, --label TEXT    Label the run with TEXT instead of its flags.
  -t, --tag TAG       Tag the run; may be given several times.
  -c, --comment TEXT  Comment on the run.
  -d, --run-dir DIR   Run in DIR, which is new, empty, or that of an earlier run so made.
                      No listing shows the run. Here only.
  --random-seed N     The run's random seed, RANDOM_SEED in its environment. Without it
                      there is a random one.
  --gpus N            Have N GPUs that are free, for as long as the run lives, and see these
                      alone: of the login's other runs none gets them, and those that
                      somebody else works on are not free. Where there are not so many,
                      nothing is started. Or, by their numbers or names, see these: '0,1',
                      '0', and for another single one 'device=1', which becomes
                      CUDA_VISIBLE_DEVICES. All that a pipeline, a batch or a queue starts has
                      the same, but for a step with '--gpus' of its own. So has the run where
                      it is started again, or one like it (--proto).
  --no-gpus           See none.
  --cpus N            Reserve N cores: a run with --cpus is not started where fewer are left.
                      Nothing keeps it from using more.
  --memory SIZE       Reserve so much memory, such as 16G, likewise.
  --wait-free         Where what the run needs is not free, wait for it, in the order in which
                      runs come. On one host it waits there by itself, pending, until it can
                      start; 'guild stop' ends that. With several remotes this command waits.
  --max-trials N      Of a batch's trials run N, drawn at random; the same --random-seed
                      draws the same. Without it all are run.
  --fail-on-trial-error
                      End the batch with the first trial that fails.
  --retry N           Where the operation fails, try it again in the same run, N times at
                      most. Its files stay, so that it can go on from what it wrote.
  --retry-delay TIME  Wait so long before that: 30s, 2m, 1h30m, 4:00:00, or a number, which
                      is seconds. Without it there is no wait.
  --retry-on PATTERN  Try it again only where a line of its output has what this regular
                      expression fits.
  --time-limit TIME   End an attempt that takes longer, as 'guild stop' does. It is not tried
                      again unless --retry-on says so.
  --stall TIME        End one that prints nothing and uses no CPU for so long, with all that
                      it has started; it is tried again, with --retry-on only where that
                      fits ('...|stalled for'). 0 is no limit, here as above.
  --env NAME=VALUE    Give the operation a variable, and those of its steps and trials; may be
                      given several times. The run keeps it: for what is secret there is
                      env-secrets in guild.yml.
  --force-flags       Take flags and values that the operation does not define.
  --no-track          Do not have 'guild sync' bring the run home from its remote, nor bring
                      it when it was waited for. The same as 'track: no' of the remote.
  --print-cmd         Show the command that would run, and run nothing.
  --keep-run          Keep the run, though 'delete-on-success' of its operation says otherwise.
  -y, --yes           Do not ask.
  --help              Show this help and exit.

Examples:
  guild run train epochs=10
  guild run train epochs=100 -r gpu1 --no-wait -y
  guild run train epochs=100 -r gpu1 --stage -y
  guild run queue -r gpu1 --no-wait -y
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from guild_sync.agent.protocol import RUN_ID
from guild_sync.cli.arguments import Arguments, parse, whole_number
from guild_sync.config.home import guild_home
from guild_sync.config.texts import gpus_of, is_one_line
from guild_sync.errors import Exit, GuildError, NotFree, UsageError, refused
from guild_sync.hosts.base import Host, on, option
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.notes import MAX_SEED, BatchOptions, Notes
from guild_sync.output import console, runs, tables, terminal
from guild_sync.output.console import say
from guild_sync.project import builtin, values
from guild_sync.project.definitions import MOST_CORES, MOST_RETRIES
from guild_sync.runs import start
from guild_sync.runs.launch import Launch
from guild_sync.runs.plan import needs_here, plan
from guild_sync.runs.resolve import NeedsGiven, Request, SupervisionGiven, operation_here
from guild_sync.runs.watch import exit_status, watch

_MAKERS = ("--start", "--restart", "--proto")
_MOST_AT_ONCE = 8  # remotes that a batch is dealt to at a time, as 'guild sync' has it
# Which options make no sense together.
_EXCLUSIVE = (
    _MAKERS,
    ("--run-dir", "--remote"),
    ("--run-dir", "--stage"),
    ("--run-dir", "--start"),
    ("--run-dir", "--restart"),
    ("--force", "--proto"),
    ("--gpus", "--no-gpus"),
    ("--needed", "--start"),
    ("--needed", "--restart"),
    ("--wait-free", "--stage"),
)


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    request = _request(args)
    names = _several(args)
    if not names:
        return _run_on(host(args.text("--remote")), request, args)
    if batch := _batch_of(names, request):
        return _deal(batch, names, args)
    from guild_sync.fleet.freest import freest

    for target in freest(names, needs_here(request), args.is_set("--wait-free")):
        try:
            return _run_on(target, request, args, may_wait=False)
        except NotFree as e:  # another was faster
            console.warn(NotFree(e.message))
    raise AssertionError("freest ends by an error")


def _several(args: Arguments) -> Sequence[str]:
    """The names of the remotes of which the run goes to one; none where a host is meant."""
    if args.text("--remote") is None:
        return ()
    from guild_sync.cli import several  # a run here has no use for it

    names = several.names(args)
    if names and (maker := next(filter(args.is_set, (*_MAKERS, "--stage")), None)):
        raise UsageError(f"{maker} takes one remote, not {args.text('--remote')!r}")
    if names and args.text("OPERATION") == builtin.QUEUE.name:
        raise UsageError(f"a queue is of one remote, not of {args.text('--remote')!r}")
    return names


def _batch_of(several: Sequence[str], request: Request) -> Launch | None:
    """The batch of the project here that is meant, planned for no remote in particular; or None.

    What it requires of other runs each trial finds where it runs, as what was staged does.
    """
    if operation_here(request) is None:
        return None
    from guild_sync.config import remotes
    from guild_sync.hosts.choose import remote_host

    target = remote_host(remotes.remote(several[0]))
    prepared = plan(replace(request, is_staged=True), target)
    return prepared if prepared.is_batch and not prepared.is_installed else None


def _deal(prepared: Launch, several: Sequence[str], args: Arguments) -> int:
    """Deal a batch out to several remotes; the exit status."""
    from guild_sync.config import remotes
    from guild_sync.dealing import making, waiting
    from guild_sync.dealing.batches import counted
    from guild_sync.hosts.choose import remote_host

    if args.is_set("--no-track"):
        raise UsageError("a batch over several remotes comes home by itself: no --no-track")
    target = remote_host(remotes.remote(several[0]))
    for warning in prepared.warnings:
        console.complain(f"warning: {warning}", "yellow")
    if args.is_set("--print-cmd"):
        for words in start.child_commands(prepared, target):
            print(terminal.clean(shlex.join(words)))
        return Exit.OK
    if not args.is_set("--yes") and not _confirmed(prepared, f" on {', '.join(several)}"):
        return Exit.OK
    batch = making.made(prepared, target, several, bool(args.is_set("--needed")))
    if batch is None:
        return Exit.OK
    say(f"Batch {batch.id}: {counted(len(batch.trials))} for {', '.join(several)}")
    here = LocalHost(str(guild_home()))
    if args.is_set("--no-wait") or args.is_set("--background"):
        _visit_all(here, batch.id, False)
        return waiting.leave(batch, here)
    return waiting.wait(batch, here, partial(_visit_all, here, batch.id))


def _visit_all(here: LocalHost, batch_id: str, is_patient: bool) -> list[str]:
    """Deal a batch to the remotes that have places, and bring home what has ended; who answered."""
    from guild_sync.hooks import delivery, journal
    from guild_sync.sync import engine
    from guild_sync.sync.outcomes import BUSY, SYNCED
    from guild_sync.sync.request import Visit

    visit = Visit(
        here,
        lambda text: None,
        console.warn,
        patient=is_patient,
        journal=journal.Journal(here),
        batch=batch_id,
        dealt=say,
    )
    outcomes = engine.sync(visit, (), {}, jobs=_MOST_AT_ONCE)
    delivery.deliver(here, console.warn)
    return [outcome.remote for outcome in outcomes if outcome.state in (SYNCED, BUSY)]


def _run_on(target: Host, request: Request, args: Arguments, may_wait: bool = True) -> int:
    """Run on a host, which may wait there for what is not free; the exit status."""
    prepared = plan(request, target)
    wait_free = may_wait and args.is_set("--wait-free")
    needs = prepared.job.get("needs")
    if args.is_set("--wait-free") and not needs and not prepared.operation.gpus:
        raise UsageError("--wait-free belongs to --gpus, --cpus or --memory")
    for warning in prepared.warnings:
        console.complain(f"warning: {warning}", "yellow")
    if args.is_set("--stage") and prepared.is_builtin:
        raise UsageError(f"{prepared.name} cannot be staged: who would start it?")
    if args.is_set("--print-cmd"):
        for words in start.child_commands(prepared, target):
            print(terminal.clean(shlex.join(words)))
        return Exit.OK
    if args.is_set("--needed") and not prepared.is_batch and _is_there(prepared, target):
        return Exit.OK
    if not args.is_set("--yes") and not _confirmed(
        prepared, on(target), bool(args.is_set("--stage")), target
    ):
        return Exit.OK
    wait = not (args.is_set("--no-wait") or args.is_set("--background"))
    is_interim = prepared.is_deleted_on_success and not args.is_set("--keep-run")
    if is_interim and (args.is_set("--stage") or not wait):
        console.complain(
            f"warning: {terminal.clean(prepared.name)}: the run is kept: delete-on-success is for "
            "runs that are waited for",
            "yellow",
        )
    if needs and not args.is_set("--stage"):
        from guild_sync.fleet.freest import refuse_if_taken

        refuse_if_taken(target, needs, wait_free)  # before anything is sent there
    track = target.track and not args.is_set("--no-track")
    if args.is_set("--stage"):
        return _stage(prepared, target, track)
    if isinstance(target, LocalHost) and wait:
        code: int | None = _here(prepared, target, wait_free)
    else:
        code = _detached(prepared, target, wait, track, wait_free)
    if is_interim and wait and code == 0:
        _delete_interim(prepared, target)
    elif track and wait and code is not None:
        _bring_home(prepared.run_id)
    return Exit.INTERRUPTED if code is None else code


def _request(args: Arguments) -> Request:
    for options in _EXCLUSIVE:
        given = [option for option in options if args.is_set(option)]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude each other")
    if args.is_set("--force-sourcecode") and not any(map(args.is_set, _MAKERS)):
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
    )


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
    from guild_sync.config.variables import is_value, is_variable

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


def _is_there(prepared: Launch, target: Host) -> bool:
    run = start.earlier_run(prepared, target)
    if run is None:
        return False
    say(f"{terminal.clean(prepared.name)} is not needed{on(target)}: this run has its flags")
    for line in tables.table([("", *runs.row_without_index(run))]):
        say(line)
    return True


def _confirmed(
    prepared: Launch, where: str, stage: bool = False, target: Host | None = None
) -> bool:
    act = "stage" if stage else "start" if prepared.again else "run"
    which = f" again, as {prepared.run_id}" if prepared.again else ""
    say(f"You are about to {act} {terminal.clean(prepared.name)}{_kind(prepared)}{where}{which}")
    for flag, value in sorted(prepared.values.items()):
        known = prepared.operation.flags.get(flag)
        text = values.shown(value) if value is not None else known.null_label if known else None
        if text is not None:
            say(f"  {terminal.clean(flag)}: {terminal.clean(text)}")
    if target is not None:
        _show_required(prepared, target)
    return console.confirm()


def _kind(prepared: Launch) -> str:
    """What it consists of: ` as a batch of 6 trials`, ` in 2 steps: prepare, train`."""
    if prepared.is_batch:
        return f" as a batch of {len(prepared.children)} trials"
    names = ", ".join(child["name"] for child in prepared.children)
    return f" in {len(prepared.children)} steps: {names}" if names else ""


def _show_required(prepared: Launch, target: Host) -> None:
    """Show the runs that it would take what it requires from."""
    of_runs = [name for name, flag in prepared.operation.flags.items() if flag.is_run]
    values = [prepared.values[name] for name in of_runs]
    ids = [value for value in values if isinstance(value, str) and RUN_ID.match(value)]
    if not ids:
        return
    say(f"It takes what it requires{on(target)} from:")
    found = target.list_runs(specs=ids)["runs"]
    for line in tables.table([("", *runs.row_without_index(run)) for run in found]):
        say(line)


def _stage(prepared: Launch, target: Host, track: bool) -> int:
    start.stage(prepared, target, say, track)
    say(f"{terminal.clean(prepared.name)} staged{on(target)} as {prepared.run_id}")
    say(f"To start the operation, use 'guild run{option(target.name)} --start {prepared.run_id}'")
    return Exit.OK


def _detached(
    prepared: Launch, target: Host, wait: bool, track: bool, wait_free: bool
) -> int | None:
    """Guild's exit status; None where the user has stopped waiting."""
    if wait:
        from guild_sync.transport import watched  # a run here has no use for it

        watched.prepare()  # for the output
    begun, state = start.start(prepared, target, say, track, wait_free), "running"
    if begun["status"] == "pending":
        state = "pending, or running"
        say(f"{prepared.run_id} is pending{on(target)}: it starts when what it needs is free")
    else:
        say(f"{prepared.run_id} is running{on(target)}")
    if wait:
        run = watch(target, prepared.run_id, state)
        return exit_status(run["exit_status"]) if run else None
    if prepared.run_dir is not None:
        say(f"Its directory is {prepared.run_dir}")
    else:
        say(f"To watch use 'guild watch {prepared.run_id}{option(target.name)}'")
    if track and sys.stdout.isatty():
        say("'guild sync' brings it home, while it runs and when it has ended")
    return Exit.OK


def _delete_interim(prepared: Launch, target: Host) -> None:
    """Delete a run that completed, as its operation says; it lies in the trash then."""
    name = terminal.clean(prepared.name)
    say(f"Deleting run {prepared.run_id}{on(target)}: {name} has delete-on-success")
    refused = target.delete_runs([prepared.run_id])["refused"]
    if not refused and target.name is not None:
        from guild_sync.runs import tracking

        tracking.forget_deleted([prepared.run_id], target)
    for why in refused.values():
        console.complain(f"it was not deleted: {why}")


def _bring_home(run_id: str) -> None:
    """Bring here a run that was waited for; where that fails, one line tells of it."""
    from guild_sync.hooks import delivery, journal
    from guild_sync.sync import engine
    from guild_sync.sync.outcomes import BUSY
    from guild_sync.sync.request import Visit

    here = LocalHost(str(guild_home()))
    faults: list[GuildError] = []
    untold: list[GuildError] = []
    # Scripts read what a run prints: only people are told what is done beside.
    told = say if sys.stdout.isatty() else lambda text: None
    visit = Visit(here, told, faults.append, journal=journal.Journal(here))
    with _errors_in(faults):
        outcomes = engine.sync(visit, [run_id], {}, jobs=1)
        faults += [o.error for o in outcomes if o.error and o.state == BUSY]
    with _errors_in(untold):
        delivery.deliver(here, untold.append)
    if faults:
        console.complain(f"{run_id} is not home whole: {faults[0].message}")
    for fault in untold:
        console.complain(fault.message)


@contextmanager
def _errors_in(faults: list[GuildError]) -> Iterator[None]:
    """Keep what goes wrong: guild's exit status is that of the operation, which has ended."""
    try:
        yield
    except GuildError as e:
        faults.append(e)
    except OSError as e:
        faults.append(refused(e))
    except KeyboardInterrupt:
        faults.append(GuildError("interrupted"))


def _here(prepared: Launch, here: LocalHost, wait_free: bool) -> int:
    if prepared.run_dir is not None:
        say(f"Running in {prepared.run_dir}, which no listing shows")
    code = start.run_local(prepared, here, sys.stdout.fileno(), say, wait_free)
    return exit_status(code)
