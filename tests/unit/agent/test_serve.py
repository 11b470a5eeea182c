"""The agent's process: lines of requests in, a framed answer to each out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guild_sync.agent.protocol import END, FRAME, header
from guild_sync.hosts.bootstrap import AGENT

RUN = "a" * 32
# With so little time for another request that a test can wait for it.
HASTY = f"""
import sys
sys.path.insert(0, {str(AGENT.parents[1])!r})
from guild_sync.agent import serve
serve.IDLE_SECONDS = 0.05
serve.main()
"""


def request(home: Path, function: str, **args: object) -> dict[str, object]:
    return {"home": str(home), "function": function, "args": args}


def made(home: Path, **contents: int) -> dict[str, object]:
    return request(home, "stage", run_id=RUN, opref="x", attributes={}, job={}, contents=contents)


def said(*lines: object, option: str = "-I") -> subprocess.CompletedProcess[bytes]:
    """How the agent's process ends that gets these lines, and then the end of its stdin."""
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    argv = [sys.executable, option, "-I", "-S", "-X", "utf8", str(AGENT)]
    return subprocess.run(argv, input=text.encode(), capture_output=True, timeout=60)


def answers(*lines: object) -> list[dict[str, Any]]:
    done = said(*lines)
    assert (done.returncode, done.stderr) == (0, b"")
    before, *found = done.stdout.decode().split(f"\n{FRAME} ")
    assert before == ""
    return [json.loads(text) for text in found]


def test_each_line_is_answered_until_none_comes(tmp_path: Path) -> None:
    states = request(tmp_path, "states", ids=[RUN])
    first, second = answers(request(tmp_path, "tracked"), states)
    assert first == {"ok": [], "home": str(tmp_path)}
    assert second["ok"][RUN]["status"] is None
    assert len(answers(states)) == 1


def test_two_lines_that_come_at_once_are_both_answered_while_a_third_may_come(
    tmp_path: Path,
) -> None:
    line = json.dumps(request(tmp_path, "tracked")).encode() + b"\n"
    argv = [sys.executable, "-I", "-c", HASTY]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin and agent.stdout
        agent.stdin.write(2 * line)
        agent.stdin.flush()
        assert agent.stdout.read().decode().count(FRAME) == 2, "it ends by itself then"


def test_several_on_a_line_are_done_in_turn(tmp_path: Path) -> None:
    turn = [made(tmp_path), request(tmp_path, "mark_staged", run_id=RUN)]
    one, two, three = answers(turn, request(tmp_path, "states", ids=[RUN]))
    assert (one["ok"]["missing"], two["ok"]) == ([], None)
    assert three["ok"][RUN]["status"] == "staged"


def test_behind_one_that_fails_the_others_of_its_line_are_not_done(tmp_path: Path) -> None:
    turn = [request(tmp_path, "recipe", run=RUN), made(tmp_path)]
    failed, after = answers(turn, request(tmp_path, "states", ids=[RUN]))
    assert failed["error"]["kind"] == "not-found"
    assert after["ok"][RUN]["status"] is None


def test_behind_one_that_lacks_something_the_others_of_its_line_are_not_done(
    tmp_path: Path,
) -> None:
    turn = [made(tmp_path, **{"f" * 64: 3}), request(tmp_path, "mark_staged", run_id=RUN)]
    lacking, after = answers(turn, request(tmp_path, "states", ids=[RUN]))
    assert lacking["ok"]["missing"] == ["f" * 64]
    assert after["ok"][RUN]["status"] == "pending"


def test_a_stream_is_the_last(tmp_path: Path) -> None:
    done = said(request(tmp_path, "cat", run=RUN, path="x"), request(tmp_path, "tracked"))
    begin = f'\n{FRAME} {{"ok": null}}\n'.encode()
    assert done.stdout.startswith(begin + END)
    end = done.stdout.removeprefix(begin)[len(header(END, 0)) :]
    assert json.loads(end)["error"]["kind"] == "not-found"


@pytest.mark.parametrize("line", ["", '{"home": "x", "func', "[" * 100_000 + "\n"])
def test_what_is_not_whole_is_told(line: str) -> None:
    assert answers(line) == [{"no_request": True}]


@pytest.mark.parametrize(
    "line",
    [
        "{}\n",
        "[3]\n",
        '[{"home": 3, "function": "python", "args": {}}]\n',
        '[{"home": "x\\u0000", "function": "python", "args": {}}]\n',
        '{"home": "/x", "function": "python", "args": []}\n',
    ],
)
def test_what_is_no_request_is_told(tmp_path: Path, line: str) -> None:
    refused, answered = answers(line, request(tmp_path, "tracked"))
    assert refused["error"]["message"] == "the request makes no sense"
    assert answered["ok"] == []


def test_an_empty_turn_is_refused(tmp_path: Path) -> None:
    refused, answered = answers([], request(tmp_path, "tracked"))
    assert refused["error"]["message"] == "the request makes no sense"
    assert answered["ok"] == []


def test_an_agent_that_is_asked_nothing_more_ends(tmp_path: Path) -> None:
    """Though the connection's end looks alive."""
    argv = [sys.executable, "-c", HASTY]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin and agent.stdout
        agent.stdin.write(json.dumps(request(tmp_path, "tracked")).encode() + b"\n")
        agent.stdin.flush()
        assert agent.wait(timeout=30) == 0
        assert FRAME.encode() in agent.stdout.read()


# What is loaded in any case, and for what is asked most: half of a call's time goes into that.
ALWAYS = {"calls", "errors", "json_text", "machine", "machine.folder", "protocol", "serve"}
OF_RUNS = {"store", *(f"store.{name}" for name in ("atomic", "attrs", "identity", "inside"))} | {
    *("store.locks", "store.rundir", "facts", "facts.by_proc", "facts.here", "facts.telling")
}
OF_COPIES = {"contents", "copies", "copies.large", "copies.sample", "files"} | {
    *("contents.digests", "contents.inputs", "contents.kept", "copies.readable", "copies.stamps"),
    *("copies.survey", "files.left_out", "files.patterns", "store.home"),
}
OF_LISTS = {"catalog", "catalog.describe", "catalog.find", "remembering", "remembering.looks"}
SURVEY: dict[str, Any] = {"ids": [RUN], "stamps": True, "look_only": False, "selection": None}
OFFER: dict[str, Any] = {"specs": [], "filters": None, "selection": None}
LOADED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "states": ({"ids": [RUN]}, set()),
    "list_runs": ({}, OF_LISTS),
    "survey": (SURVEY, OF_COPIES),
    "offer": (OFFER, OF_COPIES | OF_LISTS | {"copies.offer"}),
}
# Of the standard library, what each takes milliseconds, and programs are started by.
SELDOM = {
    "inspect",
    "logging",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "zipfile",
}


@pytest.mark.parametrize("function", LOADED)
def test_only_what_a_function_has_need_of_is_loaded(tmp_path: Path, function: str) -> None:
    args, own = LOADED[function]
    done = said(request(tmp_path, function, **args), option="-v")
    loaded = {*re.findall(r"^import '([\w.]+)' #", done.stderr.decode(), re.M)}
    ours = {name.removeprefix("agent.") for name in loaded if name.startswith("agent.")}
    assert ours == ALWAYS | OF_RUNS | own
    assert not loaded & SELDOM
    assert "hashlib" not in loaded
