"""What nvidia-smi tells of the GPUs of a host."""

from __future__ import annotations

import re
from typing import Callable, Dict, List

from .cards import NVIDIA, Card, NotUnderstood, whole_number

_FIELDS = "index,uuid,name,memory.total,memory.used,utilization.gpu"
_FORM = "--format=csv,noheader,nounits"
_GPU = re.compile(r"GPU (\d+): .*\(UUID: [^)]*\)\Z")
_PART = re.compile(r"MIG (\S+) +Device +(\d+): \(UUID: (MIG-[0-9A-Za-z/-]+)\)\Z")


def cards(ask: Callable[..., str]) -> List[Card]:
    """The GPUs that there are; in place of one that is divided (MIG), its parts.

    Raises NotUnderstood where the program tells anything else. Of parts nothing tells whether
    somebody works on them.
    """
    whole = gpus(ask("--query-gpu=" + _FIELDS, _FORM))
    if not whole:
        return []
    working = processes(ask("--query-compute-apps=gpu_uuid,pid", _FORM))
    whole = [card._replace(processes=tuple(working.get(card.uuid, ()))) for card in whole]
    if all(card.use is not None for card in whole):  # that of a divided one is not told
        return whole
    parts = parts_of(ask("-L"))
    return [one for card in whole for one in parts.get(card.number) or [card]]


def gpus(text: str) -> List[Card]:
    """The answer to a query of GPUs, a line each."""
    made = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = [word.strip() for word in line.split(",")]
        if len(words) < 6 or not words[0].isdigit() or not words[1].startswith("GPU-"):
            raise NotUnderstood("what it says is not understood: %r" % line[:80])
        total, used, use = map(whole_number, words[-3:])
        name = ", ".join(words[2:-3])
        made.append(Card(words[0], words[1], name, NVIDIA, total, used, use))
    return made


def processes(text: str) -> Dict[str, List[int]]:
    """The answer to a query of processes: the numbers of those on each GPU, by its name."""
    working: Dict[str, List[int]] = {}
    for line in text.splitlines():
        uuid, _, pid = (part.strip() for part in line.partition(","))
        if uuid.startswith("GPU-") and pid.isdigit():
            working.setdefault(uuid, []).append(int(pid))
    return working


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
