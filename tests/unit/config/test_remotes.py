"""The config file: what it may say, and what is said of its faults."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import Guild

from guild_sync.config import remotes
from guild_sync.config.faults import Place, refuse
from guild_sync.config.home import config_path
from guild_sync.config.remotes import Remote
from guild_sync.config.schema import Best
from guild_sync.errors import ConfigError, Exit, RemoteNotFound


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the config file is, in a test (see conftest.py)."""
    assert config_path() == tmp_path / "config.yml"
    return tmp_path / "config.yml"


def write(path: Path, text: str) -> None:
    path.write_text(dedent(text), encoding="utf-8")


def keys(path: Path, *lines: str) -> None:
    """Write a config file with the remote `gpu`, its host, and these keys."""
    body = "".join(f"    {line}\n" for line in lines)
    write(path, f"remotes:\n  gpu:\n    type: ssh\n    host: gpu.example.com\n{body}")


def message() -> str:
    """All that is said when the config file is read."""
    with pytest.raises(ConfigError) as error:
        refuse(config_path(), remotes.usable()[1])
    assert error.value.exit == Exit.ERROR
    return f"{error.value.message}\n{error.value.hint}"


def fault_of(path: Path, *lines: str) -> str:
    """The one fault of a remote with these keys, without its place."""
    keys(path, *lines)
    first, second = message().splitlines()
    assert first == f"{path} has a fault:"
    assert second.startswith("  remotes: gpu: ")
    return second.removeprefix("  remotes: gpu: ")


# What may be said.


def test_a_remote_needs_a_type_and_a_host_alone(path: Path) -> None:
    keys(path)
    assert remotes.remote("gpu") == Remote("gpu", "ssh", host="gpu.example.com")


def test_every_key_is_read(path: Path, tmp_path: Path) -> None:
    keys(
        path,
        "description: the big one",
        "user: ann",
        "port: 2222",
        "private-key: keys/gpu",
        "connect-timeout: 5",
        "keep-open: 10h",
        "proxy: nc %h %p",
        "proxy-jump: gate",
        "known-hosts: known",
        "ssh-config: /etc/ssh/other",
        "ssh-options: [ControlPersist=1h, 'LogLevel ERROR']",
        "venv-path: ~/venv",
        "conda-env: torch",
        "venv-activate: env/activate",
        "python: python3.12",
        "init: module load cuda",
        "guild-home: ~/runs",
        "bwlimit: 1.5m",
        "compress: yes",
        "lanes: 2",
    )
    assert remotes.remote("gpu") == Remote(
        name="gpu",
        type="ssh",
        host="gpu.example.com",
        description="the big one",
        user="ann",
        port=2222,
        private_key=f"{tmp_path}/keys/gpu",
        connect_timeout=5,
        keep_open=36000,
        proxy="nc %h %p",
        proxy_jump="gate",
        known_hosts=f"{tmp_path}/known",
        ssh_config="/etc/ssh/other",
        ssh_options=("ControlPersist=1h", "LogLevel ERROR"),
        venv_path="~/venv",
        conda_env="torch",
        venv_activate="env/activate",
        python="python3.12",
        init="module load cuda",
        guild_home="~/runs",
        bwlimit="1.5m",
        compress="yes",
        lanes=2,
    )


def test_a_rate_may_be_a_number(path: Path) -> None:
    keys(path, "bwlimit: 1000")
    assert remotes.remote("gpu").bwlimit == "1000"


def test_guild_env_is_the_older_name_of_venv_path(path: Path) -> None:
    keys(path, "guild-env: /opt/venv")
    assert remotes.remote("gpu").venv_path == "/opt/venv"


@pytest.mark.parametrize("command", ["source ~/env/bin/activate", ". ~/env/bin/activate"])
def test_venv_activate_may_be_the_command_that_guild_ai_takes(path: Path, command: str) -> None:
    keys(path, f"venv-activate: {command}")
    assert remotes.remote("gpu").venv_activate == "~/env/bin/activate"


