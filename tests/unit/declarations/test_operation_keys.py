"""Keys of an operation that say how its runs are made, called and ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import load, message, only

from guild_sync.agent.scheduling import options
from guild_sync.errors import GuildError
from guild_sync.guildfile import keys
from guild_sync.jobs.command import command_of
from guild_sync.jobs.recipe import definition, operation_of
from guild_sync.project.definitions import Needs, Operation, Supervision


def test_all_of_them_are_read(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        """
op:
  main: train
  tags: [a, 2, a]
  env-secrets: [TOKEN, KEY]
  python-path: [libs, ./more/]
  python-requires: '>=3.8, <4'
  stoppable: yes
  delete-on-success: yes
  pip-freeze: yes
  handle-keyboard-interrupt: yes
  run-attrs: {author: me, sizes: {1: [2, 3]}}
  output-scalars: [step: 'step (\\step)', '(\\key): (\\value)', {a: ['x (.)', y(.)]}]
  output-attrs: {lr: 'lr (\\value)'}
  objective: {maximize: acc}
  compare: [loss, acc as accuracy]
""",
    )
    assert found.tags == ("a", "2")
    assert found.env_secrets == ("TOKEN", "KEY")
    assert found.python_path == ("libs", "more")
    assert found.python_requires == (">=3.8", "<4")
    assert (found.stoppable, found.delete_on_success, found.pip_freeze) == (True, True, True)
    assert found.run_attrs == {"author": "me", "sizes": {"1": [2, 3]}}
    assert found.kept["objective"] == {"maximize": "acc"}
    assert found.kept["compare"] == ["loss", "acc as accuracy"]
    assert list(found.kept) == ["output-scalars", "output-attrs", "objective", "compare"]
    assert load(tmp_path, (tmp_path / "guild.yml").read_text()).warnings == ()


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("tags", "'one tag, and no list'", ("one tag, and no list",)),
        ("env_secrets", "'A, B C'", ("A", "B", "C")),
        ("env_secrets", "{A: 1, B: 2}", ("A", "B")),
        ("env_secrets", "''", ()),
        ("python_path", "libs:more", ("libs", "more")),
        ("python_path", "/opt/lib", ("/opt/lib",)),
        ("python_requires", "3.8", ("==3.8.*",)),
        ("python_requires", "~=3.9", ("~=3.9",)),
    ],
)
def test_short_forms(tmp_path: Path, key: str, value: str, read: tuple[str, ...]) -> None:
    found = only(tmp_path, f"op: {{main: m, {key.replace('_', '-')}: {value}}}")
    assert getattr(found, key) == read


@pytest.mark.parametrize(
    "value",
    [
        "no",
        "yes",
        "null",
        "json",
        "logfmt",
        r"'(\key): (\value)'",
        "['(?P<a>.)', '(.)=(.)']",
        "{a: (.)}",
        "[{a: (.)}, json]",
        r"{step: '(\step)', a: ['x(.)', y(.)]}",
    ],
)
def test_the_forms_of_output_scalars(tmp_path: Path, value: str) -> None:
    found = load(tmp_path, f"op: {{main: m, output-scalars: {value}}}")
    assert found.warnings == ()
    assert list(found.operations[0].kept) == ["output-scalars"]


@pytest.mark.parametrize("value", ["loss", "-loss", "{minimize: loss}", "{maximize: 'a#b'}"])
def test_the_forms_of_an_objective(tmp_path: Path, value: str) -> None:
    assert "objective" in only(tmp_path, f"op: {{main: m, objective: {value}}}").kept


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("tags: {a: 1}", "tags: must be text, a number or a list, not {'a': 1}"),
        ("env-secrets: [a=b]", "env-secrets: 'a=b' cannot be the name of an environment variable"),
        ("env-secrets: [{A: b}]", "env-secrets: must be text or a list of texts"),
        ("python-path: ../beside", "python-path: '../beside' is not in the project"),
        ("python-path: [libs/../../x]", "python-path: 'libs/../../x' is not in the project"),
        ('python-path: ["a\\nb"]', "python-path: 'a\\nb' cannot be in a path"),
        ("python-requires: foo bar", "python-requires: 'foo bar' is no version, such as '>=3.8'"),
        ("python-requires: [3]", "python-requires: must be text or a number, not [3]"),
        ("stoppable: perhaps", "stoppable: must be yes or no"),
        ("pip-freeze: 1", "pip-freeze: must be yes or no"),
        ("run-attrs: [a]", "run-attrs: must be a mapping"),
        (
            "run-attrs: {../x: 1}",
            "run-attrs: '../x' cannot be an attribute: it has letters, digits, '-', '_', '.'",
        ),
        ("objective: [a]", "objective: must be a scalar's name, or 'minimize: NAME' or"),
        ("objective: {least: a}", "objective: must be a scalar's name, or 'minimize: NAME' or"),
        ("compare: {a: b}", "compare: must be text or a list of texts"),
        ("output-scalars: 3", "output-scalars: must be a pattern, a mapping of names to patterns"),
    ],
)
def test_what_cannot_be_is_a_fault_of_one_line(tmp_path: Path, keys: str, said: str) -> None:
    lines = message(tmp_path, f"op: {{main: m, {keys}}}").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"  op: {said}")


def test_attributes_of_guilds_own_and_wrong_patterns_are_warned_of(tmp_path: Path) -> None:
    own = "{id: x, started_by: x, environment: x, mine: 1}"
    text = f"op: {{main: m, run-attrs: {own}, output-scalars: '(', output-attrs: no}}"
    found = load(tmp_path, text)
    assert found.operations[0].run_attrs == {"mine": 1}
    said = sorted(found.warnings)
    assert said[0].startswith("op: output-scalars: '(' is no regular expression: ")
    assert said[1:] == [
        f"op: run-attrs: {name} is passed over: it is guild's own"
        for name in ("environment", "id", "started_by")
    ]


def test_a_model_says_the_python_of_its_operations(tmp_path: Path) -> None:
    text = """
