"""A module's globals, held against Python: without flags they are as its source has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import CONSTANTS, job, only

import guild_sync
from guild_sync.agent.store import attrs
from guild_sync.jobs.job import plain_values
from guild_sync.programs.literals import Constant
from guild_sync.project import flags

OP_MAIN = Path(guild_sync.__file__).parent / "agent" / "running" / "op_main.py"
SHOW = "\nprint({k: v for k, v in globals().items() if len(k) == 1 or k[1:].isdigit()})\n"

SOURCE = """
a = 1
b = -1e-3
c = "text"
d = True
e = None
f = (28, 28)
g = {0: "cat", 1: "dog"}
h = [(1, 2), (3, 4)]
i = {"k": (1, {2: 3})}
j = ()
k = 1e999
l = {(1, 2): "pair"}
m = {None: 1, True: 2}
n = o = 5
p = 1
p = p * 2
q = 1
if True:
    q = 2
r = {"a": {}, "b": []}
s: float = 1
"""


def as_guild_runs(folder: Path, source: str, *assignments: str, guildfile: str = "") -> str:
    """What the module prints, run as the runner runs it with these flags."""
    (folder / "project").mkdir(exist_ok=True)
    text = guildfile or "op: {main: module}"
    operation = only(folder / "project", text, module=source + SHOW)
    made = json.loads(json.dumps(job(operation, *assignments)))
    values = plain_values(flags.flag_values(operation, assignments))
    attributes = folder / "run" / ".guild" / "attrs"
    attributes.mkdir(parents=True, exist_ok=True)
    (attributes / "flags").write_text(attrs.encode(json.loads(json.dumps(values))), "utf-8")
    env = {**os.environ, **made["env"], "RUN_DIR": str(folder / "run")}
    argv = [str(OP_MAIN), made["module"], *made["args"]]
    # Python takes what it has compiled for a source of the same second and length.
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return output(argv, {**env, "PYTHONPATH": str(folder / "project")})


def output(argv: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def plain(source: str) -> str:
    return output(["-c", source + SHOW])


def test_a_mapping_is_given_as_one(tmp_path: Path) -> None:
    source = 'a = {}\nb = {1: "x"}\nc = ""\n'
    given = ["a={k: [1, 2], 'm n': {x: null}}", "b={5: stop}", "c={k: 1}"]
    assert as_guild_runs(tmp_path, source, *given) == (
        "{'a': {'k': [1, 2], 'm n': {'x': None}}, 'b': {5: 'stop'}, 'c': '{k: 1}'}\n"
    )
    again = as_guild_runs(tmp_path, source, "a={}", "b={5:stop}")
    assert again == "{'a': {}, 'b': '{5:stop}', 'c': ''}\n"


def test_with_no_flag_every_global_is_as_in_plain_python(tmp_path: Path) -> None:
    assert as_guild_runs(tmp_path, SOURCE) == plain(SOURCE)


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        ("a=2", "a = 2"),
        ("b=1", "b = 1"),
        ("c=5", "c = '5'"),
        ("d=no", "d = False"),
        ("e=5", "e = 5"),
        ("f=[32,64]", "f = (32, 64)"),
        ("h=[[5,6]]", "h = [(5, 6)]"),
        ("j=[1]", "j = (1,)"),
        ("k=1.0", "k = 1.0"),
        ("a=null", "a = None"),
    ],
)
def test_a_given_value_has_the_form_of_the_sources_own(
    tmp_path: Path, flag: str, line: str
) -> None:
    kept = "".join(f"{x}\n" for x in SOURCE.splitlines() if not x.startswith(f"{line[0]} ="))
    names = [x[0] for x in SOURCE.split("\n") if x[1:3] in (" =", ": ")]
    assert line[0] in names
    found = eval(as_guild_runs(tmp_path, SOURCE, flag).replace("inf", "1e999"))
    expected = {**eval(plain(kept).replace("inf", "1e999")), line[0]: eval(line[4:])}
    assert sorted(found) == sorted(expected)
    assert {k: repr(v) for k, v in found.items()} == {k: repr(v) for k, v in expected.items()}


def test_mappings_of_guild_yml_have_the_keys_of_the_source(tmp_path: Path) -> None:
    guildfile = "op: {main: module, flags: {g: {default: {0: cow, 7: ox}}, x: {default: 1}}}"
    with_x = "g = {0: 'cat', 1: 'dog'}\nx = 2\n"
    found = as_guild_runs(tmp_path, with_x, guildfile=guildfile)
    assert found == "{'g': {0: 'cow', 7: 'ox'}, 'x': 1}\n"


def test_a_text_that_is_to_be_split_is_a_list_and_what_is_left_out_is_not_put_in(
    tmp_path: Path,
) -> None:
    guildfile = """
    op:
      main: module
      flags: {a: {default: a b, arg-split: yes}, b: {default: 5, arg-skip: yes}, c: null}
    """
    found = as_guild_runs(tmp_path, "a = 1\nb = 2\n", guildfile=guildfile)
    assert found == "{'a': ['a', 'b'], 'b': 2}\n"


def test_a_value_that_no_variable_can_hold_is_no_flag(tmp_path: Path) -> None:
    source = f"a = {list(range(20_000))}\nb = {'x' * 200_000!r}\nc = 1\n"
    guildfile = "op: {main: module}"
    (tmp_path / "p").mkdir()
    operation = only(tmp_path / "p", guildfile, module=source)
    assert list(operation.flags) == ["c"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(CONSTANTS, min_size=8, max_size=20))
def test_any_literal_is_left_to_the_source(tmp_path: Path, values: list[Constant]) -> None:
    source = "".join(f"x{n} = {v!r}\n".replace("inf", "1e999") for n, v in enumerate(values))
    assert as_guild_runs(tmp_path, source) == plain(source)