def test_a_key_of_guild_ai_that_means_nothing_here_is_passed_over(path: Path) -> None:
    keys(path, "use-prompt: yes")
    assert remotes.remote("gpu").passed_over == ("use-prompt",)


def test_home_and_variables_in_local_paths_are_expanded(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS", "/secret")
    keys(path, "private-key: $KEYS/gpu", "known-hosts: ~/known", "ssh-config: ${KEYS}/config")
    remote = remotes.remote("gpu")
    assert remote.private_key == "/secret/gpu"
    assert remote.known_hosts == f"{tmp_path}/user/known"
    assert remote.ssh_config == "/secret/config"


def test_paths_on_the_remote_are_left_as_they_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCH", "/here")
    keys(path, "guild-home: $SCRATCH/guild", "venv-path: ~/venv")
    assert remotes.remote("gpu").guild_home == "$SCRATCH/guild"
    assert remotes.remote("gpu").venv_path == "~/venv"


def test_variables_in_host_and_user_are_expanded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE", "node7")
    monkeypatch.setenv("ME", "ann")
    write(path, "remotes: {gpu: {type: ssh, host: $NODE.lan, user: $ME}}")
    assert remotes.remote("gpu").host == "node7.lan"
    assert remotes.remote("gpu").user == "ann"


def test_what_a_variable_holds_is_checked_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE", "-oProxyCommand=x")
    write(path, "remotes: {gpu: {type: ssh, host: $NODE}}")
    assert "host: must be a host name" in message()


def test_relative_paths_are_taken_from_the_files_folder_wherever_guild_is_called(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(path, "private-key: key")
    monkeypatch.chdir("/")
    assert remotes.remote("gpu").private_key == f"{tmp_path}/key"


def test_relative_paths_are_absolute_where_the_file_is_named_relatively(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(path, "private-key: key")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUILD_CONFIG", "config.yml")
    assert remotes.remote("gpu").private_key == f"{tmp_path}/key"


def test_the_file_is_in_the_users_home_unless_guild_config_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GUILD_CONFIG")
    assert config_path() == tmp_path / "user" / ".guild" / "config.yml"


def test_a_file_that_guild_config_names_has_to_be_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as error:
        remotes.remote("sandbox")
    assert error.value.message == f"there is no {path}, which GUILD_CONFIG names"
    monkeypatch.setenv("GUILD_CONFIG", "")
    assert remotes.remote("sandbox").name == "sandbox"


# Remotes that extend others.


def test_a_remote_that_extends_another_has_its_keys_and_its_own_over_them(path: Path) -> None:
    write(
        path,
        """
        remotes:
          base: {type: ssh, host: a, user: ann, port: 22, description: the base}
          middle: {extends: base, port: 23}
          top: {extends: middle, host: c}
        """,
    )
    assert remotes.remote("top") == Remote("top", "ssh", host="c", user="ann", port=23)


def test_a_description_is_not_inherited(path: Path) -> None:
    write(
        path,
        """
        remotes:
          base: {type: ssh, host: a, description: the base}
          other: {extends: base, description: its own}
          plain: {extends: base}
        """,
    )
    assert remotes.remote("other").description == "its own"
    assert remotes.remote("plain").description == ""


def test_extending_in_a_circle_is_a_fault(path: Path) -> None:
    write(path, "remotes: {a: {extends: b, type: ssh, host: x}, b: {extends: a}}")
    assert "remotes: a: extends: a -> b -> a goes round in a circle" in message()


def test_extending_what_is_not_there_is_a_fault(path: Path) -> None:
    write(path, "remotes: {a: {extends: gone, type: ssh, host: x}}")
    assert "remotes: a: extends: there is no remote 'gone'" in message()


@pytest.mark.parametrize("value", ["[a]", "{a: b}", "1", "''"])
def test_extending_what_is_no_name_is_a_fault(path: Path, value: str) -> None:
    write(path, f"remotes: {{a: {{extends: {value}, type: ssh, host: x}}}}")
    assert "remotes: a: extends: there is no remote" in message()


# Faults.


def test_all_faults_of_a_file_are_named_at_once(path: Path) -> None:
    write(
        path,
        """
        remotes:
          one: {type: ssh, host: a, port: many}
          two: {type: ssh}
          three: {type: ssh, host: c, hots: d}
        """,
    )
    assert message().splitlines() == [
        f"{path} has 3 faults:",
        "  remotes: one: port: must be a number from 1 to 65535, not 'many'",
        "  remotes: two: host: is missing",
        "  remotes: three: hots: is not a key of a remote (did you mean host?)",
    ]


def test_all_faults_of_one_remote_are_named_at_once(path: Path) -> None:
    write(path, "remotes: {a: {type: ssh, port: 0, user: 1, compress: 2}}")
    assert [line.split(":")[2].strip() for line in message().splitlines()[1:]] == [
        *("port", "user", "compress", "host")
    ]


def test_a_key_that_is_like_no_other_is_named_alone(path: Path) -> None:
    assert fault_of(path, "xyzzy: 1") == "xyzzy: is not a key of a remote"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90", 90), ("45s", 45), ("30m", 1800), ("1d", 86400), ("1h30m", 5400), ("365d", 31536000)],
)
def test_the_time_that_a_connection_is_kept(path: Path, given: str, seconds: int) -> None:
    keys(path, f"keep-open: {given}")
    assert remotes.remote("gpu").keep_open == seconds


def test_what_is_cleaned(path: Path) -> None:
    keys(path, "port: 1")
    assert remotes.remote("gpu").clean is None
    keys(path, "clean: {older-than: 30d, keep-last: 5, permanent: yes}")
    assert remotes.remote("gpu").clean == remotes.Clean(30 * 86400, 5, True)
    keys(path, "clean: {keep-last: 0}")
    assert remotes.remote("gpu").clean == remotes.Clean()
    keys(path, "clean: {keep-best: min val/loss}")
    assert remotes.remote("gpu").clean == remotes.Clean(keep_best=Best("min val/loss"))
    keys(path, "clean: {keep-best: '3:-acc'}")
    assert remotes.remote("gpu").clean == remotes.Clean(keep_best=Best("acc", True, 3))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("port: '22'", "port: must be a number from 1 to 65535, not '22'"),
        ("port: 65536", "port: must be a number from 1 to 65535, not 65536"),
        ("port: yes", "port: must be a number from 1 to 65535, not True"),
        ("connect-timeout: 0", "connect-timeout: must be a whole number of seconds, at least 1"),
        ("connect-timeout: 1.5", "connect-timeout: must be a whole number of seconds, at least 1"),
        ("keep-open: 0", "keep-open: must be a time such as 30m or 10h, not 0"),
        ("keep-open: yes", "keep-open: must be a time such as 30m or 10h, not True"),
        ("keep-open: ''", "keep-open: must be a time such as 30m or 10h, not ''"),
        ("keep-open: 5x", "keep-open: must be a time such as 30m or 10h, not '5x'"),
        ("keep-open: 1m1h", "keep-open: must be a time such as 30m or 10h, not '1m1h'"),
        ("keep-open: -5m", "keep-open: must be a time such as 30m or 10h, not '-5m'"),
        ("keep-open: 366d", "keep-open: must be a time such as 30m or 10h, not '366d'"),
        ("keep-open: [1]", "keep-open: must be a time such as 30m or 10h, not [1]"),
        ("keep-open: \u0661h", "keep-open: must be a time such as 30m or 10h, not"),
        ("compress: 'yes'", "compress: must be yes, no or auto, not 'yes'"),
        ("user: 7", "user: must be a user name, not 7"),
        ("private-key: []", "private-key: must be text on one line, not []"),
        ("private-key: ''", "private-key: must be text on one line, not ''"),
        ('proxy: "a\\nb"', "proxy: must be text on one line, not 'a\\nb'"),
        ("ssh-options: ControlPersist=1h", "ssh-options: must be a list of options of ssh"),
        ("ssh-options: [1]", "ssh-options: must be a list of options of ssh"),
        ("ssh-options: [Host=x]", "ssh-options: must be a list of options of ssh"),
        ("ssh-options: [match all]", "ssh-options: must be a list of options of ssh"),
        ('ssh-options: ["A=b\\nHost *"]', "ssh-options: must be a list of options of ssh"),
        ("bwlimit: fast", "bwlimit: must be a rate that rsync takes"),
        ("bwlimit: -1", "bwlimit: must be a rate that rsync takes"),
        ("bwlimit: '5 --rsh=x'", "bwlimit: must be a rate that rsync takes"),
        ("lanes: 0", "lanes: must be a number from 1 to 8, not 0"),
        ("lanes: 9", "lanes: must be a number from 1 to 8, not 9"),
        ("lanes: yes", "lanes: must be a number from 1 to 8, not True"),
        ("clean: yes", "clean: must be a mapping, with older-than or keep-last, not True"),
        ("clean: {}", "clean: says none of older-than, keep-last and keep-best"),
        ("clean: {permanent: yes}", "clean: says none of older-than, keep-last and keep-best"),
        (
            "clean: {keep-best: 3}",
            "clean: keep-best: must be a column such as loss, -acc or",
        ),
        ("clean: {keep-best: '0:loss'}", "clean: keep-best: must be a column such as loss"),
        ("clean: {keep-best: ''}", "clean: keep-best: must be a column such as loss"),
        ("clean: {older-than: soon}", "clean: older-than: must be a time with its unit"),
        ("clean: {older-than: 366d}", "clean: older-than: must be a time with its unit, 365d at"),
        ("clean: {older-than: 30}", "clean: older-than: must be a time with its unit"),
        ("clean: {older-than: '30'}", "clean: older-than: must be a time with its unit"),
        ("clean: {older-than: 1.5}", "clean: older-than: must be a time with its unit"),
        ("clean: {keep-last: -1}", "clean: keep-last: must be a whole number from 0 on, not -1"),
        ("clean: {keep-last: yes}", "clean: keep-last: must be a whole number from 0 on, not True"),
        ("clean: {keep-last: 1, permanent: 1}", "clean: permanent: must be yes or no, not 1"),
        ("clean: {keep-last: 1, home: yes}", "clean: home: is not a key of clean"),
        ("guild-home: 3", "guild-home: must be text on one line, not 3"),
        ("type: 3", "type: must be text"),
    ],
)
def test_a_value_that_does_not_fit_is_a_fault(path: Path, line: str, what: str) -> None:
    if line.startswith("type"):
        write(path, f"remotes: {{gpu: {{host: a, {line}}}}}")
        assert what in message()
    else:
        assert fault_of(path, line).startswith(what)


