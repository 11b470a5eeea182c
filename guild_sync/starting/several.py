"""What goes to one of several remotes, and batches whose trials are dealt out to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guild_sync.agent.protocol import SCHEDULERS
from guild_sync.cli import several
from guild_sync.cli.arguments import Arguments
from guild_sync.config import remotes
from guild_sync.config.home import guild_home
from guild_sync.dealing import making, waiting
from guild_sync.dealing.batches import counted
from guild_sync.errors import Exit, UsageError
from guild_sync.fleet import naming
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.output.console import say
from guild_sync.project import builtin
from guild_sync.runs.launch import Launch
from guild_sync.runs.plan import plan
from guild_sync.runs.resolve import Request, operation_here
from guild_sync.starting import home, question
from guild_sync.starting.asked import MAKERS

_OF_ONE = ("--stage", "--stage-trials", "--run-id", "--dep")  # and not of several remotes


def names_of(args: Arguments) -> Sequence[str]:
    """The names of the remotes of which the run goes to one; none where a host is meant."""
    names = several.names(args)
    if names and (maker := next(filter(args.is_set, (*MAKERS, "--stage")), None)):
        raise UsageError(f"{maker} takes one remote, not {args.text('--remote')!r}")
    if names and args.text("OPERATION") == builtin.QUEUE.name:
        raise UsageError(f"a queue is of one remote, not of {args.text('--remote')!r}")
    return names


def refuse_job_elsewhere(names: Sequence[str], request: Request) -> None:
    """Raise UsageError where something is asked of a scheduler, and no remote has one."""
    if request.job and not naming.clusters(names):
        kinds = " or ".join(SCHEDULERS)
        raise UsageError(f"--job is for a remote of type {kinds}, and none of these is one")


def batch_of(names: Sequence[str], request: Request) -> Launch | None:
    """The batch of the project here that is meant, planned for no remote in particular; or None.

    What it requires of other runs each trial finds where it runs, as what was staged does.
    """
    if operation_here(request) is None:
        return None
    target = remote_host(remotes.remote(names[0]))
    prepared = plan(replace(request, is_staged=True), target)
    return prepared if prepared.is_batch and not prepared.is_installed else None


def deal(prepared: Launch, names: Sequence[str], args: Arguments) -> int:
    """Deal a batch out to several remotes; the exit status."""
    if args.is_set("--no-track"):
        raise UsageError("a batch over several remotes comes home by itself: no --no-track")
    target = remote_host(remotes.remote(names[0]))
    if not args.is_set("--yes") and not question.confirmed(prepared, f" on {', '.join(names)}"):
        return Exit.OK
    batch = making.made(prepared, target, names, bool(args.is_set("--needed")))
    if batch is None:
        return Exit.OK
    say(f"Batch {batch.id}: {counted(len(batch.trials))} for {', '.join(names)}")
    here = LocalHost(str(guild_home()))
    dealing = home.Dealing(here, batch.id)
    if args.is_set("--no-wait") or args.is_set("--background"):
        dealing.once(is_patient=False)
        return waiting.leave(batch, here)
    return waiting.wait(batch, here, dealing.once)
