"""The GPUs of a host, as nvidia-smi or rocm-smi tells of them."""

from __future__ import annotations

import shutil
from typing import Dict, Mapping

from ..machine import children
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
            answer = children.asked([self._path, *words], self._variables, SECONDS, _MOST)
        except children.NotStarted as e:
            raise NotUnderstood("cannot be run: %s" % e) from None
        except children.Unanswered as e:
            raise NotUnderstood(str(e)) from None
        if answer.code != 0 and _NOTHING not in answer.out:
            said = " ".join((answer.out + answer.err).split())[:200]
            raise NotUnderstood("failed (exit status %d): %s" % (answer.code, said))
        return "" if _NOTHING in answer.out else answer.out
