"""An operation's argparse, held against Python: what guild passes is what its author would type.

Each declaration is executed twice: with the words that guild's job has, and with those that a
person types. So it is with the other Pythons that are here, which may be those of operations.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from declared import HEADER, TABLE
from hypothesis import given, settings
from hypothesis import strategies as st
from namespaces import namespace, namespaces, other_pythons
from projects import job, only

from guild_sync.errors import GuildError
from guild_sync.project.definitions import Operation
from guild_sync.project.flags import flag_values
from guild_sync.project.values import FlagValue, Several


def operation_of(folder: Path, source: str, main: str = "") -> Operation:
    """The operation that runs the module with these words."""
    return only(folder, f"op: {{main: {shlex.quote(f'module {main}')}}}", module=source)


def both(folder: Path, source: str, flags: str, words: str, main: str = "") -> tuple[str, str]:
    """What the module sees when guild runs it, and when a person does."""
    case = case_of(folder, HEADER + source, flags, words, main)
    return namespace(case.source, case.ours), namespace(case.source, case.typed)


@dataclass(frozen=True)
class Case:
    """A module, the words that guild passes it, and those that a person types."""

    source: str
    ours: Sequence[str]
    typed: Sequence[str]


def case_of(folder: Path, source: str, flags: str, words: str, main: str = "") -> Case:
    args = job(operation_of(folder, source, main), *shlex.split(flags))["args"]
    return Case(source, args, shlex.split(words))


def compare_in_others(cases: Sequence[Case]) -> None:
    """Each of the other Pythons makes the same of guild's words and of a person's."""
    asked = [(case.source, words) for case in cases for words in (case.ours, case.typed)]
    for python in other_pythons():
        answers = namespaces(python, asked)
        pairs = zip(cases, answers[::2], answers[1::2], strict=True)
        assert [(case, ours, typed) for case, ours, typed in pairs if ours != typed] == []


@pytest.mark.parametrize(("call", "flags", "words"), TABLE)
def test_what_is_passed_is_what_its_author_would_type(
    tmp_path: Path, call: str, flags: str, words: str
) -> None:
    ours, pythons = both(tmp_path, f"p.add_argument({call})\n", flags, words)
    assert ours == pythons


def test_an_option_that_comes_again_with_several_words_has_one_value_of_lists(
    tmp_path: Path,
) -> None:
    operation = operation_of(tmp_path, f"{HEADER}p.add_argument('--x', action='append', nargs=2)\n")

    def value(text: str) -> FlagValue:
        return flag_values(operation, [f"x={text}"])["x"]

    assert value("[[a,b],[c,d]]") == [["a", "b"], ["c", "d"]]
    assert value("[[[a,b],[c,d]],[[e,f]]]") == Several(([["a", "b"], ["c", "d"]], [["e", "f"]]))
    assert value("[a,b]") == ["a", "b"]


def test_other_pythons_see_what_their_argparse_makes_of_it(tmp_path: Path) -> None:
    compare_in_others(
        [
            case_of(tmp_path, f"{HEADER}p.add_argument({call})\n", flags, words)
            for call, flags, words in TABLE
        ]
    )


COMMANDS = """
p.add_argument("--seed", type=int, default=1)
p.add_argument("--ids", nargs="+", type=int)
p.add_argument("--level", nargs="?", const=2, type=int)
c = p.add_subparsers(dest="command")
common = argparse.ArgumentParser(add_help=False)
common.add_argument("--rate", type=float, default=0.1)
t = c.add_parser("train", parents=[common], aliases=["t"])
t.add_argument("data", nargs="?")
t.add_argument("--seed-too", action="store_true")
inner = t.add_subparsers()
deep = inner.add_parser("deep")
deep.add_argument("--depth", type=int, default=3)
e = c.add_parser("test")
e.add_argument("--strict", action="store_true")
for q in (t, e):
    q.add_argument("--shared", default="s")
