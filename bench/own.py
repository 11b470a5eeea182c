"""Run a guild command in this process, and tell what this process alone has used.

`python own.py FILE WORD...` writes into FILE the CPU seconds, Python's start included, and
the most memory, in MB: without the ssh and rsync that the command has started.
"""

import resource
import sys
from pathlib import Path


def main() -> int:
    target = Path(sys.argv[1])
    sys.argv = ["guild", *sys.argv[2:]]
    from guild_sync.main import main as guild

    status = guild(sys.argv[1:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    target.write_text(f"{used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss / 1024:.1f}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
