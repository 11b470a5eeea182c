"""The pages for people: each line that they show is typed, in its order, and does what they say."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import Cluster
from page_settings import NET, setting_of
from page_world import Setting, World, world
from pages import PAGES, Mentioned, Part, Snippet, Typed, fault_of, looks_like, parts_of
from support import Done, Guild, Server, project, wait_until
from test_login import typing
from test_unreachable import another_sshd

from guild_sync.cli.table import COMMANDS, module_of

CLUSTERS = "docs/slurm.md"
HELP = "help"
TYPED = [page for page in PAGES if page not in (CLUSTERS, "docs/design.md")]
WORD = re.compile(r" +#.*")


@pytest.fixture(scope="session")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that guild has made, of the project that most pages have."""
    top = tmp_path_factory.mktemp("a-run")
    env = {**os.environ, "GUILD_HOME": str(top / "home"), "GUILD_CONFIG": str(top / "config.yml")}
    guild = Guild(top / "net", env)
    guild.folder.mkdir()
    guild.config.touch()
    for name, text in NET.items():
        (guild.folder / name).write_text(text)
    guild.ok("run", "train", "epochs=2", "-y")
    return top / "home" / "runs" / guild.ok("select").out.strip()


@pytest.fixture
def page_world(
    request: pytest.FixtureRequest, tmp_path: Path, sshd: Server, a_run: Path, agent_folder: Path
) -> Iterator[World]:
    setting: Setting = setting_of(request.param)
    with ExitStack() as stack:
        if setting.is_new:
            sshd = stack.enter_context(another_sshd(sshd, tmp_path / "other"))
        made = world(tmp_path, setting, sshd, a_run, agent_folder)
        stack.callback(made.close)
        yield made


def what_is_wrong(world: World, part: Typed | Mentioned, times: int) -> str:
    """Type a line, for the so-manieth time; how it is otherwise than its page says, or empty."""
    setting = world.setting
    command = WORD.sub("", part.command)
    key = f"{command} #{times}" if times > 1 else command
    for line in setting.before.get(key, ()):
        before = world.type(line)
        if before.code:
            return f"{line}, typed before it: {before}"
    if key in setting.on_terminal:
        done = world.type_on_terminal(command, setting.on_terminal[key])
    else:
        done = world.type(command)
    shown = part.shown if isinstance(part, Typed) else ""
    fails = 1 if re.search("^guild: ", shown, re.M) else 0
    code = setting.ends.get(key, (fails, ""))[0]
    if done.code != code or "internal error" in done.err:
        return f"ends with {done.code}, not {code}: {done.out[-1500:]}{done.err[-1500:]}"
    if shown and key not in setting.not_compared and not is_as_shown(shown, done, setting):
        return f"shows\n{done.out}{done.err}\nand not\n{shown}"
    return ""


def is_as_shown(shown: str, done: Done, setting: Setting) -> bool:
    shape = looks_like(shown, setting.differs)
    out = done.out.partition("^C")[0]  # which a terminal shows where it is typed
    return any(shape.fullmatch(text) for text in (out, done.err, out + done.err, done.err + out))


@pytest.mark.parametrize("page_world", TYPED, indirect=True)
def test_each_line_that_a_page_shows_does_what_it_says(
    request: pytest.FixtureRequest, page_world: World
) -> None:
    type_all(request.node.callspec.params["page_world"], page_world)


def test_each_line_of_the_page_of_clusters_does_what_it_says(
    cluster: Cluster, guild: Guild, tmp_path: Path
) -> None:
    setting = setting_of(CLUSTERS)
    for name, text in setting.files.items():
        (guild.folder / name).write_text(text)
    type_all(CLUSTERS, World(tmp_path, setting, guild))


@pytest.mark.parametrize("page_world", [HELP], indirect=True)
def test_each_line_that_help_shows_does_what_it_says(page_world: World) -> None:
    examples = [
        Typed(number, line, "")
        for name in sorted({module_of(command) for command in COMMANDS})
        for number, line in examples_of(f"guild_sync.commands.{name}")
    ]
    assert examples
    type_parts(examples, page_world)


def examples_of(module: str) -> Iterator[tuple[int, str]]:
    """The lines that the help of a command shows as ones that are typed, by their numbers."""
    text = importlib.import_module(module).__doc__ or ""
    below = text.partition("\nExamples:\n")[2] or text.partition("\nExample:\n")[2]
    for number, line in enumerate(below.splitlines(), 1):
        if line.startswith("  guild "):
            yield number, re.split(" {3,}", line.strip())[0]


def type_all(page: str, world: World) -> None:
    type_parts(parts_of(page), world)


def type_parts(parts: Iterable[Part], world: World) -> None:
    typed: Counter[str] = Counter()
    faults = {}
    for part in parts:
        if isinstance(part, Snippet):
            continue
        command = WORD.sub("", part.command)
        if isinstance(part, Mentioned) and (not part.is_whole or command in typed):
            continue
        typed[command] += 1
        if command not in world.setting.parsed_only:
            fault = what_is_wrong(world, part, typed[command])
        else:
            fault = fault_of(command) if command.startswith("guild") else ""
        if fault:
            faults[f"line {part.line}: {command}"] = fault
    assert world.setting.parsed_only.keys() <= typed.keys(), "what is not there any more"
    assert not faults, "\n\n".join(f"{where}\n{fault}" for where, fault in faults.items())


