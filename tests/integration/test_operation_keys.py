"""Keys of an operation, and what a run keeps of its project's commit: here and on a remote."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from support import Place, project

SHOWS = """
import os
for name in ("TOKEN", "MADE", "PYTHONPATH"):
    print(name, os.environ.get(name), flush=True)
"""
WAITS = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(3))
print("up", flush=True)
while True:
    time.sleep(60)
"""
SECRET = "very-secret-5d1f"
GUILDFILE = """
tagged:
  main: shows
  tags: [one, two]
  label: '${n|%.1f} ${x|default:none}'
  run-attrs: {author: me, sizes: [1, 2]}
  flags-dest: args
  flags: {n: 1.25, x: null}
secret: {main: shows, env-secrets: [TOKEN], env: {MADE: '<${n}>'}, flags-dest: args, flags: {n: 1}}
pipe: {steps: [guild.pass, secret n=2]}
old: {main: shows, python-requires: '<3'}
path: {main: inner, python-path: libs}
env: {main: shows, env: {PYTHONPATH: libs}}
frozen: {main: shows, pip-freeze: yes}
stoppable: {main: waits, stoppable: yes}
waits: waits
interim: {main: shows, delete-on-success: yes}
nothing: guild.pass
foreign: {main: shows, plugins: [cpu], tensorboard: {a: b}}
list: {exec: [echo, 'a  b', '${flag_args}'], flags: {n: 1, b: yes, f: no, x: null}}
"""


@pytest.fixture(autouse=True)
def _project(place: Place) -> None:
    folder = project(place.guild.folder, GUILDFILE, shows=SHOWS, waits=WAITS)
    (folder / "libs").mkdir()
    (folder / "libs" / "inner.py").write_text("import beside\n")
    (folder / "libs" / "beside.py").write_text("print('found beside')\n")


def latest(place: Place) -> str:
    return str(json.loads(place.ok("runs", "-n1", "--json").out)[0]["id"])


def run(place: Place, *words: str) -> str:
    """Run an operation to its end; the run's id."""
    place.ok("run", *words, "-y")
    return latest(place)


def with_secret(place: Place) -> None:
    place.guild.env = {**place.guild.env, "TOKEN": SECRET}


def holders_of(text: str, *tops: Path) -> list[str]:
    """The files with that text in them."""
    words = ["grep", "-rlaF", "--", text, *map(str, tops)]
    return subprocess.run(words, capture_output=True, text=True).stdout.splitlines()


# What a run is called, and what it has.


def test_tags_label_and_attributes_become_the_runs(place: Place) -> None:
    run_id = run(place, "tagged")
    assert place.attr(run_id, "tags") == ["one", "two"]
    assert place.attr(run_id, "label") == "1.2 none"
    assert place.attr(run_id, "author") == "me"
    assert place.attr(run_id, "sizes") == [1, 2]


def test_what_the_user_says_comes_first(place: Place) -> None:
    run_id = run(place, "tagged", "-t", "mine", "-t", "two")
    assert place.attr(run_id, "tags") == ["mine", "two", "one"]
    assert place.attr(run_id, "label") == "mine two n=1.25"
    run_id = run(place, "tagged", "-t", "mine", "-l", "of ${n} ${x|default:y}")
    assert place.attr(run_id, "label") == "of 1.25 y"


def test_a_run_that_starts_again_has_the_tags_that_people_left_it(place: Place) -> None:
    run_id = run(place, "tagged")
    place.ok("tag", "-d", "one", run_id, "-y")
    place.ok("run", "--restart", run_id, "n=3", "-y")
    assert place.attr(run_id, "tags") == ["two"]
    assert place.attr(run_id, "label") == "3.0 none"


# Variables.


def test_a_secret_reaches_the_operation_and_no_file(place: Place, tmp_path: Path) -> None:
    with_secret(place)
    said = place.ok("run", "secret", "-y").lines
    assert f"TOKEN {SECRET}" in said
    assert "MADE <1>" in said
    run_id = latest(place)
    (place.run_dir(run_id) / ".guild" / "output").unlink()  # where the operation printed it
    assert holders_of(SECRET, tmp_path) == []


def test_a_secret_reaches_a_run_that_is_not_waited_for(place: Place, tmp_path: Path) -> None:
    with_secret(place)
    run_id = place.started(op="secret")
    place.wait_for_end(run_id)
    assert f"TOKEN {SECRET}" in place.output(run_id)
    (place.run_dir(run_id) / ".guild" / "output").unlink()
    assert holders_of(SECRET, tmp_path) == []