"""


COMMAND_LINES = [
    ("", "seed=2", "--seed 2"),
    ("train", "", "train"),
    ("train", "rate=0.5 seed=2 seed-too=yes", "--seed 2 train --rate 0.5 --seed-too"),
    ("t", "rate=0.5", "t --rate 0.5"),
    ("test", "strict=yes shared=x", "test --strict --shared x"),
    ("train", "ids='1 2'", "--ids 1 2 --seed 1 train"),
    ("train", "ids=[1,2] level=2", "--level --ids 1 2 --seed 1 train"),
    ("--level 3 train", "ids=[1,2] seed=4", "--level 3 --ids 1 2 --seed 4 train"),
    ("train here", "rate=0.5", "train here --rate 0.5"),
    ("--seed 5 train", "rate=0.5", "--seed 5 train --rate 0.5"),
    ("--seed 5 train", "seed=6", "--seed 6 train"),
    ("train x deep", "depth=4 rate=0.2", "train --rate 0.2 x deep --depth 4"),
]


@pytest.mark.parametrize(("main", "flags", "words"), COMMAND_LINES)
def test_options_stand_before_and_behind_the_word_of_a_subcommand(
    tmp_path: Path, main: str, flags: str, words: str
) -> None:
    ours, pythons = both(tmp_path, COMMANDS, flags, words, main=main)
    assert ours == pythons


def test_other_pythons_find_the_word_of_a_subcommand(tmp_path: Path) -> None:
    source = HEADER + COMMANDS
    compare_in_others(
        [case_of(tmp_path, source, flags, words, main) for main, flags, words in COMMAND_LINES]
    )


def test_a_subcommand_offers_its_options_and_those_before_it_alone(tmp_path: Path) -> None:
    def flags(main: str) -> list[str]:
        source = HEADER + COMMANDS
        return list(only(tmp_path, f"op: {{main: module {main}}}", module=source).flags)

    above = ["seed", "ids", "level"]
    assert flags("") == above
    assert flags("train") == [*above, "rate", "seed-too", "shared"]
    assert flags("train deep") == [*above, "rate", "seed-too", "shared", "depth"]
    assert flags("test") == [*above, "strict", "shared"]


def test_what_ends_several_values_before_a_subcommand_is_an_option_that_says_something(
    tmp_path: Path,
) -> None:
    source = """
p.add_argument("-v", action="count", default=0)
p.add_argument("--ids", nargs="+", type=int)
p.add_argument("--seed", type=int, default=1)
p.add_subparsers().add_parser("train")
"""
    ours, pythons = both(tmp_path, source, "ids=[1]", "--ids 1 --seed 1 train", main="train")
    assert ours == pythons


LAUNCHER = """
p.add_argument("-n", "--number", type=int, default=1)
p.add_argument("--level", nargs="?", type=int)
p.add_argument("--debug", action=argparse.BooleanOptionalAction)
p.add_argument("script")
p.add_argument("rest", nargs={0})
"""


@pytest.mark.parametrize("nargs", ["argparse.REMAINDER", "'...'", "'A...'"])
@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("train.py --lr 1", "--no-debug --number 2 train.py --lr 1"),
        ("-n 3 train.py", "-n 3 --no-debug --number 2 train.py"),
        ("--debug --level=3 train.py a", "--debug --level=3 --no-debug --number 2 train.py a"),
        ("train.py --number 4", "--no-debug --number 2 train.py --number 4"),
    ],
)
def test_options_stand_before_an_argument_that_takes_all_that_follows(
    tmp_path: Path, nargs: str, main: str, words: str
) -> None:
    source = LAUNCHER.format(nargs)
    if nargs == "'A...'":  # takes a word at least
        main, words = f"{main} end", f"{words} end"
    ours, pythons = both(tmp_path, source, "number=2 debug=no", words, main=main)
    assert ours == pythons


def test_an_option_of_a_program_that_is_launched_is_not_the_launchers(tmp_path: Path) -> None:
    guildfile = "op: {main: module train.py --number 4, flags: {number: 2}}"
    source = HEADER + LAUNCHER.format("'...'")
    words = ["--number", "2", "train.py", "--number", "4"]
    assert job(only(tmp_path, guildfile, module=source))["args"] == words


@pytest.mark.parametrize(("flags", "words"), [("x=yes", "--x True"), ("x=no", "--x False")])
def test_a_type_that_a_text_names_is_a_function_that_reads_words(
    tmp_path: Path, flags: str, words: str
) -> None:
    source = """