def test_a_long_value_is_not_repeated_whole(path: Path) -> None:
    assert len(fault_of(path, f"port: {'9' * 5000}x")) < 150


@pytest.mark.parametrize("line", ["1: 2", "null: x", "[a]: x", "true: x"])
def test_a_key_that_is_no_text_is_a_fault_or_not_yaml(path: Path, line: str) -> None:
    keys(path, line)
    assert "config.yml" in message()


def test_a_missing_type_is_a_fault(path: Path) -> None:
    write(path, "remotes: {gpu: {host: a}}")
    assert "remotes: gpu: type: is missing" in message()


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=x",
        "a b",
        "'a\nb'",
        '"a\\nProxyCommand x"',
        "'*'",
        "'?'",
        "'!a'",
        "a,b",
        "a/b",
        "ann@a",
        "'$(touch x)'",
        "'a;b'",
        "''",
        '"a\\x7fb"',
        '"a\\xa0b"',
        '"a\\u2028b"',
        '"a\\u202eb"',
        "null",
        "7",
    ],
)
def test_a_host_that_ssh_could_take_for_more_than_a_name_is_refused(path: Path, host: str) -> None:
    path.write_text(f"remotes:\n  gpu:\n    type: ssh\n    host: {host}\n")
    assert "config.yml" in message()


