"""Attributes as YAML: what is written, what is read, and what is refused.

PyYAML is the judge: `yaml.safe_load` has to read all that `encode` writes, and `decode` all
that `yaml.safe_dump` writes. Where `decode` differs from PyYAML, a test here says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guild_sync.agent.protocol import Plain
from guild_sync.agent.store.attrs import MAX_BYTES, MAX_DEPTH, AttrError, decode, encode

often = settings(max_examples=200, deadline=None)


class Judge(yaml.SafeLoader):
    """PyYAML's safe loader, but a date is its text, and so is a key, as they are for us."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(judge: Judge, node: yaml.MappingNode) -> dict[object, object]:
    return {key.value: judge.construct_object(value, deep=True) for key, value in node.value}


Judge.add_constructor("tag:yaml.org,2002:map", _mapping)


def judged(text: str) -> object:
    return yaml.load(text, Judge)


def same(one: object, other: object) -> bool:
    """Whether two values are equal in type, order and sign of zero too; nan equals itself."""
    if isinstance(one, dict) and isinstance(other, dict):
        return same([*one.items()], [*other.items()])
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    return type(one) is type(other) and one == other


def refusal(text: str) -> str:
    with pytest.raises(AttrError) as caught:
        decode(text)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 200
    return message


# Values as hypothesis finds them: any text, and text that looks like YAML.

LOOKALIKES = [
    *["", " ", "\n", "\n\n", "\t", "\r", "-", "?", ":", "---", "...", "=", "<<", "|", ">-", "~"],
    *["yes", "No", "on", "null", "y", "n", "2001-01-01", "2001-12-14 21:59:43.10 -05:00"],
    *["1", "007", "0o17", "0x1f", "0b1", "1_000", "1:30", "1:30.5", "1.", ".5", "1e5", "1.0e+5"],
    *["+1", "-.inf", ".nan", "+", ".", "_1", "- a", "a: b", "a:", ": a", "? a", "a #b", "#a"],
    *["a:b", "a,b", "[a]", "{a}", "&a", "*a", "!a", "%a", "@a", "`a", "'a'", '"a"', "it's"],
    *["a\\b", "--- a", "... a", "a ---", "\na", "a\n", "a\n\n", "a\nb", "a\n\nb", "a\n b"],
    *[" a\n", "a \n b", "a\t", " a", "a ", "  a\n  b\n", "a\r\nb", "\x00", "\x7f", "\x85"],
    *["\xa0", "\u2028", "\ufeff", "\uffff", "\U0001f600", "word " * 30, "a  b" * 40, "x" * 200],
    *["line\n" * 30, " \n" * 3],
]
strings = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(LOOKALIKES),
    st.lists(st.sampled_from(LOOKALIKES), max_size=4).map("".join),
    st.text(" \t\n'\"\\:#-?,[]{}ab0", max_size=40),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), strings)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(strings, inner, max_size=5),
    max_leaves=12,
)


@often
@given(values)
def test_pyyaml_reads_what_we_write(value: Plain) -> None:
    assert same(yaml.safe_load(encode(value)), value)


@often
@given(values)
def test_we_read_what_we_write(value: Plain) -> None:
    assert same(decode(encode(value)), value)


@often
@given(values, st.sampled_from([False, None, True]), st.sampled_from([80, 20]))
def test_we_read_what_pyyaml_writes(value: Plain, flow: bool | None, width: int) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, width=width)
    as_guild_ai_strips_it = text.strip().removesuffix("\n...")
    for document in (text, as_guild_ai_strips_it):
        assert same(decode(document), judged(document))


@often
@given(strings, st.sampled_from("|>"))
def test_we_read_the_block_scalars_that_pyyaml_writes(value: str, style: str) -> None:
    for whole in (value, {"key": value, "next": [value, [value, value]]}):
        text = yaml.safe_dump(whole, default_style=style)
        assert same(decode(text), judged(text))


# Arbitrary text: pieces of YAML in any order, and documents with a piece changed.

PIECES = [
    *["a", "b c", "1", "- ", "-", "? ", "?", ": ", ":", "\n", "\n ", "\n  ", "\n    ", " ", "  "],
    *["\t", '"', "'", "''", "\\", "\\n", "\\\n", "[", "]", "{", "}", ", ", ",", "#", " # c", "|"],
    *[">", "|-", ">+", "|2", "---", "...", "\n---\n", "\n...\n", "a: b", "- x\n", "k:\n", "&x"],
    *["*x", "!t", "%", "@", "=", "<<", "\r\n", "\r", "\xe9", "[a, b]", "{a: 1}", "0x", "1:30", "~"],
]
medleys = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@st.composite
def changed(draw: st.DrawFn) -> str:
    text = yaml.safe_dump(draw(values), default_flow_style=draw(st.booleans()))
    start = draw(st.integers(0, len(text)))
    end = start + draw(st.integers(0, 3))
    return text[:start] + draw(st.sampled_from(PIECES)) + text[end:]


