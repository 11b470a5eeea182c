"""Where flags go: each destination, from the command line to what the operation sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Guild, Place, project

GUILDFILE = """
args: {main: words, flags-import: all}
globals: {main: plain, flags-import: all}
dict: {main: holder, flags-dest: 'dict:params', flags-import: all}
global: {main: holder, flags-dest: 'global:params', flags-import: all}
namespace: {main: space, flags-dest: 'namespace:ns', flags-import: all}
variables: {main: variables, flags-dest: env, flags: {x: 1, y: {env-name: WHY, default: no}}}
json: {exec: cat settings.json, flags-dest: 'config:conf/settings.json', flags-import: all}
yaml: {exec: cat settings.yml, flags-dest: 'config:settings.yml', flags-import: all}
toml: {exec: cat settings.toml, flags-dest: 'config:settings.toml', flags-import: all}
ini: {exec: cat settings.ini, flags-dest: 'config:settings.ini', flags-import: all}
gone: {exec: cat gone.yml, flags-dest: 'config:gone.yml', flags: {x: 1}}
spawns: {main: spawns, flags-dest: 'dict:params', flags-import: all}
"""
MODULES = {
    "words": "import sys, argparse\np = argparse.ArgumentParser()\n"
    "p.add_argument('--x', type=int, default=1)\nprint(p.parse_args())\n",
    "plain": "x = 1\nprint(x)\n",
    "holder": "params = {'lr': 0.1, 'opt': {'name': 'sgd', 'steps': (1, 2)}, 3: 'c'}\n"
    "params['late'] = 'l'\nprint(params)\n",
    "space": "from types import SimpleNamespace\n"
    "ns = SimpleNamespace(lr=0.1, opt=SimpleNamespace(name='sgd'))\nprint(ns)\n",
    "variables": "import os\nprint(os.environ['FLAG_X'], repr(os.environ['WHY']))\n",
    "spawns": "import multiprocessing\nparams = {'lr': 0.1, 'n': 1}\n"
    "def work(): print('child', params, flush=True)\n"
    "if __name__ == '__main__':\n"
    "    p = multiprocessing.get_context('spawn').Process(target=work)\n"
    "    p.start(); p.join(); print('parent', params)\n",
}
FILES = {
    "conf/settings.json": '{"lr": 0.1, "opt": {"name": "sgd", "steps": [1, 2]}, "none": null}',
    "settings.yml": "# kept by nobody\nlr: 0.1\nopt: {name: sgd, steps: [1, 2]}\nday: 2026-01-01\n",
    "settings.toml": 'lr = 0.1\n[opt]\nname = "sgd"\nsteps = [1, 2]\nday = 2026-01-01\n',
    "settings.ini": "[opt]\nName = sgd\nlr : 0.1\n",
}


@pytest.fixture
def place(place: Place) -> Place:
    make(place.guild)
    return place


def make(guild: Guild) -> None:
    project(guild.folder, GUILDFILE, **MODULES)
    (guild.folder / "conf").mkdir()
    for name, text in FILES.items():
        (guild.folder / name).write_text(text)


def output(place: Place, op: str, *flags: str) -> str:
    """What the operation prints."""
    place.ok("run", op, *flags, "-y")
    return place.output(place.ok("select", "-Fo", op).out.strip())


HOLDER = "{'lr': 0.1, 'opt': {'name': 'sgd', 'steps': (1, 2)}, 3: 'c', 'late': 'l'}\n"


@pytest.mark.parametrize(
    ("op", "words", "printed"),
    [
        ("args", ["x=2"], "Namespace(x=2)\n"),
        ("globals", ["x=2"], "2\n"),
        ("dict", [], HOLDER),
        (
            "dict",
            ["lr=1", "opt.name=adam", "opt.steps=3 4", "3=d", "late=never"],
            "{'lr': 1, 'opt': {'name': 'adam', 'steps': (3, 4)}, 3: 'd', 'late': 'never'}\n",
        ),
        ("global", ["lr=1"], HOLDER.replace("0.1", "1")),
        ("namespace", [], "namespace(lr=0.1, opt=namespace(name='sgd'))\n"),
        (
            "namespace",
            ["lr=1", "opt.name=adam"],
            "namespace(lr=1, opt=namespace(name='adam'))\n",
        ),
        ("variables", ["x=2", "y=yes"], "2 '1'\n"),
        ("spawns", ["lr=1"], "child {'lr': 1, 'n': 1}\nparent {'lr': 1, 'n': 1}\n"),
    ],
)
def test_flags_reach_the_operation(place: Place, op: str, words: list[str], printed: str) -> None:
    assert output(place, op, *words) == printed


def test_a_config_file_is_written_into_the_run_in_its_own_format(place: Place) -> None:
    words = ["lr=1", "opt.name=a b", "opt.steps=[3]"]
    expected = {"lr": 1, "opt": {"name": "a b", "steps": [3]}}
    assert json.loads(output(place, "json", *words)) == {**expected, "none": None}
    assert output(place, "yaml", *words).splitlines() == [
        *("lr: 1", "opt:", "  name: a b", "  steps:", "  - 3", "day: 2026-01-01")
    ]
    assert output(place, "toml", *words).splitlines() == [
        *("lr = 1", "", "[opt]", 'name = "a b"', "steps = [3]", "day = 2026-01-01")
    ]
    assert output(place, "ini", "opt.lr=1").splitlines() == ["[opt]", "Name = sgd", "lr = 1", ""]


def test_a_config_file_is_made_anew_where_a_run_starts_again(place: Place) -> None:
    place.ok("run", "yaml", "lr=1", "-y")
    run = place.ok("select", "-Fo", "yaml").out.strip()
    manifest = (place.run_dir(run) / ".guild/manifest").read_text()
    assert [line.split()[0] for line in manifest.splitlines() if " settings.yml " in line] == ["d"]
    # What it is made from is what the project had then.
    (place.guild.folder / "settings.yml").unlink()
    place.ok("run", "--restart", run, "lr=2", "-y")
    assert place.output(run).startswith("lr: 2\nopt:\n")
    place.ok("run", "--proto", run, "opt.name=adam", "-y")
    (like, _) = place.ok("select", "-Fo", "yaml", "--all").out.split()
    assert place.output(like).startswith("lr: 2\nopt:\n  name: adam\n")
    assert place.output(run).startswith("lr: 2\nopt:\n  name: sgd\n")


def test_each_trial_has_a_config_file_of_its_own(place: Place) -> None:
    place.ok("run", "yaml", "lr=[1,2]", "-y")
    runs = place.ok("select", "-Fo", "yaml", "--all").out.split()
    assert {place.output(run).splitlines()[0] for run in runs} >= {"lr: 1", "lr: 2"}


def test_an_operation_without_its_config_file_does_not_run(place: Place) -> None:
    assert place("run", "gone", "--print-cmd", "-y").code == 0
    done = place("run", "gone", "-y")
    assert done.code != 0
    assert "the config file gone.yml is not there" in done.err
    assert place("runs", "-Fo", "gone").out == ""


def test_no_value_is_shown_by_its_label_before_a_run(guild: Guild) -> None:
    project(guild.folder, "op: {exec: 'true', flags: {x: {null-label: whatever}, y: null}}")
    shown = guild("run", "op", stdin="n\n")
    assert "  x: whatever\n" in shown.out + shown.err
    assert "  y:" not in shown.out + shown.err


def test_a_flag_given_later_reaches_a_module_that_flags_import_does_not_name(guild: Guild) -> None:
    project(guild.folder, "op: {main: plain}", **MODULES)
    assert guild.ok("run", "op", "-y").out.endswith("1\n")
    run = guild.ok("select").out.strip()
    assert (guild.home / "runs" / run / ".guild/attrs/flags").read_text() == "{}\n"
    guild.ok("run", "--restart", run, "x=2", "-y")
    assert guild.ok("cat", run, "--output").out == "2\n"


def test_a_link_in_place_of_the_config_file_is_not_followed(guild: Guild, tmp_path: Path) -> None:
    make(guild)
    run = guild.ok("run", "yaml", "--stage", "-y").lines[-2].split()[-1]
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    file = guild.home / "runs" / run / "settings.yml"
    file.unlink(missing_ok=True)
    file.symlink_to(outside)
    guild.ok("run", "--start", run, "-y")
    assert outside.read_text() == "mine"
    assert not file.is_symlink()


def test_a_path_means_the_projects_here_and_the_runs_on_a_remote(place: Place) -> None:
    text = "path: {exec: 'echo ${p} ${e}', flags: {p: {type: path}, e: {type: existing-path}}}"
    (place.guild.folder / "guild.yml").write_text(text)
    folder = "" if place.remote else f"{place.guild.folder.resolve()}/"
    done = place("run", "path", "e=no-such-file", "-y")
    assert done.code != 0 and "there is no" in done.err and "no-such-file" in done.err
    assert place("runs", "-Fo", "path").out == ""
    there = place.home if place.remote else place.guild.folder / "words.py"
    assert output(place, "path", "p=sub/../a", f"e={there}") == (
        f"{'sub/../a' if place.remote else folder + 'a'} {there}\n"
    )