@pytest.mark.parametrize(
    "host",
    ["gpu1.example.com", "10.0.0.1", "::1", "fe80::1%eth0", "my_host", "büro", "u\u0308", "計算機"],
)
def test_names_and_addresses_are_hosts(path: Path, host: str) -> None:
    write(path, f"remotes: {{gpu: {{type: ssh, host: '{host}'}}}}")
    assert remotes.remote("gpu").host == host


def test_an_address_may_be_in_brackets(path: Path) -> None:
    write(path, "remotes: {gpu: {type: ssh, host: '[::1]'}}")
    assert remotes.remote("gpu").host == "::1"


@pytest.mark.parametrize("user", ["-l", "a b", "a@b", "a:b", "a'b", 'a"b', "a\\b"])
def test_a_user_that_ssh_could_take_for_more_than_a_name_is_refused(path: Path, user: str) -> None:
    quoted = user.replace("'", "''")
    assert fault_of(path, f"user: '{quoted}'").startswith("user: must be a user name")


@pytest.mark.parametrize("name", ["-r", "a b", "a/b", '"a\\nb"', "1", "''", "../a", "..", ".a"])
def test_a_remotes_name_is_one_word(path: Path, name: str) -> None:
    path.write_text(f"remotes:\n  {name}:\n    type: ssh\n    host: a\n")
    assert "a remote's name is one word that begins with neither '-' nor '.'" in message()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- a", "the file must be a mapping"),
        ("just text", "the file must be a mapping"),
        ("remotes: [a]", "remotes: must be a mapping of names to remotes"),
        ("remotes: {a: b}", "remotes: a: must be a mapping"),
        ("remotes: {a: }", "remotes: a: must be a mapping"),
    ],
)
def test_what_must_be_a_mapping_is_said(path: Path, text: str, what: str) -> None:
    write(path, text)
    assert what in message()