@often
@given(medleys | changed() | st.text())
@example("...\n")
def test_whatever_we_read_pyyaml_reads_the_same(text: str) -> None:
    try:
        value = decode(text)
    except AttrError:
        return
    try:
        expected = judged(text)
    except (yaml.YAMLError, ValueError, OverflowError):
        # The one thing that we take and PyYAML does not: the end of a document that is empty.
        assert value is None and "..." in text
        return
    assert same(value, expected)


# What is written.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null\n"),
        (True, "true\n"),
        (1795473101554179, "1795473101554179\n"),
        (-15, "-15\n"),
        (0.1, "0.1\n"),
        (1e-05, "1.0e-05\n"),
        (1e16, "1.0e+16\n"),
        (math.inf, ".inf\n"),
        (-math.inf, "-.inf\n"),
        (math.nan, ".nan\n"),
        ([], "[]\n"),
        ({}, "{}\n"),
        ("completed", "completed\n"),
        ("/home/me/a file.py", "/home/me/a file.py\n"),
        ("http://host:80/?", '"http://host:80/?"\n'),
        ("mnist:train", "mnist:train\n"),
        ("a: b", '"a: b"\n'),
        ("a #b", '"a #b"\n'),
        ("", '""\n'),
        ("yes", '"yes"\n'),
        ("Null", '"Null"\n'),
        ("n", '"n"\n'),
        ("1:30", '"1:30"\n'),
        ("2001-01-01", '"2001-01-01"\n'),
        ("two\nlines", '"two\\nlines"\n'),
        ("\x7f\x85\u2028\ufeff", '"\\u007f\\u0085\\u2028\\ufeff"\n'),
        ("caf\xe9 \U0001f600", '"caf\xe9 \U0001f600"\n'),
        ({"lr": 0.1, "epochs": 3, "name": "x"}, "lr: 0.1\nepochs: 3\nname: x\n"),
        (("python", "-m", "train"), '- python\n- "-m"\n- train\n'),
        ([{"body": "x", "host": "z"}], "- body: x\n  host: z\n"),
        ({"a": {"b": [1, {"c": []}]}}, "a:\n  b:\n  - 1\n  - c: []\n"),
        ([[1, 2], [3]], "- - 1\n  - 2\n- - 3\n"),
        ({"k" * 129: {"a": 1, "b": 2}}, "? " + "k" * 129 + "\n: a: 1\n  b: 2\n"),
    ],
)
def test_text_of(value: Plain, text: str) -> None:
    assert encode(value) == text


def test_a_key_too_long_for_one_line_is_read_back_by_pyyaml() -> None:
    value: Plain = {"k" * 5000: 1, "l\n" * 3000: ["x"]}
    assert yaml.safe_load(encode(value)) == decode(encode(value)) == value


def nested(levels: int, wrap: Callable[[Plain], Plain]) -> Plain:
    value: Plain = 1
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        {"a\udfff": 1},
        10**5000,
        nested(MAX_DEPTH + 1, lambda inner: [inner]),
        nested(2000, lambda inner: {"a": inner}),
        "x" * MAX_BYTES,
    ],
    ids=["surrogate", "surrogate-in-key", "integer", "lists", "mappings", "length"],
)
def test_what_could_not_be_read_back_is_not_written(value: Plain) -> None:
    with pytest.raises(ValueError) as caught:
        encode(value)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [b"x", {1, 2}, {1: "x"}, object()])
def test_only_json_like_values_are_written(value: Plain) -> None:
    with pytest.raises(TypeError):
        encode(value)


# What is read.

PLAIN = [
    "null Null NULL nULL ~ ~~ yes Yes YES yEs no on On off OFF true False y n nan inf",
    "0 -0 +0 00 07 08 0_7 -017 0o17 0x1F -0xff 0X1f 0x 0b101 0b12 1_000 _1 1__ +12 -12 + -- 1-",
    "1:30 -1:30 1:30:59 1:60 0:30 01:30 190:20:30 1:3 1.5 -1.5 +1.5 1. .5 -.5 . .. 1.5.5 1.5:3",
    "1e5 1e-05 1.0e5 1.0e+5 1.0E-5 .5e-3 1_0.0_1 1:30.5 -1:30.25 1:30. 01:30.5 1.0e+999",
    ".inf -.inf +.Inf .INF .inF .nan .NaN .NAN -.nan 12345678901234567890123 5.0e-324",
    "2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00",
    "word a:b a#b a,b a[b] a? ?a :a -a a- it's a\"b\\n http://x/?y&z=1#f",
]


