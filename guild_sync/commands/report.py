"""Write a folder of pages that shows the runs and the fleet in any browser.

Usage:
  guild report [options] [DIR]

The pages are in DIR, 'guild-report' where none is named: an overview with how remotes stand, all
runs in a table that sorts and filters, a page a run, a page an operation, and one that compares
the runs that are ticked. They are opened as files (file://), or put on any web server as they
are: nothing in them is fetched from anywhere else.

DIR is made, or is that of an earlier report: then only what has changed is written, and pages of
runs that are here no more go. A folder with anything else in it is refused.

What is known here is shown, and no remote is asked: 'guild sync --report DIR' and
'guild-sync --report DIR' bring runs up to date first. With filters, only the runs that they leave
are shown.

The pages show what the runs have printed, their flags and comments, to whoever may read DIR.

  guild report
  guild report /srv/www/runs -Fo train

Options:
  --json             Print as JSON what was written.
  --help             Show this help and exit.

It needs the extra 'report' of the package: pip install 'guild-sync[report]'

[filters]
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from guild_sync.cli import arguments
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, formats, records, terminal
from guild_sync.output.console import say
from guild_sync.reports import writing


def main(argv: Sequence[str]) -> int:
    args = arguments.parse(__doc__ or "", argv)
    here = LocalHost(str(guild_home()))
    began = time.monotonic()
    written = writing.write(
        here,
        writing.top_of(args.text("DIR")),
        writing.remotes(),
        arguments.filters_for(args, here, changes=False),
        console.complain,
    )
    seconds = time.monotonic() - began
    if args.is_set("--json"):
        record: records.ReportRecord = {
            "page": str(written.first_page),
            "runs": written.runs,
            "written": written.pages,
            "removed": written.removed,
            "bytes": written.bytes,
        }
        print(json.dumps(record))
        return Exit.OK
    pages = "1 page" if written.pages == 1 else f"{written.pages:,} pages"
    what = f"{formats.counted(written.runs)}: wrote {pages} ({formats.size(written.bytes)})"
    gone = f", removed {written.removed:,}" if written.removed else ""
    say(f"{what}{gone} in {seconds:.1f} s")
    say(terminal.clean(written.first_page))
    return Exit.OK