p.register("type", "bool", lambda text: text.lower() == "true")
p.add_argument("--x", type="bool", default=None)
"""
    ours, pythons = both(tmp_path, source, flags, words)
    assert ours == pythons


REQUIRED = "p.add_argument('-x', '--extent', required=True)\n"


@pytest.mark.parametrize("imported", ["", ", flags-import: all"])
@pytest.mark.parametrize("words", ["--extent 1", "--extent=1", "-x 1", "-x1", "--ext 1"])
def test_a_required_option_that_main_has_is_not_asked_for(
    tmp_path: Path, words: str, imported: str
) -> None:
    guildfile = f"op: {{main: module {words}{imported}}}"
    operation = only(tmp_path, guildfile, module=HEADER + REQUIRED)
    assert job(operation)["args"] == words.split()
    assert job(operation, "extent=2")["args"] == [*words.split(), "--extent", "2"]


def test_a_required_option_that_is_no_flag_of_runs_is_left_to_the_program(tmp_path: Path) -> None:
    source = HEADER.replace("()", "(fromfile_prefix_chars='@')") + REQUIRED
    assert job(only(tmp_path, "op: {main: module @words}", module=source))["args"] == ["@words"]
    operation = only(tmp_path, "op: {main: module, flags-import: all}", module=source)
    with pytest.raises(GuildError, match="flag 'extent' needs a value"):
        job(operation)


@pytest.mark.parametrize("words", ["-l 3", "--lr=3", "--l 3"])
def test_an_option_that_main_has_by_another_name_is_not_passed_again(
    tmp_path: Path, words: str
) -> None:
    source = f"{HEADER}p.add_argument('-l', '--lr', type=float, default=1.0)\n"
    guildfile = f"op: {{main: module {words}, flags: {{lr: 2.0}}}}"
    operation = only(tmp_path, guildfile, module=source)
    assert job(operation)["args"] == words.split()
    assert job(operation, "lr=4.0")["args"] == [*words.split(), "--lr", "4.0"]


def test_values_that_would_swallow_a_subcommand_are_refused(tmp_path: Path) -> None:
    source = f"{HEADER}p.add_argument('--ids', nargs='+')\n"
    source += "p.add_argument('-v', action='count', default=0)\n"  # 0 has no words
    source += "p.add_subparsers().add_parser('train')\n"
    operation = only(tmp_path, "op: {main: module train}", module=source)
    assert job(operation)["args"] == ["train"]
    with pytest.raises(GuildError) as error:
        job(operation, "ids=[1,2]")
    assert error.value.message == ("flag 'ids': --ids would take 'train' for one more value")


@pytest.mark.parametrize(
    ("call", "flag", "problem"),
    [
        ("'--x', nargs='+'", "x=[a,-b]", "flag 'x': '-b' would be read as an option"),
        (
            "'--x', action='store_true', default=True",
            "x=no",
            "flag 'x': --x can only say yes, as it is",
        ),
        ("'--x', nargs='+'", "x=[]", "flag 'x': --x needs a value"),
        ("'-x', action='count', default=2", "x=1", "flag 'x': must be a number from 2 to 1002"),
        ("'-x', action='count'", "x=1000000000", "flag 'x': must be a number from 0 to 1000"),
    ],
)
def test_what_nobody_can_type_is_refused(
    tmp_path: Path, call: str, flag: str, problem: str
) -> None:
    source = f"{HEADER}p.add_argument({call})\n"
    with pytest.raises(GuildError) as error:
        job(only(tmp_path, "op: {main: module}", module=source), flag)
    assert error.value.message == problem


SOURCES = {
    "groups": """
g = p.add_argument_group("more")
g.add_argument("--x", type=int, default=1)
m = p.add_mutually_exclusive_group()
m.add_argument("--on", action="store_true")
m.add_argument("--off", dest="on", action="store_false")
""",
    "parents": """
