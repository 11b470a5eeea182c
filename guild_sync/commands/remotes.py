"""List the remotes: name, type, host, description.

Usage:
  guild remotes [options]

Remotes are defined in ~/.guild/config.yml, or the file that GUILD_CONFIG names:

  remotes:
    gpu1:
      type: ssh
      host: gpu1.example.com

The remote called 'sandbox' needs no definition: it is an ssh server of your own, on
this machine ('guild remote start sandbox').

Options:
  --json  Print JSON.
  --help  Show this help and exit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from guild_sync import config, display
from guild_sync.arguments import parse
from guild_sync.errors import Exit


def main(argv: Sequence[str]) -> int:
    args = parse(__doc__ or "", argv)
    found = sorted(config.remotes().values(), key=lambda remote: remote.name)
    for name, key in [(remote.name, key) for remote in found for key in remote.passed_over]:
        text = f"remotes: {name}: {key}: is a key of Guild AI's, which guild passes over"
        print(f"guild: warning: {display.clean(text)}", file=sys.stderr)
    rows = [(r.name, r.type, r.host, display.clean(r.description)) for r in found]
    if args["--json"]:
        keys = ("name", "type", "host", "description")
        print(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        for line in display.table(rows):
            print(line)
    return Exit.OK
