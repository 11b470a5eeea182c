"""What is read of an output, however it is cut: names, values and steps."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent.protocol import LOST, Value
from guild_sync.agent.scalars import patience, patterns, reading
from guild_sync.agent.scalars.reading import MOST_OF_A_LINE, ScalarReader

Number = tuple[str, float, "int | None"]


def read(*pieces: bytes, asked: Value = None) -> list[Number]:
    """By name, those of each in their order."""
    reader = ScalarReader(patterns.scalars_asked(asked))
    found = [seen for piece in pieces for seen in reader.feed(piece)]
    numbers = [
        (name, value, step)
        for name, values, steps in found + reader.rest()
        for value, step in zip(values, steps or [None] * len(values), strict=True)
    ]
    return sorted(numbers, key=lambda number: number[0])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("loss: 0.25", [("loss", 0.25, None)]),
        ("loss: 0.25 (step 5)", [("loss", 0.25, 5)]),
        ("loss:\t-1e-3  ", [("loss", -0.001, None)]),
        ("loss: +3", [("loss", 3.0, None)]),
        ("loss: .5", [("loss", 0.5, None)]),
        ("loss: inf", [("loss", float("inf"), None)]),
        ("loss: 5 (of 10)", [("loss", 5.0, None)]),
        ("val/loss-2: 5", [("val/loss-2", 5.0, None)]),
        ("a:b: 5", [("a:b", 5.0, None)]),
        ("läss: 5", [("läss", 5.0, None)]),
        ("\x1b[1;32mloss\x1b[0m: \x1b[33m5\x1b[0m", [("loss", 5.0, None)]),
        ("lo\x07ss: 5", [("loss", 5.0, None)]),
        (f"{'x' * 101}: 5", []),
        (f"loss: {'5' * MOST_OF_A_LINE}x", []),
        ("  loss: 5", []),
        ("my loss: 5", []),
        ("loss: 5%", []),
        ("loss: 5 6", []),
        ("loss:5", []),
        ("loss: 0x10", []),
        ("loss: 1_000", []),
        (": 5", []),
        ("{'loss: 5", [("{'loss", 5.0, None)]),
    ],
)
def test_what_a_line_says(line: str, found: list[Number]) -> None:
    assert read(line.encode() + b"\n") == found
    assert read(line.encode()) == found


NAMES = ["loss", "acc", "step", "lo\x07ss", "a:b", "x" * 101, "my loss", ""]
BETWEEN = [": ", ": ", ":\t", ":  ", ":", "="]
TEXTS = [
    *("0.5", "1", "-1e-3", "+.5", "1.", "nan", "-Inf", "1e999", "0x1", "1_0", "\u0663", ""),
    *("1-2", "e5", "5%", "5 (of 10)", "5 (step 7)", "3 (step 12) ", "5 \t", "4\r", "12:30"),
]
LINES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(BETWEEN), st.sampled_from(TEXTS)).map(
        "".join
    ),
    min_size=1,
    max_size=4,
)


@given(turn=LINES, times=st.integers(1, 6), others=LINES, is_in_turns=st.booleans())
def test_lines_that_come_together_say_what_each_says(
    turn: list[str], times: int, others: list[str], is_in_turns: bool
) -> None:
    lines = turn * times + others if is_in_turns else others + sorted(turn * times)
    pieces = [f"{line}\n".encode() for line in lines]
    assert str(read(b"".join(pieces))) == str(read(*pieces))


@pytest.mark.parametrize("last", ["0.5", "1-2", "1_0", "nan", "5 (step 3)", "x", "5 (of 9)"])
@pytest.mark.parametrize(
    "names", [["loss"], ["loss", "acc"], ["loss", "acc", "acc"], ["step", "b"]]
)
def test_one_line_that_is_another_changes_nothing_of_the_others(
    names: list[str], last: str
) -> None:
    pieces = [f"{name}: {at / 8}\n".encode() for at in range(1, 9) for name in names]
    pieces.append(f"{names[0]}: {last}\n".encode())
    assert str(read(b"".join(pieces))) == str(read(*pieces))
    assert len(read(*pieces)) >= 8


@pytest.mark.parametrize("every", [1, 7, 30, 100, 400])
def test_a_few_numbers_among_many_other_lines_are_all_found(every: int) -> None:
    others = ["batch 5 is done", "12:30:45 INFO x y", "", "a 1 b"]
    lines = [others[at % 4] if at % every else f"loss: {at} (of: 9)" for at in range(1, 1000)]
    lines += ["12:30:45 INFO x: 5 y: 6", "a: 1 b: 2 c: 3", "loss: 5"]
    expected = [("loss", float(at), None) for at in [*range(every, 1000, every), 5]]
    text = "\n".join(lines)
    assert read(text.encode()) == read(text.encode() + b"\n") == expected


def test_a_group_that_finds_nothing_is_not_told() -> None:
    assert read(b"loss 5\nloss\nloss 6 loss\n", asked={"loss": r"loss ?(\d)?"}) == [
        ("loss", 5.0, None),
        ("loss", 6.0, None),
    ]


def test_what_is_no_text_is_left_out_of_a_name() -> None:
    assert read(b"l\xe4ss: 5\n\xff\xfe\n\0\nacc: 6") == [("acc", 6.0, None), ("lss", 5.0, None)]


def test_a_step_counts_for_what_follows() -> None:
    said = (
        b"a: 1\nstep: 3\na: 2\nb: 3 (step 7)\na: 4\nstep: nan\nstep: 1e99\na: 5\nstep: -2.5\na: 6\n"
    )
    steps = [(name, step) for name, _, step in read(said)]
    assert steps == [*(("a", step) for step in (None, 3, 7, 7, -2)), ("b", 7)]


def test_a_progress_bar_ends_its_lines_by_carriage_returns() -> None:
    bar = b"\r 10%|#   | loss=5\rloss: 1\rloss: 2\r\nloss: 3\r\n"
    assert [value for _, value, _ in read(bar)] == [1.0, 2.0, 3.0]


def test_of_a_line_that_is_too_long_no_part_is_taken_for_one() -> None:
    long = b"loss: 1\n" + b"x" * (3 * MOST_OF_A_LINE) + b"\nloss: 2\n"
    pieces = [long[at : at + 1000] for at in range(0, len(long), 1000)]
    assert [value for _, value, _ in read(*pieces)] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"loss": 0.25, "step": 5}', [("loss", 0.25, 5)]),
        (' {"a": {"loss": 1, "x": {"y": 2}}}', [("a.loss", 1, None), ("a.x.y", 2, None)]),
        ('{"epoch": 3, "loss": 1}', [("loss", 1.0, 3)]),
        ('{"epoch": 3, "global_step": 9}', [("epoch", 3.0, 9)]),
        ('{"time": 5, "ts": 6, "ok": true, "name": "x", "list": [1], "none": null}', []),
        ('{"loss": NaN, "big": 1e999}', [("big", "inf", None), ("loss", "nan", None)]),
        ('{"loss": 1', []),
        ("[1, 2]", []),
        ('{"a":' * 20_000, []),
        ("level=info step=5 loss=0.25 msg=\"x=3 y\" z=4", [("loss", 0.25, 5), ("z", 4.0, 5)]),
        ("ts=12 loss=nope acc=1e-1", [("acc", 0.1, None)]),
        ("a==5 =6 loss=", []),
    ],
)  # fmt: skip
def test_json_lines_and_logfmt(line: str, found: list[tuple[str, float | str, int | None]]) -> None:
    seen = read(line.encode() + b"\n", asked="json")
    assert [(name, str(value), step) for name, value, step in seen] == [
        (name, str(float(str(value))), step) for name, value, step in found
    ]


def test_logfmt_alone_reads_no_json() -> None:
    assert read(b'{"loss": 1}\nloss=2\n', asked="logfmt") == [("loss", 2.0, None)]


def test_json_may_be_read_beside_patterns() -> None:
    said = b'{"loss": 1, "step": 4}\nacc 5\n'
    assert read(said, asked=["json", {"acc": r"acc (\value)"}]) == [
        ("acc", 5.0, 4),
        ("loss", 1.0, 4),
    ]


SAID = (
    b"loss: 1\r\nloss: 2 (step 5)\n\x1b[31macc\x1b[0m: 3\rx: 4\n\n\xc3\xa4: 5\n"
    b'{"loss": 9}\nno=7 here\nstep: 8\nloss: 1e3'
)
FORMS: list[Value] = [
    None,
    "json",
    [{"l": r"loss: (\value)", "step": r"step: (\step)"}, r"(\key)=(\value)"],
]


@pytest.mark.parametrize("asked", FORMS)
@given(cuts=st.lists(st.integers(0, len(SAID)), max_size=8))
def test_it_does_not_matter_where_an_output_is_cut(asked: Value, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(SAID)]
    pieces = [SAID[start:end] for start, end in pairwise(places)]
    assert read(*pieces, asked=asked) == read(SAID, asked=asked) != []


@given(data=st.binary(max_size=300), asked=st.sampled_from(FORMS))
def test_any_bytes_are_read(data: bytes, asked: Value) -> None:
    for name, _, _ in read(data, b"\n", data, asked=asked):
        assert name.isprintable()
        assert 0 < len(name) <= 100


def test_a_pattern_that_takes_too_long_is_given_up_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.05)
    reader = ScalarReader(patterns.scalars_asked({"bad": "(a+)+b", "acc": r"acc (\value)"}))
    assert reader.feed(b"a" * 60 + b"c\nacc 1\n") == [("acc", [1.0], None)]
    assert reader.given_up() == ["(a+)+b"]
    assert reader.given_up() == []
    assert reader.feed(b"aab\nacc 2\n") == [("acc", [2.0], None)]


@pytest.mark.parametrize("size", [1 << 12, 1 << 16, 1 << 18])
def test_a_line_that_is_too_long_has_no_scalars_however_it_is_cut(size: int) -> None:
    longest = "loss: 5 (" + "x" * (MOST_OF_A_LINE - len("loss: 5 ()")) + ")"
    text = f"a: 1\n{longest}\r\n{longest} \nb: 2\n".encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert read(*pieces) == [("a", 1.0, None), ("b", 2.0, None), ("loss", 5.0, None)]


def test_long_lines_beside_lost_output_cost_no_more_than_others() -> None:
    lines = (b"x" * 60_000 + b"\n") * 16
    begun = time.process_time()
    assert read(lines + b"loss: 0.2\n" + LOST.encode() + b"\nacc: 5\n") == [("acc", 5.0, None)]
    assert time.process_time() - begun < 1


def test_names_that_are_too_long_are_not_remembered() -> None:
    reader = ScalarReader(patterns.scalars_asked(None))
    for at in range(200):
        assert reader.feed(b"%d" % at + b"x" * 60_000 + b": 1\n") == []
    assert sum(map(len, reader._names)) < 100_000


def test_long_names_of_nested_json_take_no_memory() -> None:
    inner = ",".join(f'"{at}":1' for at in range(5000))
    line = f'{{"{"n" * 20_000}": {{{inner}}}, "loss": 2}}\n'
    tracemalloc.start()
    try:
        assert read(line.encode(), asked="json") == [("loss", 2.0, None)]
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_many_patterns_that_take_too_long_do_not_take_as_many_times_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.1)
    bad: list[Value] = [{f"b{at}": f"(a+)+b{at}"} for at in range(100)]
    reader = ScalarReader(patterns.scalars_asked([*bad, {"acc": r"acc (\value)"}]))
    begun = time.process_time()
    assert reader.feed(b"a" * 60 + b"c\nacc 1\n") == [("acc", [1.0], None)]
    assert len(reader.given_up()) == 100
    assert time.process_time() - begun < 5


def test_of_patterns_that_take_too_long_together_the_slowest_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_MOST_OF_ALL", 0.0)
    reader = ScalarReader(patterns.scalars_asked({"slow": "(a+)+b", "acc": r"acc (\value)"}))
    assert reader.feed(b"a" * 18 + b"c\nacc 1\n") == [("acc", [1.0], None)]
    assert reader.given_up()[0] == "(a+)+b"
    assert reader.is_partial