ITEMS = [
    *(
        "- -u\n- --lr=0.1\n- -x.y-z\n",
        "- 'a b'\n- \"-u\"\n- ''\n",
        "- '0.5'\n- 0.5\n- -0.5\n- 01.50\n",
    ),
    *(
        "- a\n-\n",
        "- a: b\n- c\n",
        "- 'it''s'\n",
        '- "a\\n"\n',
        "- a\n- b",
        "- - a\n- b\n",
        "- a # b\n",
    ),
    *(
        "a: b\nc-d: -u\na: 2\n",
        "no: yes\non: off\n",
        "a:\nb: 1\n",
        "a: 'b'\n",
        'a: "b: c"\n',
        "a: b: c\n",
    ),
    *(
        "a: b\n  c\n",
        "- a\n  b\n",
        "- ~\n- null\n- y\n",
        "a: 1e5\nb: 1.0e+5\n",
        "- 12345678901234567890\n",
    ),
]


@pytest.mark.parametrize("text", ITEMS)
def test_lists_and_mappings_of_simple_items_mean_what_they_mean_to_pyyaml(text: str) -> None:
    try:
        expected = judged(text)
    except yaml.YAMLError:
        with pytest.raises(AttrError):
            decode(text)
        return
    assert same(decode(text), expected)


@pytest.mark.parametrize("text", [text for line in PLAIN for text in line.split()])
def test_a_plain_scalar_means_what_it_means_to_pyyaml(text: str) -> None:
    for document in (text, f"{text}\n", f"{text}\n...\n", f"- {text}\n", f"a: {text}\n"):
        assert same(decode(document), judged(document))
    assert same(decode(f"{text}: {text}\n"), {text: judged(text)}), "a key is text"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1795473101554179\n", 1795473101554179),
        ("1795473101554179", 1795473101554179),
        ("0\n...\n", 0),
        ("", None),
        ("# nothing\n", None),
        ("--- a\n", "a"),
        ("# head\n---\na: 1\n...\n# tail\n", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("a: 1\na: 2\n", {"a": 2}),
        ("a:\nb: ~\n", {"a": None, "b": None}),
        ("a:\n- 1\n-\n- b: 2\n  c: 3\nd: 4\n", {"a": [1, None, {"b": 2, "c": 3}], "d": 4}),
        ("- - 1\n  - 2\n-\n  - 3\n", [[1, 2], [3]]),
        ("a:   # why\n\n    b: 1 # so\n", {"a": {"b": 1}}),
        ("a: one\n  two\n\n  three\n", {"a": "one two\nthree"}),
        ("'it''s\n\n  so '\n", "it's\nso "),
        ('"one\\\n  \\ two \\x41\\u00e9\\U0001F600\\e"\n', "one two A\xe9\U0001f600\x1b"),
        ("? long\n  key\n: - 1\n  - 2\n? alone\n", {"long key": [1, 2], "alone": None}),
        ("a: |\n  one\n   two\n\n  three\n\nb: 1\n", {"a": "one\n two\n\nthree\n", "b": 1}),
        ("a: >-\n  one\n  two\n\n  three\n   four\n", {"a": "one two\nthree\n four"}),
        ("- |+\n  one\n\n- |2-\n    two\n", ["one\n\n", "  two"]),
        ("{a: [1, 'x', {}], \"b\":2, ? c : [\n  3, ]}\n", {"a": [1, "x", {}], "b": 2, "c": [3]}),
    ],
)
def test_value_of(text: str, value: Plain) -> None:
    assert same(decode(text), value)
    assert same(yaml.safe_load(text), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1: yes\nnull: no\nNO:\n", {"1": True, "null": False, "NO": None}),
        ("{0x10: 1, ? .5 : 2, off: 3}\n", {"0x10": 1, ".5": 2, "off": 3}),
        ("? yes\n: 1\n?\n: 2\n? # why\n  3\n", {"yes": 1, "": 2, "3": None}),
    ],
)
def test_a_key_is_text(text: str, value: Plain) -> None:
    assert same(decode(text), value)
    assert same(judged(text), value)


def test_a_date_is_its_text() -> None:
    assert decode("2001-12-14 21:59:43\n") == "2001-12-14 21:59:43"
    assert decode("day: 2001-02-30\n") == {"day": "2001-02-30"}


# What is refused: it comes from another machine, and nothing that we know writes it.


