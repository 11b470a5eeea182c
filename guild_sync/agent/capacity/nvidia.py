"""What nvidia-smi tells of the GPUs of a host."""

from __future__ import annotations

import re
from collections import Counter
from typing import Callable, Dict, List, Sequence

from .cards import NVIDIA, Card, NotUnderstood, whole_number

_FIELDS = "index,uuid,name,memory.total,memory.used,utilization.gpu"
_FORM = "--format=csv,noheader,nounits"
_INDEX = re.compile(r"[0-9]{1,4}\Z")
_UUID = re.compile(r"GPU-[0-9A-Za-z-]{1,100}\Z")
_GPU = re.compile(r"GPU ([0-9]+): .*\(UUID: [^)]*\)\Z")
_PART = re.compile(r"MIG (\S+) +Device +([0-9]+): \(UUID: (MIG-[0-9A-Za-z/-]+)\)\Z")


def cards(ask: Callable[..., str]) -> List[Card]:
    """The GPUs that there are; in place of one that is divided (MIG), its parts.

    Raises NotUnderstood where the program tells anything else. Of parts nothing tells whether
    somebody works on them.
    """
    whole = gpus(ask("--query-gpu=" + _FIELDS, _FORM))
    if not whole:
        return []
    busy = Counter(working(ask("--query-compute-apps=gpu_uuid,pid", _FORM)))
    whole = [card._replace(processes=busy[card.uuid]) for card in whole]
    if all(card.use is not None for card in whole):  # that of a divided one is not told
        return whole
    parts = parts_of(ask("-L"))
    return [one for card in whole for one in parts.get(card.number) or [card]]


def gpus(text: str) -> List[Card]:
    """The answer to a query of GPUs, a line each."""
    made = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = [word.strip() for word in line.split(",")]
        if len(words) < 6 or not _INDEX.match(words[0]) or not _UUID.match(words[1]):
            raise NotUnderstood("what it says is not understood: %r" % line[:80])
        total, used, use = map(whole_number, words[-3:])
        name = ", ".join(words[2:-3])
        made.append(Card(words[0], words[1], name, NVIDIA, total, used, use))
    # Else two runs would have one, or a run one twice.
    for names in ({card.number for card in made}, {card.uuid for card in made}):
        if len(names) < len(made):
            raise NotUnderstood("two of its GPUs have one name")
    return made


def working(text: str) -> Sequence[str]:
    """The answer to a query of processes, a line each: the names of the GPUs that they work on.

    Whose process it is need not be told, as in a container.
    """
    return [line.partition(",")[0].strip() for line in text.splitlines()]


def parts_of(text: str) -> Dict[str, List[Card]]:
    """The parts of divided GPUs as `nvidia-smi -L` lists them, by the index of their GPU."""
    parts: Dict[str, List[Card]] = {}
    gpu = ""
    for line in map(str.strip, text.splitlines()):
        whole, part = _GPU.match(line), _PART.match(line)
        if whole:
            gpu = whole[1]
        elif part and gpu:
            index = "%s:%s" % (gpu, part[2])
            parts.setdefault(gpu, []).append(Card(index, part[3], "MIG " + part[1], NVIDIA))
    return parts
