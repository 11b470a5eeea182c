"""However odd guild.yml is: it is read or refused, and no operation changes how another reads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from guild_sync.config.faults import refuse
from guild_sync.errors import GuildError
from guild_sync.guildfile import keys, reader
from guild_sync.jobs.command import command_of
from guild_sync.jobs.job import plain_values
from guild_sync.jobs.recipe import definition
from guild_sync.project import operations, values
from guild_sync.project.definitions import Operation, Project, Yaml
from guild_sync.project.flags import flag_values

NAMES = sorted({name for known in keys.GROUPS.values() for name in known})
TEXTS = [
    *("", " ", "a", "train", "{{p}}", "x {{ p }}", "{{", "c", "c#a", "c:a", "#", ":", "'", "a b"),
    *(
        "file:a",
        "operation:a",
        "a x=1",
        "${a}",
        "${",
        "no",
        "all",
        "args",
        "globals",
        "é",
        "\u2028",
    ),
    *("\0", "a\nb", "../a", "(", "x" * 300, "=", "<<", "1", "-", "--x", "$include", "{{q}}"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(TEXTS)
    | st.text(max_size=5)
)
KEYS = (
    st.sampled_from([*NAMES, "$include", "operations", "flags", "params", "a", "c", "{{p}}"])
    | st.sampled_from(TEXTS)
    | st.integers(-2, 3)
    | st.booleans()
)
VALUES: st.SearchStrategy[Yaml] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OPERATION = st.dictionaries(st.sampled_from([*keys.OPERATION]), VALUES, max_size=5)
MODEL = st.fixed_dictionaries(
    {},
    optional={
        "model": SCALARS,
        "config": SCALARS,
        "package": SCALARS,
        "extends": VALUES,
        "params": st.dictionaries(KEYS, VALUES, max_size=3) | VALUES,
        "operations": st.dictionaries(KEYS, OPERATION | VALUES, max_size=3) | VALUES,
        "operation-defaults": OPERATION | VALUES,
        "flags": st.dictionaries(KEYS, VALUES, max_size=3) | VALUES,
        "resources": VALUES,
        "sourcecode": VALUES,
        "include": VALUES,
    },
)
FILE = st.lists(MODEL | VALUES, max_size=4) | st.dictionaries(KEYS, OPERATION | VALUES, max_size=4)
FOLDERS = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as made:
        (Path(made) / "train.py").write_text("lr = 0.1\n")
        yield Path(made)


def project(folder: Path, data: Yaml) -> Project:
    (folder / "guild.yml").write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    return reader.load(folder)


def use(found: Project, operation: Operation) -> None:
    """What guild does with an operation before it is started. Raises GuildError."""
    [values.shown(flag.default) for flag in operation.flags.values()]
    json.dumps({name: flag.default for name, flag in operation.flags.items()}, default=str)
    whole = operations.with_steps(found, operation)
    operations.warnings_of(whole)
    definition(whole)
    command_of(whole, plain_values(flag_values(whole, ())))


@FOLDERS
@given(data=FILE)
@example(data=[{"operations": {"t": {"flags": {"$include": ["c"]}}}}, {"config": "c", "flags": 1}])
@example(data=[{"model": "m", "extends": "c"}, {"config": "c", "operations": "x"}])
@example(data=[{"model": "m", "params": {"p": [1]}, "operations": {"{{p}}": "x"}}])
@example(data={"x" * 300: {}})
@example(data={"op": {"flags-import": [{}], "main": "x"}})
def test_a_file_is_read_and_used_or_refused(folder: Path, data: Yaml) -> None:
    with suppress(GuildError):
        found = project(folder, data)
        assert all("\n" not in text for o in found.operations for text in o.faults)
        assert all("\n" not in text for text in found.faults)
        for operation in found.operations:
            with suppress(GuildError):
                use(found, operation)


GOOD: dict[Yaml, Yaml] = {
    "good": {"main": "train", "flags": {"x": 1, "lr": {"max": 1}}, "label": "${x}"},
    "better": {"exec": "echo ${y}", "flags": {"y": "{{p}}"}, "requires": [{"operation": "good"}]},
}
SHARED: dict[Yaml, Yaml] = {"model": "m", "params": {"p": 5}, "sourcecode": ["*.py"]}


@FOLDERS
@given(bad=st.dictionaries(KEYS, OPERATION | VALUES, min_size=1, max_size=3), first=st.booleans())
@example(bad={"x": None}, first=True)
@example(bad={"x": {"flags": {"$include": "gone"}}}, first=True)
def test_operations_read_the_same_whatever_stands_beside_them(
    folder: Path, bad: dict[Yaml, Yaml], first: bool
) -> None:
    bad = {name: entry for name, entry in bad.items() if name not in ("$include", "{{p}}")}
    alone = project(folder, [{**SHARED, "operations": GOOD}])
    entries = {**bad, **GOOD} if first else {**GOOD, **bad}
    beside = project(folder, [{**SHARED, "operations": entries}])
    for name in GOOD:
        expected = operations.find(alone, f"m:{name}")
        assert expected.faults == ()
        assert operations.find(beside, f"m:{name}") == expected


@FOLDERS
@given(other=MODEL | VALUES)
def test_a_model_reads_the_same_whatever_stands_beside_it(folder: Path, other: Yaml) -> None:
    good: Yaml = {**SHARED, "operations": GOOD}
    if isinstance(other, dict):
        other = {k: v for k, v in other.items() if k not in ("package", "include")}
        other = {**other, "model": f"not {other.get('model')}"}
    alone, beside = project(folder, [good]), project(folder, [other, good])
    for name in GOOD:
        assert operations.find(beside, f"m:{name}") == operations.find(alone, f"m:{name}")
    refuse(folder, operations.find(alone, "m:good").faults)
