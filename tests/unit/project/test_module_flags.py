"""What flags a module offers, read from its source."""

from __future__ import annotations

from contextlib import suppress
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.programs.offered import ImportedFlag
from guild_sync.programs.spelling import Spelling
from guild_sync.project.module_flags import ModuleFlags, module_flags


def flags_of(source: str) -> ModuleFlags:
    return module_flags(dedent(source), "train.py")


def defaults(source: str) -> dict[str, object]:
    found = flags_of(source)
    assert found.dest == "globals"
    return {name: flag.default for name, flag in found.flags.items()}


def options(*calls: str) -> dict[str, ImportedFlag]:
    """The flags of a module whose parser has these options, each the text of its arguments."""
    lines = ["import argparse", "p = argparse.ArgumentParser()"]
    found = flags_of("\n".join([*lines, *(f"p.add_argument({call})" for call in calls)]))
    assert found.dest == "args"
    return dict(found.flags)


def option(call: str) -> ImportedFlag:
    (flag,) = options(call).values()
    return flag


# Globals.


def test_a_module_without_a_parser_offers_the_literals_that_it_assigns() -> None:
    source = """
        batch_size = 32
        rate = -1e-3
        name: str = "cnn"
        debug = False
        resume = None
        layers = [1, (2, 3), {"a": -4}]
        """
    assert defaults(source) == {
        "batch_size": 32,
        "rate": -1e-3,
        "name": "cnn",
        "debug": False,
        "resume": None,
        "layers": [1, (2, 3), {"a": -4}],
    }


def test_a_global_has_its_own_name_and_nothing_that_only_options_have() -> None:
    assert flags_of("batch_size = 32").flags["batch_size"] == ImportedFlag(
        name="batch_size",
        default=32,
        type=None,
        choices=(),
        required=False,
        switch=None,
        several=False,
        spelling=None,
        help="",
    )


def test_globals_come_in_source_order() -> None:
    assert list(defaults("b = 1\na = 2\nc = 3\nb = 4")) == ["b", "a", "c"]


def test_the_last_literal_that_a_name_is_assigned_is_its_default() -> None:
    assert defaults("x = 1\nx = 2\nx = x * 2") == {"x": 2}


def test_each_name_of_a_chained_assignment_is_a_flag() -> None:
    assert defaults("a = b = 1") == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "line",
    [
        "_private = 1",
        "__version__ = '1'",
        "x = 2 * 3",
        "x = [y]",
        "x = f'{1}'",
        "x = b'bytes'",
        "x = 1j",
        "x = {1, 2}",
        "x = {[]: 1}",
        "x = ...",
        "x: int",
        "a.x = 1",
        "a[0] = 1",
        "x, y = 1, 2",
        "x += 1",
        "def f(): x = 1",
        "class A: x = 1",
        "for i in []: x = 1",
        "if __name__ == '__main__': x = 1",
        "import os",
    ],
)
def test_what_is_no_public_name_with_a_literal_at_top_level_is_no_flag(line: str) -> None:
    assert defaults(line) == {}


def test_a_module_that_only_imports_argparse_still_has_globals() -> None:
    assert defaults("import argparse\nx = 1") == {"x": 1}


def test_another_librarys_parser_is_not_argparses() -> None:
    assert defaults("import other\np = other.ArgumentParser()\nx = 1") == {"x": 1}


# A parser.


@pytest.mark.parametrize(
    "source",
    [
        "import argparse\np = argparse.ArgumentParser()",
        "import argparse as ap\np = ap.ArgumentParser('x')",
        "from argparse import ArgumentParser\np = ArgumentParser()",
        "from argparse import ArgumentParser as Parser\np = Parser()",
        "from argparse import *\np = ArgumentParser()",
        "def main():\n    import argparse\n    return argparse.ArgumentParser()",
        "import argparse\nclass P(argparse.ArgumentParser): pass\np = P()",
    ],
)
def test_a_module_that_builds_a_parser_has_options_and_no_globals(source: str) -> None:
    assert flags_of(f"x = 1\n{source}") == ModuleFlags("args", {})


def test_an_option_has_what_its_call_says() -> None:
    call = "'-b', '--batch-size', type=int, default=32, choices=[32, 64], required=True, help='a'"
    assert option(call) == ImportedFlag(
        name="batch-size",
        default=32,
        type="int",
        choices=(32, 64),
        required=True,
        switch=None,
        several=False,
        spelling=Spelling("--batch-size", names=("-b", "--batch-size"), is_asked_for=True, no="0"),
        help="a",
    )


def test_the_flag_is_the_first_long_option_as_it_is_written_whatever_its_dest() -> None:
    assert list(options("'-x', '--some_thing', '--alias', dest='other'")) == ["some_thing"]


@pytest.mark.parametrize(
    "call",
    [
        "'path'",
        "'path', nargs='?', default='here'",
        "'--'",
        "name",
        "'--help', action='help'",
        "'--version', action='version'",
    ],
)
def test_what_cannot_be_given_as_name_and_value_is_no_flag(call: str) -> None:
    assert options(call) == {}


