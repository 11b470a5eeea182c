"""Command lines, read by docopt from the usage that a command's docstring shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from guild_sync.agent.protocol import Filters
from guild_sync.cli import usages
from guild_sync.errors import GuildError, UsageError
from guild_sync.output import console

if TYPE_CHECKING:
    from guild_sync.config.selection import Selection
    from guild_sync.hosts.base import Host


# docopt knows one-letter short options: longer ones become their long names first, as do
# long names that Guild AI has for the same.
LONG_NAMES = {
    "-F": "--filter",
    "-Fo": "--operation",
    "-Fl": "--with-label",
    "-Ft": "--with-tag",
    "-Fc": "--with-comment",
    "-Fd": "--digest",
    "-Fs": "--started",
    "-Fu": "--unlabeled",
    "-Fm": "--marked",
    "-Fn": "--unmarked",
    "-Sr": "--running",
    "-Sc": "--completed",
    "-Se": "--error",
    "-St": "--terminated",
    "-Sp": "--pending",
    "-Ss": "--staged",
    "-Sl": "--lost",
    "-Sh": "--home",
    "-rm": "--remove",
    "-min": "--min",
    "-max": "--max",
    "--simplified": "--simple",
    "--trials": "--max-trials",
    "--dir": "--path",
    # Of Guild AI alone: they are no `-b -l`.
    "-bl": "--batch-label",
    "-bt": "--batch-tag",
    "-bc": "--batch-comment",
}
Unknown = Mapping[str, Sequence[str]]  # a name that no run has -> those like it
_STATUS_LETTERS = {name[2]: long for name, long in LONG_NAMES.items() if name[1] == "S"}
_HOME = "--home"  # where a run is, beside its status
STATUSES = tuple(option[2:] for option in _STATUS_LETTERS.values() if option != _HOME)

# Options of a filter that may be given several times: a run meets any of their values.
_REPEATED = (
    ("--operation", "operation"),
    ("--with-label", "label"),
    ("--with-tag", "tag"),
    ("--with-comment", "comment"),
    ("--digest", "digest"),
)

# These, two of FILE_OPTIONS, and one of `guild run`.
_SEVERAL_TIMES = {*(option for option, _ in _REPEATED), "--exclude", "--include", "--dep"}

# What these take is empty only where a variable of a shell is not set: taken for not given,
# `guild rm -F "$OLD"` would mean all runs, and such a folder the one that guild is typed in.
_NEVER_EMPTY = (
    *("--filter", "--started", "--remote", "--archive", "--run-dir", "--dep", "--tensorboard"),
    *("--log", "--metrics", "--report"),
)

# What `--help` of a command says of them.
FILTERS_NAMED = """\
Only some runs ('guild help filters' tells of each):
  -F EXPR -Fo OP -Fl TEXT -Ft TAG -Fc TEXT -Fd DIGEST -Fs WHEN -Fu -Fm -Fn -S STATUSES --mine
"""
# What the line `[filters]` in a usage stands for, that of every command that chooses runs.
FILTER_OPTIONS = """\
Only some runs:
  --filter EXPR        Runs for which EXPR holds (-F), such as
                       'status = error and sleep > 5', 'min loss < 0.2' (a number that
                       runs have printed) or 'label contains x'. A name that no run has
                       is warned of, and an error where runs are changed.
  --operation OP       Runs of the operation OP (-Fo): NAME, MODEL:NAME, PACKAGE/NAME, each
                       part whole, with '*' for any text; '^OP' and 'OP$' for what the
                       name begins or ends with. This and the next four may be given
                       several times, for runs that fit any of them.
  --with-label TEXT    Runs with TEXT in their label (-Fl), in the same case; '-' means
                       no label.
  --with-tag TAG       Runs with this tag (-Ft).
  --with-comment TEXT  Runs with TEXT in a comment (-Fc).
  --digest DIGEST      Runs whose source code has this digest, or beginning of one (-Fd).
  --started RANGE      Runs that started within RANGE (-Fs): 'last 3 days', 'today',
                       'before 2026-01-01', 'after 10 minutes ago', 'between 9:00 and 12:00'.
  --mine               Your own runs: those that you started from this guild home. Where
                       no run says that somebody else started it, those too that do not
                       say who has.
  --unlabeled          Runs without a label (-Fu).
  --marked             Marked runs (-Fm).
  --unmarked           Runs that are not marked (-Fn).
  --running            Runs that are running (-Sr).
  --completed          Runs that ended well (-Sc).
  --error              Runs that ended with an error (-Se).
  --terminated         Runs that were stopped (-St).
  --pending            Runs that are about to start (-Sp).
  --staged             Runs that wait to be started (-Ss). -Set is -Se and -St.
  --lost               Runs that their remote says it has no more (-Sl).
  --home               Runs that are over and home (-Sh): whole copies here of a remote's;
                       with -r those of that remote.
  --not-running        All but these; and so for the next ones.
  --not-completed
  --not-error
  --not-terminated
  --not-pending
  --not-staged
  --not-lost
  --not-home