def test_what_is_not_yaml_is_told_with_its_line_and_column(path: Path) -> None:
    path.write_text("remotes:\n  gpu: {type: ssh\n  other: x\n")
    assert message().startswith(f"{path}, line 3, column 8: not valid YAML: ")


@pytest.mark.parametrize(
    "text",
    [
        "remotes: !!python/object:os.system {}",
        "remotes: !!python/object/apply:os.system ['touch x']",
        "remotes: {a: !!python/name:os.system }",
    ],
)
def test_no_python_object_is_made_from_a_file(path: Path, text: str, tmp_path: Path) -> None:
    write(path, text)
    assert "not valid YAML: could not determine a constructor" in message()
    assert not Path("x").exists()


def test_each_variable_that_can_be_none_is_a_fault_by_its_name(path: Path) -> None:
    keys(path, "env: {A: 1, B: yes, 'C D': x, E: 1.50, 2: y, F: }")
    assert message().splitlines()[1:] == [
        "  remotes: gpu: env: B: must be text or a number (yes in quotes), not True",
        "  remotes: gpu: env: C D: is no name of a variable",
        "  remotes: gpu: env: 2: is no name of a variable",
        "  remotes: gpu: env: F: must be text or a number (yes in quotes), not None",
    ]
    keys(path, "env: [A=1]")
    assert "env: must be a mapping of names of variables" in message()


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000])
def test_a_number_that_python_cannot_write_is_a_fault(path: Path, number: str) -> None:
    write(path, f"remotes: {{a: {{type: ssh, host: h, env: {{X: {number}}}}}}}")
    assert message().startswith(f"{path} is not valid YAML: Exceeds the limit (4300 digits)")


def test_endless_nesting_is_a_fault(path: Path, guild: Guild) -> None:
    path.write_text("[" * 100_000)
    done = guild("remotes")
    assert (done.code, str(path) in done.err) == (1, True)


def test_a_date_that_is_none_is_a_fault(path: Path) -> None:
    keys(path, "description: 2026-13-45")
    assert str(path) in message()


