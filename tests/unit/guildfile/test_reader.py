"""guild.yml in both its forms: what is read, warned of and refused."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from projects import load, message, only
from support import project

from guild_sync.agent import value_words
from guild_sync.errors import ConfigError, GuildError
from guild_sync.guildfile import reader
from guild_sync.jobs.command import command_of
from guild_sync.project.definitions import Operation, Package, SourceCode, SourceRule, Yaml
from guild_sync.project.flags import Choice, Flag

# guild.yml.


def test_a_file_may_be_a_mapping_of_operations(tmp_path: Path) -> None:
    found = load(tmp_path, "train: {main: train, description: trains}\ntest: test_main\n")
    assert [(o.full_name, o.main, o.description) for o in found.operations] == [
        ("train", "train", "trains"),
        ("test", "test_main", ""),
    ]


def test_a_file_may_be_a_list_of_entries(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- package: demo
  version: 1.2
  description: A demo
  python-requires: '>=3.8'
  requires: [numpy, 'pandas>=2']
- model: cnn
  operations:
    train: train
- operations:
    test: {exec: echo hi}
""",
    )
    assert [o.full_name for o in found.operations] == ["cnn:train", "test"]
    assert found.package == Package("demo", "1.2", "A demo", ">=3.8", ("numpy", "pandas>=2"))
    assert found.warnings == ()


def test_an_empty_file_has_no_operations(tmp_path: Path) -> None:
    assert load(tmp_path, "").operations == ()


def test_every_key_of_an_operation_is_read(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        """
train:
  main: train --fast
  description: trains
  flags-dest: globals
  env: {A: 1, B: yes, C: text}
  label: lr ${lr}
  default: yes
  sourcecode: ['*.py']
  flags:
    lr: {default: 0.1, min: 0, max: 1, description: the rate, required: yes, type: float}
    size: {choices: [s, {value: l, description: large}], arg-name: the-size}
""",
    )
    assert found == Operation(
        "train",
        description="trains",
        main="train --fast",
        flags={
            "lr": Flag(
                "lr",
                0.1,
                "float",
                (),
                True,
                0,
                1,
                global_name="lr",
                description="the rate",
                checked=True,
            ),
            "size": Flag(
                "size",
                choices=("s", "l"),
                arg_name="the-size",
                global_name="the_size",
                details=(Choice("l", description="large"),),
            ),
        },
        flags_dest="globals",
        env={"A": "1", "B": "1", "C": "text"},
        label="lr ${lr}",
        default=True,
        sourcecode=SourceCode((SourceRule(False, ("*",)), SourceRule(True, ("*.py",)))),
    )