"""

# What `[files]` stands for, in the usages of the commands that copy runs here.
FILE_OPTIONS = """\
Only some files (metadata and output of a run always come):
  --exclude PATTERN    Leave out files and folders that match, such as '*.ckpt' (a name at
                       any depth) or 'logs/**/*.gz' (a path in the run). This and the
                       next may be given several times.
  --include PATTERN    Take those that match even so.
  --max-size SIZE      Leave out larger files; SIZE is a number of bytes, or 100M, or 1.5G.
  --inputs             Bring what runs were given, too: required files of the project, and of
                       web servers, as they were given. Of 1 MB and more they stay there.
  --all-files          Leave out nothing, whatever 'pull' in the remote's config says.
"""


def usage_of(command: str) -> str:
    """The usage in the file of a command: what its `--help` shows.

    It is read, not imported: a command's imports are what it works with, which completion
    and manual pages have no use for.
    """
    import ast

    with open(command, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    return whole(ast.get_docstring(tree, clean=False) or "").strip()


def shown(usage: str) -> str:
    """A usage as `--help` shows it: what all filters are is told by `guild help filters`."""
    return whole(usage.replace("\n[filters]\n", f"\n{FILTERS_NAMED}"))


def whole(usage: str) -> str:
    """A usage with the options in it that several commands have, of which it has the line."""
    for line, options in (("[files]\n", FILE_OPTIONS), ("[filters]\n", FILTER_OPTIONS)):
        usage = usage.replace(f"\n{line}", f"\n{options}")
    return usage


class Arguments:
    """What a command line gives: options and words by the names that the usage has for them.

    An option that the command does not have is not given.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def is_set(self, name: str) -> bool:
        """Whether it is given at all, and is not empty."""
        return bool(self._values.get(name))

    def is_given(self, name: str) -> bool:
        """Whether it is given, be it empty."""
        return self._values.get(name) not in (None, False, [])

    def text(self, name: str) -> str | None:
        """The value of an option or a word that comes once at most."""
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def word(self, name: str) -> str:
        """A word that must be there."""
        return self.text(name) or ""

    def column(self, name: str) -> str | None:
        """The value of an option that takes a column. Raises UsageError where it is empty."""
        text = self.text(name)
        if text is not None and not text.strip():
            raise UsageError(f"{name} takes a column, such as loss or 'min loss'")
        return text

    def columns(self, name: str) -> list[str] | None:
        """The columns of a list. Raises UsageError where there is none in it."""
        from guild_sync.agent import columns  # most commands have none

        text = self.text(name)
        if text is not None and not columns.split(text):
            raise UsageError(f"{name} takes names, such as lr,loss")
        return None if text is None else columns.split(text)

    def order(self, name: str) -> str:
        """The column that an option says runs are sorted by, maybe behind a `-`; empty: none.

        Raises UsageError where it says none.
        """
        text = self.text(name)
        if text is not None and not text.lstrip("-").strip():
            raise UsageError(f"{name} takes a column, such as loss or -loss")
        return text or ""

    def texts(self, name: str) -> list[str]:
        """The values of an option or a word that may come several times."""
        value = self._values.get(name)
        return list(map(str, value)) if isinstance(value, list) else []

    def count(self, name: str) -> int:
        """How many times an option is given."""
        value = self._values.get(name)
        return value if isinstance(value, int) else 0


