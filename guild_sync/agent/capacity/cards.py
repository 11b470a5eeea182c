"""The GPUs of a host, as nvidia-smi or rocm-smi tells of them."""

from __future__ import annotations

import shutil
import subprocess
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

NVIDIA, AMD = "nvidia", "amd"
SECONDS = 20.0  # for one answer: without a daemon of its own the driver starts anew each time
# MiB in use on an idle GPU, at most: a program that works on one takes more for its context alone.
IDLE_MEMORY = 512
_NOTHING = "No devices were found"


class Card(NamedTuple):
    """A GPU, or the part of one that is used as one (MIG). Memory is in MiB."""

    number: str  # of a part: that of its GPU, a colon, and its own
    uuid: str  # empty where it has none of its own
    name: str
    kind: str  # NVIDIA or AMD
    total: Optional[int] = None  # None here and below: it is not told
    used: Optional[int] = None
    use: Optional[int] = None  # percent of the last second or so in which it worked
    processes: Tuple[int, ...] = ()  # that work on it, as far as they can be seen

    @property
    def key(self) -> str:
        """What it is called among the GPUs of the host."""
        return self.uuid or self.number

    @property
    def is_used(self) -> bool:
        """Whether somebody works on it: in a container only its memory tells of others."""
        return bool(self.processes) or (self.used or 0) > IDLE_MEMORY


class Cards(NamedTuple):
    """The GPUs of a host; why they are not known, where a program that should tell does not."""

    cards: Tuple[Card, ...] = ()
    problem: str = ""


class NotUnderstood(Exception):
    """A program answered something else than what it was asked for."""


def found(variables: Mapping[str, str]) -> Cards:
    """The GPUs of this host, as the programs tell that are on the PATH of these variables."""
    from . import nvidia, rocm  # a host has one of them, most have neither

    for program, ask in (("nvidia-smi", nvidia.cards), ("rocm-smi", rocm.cards)):
        path = shutil.which(program, path=variables.get("PATH"))
        if path is None:
            continue
        try:
            cards = ask(Asked(path, variables))
        except NotUnderstood as e:
            return Cards(problem="%s: %s" % (program, e))
        if cards:
            return Cards(tuple(cards))
    return Cards()


class Asked:
    """A program that tells of GPUs: each call asks it something, and returns what it prints."""

    def __init__(self, path: str, variables: Mapping[str, str]) -> None:
        self._path = path
        # In other languages the words differ. What restricts programs does not restrict these.
        self._variables: Dict[str, str] = {**variables, "LC_ALL": "C"}

    def __call__(self, *words: str) -> str:
        """What it prints. Raises NotUnderstood where it fails or takes too long."""
        try:
            asked = subprocess.Popen(
                [self._path, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._variables,
            )
        except OSError as e:
            raise NotUnderstood("cannot be run: %s" % e.strerror) from None
        try:
            printed, complained = asked.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            asked.kill()  # not waited for: with a broken driver even a kill may never end it
            raise NotUnderstood("has not answered in %d s" % SECONDS) from None
        text = printed.decode("utf-8", "replace")
        if asked.returncode != 0 and _NOTHING not in text:
            said = " ".join((text + complained.decode("utf-8", "replace")).split())[:200]
            raise NotUnderstood("failed (exit status %d): %s" % (asked.returncode, said))
        return "" if _NOTHING in text else text


def whole_number(text: str) -> Optional[int]:
    """A number as these programs print it, rounded down; None for what stands for none."""
    whole, _, part = text.strip().partition(".")
    is_number = whole.isascii() and whole.isdigit() and len(whole) < 16
    return int(whole) if is_number and (not part or part.isdigit()) else None


def named(tokens: Sequence[str], cards: Sequence[Card]) -> List[Card]:
    """The cards that a list of devices means, as CUDA reads it: up to the first that is none.

    A token is a number, or the beginning of a name.
    """
    meant: List[Card] = []
    for token in tokens:
        fit = [card for card in cards if is_named(token, card.number, card.uuid)]
        if len(fit) != 1 or fit[0] in meant:
            break
        meant += fit
    return meant


def is_named(token: str, number: str, uuid: str) -> bool:
    """Whether a token of a list of devices means the card with this number and name."""
    return token == number or (not token.isdigit() and uuid.startswith(token))


def tokens_of(devices: str) -> List[str]:
    """The tokens of a list of devices, `0,GPU-abc`."""
    return [token.strip() for token in devices.split(",") if token.strip()]
