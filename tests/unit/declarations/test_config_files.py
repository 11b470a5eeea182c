"""Config files: what flags they offer, and what is written of them."""

from __future__ import annotations

import configparser
import datetime
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guild_sync.agent.protocol import Value
from guild_sync.declarations import config_files
from guild_sync.declarations.config_files import config_file, flags_in, with_values
from guild_sync.errors import GuildError
from guild_sync.project.definitions import ConfigFile, Yaml

tomllib = pytest.importorskip("tomllib")  # of Python 3.11 and later

YAML = "a: 1\nb: {c: text, l: [1, x y]}\nd: 2026-01-01\nn: ~\n5: num\n"


def test_flags_are_what_it_holds() -> None:
    found = flags_in(ConfigFile("c.yml", YAML))
    assert {name: flag.default for name, flag in found.items()} == {
        "a": 1,
        "b.c": "text",
        "b.l": "1 'x y'",
        "n": None,
        "5": "num",
    }


@pytest.mark.parametrize("path", ["c.yml", "c.yaml", "sub/C.YML"])
def test_yaml_keeps_what_is_not_set(path: str) -> None:
    text = with_values(ConfigFile(path, YAML), {"a": 2, "b.c": "yes", "new.x": [1]})
    assert yaml.safe_load(text) == {
        "a": 2,
        "b": {"c": "yes", "l": [1, "x y"]},
        "d": datetime.date(2026, 1, 1),
        "n": None,
        5: "num",
        "new": {"x": [1]},
    }


def test_a_value_goes_where_its_name_leads_as_a_key_with_dots_or_by_mappings() -> None:
    config = ConfigFile("c.yml", "x.y: 1\na: {b.c: 1}\nn: {}\ne: ~\n")
    text = with_values(config, {"x.y": 2, "a.b.c": 3, "n.o.p": 4})
    assert yaml.safe_load(text) == {"x.y": 2, "a": {"b.c": 3}, "n": {"o": {"p": 4}}, "e": None}


def test_values_are_written_one_by_one_though_flags_share_them() -> None:
    shared: list[Value] = [{"k": 1}]
    text = with_values(ConfigFile("c.yml", "# a comment\n"), {"a": shared, "b": shared})
    assert text == "a:\n- k: 1\nb:\n- k: 1\n"


def test_what_an_alias_names_is_set_by_itself() -> None:
    text = with_values(ConfigFile("c.yml", "a: &x {v: 1}\nb: *x\nc: {<<: *x}\n"), {"a.v": 2})
    assert yaml.safe_load(text) == {"a": {"v": 2}, "b": {"v": 1}, "c": {"v": 1}}


def test_json_keeps_its_order_and_its_characters() -> None:
    text = with_values(ConfigFile("c.json", '{"z": "é", "a": [{"b": 1}]}'), {"n": None, "z": 2})
    assert list(json.loads(text).items()) == [("z", 2), ("a", [{"b": 1}]), ("n", None)]
    assert "é" in with_values(ConfigFile("c.json", '{"z": "é"}'), {})
    halves = with_values(ConfigFile("c.json", '{"z": "\\ud800"}'), {})
    assert json.loads(halves.encode()) == {"z": "\ud800"}


TOML = 'a = 1\nf = 1e3\nt = "x\\ny"\ni = {x = 1}\n[b.c]\nl = [1, 2]\nd = 2026-01-01\n[[p]]\nq = 1\n'


def test_toml_keeps_what_is_not_set() -> None:
    text = with_values(ConfigFile("c.toml", TOML), {"a": 2, "b.c.new key": True, "i.x": 3})
    assert tomllib.loads(text) == {
        "a": 2,
        "f": 1000.0,
        "t": "x\ny",
        "i": {"x": 3},
        "b": {"c": {"l": [1, 2], "d": datetime.date(2026, 1, 1), "new key": True}},
        "p": [{"q": 1}],
    }