- model: cnn
  python-requires: '>=3.9'
  operations:
    train: train
    test: {main: test, python-requires: '>=3.10'}
"""
    found = load(tmp_path, text)
    assert [o.python_requires for o in found.operations] == [(">=3.9",), (">=3.10",)]
    assert found.warnings == ()


def test_exec_may_be_a_list_of_words(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {exec: [echo, 'a b', 1, '${x}', '${flag_args}'], flags: {x: 3}}")
    assert command_of(found, {"x": 3})["argv"] == ["echo", "a b", "1", "3", "--x", "3"]
    assert "exec: must be text or a list of words" in message(tmp_path, "op: {exec: [echo, [a]]}")


def test_the_module_is_looked_for_in_the_folders_of_the_path(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "train.py").write_text("lr = 0.1\n")
    text = "op: {main: train, python-path: libs}"
    assert list(only(tmp_path, text).flags) == ["lr"]
    (tmp_path / "train.py").write_text("rate = 0.1\n")  # which `python -m train` would run
    assert list(only(tmp_path, text).flags) == ["rate"]


def supervised(tmp_path: Path, keys: str) -> Supervision:
    return only(tmp_path, f"op: {{main: m, {keys}}}").supervision


def test_how_attempts_are_looked_after(tmp_path: Path) -> None:
    keys = "retry: 3, retry-delay: 2m, retry-on: 'CUDA|NCCL', time-limit: 12h, stall: 0.3s"
    assert supervised(tmp_path, keys) == Supervision(3, 120.0, "CUDA|NCCL", 43200.0, 0.3)
    assert supervised(tmp_path, "retry: 0, retry-delay: 0, stall: 0") == Supervision()
    assert supervised(tmp_path, "retry-delay: 0.5").retry_delay == 0.5


def test_a_time_with_colons_is_one_though_yaml_reads_a_number(tmp_path: Path) -> None:
    assert supervised(tmp_path, "time-limit: 4:00:00").time_limit == 14400
    assert supervised(tmp_path, "retry-delay: '4:00:00'").retry_delay == 14400


TIMES = "a time such as 30s, 2m, 12h or 4:00:00"


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("retry: -1", "retry: must be a whole number from 0 to 1000, not -1"),
        ("retry: 1.5", "retry: must be a whole number from 0 to 1000, not 1.5"),
        ("retry: 1001", "retry: must be a whole number from 0 to 1000, not 1001"),
        ("retry: yes", "retry: must be a number"),
        ("retry: three", "retry: must be a number"),
        ("retry-on: 'x('", "retry-on: 'x(' is no regular expression: missing )"),
        ("retry-on: [x]", "retry-on: must be text"),
        ("retry-on: ''", "retry-on: must be a regular expression on one line, not ''"),
        ('retry-on: "a\\0b"', "retry-on: must be a regular expression on one line, not"),
        *(
            (f"{key}: {value}", f"{key}: must be {TIMES}, not {shown}")
            for key in ("retry-delay", "time-limit", "stall")
            for value, shown in (
                *(("-5", "-5"), ("soon", "'soon'"), ("2:00", "'2:00'"), ("-4:00:00", "'-4:00:00'")),
                *((".inf", "inf"), ("366d", "'366d'")),
            )
        ),
        ("retry-delay: yes", "retry-delay: must be a number or text"),
    ],
)
def test_what_is_wrong_with_how_attempts_are_looked_after(
    tmp_path: Path, key: str, fault: str
) -> None:
    lines = message(tmp_path, f"op: {{main: m, {key}}}").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"  op: {fault}")


@pytest.mark.parametrize(
    ("keys", "devices", "needs"),
    [
        ("gpus: 2, cpus: 8, memory: 1.5G", None, Needs(2, 8, 3 << 29)),
        ("gpus: '0,1'", "0,1", Needs()),
        ("gpus: '0'", "0", Needs()),
        ("gpus: device=1", "1", Needs()),
        ("gpus: '2'", None, Needs(2)),
        ("no-gpus: yes, memory: 1000", "", Needs(memory=1000)),
        ("no-gpus: no", None, Needs()),
        ("gpus: no, cpus: no", None, Needs()),
    ],
)
def test_what_a_run_sees_and_needs_of_its_host(
    tmp_path: Path, keys: str, devices: str | None, needs: Needs
) -> None:
    found = only(tmp_path, f"op: {{main: m, {keys}}}")
    assert (found.gpus, found.needs) == (devices, needs)
    assert _kept(found) == found


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        *(
            (f"gpus: {value}", "gpus: must be how many GPUs, such as 2, or which, as text, such as")
            for value in ("0", "-1", "1.5", "1000000000", "' '")
        ),
        ("gpus: yes", "gpus: must be a number or text, not True"),
        ("gpus: 1, no-gpus: yes", "gpus and no-gpus exclude each other"),
        ("cpus: -1", "cpus: must be a whole number of cores, not -1"),
        ("cpus: 1.5", "cpus: must be a whole number of cores, not 1.5"),
        ("cpus: 10000", "cpus: must be a whole number of cores, not 10000"),
        ("memory: much", "memory: must be a size, such as 16G or 500M, not 'much'"),
        ("memory: -1", "memory: must be a size, such as 16G or 500M, not -1"),
    ],
)
def test_what_cannot_be_of_a_host_is_a_fault(tmp_path: Path, keys: str, fault: str) -> None:
    lines = message(tmp_path, f"op: {{main: m, {keys}}}").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"  op: {fault}")


def test_a_run_keeps_them_all(tmp_path: Path) -> None:
    made = only(
        tmp_path,
        """