def test_a_secret_reaches_the_steps_of_a_pipeline(place: Place, tmp_path: Path) -> None:
    with_secret(place)
    place.ok("run", "pipe", "-y")
    step = latest(place)
    assert f"TOKEN {SECRET}" in place.output(step)
    assert place.attr(step, "flags") == {"n": 2}
    for output in tmp_path.glob("**/.guild/output"):
        output.unlink()
    assert holders_of(SECRET, tmp_path) == []


def test_a_secret_that_is_not_set_is_not_there(place: Place) -> None:
    assert "TOKEN None" in place.ok("run", "secret", "-y").lines


def test_a_staged_run_gets_its_secret_from_who_starts_it(place: Place, tmp_path: Path) -> None:
    with_secret(place)
    run_id = place.staged(op="secret")
    assert holders_of(SECRET, tmp_path) == []
    assert f"TOKEN {SECRET}" in place.ok("run", "--start", run_id, "-y").lines


def test_a_staged_run_whose_secret_is_not_there_says_so_in_a_line(place: Place) -> None:
    env = place.guild.env
    with_secret(place)
    run_id = place.staged(op="secret")
    place.guild.env = env
    said = place("run", "queue", "run-once=yes", "-y")
    line = f"run {run_id} needs TOKEN, which is not set where it starts: guild keeps no value of "
    assert f"Cannot start {run_id}: {line}env-secrets" in said.out
    assert place.status(run_id) == "staged"
    refused = place("run", "--start", run_id, "-y")
    assert line in refused.err
    assert place.status(run_id) == "staged"


def test_a_remotes_word_alone_gives_it_no_secret(place: Place, tmp_path: Path) -> None:
    if not place.remote:
        pytest.skip("here the variable is the operation's anyway")
    with_secret(place)
    run_id = place.staged(op="secret")
    elsewhere = project(tmp_path / "elsewhere", "other: shows", shows=SHOWS)
    refused = place.guild("run", *place.args, "--start", run_id, "-y", cwd=elsewhere)
    assert f"run {run_id} needs TOKEN" in refused.err


# Where it runs.


def test_another_python_is_asked_for_in_a_line(place: Place) -> None:
    refused = place("run", "old", "-y")
    assert refused.code == 1
    assert re.search(r"the operation needs Python <3, and \S+ is 3\.\d+\.\d+\n", refused.err)
    assert place.ok("runs").out == ""


def test_folders_of_the_path_have_modules(place: Place) -> None:
    assert "found beside" in place.ok("run", "path", "-y").lines


def test_a_module_path_in_env_is_put_in_front(place: Place) -> None:
    run_id = run(place, "env")
    packages = place.run_dir(run_id) / ".guild" / "job-packages"
    assert f"PYTHONPATH libs:{packages}" in place.output(run_id)


def test_the_packages_are_kept_where_they_are_asked_for(place: Place) -> None:
    frozen = place.attr(run(place, "frozen"), "pip_freeze")
    # On the remote the project is a package; here guild itself is one.
    assert any(line.startswith(("gpkg.", "filelock==")) for line in frozen)
    assert place.attr(run(place, "nothing"), "pip_freeze") is None


# How it ends.


def operation_of(place: Place, run_id: str) -> int:
    """The first process of the run's operation."""
    record = (place.run_dir(run_id) / ".guild" / "LOCK.operation").read_text()
    return int(json.loads(record)["pid"])


def test_a_stoppable_run_that_is_stopped_has_completed(place: Place) -> None:
    for how in ("stop", "signal"):
        run_id = place.started(op="stoppable")
        place.wait_for_output(run_id, "up")
        if how == "stop":
            place.ok("stop", run_id, "-y")
        else:
            os.kill(operation_of(place, run_id), signal.SIGTERM)
        place.wait_for_end(run_id)
        assert place.attr(run_id, "exit_status") == 0
        assert place.status(run_id) == "completed"
    if place.remote:
        place.guild.ok("pull", place.remote, "-y")
        assert place.guild.status(run_id) == "completed"


def test_a_stoppable_run_that_fails_or_is_killed_has_not(place: Place) -> None:
    for signum, status in ((signal.SIGUSR1, 3), (signal.SIGKILL, -9)):
        run_id = place.started(op="stoppable")
        place.wait_for_output(run_id, "up")
        os.kill(operation_of(place, run_id), signum)
        place.wait_for_end(run_id)
        assert place.attr(run_id, "exit_status") == status


def test_another_run_that_is_stopped_is_terminated(place: Place) -> None:
    run_id = place.started(op="waits")
    place.wait_for_output(run_id, "up")
    place.ok("stop", run_id, "-y")
    place.wait_for_end(run_id)
    assert place.status(run_id) == "terminated"