@pytest.mark.parametrize(
    ("python_type", "flag_type"),
    [
        ("int", "int"),
        ("float", "float"),
        ("str", "string"),
        ("bool", "boolean"),
        ("Path", None),
        ("lambda s: s", None),
    ],
)
def test_an_options_type_is_known_where_it_is_a_builtin_one(
    python_type: str, flag_type: str | None
) -> None:
    assert option(f"'--x', type={python_type}").type == flag_type


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("-0.5", -0.5),
        ("[1, 2]", [1, 2]),
        ("None", None),
        ("N", 7),
        ("UNKNOWN", None),
        ("os.environ['X']", None),
        ("argparse.SUPPRESS", None),
    ],
)
def test_a_default_is_a_literal_or_a_name_that_the_module_gives_one(
    default: str, value: object
) -> None:
    source = f"""
        import argparse
        argparse.ArgumentParser().add_argument('--x', default={default})
        N = 7
        """
    assert flags_of(source).flags["x"].default == value


@pytest.mark.parametrize(
    ("choices", "values"),
    [
        ("('a', 'b')", ("a", "b")),
        ("{'b', 'a'}", ("b", "a")),
        ("{'a': 1}", ("a",)),
        ("['a', b]", ()),
        ("range(3)", ()),
    ],
)
def test_choices_are_known_where_all_of_them_are_literals(
    choices: str, values: tuple[object, ...]
) -> None:
    assert option(f"'--x', choices={choices}").choices == values


def test_a_switch_says_what_giving_it_means_and_defaults_to_the_opposite() -> None:
    on = option("'--on', action='store_true'")
    off = option("'--off', action='store_false'")
    assert (on.switch, on.default) == (True, False)
    assert (off.switch, off.default) == (False, True)
    assert option("'--on', action='store_true', default=None").default is None


def test_an_option_with_its_own_no_form_is_a_boolean_and_no_switch() -> None:
    flag = option("'--x', action=argparse.BooleanOptionalAction, default=True")
    assert (flag.type, flag.switch, flag.default) == ("boolean", None, True)


@pytest.mark.parametrize(
    ("keyword", "several"),
    [
        ("nargs='+'", True),
        ("nargs='*'", True),
        ("nargs=2", True),
        ("action='append'", True),
        ("nargs=1", True),
        ("nargs='?'", False),
        ("action='store'", False),
    ],
)
def test_an_option_may_take_several_values(keyword: str, several: bool) -> None:
    assert option(f"'--x', {keyword}").several is several


def test_options_are_found_in_functions_and_groups_in_source_order() -> None:
    source = """
        from argparse import ArgumentParser

        class Program:
            def parse(self):
                self.parser = ArgumentParser()
                self.parser.add_argument("--one")
                group = self.parser.add_argument_group("more")
                group.add_argument("--two")
                more(self.parser.add_mutually_exclusive_group())

        def more(parser):
            for _ in range(1):
                parser.add_argument("--three")
        """
    assert list(flags_of(source).flags) == ["one", "two", "three"]


def test_the_options_of_subcommands_are_left_out() -> None:
    source = """
        from argparse import ArgumentParser

        def train(commands):
            parser = commands.add_parser("train")
            parser.add_argument("--epochs")
            parser.add_argument_group("x").add_argument("--rate")
            group = parser.add_mutually_exclusive_group()
            group.add_argument("--fast")

        parser = ArgumentParser()
        parser.add_argument("--before")
        commands = parser.add_subparsers()
        commands.add_parser("test").add_argument("--strict")
        train(commands)
        parser.add_argument("--after")
        """
    assert list(flags_of(source).flags) == ["before", "after"]


# What is not a module.


def test_nothing_is_executed() -> None:
    assert defaults("raise SystemExit('executed')\nx = 1") == {"x": 1}


def test_a_byte_order_mark_is_no_part_of_the_source() -> None:
    assert defaults("\ufeffx = 1") == {"x": 1}


def test_the_users_warnings_are_kept_for_the_run(recwarn: pytest.WarningsRecorder) -> None:
    assert defaults(r"x = '\d'") == {"x": r"\d"}
    assert not recwarn.list


def test_a_syntax_error_names_its_file_and_line() -> None:
    with pytest.raises(SyntaxError) as caught:
        module_flags("x = 1\nx = = 2", "train.py")
    assert (caught.value.filename, caught.value.lineno) == ("train.py", 2)


@pytest.mark.parametrize("source", ["x = 1\0", "x = " + "-" * 100_000 + "1", "x = '\ud800'"])
def test_what_python_cannot_parse_is_a_value_error(source: str) -> None:
    with pytest.raises(ValueError):
        module_flags(source, "train.py")


@given(st.text())
def test_any_text_is_flags_or_one_of_the_two_errors(source: str) -> None:
    with suppress(SyntaxError, ValueError):
        module_flags(source, "train.py")


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(
    st.recursive(
        _SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_any_literal_is_read_as_python_reads_it(value: object) -> None:
    assert defaults(f"x = {value!a}") == {"x": value}
