"""Values, labels and paths with anything in them arrive unchanged, and nothing obeys them."""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support import Guild, Server, project, wait_until
from test_bad_input import complaint, runs_in

from guild_sync.config import remotes
from guild_sync.hosts import sandbox
from guild_sync.transport import ssh

CANARY = "canary"
VALUES = {
    "spaces": "  a  b ",
    "quotes": 'it\'s "quoted" `so`',
    "newlines": "one\ntwo\n\nthree\n",
    "carriage returns": "a\r\nb\rc",
    "tab": "a\tb",
    "substitution": f"$(touch {CANARY})",
    "backticks": f"`touch {CANARY}`",
    "commands": f"a; touch {CANARY} & touch {CANARY} | touch {CANARY} && touch {CANARY}",
    "redirection": f"a > {CANARY} < /dev/null 2>&1",
    "variables": "$HOME ${HOME} $$ $1 %h %% ${sleep}",
    "globs": "* ? [a-z] {a,b} ~ !x",
    "backslashes": "a\\b \\n \\' \\",
    "unicode": "na\u00efve \u2013 \u65e5\u672c\u8a9e \u0645\u0631\u062d\u0628\u0627",
    "non-BMP": "\U0001f600 \U00020000",
    "controls": "\x1b[31mred\x07\x7f\x01\u202e\u2028",
    "dashes": "--help",
    "a dash": "-",
    "comment": "# not a comment",
    "yaml": "{a: [b, c]} & *x !!python/object:os.system",
    "json": '{"a": null}',
    "equals": "a=b=c",
    "percent": "%s %d %n {0}",
    "100 kB": "x'\"$;\n " * (100_000 // 7),
}

# A name that each shell, ssh, rsync and YAML would make something else of.
HOSTILE = f"a b'c\"d$(touch {CANARY})`touch {CANARY}`;&|<>*?[x]{{y}}\\z%h~!#:\u00e9\U0001f600 "
ESCAPES = "\x1b[2J\x1b]0;owned\x07\rred\u202e\x9b31m"

# Each operation writes down what it was given, where the test finds it.
FLAGS = {f"v{number}": value for number, value in enumerate(VALUES.values())}
TELL = "with open('told.json', 'w') as f:\n    json.dump({what}, f)\n"
IN_ENV = f"{{n: os.environ[n.upper()] for n in {[f'flag_{name}' for name in FLAGS]}}}"
MODULES = {
    "in_globals": "import json\n"
    + "".join(f"{name} = ''\n" for name in FLAGS)
    + TELL.format(what=f"{{n: globals()[n] for n in {list(FLAGS)}}}"),
    "in_args": "import argparse, json\nparser = argparse.ArgumentParser()\n"
    + "".join(f"parser.add_argument('--{name}', default='')\n" for name in FLAGS)
    + TELL.format(what="vars(parser.parse_args())"),
    "in_env": "import json, os\n" + TELL.format(what=IN_ENV),
    "in_exec": "import json, sys\n" + TELL.format(what="sys.argv[1:]"),
}
GUILDFILE = yaml.safe_dump(
    {
        "globals": {"main": "in_globals"},
        "args": {"main": "in_args"},
        "env": {
            "main": "in_env",
            "flags-dest": "env",
            "flags": {name: {"type": "string"} for name in FLAGS},
        },
        "exec": {
            "exec": "python3 in_exec.py " + " ".join(f"'<${{{name}}}>'" for name in FLAGS),
            "flags": {name: {"type": "string"} for name in FLAGS},
        },
    }
)
EXPECTED = {
    "globals": FLAGS,
    "args": FLAGS,
    "env": {f"flag_{name}": value for name, value in FLAGS.items()},
    "exec": [f"<{value}>" for value in FLAGS.values()],
}


@pytest.fixture(autouse=True)
def no_canary(tmp_path: Path, sshd: Server) -> Iterator[None]:
    """Nothing in a name or value was executed, wherever it would have been."""
    before = canaries_of_account()
    yield
    for top in (tmp_path, sshd.home):
        assert list(top.glob(f"**/{CANARY}*")) == []
    assert canaries_of_account() == before


def canaries_of_account() -> dict[Path, int]:
    """Those where a login shell begins, whatever HOME is to be; and when each was touched."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return {path: path.lstat().st_mtime_ns for path in home.glob(f"{CANARY}*")}


def only_run(home: Path) -> Path:
    (run_id,) = runs_in(home)
    return home / "runs" / run_id


def ended(run: Path) -> bool:
    return (run / ".guild/attrs/exit_status").exists()


# ---- flag values


@pytest.mark.parametrize("operation", EXPECTED)
def test_values_arrive_unchanged(guild: Guild, remote: str, there: Path, operation: str) -> None:
    project(guild.folder, GUILDFILE, **MODULES)
    flags = [f"{name}={value}" for name, value in FLAGS.items()]
    guild.ok("run", operation, *flags, "-y")
    guild.started(*flags, remote=remote, op=operation)
    wait_until(lambda: ended(only_run(there)))
    for run in (only_run(guild.home), only_run(there)):
        assert (run / ".guild/output").read_text() == ""
        assert json.loads((run / "told.json").read_text()) == EXPECTED[operation]
    guild.ok("pull", remote, "-y")
    runs = json.loads(guild.ok("runs", "--json").out)
    assert [run["flags"] for run in runs] == [FLAGS, FLAGS]


def test_a_value_that_is_not_utf_8_arrives_or_is_refused(guild: Guild) -> None:
    value = os.fsdecode(b"caf\xe9")
    project(guild.folder, GUILDFILE, **MODULES)
    done = guild("run", "exec", f"v0={value}", "-y")
    if done.code == 0:
        told = json.loads((only_run(guild.home) / "told.json").read_text())
        assert told[0] == f"<{value}>"
    else:
        complaint(done)
        assert runs_in(guild.home) == []


def test_a_value_with_a_nul_is_refused(guild: Guild, remote: str, there: Path) -> None:
    project(guild.folder, 'op: {exec: "echo ${x}", flags: {x: "a\\0b"}}\n')
    for words in ([], ["-r", remote]):
        said = complaint(guild("run", "op", "-y", *words))
        assert said[0] == "guild: a value of FLAG_X has a NUL character in it"
    assert runs_in(guild.home) == runs_in(there) == []


def test_a_variable_that_cannot_be_one_is_refused(guild: Guild, remote: str, there: Path) -> None:
    project(guild.folder, yaml.safe_dump({"op": {"exec": "true", "env": {"A=B": "x"}}}))
    for words in ([], ["-r", remote]):
        said = complaint(guild("run", "op", "-y", *words))
        assert "A=B" in "".join(said)
    assert runs_in(guild.home) == runs_in(there) == []


def test_names_of_flags_become_variables_and_nothing_else(guild: Guild) -> None:
    flag = f"a b;$(touch {CANARY})"
    program = "python3 -c 'import os; print(sorted(n for n in os.environ if \"FLAG_A\" in n))'"
    project(guild.folder, yaml.safe_dump({"op": {"exec": program, "flags": {flag: 1}}}))
    assert guild.ok("run", "op", "-y").out == "['FLAG_A_B___TOUCH_CANARY_']\n"


# ---- places


def test_the_project_and_both_homes_may_be_called_anything(
    guild: Guild, sshd: Server, tmp_path: Path
) -> None:
    guild.folder = guild.folder.rename(tmp_path / f"project {HOSTILE}")
    guild.env["GUILD_HOME"] = str(tmp_path / f"here {HOSTILE}")
    guild.configure(guild_uat=sshd.keys(tmp_path / f"there {HOSTILE}"))
    run_id = guild.started("sleep=0", remote="guild-uat")
    guild.ok("watch", run_id, "-r", "guild-uat")
    assert guild.ok("pull", "guild-uat", "-y").lines[-1] == f"Copying {run_id}"
    assert guild.status(run_id) == "completed"
    assert guild.ok("cat", "-O").out == "Sleeping for 0 second(s)\nDone\n"
    assert guild.ok("cat", "-O", "-r", "guild-uat").out == "Sleeping for 0 second(s)\nDone\n"
    assert guild.ok("run", "op", "sleep=0", "-y").lines[-1] == "Done"
    assert len(runs_in(guild.home)) == 2


def test_a_sandbox_lives_in_a_home_called_anything(
    guild: Guild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild.env["GUILD_HOME"] = str(tmp_path / HOSTILE)
    monkeypatch.setenv("GUILD_HOME", guild.env["GUILD_HOME"])
    guild.ok("remote", "start", "sandbox")
    try:
        guild.ok("watch", guild.started("sleep=0", remote="sandbox"), "-r", "sandbox")
    finally:
        ssh.disconnect(sandbox.as_ssh(remotes.remote("sandbox")))
        sandbox.stop("sandbox")


def test_a_home_with_a_line_break_is_refused(guild: Guild, tmp_path: Path) -> None:
    guild.env["GUILD_HOME"] = str(tmp_path / "a\nb")
    said = complaint(guild("run", "op", "-y"))
    assert said[0] == "guild: the guild home's path has a line break in it"


def manifest(guild: Guild) -> list[str]:
    return guild.ok("runs", "info", "-m").out.partition("manifest:\n")[2].splitlines()


def test_files_of_the_project_may_be_called_anything(
    guild: Guild, remote: str, there: Path
) -> None:
    plain = HOSTILE.replace("\\", "")
    names = [
        plain,
        f"x {plain}/{plain}",
        "-rf",
        "--help.py",
        "*",
        "\u65e5\u672c/\u8a9e \U0001f600.txt",
    ]
    for name in names:
        path = guild.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    run_id = guild.started("sleep=0", remote=remote)
    wait_until(lambda: ended(only_run(there)))
    guild.ok("pull", remote, "-y")
    for name in names:
        assert (guild.home / "runs" / run_id / name).read_text() == name
    assert len(manifest(guild)) == 2 + len(names)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a\\b", id="a backslash"),
        pytest.param("a\nb", id="a line break"),
        pytest.param(os.fsdecode(b"\xff"), id="not UTF-8"),
    ],
)
def test_a_file_of_the_project_that_most_would_not_make(
    guild: Guild, remote: str, there: Path, name: str
) -> None:
    (guild.folder / name).write_text("content")
    done = guild("run", "op", "sleep=0", "-r", remote, "--no-wait", "-y")
    if done.code == 0:
        wait_until(lambda: ended(only_run(there)))
        left_out = "is left out" in done.err
        assert left_out or (only_run(there) / name).read_text() == "content"
        guild.ok("pull", remote, "-y")
        assert len(manifest(guild)) == (2 if left_out else 3)
    else:
        assert "file outside itself" not in complaint(done)[0]
        assert runs_in(there) == []


# ---- names


def test_a_remote_may_be_called_anything_that_is_one_word(
    guild: Guild, sshd: Server, there: Path
) -> None:
    name = f"a'b\"$(touch\\{CANARY});`x`&|*?[z]{{y}}%h~!#@=\u65e5\u672c\U0001f600"
    guild.config.write_text(yaml.safe_dump({"remotes": {name: sshd.keys(there)}}))
    started = guild.ok("run", "op", "sleep=600", "-r", name, "--no-wait", "-y")
    run_id = started.lines[-2].split()[0]
    assert guild.ok("pull", name, "1", "-y").lines[-1] == f"Copying {run_id}"
    assert guild.status(run_id) == f"running ({name})"
    assert guild.ok("sync").lines[0] == f"Resolving run on {name}"
    assert guild.ok("cat", "-p", ".guild/LOCK.remote").out == f"{name}\n"


def refused_name(guild: Guild, name: str) -> None:
    guild.config.write_text(yaml.safe_dump({"remotes": {name: {"type": "sandbox"}}}))
    said = complaint(guild("remotes"))
    assert said[0] == f"guild: {guild.config} has a fault:"
    assert len(said) == 2
    assert "a remote's name is one word" in said[1]
    assert harmless(said[1])


def test_a_remote_may_not_be_called_what_is_a_path_or_an_option(guild: Guild) -> None:
    for name in (".", "..", "a/b", "a b", "-r", ""):
        refused_name(guild, name)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb"])
def test_a_remote_may_not_be_called_what_a_terminal_obeys(guild: Guild, name: str) -> None:
    refused_name(guild, name)


def test_an_operation_whose_name_is_a_command(guild: Guild, remote: str) -> None:
    for name in (f"$(touch {CANARY})", f"a;touch {CANARY}", "../op/../nop", ESCAPES):
        for words in ([], ["-r", remote]):
            said = complaint(guild("run", name, "-y", *words))
            is_of_package = "/" in name and name[0] == "."
            why = "is no operation of this project, of a package or of an earlier run"
            assert said[0] == (
                f"guild: {name} {why}"
                if is_of_package
                else f"guild: operation {name!r} is not defined for this project"
            )


def test_operations_and_models_with_all_that_is_allowed_in_a_name(
    guild: Guild, remote: str
) -> None:
    project(guild.folder, "[{model: M-1.x_, operations: {9-O_p.x: {exec: echo done}}}]\n")
    assert guild.ok("run", "M-1.x_:9-O_p.x", "-y").out == "done\n"
    run_id = guild.started(remote=remote, op="M-1.x_:9-O_p.x")
    assert guild.ok("watch", run_id, "-r", remote).lines[0] == "done"
    guild.ok("pull", remote, "-y")
    assert all("M-1.x_:9-O_p.x" in line for line in guild.ok("runs").lines)


# ---- what is shown


def harmless(text: str) -> bool:
    return not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_labels_and_tags_cannot_reach_the_terminal(guild: Guild, remote: str) -> None:
    words = ["op", "sleep=0", "-y", "-l", f"before{ESCAPES}\nafter", "-t", ESCAPES]
    guild.ok("run", *words)
    guild.ok("run", *words, "-r", remote, "--no-wait")
    preview = guild.ok("pull", remote, stdin="y\n")
    assert "before" in preview.out
    outputs = [preview.out]
    for argv in (["runs"], ["runs", "info"], ["runs", "--json"]):
        outputs.append(guild.ok(*argv).out)
    for out in outputs:
        assert harmless(out)
    assert len(outputs[1].splitlines()) == 2
    label = json.loads(outputs[-1])[0]["label"]
    assert label == f"before{ESCAPES}\nafter"


def test_flag_values_cannot_reach_the_terminal(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'true', flags: {x: {type: string}}}\n")
    assert harmless(guild.ok("run", "op", f"x={ESCAPES}", stdin="y\n").out)
    assert harmless(guild.ok("runs").out + guild.ok("runs", "info", "--env").out)


def test_descriptions_and_unknown_keys_cannot_reach_the_terminal(guild: Guild) -> None:
    entry = {"exec": "true", "description": ESCAPES, ESCAPES: 1, "flags": {"x": ESCAPES}}
    project(guild.folder, yaml.safe_dump({"op": entry}))
    guild.config.write_text(
        yaml.safe_dump({"remotes": {"r": {"type": "sandbox", "description": ESCAPES}}})
    )
    for argv in (["remotes"], ["operations", "-v"], ["run", "op", "-y"]):
        done = guild(*argv)
        assert done.code == 0
        assert harmless(done.out + done.err), argv


def test_faults_of_files_cannot_reach_the_terminal(guild: Guild) -> None:
    project(guild.folder, yaml.safe_dump({ESCAPES: 3}))
    assert harmless(guild("operations").err)
    guild.config.write_text(
        yaml.safe_dump({"remotes": {"r": {"type": "sandbox", ESCAPES: ESCAPES, "host": ESCAPES}}})
    )
    assert harmless(guild("remotes").err)


def test_what_a_remote_says_cannot_reach_the_terminal(
    guild: Guild, sshd: Server, there: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nprintf '%s\\n' '{ESCAPES}' >&2\n")
    python.chmod(0o755)
    guild.configure(x=sshd.keys(there, python=str(python)))
    done = guild("runs", "-r", "x")
    assert any("owned" in line for line in complaint(done)[1:])
    assert harmless(done.err)


def test_the_name_in_a_mark_cannot_reach_the_terminal(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    (only_run(guild.home) / ".guild/LOCK.remote").write_text(ESCAPES + "\n")
    assert harmless(guild.ok("runs").out)
    done = guild("sync")
    assert done.code == 1
    assert harmless(done.out + done.err)
