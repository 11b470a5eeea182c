"""How a command line is read, and what is said of one that does not fit."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest
from docopt import DocoptExit, docopt
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent import protocol
from guild_sync.cli import arguments, table, usages
from guild_sync.cli.arguments import Arguments, parse
from guild_sync.commands import remote
from guild_sync.errors import UsageError

USAGE = """Show things.

Usage:
  guild show [options] [-t TAG]... [NAME]...

Options:
  -n, --limit N      At most N.
  -r, --remote NAME  There.
  -t, --tag TAG      Tagged.
  -y, --yes          Do not ask.
  --help             Show this help and exit.

[filters]
"""


def read(*argv: str) -> Arguments:
    return parse(USAGE, ["show", *argv])


def values(*argv: str) -> dict[str, object]:
    """All that is read, by name, whatever it is."""
    return dict(read(*argv)._values)


def message(*argv: str) -> str:
    with pytest.raises(UsageError) as error:
        read(*argv)
    assert error.value.hint == "Try 'guild show --help'."
    return error.value.message


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["remote", "lgoin", "x"], "login"),
        (["remote", "login", "--froce", "x"], "--force"),
        (["remote", "login", "--froce=1", "x"], "--force"),
        (["remote", "--", "lgoin"], None),
        (["remote", "dance", "x"], None),
        (["remote", "start", "x", "-q"], None),
    ],
)
def test_what_is_nearly_right_is_proposed(argv: list[str], meant: str | None) -> None:
    with pytest.raises(UsageError) as error:
        parse(remote.__doc__ or "", argv)
    did_you_mean = f"Did you mean {meant!r}? " if meant else ""
    assert error.value.hint == f"{did_you_mean}Try 'guild remote --help'."


# What fits.


@pytest.mark.parametrize(
    "argv",
    [
        ("-n", "1"),
        ("-n1",),
        ("--limit", "1"),
        ("--limit=1",),
        ("--lim", "1"),
    ],
)
def test_a_value_may_be_attached_or_not(argv: tuple[str, ...]) -> None:
    assert values(*argv)["--limit"] == "1"


def test_short_options_may_be_bundled() -> None:
    args = values("-yn1")
    assert (args["--yes"], args["--limit"]) == (True, "1")


def test_options_may_come_behind_arguments() -> None:
    args = values("a", "-y", "b")
    assert (args["NAME"], args["--yes"]) == (["a", "b"], True)


def test_an_option_may_be_given_several_times_where_the_usage_says_so() -> None:
    assert values("-t", "a", "--tag", "b")["--tag"] == ["a", "b"]


def test_behind_two_dashes_all_are_arguments() -> None:
    args = read("--", "-y", "-Sr", "--help")
    assert args.texts("NAME") == ["-y", "-Sr", "--help"]
    assert not any(args.is_given(name) for name in ("--yes", "--running", "--help"))


@pytest.mark.parametrize("value", ["", " ", "a b", "a=b", "é", "$(touch x)", "x" * 100_000])
def test_a_value_comes_through_unchanged(value: str) -> None:
    assert values("-t", value)["--tag"] == [value]


# Options with two letters.


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("-Sr", "--running"),
        ("-Sc", "--completed"),
        ("-Se", "--error"),
        ("-St", "--terminated"),
        ("-Sp", "--pending"),
        ("-Ss", "--staged"),
    ],
)
def test_a_two_letter_option_is_its_long_name(short: str, long: str) -> None:
    assert values(short) == values(long)
    assert values(short)[long] is True


def test_letters_of_statuses_may_be_bundled() -> None:
    assert values("-Set") == values("--error", "--terminated")


@pytest.mark.parametrize("word", ["-Sx", "-S", "-Srx"])
def test_letters_of_no_status_are_not_known(word: str) -> None:
    assert message(word) == f"unrecognized option {word!r}"


def test_a_value_that_looks_like_a_two_letter_option_is_a_value() -> None:
    assert values("-r", "-Sr")["--remote"] == "-Sr"


def test_a_value_may_be_called_help() -> None:
    try:
        assert values("-r", "--help")["--remote"] == "--help"
    except SystemExit:
        raise AssertionError("it showed the help") from None


# Help.


@pytest.mark.parametrize("argv", [("--help",), ("-y", "a", "--help"), ("--wrong", "-h"), ("-h",)])
def test_help_is_shown_wherever_it_is_asked_for(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        values(*argv)
    assert end.value.code == 0
    assert capsys.readouterr().out == arguments.shown(USAGE).strip() + "\n"


def test_h_is_an_option_where_a_command_has_it() -> None:
    usage = "Usage:\n  guild x [options]\n\nOptions:\n  -h, --human  Sizes for people.\n"
    assert arguments.parse(usage, ["x", "-h"]).is_set("--human")


# What does not fit.


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (("--wrong",), "unrecognized option '--wrong'"),
        (("--wrong=1",), "unrecognized option '--wrong'"),
        (("-w",), "unrecognized option '-w'"),
        (("-w1",), "unrecognized option '-w1'"),
        (("--limit",), "--limit requires argument"),
        (("-n",), "-n requires argument"),
        (("--yes=1",), "--yes must not have an argument"),
    ],
)
def test_what_does_not_fit_is_said_on_one_line(argv: tuple[str, ...], what: str) -> None:
    assert message(*argv) == what


@pytest.mark.parametrize("option", ["--not", "--ta=", "--no"])
def test_a_beginning_that_several_options_have_is_refused(option: str) -> None:
    if option == "--ta=":
        assert values("--ta=x")["--tag"] == ["x"]
    else:
        assert "\n" not in message(option)


def test_an_argument_too_many_is_said_to_be_one() -> None:
    with pytest.raises(UsageError) as error:
        parse("Usage:\n  guild sync [options]\n\nOptions:\n  --help  Help.\n", ["sync", "x"])
    assert error.value.message == "'x' is an argument too many"
    assert error.value.hint == "Try 'guild sync --help'."


def test_a_command_behind_no_dashes_is_told_where_it_belongs() -> None:
    lines = "  guild shell [options] [RUN]\n  guild shell [options] [RUN] -- COMMAND [ARG]...\n"
    usage = f"Usage:\n{lines}\nOptions:\n  -n N  A number.\n"
    with pytest.raises(UsageError) as error:
        parse(usage, ["shell", "-n", "1", "2", "ls"])
    assert error.value.message == "'ls' is an argument too many"
    hint = "A command has '--' in front of it. Try 'guild shell --help'."
    assert error.value.hint == hint
    with pytest.raises(UsageError) as error:
        parse(usage, ["shell", "ls", "-l"])
    assert (error.value.message, error.value.hint) == ("unrecognized option '-l'", hint)
    assert parse(usage, ["shell", "2", "--", "ls", "x"]).texts("ARG") == ["x"]


def test_an_argument_too_few_is_said_to_be_missing() -> None:
    usage = "Usage:\n  guild copy [-n N] FROM TO [RUN]...\n\nOptions:\n  -n N  A number.\n"
    for argv, missing in (
        (["copy"], "FROM"),
        (["copy", "-n", "1"], "FROM"),
        (["copy", "-n", "1", "a"], "TO"),
    ):
        with pytest.raises(UsageError) as error:
            parse(usage, argv)
        assert error.value.message == f"{missing} is missing"


def test_a_long_name_of_guild_ais_means_the_same() -> None:
    usage = "Usage:\n  guild runs [options]\n\nOptions:\n  -s, --simple  Show less.\n"
    assert parse(usage, ["runs", "--simplified"]).is_set("--simple")


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["-n", "-Sr"])))
def test_any_line_is_read_or_refused_on_one_line(argv: list[str]) -> None:
    try:
        values(*argv)
    except UsageError as e:
        assert len(e.message.splitlines()) == 1
    except SystemExit as e:
        assert e.code == 0


def docopts(usage: str, words: list[str]) -> dict[str, object] | str:
    """What docopt reads, or the first line that it says."""
    try:
        read = docopt(usage, words, default_help=False)
    except DocoptExit as e:
        return str(e.args[0]).splitlines()[0]
    # What is false or empty stands for an option that is not given, or is not there at all.
    return {name: value for name, value in read.items() if value}


@given(st.data())
def test_docopt_reads_the_same_from_the_options_that_may_be_meant(data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(sorted(table.COMMANDS)))
    usage = arguments.whole(
        import_module(f"guild_sync.commands.{table.module_of(command)}").__doc__ or ""
    )
    names = [name for option in usages.options(usage) for name in option.names]
    name = st.sampled_from(names)
    beginning = st.builds(lambda whole, length: whole[: length + 1], name, st.integers(1, 8))
    valued = st.builds(lambda whole, value: f"{whole}{value}", name, st.sampled_from(["=x", "1"]))
    plain = st.sampled_from(["x", "1", "--", "-", "list", command])
    words = [command, *data.draw(st.lists(name | beginning | valued | plain, max_size=6))]
    several = sorted(name for name in names if name in arguments._SEVERAL_TIMES)
    repeats = "".join(f"[{option} X]... " for option in several)
    as_it_is = docopts(usage.replace("[options]", f"{repeats}[options]"), words)
    assert docopts(arguments._for_docopt(usage, words), words) == as_it_is


@pytest.mark.parametrize("command", table.COMMANDS)
def test_no_option_of_a_usage_is_overlooked(command: str) -> None:
    usage = arguments.usage_of(table.file_of(command))
    listed = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", usage, re.M)
    known = {name for option in usages.options(usage) for name in option.names}
    assert listed and set(listed) <= known


# What is made of it.


def filters(*argv: str) -> dict[str, Any]:
    return arguments.filters(read(*argv))


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (("-Sr",), ["running"]),
        (("-Ste",), ["error", "terminated"]),
        (("-Srl",), ["running", "lost"]),
        (("--not-running",), ["completed", "error", "terminated", "pending", "staged", "lost"]),
        (("-Sre", "--not-error"), ["running"]),
    ],
)
def test_status_options_name_statuses(argv: tuple[str, ...], found: list[str]) -> None:
    assert filters(*argv) == {"status": found}


def test_each_status_has_its_options() -> None:
    assert sorted(arguments.STATUSES) == sorted(protocol.STATUSES)
    for status in protocol.STATUSES:
        others = [s for s in arguments.STATUSES if s != status]
        assert filters(f"--{status}") == {"status": [status]}
        assert filters(f"--not-{status}") == {"status": others}


def test_mine_is_the_user_at_this_guild_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert filters("--mine") == {"mine": {"user": "ann", "home": ""}}, "none yet"


def test_no_option_is_no_filter() -> None:
    assert filters("a", "-n1") == {}


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (("-Fo", "train"), {"operation": ["train"]}),
        (("-Fl", "best of"), {"label": ["best of"]}),
        (("-Ft", "new"), {"tag": ["new"]}),
        (("-Fc", "note"), {"comment": ["note"]}),
        (("-Fd", "0af"), {"digest": ["0af"]}),
        (("-Fo", "a", "--operation=b", "-Fo", "c"), {"operation": ["a", "b", "c"]}),
        (("-Fu",), {"unlabeled": True}),
        (("-Fm",), {"marked": True}),
        (("-Fn",), {"marked": False}),
        (("-Fm", "-Fo", "x", "-Sr"), {"marked": True, "operation": ["x"], "status": ["running"]}),
    ],
)
def test_filter_options_say_which_runs(argv: tuple[str, ...], found: dict[str, Any]) -> None:
    assert filters(*argv) == found


@pytest.mark.parametrize(
    ("short", "long"), [("-F", "--filter"), ("-Fs", "--started"), ("-Fo", "--operation")]
)
def test_an_option_with_a_value_has_a_long_name_too(short: str, long: str) -> None:
    assert values(short, "today") == values(long, "today") == values(f"{long}=today")


@pytest.mark.parametrize("argv", [("-F", "status = = 1"), ("-Fs", "whenever"), ("-F", "(")])
def test_an_expression_or_a_range_that_is_none_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        filters(*argv)


def test_marked_and_unmarked_exclude_each_other() -> None:
    with pytest.raises(UsageError) as error:
        filters("-Fm", "-Fn")
    assert error.value.message == "--marked and --unmarked exclude each other"


def test_a_status_that_is_asked_for_and_refused_is_not_all_statuses() -> None:
    with pytest.raises(UsageError):
        filters("-Sr", "--not-running")


def test_an_empty_label_is_not_any_label() -> None:
    assert filters("-Fl", "") != {}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1", 1), ("999999999", 999_999_999)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    assert arguments.whole_number(read("-n", text), "--limit") == number
    assert arguments.whole_number(read(), "--limit") is None


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "1" * 10, " 1", "1\n"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        arguments.whole_number(read(f"--limit={text}"), "--limit")
    assert error.value.message == f"--limit takes a whole number, not {text!r}"


def test_digits_of_another_script_are_no_whole_number() -> None:
    with pytest.raises(UsageError):
        arguments.whole_number(read("--limit=\u0663"), "--limit")
