"""Completion in real shells: bash, zsh and fish, each with the script that guild prints."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from rundirs import give_scalars, make
from support import PATIENCE, Guild, imported_by
from terminal import Terminal

from guild_sync.cli import table

GUILDFILE = """
- model: net
  operations:
    train:
      description: Train the network
      exec: 'true'
      flags:
        epochs: 10
        rate: {default: 0.5, choices: [0.5, 0.1]}
        shuffle: yes
    test: {exec: 'true'}
- operations:
    prepare: {exec: 'true', flags: {path: x}}
"""
BREAKS = " \t\n\"'@><=;|&(:"  # bash's COMP_WORDBREAKS

needs = {
    name: pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
    for name in ("bash", "zsh", "fish")
}
SHELLS = [pytest.param(name, marks=needs[name]) for name in needs]


@pytest.fixture
def project(guild: Guild) -> Guild:
    (guild.folder / "guild.yml").write_text(GUILDFILE)
    guild.configure(gpu1={"type": "ssh", "host": "gpu1.invalid"}, gpu2={"type": "sandbox"})
    return guild


def script(guild: Guild, shell: str) -> Path:
    """The file of the script that is to be sourced."""
    path = guild.home.parent / f"completion.{shell}"
    path.write_text(guild.ok("completion", shell).out)
    return path


# What each shell is asked for, and what it offers: words, without their meaning.


def in_bash(guild: Guild, *words: str) -> list[str]:
    """What the function of the script puts into COMPREPLY, called as bash calls it."""
    program = """
        source "$1"; shift
        COMP_WORDBREAKS=$1 COMP_LINE=$2; shift 2
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _guild guild
        [ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
    """
    raw: list[str] = []
    for word in words:
        raw += split_as_bash(word)
    argv = ["bash", "--norc", "-c", program, "bash", str(script(guild, "bash"))]
    return lines_of(guild, [*argv, BREAKS, " ".join(words), *raw])


def split_as_bash(word: str) -> list[str]:
    """A word without quotes as bash has it in COMP_WORDS: `a=b` is three words there."""
    parts = [""]
    for character in word:
        parts += [character, ""] if character in "=:@" else []
        parts[-1] += character if character not in "=:@" else ""
    return [part for part in parts[:-1] if part] + ([parts[-1]] if parts[-1] or not word else [])


def in_fish(guild: Guild, *words: str) -> list[str]:
    program = f"source {script(guild, 'fish')}; complete -C (string join ' ' -- $argv)"
    lines = lines_of(guild, ["fish", "--no-config", "-c", program, *words])
    return [line.partition("\t")[0] for line in lines]


def lines_of(guild: Guild, argv: Sequence[str]) -> list[str]:
    done = subprocess.run(
        argv, cwd=guild.folder, env=guild.env, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


# A person at the keyboard: what is typed, Tab, and the line as it is then.

DUMP, CLEAR = "\x07", "\x15"  # Ctrl-G, which the setup binds, and Ctrl-U
SETUP = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        """dump() {{ printf '%s\\n' "$READLINE_LINE" > {dump}; }}; """
        """bind -x '"\\C-g": dump'; source {script}; echo ready > {ready}\n""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        # Its own Tab would expand, and so run, $(...) before any completion is asked for.
        """bindkey '^I' complete-word; autoload -U compinit; compinit -u -D; source {script}; """
        """dump() {{ print -r -- "$BUFFER" > {dump} }}; zle -N dump; bindkey '^G' dump; """
        """echo ready > {ready}\n""",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        """function dump; commandline > {dump}; end; bind \\cg dump; source {script}; """
        """echo ready > {ready}\n""",
    ),
}


def typed(guild: Guild, shell: str, *texts: str) -> list[str]:
    """The command line of an interactive shell after each text and Tab."""
    argv, setup = SETUP[shell]
    ready, dump = guild.home.parent / "ready", guild.home.parent / "dump"
    ready.unlink(missing_ok=True)
    lines = []
    env = {**guild.env, "INPUTRC": "/dev/null", "PS1": "$ "}
    with Terminal(argv, env, guild.folder, columns=200) as terminal:
        terminal.type(setup.format(script=script(guild, shell), ready=ready, dump=dump))
        terminal.wait_for(ready)
        for text in texts:
            dump.unlink(missing_ok=True)
            terminal.type(f"{text}\t{DUMP}")
            lines.append(terminal.wait_for(dump).rstrip("\n"))
            terminal.type(CLEAR)
    return lines


