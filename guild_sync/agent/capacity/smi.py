"""The GPUs of a host, as nvidia-smi or rocm-smi tells of them."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from typing import Dict, Mapping, Tuple

from ..machine import processes
from . import nvidia, rocm
from .cards import Cards, NotUnderstood

SECONDS = 20.0  # for one answer: without a daemon of its own the driver starts anew each time
_MOST = 1 << 20  # bytes: a card takes a line
_NOTHING = "No devices were found"


def found(variables: Mapping[str, str]) -> Cards:
    """The GPUs of this host, as the programs tell that are on the PATH of these variables."""
    for program, ask in (("nvidia-smi", nvidia.cards), ("rocm-smi", rocm.cards)):
        path = shutil.which(program, path=variables.get("PATH"))
        if path is None:
            continue
        try:
            cards = ask(Teller(path, variables))
        except NotUnderstood as e:
            return Cards(problem="%s: %s" % (program, e))
        if cards:
            return Cards(tuple(cards))
    return Cards()


class Teller:
    """A program that tells of GPUs: each call asks it something, and returns what it prints."""

    def __init__(self, path: str, variables: Mapping[str, str]) -> None:
        self._path = path
        # In other languages the words differ. What restricts programs does not restrict these.
        self._variables: Dict[str, str] = {**variables, "LC_ALL": "C"}

    def __call__(self, *words: str) -> str:
        """What it prints. Raises NotUnderstood where it fails, says too much or takes too long."""
        try:
            asked = subprocess.Popen(
                [self._path, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._variables,
                start_new_session=True,
            )
        except OSError as e:
            raise NotUnderstood("cannot be run: %s" % e.strerror) from None
        try:
            printed, complained = _said(asked, time.monotonic() + SECONDS)
        except NotUnderstood:
            # Whatever it has started, too. It is not waited for: with a broken driver even a kill
            # may never end it.
            processes.signal_group(asked.pid, signal.SIGKILL)
            raise
        text = printed.decode("utf-8", "replace")
        if asked.returncode != 0 and _NOTHING not in text:
            said = " ".join((text + complained.decode("utf-8", "replace")).split())[:200]
            raise NotUnderstood("failed (exit status %d): %s" % (asked.returncode, said))
        return "" if _NOTHING in text else text


def _said(asked: "subprocess.Popen[bytes]", deadline: float) -> Tuple[bytes, bytes]:
    """What a program has written to its two pipes, once it has ended."""
    assert asked.stdout and asked.stderr
    printed, complained = bytearray(), bytearray()
    with asked.stdout, asked.stderr, selectors.DefaultSelector() as pipes:
        pipes.register(asked.stdout, selectors.EVENT_READ, printed)
        pipes.register(asked.stderr, selectors.EVENT_READ, complained)
        while pipes.get_map():
            left = deadline - time.monotonic()
            ready = pipes.select(left) if left > 0 else []
            if not ready:
                raise NotUnderstood("has not answered in %d s" % SECONDS)
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                key.data.extend(data)
                if not data:
                    pipes.unregister(key.fileobj)
            if len(printed) + len(complained) > _MOST:
                raise NotUnderstood("says more than a list of GPUs")
    try:
        asked.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise NotUnderstood("has not ended in %d s" % SECONDS) from None
    return bytes(printed), bytes(complained)