@pytest.mark.parametrize(
    "text",
    [
        # What PyYAML or the specification knows, and an attribute never needs.
        *["&a 1", "*a", "a: &b 1\nc: *b", "!!python/object:os.system x", "!x 1", "a: !!str 1"],
        *["%YAML 1.1\n---\n1", "<<: {a: 1}", "a: <<", "=: 1", "[a: b]", "{a}", "{a: }", "k:\n|"],
        *["'\x85'", "a\u2028", "\ufeffa", '"\\ud83d\\ude00"', '"\\ud800"'],
        # More than one value, or a key that no dict can have.
        *["a\n---\nb", "a\n...\nb", "--- 1\n--- 2", "'a\n---\nb'", "a: 'x'\n y", "- 1\na: 2"],
        *["[1]: 2", "? [1]\n: 2", "? a: b\n: c", "{{a: 1}: 2}"],
        # Cut off, or never right.
        *["[1", "{a: 1", "{a: 1]", "{a 1}", "[,]", "[1,,2]", "]", "}", ",", "[a] b", "[a?b]"],
        *['"', "'", '"a', "'a''", '"a" b', "'a' 'b'", '"\\q"', '"\\x4"', '"\\U00110000"'],
        *["a: b: c", "a: - b", "a: 1\n  b: 2", "a: 1\nb", "a: 1\n- 2", " a: 1\nb: 2"],
        *["- a\n b: 1", "a\n b: c", "--- a: b", "--- - a", "@a", "`a", "%a", "|x", "|0\n a"],
        *["\ta", "a:\t1", "a\t", "-\t1", "a\x00", "\x1b[0m", "\ud800", "'\x7f'", "0x_", "0b_"],
    ],
)
def test_outside_the_subset(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: *c\n", "line 2: no value starts with '*'"),
        ("a: [1,\n  2\n", 'line 3: neither "," nor "]" after a value'),
        ("a: 1\nb\n", "line 2: a key without its colon"),
        ("\x1b", "the character U+001B is not printable"),
    ],
)
def test_a_refusal_says_where_and_what(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize("unit", ["[", "- ", "? ", "{a: ", "[{a: ", "-\n", "a:\n"])
def test_nesting_has_a_limit(unit: str) -> None:
    indented = "".join(" " * level + unit for level in range(1000))
    assert "nested deeper" in refusal(indented if "\n" in unit else unit * 5000)


def test_both_directions_have_the_same_limit_of_nesting() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert decode(encode(decode(text))) == decode(text)
    refusal(f"[{text}]")


def test_length_has_a_limit() -> None:
    assert decode("x" * MAX_BYTES) == "x" * MAX_BYTES
    refusal("x" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    "text", ["9" * 4301, "0x" + "f" * 4000, "1" + ":59" * 1500, "1." + "0" * 5000]
)
def test_a_number_that_python_could_not_print_is_refused(text: str) -> None:
    refusal(text)


def test_a_sexagesimal_float_beyond_all_floats_is_refused() -> None:
    refusal("1" + ":59" * 1000 + ".0")


# Here quadratic time would be minutes, and backtracking would be for ever.
SECONDS = 10.0


def is_read_in_time(head: str, unit: str, length: int) -> bool:
    text = (head + unit * (length // len(unit)))[:length]
    start = time.perf_counter()
    try:
        decode(text)
    except AttrError as error:
        assert str(error).isprintable()
    return time.perf_counter() - start < SECONDS


@pytest.mark.parametrize("unit", ["[", " ", '"', "'", "''", "\\", "a ", "#", "\n", "1", "a", "{}"])
def test_the_longest_hostile_text_is_read_in_time(unit: str) -> None:
    for head in ("", '"', "- "):
        assert is_read_in_time(head, unit, MAX_BYTES)


@pytest.mark.parametrize(
    "unit",
    [
        *["[],", "{a: ", " \n", "# \n", "\t", '"\\', "\\\n", " a", "a\n", "a  \n\n", "a: ", "a:\n"],
        *["- ", "- a\n", "a: b\n", "? a\n", "? ", ":", "a #", "1:1", "1_", "0", "-", ".", "\r"],
        *["---\n", "...\n", "- |\n   a\n", " " * 999 + "\n", " " * 999 + "a", "? 'a\n  '\n"],
        *["- " + "1:11" * 1000 + "\n", "- " + "1" * 4300 + "\n", '"a": 1, '],
    ],
)
def test_time_is_in_proportion_to_length(unit: str) -> None:
    for head in ("", '"', "'", "[", "{", "- ", "a: ", "- |\n  ", ">\n"):
        assert is_read_in_time(head, unit, MAX_BYTES // 16)
