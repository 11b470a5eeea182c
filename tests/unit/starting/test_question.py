"""What is shown of a run that is about to be."""

from __future__ import annotations

import io

import pytest
from projects import Cluster
from support import Guild, project

from guild_sync.hosts.local import LocalHost
from guild_sync.runs.plan import plan
from guild_sync.runs.resolve import Request
from guild_sync.starting.question import confirmed


def shown(host: LocalHost, request: Request, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert not confirmed(plan(request, host), "", target=host)
    return capsys.readouterr().out.splitlines()


def test_what_a_job_asks_for_is_shown_before_it_is_one(
    guild: Guild, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(guild.folder, "op: {exec: echo, gpus: 2, job: {time: 4:00:00, setup: [a, b]}}\n")
    monkeypatch.chdir(guild.folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n" * 3))
    home = str(guild.home)
    cluster = Cluster(home, partition="gpu", requeue=True, time=30)
    assert shown(cluster, Request("op", job={"mem": "16G"}), capsys)[1:-1] == [
        "As a job it asks for gpus=2, mem=16G, partition=gpu, requeue=yes, setup=a; b, time=4:00:00"
    ]
    project(guild.folder, "op: {exec: echo}\n")
    assert "As a job it asks for nothing in particular" in shown(
        Cluster(home), Request("op"), capsys
    )
    assert len(shown(LocalHost(home), Request("op"), capsys)) == 2