def test_an_ini_files_default_section_is_its_own() -> None:
    ini = ConfigFile("c.ini", "[DEFAULT]\na = 1\n[S]\nb = 2\nnone\n")
    assert {n: f.default for n, f in flags_in(ini).items()} == {"a": 1, "S.b": 2}
    text = with_values(ini, {"DEFAULT.a": 3, "S.a": 4, "x": 5})
    assert text == "[DEFAULT]\na = 3\nx = 5\n\n[S]\nb = 2\nnone\na = 4\n\n"


def test_an_ini_file_has_sections_of_texts() -> None:
    ini = ConfigFile("c.ini", "[Sec]\nKey = 1\nb = 50%\n[o.p]\nc: yes\n")
    found = flags_in(ini)
    assert {name: flag.default for name, flag in found.items()} == {
        "Sec.key": 1,
        "Sec.b": "50%",
        "o.p.c": True,
    }
    values: dict[str, Value] = {
        "Sec.key": 2,
        "o.p.c": False,
        "o.p.d": "x",
        "new.a.b": [1, "x y"],
        "top": 3,
    }
    parser = configparser.RawConfigParser()
    parser.read_string(with_values(ini, values))
    assert {name: dict(parser[name]) for name in parser} == {
        "DEFAULT": {"top": "3"},
        "Sec": {"key": "2", "b": "50%", "top": "3"},
        "o.p": {"c": "False", "d": "x", "top": "3"},
        "new": {"a.b": "1 'x y'", "top": "3"},
    }


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("c.yml", "a: [", "while parsing"),
        ("c.yml", "[1, 2]", "no mapping"),
        ("c.yml", "a: !!timestamp x", ""),
        ("c.yml", "!!python/object:os.system {}", "could not determine a constructor"),
        ("c.yml", "a: &a [*a]", "too large, or nested too deeply"),
        ("c.yml", "[" * 5000, ""),
        ("c.json", "{", "Expecting"),
        ("c.json", "[" * 100_000, "nested too deeply"),
        ("c.toml", "a", "Expected"),
        ("c.ini", "a = 1", "no section headers"),
        ("c.txt", "a", "ends with none of .json"),
        ("c.yml", "x" * (1 << 22) + "y", "more than 4 MB"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_a_line(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)
    found = config_file(name, tmp_path)
    assert found.problem.startswith(f"the config file {name} cannot be read: ")
    assert problem in found.problem and "\n" not in found.problem


def test_many_aliases_of_aliases_are_refused(tmp_path: Path) -> None:
    lines = [
        "a0: &a0 [x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
    ]
    (tmp_path / "c.yml").write_text("\n".join(lines))
    assert "too large" in config_file("c.yml", tmp_path).problem


def test_a_file_that_is_none_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    os.mkfifo(tmp_path / "pipe.yml")
    for name in ("gone.yml", "folder.yml", "pipe.yml"):
        assert config_file(name, tmp_path).problem == f"the config file {name} is not there"


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (ConfigFile("c.yml", "a: 1"), {"a.b": 1}),
        (ConfigFile("c.ini", "[a]\nb = 1"), {"a.b": "x\ny"}),
        (ConfigFile("c.json", "{"), {}),
    ],
)
def test_a_value_that_has_no_place_in_it_is_told(
    config: ConfigFile, values: dict[str, Value]
) -> None:
    with pytest.raises(GuildError) as error:
        with_values(config, values)
    assert config.path in error.value.message and "\n" not in error.value.message


_values: st.SearchStrategy[Yaml] = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), _values, max_size=4))
def test_toml_is_written_as_it_is_read(data: dict[Yaml, Yaml]) -> None:
    assert tomllib.loads(config_files._text(data, ".toml")) == data


@given(st.sampled_from(["c.yml", "c.json", "c.toml", "c.ini"]), st.text(max_size=80))
def test_whatever_a_file_holds_is_read_or_refused(name: str, text: str) -> None:
    config = ConfigFile(name, text)
    try:
        flags_in(config)
    except ValueError:
        return
    with suppress(GuildError):
        with_values(config, {"a.b": 1, "c": "x"})