def test_a_package_says_of_itself_what_it_likes(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- package: gpkg.demo
  version: '1.10'
  url: http://example.com
  author: Ann  Other
  author-email: ann@example.com
  license: MIT
  tags: [a, b]
  python-tag: py2.py3
  data-files: data/*.csv
  packages: {lib: lib}
- operations: {op: {exec: a}}
""",
    )
    assert found.package == Package(
        "gpkg.demo",
        "1.10",
        url="http://example.com",
        author="Ann Other",
        author_email="ann@example.com",
        license="MIT",
        tags=("a", "b"),
        python_tag="py2.py3",
        data_files=("data/*.csv",),
    )
    assert found.warnings == (
        "entry 1: packages is passed over: a run has the source code of the whole project",
    )


def test_keys_that_are_not_known_are_named_in_warnings_and_passed_over(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
- model: cnn
  colour: red
  main: x
  operations:
    train: {main: train, mian: x, choices: [1], flags: {lr: {deflaut: 1, zork: 2}}}
""",
    )
    assert found.warnings == (
        "entry 1: colour is passed over: guild does not know it",
        "entry 1: main is passed over: guild does not know it here: it is a key of an operation, "
        "not of a model",
        "cnn:train: mian is passed over: guild does not know it (did you mean main?)",
        "cnn:train: choices is passed over: guild does not know it here: it is a key of a flag, "
        "not of an operation",
        "cnn:train: flags: lr: deflaut is passed over: guild does not know it "
        "(did you mean default?)",
        "cnn:train: flags: lr: zork is passed over: guild does not know it",
    )
    assert [(o.full_name, o.faults) for o in found.operations] == [("cnn:train", ())]


def test_keys_without_a_meaning_here_are_one_warning_each(tmp_path: Path) -> None:
    found = load(tmp_path, "op: {main: train, optimizers: {x: 1}, publish: ~, notebook: x}")
    assert found.warnings == (
        "op: optimizers is passed over: it means nothing to guild",
        "op: notebook is passed over: it means nothing to guild",
    )


def test_keys_that_mean_nothing_here_are_kept_to_be_told_of(tmp_path: Path) -> None:
    found = only(tmp_path, "train: {main: train, plugins: [cpu], publish: {to: x}}")
    assert found.later_keys == ("plugins", "publish")


def test_all_faults_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    text = """
one: 1
"two\\nlines": main
three: {main: [x],
  label: [3]}
five:
  main: a
  flags-dest: nowhere
six: {main: a, env: [x], default: maybe}
"""
    assert message(tmp_path, text).splitlines() == [
        f"{tmp_path}/guild.yml has 7 faults:",
        "  one: must be a mapping, or text, not 1 (line 2)",
        "  'two\\nlines': an operation's name is text on one line (line 3)",
        "  three: main: must be text, not ['x'] (line 4)",
        "  three: label: must be text, not [3] (line 5)",
        "  five: flags-dest: must be one of args, args:NAME, globals, global:NAME, dict:NAME, "
        "namespace:NAME, config:FILE, env, no, not 'nowhere' (line 8)",
        "  six: env: must be a mapping, not ['x'] (line 9)",
        "  six: default: must be yes or no, not 'maybe' (line 9)",
    ]


def test_a_fault_of_one_key_hides_none_of_another(tmp_path: Path) -> None:
    text = """
op:
  main: [x]
  label: [3]
  flags-dest: dict:x
  flags: {a: {min: low}, $include: gone}
  sourcecode: {root: [x]}
  requires: [{fiel: a}, {file: 7}]
  env-secrets: 7
  stoppable: maybe
  python-requires: new
"""
    assert message(tmp_path, text).splitlines()[1:] == [
        "  op: main: must be text, not ['x'] (line 3)",
        "  op: label: must be text, not [3] (line 4)",
        "  op: stoppable: must be yes or no, not 'maybe' (line 10)",
        "  op: flags: $include: there is no model or config 'gone' (line 6)",
        "  op: sourcecode: root: must be a folder, not ['x'] (line 7)",
        "  op: flags: a: min: must be a number, not 'low' (line 6)",
        "  op: requires, entry 1: must be a resource's name, or have one of file, operation, "
        "config, module, url and sources, not {'fiel': 'a'} (line 8)",
        "  op: requires, entry 2: file: must be text on one line, not 7 (line 8)",
        "  op: env-secrets: '7' cannot be the name of an environment variable (line 9)",
        "  op: python-requires: 'new' is no version, such as '>=3.8' (line 11)",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("just text", "must be a mapping of operations, or a list of entries"),
        ("- x", "entry 1: must be a mapping"),
        ("- model: [a]", "entry 1: model: must be a name"),
        ('- model: "a\\nb"', "entry 1: model: must be a name"),
        ("- colour: red", "entry 1: must have package, model, config or include, or operations"),
        ("- {}", "entry 1: must have package, model, config or include, or operations, and has n"),
        ("- config: ~", "entry 1: config: must be a name"),
        ("- operations: [a]", "entry 1: operations: must be a mapping"),
        ("- package: a/b", "entry 1: package: must be a name"),
        ("- package: {}", "entry 1: package: must be a name"),
        ("- {package: a, version: new}", "entry 1: version: must be a version, such as 1.0"),
        ("- {package: a, requires: {a: 1}}", "entry 1: requires: must be a list of packages"),
        ('- {package: a, requires: ["a\\nb"]}', "entry 1: requires: must be a list of packages"),
        ("- {package: a, data-files: [../x]}", "entry 1: data-files: '../x' must be a path in"),
        ("- {package: a, data-files: [/etc/x]}", "entry 1: data-files: '/etc/x' must be a path"),
        ("- {package: a, data-files: {a: b}}", "entry 1: data-files: must be a list of files"),
        ("- {package: a, python-tag: 'py 3'}", "entry 1: python-tag: must be such as py3"),
        ("- {package: a, python-requires: 3}", "entry 1: python-requires: must be text"),
        ("op: {main: a, flags: [x]}", "op: flags: must be a mapping"),
        ("op: {exec: a, flags: {x: {choices: 1}}}", "op: flags: x: choices: must be a list"),
        ("op: {exec: a, flags: {x: {min: low}}}", "op: flags: x: min: must be a number"),
        ("' ': {main: a}", "' ': an operation's name is text on one line"),
        ("op: ~", "op: must be a mapping, or text, not None"),
        ("op: {exec: ''}", "op: exec: must be a line of words"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, text: str, what: str) -> None:
    first, second = message(tmp_path, text).splitlines()
    assert first == f"{tmp_path}/guild.yml has a fault:"
    assert second.startswith(f"  {what}")


@pytest.mark.parametrize(
    "flag",
    [
        "{type: [int]}",
        "{min: yes}",
        "{arg-name: 7}",
        "{arg-name: 'a b'}",
        "{arg-switch: [1]}",
        "{env-encoding: 7}",
        "{alias: [a]}",
        "{choices: [{value: 1, flags: 7}]}",
    ],
)
def test_a_key_of_a_flag_with_a_value_that_does_not_fit_is_a_fault(
    tmp_path: Path, flag: str
) -> None:
    assert "flags: x:" in message(tmp_path, f"op: {{main: a, flags: {{x: {flag}}}}}")


def test_defaults_are_read_as_values_on_the_command_line_are(tmp_path: Path) -> None:
    values = {
        "1e-3": 0.001,
        "-1E5": -100000.0,
        "1.5e3": 1500.0,
        "010": 8,
        "yes": True,
        "12:30": "12:30",
        "2026-01-01": "2026-01-01",
        "'1e3'": "1e3",
        "x:y": "x:y",
        "~": None,
    }
    lines = "".join(f"    f{number}: {text}\n" for number, text in enumerate(values))
    (operation,) = load(tmp_path, f"op:\n  exec: run\n  flags:\n{lines}").operations
    assert [flag.default for flag in operation.flags.values()] == list(values.values())
    on_the_command_line = [value_words.plain_value(text) for text in values]
    assert on_the_command_line == list(values.values())


def test_default_must_be_yes_or_no(tmp_path: Path) -> None:
    assert "op: default: must be yes or no" in message(tmp_path, "op: {main: a, default: maybe}")


def test_what_is_not_yaml_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    assert message(tmp_path, "op:\n  main: [a\nb: c\n").startswith(
        f"{tmp_path}/guild.yml, line 3, column 2: not valid YAML: "
    )


@pytest.mark.parametrize("text", [f"op: {'9' * 5000}", "a: !!python/name:os.x"])
def test_a_value_that_is_none_is_not_yaml(tmp_path: Path, text: str) -> None:
    assert "not valid YAML" in message(tmp_path, text)


def test_a_folder_without_guild_yml_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        reader.load(tmp_path)
    assert error.value.message == f"there is no guild.yml in {tmp_path}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("op", "main", "exec", "flags", "env", "label", "model", "operations"),
                        *("package", "version", "requires", "default", "choices", "flags-import"),
                        *("flags-dest", "flags-import-skip", "x", "type", "alias", "value"),
                        *("env-encoding", "min"),
                    ]
                )
                | st.integers(),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@example({"op": {"flags-import": [{}], "main": "x"}})
def test_whatever_a_file_says_is_read_or_refused(data: Yaml) -> None:
    with suppress(ConfigError):
        reader._Reader(Path("/nowhere/guild.yml")).project(data)


def test_a_main_of_blanks_is_a_fault(tmp_path: Path) -> None:
    assert "op: main:" in message(tmp_path, "op: {main: ' '}")


# Flags of a module.


def test_a_modules_globals_are_flags(tmp_path: Path) -> None:
    found = only(tmp_path, "op: {main: train}", train="epochs = 10\nname = 'cnn'\n")
    assert found.flags_dest == "globals"
    assert {name: flag.default for name, flag in found.flags.items()} == {
        "epochs": 10,
        "name": "cnn",
    }


def test_what_the_file_says_of_a_flag_wins_over_the_module(tmp_path: Path) -> None:
    found = only(
        tmp_path,
        "op: {main: train, flags: {epochs: 20, name: {choices: [cnn, rnn]}}}",
        train="epochs = 10\nname = 'cnn'\n",
    )
    assert found.flags["epochs"].default == 20
    assert (found.flags["name"].default, found.flags["name"].choices) == ("cnn", ("cnn", "rnn"))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", ["a", "b"]),
        ("yes", ["a", "b"]),
        ("no", []),
        ("[b]", ["b"]),
        ("b", ["b"]),
        ("[]", []),
        ("~", ["a", "b"]),
    ],
)
def test_flags_import_says_which(tmp_path: Path, wanted: str, names: list[str]) -> None:
    found = only(tmp_path, f"op: {{main: train, flags-import: {wanted}}}", train="a = 1\nb = 2\n")
    assert list(found.flags) == names


def test_a_module_that_is_no_python_is_a_warning(tmp_path: Path) -> None:
    found = load(tmp_path, "op: {main: train}", train="def (:\n")
    (warning,) = found.warnings
    assert warning.startswith("op: cannot read flags from train.py: ")


def test_a_module_is_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    load(tmp_path, "op: {main: train}", train=f"a = 1\nopen({str(canary)!r}, 'w')\n")
    assert not canary.exists()


# A script by itself.


def test_a_script_is_a_project_of_one_operation(tmp_path: Path) -> None:
    script = project(tmp_path, "", train="lr = 0.1\n") / "train.py"
    found, operation = reader.of_script(script)
    assert (found.folder, operation.name, operation.main) == (tmp_path, "train.py", "train")
    assert operation.flags["lr"].default == 0.1


def test_a_script_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(GuildError) as error:
        reader.of_script(tmp_path / "gone.py")
    assert error.value.message == f"there is no script {tmp_path}/gone.py"


def test_a_scripts_name_may_have_spaces(tmp_path: Path) -> None:
    (tmp_path / "my script.py").write_text("lr = 1\n")
    _, operation = reader.of_script(tmp_path / "my script.py")
    assert command_of(operation, {})["module"] == "my script"


def test_a_module_whose_name_no_file_can_have_is_a_fault(tmp_path: Path) -> None:
    assert "main: cannot be looked for: File name too long (line 1)" in message(
        tmp_path, f"op: {{main: {'x' * 300}}}"
    )