op: {main: m, tags: [a], env-secrets: [B], python-path: [c], python-requires: '>=3', stoppable: yes,
     delete-on-success: yes, pip-freeze: yes, run-attrs: {d: [1]}, objective: e, retry: 2,
     retry-delay: 1s, retry-on: x, time-limit: 2h, stall: 3m}
""",
    )
    assert _kept(made) == made


def test_a_run_of_an_earlier_version_has_none_of_them() -> None:
    data = definition(Operation("op", main="m"))
    new = ("tags", "env_secrets", "python_path", "python_requires", "stoppable", "run_attrs")
    for key in (*new, "delete_on_success", "pip_freeze", "kept", "supervision", "needs", "job"):
        del data[key]
    recipe = {"work": {"operation": data}, "id": "x"}
    assert operation_of(recipe) == Operation("op", main="m")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"retry": "x"}, {"stall": -1}, {"retry_on": 3}])
def test_a_run_whose_job_is_not_ours_is_said_not_to_be_read(wrong: object) -> None:
    data = {**definition(Operation("op", main="m")), "supervision": wrong}
    recipe = {"work": {"operation": data}, "id": "x"}
    with pytest.raises(GuildError, match="job of run x cannot be read"):
        operation_of(recipe)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"gpus": "x"}, {"cpus": -1}, {"memory": 1.5}])
def test_a_run_whose_needs_are_not_ours_is_said_not_to_be_read(wrong: object) -> None:
    data = {**definition(Operation("op", main="m")), "needs": wrong}
    recipe = {"work": {"operation": data}, "id": "x"}
    with pytest.raises(GuildError, match="job of run x cannot be read"):
        operation_of(recipe)  # type: ignore[arg-type]


def _kept(operation: Operation) -> Operation | None:
    recipe = {"work": {"operation": definition(operation)}, "id": "x"}
    return operation_of(recipe)  # type: ignore[arg-type]


def test_variables_take_flags(tmp_path: Path) -> None:
    text = (
        "op: {main: m, flags: {n: 1.5, b: yes, f: no, x: null}, env: {A: '<${n}${b}${f}${x}>$n'}}"
    )
    found = only(tmp_path, text)
    values = {name: flag.default for name, flag in found.flags.items()}
    assert command_of(found, values)["env"]["A"] == "<1.51>$n"  # type: ignore[arg-type]


def test_a_variable_of_a_flag_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: m, env: {A: '${HOME}'}}")
    with pytest.raises(Exception, match=r"^env: A: there is no flag 'HOME': \$\{HOME\}$"):
        command_of(found, {})


def test_guild_pass_needs_no_module(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: guild.pass, flags: {a: 1}}")
    assert command_of(found, {"a": 1})["argv"] == ["true"]


# What a run asks of a scheduler.


def test_a_job_is_read_and_a_run_keeps_it(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        """
op:
  exec: a
  job: {time: 4:00:00, partition: gpu, cpus: 4, requeue: yes, setup: [module load x], gres: }
