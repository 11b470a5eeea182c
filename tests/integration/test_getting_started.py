"""The page for whoever begins: each of its command lines is typed, in its order."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from support import Guild
from test_login import answer, typing
from test_remote_add import QUESTION, host, known
from test_unreachable import own_connections

# Fixtures of other modules, for here too.
__all__ = ["host", "known", "own_connections"]

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"
TRAIN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
open("model.txt", "w").write(f"{args.epochs}\\n")
print("loss: 0.25")
"""


def test_what_the_page_says_leads_from_a_program_to_its_result_at_home(
    guild: Guild, tmp_path: Path, host: str
) -> None:
    own = PAGE.read_text(encoding="utf-8").partition("## Try it in a minute")[0]
    lines = re.findall(r"^    \$ guild (.*)$", own, re.M)
    assert len(lines) == 8
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    guild.folder.rename(tmp_path / "example")
    folder.rename(guild.folder)
    run_id = ""
    for line in lines:
        words = line.replace("you@gpu1.example.com", host).split()
        if words[:2] == ["remote", "add"]:
            with typing(guild, *words) as terminal:
                answer(terminal, QUESTION, "yes")
                assert terminal.end() == 0, terminal.shown
            continue
        done = guild.ok(*words)
        if words[0] == "init":
            assert done.lines[1] == "  train  train.py  lr=0.1, epochs=10"
        if "--no-wait" in words:
            run_id = done.lines[-2].split()[0]
    assert yaml.safe_load(guild.config.read_text())["remotes"]["gpu1"]["host"] == "127.0.0.1"
    assert guild.status(run_id) == "completed"
    assert guild.ok("cat", run_id, "--path", "model.txt").out == "100\n"
