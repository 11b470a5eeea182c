"""What `guild run` is asked for: what a word of its command line says, and what makes no sense."""

from __future__ import annotations

import pytest
from support import Guild, project

from guild_sync.agent.protocol import Value
from guild_sync.cli.arguments import parse
from guild_sync.commands import run
from guild_sync.errors import UsageError
from guild_sync.starting.asked import request_of

ONLY = "--job is for a remote of type slurm or pbs"


def job_of(*words: str) -> dict[str, Value]:
    """What is asked of a scheduler, with `--job` before each of the words."""
    argv = [part for word in words for part in ("--job", word)]
    return dict(request_of(parse(run.__doc__ or "", ["run", "op", *argv, "x=1"])).job)


def test_each_job_option_is_a_key_with_its_value() -> None:
    assert job_of() == {}
    assert job_of("time=4:00:00", "cpus=4", "requeue=yes", "gpus=a100:2", "qos=") == {
        "time": "4:00:00",
        "cpus": 4,
        "requeue": True,
        "gpus": "a100:2",
        "qos": None,
    }
    assert job_of("constraint=a=b&c") == {"constraint": "a=b&c"}


def test_of_a_key_that_comes_again_the_last_counts_and_lists_grow() -> None:
    assert job_of("time=1", "time=2") == {"time": "2"}
    assert job_of("setup=a", "options=--exclusive", "setup=b") == {
        "setup": ["a", "b"],
        "options": ["--exclusive"],
    }
    assert job_of("setup=a", "setup=", "setup=b") == {"setup": ["b"]}


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("time", "--job takes KEY=VALUE, such as time=1:00:00, not 'time'"),
        ("=4", "--job takes KEY=VALUE, such as time=1:00:00, not '=4'"),
        ("tiem=4", "--job: tiem: is not a key of job (did you mean time?)"),
        ("cpus=many", "--job: cpus: must be a whole number, at least 1, not 'many'"),
        ("mem=1\n2", "--job: mem: must be text on one line, or a whole number, not '1\\n2'"),
        ("path=/bin", "--job: path: is a key of a remote's job alone"),
    ],
)
def test_what_is_no_key_or_value_is_told_in_a_line(word: str, fault: str) -> None:
    with pytest.raises(UsageError) as error:
        job_of(word)
    assert error.value.message == fault


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--job", "time=1"), f"{ONLY}, which -r names"),
        (
            ("--job", "time=1", "-r", "m"),
            f"{ONLY}, and m is none",
        ),
        (
            ("--job", "time=1", "-r", "m,n"),
            f"{ONLY}, and none of these is one",
        ),
        (
            ("--gpus", "0,1", "-r", "hpc"),
            "the scheduler of hpc says which GPUs a run has, not --gpus 0,1",
        ),
    ],
)
def test_what_a_host_cannot_be_asked_for_is_told_before_it_is_asked(
    guild: Guild, words: tuple[str, ...], fault: str
) -> None:
    project(guild.folder, "op: {exec: echo, job: {time: 30}}\n")
    machine = {"type": "ssh", "host": "no.such.host.invalid"}
    guild.configure(m=machine, n=machine, hpc={**machine, "type": "slurm"})
    done = guild("run", "op", *words, "-y")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[0] == f"guild: {fault}"


def test_a_job_of_guild_yml_is_passed_over_in_silence_on_a_machine(guild: Guild) -> None:
    project(guild.folder, "op: {exec: echo done, job: {time: 30}}\n")
    assert guild.ok("run", "op", "-y").lines[-1] == "done"
