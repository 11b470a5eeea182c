"""What bad input gets: one line that says what, what to do, and an exit status."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support import Done, Guild, Server, project, wait_until

from guild_sync.agent.store.home import HOME_ID

pytestmark = pytest.mark.usefixtures("not_used_before")

UNDEFINED = """\
guild: remote 'x' is not defined
Show remotes by running 'guild remotes' or 'guild remotes --help' for more information.
"""


def complaint(done: Done, code: int = 1) -> list[str]:
    """The lines on stderr: one `guild: WHAT`, then what to do; and the exit status `code`."""
    assert done.code == code, done
    assert "Traceback" not in done.out + done.err, done
    lines = done.err.splitlines()
    assert [line.startswith("guild: ") for line in lines] == [True] + [False] * (len(lines) - 1)
    return lines


def runs_in(home: Path) -> list[str]:
    """What is below the runs of a guild home; whatever it is, a refused run left it."""
    folder = home / "runs"
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    return sorted(name for name in names if name != HOME_ID)


# ---- remotes


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "op", "sleep=1", "-r", "x", "--no-wait", "-y"],
        ["pull", "x", "-y"],
        ["guild-pull", "x", "-y"],
        ["runs", "-r", "x"],
        ["cat", "-O", "-r", "x"],
        ["watch", "-r", "x"],
        ["remote", "status", "x"],
    ],
    ids=" ".join,
)
def test_a_remote_that_is_not_defined(guild: Guild, argv: list[str]) -> None:
    done = guild(*argv)
    assert (done.code, done.out, done.err) == (1, "", UNDEFINED)
    assert runs_in(guild.home) == []


def test_an_undefined_remote_of_one_run_does_not_stop_the_sync_of_others(
    guild: Guild, remote: str, there: Path
) -> None:
    run_id = guild.started("sleep=0", remote=remote)
    wait_until(lambda: (there / "runs" / run_id / ".guild/attrs/exit_status").exists())
    wait_until(lambda: not (there / "runs" / run_id / ".guild/LOCK").exists())
    lost = {"f" * 32: "x", "0" * 32: "y"}  # the latest and the earliest of all
    for other, name in lost.items():
        shutil.copytree(there / "runs" / run_id, guild.home / "runs" / other)
        (guild.home / "runs" / other / ".guild/LOCK.remote").write_text(name + "\n")
    mark = guild.home / "runs" / run_id / ".guild/LOCK.remote"
    mark.parent.mkdir(parents=True)
    mark.write_text(remote + "\n")

    done = guild("sync")
    told = [line for line in done.err.splitlines() if line.startswith("guild: ")]
    assert sorted(told) == [f"guild: remote '{name}' is not defined" for name in "xy"]
    assert done.code == 1
    assert done.lines[-1] == f"Copying {run_id}"
    assert guild.status(run_id) == "completed"
    assert guild.status("f" * 32) == "running (x)"


@pytest.mark.parametrize("spec", ["ssh:user@", "ssh:-oProxyCommand=id"])
def test_a_spec_that_is_none(guild: Guild, spec: str) -> None:
    said = complaint(guild("runs", "-r", spec))
    assert said[0] == f"guild: {spec!r} is not a remote"
    assert "ssh:[USER@]HOST[:PORT][:PATH]" in said[1]


def test_a_type_of_remote_that_is_not_supported(guild: Guild) -> None:
    guild.configure(cloud={"type": "ec2", "region": "eu"})
    said = complaint(guild("runs", "-r", "cloud"))
    assert said[0] == "guild: remote 'cloud' is of type 'ec2', which is not supported"


def test_a_remote_of_type_ssh_is_not_for_guild_to_start(guild: Guild, remote: str) -> None:
    said = complaint(guild("remote", "start", remote))
    assert said[0].endswith("is of type ssh, which guild cannot start or stop")


# ---- the config file


def test_every_fault_of_the_config_file_is_named(guild: Guild) -> None:
    guild.configure(
        a={"type": "ssh", "host": "a", "port": "eighty"},
        b={"type": "ssh"},
        c={"type": "ssh", "host": "c", "prot": 22},
    )
    said = complaint(guild("pull", "a", "-y"))
    assert said == [
        f"guild: {guild.config} has 3 faults:",
        "  remotes: a: port: must be a number from 1 to 65535, not 'eighty'",
        "  remotes: b: host: is missing",
        "  remotes: c: prot: is not a key of a remote (did you mean port?)",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("remotes:\n  a: {type: ssh\n", ", line 3, column 1: not valid YAML: "),
        ("remotes:\n\ta: b\n", ", line 2, column 1: not valid YAML: "),
        ("remotes: {a: &x {type: ssh, host: h, extends: a}}\n", " has a fault:"),
        ("remotes: {a: {type: ssh, host: -oProxyCommand=id}}\n", " has a fault:"),
    ],
)
def test_a_config_file_that_cannot_be_used(guild: Guild, text: str, told: str) -> None:
    guild.config.write_text(text)
    assert complaint(guild("remotes"))[0].startswith(f"guild: {guild.config}{told}")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None], ids=["not text", "a folder"])
def test_a_config_file_that_cannot_be_read(guild: Guild, content: bytes | None) -> None:
    if content is None:
        guild.config.unlink()
        guild.config.mkdir()
    else:
        guild.config.write_bytes(content)
    assert str(guild.config) in complaint(guild("remotes"))[0]


def test_a_broken_config_file_does_not_keep_runs_here_from_being_listed(guild: Guild) -> None:
    guild.config.write_text("remotes: {")
    assert guild.ok("runs").out == ""


# ---- guild.yml


def test_a_guild_yml_that_is_not_yaml(guild: Guild) -> None:
    (guild.folder / "guild.yml").write_text("op:\n  main: [sleep\n  flags: x\n")
    said = complaint(guild("run", "op", "-y"))
    path = guild.folder / "guild.yml"
    assert said[0].startswith(f"guild: {path}, line 3, column 8: not valid YAML: ")
    assert complaint(guild("operations")) == said


@pytest.mark.parametrize("text", [b"\xff", b"op: !!python/object:os.system {}\n", b"a: \0\n"])
def test_a_guild_yml_that_cannot_be_read(guild: Guild, text: bytes) -> None:
    (guild.folder / "guild.yml").write_bytes(text)
    assert str(guild.folder / "guild.yml") in complaint(guild("run", "op", "-y"))[0]


MIXED = """
good: {exec: echo fine, flags: {x: 1}}
bad:
  main: [a]
  env: text
