"""Every kind of source that an operation can require, here and on a remote."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from support import Place, project

GUILDFILE = """
- model: other
  operations:
    prepare: {exec: sh -c "echo other > model.bin"}
- model: m
  sourcecode: no
  resources:
    data:
      target-path: in
      sources:
        - file: data
          select: '.*[.]csv'
        - one.csv
    corpus:
      sources:
        - url: URL/corpus.zip
          sha256: 'DIGEST'
          target-path: corpus
        - url: URL/plain.txt
        - {operation: prepare, select: model.bin}
  operations:
    prepare:
      exec: sh -c "echo model ${n} > model.bin"
      flags: {n: 1}
    prepare-2:
      exec: sh -c "echo second > model.bin"
    train: {exec: cat model.bin, requires: {operation: prepare}}
    latest: {exec: cat model.bin, requires: {operation: 'prepare.*'}}
    all:
      steps: [prepare n=7, train]
    data: {exec: find in -type f, requires: data}
    corpus: {exec: cat corpus/a.txt plain.txt model.bin, requires: [corpus]}
    beside: {exec: cat beside/x.txt y.txt, requires: ['file:../beside', 'file:../y.txt']}
    unpacked:
      exec: ls t/a.txt a.txt z.zip
      requires:
        - {file: z.tar.gz, target-path: t}
        - {file: z.zip, select: '.*/a.txt'}
        - {file: z.zip, unpack: no}
    chosen:
      exec: sh -c "cat *.csv; ls"
      flags: {which: one}
      requires:
        - {file: '${which}.csv', name: data}
        - {file: data/a.csv, flag-name: extra}
    config:
      exec: cat c.yml sub/c.json
      flags: {lr: 0.5, net.size: 7}
      requires:
        - config: c.yml
        - {config: c.json, target-path: sub}
    configs:
      steps: [config lr=0.7, config lr=0.8]
    module: {exec: echo met, requires: [{module: json.decoder}, 'module:os']}
    no-module:
      exec: echo never
      requires: {module: nosuch.module, help: 'Install it: pip install nosuch'}
    processed:
      exec: cat sorted.txt
      flags: {name: sorted.txt}
      requires:
        - file: unsorted.txt
          post-process: 'sort unsorted.txt > "${name}"; echo in $RUN_ID'
    processed-badly:
      exec: echo never
      requires: {file: one.csv, post-process: 'echo before; exit 3'}
    missing: {exec: echo met, requires: {file: nosuch.txt}}
    optional:
      exec: echo met
      requires:
        - {file: nosuch.txt, optional: yes}
        - {operation: nosuch, optional: yes}
        - {url: URL/nosuch.txt, optional: yes}
        - {config: nosuch.yml, optional: yes}
        - {module: nosuch, optional: yes}
    changed: {exec: echo never, requires: {url: URL/plain.txt, sha256: 'WRONG'}}
    gone: {exec: echo never, requires: URL/nosuch.txt}