base = argparse.ArgumentParser(add_help=False)
base.add_argument("--x", type=int, default=1)
p = argparse.ArgumentParser(parents=[base])
p.add_argument("--on", action="store_true")
""",
    "functions": """
def add(q, more):
    q.add_argument("--x", type=int, default=1)
    more.add_argument("--on", action="store_true")

def build():
    parser = argparse.ArgumentParser()
    add(parser, more=parser.add_argument_group("a"))
    return parser

p = build()
""",
    "either of two": """
def add(q, more=None):
    (more or q).add_argument("--x", type=int, default=1)
    (q if more is None else more).add_argument("--on", action="store_true")

add(p)
other = argparse.ArgumentParser()
add(other, other.add_argument_group("a"))
""",
    "set_defaults": """
p.add_argument("--x", type=int, default=1)
p.add_argument("--on", action="store_true")
p.set_defaults(x=2)
""",
    "defaults that are names": """
X = 1
Y = 3
Y = Y * 2
p.add_argument("--x", type=int, default=X)
p.add_argument("--y", type=int, default=Y)
p.add_argument("--on", action="store_true")
""",
    "one dest for two": """
p.add_argument("--y", dest="x", type=int, default=5)
p.add_argument("--x", type=int, default=1)
p.add_argument("--on", action="store_true")
""",
    "either": """
if Path("/").exists():
    p.add_argument("--x", type=int, default=1)
else:
    p.add_argument("--x", type=int, default=2)
p.add_argument("--on", action="store_true")
""",
    "loops": """
for name in "a", "b":
    p.add_argument("--" + name, default=1)
for _ in range(1):
    p.add_argument("--x", type=int, default=1)