worse: 3
all: {steps: [good, bad]}
odd: {exec: 'true', colour: red}
"""


def test_every_fault_of_an_operation_is_named_with_its_place(guild: Guild) -> None:
    project(guild.folder, MIXED)
    of_bad = [
        "  bad: main: must be text, not ['a'] (line 4)",
        "  bad: env: must be a mapping, not 'text' (line 5)",
    ]
    path = guild.folder / "guild.yml"
    for words in (["bad"], ["all"], ["bad", "--stage"], ["bad", "--print-cmd"]):
        said = complaint(guild("run", *words, "-y"))
        assert said == [f"guild: {path} has 2 faults:", *of_bad]
    said = complaint(guild("run", "worse", "-y"))
    assert said[1:] == ["  worse: must be a mapping, or text, not 3 (line 6)"]
    assert runs_in(guild.home) == []


def test_the_other_operations_of_a_file_with_faults_are_listed_and_run(guild: Guild) -> None:
    project(guild.folder, MIXED)
    listed = guild.ok("operations", "-v")
    assert listed.err == ""
    assert [line.rstrip() for line in listed.lines] == [
        "good",
        "  x: 1",
        "bad",
        "  cannot run: bad: main: must be text, not ['a'] (line 4)",
        "  cannot run: bad: env: must be a mapping, not 'text' (line 5)",
        "worse",
        "  cannot run: worse: must be a mapping, or text, not 3 (line 6)",
        "all",
        "  cannot run: bad: main: must be text, not ['a'] (line 4)",
        "  cannot run: bad: env: must be a mapping, not 'text' (line 5)",
        "odd",
    ]
    found = {o["name"]: o["faults"] for o in json.loads(guild.ok("operations", "--json").out)}
    assert found["good"] == found["odd"] == []
    assert found["all"] == found["bad"] != []
    assert found["worse"] == ["worse: must be a mapping, or text, not 3 (line 6)"]
    done = guild.ok("run", "good", "x=2", "-y")
    assert (done.lines, done.err) == (["fine"], "")
    offered = guild.ok("__complete", "fish", "guild", "run", "good", "").out
    assert "x=" in offered


def test_warnings_are_those_of_the_operation_that_runs_and_of_its_steps(guild: Guild) -> None:
    guildfile = "odd: {exec: 'true', colour: red}\nall: {steps: [odd]}\ngood: {exec: 'true'}\n"
    project(guild.folder, guildfile)
    warning = "guild: warning: odd: colour is passed over: guild does not know it\n"
    assert guild.ok("run", "good", "-y").err == ""
    assert guild.ok("operations", "-v").err == ""
    assert guild("run", "odd", "-y").err == warning
    assert guild("run", "all", "-y").err.startswith(warning)


def test_an_entry_that_is_none_is_told_of_and_keeps_nobody_from_running(guild: Guild) -> None:
    project(guild.folder, "- colour: red\n- operations: {good: {exec: echo fine}}\n")
    what = "entry 1: must have package, model, config or include, or operations, and has 'colour'"
    path = guild.folder / "guild.yml"
    listed = guild("operations")
    assert (listed.code, listed.out.strip()) == (0, "good")
    assert listed.err == f"guild: {path} has a fault:\n  {what} (line 1)\n"
    assert guild.ok("run", "good", "-y").err == ""
    assert complaint(guild("run", "other", "-y"))[1:] == [f"  {what} (line 1)"]


@pytest.mark.parametrize("name", ["a b", "x;y", "x/y", "x:y", "é", "$(touch z)", "*", "'"])
def test_an_operation_may_have_a_name_that_a_shell_would_quote(guild: Guild, name: str) -> None:
    entry = {"model": "Image Classifier|v2", "operations": {name: {"exec": "echo ran"}}}
    project(guild.folder, yaml.safe_dump([entry], allow_unicode=True))
    full = f"Image Classifier|v2:{name}"
    assert [line.rstrip() for line in guild.ok("operations").lines] == [full]
    for spec in (name, full):
        assert guild.ok("run", spec, "-y").lines == ["ran"]
    runs = json.loads(guild.ok("runs", "--json").out)
    assert {(r["opref"]["model"], r["opref"]["name"]) for r in runs} == {
        ("Image Classifier|v2", name)
    }
    assert guild.ok("run", "--proto", runs[0]["id"], "-y").lines == ["ran"]


def test_such_a_name_is_one_on_a_remote_too(guild: Guild, remote: str) -> None:
    text = """
