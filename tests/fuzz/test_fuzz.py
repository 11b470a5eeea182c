"""Whatever they are fed, the readers of guild and its agent answer with a value or their own error.

`make fuzz` runs this for longer (FUZZ_EXAMPLES). What once was a crash is kept in `corpus`,
a file a case: its name begins with the reader's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packed import KINDS, export, import_
from rundirs import A, make

from guild_sync.agent import forms, protocol
from guild_sync.agent.calls import TABLE
from guild_sync.agent.catalog import describe, filters
from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import left_out
from guild_sync.agent.remembering import looks
from guild_sync.agent.store import attrs
from guild_sync.cli import expressions, timeranges
from guild_sync.config import faults
from guild_sync.config.home import config_path
from guild_sync.errors import GuildError
from guild_sync.guildfile import reader
from guild_sync.hooks import configured
from guild_sync.hosts import frames
from guild_sync.rsync import comparing, failures, output, parts
from guild_sync.runs.follow import Lines
from guild_sync.sync import ledger

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Text that is near to what the readers know, cut and joined at random.
WORDS = (
    *(
        "remotes:",
        "hooks:",
        "notify:",
        "heartbeat:",
        "url:",
        "json://x",
        "$A",
        "type: ssh",
        "host: x",
        "pull:",
        "exclude:",
        "on:",
        "op:",
        "main: x",
    ),
    *("[", "]", "{", "}", "(", ")", "\n", "  ", "- ", ": ", "&a", "*a", "'", '"', "\\", "|", "%"),
    *("!!python/object:os.system", "flags:", "steps:", "requires:", "1e999", "0x", "~", "null"),
    *("=", "<", "and", "not", "in", "contains", "last 3 days", "before", "2026-01-01", "é"),
    *("\u2028", "\x1b", "\0", "a" * 32, " 12 ", "100%", "1.00MB/s", "0:00:01", "rsync: "),
    *(">fc........ ", ".f          ", "hf+++++++++ ", "9" * 5000, "\\#012", "\n"),
    *("sent 1 bytes", ">f+++ 1 ", "ignoring unsafe symlink ", " -> "),
)
TEXT = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=30).map("".join))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=20,
)


def read_config(text: str, folder: Path) -> None:
    (folder / "config.yml").write_text(text, encoding="utf-8", errors="replace")
    os.environ["GUILD_CONFIG"] = str(folder / "config.yml")
    try:
        faults.refuse(config_path(), configured.all_faults())
    except GuildError as e:
        assert "\n" not in e.message


def read_guildfile(text: str, folder: Path) -> None:
    (folder / "guild.yml").write_text(text, encoding="utf-8", errors="replace")
    reader.load(folder)


def read_attribute(text: str, folder: Path) -> None:
    try:
        value = attrs.decode(text)
    except attrs.AttrError:
        return
    assert attrs.decode(attrs.encode(value)) == value or value != value


def read_expression(text: str, folder: Path) -> None:
    tree = expressions.parse(text)
    (folder / ".guild" / "attrs").mkdir(parents=True, exist_ok=True)
    filters.matching(looks.Looks(str(folder.parent)), {"expression": tree})([folder.name])


def read_time_range(text: str, folder: Path) -> None:
    timeranges.parse_range(text)


def read_rsync(text: str, folder: Path) -> None:
    failures.blamed(text, ["a" * 32], ["/there", "/here"])
    for is_moved in (False, True):
        part = parts.Part(["a" * 32], "/here", is_moved)
        output.links_of(text.encode("utf-8", "replace"), part)
        compared = comparing._Reader(part, {}, lambda size: None)
        compared.feed(text.encode("utf-8", "replace") + b"\n")
    lines = output.KeptLines((b"sent ",), lambda figures: None)
    lines.feed(text.encode("utf-8", "replace") + b"\n")
    output.traffic_of(b"\n".join(lines.kept))


def read_frames(text: str, folder: Path) -> None:
    lines = Lines(["a" * 32], lambda *line: None, lambda run: None, lambda *fault: None)
    packets = frames.PacketReader(lines.take)
    reader = frames.FrameReader(packets.feed, frames.MOST_BEFORE)
    reader.feed(text.encode("utf-8", "replace"))
    packets.feed(text.encode("utf-8", "replace"))


def read_pattern(text: str, folder: Path) -> None:
    (folder / "file").touch()
    left_out.left_out(
        str(folder),
        {
            "exclude": [text],
            "include": [text],
            "max_size": None,
            "large": None,
            "delete": False,
            "inputs": False,
        },
        False,
        100,
    )


def read_run(text: str, folder: Path) -> None:
    guild = folder / "runs" / ("a" * 32) / ".guild"
    (guild / "attrs").mkdir(parents=True, exist_ok=True)
    for name in ("opref", "LOCK", "LOCK.owner", "LOCK.remote", "LOCK.confirmed", "LOCK.left-out"):
        (guild / name).write_text(text, encoding="utf-8", errors="replace")
    (guild / "attrs" / "started").write_text(text, encoding="utf-8", errors="replace")
    json.dumps(describe.list_details(str(folder)))
    left_out.left_out_of(str(guild.parent))


READERS: dict[str, Callable[[str, Path], None]] = {
    "config": read_config,
    "guildfile": read_guildfile,
    "attribute": read_attribute,
    "expression": read_expression,
    "range": read_time_range,
    "rsync": read_rsync,
    "frames": read_frames,
    "pattern": read_pattern,
    "run": read_run,
}


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(text=TEXT)
def test_a_reader_answers_or_raises_its_own_error(name: str, text: str, tmp_path: Path) -> None:
    with suppress(GuildError, AgentError):
        READERS[name](text, tmp_path)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*-*")), ids=lambda path: path.name)
def test_what_once_was_a_crash_is_none(path: Path, tmp_path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    with suppress(GuildError, AgentError):
        READERS[path.name.partition("-")[0]](text, tmp_path)


@FUZZ
@given(answer=JSON, function=st.sampled_from(sorted(TABLE)))
def test_an_answer_is_one_or_is_none(answer: object, function: str) -> None:
    with suppress(forms.Misread):
        forms.read(TABLE[function].answer, answer)


@FUZZ
@given(data=st.dictionaries(st.sampled_from(sorted(ledger.Entry("x").__dict__)), JSON))
def test_an_entry_of_the_ledger_is_read_or_passed_over(data: dict[str, object]) -> None:
    entry = ledger._entry({**data, "remote": "gpu"})
    assert entry is not None
    entry.is_left_alone(1.0)


REQUEST: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {}, optional={"home": JSON, "function": JSON, "args": st.one_of(TEXT, st.just({}))}
)
REQUESTS = 40  # each is a process


@settings(max_examples=max(REQUESTS, EXAMPLES // 20), deadline=None)
@given(request=st.one_of(TEXT, JSON.map(json.dumps), REQUEST.map(json.dumps)))
def test_the_agent_answers_every_request_with_one_frame(request: str) -> None:
    """A real agent, as it is started on a remote."""
    agent = Path(protocol.__file__).parent
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(agent)],
        input=request.replace("\n", " ").encode("utf-8", "replace") + b"\n",  # a line is a request
        capture_output=True,
        timeout=60,
    )
    lines = [line for line in done.stdout.split(b"\n") if line]
    assert len(lines) == 1, done
    mark, _, answer = lines[0].partition(b" ")
    assert mark == b"GUILD-ANSWER"
    # What is no JSON a start-up file of the login's may have read the beginning of.
    found = json.loads(answer)
    assert "error" in found or (found == {"no_request": True} and not is_json(request)), answer


def is_json(text: str) -> bool:
    try:
        json.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


# Archives: of a whole one, some bytes are others.


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An archive of each kind that is a file, of a run with a link and a hole."""
    top = tmp_path_factory.mktemp("archives")
    run = make(top / "home", A, id=A, exit_status=0)
    (run / "link").symlink_to("model")
    (run / "model").write_bytes(bytes(9000) + b"x")
    for name in KINDS[1:]:
        export(top / "home", top / name)
    return {name: (top / name).read_bytes() for name in KINDS[1:]}


@FUZZ
@given(
    st.sampled_from(KINDS[1:]),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_an_archive_that_is_damaged_makes_a_whole_run_or_none(
    archives: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    changes: list[tuple[int, int]],
) -> None:
    top = tmp_path_factory.mktemp("damaged")
    data = bytearray(archives[name])
    for at, byte in changes:
        data[at % len(data)] = byte
    (top / name).write_bytes(data)
    done = False
    with suppress(AgentError):
        done = import_(top / "home", top / name, most=1 << 20, room=1 << 20)["done"] == [A]
    runs = top / "home" / "runs"
    assert {p.name for p in runs.iterdir()} == ({A} if done else set())
    assert {p.name for p in top.iterdir()} == {name, "home"}