p.add_argument("--on", action="store_true")
""",
}


@pytest.mark.parametrize("flags", ["", "x=1", "x=2", "x=3 on=yes", "on=no"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_default_that_the_source_has_is_left_to_it_however_it_is_written(
    tmp_path: Path, source: str, flags: str
) -> None:
    words = [f"--{flag}" for flag in flags.split() if "on=" not in flag]
    words += ["--on"] if "on=yes" in flags else []
    ours, pythons = both(tmp_path, source, flags, shlex.join(words))
    assert ours == pythons


def test_a_default_of_guild_yml_that_differs_is_passed(tmp_path: Path) -> None:
    source = f"{HEADER}p.add_argument('--x', type=int, default=1)\n"
    guildfile = "op: {{main: module, flags: {{x: {0}}}}}"
    assert job(only(tmp_path, guildfile.format(2), module=source))["args"] == ["--x", "2"]
    assert job(only(tmp_path, guildfile.format(1), module=source))["args"] == []


# Declarations by the hundred.


@dataclass(frozen=True)
class Option:
    """An option, with a value for guild and what a person types for it."""

    call: str
    flag: str
    words: tuple[str, ...]


TEXTS = st.text("ab1-_. ='\"$é/", max_size=6).filter(lambda text: text.strip())
INTS = st.integers(-999, 999)
FLOATS = st.floats(-1e9, 1e9, allow_subnormal=False)
SCALARS: list[tuple[str, st.SearchStrategy[int | float | str]]] = [
    ("int", INTS),
    ("float", FLOATS),
    ("str", TEXTS),
]


@st.composite
def options(draw: st.DrawFn, number: int) -> Option:
    """The option of this number: by one name or two, of any form."""
    short, long = f"-{'abcdefgh'[number]}", f"--name-{number}"
    names = draw(st.sampled_from([[long], [short, long], [short]]))
    form = draw(st.sampled_from([with_a_value, with_several, without_value, with_a_no]))
    made: Option = draw(form(names[-1]))
    return Option(f"{', '.join(map(repr, names))}, {made.call}", made.flag, made.words)


@st.composite
def with_a_value(draw: st.DrawFn, option: str) -> Option:
    kind, scalars = draw(st.sampled_from(SCALARS))
    default, value = draw(st.none() | scalars), draw(scalars)
    more = draw(st.just("") | scalars.map(lambda const: f", nargs='?', const={const!r}"))
    call = f"type={kind}, default={default!r}{more}"
    return Option(call, f"{option.lstrip('-')}={value}", (f"{option}={value}",))


@st.composite
def with_several(draw: st.DrawFn, option: str) -> Option:
    kind, scalars = draw(st.sampled_from(SCALARS))
    how = draw(st.sampled_from(["action='append'", "nargs='+'", "nargs='*'", "nargs=2"]))
    least, most = (2, 2) if how == "nargs=2" else (1, 3)
    values = draw(st.lists(scalars, min_size=least, max_size=most))
    repeated = how == "action='append'"
    if not repeated and len(values) > 1:  # none of which may look like an option
        values = [v.lstrip("-") + "z" if isinstance(v, str) else abs(v) for v in values]
    others = draw(st.none() | st.lists(scalars, max_size=2).filter(lambda v: v != values))
    words = tuple(f"{option}={value}" for value in values)
    if not repeated and len(values) > 1:
        words = (option, *map(str, values))
    call = f"type={kind}, {how}, default={others!r}"
    return Option(call, f"{option.lstrip('-')}={list_text(values)}", words)


@st.composite
def without_value(draw: st.DrawFn, option: str) -> Option:
    flag = option.lstrip("-")
    if draw(st.booleans()):
        start, times = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        call = f"action='count', default={start}"
        return Option(call, f"{flag}={start + times}", (option,) * times)
    switch = draw(st.booleans())
    default = draw(st.sampled_from(["", ", default=None", ", default=True", ", default=False"]))
    call = f"action='store_{str(switch).lower()}'{default}"
    return Option(call, f"{flag}={switch}", (option,))


@st.composite
def with_a_no(draw: st.DrawFn, option: str) -> Option:
    default = draw(st.sampled_from(["", ", default=True", ", default=False"]))
    yes = draw(st.booleans()) or not option.startswith("--")
    words = (option if yes else f"--no-{option[2:]}",)
    call = f"action=argparse.BooleanOptionalAction{default}"
    return Option(call, f"{option.lstrip('-')}={yes}", words)


def list_text(values: Sequence[int | float | str]) -> str:
    """The values as YAML has a list of them."""
    texts = [
        "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
        for value in values
    ]
    return f"[{', '.join(texts)}]"


@st.composite
def declarations(draw: st.DrawFn) -> list[tuple[Option, bool, str]]:
    """Options, whether each is given, and where it stands: `p` is the parser, `t` a subcommand."""
    count = draw(st.integers(1, 5))
    return [
        (draw(options(n)), draw(st.booleans()), draw(st.sampled_from("pgt"))) for n in range(count)
    ]


def test_any_declaration_sees_what_python_gives_it(tmp_path: Path) -> None:
    cases: list[Case] = []

    @settings(max_examples=250, deadline=None)
    @given(declarations())
    def see(declared: list[tuple[Option, bool, str]]) -> None:
        for case in cases_of(tmp_path, declared):
            assert namespace(case.source, case.ours) == namespace(case.source, case.typed)
            cases.append(case)

    see()
    compare_in_others(cases)


def cases_of(folder: Path, declared: list[tuple[Option, bool, str]]) -> Iterator[Case]:
    """A module with these options, without any of their flags and with those that are given."""
    source = f"{HEADER}g = p.add_argument_group('g')\n"
    source += "p.add_argument('--last', type=int, default=0)\n"
    source += "t = p.add_subparsers().add_parser('train')\n"
    source += "".join(f"{place}.add_argument({option.call})\n" for option, _, place in declared)
    flags = [option.flag for option, is_given, _ in declared if is_given]
    before = [w for o, is_given, place in declared if is_given and place != "t" for w in o.words]
    behind = [w for o, is_given, place in declared if is_given and place == "t" for w in o.words]
    words = [*before, "--last=0", "train", *behind]
    operation = operation_of(folder, source, main="train")
    yield Case(source, job(operation)["args"], ["train"])
    yield Case(source, job(operation, *flags)["args"], words)