- {model: Image Classifier|v2, sourcecode: [one.txt], operations: {a b/c: {exec: ls}}}
- {model: other, sourcecode: [two.txt], operations: {a b/c: {exec: ls}}}
"""
    project(guild.folder, text)
    for name in ("one.txt", "two.txt"):
        (guild.folder / name).write_text(name)
    for model, name in (("Image Classifier|v2", "one.txt"), ("other", "two.txt")):
        run = guild.ok("run", f"{model}:a b/c", "-r", remote, "-y")
        run_id = re.findall("[0-9a-f]{32}", run.out)[0]
        guild.ok("pull", remote, run_id, "-y")
        info = json.loads(guild.ok("info", run_id, "--json").out)
        assert (info["opref"]["model"], info["opref"]["name"]) == (model, "a b/c")
        sources = guild.ok("ls", run_id, "--sourcecode").out
        assert [n for n in ("one.txt", "two.txt") if n in sources] == [name]
    (found,) = json.loads(guild.ok("runs", "-Fo", "other:a b/c", "--json").out)
    assert found["opref"]["model"] == "other"


def test_a_folder_without_guild_yml(guild: Guild, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = guild("run", "op", "-y", cwd=tmp_path / "empty")
    said = complaint(done)
    assert said[0] == f"guild: there is no guild.yml in {tmp_path / 'empty'}"
    assert runs_in(guild.home) == []


def test_an_exec_that_no_shell_could_read(guild: Guild) -> None:
    project(guild.folder, "a: {exec: 'echo \"'}\nb: {exec: 'echo ${nothing}'}\n")
    assert "  a: exec: " in "".join(complaint(guild("run", "a", "-y")))
    project(guild.folder, "b: {exec: 'echo ${nothing}'}\n")
    assert "there is no flag 'nothing'" in "".join(complaint(guild("run", "b", "-y")))
    assert runs_in(guild.home) == []


# ---- operations and flags: refused before anything is asked, made or sent


Refused = Callable[..., list[str]]


@pytest.fixture
def refused(guild: Guild, sshd: Server, there: Path) -> Refused:
    """Call `guild run` here and on a remote; the lines that both say, having made nothing."""
    guild.configure(guild_uat=sshd.keys(there))

    def call(*argv: str) -> list[str]:
        here = complaint(guild("run", *argv, "-y"))
        on_remote = complaint(guild("run", *argv, "-y", "-r", "guild-uat"))
        assert here == on_remote
        assert runs_in(guild.home) == []
        assert not there.exists()
        return here

    return call


def test_an_operation_that_does_not_exist(guild: Guild, refused: Refused) -> None:
    said = refused("stepz")
    assert said[0] == "guild: operation 'stepz' is not defined for this project"
    assert said[1] == "Did you mean steps?"
    assert "guild operations" in said[-1]


def test_an_operation_with_neither_main_nor_exec(guild: Guild, refused: Refused) -> None:
    with open(guild.folder / "guild.yml", "a") as f:
        f.write("\nempty: {notebook: x.ipynb}\n")
    said = refused("empty")
    assert said[0] == "guild: operation 'empty' has none of main, exec and steps (it has notebook)"


def test_no_operation_where_there_is_no_default(guild: Guild, refused: Refused) -> None:
    assert refused()[0] == "guild: which operation?"


def test_a_flag_that_does_not_exist(guild: Guild, refused: Refused) -> None:
    said = refused("op", "sleap=3")
    assert said[0] == "guild: unsupported flag 'sleap' for op"
    assert said[1] == "Did you mean sleep?"
    assert "--force-flags" in said[-1]


def test_a_word_that_is_no_flag(guild: Guild, refused: Refused) -> None:
    assert refused("op", "sleep")[0] == "guild: 'sleep' is not a flag: a flag is NAME=VALUE"


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("sleep=long", "'long' for flag 'sleep': not a number"),
        ("sleep=yes", "'yes' for flag 'sleep': not a number"),
    ],
)
def test_a_flag_value_of_the_wrong_type(
    guild: Guild,
    refused: Refused,
    word: str,
    problem: str,
) -> None:
    assert refused("op", word)[0] == f"guild: invalid value {problem}"


def test_flag_values_that_guild_yml_does_not_allow(guild: Guild, refused: Refused) -> None:
    project(
        guild.folder,
        "op:\n  exec: 'true'\n  flags:\n"
        "    size: {type: int, min: 1, max: 9, default: 5}\n"
        "    way: {choices: [up, down], default: up}\n"
        "    deep: {type: boolean, default: no}\n"
        "    name: {required: yes}\n",
    )
    wrong = {
        "size=1.5": "not a whole number",
        "way=left": "not one of up, down",
        "deep=3": "neither yes nor no",
    }
    for word, problem in wrong.items():
        name, _, value = word.partition("=")
        said = complaint(guild("run", "op", word, "-y"))
        assert said[0] == f"guild: invalid value {value!r} for flag {name!r}: {problem}"
    said = refused("op")
    assert said == ["guild: flag 'name' needs a value", "Give it as name=VALUE."]


def test_a_script_is_not_run_remotely(guild: Guild, remote: str, there: Path) -> None:
    said = complaint(guild("run", "sleep.py", "-r", remote, "-y"))
    assert said[0] == "guild: cannot run scripts remotely"
    assert "guild.yml" in said[1]
    assert not there.exists()
    assert complaint(guild("run", "none.py", "-y"))[0] == "guild: there is no script none.py"


# ---- runs


def test_runs_that_no_run_or_several_match(guild: Guild, remote: str, there: Path) -> None:
    run_id = guild.started("sleep=0", remote=remote)
    wait_until(lambda: (there / "runs" / run_id / ".guild/attrs/exit_status").exists())
    wait_until(lambda: not (there / "runs" / run_id / ".guild/LOCK").exists())
    for home in (there, guild.home):
        for name in ("abc" + "0" * 29, "abc" + "1" * 29):
            shutil.copytree(there / "runs" / run_id, home / "runs" / name)
    several = "'abc' is the beginning of 2 run ids"
    none = "could not find a run matching"
    far = {"here": f"{none} '9' (there are 2)", "there": f"{none} '9' (there are 3)"}
    for argv in (["cat", "-O"], ["watch"], ["runs", "info"], ["runs"]):
        here = complaint(guild(*argv, "9"))
        assert here[:2] == [f"guild: {far['here']}", "Show runs with 'guild runs'."]
        on_remote = complaint(guild(*argv, "9", "-r", remote))
        assert on_remote[0] == f"guild: remote '{remote}': {far['there']}"
    for spec, problem in (
        ("abc", several),
        ("9:12", f"{none} '9:12' (there are 3)"),
        ("../..", f"{none} '../..'"),
        ("e" * 32, f"{none} '{'e' * 32}'"),
    ):
        done = guild("pull", remote, spec, "-y")
        assert complaint(done)[0] == f"guild: remote '{remote}': {problem}"
    assert complaint(guild("sync", "abc"))[0] == f"guild: {several}"
    assert complaint(guild("cat", "-O", "1:2"))[0] == "guild: '1:2' names 2 runs"
    assert len(runs_in(guild.home)) == 2


def test_several_runs_are_not_one_to_watch(guild: Guild) -> None:
    for _ in range(2):
        guild.ok("run", "op", "sleep=0", "-y")
    assert complaint(guild("watch", "1:2"))[0] == "guild: '1:2' names 2 runs"


def test_where_there_are_no_runs(guild: Guild, remote: str) -> None:
    for argv in (["cat", "-O"], ["watch", "-r", remote], ["runs", "info", "-r", remote]):
        assert complaint(guild(*argv))[0].endswith("matching '1' (there are none)")
    assert guild.ok("runs").out == guild.ok("runs", "-r", remote).out == ""
    assert guild.ok("pull", remote, "-y").lines[-1] == "Nothing to copy."


def test_a_path_that_is_no_file_of_the_run(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    for path in ("/etc/passwd", "../../../../etc/passwd", ".guild/x", ".guild"):
        assert path.split("/")[-1] in complaint(guild("cat", "-p", path))[0]


# ---- the command line


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["rnus"], "guild: there is no command 'rnus'"),
        (["--frobnicate"], "guild: there is no command '--frobnicate'"),
        (["runs", "--frobnicate"], "guild: unrecognized option '--frobnicate'"),
        (["run", "op", "--frobnicate=3"], "guild: unrecognized option '--frobnicate'"),
        (["pull", "-q", "x"], "guild: unrecognized option '-q'"),
        (["guild-sync", "--often"], "guild: unrecognized option '--often'"),
        (["runs", "-n"], "guild: -n requires argument"),
        (["runs", "-n", "few"], "guild: --limit takes a whole number, not 'few'"),
        (["pull"], "guild: REMOTE is missing"),
        (["pull", "-y", "-Fo", "x"], "guild: REMOTE is missing"),
        (["cat"], "guild: which file of the run?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_does_not_fit(guild: Guild, argv: list[str], said: str) -> None:
    assert complaint(guild(*argv))[0] == said


def test_a_command_that_is_nearly_right_is_proposed(guild: Guild) -> None:
    assert "Did you mean 'guild pull'?" in complaint(guild("pul"))[1]


# ---- questions


def test_a_question_that_nobody_can_answer(guild: Guild, remote: str, there: Path) -> None:
    told = ["guild: nobody answered the question", "Use -y to go on without being asked."]
    assert complaint(guild("run", "op", "sleep=1")) == told
    assert complaint(guild("run", "op", "sleep=1", "-r", remote)) == told
    assert runs_in(guild.home) == runs_in(there) == []
    run_id = guild.started("sleep=0", remote=remote)
    assert complaint(guild("pull", remote)) == told
    assert runs_in(guild.home) == []
    assert re.fullmatch("[0-9a-f]{32}", run_id)


def test_an_answer_that_is_no_yes_is_no(guild: Guild) -> None:
    done = guild.ok("run", "op", "sleep=1", stdin="perhaps\n")
    assert done.lines[-1].startswith("Continue? (Y/n)")
    assert runs_in(guild.home) == []


# An option whose value is empty, as that of a variable of a shell that is not set.


@pytest.mark.parametrize(
    "words",
    [
        *([command, option, ""] for command in ("rm", "stop") for option in ("-F", "-Fs")),
        ["fleet", "-r", ""],
        ["status", "-r", ""],
        ["run", "op", "--dep", ""],
        ["run", "op", "--run-dir", ""],
        ["export", "--tensorboard", ""],
        ["runs", "--archive", ""],
        *(["sync", option, ""] for option in ("--log", "--metrics", "--report")),
        ["status", "--metrics", ""],
    ],
)
def test_an_option_that_is_empty_is_not_taken_for_none(guild: Guild, words: list[str]) -> None:
    run_id = guild.started("sleep=0")
    before = {*guild.folder.iterdir()}
    done = guild(*words, *(["-y"] if words[0] in ("rm", "stop", "run") else []))
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"guild: --[a-z-]+ needs a value, and it is empty\n", done.err)
    assert guild.ok("select").out.strip() == run_id
    assert {*guild.folder.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "--top", "0"], "--top takes a number from 1 on"),
        (["compare", "--columns", ","], "--columns takes names, such as lr,loss"),
        (["compare", "--cols", ""], "--cols takes names, such as lr,loss"),
        (["compare", "--sort", ""], "--sort takes a column, such as loss or -loss"),
        (["runs", "--sort=-"], "--sort takes a column, such as loss or -loss"),
        (["open", "--shell", "--path", "x"], "--shell and --path exclude each other"),
        (["open", "--cmd", "/nothing/there"], "/nothing/there is no program that is here"),
    ],
)
def test_what_says_nothing_is_told_in_a_line(guild: Guild, words: list[str], said: str) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    done = guild(*words)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0] == f"guild: {said}"


def test_what_every_run_has_is_known_as_a_column(guild: Guild) -> None:
    guild.ok("run", "op", "sleep=0", "-y")
    assert guild.ok("compare", "--columns", "run,status,time,operation,label", "-t").out
