"""Which GPUs a program sees: the variables that say so, as they are found and as they are set."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

from ..protocol import DEVICES, HIP, NO_DEVICES, ROCR
from .cards import AMD, NVIDIA, Card, named, tokens_of

ALL = tuple(NO_DEVICES)


def seen(cards: Sequence[Card], variables: Mapping[str, str]) -> List[Card]:
    """The cards that a program with these variables sees: a login may have a part of them."""
    of_nvidia = _restricted([c for c in cards if c.kind == NVIDIA], variables.get(DEVICES))
    of_amd = _restricted([c for c in cards if c.kind == AMD], variables.get(ROCR))
    # Those of HIP count among the ones that are left.
    by_place = [card._replace(number=str(place)) for place, card in enumerate(of_amd)]
    among = _restricted(by_place, variables.get(HIP, variables.get(DEVICES)))
    return [*of_nvidia, *(of_amd[int(card.number)] for card in among)]


def _restricted(cards: List[Card], devices: Optional[str]) -> List[Card]:
    return cards if devices is None else named(tokens_of(devices), cards)


def showing(cards: Sequence[Card]) -> Dict[str, str]:
    """The variables by which a program sees these cards and no others."""
    if cards[0].kind == NVIDIA:
        return {DEVICES: ",".join(card.key for card in cards)}
    by_place = ",".join(str(place) for place in range(len(cards)))
    return {ROCR: ",".join(card.key for card in cards), HIP: by_place, DEVICES: by_place}
