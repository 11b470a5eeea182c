"""What rocm-smi tells of the GPUs of a host."""

from __future__ import annotations

import json
import re
from typing import Callable, Dict, List

from .cards import AMD, Card, NotUnderstood, whole_number

_WORDS = ("--showuniqueid", "--showproductname", "--showmeminfo", "vram", "--showuse", "--json")
_CARD = re.compile(r"card(\d{1,4})\Z")
_UNIQUE = re.compile(r"0x([0-9a-f]{1,16})\Z")
_MIB = 1 << 20


def cards(ask: Callable[..., str]) -> List[Card]:
    """The GPUs that there are. Raises NotUnderstood where the program tells anything else.

    Which processes work on which of them it does not tell.
    """
    text = ask(*_WORDS)
    return gpus(text) if text.strip() else []


def gpus(text: str) -> List[Card]:
    """The answer as JSON, with warnings in lines before it."""
    lines = text.splitlines()
    begins = next((n for n, line in enumerate(lines) if line.startswith("{")), None)
    try:
        told = json.loads("\n".join(lines[begins:])) if begins is not None else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise NotUnderstood("what it says is not understood: %r" % text.strip()[:80])
    by_index = {
        int(match[1]): {str(key).lower(): str(value) for key, value in facts.items()}
        for match, facts in ((_CARD.match(name), facts) for name, facts in told.items())
        if match and isinstance(facts, dict)
    }
    made = [_card(index, by_index[index]) for index in sorted(by_index)]
    names = [card.uuid for card in made]
    # A name that two of them have names neither.
    return [card if names.count(card.uuid) == 1 else card._replace(uuid="") for card in made]


def _card(index: int, facts: Dict[str, str]) -> Card:
    unique = _UNIQUE.match(facts.get("unique id", "").lower())
    total, used = (
        whole_number(facts.get("vram total %smemory (b)" % word, "")) for word in ("", "used ")
    )
    return Card(
        str(index),
        # As the runtime has it, which reads it in ROCR_VISIBLE_DEVICES.
        "GPU-" + unique[1].rjust(16, "0") if unique else "",
        facts.get("card series") or facts.get("device name") or "AMD GPU",
        AMD,
        None if total is None else total // _MIB,
        None if used is None else used // _MIB,
        whole_number(facts.get("gpu use (%)", "")),
    )