def parse(usage: str, argv: Sequence[str]) -> Arguments:
    """docopt's reading of `argv`. Prints the usage, whole, and raises SystemExit for `--help`.

    Raises UsageError, on one line, where `argv` does not fit, or an option is empty that never is.
    """
    from docopt import DocoptExit, docopt

    said, usage = shown(usage), whole(usage)
    before, dashes, behind = _split_at_double_dash(argv)
    known = {name for option in usages.options(usage) for name in option.names}
    asks = {"--help", "-h"} - (known - {"--help"})
    options = _with_long_names(before, _options_with_values(usage), asks)
    if options is None:
        print(console.help_text(said.strip()))
        raise SystemExit(0)
    words = [*options, *dashes, *behind]
    try:
        read = dict(docopt(_for_docopt(usage, options), words, default_help=False))
    except DocoptExit as e:
        command = re.search(r"usage:\s+(guild(?:-[a-z]+)?(?: [a-z]+)?)", usage, re.I)
        name = command[1] if command else "guild"
        hint = f"{_near(words, usage)}{_place_of(words, usage)}Try '{name} --help'."
        raise UsageError(_problem(e, words, usage), hint) from None
    found = {name: _without_dashes(value) if dashes else value for name, value in read.items()}
    for name in _NEVER_EMPTY:
        value = found.get(name)
        if any(isinstance(one, str) and not one.strip() for one in _each(value)):
            raise UsageError(f"{name} needs a value, and it is empty")
    return Arguments(found)


def _each(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _without_dashes(value: object) -> object:
    """docopt hands over the `--` that ends options as an argument of its own."""
    if isinstance(value, list) and "--" in value:
        at = value.index("--")
        return value[:at] + value[at + 1 :]
    return value


def _options_with_values(usage: str) -> set[str]:
    """The options behind which a word is their value: `-n, --limit N` is two of them."""
    return {name for option in usages.options(usage) if option.value for name in option.names}


def _for_docopt(usage: str, words: Sequence[str]) -> str:
    """`usage` with those of its options that `words` may mean, or that have a default.

    docopt compares all options with one another, which is most of what it does otherwise.
    """
    parts = usages.sections(usage)
    lines = "\n".join(line for part in parts if part.heading == "Usage" for line in part.lines)
    begun = tuple(word.partition("=")[0] for word in words if word.startswith("--"))
    has_short = any(word.startswith("-") and not word.startswith("--") for word in words)
    meant = [
        option
        for option in usages.options(usage)
        if any(
            name.startswith(begun) or (has_short and name[1] != "-") or name in lines
            for name in option.names
        )
        or "[default: " in option.about
    ]
    # In `[options]` alone an option comes once.
    repeats = "".join(f"[{o.names[-1]} X]... " for o in meant if o.names[-1] in _SEVERAL_TIMES)
    listed = "\n".join(f"  {' '.join(o.names)} {o.value}  {o.about}" for o in meant)
    return f"Usage:\n{lines.replace('[options]', f'{repeats}[options]')}\n\nOptions:\n{listed}\n"


def _problem(error: SystemExit, words: Sequence[str], usage: str) -> str:
    known = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", usage))
    for word in _split_at_double_dash(words)[0]:
        name = word.split("=")[0]
        if name.startswith("--") and not any(option.startswith(name) for option in known):
            return f"unrecognized option {name!r}"
        if re.match(r"-[a-zA-Z]", word) and word[:2] not in known:
            return f"unrecognized option {word!r}"
    text = str(error.args[0]).splitlines()[0] if error.args else ""
    if "requires argument" in text or "must not have an argument" in text:
        return text
    if missing := _missing(words, usage):
        return missing
    extra = _too_many(words, usage)
    return f"{extra!r} is an argument too many" if extra else "the arguments do not fit"


def _near(words: Sequence[str], usage: str) -> str:
    """What the first word that the usage does not have could have been meant for."""
    from guild_sync.config.texts import nearest

    options = [name for option in usages.options(usage) for name in option.names]
    fixed = usages.fixed_words(usage)
    for word in _split_at_double_dash(words)[0]:
        name = word.partition("=")[0]
        known = options if name.startswith("--") else fixed
        is_begun = any(one.startswith(name) for one in known)  # docopt takes beginnings
        if not is_begun and (near := nearest(name, known, 0.7)):
            return f"Did you mean {near!r}? "
    return ""


def _missing(words: Sequence[str], usage: str) -> str:
    """The first argument that the usage's first line requires and `words` lack."""
    line = re.search(r"^\s+guild\S*(.*)$", usage, re.M)
    required = re.sub(r"\[.*?\]", "", line[1]).split() if line else []
    given = _without_options(words, usage)
    lacking = required[len(given) : len(given) + 1]
    return f"{lacking[0]} is missing" if lacking and lacking[0].isupper() else ""


def _too_many(words: Sequence[str], usage: str) -> str:
    """The first of `words` that no line of the usage has a place for; nothing where all do."""
    from guild_sync.cli import usage_lines

    before, dashes, _ = _split_at_double_dash(words)
    given = _without_options(before, usage)
    lines = usage_lines.lines(usage if dashes else re.sub(" -- .*", "", usage))
    for count, word in enumerate(given):
        follows = (one for line in lines for one in usage_lines.next_elements(line, given[:count]))
        if not any(one.takes(word) for one in follows):
            return word
    return ""


def _place_of(words: Sequence[str], usage: str) -> str:
    """Where a word belongs for which no usage line has a place, where that is known."""
    from guild_sync.config import remotes

    extra = _too_many(words, usage)
    if extra and any("--remote" in option.names for option in usages.options(usage)):
        try:
            if extra in remotes.usable()[0]:
                return f"A remote is named so: -r {extra}. "
        except GuildError:  # of the config file, which is not what is asked about
            pass
    has_command = "--" not in words and re.search(r"^ .* -- ", usage, re.M)
    return "A command has '--' in front of it. " if has_command else ""


def _without_options(words: Sequence[str], usage: str) -> list[str]:
    with_values = _options_with_values(usage)
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and before not in with_values
    ]