def test_an_interim_run_is_deleted_once_it_has_completed(place: Place) -> None:
    said = place.ok("run", "interim", "-y")
    assert "interim has delete-on-success" in said.out
    assert place.ok("runs").out == ""
    assert len(place.ok("runs", "--deleted").lines) == 1
    run(place, "interim", "--keep-run")
    assert len(place.ok("runs").lines) == 1


def test_an_interim_run_that_nobody_waits_for_is_kept_with_a_warning(place: Place) -> None:
    said = place("run", "interim", "-y", "--stage")
    assert "delete-on-success is for runs that are waited for" in said.err
    assert len(place.ok("runs").lines) == 1


# What runs.


def test_guild_pass_does_nothing(place: Place) -> None:
    assert place.attr(run(place, "nothing"), "cmd") == ["true"]
    assert place.attr(run(place, "guild.pass"), "exit_status") == 0


def test_exec_may_be_a_list(place: Place) -> None:
    assert "a  b --b 1 --f  --n 1" in place.ok("run", "list", "-y").out


def test_keys_of_other_programs_are_one_warning_of_the_run_alone(place: Place) -> None:
    assert place.guild.ok("operations").err == ""
    assert place.ok("run", "nothing", "-y").err == ""
    said = place("run", "foreign", "-y").err.splitlines()
    assert said == [
        "guild: warning: foreign: plugins is passed over: it means nothing to guild",
        "guild: warning: foreign: tensorboard is passed over: it means nothing to guild",
    ]


# What ran can be told.


def git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    argv = ["git", "-C", str(folder), *names, *words]
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip()


@pytest.fixture
def head(place: Place) -> str:
    """The commit that the project is at."""
    git(place.guild.folder, "init", "-q")
    git(place.guild.folder, "add", "-A")
    git(place.guild.folder, "commit", "-q", "-m", "x")
    return git(place.guild.folder, "rev-parse", "HEAD")


def change(place: Place) -> None:
    (place.guild.folder / "shows.py").write_text(SHOWS + "print('\u00e9')\n")
    (place.guild.folder / "new.py").write_text("new = 1\n")


def test_a_run_keeps_its_projects_commit(place: Place, head: str) -> None:
    run_id = run(place, "nothing")
    assert place.attr(run_id, "vcs_commit") == f"git:{head}"
    assert f"vcs_commit: git:{head}" in place.ok("info").lines
    assert place.ok("info", "--vcs-diff").out == ""


def test_a_run_keeps_how_its_project_differed(place: Place, head: str) -> None:
    change(place)
    run_id = run(place, "nothing")
    assert place.attr(run_id, "vcs_commit") == f"git:{head}*"
    assert f"vcs_commit: git:{head}*" in place.ok("info").lines
    diff = place.ok("info", "--vcs-diff").lines
    assert "+print('\u00e9')" in diff
    assert "+new = 1" in diff
    if place.remote:
        place.guild.ok("pull", place.remote, "-y")
        assert place.guild.ok("info", run_id, "--vcs-diff").lines == diff


def test_two_runs_are_compared_by_what_their_projects_were_at(place: Place, head: str) -> None:
    run(place, "nothing")
    change(place)
    run(place, "nothing")
    said = place.ok("diff", "--vcs").out
    assert f"-git:{head}\n" in said
    assert f'+"git:{head}*"\n' in said
    assert "Only in " in said


def test_steps_and_runs_alike_keep_the_commit_too(place: Place, head: str) -> None:
    change(place)
    place.ok("run", "pipe", "-y")
    run(place, "--proto", "1")
    change(place)
    for index in ("1", "2", "3", "4"):
        assert f"vcs_commit: git:{head}*" in place.ok("info", index).lines
        assert "+new = 1" in place.ok("info", index, "--vcs-diff").lines


def test_a_run_with_other_source_code_keeps_that_ones_commit(place: Place, head: str) -> None:
    change(place)
    run_id = run(place, "nothing")
    git(place.guild.folder, "add", "-A")
    git(place.guild.folder, "commit", "-q", "-m", "y")
    place.ok("run", "--restart", run_id, "-y")
    assert place.attr(run_id, "vcs_commit") == f"git:{head}*"
    place.ok("run", "--restart", run_id, "--force-sourcecode", "-y")
    assert place.attr(run_id, "vcs_commit") == f"git:{git(place.guild.folder, 'rev-parse', 'HEAD')}"
    assert place.ok("info", run_id, "--vcs-diff").out == ""


def test_where_git_cannot_tell_the_run_goes_on_with_a_warning(place: Place, head: str) -> None:
    assert head
    with (place.guild.folder / ".git" / "config").open("a") as f:
        f.write('[filter "a=b"]\n\tclean = false\n')
    said = place("run", "nothing", "-y").err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("guild: warning: the run does not keep the project's commit: git's ")
    assert place.attr(latest(place), "vcs_commit") is None