COMPLETED = {
    "guild operat": "guild operations ",
    "guild runs del": "guild runs delete ",
    "guild remote sto": "guild remote stop ",
    "guild pull gpu1": "guild pull gpu1 ",
    "guild runs --rem": "guild runs --remote ",
    "guild run pre": "guild run prepare ",
    "guild run net:tr": "guild run net:train ",
    "guild run net:train ep": "guild run net:train epochs=",
    "guild run net:train rate=0.1": "guild run net:train rate=0.1 ",
    "guild run net:train shuffle=n": "guild run net:train shuffle=no ",
    "guild completion fi": "guild completion fish ",
    "guild-pull gpu2": "guild-pull gpu2 ",
    "guild help oper": "guild help operations ",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_the_line(project: Guild, shell: str) -> None:
    assert typed(project, shell, *COMPLETED) == [*COMPLETED.values()]


# What is offered.


def offered(guild: Guild, *words: str) -> list[str]:
    """What guild offers, to a shell that quotes by itself."""
    done = guild("__complete", "zsh", "guild", *words)
    assert (done.code, done.err) == (0, "")
    return [line.partition("\t")[0] for line in done.lines]


def test_an_empty_line_offers_every_command_with_its_meaning(guild: Guild) -> None:
    lines = guild.ok("__complete", "fish", "guild", "").lines
    assert "runs\tlist runs, here or on a remote" in lines
    names = {line.partition("\t")[0] for line in lines}
    assert names == {*table.COMMANDS, *table.ALIASES, "help", "--help", "--version", "-C", "-H"}


def test_a_dash_offers_the_options_that_the_help_shows(guild: Guild) -> None:
    assert offered(guild, "remotes", "-") == ["--status", "--free", "--json", "--help"]
    assert "--with-label" in offered(guild, "runs", "label", "--with")
    assert offered(guild, "runs", "-Fo") == ["-Fo"]
    assert offered(guild, "runs", "--", "-") == []


def test_where_no_word_can_follow_options_are_offered(guild: Guild) -> None:
    assert offered(guild, "remotes", "") == ["--status", "--free", "--json", "--help"]


def test_the_subcommands_of_runs_and_remote_are_offered(guild: Guild) -> None:
    assert {"list", "rm", "delete", "label"} <= {*offered(guild, "runs", "")}
    assert offered(guild, "remote", "st") == ["start", "stop", "status"]
    assert offered(guild, "remote", "lo") == ["login", "logout"]
    assert offered(guild, "remote", "login", "--f") == ["--force"]
    assert offered(guild, "hooks", "te") == ["test"]
    assert offered(guild, "hooks", "test", "re") == ["retried", "reachable"]


def test_remotes_are_offered_wherever_one_is_asked_for(project: Guild) -> None:
    remotes = ["gpu1", "gpu2", "sandbox"]
    for words in (
        ["push", ""],
        ["remote", "start", ""],
        ["remote", "stop", "-y", ""],
        ["remote", "login", "--force", ""],
        ["remote", "login", "gpu1", ""],
        ["remote", "logout", ""],
    ):
        assert offered(project, *words) == remotes, words
    for words in (["rm", "-r", ""], ["shell", "-r", ""], ["clean", "-r", ""]):
        assert offered(project, *words) == remotes, words
    assert offered(project, "runs", "--remote=gpu") == ["--remote=gpu1", "--remote=gpu2"]
    assert offered(project, "select", "--attr", "") == []


def test_several_remotes_are_offered_behind_commas(project: Guild) -> None:
    with open(project.config, "a") as config:
        config.write("groups: {train: [gpu1, gpu2]}\n")
    several = ["gpu1", "gpu2", "sandbox", "train", "all"]
    for words in (["runs", "-r", ""], ["ls", "-ar", ""], ["verify", "-r", ""], ["pull", ""]):
        assert offered(project, *words) == several, words
    assert offered(project, "runs", "-r", "gpu1,") == [f"gpu1,{name}" for name in several[1:]]
    assert "gpu1,train" in offered(project, "run", "op", "-r", "gpu1,")
    assert offered(project, "pull", "gpu2,gpu") == ["gpu2,gpu1"]
    assert offered(project, "stop", "--remote=train,s") == ["--remote=train,sandbox"]
    assert offered(project, "pull", "gpu1", "") == []
    assert offered(project, "rm", "-r", "gpu1,") == []


def test_columns_that_runs_here_have_are_offered(guild: Guild) -> None:
    run = make(guild.home, "a" * 32, started=1, exit_status=0, flags={"lr": 0.1, "a b": 1})
    give_scalars(run, {"loss": (0.5,), "val/acc": (0.9,), "$(touch x)": (1,)})
    assert offered(guild, "select", "--min", "") == ["duration", "loss", "lr", "val/acc"]
    assert offered(guild, "runs", "--sort", "-l") == ["-loss", "-lr"]
    assert offered(guild, "runs", "--columns", "lr,lo") == ["lr,loss"]


def test_operations_beside_one_with_a_fault_are_offered(guild: Guild) -> None:
    (guild.folder / "guild.yml").write_text("bad: 3\ngood: {exec: a, flags: {x: 1}}\n")
    lines = guild.ok("__complete", "fish", "guild", "run", "").lines
    assert [line.rstrip() for line in lines][:2] == ["bad\tcannot run", "good"]
    assert offered(guild, "run", "good", "") == ["x="]
    assert offered(guild, "run", "bad", "") == []


def test_operations_and_their_flags_are_offered(project: Guild) -> None:
    # The only operation of the model without a name is the default one: its flags may follow.
    assert offered(project, "run", "") == ["net:train", "net:test", "prepare", "queue", "path="]
    assert offered(project, "run", "net:train", "") == ["epochs=", "rate=", "shuffle="]
    assert offered(project, "run", "-y", "train", "epochs=1", "") == ["rate=", "shuffle="]
    assert offered(project, "run", "net:train", "rate=") == ["rate=0.5", "rate=0.1"]
    assert offered(project, "run", "net:train", "shuffle=") == ["shuffle=yes", "shuffle=no"]
    assert offered(project, "run", "queue", "run") == ["run-once="]
    assert offered(project, "run", "train", "--job", "part") == ["partition="]
    assert offered(project, "runs", "-Fo", "net") == ["net:train", "net:test"]


def test_the_flags_of_a_script_are_offered(guild: Guild) -> None:
    assert offered(guild, "run", "sleep.py", "") == ["sleep="]


def test_runs_here_are_offered_by_short_ids_with_what_they_are(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-l", "first one", "-y")
    (run_id,) = [path.name for path in (guild.home / "runs").glob("[0-9a-f]*")]
    short = run_id[:8] if not run_id[:8].isdigit() else run_id
    (line,) = guild.ok("__complete", "fish", "guild", "cat", "").lines
    assert line.startswith(f"{short}\top  ")
    assert line.endswith("completed  first one")
    assert offered(guild, "run", "--restart", "") == [short]
    assert offered(guild, "runs", "label", run_id[:3]) == [short]
    assert offered(guild, "cat", run_id[:10]) == [run_id]
    assert offered(guild, "cat", "x") == []
    assert offered(guild, "cat", "--unknown-r", "") == [short]
    assert offered(guild, "cat", short, "-p", "sl") == ["sleep.py"]
    assert offered(guild, "restore", "") == []
    guild.ok("rm", "-y")
    assert offered(guild, "restore", "") == [short]


def test_scalars_of_the_latest_runs_are_offered_behind_commas(guild: Guild) -> None:
    operation = {"exec": "printf 'loss: 1\\nval/acc: 2\\n'"}
    (guild.folder / "guild.yml").write_text(yaml.safe_dump({"op": operation}))
    guild.ok("run", "op", "-y")
    assert offered(guild, "plot", "") == ["loss", "val/acc"]
    assert offered(guild, "plot", "loss,") == ["loss,val/acc"]
    assert offered(guild, "plot", "loss", "-r", "gpu1", "") == []


def test_runs_of_a_remote_are_not_asked_for(guild: Guild, tmp_path: Path) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    guild.configure(gpu1={"type": "ssh", "host": "gpu1.invalid"})
    canary = tmp_path / "ssh-was-called"
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\ntouch {canary}\n")
    ssh.chmod(0o755)
    guild.env["PATH"] = f"{ssh.parent}:{guild.env['PATH']}"
    for words in (["pull", "gpu1", ""], ["cat", "-r", "gpu1", ""], ["cat", "-rgpu1", "-p", ""]):
        assert offered(guild, *words) == [], words
    assert len(offered(guild, "verify", "-r", "gpu1", "")) == 1, "it takes copies, which are here"
    assert not canary.exists()


@pytest.mark.parametrize("words", [("run", ""), ("run", "op", ""), ("runs", "-r", ""), ("cat", "")])
def test_a_broken_file_has_no_completions_and_no_message(
    guild: Guild, words: tuple[str, ...]
) -> None:
    (guild.folder / "guild.yml").write_text("op: [")
    guild.config.write_text("remotes: 7")
    guild.home.mkdir()
    (guild.home / "runs").write_text("")
    # Or the wish for names of files; and `sandbox`, which is a remote whatever the file says.
    assert offered(guild, *words) in ([], [""], ["sandbox"])


def test_the_shell_completes_names_of_scripts_and_folders(guild: Guild) -> None:
    assert guild.ok("__complete", "fish", "guild", "run", "./sl").lines == ["\tfiles"]
    assert guild.ok("__complete", "fish", "guild", "run", "-d", "").lines == ["\tfolders"]


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_names_of_scripts_and_folders(guild: Guild, shell: str) -> None:
    (guild.folder / "out").mkdir()
    lines = typed(guild, shell, "guild run ./sl", "guild run -d ou")
    assert [line.rstrip() for line in lines] == ["guild run ./sleep.py", "guild run -d out/"]


def test_completion_loads_nothing_that_starts_a_program_or_draws(project: Guild) -> None:
    assert not imported_by(project, "__complete", "zsh", "guild", "pull", "") & {"sh", "rich"}
    heavy = {"sh", "rich", "yaml", "schema", "docopt", "lark"}
    assert not imported_by(project, "__complete", "zsh", "guild", "runs", "") & heavy


@pytest.mark.parametrize("argv", [(), ("tcsh", "guild", ""), ("bash",), ("fish",)])
def test_who_calls_it_by_hand_is_told_what_it_is_for(guild: Guild, argv: tuple[str, ...]) -> None:
    done = guild("__complete", *argv)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[1:] == ["Try 'guild completion --help'."]


def test_there_is_no_script_for_another_shell(guild: Guild) -> None:
    done = guild("completion", "tcsh")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "guild: there is no completion for 'tcsh'",
        "It is there for bash, zsh, fish: try 'guild completion --help'.",
    ]


# What the scripts make of it.


@needs["bash"]
def test_bash_gets_what_stands_behind_its_own_breaks(project: Guild) -> None:
    assert in_bash(project, "guild", "run", "net:") == ["train", "test"]
    assert in_bash(project, "guild", "run", "n") == ["net:train", "net:test"]
    assert in_bash(project, "guild", "run", "net:train", "rate=") == ["0.5", "0.1"]
    assert in_bash(project, "guild", "run", "net:train", "rate=0.1", "") == ["epochs=", "shuffle="]
    assert in_bash(project, "guild", "run", "net:train", "epochs=", "") == ["rate=", "shuffle="]
    assert in_bash(project, "guild", "runs", "--remote=g") == ["gpu1", "gpu2"]
    assert in_bash(project, "guild", "push", "-y", "") == ["gpu1", "gpu2", "sandbox"]
    assert in_bash(project, "guild", "pull", "gpu1,gpu") == ["gpu1,gpu2"]


@needs["fish"]
def test_fish_gets_whole_words(project: Guild) -> None:
    assert in_fish(project, "guild", "run", "net:") == ["net:test", "net:train"]
    assert in_fish(project, "guild", "run", "net:train", "rate=") == ["rate=0.1", "rate=0.5"]
    assert in_fish(project, "guild", "ru") == ["run", "runs"]


# Names that a shell would obey.

CANARY = "canary"
HOSTILE = [
    "a$(touch canary)",
    "`touch canary`",
    "x;touch canary;",
    "x&touch canary&",
    "x|touch canary",
    "x>canary",
    "two words",
    "it's",
    'say "no"',
    "back\\slash",
    "st*r?[a]{b,c}",
    "#hash",
    "~home",
    "!bang",
    "%percent",
    "naïve",
]


def with_hostile_names(guild: Guild) -> None:
    """A project whose one operation has flags, and choices of a flag, of such names."""
    names = [*HOSTILE, "new\nline", "esc\x1b[2J"]
    flags = {name: {"default": 1, "description": name} for name in names}
    operation = {"exec": "true", "flags": {**flags, "f": {"choices": names}}}
    (guild.folder / "guild.yml").write_text(yaml.safe_dump({"op": operation}))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_is_quoted_and_never_run(guild: Guild, shell: str) -> None:
    with_hostile_names(guild)
    flags = typed(guild, shell, *(f"guild run op {beginning(name)}" for name in HOSTILE))
    choices = typed(guild, shell, *(f"guild run op f={beginning(name)}" for name in HOSTILE))
    assert not (guild.folder / CANARY).exists()
    for name, flag, choice in zip(HOSTILE, flags, choices, strict=True):
        assert words_of(guild, shell, flag) == ["guild", "run", "op", f"{name}="]
        assert words_of(guild, shell, choice) == ["guild", "run", "op", f"f={name}"]


def beginning(name: str) -> str:
    """The first two characters of a name, which no other has, as one would type them."""
    start = name[:2]
    return "".join(c if c.isalnum() else f"\\{c}" for c in start)


def words_of(guild: Guild, shell: str, line: str) -> list[str]:
    """What a shell makes of a command line."""
    program = f"printf '%s\\n' {line}"
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    return lines_of(guild, [shell, *options, "-c", program])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_list_of_names_runs_none_of_them(guild: Guild, shell: str) -> None:
    with_hostile_names(guild)
    typed(guild, shell, "guild run op \t\t", "guild run op f=\t\t", "guild run op x\t\t")
    assert not (guild.folder / CANARY).exists()


def test_a_name_that_would_move_the_cursor_is_not_offered(guild: Guild) -> None:
    with_hostile_names(guild)
    flags = guild.ok("__complete", "fish", "guild", "run", "op", "").lines
    assert {line.partition("\t")[0] for line in flags} == {f"{name}=" for name in [*HOSTILE, "f"]}
    choices = offered(guild, "run", "op", "f=")
    assert {*choices} == {f"f={name}" for name in HOSTILE}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_name_of_a_remote_is_never_run(guild: Guild, shell: str) -> None:
    name = "$(true>canary)"  # which each of them would obey, and has no blank
    guild.config.write_text(yaml.safe_dump({"remotes": {name: {"type": "sandbox"}}}))
    (line,) = typed(guild, shell, "guild runs -r \\$")
    assert words_of(guild, shell, line) == ["guild", "runs", "-r", name]
    assert not (guild.folder / CANARY).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_typed_already_is_never_run(guild: Guild, shell: str) -> None:
    typed(guild, shell, "guild run $(touch canary) `touch canary` ", 'guild run "$(touch canary)')
    assert not (guild.folder / CANARY).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_word_in_quotes_is_completed_in_them(guild: Guild, shell: str) -> None:
    with_hostile_names(guild)
    for line in typed(guild, shell, "guild run op 'f=two w", 'guild run op "f=two w'):
        assert words_of(guild, shell, line) == ["guild", "run", "op", "f=two words"]