def _split_at_double_dash(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    at = list(words).index("--") if "--" in words else len(words)
    return list(words[:at]), list(words[at : at + 1]), list(words[at + 1 :])


def _with_long_names(
    argv: Sequence[str], with_values: set[str], asks: set[str]
) -> list[str] | None:
    """`argv` with two-letter options as docopt knows them; None where one of `asks` is in it."""
    words: list[str] = []
    is_value = False
    for word in argv:
        if is_value:
            words.append(word)
            is_value = False
            continue
        if word in asks:
            return None
        if re.match(r"-S[rcetpslh]{2,}\Z", word):
            words += [_STATUS_LETTERS[letter] for letter in word[2:]]
        else:
            words.append(LONG_NAMES.get(word, word))
        is_value = words[-1] in with_values
    return words


def filters(args: Arguments) -> Filters:
    """What the options of FILTER_OPTIONS ask for, as agent/catalog/filters.py takes it.

    Raises UsageError for an expression or a time range that is none.
    """
    found: Filters = {}
    for option, name in _REPEATED:
        if args.is_set(option):
            found[name] = [*args.texts(option)]
    if statuses := _statuses(args):
        found["status"] = [*statuses]
    if args.is_set("--unlabeled"):
        found["unlabeled"] = True
    if args.is_set("--mine"):
        found.update(mine())
    if args.is_set("--marked") or args.is_set("--unmarked"):
        if args.is_set("--marked") and args.is_set("--unmarked"):
            raise UsageError("--marked and --unmarked exclude each other")
        found["marked"] = args.is_set("--marked")
    if started := args.text("--started"):
        from guild_sync.cli.timeranges import parse_range

        found["started"] = list(parse_range(started))
    if expression := args.text("--filter"):
        from guild_sync.cli.expressions import parse as parse_expression

        found["expression"] = parse_expression(expression)
    return found


def mine() -> Filters:
    """The filter that one's own runs meet."""
    from guild_sync.runs import person

    return {"mine": person.mine()}


def filters_for(args: Arguments, target: Host, *, changes: bool, deleted: bool = False) -> Filters:
    """As `filters`, for the runs of a host.

    A name in an expression that no run there has is warned of. Where runs are to change, it
    raises UsageError: `lrr != 0.1` holds for every run that has no `lrr`.
    """
    from guild_sync.hosts.base import on

    found = filters_on(args, target)
    tell_of_unknown(unknown_names(found, target, deleted), on(target), changes)
    return found


def unknown_names(found: Filters, target: Host, deleted: bool) -> Unknown:
    """The names in the expression of filters that no run of a host has, and what is like each."""
    return target.unknown_names(found["expression"], deleted) if "expression" in found else {}


def tell_of_unknown(names: Unknown, on: str, changes: bool) -> None:
    """Warn of names that no run has `on` a host; raises where runs are to change."""
    from guild_sync.output import terminal

    for name, alike in names.items():
        message = f"the filter asks for {terminal.clean(name)!r}, which no run{on} has"
        hint = f"Did you mean {terminal.clean(alike[0])!r}?" if alike else ""
        if changes:
            raise UsageError(message, hint or "See the names with 'guild runs info'.")
        console.warn(GuildError(message, hint))


def filters_on(args: Arguments, target: Host) -> Filters:
    """As `filters`, for the runs of a host, which is not asked about them."""
    return {**filters(args), **_home(args, target)}


def _home(args: Arguments, target: Host) -> Filters:
    """What --home and --not-home ask for: who has a run cannot tell whether it is home."""
    is_home, is_not = args.is_set(_HOME), args.is_set("--not-home")
    if not (is_home or is_not):
        return {}
    if is_home and is_not:
        raise UsageError("--home and --not-home exclude each other")
    from guild_sync.config.home import guild_home
    from guild_sync.hosts.local import LocalHost

    ids = LocalHost(str(guild_home())).home_ids(target.name)
    return {"among" if is_home else "not_among": [*ids]}


def selection(args: Arguments) -> Callable[[Selection], Selection]:
    """What the options of FILE_OPTIONS make of the selection in a remote's config.

    Raises UsageError for a pattern or a size that is none.
    """
    options = (args.texts("--exclude"), args.texts("--include"), args.text("--max-size"))
    inputs = args.is_set("--inputs")
    if not args.is_set("--all-files") and not any(options) and not inputs:
        return lambda configured: configured
    from guild_sync.config.selection import EVERYTHING

    if args.is_set("--all-files"):
        if any(options):
            raise UsageError("--all-files excludes --exclude, --include and --max-size")
        return lambda configured: EVERYTHING.with_delete(configured.delete)
    EVERYTHING.with_call(*options)  # faults are said before anything is done
    return lambda configured: (configured.with_inputs() if inputs else configured).with_call(
        *options
    )


def _statuses(args: Arguments) -> list[str]:
    wanted = [s for s in STATUSES if args.is_set(f"--{s}")]
    refused = [s for s in STATUSES if args.is_set(f"--not-{s}")]
    if not refused:
        return wanted
    left = [s for s in wanted or STATUSES if s not in refused]
    if not left:
        raise UsageError("the status options exclude each other: no run is left")
    return left


def whole_number(args: Arguments, option: str, least: int = 0) -> int | None:
    """The value of `option`. Raises UsageError where it is no whole number from `least` on."""
    value = args.text(option)
    if value is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", value):
        raise UsageError(f"{option} takes a whole number, not {value!r}")
    if int(value) < least:
        raise UsageError(f"{option} takes a number from {least} on")
    return int(value)


def one_of(args: Arguments, options: Sequence[str]) -> str:
    """The one of `options` that is given. Raises UsageError for none, or for several."""
    given = [option for option in options if args.is_given(option)]
    if not given:
        raise UsageError(f"say what to do: {', '.join(options[:-1])} or {options[-1]}")
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} exclude each other")
    return given[0]