"""


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A web server on this machine, for both."""
    served = tmp_path / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "corpus.zip", "w") as archive:
        archive.writestr("a.txt", "corpus\n")
    (served / "plain.txt").write_text("plain\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def place(place: Place, url: str, tmp_path: Path) -> Place:
    digest = hashlib.sha256((tmp_path / "served" / "corpus.zip").read_bytes()).hexdigest()
    text = GUILDFILE.replace("URL", url).replace("DIGEST", digest).replace("WRONG", "0" * 64)
    folder = project(place.guild.folder, text)
    (folder / "data" / "deep").mkdir(parents=True)
    (folder.parent / "beside").mkdir()
    texts = {
        "one.csv": "one\n", "two.csv": "two\n", "data/a.csv": "a\n", "data/deep/b.csv": "b\n",
        "../beside/x.txt": "x\n", "../y.txt": "y\n", "unsorted.txt": "b\na\n",
        "c.yml": "lr: 0.1\nnet: {size: 1, kind: dense}\n", "c.json": '{"lr": 0.1}',
    }  # fmt: skip
    for name, content in texts.items():
        (folder / name).write_text(content)
    (folder / "a.txt").write_text("packed\n")
    with tarfile.open(folder / "z.tar.gz", "w:gz") as tar:
        tar.add(folder / "a.txt", "a.txt")
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.write(folder / "a.txt", "top/a.txt")
    return place


def ran(place: Place, op: str, *flags: str) -> str:
    """Run an operation to its end; its run's id."""
    place.ok("run", f"m:{op}", *flags, "-y")
    return place.ok("select", "-Fo", f"m:{op}").out.strip()


def output(place: Place, op: str, *flags: str) -> str:
    return place.output(ran(place, op, *flags))


def test_an_operation_of_the_same_model_is_meant_and_others_by_pattern(place: Place) -> None:
    place.ok("run", "m:prepare", "n=2", "-y")
    place.ok("run", "other:prepare", "-y")
    assert output(place, "train") == "model 2\n"
    place.ok("run", "m:prepare-2", "-y")
    assert output(place, "latest") == "second\n"
    assert (
        output(place, "train", "operation:prepare=" + ran(place, "prepare", "n=3")) == "model 3\n"
    )
    run = ran(place, "all")
    assert place.output(run).splitlines()[-1] == "model 7"


def test_a_resource_is_required_by_its_name(place: Place) -> None:
    assert sorted(output(place, "data").split()) == ["in/a.csv", "in/b.csv", "in/one.csv"]


def test_a_file_is_fetched_where_the_run_is_and_kept_there(place: Place, tmp_path: Path) -> None:
    place.ok("run", "m:prepare", "-y")
    assert output(place, "corpus") == "corpus\nplain\nmodel 1\n"
    kept = [path.name for path in (place.home / "cache").rglob("*") if path.is_file()]
    assert sorted(kept) == ["corpus.zip", "plain.txt"]

    (tmp_path / "served" / "plain.txt").unlink()
    run = ran(place, "corpus")
    place.ok("run", "--restart", run, "-y")
    assert place.output(run) == "corpus\nplain\nmodel 1\n"


@pytest.mark.parametrize(
    ("op", "why"),
    [
        ("changed", f"and not {'0' * 64}"),
        ("gone", "404"),
        ("missing", "the operation requires nosuch.txt, which is not in"),
        ("no-module", "it requires the module 'nosuch.module', which is not there"),
    ],
)
def test_what_is_not_there_is_said_and_no_run_is_left(place: Place, op: str, why: str) -> None:
    done = place("run", f"m:{op}", "-y")
    assert done.code == 1
    errors = [line for line in done.err.splitlines() if line.startswith("guild: ")]
    assert len(errors) == 1 and why in errors[0]
    assert ("Install it: pip install nosuch" in done.err) == (op == "no-module")
    assert place.ok("runs").out == ""


def test_what_need_not_be_there_may_be_missing(place: Place) -> None:
    assert output(place, "optional") == "met\n"
    assert output(place, "module") == "met\n"


def test_what_lies_beside_the_project_comes_too(place: Place) -> None:
    run = ran(place, "beside")
    assert place.output(run) == "x\ny\n"
    place.ok("run", "--proto", run, "-y")
    assert place.output(place.ok("select", "-Fo", "m:beside").out.strip()) == "x\ny\n"


def test_archives_are_unpacked_unless_they_are_not_to_be(place: Place) -> None:
    run = ran(place, "unpacked")
    assert place.output(run).split() == ["a.txt", "t/a.txt", "z.zip"]
    assert (place.run_dir(run) / "a.txt").read_text() == "packed\n"
    assert not [name for name in os.listdir(place.run_dir(run) / ".guild") if "unpacked" in name]


def test_a_flag_says_which_file_is_taken(place: Place) -> None:
    run = ran(place, "chosen")
    assert place.output(run).split() == ["a", "one", "a.csv", "one.csv"]
    assert output(place, "chosen", "which=two").split() == ["a", "two", "a.csv", "two.csv"]
    found = output(place, "chosen", "extra=two.csv").split()
    assert found == ["one", "two", "one.csv", "two.csv"]
    place.ok("run", "m:chosen", "which=[one,two]", "-y")
    trials = place.ok("runs", "-Fo", "m:chosen", "-n", "2").lines
    assert len(trials) >= 2
    # Made again without its project it has no other file than it had.
    done = place("run", "--restart", run, "which=two", "-y")
    assert done.code == 1
    assert "it requires 'two.csv', which is not there" in done.err


def test_a_configuration_has_the_values_of_flags(place: Place) -> None:
    run = ran(place, "config", "net.size=9")
    first, _, second = place.output(run).partition("{")
    assert yaml.safe_load(first) == {"lr": 0.5, "net": {"size": 9, "kind": "dense"}}
    assert json.loads("{" + second) == {"lr": 0.5, "net": {"size": 9}}

    (place.guild.folder / "c.yml").unlink()
    place.ok("run", "--restart", run, "lr=0.25", "-y")
    assert yaml.safe_load((place.run_dir(run) / "c.yml").read_text())["lr"] == 0.25
    done = place("run", "m:config", "-y")
    assert "the operation requires c.yml, which is not in" in done.err


def test_each_step_has_a_configuration_of_its_own(place: Place) -> None:
    said = place.output(ran(place, "configs"))
    assert [line for line in said.splitlines() if line.startswith("lr: ")] == ["lr: 0.7", "lr: 0.8"]


def test_a_command_is_run_in_the_runs_folder_once(place: Place) -> None:
    run = ran(place, "processed")
    assert place.output(run) == f"in {run}\na\nb\n"
    place.ok("run", "--restart", run, "-y")
    assert place.output(run) == "a\nb\n"
    like_it = place.ok("run", "--proto", run, "-y")  # with the file as the project had it
    assert "\na\nb\n" in like_it.out

    run = ran(place, "processed", "name=sorted.txt")
    hostile = place("run", "m:processed", "name=$(touch evil) `touch evil`; touch evil", "-y")
    assert hostile.code == 1  # cat finds no sorted.txt
    assert not list(place.home.rglob("evil"))


def test_a_command_that_fails_fails_the_run(place: Place) -> None:
    assert place("run", "m:processed-badly", "-y").code == 3
    run = place.ok("select", "-Fo", "m:processed-badly").out.strip()
    assert place.output(run) == "before\nguild: post-process of one.csv failed (exit status 3)\n"
    assert place.status(run) == "error"
