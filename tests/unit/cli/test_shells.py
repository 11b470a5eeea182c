"""How words come from bash, zsh and fish, and go back to them."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guild_sync.cli import shells
from guild_sync.cli.shells import Word
from guild_sync.cli.suggestions import Candidate, Names
from guild_sync.errors import GuildError

BREAKS = " \t\n\"'@><=;|&(:"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain", "plain"),
        (r"two\ words", "two words"),
        ("'two words'", "two words"),
        ("'two w", "two w"),
        ('"say \\"no', 'say "no'),
        ("a'b'\"c\"d", "abcd"),
        ('"a\\b"', "a\\b"),
        ("'it'\\''s'", "it's"),
        ("$(touch canary)", "$(touch canary)"),
        ("$HOME", "$HOME"),
        ("end\\", "end"),
        ("", ""),
    ],
)
def test_quotes_are_taken_off_and_nothing_is_expanded(raw: str, text: str) -> None:
    assert shells.unquoted(raw).text == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_python_quotes_comes_back(text: str) -> None:
    assert shells.unquoted(shlex.quote(text)).text == text


@pytest.mark.parametrize(
    ("line", "words", "joined"),
    [
        ("guild run x=1", ["guild", "run", "x", "=", "1"], ["guild", "run", "x=1"]),
        ("guild run x= ", ["guild", "run", "x", "=", ""], ["guild", "run", "x=", ""]),
        ("guild run x= y", ["guild", "run", "x", "=", "y"], ["guild", "run", "x=", "y"]),
        ("guild run a:b:c", ["guild", "run", "a", ":", "b", ":", "c"], ["guild", "run", "a:b:c"]),
        ("", ["guild", "run", "x", "=", "1"], ["guild", "run", "x=1"]),
        ("guild  run", ["guild", "run"], ["guild", "run"]),
        ("guild runs", ["guild", "runs", ""], ["guild", "runs", ""]),
    ],
)
def test_words_that_bash_takes_apart_are_joined(
    line: str, words: list[str], joined: list[str]
) -> None:
    assert shells.joined(line, words) == joined


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ("ab", Word("ab", "", 0)),
        ("x=ab", Word("x=ab", "", 2)),
        ("m:x=", Word("m:x=", "", 4)),
        (r"x\=ab", Word("x=ab", "", 0)),
        ("x='a=b", Word("x=a=b", "'", 2)),
    ],
)
def test_bash_inserts_behind_its_last_break(raw: str, word: Word) -> None:
    assert shells.unquoted(raw, BREAKS) == word


def for_bash(raw: str, *words: str) -> list[str]:
    return [*shells.answer("bash", map(Candidate, words), shells.unquoted(raw, BREAKS))]


def test_bash_gets_the_rest_of_a_word_quoted_as_its_beginning_is() -> None:
    assert for_bash("x=", "x=a b", "x=$y") == [r"a\ b", r"\$y"]
    assert for_bash("'x=", "x=a b", "x=it's") == ["x=a b"]
    assert for_bash('"x=', "x=a b", "x=$y", 'x="') == ["x=a b"]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_what_bash_gets_is_one_word_to_it(text: str) -> None:
    (line,) = for_bash("", text)
    done = subprocess.run(
        ["bash", "-c", f"printf %s {line}"], capture_output=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == text


def test_zsh_and_fish_get_a_word_and_its_meaning_on_one_line() -> None:
    found: list[Candidate | Names] = [Candidate("a b", "two\nlines\x1b"), Names("files")]
    assert [*shells.answer("zsh", found, Word(""))] == ["a b\ttwo?lines?", "\tfiles"]


def test_fish_has_taken_off_the_quotes_but_for_the_last_word() -> None:
    assert shells.typed("fish", ["guild", "it's", "'a b"]) == [
        Word("guild"),
        Word("it's"),
        Word("a b", "'"),
    ]


def test_no_other_shell_is_answered() -> None:
    with pytest.raises(GuildError):
        shells.typed("tcsh", ["guild", ""])


def test_there_is_a_script_for_each_shell_that_is_offered() -> None:
    from guild_sync.cli.suggestions import SHELLS

    assert tuple(shells.SCRIPTS) == SHELLS
