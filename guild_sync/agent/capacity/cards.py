"""A host's GPUs as records, and the lists by which programs are told which of them to see."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

NVIDIA, AMD = "nvidia", "amd"
# MiB in use on an idle GPU, at most: a program that works on one takes more for its context alone.
IDLE_MEMORY = 512


class Card(NamedTuple):
    """A GPU, or the part of one that is used as one (MIG). Memory is in MiB."""

    number: str  # of a part: that of its GPU, a colon, and its own
    uuid: str  # empty where it has none of its own
    name: str
    kind: str  # NVIDIA or AMD
    total: Optional[int] = None  # None here and below: it is not told
    used: Optional[int] = None
    use: Optional[int] = None  # percent of the last second or so in which it worked
    processes: int = 0  # that work on it, as far as they can be seen

    @property
    def key(self) -> str:
        """What it is called among the GPUs of the host."""
        return self.uuid or self.number

    @property
    def is_used(self) -> bool:
        """Whether somebody works on it: in a container only its memory tells of others."""
        return self.processes > 0 or (self.used or 0) > IDLE_MEMORY


class Cards(NamedTuple):
    """The GPUs of a host; why they are not known, where a program that should tell does not."""

    cards: Tuple[Card, ...] = ()
    problem: str = ""


class NotUnderstood(Exception):
    """A program answered something else than what it was asked for."""


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