def test_an_endless_number_is_a_fault(path: Path) -> None:
    keys(path, f"port: {'9' * 5000}")
    assert str(path) in message()


def test_a_file_that_is_not_utf8_is_a_fault(path: Path) -> None:
    path.write_bytes(b"remotes: \xff")
    assert message().startswith(f"cannot read {path}: ")


def test_a_folder_in_the_files_place_is_a_fault(path: Path) -> None:
    path.mkdir()
    assert message().startswith(f"cannot read {path}: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["remotes", "gpu", "type", "host", "extends", "port"]) | st.text(),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_whatever_a_file_says_is_read_or_refused(data: object) -> None:
    file = Place()
    for remote in remotes._remotes_of(data, Path("/"), file).values():
        assert isinstance(remote, Remote)


# No file, an empty one, and the sandbox.


def test_no_file_is_no_error_and_a_sandbox_is_there_anyway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GUILD_CONFIG")
    assert list(remotes.usable()[0]) == ["sandbox"]
    assert remotes.remote("sandbox").type == "sandbox"


@pytest.mark.parametrize("text", ["", "# nothing\n", "remotes:\n", "other: 1\n"])
def test_a_file_without_remotes_is_no_error(path: Path, text: str) -> None:
    path.write_text(text)
    assert list(remotes.usable()[0]) == ["sandbox"]


def test_a_remote_may_be_called_sandbox_and_be_another(path: Path) -> None:
    write(path, "remotes: {sandbox: {type: ssh, host: a}}")
    assert remotes.remote("sandbox") == Remote("sandbox", "ssh", host="a")


# Types that are not supported.


def test_a_type_that_is_not_supported_loads_whatever_its_keys_are(path: Path) -> None:
    write(path, "remotes: {s: {type: s3, bucket: b, description: old}, gpu: {type: ssh, host: a}}")
    assert remotes.usable()[0]["s"] == Remote("s", "s3", description="old")
    assert remotes.remote("gpu").host == "a"


def test_using_a_type_that_is_not_supported_is_an_error(path: Path) -> None:
    write(path, "remotes: {s: {type: s3, bucket: b}}")
    with pytest.raises(ConfigError) as error:
        remotes.remote("s")
    assert error.value.message == "remote 's' is of type 's3', which is not supported"
    assert error.value.hint == "Supported types: ssh, slurm, pbs, sandbox."


def test_a_name_that_is_nearly_right_is_proposed(path: Path) -> None:
    keys(path)
    with pytest.raises(ConfigError) as error:
        remotes.remote("gpus")
    assert error.value.hint.startswith("Did you mean gpu?\nShow remotes by")


def test_a_remote_that_is_not_defined_is_an_error_that_says_where_to_look(path: Path) -> None:
    path.touch()
    with pytest.raises(ConfigError) as error:
        remotes.remote("x")
    assert error.value.message == "remote 'x' is not defined"
    assert error.value.hint == (
        "Show remotes by running 'guild remotes' or 'guild remotes --help' for more information."
    )


# Specs.


@pytest.mark.parametrize(
    ("spec", "remote"),
    [
        ("ssh:gpu", Remote("ssh:gpu", "ssh", host="gpu")),
        ("ssh:ann@gpu", Remote("ssh:ann@gpu", "ssh", host="gpu", user="ann")),
        ("ssh:gpu:22", Remote("ssh:gpu:22", "ssh", host="gpu", port=22)),
        ("ssh:gpu:/data", Remote("ssh:gpu:/data", "ssh", host="gpu", guild_home="/data")),
        (
            "ssh:ann@gpu:2222:my runs",
            Remote(
                *("ssh:ann@gpu:2222:my runs", "ssh"),
                host="gpu",
                user="ann",
                port=2222,
                guild_home="my runs",
            ),
        ),
        ("ssh:[::1]:22", Remote("ssh:[::1]:22", "ssh", host="::1", port=22)),
    ],
)
def test_a_spec_is_a_remote_without_a_file(spec: str, remote: Remote) -> None:
    assert remotes.remote(spec) == remote


@pytest.mark.parametrize(
    "spec",
    ["ssh:", "ssh:-oProxyCommand=x", "ssh:-l@gpu", "ssh:a b", "ssh:a@b@c", "ssh:gpu\n", "ssh:*"],
)
def test_a_spec_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError) as error:
        remotes.remote(spec)
    assert error.value.message == f"{spec!r} is not a remote"
    assert error.value.hint == "A remote spec is ssh:[USER@]HOST[:PORT][:PATH]."


