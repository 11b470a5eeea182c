"""Packages: what a project's own brings along, and operations that installed ones offer."""

from __future__ import annotations

import json

from support import Place, project
from trees import fill

SHOW = """
import os
here = os.path.dirname(os.path.abspath(__file__))
print(*sorted(os.path.relpath(os.path.join(top, name), here)
              for top, _, names in os.walk(here) if "/.guild" not in top for name in names))
"""
GUILDFILE = """
- package: gpkg.demo
  version: '1.10'
  author: Ann
  data-files: [data.csv, big/*.bin]
- model: m
  sourcecode: '*.py'
  operations:
    show: {main: show}
"""


def test_data_files_are_found_beside_the_modules(place: Place) -> None:
    folder = project(place.guild.folder, GUILDFILE, show=SHOW)
    fill(folder, "data.csv", "other.csv")
    fill(folder, "big/x.bin", content=b"\0" * ((1 << 20) + 1))
    out = place.ok("run", "show", "-y").lines
    assert "big/x.bin data.csv show.py sleep.py" in out
    run = json.loads(place.ok("runs", "1", "--json").out)[0]
    if place.remote:
        assert "Successfully installed gpkg.demo-1.10" in out
        opref = {"type": "package", "package": "gpkg.demo", "version": "1.10"}
        assert {name: run["opref"][name] for name in opref} == opref
