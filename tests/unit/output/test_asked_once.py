"""What a listing asks its host: one question, as each may be a round trip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from asked_host import AskedHost
from rundirs import A, B, make

from guild_sync.commands import runs

JOB = {"operation": {"flags": {"lr": {"default": 0.1}, "bs": {"default": 8}}}}


@pytest.mark.parametrize(
    ("options", "question"), [([], "list_runs"), (["--columns", "lr"], "listed")]
)
def test_labels_for_a_person_come_with_the_listing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    question: str,
) -> None:
    for run_id, label in ((A, "bs=16 lr=0.1"), (B, "lr=0.3 bs=16")):
        flags = {"lr": 0.1, "bs": 16}
        run = make(tmp_path, run_id, label=label, flags=flags, started=1, exit_status=0)
        (run / ".guild" / "job.json").write_text(json.dumps(JOB))
    there = AskedHost(str(tmp_path))
    monkeypatch.setattr(runs, "host", lambda *names: there)
    monkeypatch.setattr(runs, "terminal_width", lambda: 80)
    assert runs.main(["runs", *options]) == 0
    assert there.asked == [question]
    out = capsys.readouterr().out
    assert "lr=0.1" not in out and "bs=16" in out
    assert "lr=0.3 bs=16" in out, "a person has written that"