@pytest.mark.parametrize("spec", ["ssh:gpu:0", "ssh:gpu:65536", "ssh:gpu:99999999", "ssh:gpu:a\tb"])
def test_a_specs_port_and_path_are_checked_as_the_files_are(spec: str) -> None:
    with pytest.raises(ConfigError):
        remotes.remote(spec)


def test_the_file_is_read_once_until_it_changes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    parse = yaml.load

    def noted(text: str, loader: type[yaml.SafeLoader]) -> Any:
        read.append(text)
        return parse(text, loader)

    monkeypatch.setattr(yaml, "load", noted)
    write(path, "remotes:\n  a: {type: ssh, host: x}\n  b: {type: ssh, host: y}\n")
    assert [remotes.remote(name).host for name in "abab"] == ["x", "y", "x", "y"]
    assert len(read) == 1
    path.with_name("new").write_text("remotes:\n  a: {type: ssh, host: z}\n")
    path.with_name("new").replace(path)
    assert remotes.remote("a").host == "z"
    remotes.usable()[0].clear()
    assert remotes.remote("a").host == "z", "what was read is nobody's to change"


# The guild home there.


@pytest.mark.parametrize(
    "home", ["/data/guild", "runs", "~/runs", "$SCRATCH/x", "/scratch/${USER}/x", "a~b", "$A$B"]
)
def test_a_guild_home_may_have_variables(path: Path, home: str) -> None:
    write(path, f"remotes: {{x: {{type: ssh, host: h, guild-home: '{home}'}}}}")
    assert remotes.remote("x").guild_home == home
    assert remotes.remote(f"ssh:h:{home}").guild_home == home


@pytest.mark.parametrize("home", ["~", "~ann/x", "~/"])
def test_a_guild_home_of_somebody_else_is_refused_and_no_folder_of_that_name(
    path: Path, home: str
) -> None:
    write(path, f"remotes: {{x: {{type: ssh, host: h, guild-home: '{home}'}}}}")
    said = message()
    assert "remotes: x: guild-home: must be a path there, where '~' is the login's home" in said
    with pytest.raises(ConfigError):
        remotes.remote(f"ssh:h:{home}")


# Remotes whose runs are jobs.


def cluster(path: Path, *lines: str) -> Remote:
    body = "".join(f"      {line}\n" for line in lines)
    head = "remotes:\n  hpc:\n    type: slurm\n    host: login\n    port: 22\n    job:\n"
    path.write_text(head + body)
    return remotes.remote("hpc")


def test_a_cluster_has_all_keys_of_ssh_and_what_its_jobs_ask_for(path: Path) -> None:
    found = cluster(
        path,
        "time: 4:00:00",
        "partition: gpu",
        "cpus: 4",
        "requeue: no",
        "qos:",
        "setup: [module load cuda/12.4]",
        "clusters: a",
        "path: /opt/slurm/bin",
    )
    assert (found.type, found.host, found.port) == ("slurm", "login", 22)
    assert found.scheduler == {
        "type": "slurm",
        "path": "/opt/slurm/bin",
        "clusters": "a",
        "options": {
            "time": "4:00:00",
            "partition": "gpu",
            "cpus": 4,
            "requeue": False,
            "setup": ["module load cuda/12.4"],
        },
    }
    hash(found)  # as of any remote


