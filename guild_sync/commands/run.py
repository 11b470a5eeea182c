"""Run an operation, here or on a remote.

Usage:
  guild run [options] [-t TAG]... [--env VARIABLE]... [--job KEY]... [OPERATION] [FLAG]...

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
  -b, --background    The same.
  --stage             Make the run without starting it.
  --stage-trials      Of a batch make the trials, each a staged run by itself, and no run of
                      the batch.
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
  --run-id ID         Give the run this id, 32 hex digits, which none has yet, here or there.
  -D, --dep FILE      Give the run, and the steps of a pipeline, this file or folder, too; may
                      be given several times. Here it is linked to, a remote is sent it, an
                      archive is unpacked. It is of here: FILE is relative to this folder.
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
  -m, --max-trials N  Of a batch's trials run N, drawn at random; the same --random-seed
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
  --stop-after N      The same, in minutes: --stop-after 90 is --time-limit 90m.
  --stall TIME        End one that prints nothing and uses no CPU for so long, with all that
                      it has started; it is tried again, with --retry-on only where that
                      fits ('...|stalled for'). 0 is no limit, here as above.
  --env NAME=VALUE    Give the operation a variable, and those of its steps and trials; may be
                      given several times. The run keeps it: for what is secret there is
                      env-secrets in guild.yml.
  --job KEY=VALUE     Ask the scheduler of the remote, one of type slurm or pbs, for this:
                      time=1:00:00, partition=gpu, mem=16G; may be given several times. It
                      counts more than 'job' of guild.yml and of the remote; KEY= asks for
                      nothing of the kind. There --gpus, --cpus and --memory ask the
                      scheduler, too, and --wait-free changes nothing: a job waits anyway.
  -f, --force-flags   Take flags and values that the operation does not define.
  --no-track          Do not have 'guild sync' bring the run home from its remote, nor bring
                      it when it was waited for. The same as 'track: no' of the remote.
  -q, --quiet         Do not show what the run prints; 'guild cat --output' does so later.
  -h, --help-op       Show what OPERATION does and its flags, and run nothing; so with those
                      below. Without an OPERATION -h shows this help.
  --print-cmd         Show the command that would run.
  --print-env         Show the variables that guild, guild.yml and --env would give it, but
                      for those of env-secrets.
  --print-trials      Show the trials of a batch, with their flags.
  --test-flags        Show all that is known of the operation's flags, as guild.yml says it.
  --test-sourcecode   Show which files are its source code, and which are not.
  --test-output-scalars FILE
                      Show the lines of an output, such as an earlier run's, each with the
                      scalars that guild would find in it; '-' is stdin.
  --keep-batch        Keep the run of a batch, which is done anyway: 'guild runs -a' lists it.
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

import os
import sys
from collections.abc import Sequence

from guild_sync.agent.protocol import SCHEDULERS, Started
from guild_sync.cli.arguments import Arguments, parse
from guild_sync.errors import Exit, NotFree, UsageError
from guild_sync.hosts.base import Host, on, option
from guild_sync.hosts.choose import host
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, terminal
from guild_sync.output.console import say
from guild_sync.runs import start
from guild_sync.runs.launch import Launch
from guild_sync.runs.plan import needs_here, plan
from guild_sync.runs.resolve import Request
from guild_sync.runs.watch import exit_status, tell_next, watch
from guild_sync.starting.asked import MAKERS, OF_LAUNCH, OF_OPERATION, request_of


def main(argv: Sequence[str]) -> int:
    args = _parsed(argv)
    request = request_of(args)
    if any(map(args.is_given, OF_OPERATION)):
        return _show_operation(request, args)
    if args.text("--remote") is None:
        return _run_on(_able(host(None), request), request, args)
    from guild_sync.starting import several  # a run here has no use for it

    names = several.names_of(args)
    if not names:
        return _run_on(_able(host(args.text("--remote")), request), request, args)
    several.refuse_job_elsewhere(names, request)
    if batch := several.batch_of(names, request):
        if _is_only_shown(batch, host(names[0]), args):
            return Exit.OK
        return several.deal(batch, names, args)
    from guild_sync.fleet.freest import freest

    for target in freest(names, needs_here(request), args.is_set("--wait-free")):
        try:
            return _run_on(target, request, args, may_wait=False)
        except NotFree as e:  # another was faster
            console.warn(NotFree(e.message))
    raise AssertionError("freest ends by an error")


def _parsed(argv: Sequence[str]) -> Arguments:
    """What the command line gives. Raises UsageError, which names what is there in its place."""
    usage = __doc__ or ""
    try:
        args = parse(usage, argv)
    except UsageError as e:
        from guild_sync.starting import left_out  # what Guild AI has beside that

        raise left_out.error_of(argv) or e from None
    is_about = args.text("OPERATION") is not None or any(map(args.is_set, MAKERS))
    if not is_about and "-h" in argv:
        parse(usage, ["run", "--help"])
    return args


def _show_operation(request: Request, args: Arguments) -> int:
    from guild_sync.cli import several
    from guild_sync.starting import shown

    names = several.names(args)
    shown.of_operation(request, host(names[0] if names else args.text("--remote")), args)
    return Exit.OK


def _able(target: Host, request: Request) -> Host:
    """The host. Raises UsageError where it is none that can be asked for what only others can."""
    if request.job and target.scheduler is None:
        where = f"and {target.name} is none" if target.name else "which -r names"
        raise UsageError(f"--job is for a remote of type {' or '.join(SCHEDULERS)}, {where}")
    return target


def _run_on(target: Host, request: Request, args: Arguments, may_wait: bool = True) -> int:
    """Run on a host, which may wait there for what is not free; the exit status."""
    is_cluster = target.scheduler is not None
    if is_cluster and request.gpus:
        raise UsageError(
            f"the scheduler of {target.name} says which GPUs a run has, not --gpus {request.gpus}",
            "Say how many, such as --gpus 1, or none: --no-gpus",
        )
    if args.is_set("--yes") and not any(map(args.is_set, OF_LAUNCH)) and target.is_connected():
        target.begin()  # no connection is made for what may be a slip
    prepared = plan(request, target)
    wait_free = may_wait and args.is_set("--wait-free") and not is_cluster
    needs = None if is_cluster else prepared.job.get("needs")
    if args.is_set("--wait-free") and not (needs or is_cluster or prepared.operation.gpus):
        raise UsageError("--wait-free belongs to --gpus, --cpus or --memory")
    if prepared.is_builtin and (args.is_set("--stage") or args.is_set("--stage-trials")):
        raise UsageError(f"{prepared.name} cannot be staged: who would start it?")
    if _is_only_shown(prepared, target, args):
        return Exit.OK
    if args.is_set("--needed") and not prepared.is_batch and _is_there(prepared, target):
        return Exit.OK
    is_staged = args.is_set("--stage") or args.is_set("--stage-trials")
    _tell_of_init(target)
    if not args.is_set("--yes"):
        from guild_sync.starting import question

        if not question.confirmed(prepared, on(target), is_staged, target):
            return Exit.OK
    wait = not (args.is_set("--no-wait") or args.is_set("--background"))
    is_interim = prepared.is_deleted_on_success and not args.is_set("--keep-run")
    if is_interim and (is_staged or not wait):
        console.complain(
            f"warning: {terminal.clean(prepared.name)}: the run is kept: delete-on-success is for "
            "runs that are waited for",
            "yellow",
        )
    if needs and not is_staged:
        from guild_sync.fleet.freest import refuse_if_taken

        refuse_if_taken(target, needs, wait_free)  # before anything is sent there
    track = target.track and not args.is_set("--no-track")
    if is_staged:
        return _stage(prepared, target, track, args)
    is_quiet = args.is_set("--quiet")
    if isinstance(target, LocalHost) and wait:
        code: int | None = _here(prepared, target, wait_free, is_quiet)
    else:
        code = _detached(prepared, target, wait, track, wait_free, is_quiet)
    if is_interim and wait and code == 0:
        _delete_interim(prepared, target)
    elif track and wait and code is not None:
        from guild_sync.starting import home

        is_home = home.bring(prepared.run_id)
        if target.name is not None:
            tell_next(target, prepared.run_id, is_home, prepared.is_batch)
    elif wait and code is not None and target.name is not None:
        tell_next(target, prepared.run_id, is_home=False, is_batch=prepared.is_batch)
    return Exit.INTERRUPTED if code is None else code


def _is_only_shown(prepared: Launch, target: Host, args: Arguments) -> bool:
    """Say what may be amiss, and show what would run, if that is all."""
    for warning in prepared.warnings:
        console.complain(f"warning: {warning}", "yellow")
    if not any(map(args.is_set, OF_LAUNCH)):
        return False
    from guild_sync.starting import shown  # most runs are made

    shown.of_launch(prepared, target, args)
    return True


def _is_there(prepared: Launch, target: Host) -> bool:
    run = start.earlier_run(prepared, target)
    if run is None:
        return False
    say(f"{terminal.clean(prepared.name)} is not needed{on(target)}: this run has its flags")
    from guild_sync.output import runs, tables  # most runs are not looked for

    for line in tables.table([("", *runs.row_without_index(run))]):
        say(line)
    return True


def _tell_of_init(target: Host) -> None:
    """Tell a person, on a terminal, that a remote may have to be made ready first."""
    if target.name is None or not sys.stdout.isatty():
        return
    from guild_sync.hosts import initialize  # a run here has no use for it

    if why := initialize.not_run(target):
        console.complain(
            f"warning: {why}", "yellow", f"To do that: guild remote reinit {target.name}"
        )


def _stage(prepared: Launch, target: Host, track: bool, args: Arguments) -> int:
    if args.is_set("--stage-trials"):
        from guild_sync.starting import trials

        trials.stage(prepared, target, track, args.is_set("--needed"))
        return Exit.OK
    start.stage(prepared, target, say, track)
    say(f"{terminal.clean(prepared.name)} staged{on(target)} as {prepared.run_id}")
    say(f"To start the operation, use 'guild run{option(target.name)} --start {prepared.run_id}'")
    return Exit.OK


def _detached(
    prepared: Launch, target: Host, wait: bool, track: bool, wait_free: bool, is_quiet: bool
) -> int | None:
    """Guild's exit status; None where the user has stopped waiting."""
    if wait:
        from guild_sync.transport import watched  # a run here has no use for it

        watched.prepare()  # for the output
    begun, state = start.start(prepared, target, say, track, wait_free), "running"
    if begun["status"] == "pending":
        state = "pending, or running"
        say(f"{prepared.run_id} {_waiting(begun, target)}")
    else:
        job = f" as job {terminal.clean(begun['job'])}" if begun["job"] else ""
        say(f"{prepared.run_id} is running{on(target)}{job}")
    if wait:
        show = _nothing if is_quiet else console.to_stdout
        run = watch(target, prepared.run_id, state, is_queued=bool(begun["job"]), show=show)
        return exit_status(run["exit_status"]) if run else None
    if prepared.run_dir is not None:
        say(f"Its directory is {prepared.run_dir}")
    else:
        say(f"To watch use 'guild watch {prepared.run_id}{option(target.name)}'")
    if track and sys.stdout.isatty():
        say("'guild sync' brings it home, while it runs and when it has ended")
    return Exit.OK


def _nothing(data: bytes) -> None:
    """Show nothing of a run's output."""


def _waiting(begun: Started, target: Host) -> str:
    """What a run does that has not begun where it was started."""
    if begun["job"]:
        return f"waits in the queue of {target.name} as job {terminal.clean(begun['job'])}"
    return f"is pending{on(target)}: it starts when what it needs is free"


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


def _here(prepared: Launch, here: LocalHost, wait_free: bool, is_quiet: bool) -> int:
    if prepared.run_dir is not None:
        say(f"Running in {prepared.run_dir}, which no listing shows")
    if not is_quiet:
        return exit_status(start.run_local(prepared, here, sys.stdout.fileno(), say, wait_free))
    with open(os.devnull, "wb") as nowhere:
        return exit_status(start.run_local(prepared, here, nowhere.fileno(), say, wait_free))
