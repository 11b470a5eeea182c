"""Completion in bash, zsh and fish: the scripts, and how each hands words to guild and back.

A script calls `guild __complete SHELL ...` and gets a line for each candidate. A line that
begins with a tab asks the shell for names of its own: `files` or `folders`. No word is ever
evaluated by the shell: bash gets them quoted, zsh and fish quote what they insert.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guild_sync.cli.suggestions import Candidate, Names
from guild_sync.errors import UsageError
from guild_sync.output.terminal import clean

BASH = r"""
# guild's completion for bash
_guild() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      $'\tfiles') compopt -o default 2>/dev/null ;;
      $'\tfolders') compopt -o dirnames 2>/dev/null ;;
      *=) compopt -o nospace 2>/dev/null; COMPREPLY+=("$line") ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <(command guild __complete bash "$COMP_WORDBREAKS" "$COMP_LINE" \
    "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -F _guild guild guild-pull guild-sync
"""

ZSH = r"""
#compdef guild guild-pull guild-sync
# guild's completion for zsh
_guild() {
  local line word added=1
  local -a whole whole_shown begun begun_shown
  for line in "${(@f)$(command guild __complete zsh "${(@)words[1,CURRENT]}" 2>/dev/null)}"; do
    word=${line%%$'\t'*}
    case $line in
      '') ;;
      $'\tfiles') _files && added=0 ;;
      $'\tfolders') _files -/ && added=0 ;;
      *'='$'\t'*) begun+=("$word") begun_shown+=("${line/$'\t'/  }") ;;
      *) whole+=("$word") whole_shown+=("${line/$'\t'/  }") ;;
    esac
  done
  compadd -l -d whole_shown -a -- whole && added=0
  compadd -l -S '' -d begun_shown -a -- begun && added=0
  return added
}
if [[ $funcstack[1] == _guild ]]; then
  _guild "$@"
else
  compdef _guild guild guild-pull guild-sync
fi
"""

FISH = r"""
# guild's completion for fish
function __guild_complete
    set -l typed (commandline -ct)
    for line in (command guild __complete fish (commandline -opc) "$typed" 2>/dev/null)
        switch $line
            case \tfiles
                __fish_complete_path "$typed"
            case \tfolders
                __fish_complete_directories "$typed" ''
            case '*'
                printf '%s\n' $line
        end
    end
end
for program in guild guild-pull guild-sync
    complete -c $program -f -a '(__guild_complete)'
end
"""

SCRIPTS = {"bash": BASH.lstrip(), "zsh": ZSH.lstrip(), "fish": FISH.lstrip()}

_PLAIN = re.compile(r"[\w./:=@%+,-]")
_SPECIAL = {"'": re.compile("'"), '"': re.compile(r'["$`\\!]')}


class Word(NamedTuple):
    """A word as it was typed, without its quotes; in which of them it ends, if in one; and
    how much of its text is behind the place where bash inserts.
    """

    text: str
    quote: str = ""
    finished: int = 0


def unquoted(raw: str, breaks: str = "") -> Word:
    """What a shell would make of a word, without expanding anything in it."""
    text, quote, finished = "", "", 0
    characters = iter(raw)
    for character in characters:
        if character == quote:
            quote = ""
        elif character == "\\" and quote != "'":
            following = next(characters, "")
            # Between double quotes a backslash stands for itself before most characters.
            text += following if not quote or following in '"\\$`' else f"\\{following}"
        elif not quote and character in "'\"":
            quote, finished = character, len(text)
        else:
            text += character
            if not quote and character in breaks:
                finished = len(text)
    return Word(text, quote, finished)


def joined(line: str, words: Sequence[str]) -> list[str]:
    """bash's words as people see them: bash ends a word at each `=` and `:`.

    `line` is the command line, which tells `a=b` from `a = b`.
    """
    found: list[str] = []
    for number, word in enumerate(words):
        touches = bool(word) and bool(number) and not line[:1].isspace()
        if touches and (word[0] in "=:@" or words[number - 1][-1:] in ("=", ":", "@")):
            found[-1] += word
        else:
            found.append(word)
        line = line[line.find(word) + len(word) :] if word in line else line
    return found


def typed(shell: str, arguments: Sequence[str]) -> list[Word]:
    """The words of the command line, from the arguments that the script gives."""
    if shell == "bash" and len(arguments) > 2:
        breaks, line, *words = arguments
        return [unquoted(raw, breaks) for raw in joined(line, words)]
    if shell == "zsh" and arguments:
        return [unquoted(raw) for raw in arguments]
    if shell == "fish" and arguments:  # it takes the quotes off itself, but for the last word
        return [*map(Word, arguments[:-1]), unquoted(arguments[-1])]
    raise UsageError(
        "'guild __complete' is for the scripts of 'guild completion'",
        "Try 'guild completion --help'.",
    )


def answer(shell: str, found: Iterable[Candidate | Names], current: Word) -> Iterator[str]:
    """The lines that the script reads."""
    return _lines_for_bash(found, current) if shell == "bash" else _lines_with_meaning(found)


def _lines_for_bash(found: Iterable[Candidate | Names], current: Word) -> Iterator[str]:
    """Lines for COMPREPLY: what bash is to put behind what it has, quoted as that is."""
    for item in found:
        if isinstance(item, Names):
            yield f"\t{item.of}"
            continue
        rest = item.word[current.finished :]
        if not current.quote:
            yield "".join(c if _PLAIN.match(c) else f"\\{c}" for c in rest)
        elif not _SPECIAL[current.quote].search(rest):  # what has it cannot be typed there
            yield rest


def _lines_with_meaning(found: Iterable[Candidate | Names]) -> Iterator[str]:
    """Lines for zsh and fish: a word, a tab, and what it is."""
    for item in found:
        yield f"\t{item.of}" if isinstance(item, Names) else f"{item.word}\t{clean(item.about)}"
