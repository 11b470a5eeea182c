"""What a host is as a cluster, for `guild check`: its scheduler, and the disk of its guild home."""

from __future__ import annotations

import os

from . import probing
from .protocol import ClusterForm, SchedulerForm
from .remembering.remembered import file_system
from .scheduling import records
from .scheduling.face import SchedulerDown, Site

# File systems that no other machine sees, and folders that are each machine's own on any disk.
_IN_MEMORY = ("tmpfs", "ramfs")
_ON_DISK = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs")
_OWN_FOLDERS = ("/tmp", "/var/tmp", "/run", "/dev/shm")


def cluster(home: str, scheduler: SchedulerForm) -> ClusterForm:
    """What a scheduler says of itself, or why it cannot be asked; and where the guild home is."""
    site = Site(scheduler["path"], scheduler["clusters"])
    found: ClusterForm = {
        "lines": [],
        "problem": "",
        "disk": "",
        "is_own": False,
        "refusal": None,
    }
    try:
        found["lines"] = records.scheduler(scheduler["type"], site).explain()
        found["refusal"] = probing.refusal(home, scheduler)
    except SchedulerDown as e:
        found["problem"] = str(e)
    try:
        found["disk"] = file_system(os.path.realpath(home))
    except OSError:
        return found  # no Linux
    above = os.path.realpath(home) + "/"
    is_in_own = any(above.startswith(folder + "/") for folder in _OWN_FOLDERS)
    found["is_own"] = found["disk"] in _IN_MEMORY or (found["disk"] in _ON_DISK and is_in_own)
    return found