# Parts of files, and of outputs.

REMOTES = "remotes: {gpu1: {type: ssh, host: gpu1.example.com}, gpu2: {type: ssh, host: x}}\n"
STEP = "\n{}: {{exec: 'true', flags: {{size: 1, rate: 1, epochs: 1}}}}"
SECRETS = {"MAIL_PASSWORD": "x", "SLACK_TOKEN": "A/B/C", "CHECK_ID": "x"}
# Those that are neither of config.yml nor of guild.yml: what begins so, and what holds it.
OTHERS = {
    "docs/daily-use.md": {"Stopped watching": "what_watch_says_in_the_end"},
    "docs/guildfile.md": {
        "# yaml-language-server": "the first line of a guild.yml, which is a comment",
        "train: env: must be": "what_a_fault_is_like",
    },
    "docs/operations.md": {"epochs = 2": "the page's own train.py, which its lines run"},
    "docs/scalars.md": {"loss: 0.25": "what_is_read_as_a_scalar"},
    "docs/syncing.md": {"- alert": "what_an_alert_is_about"},
}


def snippets_of(page: str) -> list[Snippet]:
    return [part for part in parts_of(page) if isinstance(part, Snippet)]


def other(page: str, begins: str) -> str:
    (found,) = [one.text for one in snippets_of(page) if one.text.startswith(begins)]
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/design.md"])
def test_each_part_of_a_file_that_a_page_shows_is_one_that_guild_reads(
    page: str, guild: Guild, tmp_path: Path
) -> None:
    faults = {}
    guild.env.update(SECRETS)
    others = OTHERS.get(page, {})
    for number, snippet in enumerate(snippets_of(page)):
        if any(snippet.text.startswith(begins) for begins in others):
            continue
        if snippet.is_config:
            fault = fault_of_config(guild, snippet.text)
        else:
            fault = fault_of_guildfile(guild, tmp_path / str(number), snippet.text)
        if fault:
            faults[f"line {snippet.line}"] = fault
    assert faults == {}


def fault_of_config(guild: Guild, text: str) -> str:
    guild.config.write_text(text if "remotes:\n" in text else f"{REMOTES}{text}\n")
    here = checked_lines(guild)
    return "" if here["config file"]["ok"] else str(here["config file"])


def checked_lines(guild: Guild) -> dict[str, Any]:
    (here, *_) = json.loads(guild("check", "--offline", "--json").out)
    return {line["name"]: line for line in here["checks"]}


def fault_of_guildfile(guild: Guild, folder: Path, text: str) -> str:
    modules = {*re.findall(r"main: (\w+)", text), "train"}
    if "steps:" in text:
        text += "".join(
            STEP.format(name) for name in {*re.findall(r"(?:- |run: )(\w+)\b(?!:)", text)}
        )
    project(folder, text.replace("3f0c...", 32 * "ab"), **dict.fromkeys(modules, ""))
    done = guild("operations", "--json", cwd=folder)
    told = [one for one in json.loads(done.out or "[]") if one.get("faults")]
    return str(told) if told else done.err


def test_what_a_fault_is_like(guild: Guild) -> None:
    project(guild.folder, "train:\n  main: sleep\n  label: x\n\n  env: text\n")
    shown = other("docs/guildfile.md", "train: env").removeprefix("train: ")
    assert shown in guild("operations").out


def test_what_is_read_as_a_scalar(guild: Guild) -> None:
    text = other("docs/scalars.md", "loss")
    (guild.folder / "output.txt").write_text(text)
    read = guild.ok("run", "op", "--test-output-scalars", "output.txt").out
    assert read.count("loss: 0.25") >= len(text.splitlines())


def test_what_an_alert_is_about(guild: Guild, remote: str) -> None:
    guild.ok("run", "op", "sleep=600", "-r", remote, "--no-wait", "-y")
    guild.ok("guild-sync", "--metrics", "guild.prom")
    written = (guild.folder / "guild.prom").read_text()
    (alert,) = yaml.safe_load(other("docs/syncing.md", "- alert"))
    for name in re.findall(r"guild_\w+", alert["expr"]):
        assert f"\n{name}" in written


def test_what_watch_says_in_the_end(guild: Guild, remote: str) -> None:
    shown = other("docs/daily-use.md", "Stopped").replace("sandbox", remote)
    run_id = guild.started("sleep=600", remote=remote)
    with typing(guild, "watch", run_id, "-r", remote) as terminal:
        wait_until(lambda: "Sleeping" in terminal.shown or terminal.shown.count("\n"), "the output")
        terminal.type("\x03")
        terminal.end()
    assert re.search(looks_like(shown), terminal.shown)
