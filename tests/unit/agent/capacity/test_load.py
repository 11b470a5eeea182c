"""The cores and the memory of a host, with the limits of the cgroups around a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guild_sync.agent.capacity.load import load

GIB = 1 << 30


def host(root: Path, cgroup: str, **files: str) -> str:
    """A root of a file system with what the kernel tells there; `__` in names stands for `/`."""
    told = {
        "proc/self/cgroup": cgroup,
        "proc/loadavg": "2.50 1.0 0.5 1/200 4711\n",
        "proc/meminfo": "MemTotal: 67108864 kB\nMemFree: 1 kB\nMemAvailable: 33554432 kB\n",
        **{f"sys/fs/cgroup/{name.replace('__', '/')}": text for name, text in files.items()},
    }
    for name, text in told.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root)


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


def test_without_limits_all_of_the_host_counts(tmp_path: Path) -> None:
    found = load(host(tmp_path, "0::/\n"))
    assert found == (16, 2.5, 64 * GIB, 32 * GIB)


def test_the_narrowest_limit_of_version_2_counts(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        "0::/user.slice/job.scope\n",
        **{
            "user.slice__cpu.max": "400000 100000\n",
            "user.slice__job.scope__cpu.max": "max 100000\n",
            "user.slice__job.scope__memory.max": f"{8 * GIB}\n",
            "user.slice__job.scope__memory.current": f"{5 * GIB}\n",
            "user.slice__job.scope__memory.stat": f"anon 1\ninactive_file {2 * GIB}\n",
            "user.slice__memory.max": "max\n",
        },
    )
    assert load(root) == (4, 2.5, 8 * GIB, 5 * GIB)


def test_limits_of_version_1_count_also_where_a_container_sees_its_own_alone(
    tmp_path: Path,
) -> None:
    root = host(
        tmp_path,
        "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n",
        cpu__cpu__cfs_quota_us="-1",
        **{
            "cpu__cpu.cfs_quota_us": "250000\n",
            "cpu__cpu.cfs_period_us": "100000\n",
            "memory__memory.limit_in_bytes": f"{16 * GIB}\n",
            "memory__memory.usage_in_bytes": f"{1 * GIB}\n",
        },
    )
    assert load(root) == (2, 2.5, 16 * GIB, 15 * GIB)


def test_version_1_has_no_limit_that_is_none(tmp_path: Path) -> None:
    root = host(tmp_path, "4:memory:/\n", memory__memory_limit="")
    Path(root, "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert load(root).memory == 64 * GIB


def test_what_is_not_told_is_not_known(tmp_path: Path) -> None:
    assert load(str(tmp_path)) == (16, 0.0, None, None)
