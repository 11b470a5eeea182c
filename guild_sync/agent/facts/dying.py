"""A child that ends with us: by the kernel's word, or by a small process that watches both."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import Callable, Optional

from . import ends

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux
_P_PID, _PROC_PDEATHSIG_CTL = 0, 11  # procctl(2), FreeBSD from 11.2 on
_MOST_HANDLES = 1 << 16


def die_with_parent(signum: int = signal.SIGKILL) -> Callable[[], None]:
    """What a child does before it becomes its program: have it end with us.

    Where neither the kernel does that nor tells of ends it does nothing.
    """
    parent = os.getpid()
    ask = by_kernel(signum)
    if ask is None and not ends.are_told():
        return lambda: None

    def prepare() -> None:
        if ask is not None:
            ask()
        else:
            _have_it_watched(parent, signum)
        if os.getppid() != parent:  # it died before the kernel knew
            os._exit(1)

    return prepare


def by_kernel(signum: int) -> Optional[Callable[[], None]]:
    """What has the kernel send a signal to its caller once the parent has ended; None: it cannot.

    macOS has no such thing.
    """
    import ctypes  # most questions are asked by what setpriv starts

    try:
        libc = ctypes.CDLL(None)
    except OSError:
        return None
    if hasattr(libc, "prctl"):
        prctl = libc.prctl
        return lambda: prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if hasattr(libc, "procctl"):
        procctl, zero = libc.procctl, ctypes.c_int64(0)
        number = ctypes.c_int(signum)
        return lambda: procctl(_P_PID, zero, _PROC_PDEATHSIG_CTL, ctypes.byref(number))
    return None


def _have_it_watched(parent: int, signum: int) -> None:
    """Have this process end with its parent, by another one that sees the end of either.

    That is in a session of its own and no child of this process: the program that this becomes may
    wait for all its children. It returns once both are watched, or cannot be.
    """
    program = os.getpid()
    is_watched, watches = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _watch(parent, program, signum, watches)
        finally:
            os._exit(0)
    os.close(watches)
    os.waitpid(between, 0)
    os.read(is_watched, 1)
    os.close(is_watched)


def _watch(parent: int, program: int, signum: int, watches: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    _close_all_but(watches)  # whoever waits for the end of a pipe does not wait for us
    os.chdir("/")
    with closing(ends.Ends([parent, program])) as both:
        os.write(watches, b"x")
        os.close(watches)
        # Both at once: it has ended by itself, and its number may be another's.
        if both.wait() == {parent}:
            os.kill(program, signum)


def _close_all_but(kept: int) -> None:
    try:
        found = {int(name) for name in os.listdir("/dev/fd")}
    except (OSError, ValueError):
        found = set()
    if kept not in found:  # a /dev/fd that has the first three alone, as on FreeBSD
        found = set(range(min(os.sysconf("SC_OPEN_MAX"), _MOST_HANDLES)))
    for handle in found - {kept}:
        try:
            os.close(handle)
        except OSError:
            pass
