"""The agent's process: one JSON request on stdin, one framed JSON answer on stdout.

It is started as a folder, `python3 -I <guild home>/agent/<digest>`, or through its
arguments `runner`, `queue` and `series` as the process of a run, and as the operation of
a queue, a pipeline or a batch; through `job` as a job of a scheduler, and through `node` as one
that only looks at its node; through `shell` to become a person's shell in a run; through `mend`,
as a new copy of a damaged folder.
Until the version check has passed, this file must be one that any Python 3 can read.
"""

import os
import sys

if False:  # for types alone
    from typing import List, Tuple

# protocol.FRAME, before that can be imported.
FRAME = "GUILD-ANSWER"


def main(argv: "List[str]") -> int:
    if sys.version_info < (3, 8):
        found = "%d.%d" % sys.version_info[:2]
        sys.stdout.write('\n%s {"old_python": "%s"}\n' % (FRAME, found))
        return 0
    os.umask(os.umask(0o077) | 0o002)  # no file of ours is everybody's to change
    seldom_look_for_garbage()
    import warnings

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of patterns that are not ours: nobody waits for them
    here = os.path.dirname(os.path.abspath(__file__))
    import importlib

    if argv[:1] == ["mend"]:
        return int(importlib.import_module("machine.folder").mend(here, argv[1]))
    if argv[:1] == ["shell"]:
        shell = importlib.import_module(hold(here)[0] + ".shell")
        return int(shell.main(os.path.dirname(os.path.dirname(here)), argv[1], argv[2:]))
    if argv:
        return of_a_run(hold(here)[0], argv)
    try:
        package, due = hold(here)
        importlib.import_module(package + ".serve").main()
        if due:
            home = os.path.dirname(os.path.dirname(here))
            importlib.import_module(package + ".leavings").once_a_day(home, os.path.basename(here))
    except Exception:
        # All else that can go wrong `serve` tells of: a file of this folder is not what was
        # sent, or is not there any more.
        import json
        import traceback

        answer = {"damaged": True, "bug": traceback.format_exc()}
        sys.stdout.write("\n%s %s\n" % (FRAME, json.dumps(answer)))
    sys.stdout.flush()
    # Who has asked may wait for our end: what was loaded is not taken apart again.
    os._exit(0)


def seldom_look_for_garbage() -> None:
    """Keep Python from looking through all that is loaded, again and again and at the end.

    It is no garbage, and looking takes a tenth of a call.
    """
    import atexit
    import gc

    if sys.implementation.name == "cpython":
        gc.set_threshold(50000)
        atexit.register(gc.freeze)


def hold(here: str) -> "Tuple[str, bool]":
    """The package that the folder is, which is in use until we end; whether to clean is due."""
    import importlib

    if not __package__:
        # Started as a folder: become the package that the folder is, whatever its name.
        sys.path[0] = os.path.dirname(here)
        package = importlib.import_module(os.path.basename(here)).__name__
    else:
        package = __package__
    import fcntl

    # Held until this process ends: this version of the agent is in use (clean_agents).
    in_use = os.open(os.path.join(here, "__main__.py"), os.O_RDONLY)
    try:
        fcntl.flock(in_use, fcntl.LOCK_SH)
        return package, importlib.import_module(package + ".machine.folder").note_use(here)
    except OSError:
        return package, False


def of_a_run(package: str, argv: "List[str]") -> int:
    """Be the runner of a run, or the operation of a queue, a pipeline or a batch."""
    import importlib

    if argv[0] == "runner":
        runner = importlib.import_module(package + ".running.runner")
        return int(runner.main(argv[1], int(argv[2]), *argv[3:6]))
    if argv[0] == "job":
        return int(importlib.import_module(package + ".job_process").main(argv[1]))
    if argv[0] == "node":
        return int(importlib.import_module(package + ".probing").main(argv[1]))
    if argv[0] == "queue":
        queues = importlib.import_module(package + ".running.queues")
        return int(queues.main(argv[1], float(argv[2]), argv[3] == "yes", *argv[4:]))
    series = importlib.import_module(package + ".running.series")
    return int(series.main(argv[1], argv[2]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
