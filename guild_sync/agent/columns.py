"""Names and columns as people write them: `min loss as best`, `=lr`, `.label`; and their order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from .protocol import Figure, ScalarForm, Value

T = TypeVar("T")
# What may stand before a scalar's name, and which of its numbers that is.
QUALIFIERS = ("last", "first", "min", "max", "mean", "count")
_ALIKE = {"avg": "mean"}  # as Guild AI has it
PREFIXES = (*QUALIFIERS, *_ALIKE)
# Whose step is kept, and where: of others it is not known when they were printed.
_STEPS = {"": "step", "last": "step", "min": "min_step", "max": "max_step"}
# How long a run took, in seconds: of a run that runs, until now.
OF_TIME = ("duration", "time")
KINDS = ("flag", "attr", "scalar")
_SIGNS = {"=": "flag", ".": "attr"}  # as Guild AI has them
_NAME = re.compile(
    r"(?:(?P<qualifier>%s)\s+(?=\S))?"
    r"(?:(?P<kind>%s):|(?P<sign>[=.]))?"
    r"(?P<name>\"[^\"]+\"|'[^']+'|.+?)"
    r"(?P<step>\s+step)?\Z" % ("|".join(PREFIXES), "|".join(KINDS)),
    re.S,
)
_AS = re.compile(r"(.*\S)\s+as\s+(\S.*)\Z", re.S)
_KIND = re.compile("(flag|attr|scalar):")


class Name(NamedTuple):
    """A name as people write it: `loss`, `min loss`, `flag:lr`, `=lr`, `.label`, `loss step`."""

    name: str
    kind: str = ""  # of KINDS; empty: what of that name there is
    qualifier: str = ""  # of QUALIFIERS; of a scalar, as `is_step`; empty: what else there is
    is_step: bool = False

    @property
    def is_scalar(self) -> bool:
        """Whether it means a scalar alone."""
        return bool(self.qualifier) or self.is_step or self.kind == "scalar"

    @property
    def is_time(self) -> bool:
        """Whether it may mean how long a run took."""
        return self.name in OF_TIME and not self.is_scalar and self.kind != "flag"


@lru_cache(maxsize=256)
def name(text: str) -> Name:
    """What a name's text means. One in quotes has no meaning beyond itself: `min "last loss"`."""
    found = _NAME.match(text.strip())
    if found is None:
        return Name(text)
    qualifier = found.group("qualifier") or ""
    kind = found.group("kind") or _SIGNS.get(found.group("sign") or "", "")
    is_step = found.group("step") is not None
    if kind in ("flag", "attr") and (qualifier or is_step):  # which these have not
        return Name(text.strip())
    return Name(_bare(found.group("name")), kind, _ALIKE.get(qualifier, qualifier), is_step)


class Column(NamedTuple):
    """What is shown of each run, and below which heading; `text` is a name's."""

    heading: str
    text: str


def column(text: str) -> Column:
    """What a column's text means."""
    found = _AS.match(text.strip())
    said = " ".join((found.group(1) if found else text).split())
    heading = found.group(2).strip() if found else _KIND.sub("", said).lstrip("=.")
    return Column(_bare(heading) or said, said)


def split(text: str) -> List[str]:
    """The columns of a list `lr,loss,min acc as best`; a comma in quotes is a name's own."""
    parts: List[str] = re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^,])+", text)
    return [part.strip() for part in parts if part.strip()]


def order_of(sort: str) -> Tuple[str, bool]:
    """The name that runs are sorted by, and whether the greatest comes first: `-loss`."""
    is_falling = sort.startswith("-")
    text = sort[1:] if is_falling else sort
    return (column(text).text if text.strip() else "", is_falling)


def judged_by(objective: str) -> Tuple[Name, bool]:
    """The name that an objective is about, and whether the greatest is best: `-max acc`."""
    text, is_greatest = order_of(objective)
    return name(text), is_greatest


def in_order(keyed: Sequence[Tuple[T, Value]], is_falling: bool) -> List[T]:
    """Each behind those whose key is less, or greater; where two are equal, as they were.

    Numbers come before texts, and what has neither of both comes last.
    """
    numbers = [(item, key) for item, key in keyed if isinstance(key, (int, float)) and key == key]
    texts = [(item, key) for item, key in keyed if isinstance(key, str)]
    others = [item for item, key in keyed if key != key or not isinstance(key, (int, float, str))]
    numbers.sort(key=lambda pair: pair[1], reverse=is_falling)
    texts.sort(key=lambda pair: pair[1], reverse=is_falling)
    return [*(item for item, _ in numbers), *(item for item, _ in texts), *others]


def figure_of(scalar: ScalarForm, qualifier: str, is_step: bool = False) -> Optional[Figure]:
    """One of the numbers that are told of a scalar: its last where none is named."""
    figures: Dict[str, Optional[Figure]] = {
        "": scalar["last"],
        "last": scalar["last"],
        "first": scalar["first"],
        "min": scalar["min"],
        "max": scalar["max"],
        "mean": scalar["mean"],
        "count": scalar["count"],
        "step": scalar["step"],
        "min_step": scalar["min_step"],
        "max_step": scalar["max_step"],
    }
    if not is_step:
        return figures[qualifier]
    asked = _STEPS.get(qualifier)
    return None if asked is None or figures[qualifier] is None else figures[asked]


def told_of(qualifier: str) -> str:
    """The key of a scalar's form under which its number is that a qualifier names."""
    return qualifier or "last"


def step_of(qualifier: str) -> Optional[str]:
    """The key of the step at which that number was printed; None where it is not kept."""
    return _STEPS.get(qualifier)


def is_number(value: object) -> bool:
    """Whether it is a number; a truth is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bare(text: str) -> str:
    is_quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if is_quoted else text
