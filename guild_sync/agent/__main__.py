"""The agent's process: one JSON request on stdin, one framed JSON answer on stdout.

It is started as a folder, `python3 -I <guild home>/agent/<digest>`, or through its
arguments `runner`, `queue` and `series` as the process of a run, and as the operation of
a queue, a pipeline or a batch.
Until the version check has passed, this file must be one that any Python 3 can read.
"""

import os
import sys

# protocol.FRAME, before that can be imported.
FRAME = "GUILD-ANSWER"


def main(argv):  # type: ignore[no-untyped-def]
    if sys.version_info < (3, 8):
        found = "%d.%d" % sys.version_info[:2]
        sys.stdout.write('\n%s {"old_python": "%s"}\n' % (FRAME, found))
        return 0
    os.umask(os.umask(0o077) | 0o002)  # no file of ours is everybody's to change
    here = os.path.dirname(os.path.abspath(__file__))
    if not __package__:
        # Started as a folder: become the package that the folder is, whatever its name.
        import importlib

        sys.path[0] = os.path.dirname(here)
        package = importlib.import_module(os.path.basename(here)).__name__
    else:
        package = __package__
    import fcntl
    import importlib

    # Held until this process ends: this version of the agent is in use (clean_agents).
    in_use = os.open(os.path.join(here, "__main__.py"), os.O_RDONLY)
    try:
        fcntl.flock(in_use, fcntl.LOCK_SH)
    except OSError:
        pass
    if argv[:1] == ["runner"]:
        runner = importlib.import_module(package + ".running.runner")
        return runner.main(argv[1], int(argv[2]), *argv[3:5])
    if argv[:1] == ["queue"]:
        queues = importlib.import_module(package + ".running.queues")
        return queues.main(argv[1], float(argv[2]), argv[3] == "yes")
    if argv[:1] == ["series"]:
        series = importlib.import_module(package + ".running.series")
        return series.main(argv[1], argv[2])
    serve = importlib.import_module(package + ".serve")
    return serve.main()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # type: ignore[no-untyped-call]