""",
    )
    assert found.job == {
        "time": "4:00:00",
        "partition": "gpu",
        "cpus": 4,
        "requeue": True,
        "setup": ["module load x"],
        "gres": None,
    }
    assert _kept(found) == found


def test_an_operation_has_the_job_of_its_models_defaults_unless_it_has_one(tmp_path: Path) -> None:
    text = """
- model: m
  operation-defaults: {job: {time: 30}}
  operations: {a: {exec: a}, b: {exec: b, job: {mem: 1G}}, c: {exec: c, job: no}}
"""
    found = [operation.job for operation in load(tmp_path, text).operations]
    assert found == [{"time": 30}, {"mem": "1G"}, {}]


def test_each_fault_of_a_job_has_its_line(tmp_path: Path) -> None:
    text = """op:
  exec: a
  job:
    time: 4h
    tiem: 4
    mem: yes
    path: /bin
    options: [job.sh]
    yes: 1
"""
    assert message(tmp_path, text).splitlines()[1:] == [
        "  op: job: time: must be a time as Slurm has it: MINUTES, MIN:SEC, H:MIN:SEC, "
        "or with days D-H:MIN:SEC, not '4h' (line 4)",
        "  op: job: tiem: is not a key of job (did you mean time?) (line 5)",
        "  op: job: mem: must be text on one line, or a whole number, not True (line 6)",
        "  op: job: path: is a key of a remote's job alone (line 7)",
        "  op: job: options: 'job.sh' is no option: it begins with no '-' (line 8)",
        "  op: job: True: is not a key of job (line 9)",
    ]


def test_the_table_has_the_keys_that_a_job_can_have() -> None:
    assert {*keys.JOB} == {*options.KEYS}


def test_a_job_that_is_no_mapping_is_told(tmp_path: Path) -> None:
    assert "op: job: must be a mapping, not 'gpu' (line 1)" in message(
        tmp_path, "op: {exec: a, job: gpu}"
    )
