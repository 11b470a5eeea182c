"""What a pull asks a remote: which runs are meant, and how they are."""

from __future__ import annotations

from typing import Optional, Sequence

from ..catalog import describe
from ..protocol import Filters, Offer, SelectionForm
from .survey import survey


def offer(
    home: str,
    specs: Sequence[str],
    filters: Optional[Filters] = None,
    selection: Optional[SelectionForm] = None,
    room: Optional[int] = None,
    look_only: bool = False,
    packing: bool = False,
    large: bool = False,
) -> Offer:
    """The runs that are meant, and how they are, as survey."""
    runs = describe.list_runs(home, specs, filters=filters, whole=True)["runs"]
    ids = [run["id"] for run in runs]
    told = survey(
        home,
        ids,
        stamps=False,
        look_only=look_only,
        selection=selection,
        room=room,
        packing=packing,
        large=large,
    )
    return {"runs": runs, "states": told["states"], "home_id": told["home_id"]}