def test_a_cluster_needs_no_job_and_a_machine_has_no_scheduler(path: Path) -> None:
    write(path, "remotes: {hpc: {type: pbs, host: h}, gpu: {type: ssh, host: h}}")
    plain = {"type": "pbs", "path": "", "clusters": "", "options": {}}
    assert remotes.remote("hpc").scheduler == plain
    assert remotes.remote("gpu").scheduler is None
    assert remotes.remote("ssh:h").scheduler is None
    assert remotes.remote("sandbox").scheduler is None


def test_each_fault_of_a_job_is_told_with_its_key(path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        cluster(path, "time: 4h", "tiem: 1", "cpus: 0", "options: [--output=x]", "path: bin")
    assert error.value.hint.splitlines() == [
        "  remotes: hpc: job: time: must be a time as Slurm has it: MINUTES, MIN:SEC, H:MIN:SEC, "
        "or with days D-H:MIN:SEC, not '4h'",
        "  remotes: hpc: job: tiem: is not a key of job (did you mean time?)",
        "  remotes: hpc: job: cpus: must be a whole number, at least 1, not 0",
        "  remotes: hpc: job: options: --output is what guild sets itself",
        "  remotes: hpc: job: path: must be an absolute path there, not 'bin'",
    ]


def test_a_machine_takes_no_job_and_a_cluster_has_a_host(path: Path) -> None:
    assert fault_of(path, "job: {time: 1}") == "job: is for a remote of type slurm or pbs"
    write(path, "remotes: {hpc: {type: slurm, job: 4}}")
    assert message().splitlines()[1:] == [
        "  remotes: hpc: job: must be a mapping of what jobs ask for, such as time and partition, "
        "not 4",
        "  remotes: hpc: host: is missing",
    ]


# A config file that is none.


def test_a_config_file_that_is_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert message() == f"cannot read {path}: it is a pipe\n"


def test_a_config_file_that_is_a_terminal_is_not_waited_for(path: Path) -> None:
    ours, theirs = os.openpty()
    path.symlink_to(os.ttyname(theirs))
    assert message() == f"cannot read {path}: it is a terminal\n"
    os.close(ours)
    os.close(theirs)


def test_a_config_file_without_an_end_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUILD_CONFIG", "/dev/zero")
    assert message() == "cannot read /dev/zero: it has more than 16 MB\n"
    monkeypatch.setenv("GUILD_CONFIG", "/dev/null")
    assert list(remotes.usable()[0]) == ["sandbox"]


# A fault is that of its remote alone.


def test_a_remote_without_a_fault_is_used_whatever_others_have(path: Path) -> None:
    write(path, "remotes: {good: {type: ssh, host: h}, a: {type: ssh}, b: 7, sandbox: {type: 8}}")
    assert remotes.remote("good").host == "h"
    found, faults = remotes.usable()
    assert list(found) == ["good"]
    assert faults == (
        "remotes: a: host: is missing",
        "remotes: b: must be a mapping",
        "remotes: sandbox: type: must be text",
    )
    for name in ("a", "b", "sandbox"):
        with pytest.raises(ConfigError) as error:
            remotes.remote(name)
        assert error.value.message == f"{path} has 3 faults:"
        assert error.value.hint.splitlines() == [f"  {fault}" for fault in faults]
        assert not isinstance(error.value, RemoteNotFound)
    with pytest.raises(RemoteNotFound, match="remote 'c' is not defined"):
        remotes.remote("c")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("all", "'all' means all remotes: rename it"),
        ("any", "'any' means all remotes: rename it"),
        ("a,b", "a remote's name has neither comma nor colon: rename it"),
        ("a:b", "a remote's name has neither comma nor colon: rename it"),
    ],
)
def test_a_name_that_could_mean_several_is_to_be_renamed(path: Path, name: str, fault: str) -> None:
    path.write_text(yaml.safe_dump({"remotes": {name: {"type": "ssh", "host": "h"}}}))
    assert message().splitlines()[1] == f"  remotes: {name}: {fault}"
