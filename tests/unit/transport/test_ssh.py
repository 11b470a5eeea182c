"""One configuration for ssh and rsync; words that no shell changes; what ssh's failures mean."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guild_sync.config.home import private_folder
from guild_sync.config.remotes import Remote
from guild_sync.errors import Exit, NotReached, Unreachable
from guild_sync.transport import known, programs, ssh, ssh_config, ssh_failures
from guild_sync.transport.process import TIMED_OUT, Completed

GPU = Remote("gpu", "ssh", host="gpu.example.com")
DEFAULTS = """\
Host gpu.example.com
  ControlMaster auto
  ControlPath /run/socket
  ControlPersist 600
Match all
  ConnectTimeout 10
  ServerAliveInterval 5
  ServerAliveCountMax 3
"""


# The configuration.


def test_a_bare_remote_has_the_users_configuration_and_then_guilds_defaults() -> None:
    assert ssh_config.config_text(GPU, "/run/socket") == (
        """\
# Made by guild: its remote's settings, then your own, then guild's defaults.
BatchMode yes
Host gpu.example.com
  RemoteCommand none
  RequestTTY no
Match all
  ClearAllForwardings yes
  ForwardAgent no
  ForwardX11 no
  Tunnel no
  PermitLocalCommand no
  LogLevel INFO
Include ~/.ssh/config
Match all
Include /etc/ssh/ssh_config
"""
        + DEFAULTS
    )


def test_a_remotes_own_keys_come_first_and_its_ssh_options_before_them() -> None:
    remote = Remote(
        "gpu",
        "ssh",
        host="gpu.example.com",
        user="ann",
        port=2222,
        private_key="/keys/gpu",
        connect_timeout=3,
        proxy="nc %h %p",
        proxy_jump="gate",
        known_hosts="/keys/known",
        ssh_config="/keys/config",
        ssh_options=("ControlPersist=1h", "LogLevel ERROR", "SetEnv = A=b"),
    )
    assert ssh_config.config_text(remote, "/run/socket") == (
        """\
# Made by guild: its remote's settings, then your own, then guild's defaults.
BatchMode yes
Host gpu.example.com
  ControlPersist 1h
  LogLevel ERROR
  SetEnv A=b
  User ann
  Port 2222
  IdentityFile /keys/gpu
  IdentitiesOnly yes
  ConnectTimeout 3
  ProxyCommand nc %h %p
  ProxyJump gate
  UserKnownHostsFile /keys/known
  RemoteCommand none
  RequestTTY no
Match all
  ClearAllForwardings yes
  ForwardAgent no
  ForwardX11 no
  Tunnel no
  PermitLocalCommand no
  LogLevel INFO
Include /keys/config
"""
        + DEFAULTS
    )


def test_no_option_weakens_the_check_of_host_keys() -> None:
    assert "StrictHostKeyChecking" not in ssh_config.config_text(GPU, "/run/socket")


def as_ssh_reads(remote: Remote) -> dict[str, str]:
    """What ssh itself makes of the remote's configuration."""
    argv = [*ssh.argv(remote)]
    done = subprocess.run(
        ["ssh", "-G", *argv[1:]], capture_output=True, text=True, check=True, timeout=30
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_ssh_reads_the_remotes_keys_before_the_users_configuration(tmp_path: Path) -> None:
    users = tmp_path / "config"
    users.write_text("Host *\n  User eve\n  ServerAliveInterval 77\n  Port 99\n")
    remote = Remote(
        *("gpu", "ssh"), host="gpu.example.com", user="ann", port=2222, ssh_config=str(users)
    )
    found = as_ssh_reads(remote)
    assert (found["user"], found["port"]) == ("ann", "2222")
    assert found["serveraliveinterval"] == "77"  # the user's own wins over guild's default
    assert found["connecttimeout"] == "10"
    assert found["batchmode"] == "yes"


def has_aes(
    monkeypatch: pytest.MonkeyPatch, here: bool, there: bool | None, remote: Remote
) -> None:
    monkeypatch.setattr(programs, "ssh_has_fastest", lambda: here)
    if there is not None:
        known.note(remote, {"aes": there, "zstd": False})


# None: it was never asked, and its first connection may be the one for days.
@pytest.mark.parametrize(
    ("here", "there"), [(True, True), (True, None), (True, False), (False, True), (False, None)]
)
def test_the_ciphers_of_aes_come_first_where_both_processors_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, there: bool | None
) -> None:
    (tmp_path / "empty").touch()
    remote = Remote("gpu", "ssh", host="g", ssh_config=str(tmp_path / "empty"))
    has_aes(monkeypatch, False, None, remote)
    before, socket = as_ssh_reads(remote)["ciphers"].split(","), ssh_config.paths(remote)
    has_aes(monkeypatch, here, there, remote)
    found = as_ssh_reads(remote)["ciphers"].split(",")
    gcm = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
    assert (found[:2] == gcm) is (here and there is not False)
    assert sorted(found) == sorted(before), "what is offered is the same"
    assert ssh_config.paths(remote) == socket, "an open connection is used until it closes"
    gate = subprocess.run(
        ["ssh", "-G", "-F", str(ssh_config.config_file(remote)), "gate"],
        capture_output=True,
        text=True,
    )
    assert f"ciphers {','.join(before)}" in gate.stdout, "nobody has asked a jump host"


def test_ciphers_that_the_remote_or_the_user_names_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = tmp_path / "config"
    users.write_text("Host g\n  Ciphers aes256-ctr\n")
    remote = Remote("gpu", "ssh", host="g", ssh_config=str(users))
    has_aes(monkeypatch, True, True, remote)
    assert as_ssh_reads(remote)["ciphers"] == "aes256-ctr"
    option = remote._replace(ssh_options=("Ciphers=aes192-ctr",))
    assert as_ssh_reads(option)["ciphers"] == "aes192-ctr"


def test_the_time_that_a_connection_is_kept_is_the_remotes_before_the_users(
    tmp_path: Path,
) -> None:
    users = tmp_path / "config"
    users.write_text("ControlPersist 77\n")
    remote = Remote("gpu", "ssh", host="g", ssh_config=str(users), keep_open=36000)
    assert as_ssh_reads(remote)["controlpersist"] == "36000"
    option = remote._replace(ssh_options=("ControlPersist=1h",))
    assert as_ssh_reads(option)["controlpersist"] == "3600"


def test_where_somebody_can_answer_ssh_may_ask_and_so_may_that_of_a_jump_host() -> None:
    remote = Remote("gpu", "ssh", host="gpu.example.com", proxy_jump="gate")
    asking = ssh_config.config_file(remote, asking=True)
    usual = ssh_config.config_file(remote)
    assert asking != usual
    for host in ("gpu.example.com", "gate"):
        for path, batch in ((usual, "yes"), (asking, "no")):
            argv = ["ssh", "-G", "-F", str(path), host]
            done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
            assert f"batchmode {batch}\n" in done.stdout
    assert asking.read_text().splitlines()[2:] == usual.read_text().splitlines()[2:]


def test_an_ssh_option_of_the_remote_wins_over_all_else(tmp_path: Path) -> None:
    users = tmp_path / "config"
    users.write_text("ControlPersist 77\n")
    remote = Remote(
        "gpu", "ssh", host="g", ssh_config=str(users), ssh_options=("ControlPersist=1h",)
    )
    assert as_ssh_reads(remote)["controlpersist"] == "3600"


def test_what_is_for_a_persons_session_is_not_for_guilds_connection(tmp_path: Path) -> None:
    users = tmp_path / "config"
    users.write_text(
        "LocalForward 28888 127.0.0.1:8888\nRemoteForward 2 127.0.0.1:8\nDynamicForward 1080\n"
        "ForwardAgent yes\nForwardX11 yes\nTunnel yes\nLogLevel QUIET\n"
        "PermitLocalCommand yes\nLocalCommand touch canary\n"
    )
    remote = Remote("gpu", "ssh", host="gpu.example.com", ssh_config=str(users))
    found = as_ssh_reads(remote)
    assert found["clearallforwardings"] == "yes"
    assert not {"localforward", "remoteforward", "dynamicforward"} & found.keys()
    of_a_person = ("forwardagent", "forwardx11", "tunnel", "permitlocalcommand")
    assert [found[name] for name in of_a_person] == ["no", "no", "false", "no"]
    assert found["loglevel"] == "INFO", "else ssh does not say why it failed"
    asking = Remote("gpu", "ssh", host="g", ssh_options=("ForwardAgent=yes",))
    assert as_ssh_reads(asking)["forwardagent"] == "yes", "what the remote's entry says counts"


def test_a_users_host_block_for_others_does_not_hide_guilds_defaults(tmp_path: Path) -> None:
    users = tmp_path / "config"
    users.write_text("Host other\n  ServerAliveInterval 77\n")
    remote = Remote("gpu", "ssh", host="gpu.example.com", ssh_config=str(users))
    found = as_ssh_reads(remote)
    assert found["serveraliveinterval"] == "5"
    assert found["controlmaster"] == "auto"


def test_a_key_with_any_name_is_the_one_that_ssh_uses(tmp_path: Path) -> None:
    key = tmp_path / "a key's ${HOME} 100%d \" $(x) é"
    key.write_text("key")
    remote = Remote("gpu", "ssh", host="gpu.example.com", private_key=str(key))
    named = Path(as_ssh_reads(remote)["identityfile"])
    assert named.read_text() == "key"


# argv.


def test_the_argv_names_the_configuration_and_the_host_and_then_the_command() -> None:
    argv = ssh.argv(GPU, "true", "'a'")
    assert argv == ("ssh", "-F", argv[2], "--", "gpu.example.com", "true", "'a'")


def test_a_persons_work_has_a_terminal_where_there_is_one_here(tmp_path: Path) -> None:
    quiet, (_, *rest) = ("-o", "LogLevel=ERROR"), ssh.argv(GPU, "true")
    primary, terminal = os.openpty()
    plain = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    kept = os.dup(0), os.dup(1)
    try:
        for stdin, stdout, asked in (
            (terminal, terminal, "-t"), (plain, terminal, "-T"), (terminal, plain, "-T"),
        ):  # fmt: skip
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            assert ssh.terminal_argv(GPU, "true") == ("ssh", asked, *quiet, *rest)
    finally:
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
        for fd in (primary, terminal, plain, *kept):
            os.close(fd)


def test_a_port_is_joined_without_asking_for_a_persons_forwardings() -> None:
    argv = ssh.port_argv(GPU, 6006)
    config = ssh.argv(GPU)[2]
    own = ("-o", "ControlMaster=no", "-W", "localhost:6006")
    assert argv == ("ssh", *own, "-F", config, "--", "gpu.example.com")


def test_the_configuration_is_written_where_the_argv_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ssh_has_fastest", lambda: False)
    path = Path(ssh.argv(GPU)[2])
    assert path.parent == private_folder()
    assert path.read_text() == ssh_config.config_text(GPU, str(path.with_suffix("")))


def test_rsync_is_given_the_very_configuration_of_ssh() -> None:
    assert ssh_config.rsync_shell(GPU) == f"ssh -F {ssh.argv(GPU)[2]}"


def test_remotes_that_differ_in_what_ssh_sees_share_no_connection() -> None:
    other = Remote("gpu", "ssh", host="gpu.example.com", user="ann")
    assert ssh.argv(GPU)[2] != ssh.argv(other)[2]


def test_remotes_that_differ_in_nothing_that_ssh_sees_share_one() -> None:
    same = Remote("other", "ssh", host="gpu.example.com", guild_home="/data", python="python3.12")
    assert ssh.argv(GPU)[2] == ssh.argv(same)[2]


def test_a_remote_that_is_to_keep_its_connection_for_longer_uses_the_one_that_is_open() -> None:
    longer = GPU._replace(keep_open=7200)
    assert ssh.argv(GPU)[2] == ssh.argv(longer)[2]
    assert "\n  ControlPersist 7200\n" in Path(ssh.argv(longer)[2]).read_text()


def test_a_configuration_that_changed_on_disk_is_written_anew() -> None:
    path = Path(ssh.argv(GPU)[2])
    path.write_text("ProxyCommand evil\n")
    assert "evil" not in Path(ssh.argv(GPU)[2]).read_text()


def test_a_sockets_path_is_short_enough_for_the_kernel() -> None:
    socket = Path(ssh.argv(Remote("gpu", "ssh", host="x" * 255))[2]).with_suffix("")
    temporary = f"{socket}.{'X' * 16}"  # ssh makes the socket under such a name first
    assert len(os.fsencode(temporary)) < 104


# Words that no shell changes.

SHELLS = [name for name in ("sh", "bash", "dash", "zsh", "fish", "tcsh") if shutil.which(name)]
# The words come to printf of sh, as the agent's bootstrap has it (hosts/bootstrap.sh).
DECODE = "sh -c 'printf %b. \"$1\"' guild "
HOSTILE = [
    "",
    " ",
    "\n",
    "a\nb\n",
    "'",
    '"',
    "\\",
    "\\n",
    "\\\\0101",
    "$(touch canary)",
    "`touch canary`",
    "; touch canary #",
    "' ; touch canary ; '",
    "$HOME ~ * ? [a] {a,b} !! !x ^a^b",
    "%s%n%b",
    "-n",
    "--",
    "é 日本 \U0001f600",
    "\x01\x1b[2J\x7f",
    "a" * 1000,
    "0123",
    "\\c hidden",
]


def decoded(shell: str, text: str, folder: Path) -> bytes:
    """What a real shell's child gets of the quoted text."""
    done = subprocess.run(
        [shell, "-c", DECODE + ssh.quote(text)], cwd=folder, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b".")
    return done.stdout[:-1]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_word_comes_through_every_shell_unchanged(
    shell: str, text: str, tmp_path: Path
) -> None:
    assert decoded(shell, text, tmp_path) == text.encode()
    assert not (tmp_path / "canary").exists()


def test_every_byte_but_nul_comes_through_every_shell_unchanged(tmp_path: Path) -> None:
    every = bytes(range(1, 256))
    for shell in SHELLS:
        assert decoded(shell, os.fsdecode(every), tmp_path) == every


@pytest.mark.parametrize("shell", SHELLS)
def test_any_bytes_come_through_every_shell_unchanged(shell: str, tmp_path: Path) -> None:
    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"")))
    @example(b"\\\n'!\xff")
    def check(data: bytes) -> None:
        assert decoded(shell, os.fsdecode(data), tmp_path) == data

    check()
    assert list(tmp_path.glob("canary")) == []


@given(st.text())
@example("-")
def test_a_quoted_word_has_no_character_that_a_shell_could_take_for_syntax(text: str) -> None:
    try:
        word = ssh.quote(text)
    except UnicodeEncodeError:  # a surrogate that no byte stands for
        return
    inside = word[1:-1]
    assert (word[0], word[-1]) == ("'", "'")
    assert set(inside) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+=:,-\\"
    )
    assert all(step[:1] == "0" and step[:4].isdigit() for step in inside.split("\\")[1:])


# Paths.


def test_a_plain_path_is_itself() -> None:
    assert ssh_config.plain_path(Path("/keys/gpu-1_a.b")) == Path("/keys/gpu-1_a.b")


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'a"b', "100%", "${HOME}", "é", "a\\b", "#", "*", "$(touch canary)"]
)
def test_another_path_gets_a_plain_link_to_it(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_text("found")
    link = ssh_config.plain_path(target)
    assert link.read_text() == "found"
    assert link.parent == private_folder()
    assert link.name.isalnum()
    assert ssh_config.plain_path(target) == link


def test_a_link_that_leads_elsewhere_is_set_right(tmp_path: Path) -> None:
    target = tmp_path / "a b"
    target.write_text("found")
    link = ssh_config.plain_path(target)
    link.unlink()
    link.symlink_to("/etc/passwd")
    assert ssh_config.plain_path(target).read_text() == "found"


# What ssh's failures mean.

CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("stderr", "message", "hint"),
    [
        (
            CHANGED,
            "the host key of remote 'gpu' (gpu.example.com:22) has changed",
            "ssh-keygen -R gpu.example.com -f /keys/known",
        ),
        (
            "Host key verification failed.\r\n",
            "the host key of remote 'gpu' (gpu.example.com:22) is not known",
            "ssh -p 22 -i /keys/gpu -oUserKnownHostsFile=/keys/known ann@gpu.example.com",
        ),
        (
            "No ED25519 host key is known for gpu and you have requested strict checking.\n"
            "Host key verification failed.\n",
            "the host key of remote 'gpu' (gpu.example.com:22) is not known",
            "Connect once by hand to check and accept it",
        ),
        (
            "ann@gpu: Permission denied (publickey).\n",
            "remote 'gpu' refused the login: ann@gpu: Permission denied (publickey).",
            "Check 'user' and 'private-key' of the remote",
        ),
        (
            "Received disconnect from 10.0.0.1: Too many authentication failures\n",
            "remote 'gpu' refused the login: ssh offered it too many keys",
            "'private-key' of the remote: then no other is offered.",
        ),
        (
            "ann@gpu: Permission denied (keyboard-interactive).\n",
            "remote 'gpu' asks for a second factor, or a password, which only you can type: "
            "ann@gpu: Permission denied (keyboard-interactive).",
            "Log in, and guild uses that connection from then on:\n  guild remote login gpu",
        ),
        (
            "ann@gpu: Permission denied (publickey,keyboard-interactive).\n",
            "remote 'gpu' refused the login: "
            "ann@gpu: Permission denied (publickey,keyboard-interactive).",
            "ssh-copy-id -p 22 -i /keys/gpu -oUserKnownHostsFile=/keys/known ann@gpu.example.com\n"
            "Where a key's passphrase, or a password, is to be typed:\n  guild remote login gpu",
        ),
        (
            "mux_client_request_session: session request failed: Session open refused by peer\n"
            "ann@gpu: Permission denied (keyboard-interactive).\n",
            "remote 'gpu' takes no more sessions at once on the connection that is open",
            "Try again when another guild is done there.",
        ),
        (
            "Your account has expired; please contact your system administrator.\n"
            "Connection closed by 10.0.0.1 port 22\n",
            "remote 'gpu' refused the login: the account there has expired",
            "Its administrator can renew it.",
        ),
        (
            "ssh: Could not resolve hostname gpu.example.com: Name or service not known\n",
            "cannot reach remote 'gpu': the host name 'gpu.example.com' does not resolve",
            "Check how 'host' of the remote is spelled, or your ssh configuration.",
        ),
        (
            "ssh: connect to host gpu.example.com port 22: Connection refused\n",
            "cannot reach remote 'gpu': gpu.example.com:22 refused the connection",
            "Check that its ssh server runs, and 'host' and 'port' of the remote.",
        ),
        (
            "ssh: connect to host gpu.example.com port 22: Connection timed out\n",
            "cannot reach remote 'gpu': gpu.example.com:22 does not answer",
            "Check that the machine is up and that the network lets you through.",
        ),
        (
            "ssh: connect to host gpu.example.com port 22: No route to host\n",
            "cannot reach remote 'gpu': gpu.example.com:22 does not answer",
            "Check that the machine is up",
        ),
        (
            "connect: Network is unreachable\n",
            "cannot reach remote 'gpu': gpu.example.com:22 does not answer",
            "Check that the machine is up",
        ),
        (
            "banner\nkex_exchange_identification: read: Connection reset by peer\n\n",
            "cannot reach remote 'gpu': kex_exchange_identification: read: "
            "Connection reset by peer",
            "Try 'ssh -p 22 -i /keys/gpu -oUserKnownHostsFile=/keys/known ann@gpu.example.com'.",
        ),
        (
            "ssh: connect to host gate port 22: Connection refused\r\n"
            "kex_exchange_identification: Connection closed by remote host\r\n"
            "Connection closed by UNKNOWN port 65535\r\n",
            "cannot reach remote 'gpu': the proxy on the way failed: "
            "ssh: connect to host gate port 22: Connection refused",
            "'proxy-jump' or 'proxy' of the remote names it",
        ),
        ("", "cannot reach remote 'gpu': the connection was lost", "Try 'ssh "),
    ],
)
def test_what_ssh_says_becomes_what_it_means_and_what_to_do(
    stderr: str, message: str, hint: str
) -> None:
    remote = Remote(
        "gpu",
        "ssh",
        host="gpu.example.com",
        user="ann",
        port=22,
        private_key="/keys/gpu",
        known_hosts="/keys/known",
    )
    error = ssh_failures.failure(remote, stderr)
    assert error.message == message
    assert hint in error.hint
    assert error.exit == Exit.UNREACHABLE


@pytest.mark.parametrize(
    ("stderr", "is_sure"),
    [
        ("ssh: connect to host gpu port 22: Connection timed out\n", True),
        ("ann@gpu: Permission denied (publickey).\n", True),
        ("Connection closed by UNKNOWN port 65535\n", True),
        ("Host key verification failed.\n", True),
        ("", False),
        ("Connection closed by 10.0.0.1 port 22\n", False),
        ("mux_client_request_session: read from master failed: Broken pipe\n", False),
        ("Read from remote host gpu: Connection timed out\n", False),
        ("client_loop: send disconnect: Connection refused\n", False),
        ("Timeout, server gpu not responding.\n", False),
    ],
)
def test_only_where_ssh_was_surely_never_let_in_nothing_has_got_there(
    stderr: str, is_sure: bool
) -> None:
    error = ssh_failures.failure(Remote("gpu", "ssh", host="gpu"), stderr)
    assert isinstance(error, NotReached) == is_sure


def test_the_way_by_hand_is_the_one_that_guild_takes() -> None:
    remote = Remote(
        "gpu", "ssh", host="gpu", proxy_jump="gate", known_hosts="/a b/known", port=2222
    )
    assert ssh_failures.failure(remote, "Host key verification failed.").hint.endswith(
        "ssh -p 2222 -oProxyJump=gate '-oUserKnownHostsFile=\"/a b/known\"' gpu"
    )
    assert ssh_failures.failure(remote, CHANGED).hint.endswith(
        "ssh-keygen -R '[gpu]:2222' -f '/a b/known'"
    )
    proxied = Remote("gpu", "ssh", host="gpu", proxy="nc %h %p")
    # A proxy's line may have a password in it.
    config = ssh.argv(proxied)[2]
    assert ssh_failures.failure(proxied, "").hint == f"Try 'ssh -oBatchMode=no -F {config} gpu'."


def test_ssh_that_gives_no_reason_as_the_remotes_options_forbid_it_is_said() -> None:
    quiet = Remote("gpu", "ssh", host="gpu", ssh_options=("LogLevel=QUIET",))
    assert ssh_failures.failure(quiet, "").hint == (
        "Try 'ssh gpu'.\n"
        "'ssh-options' of the remote has a LogLevel, which may keep ssh from saying why."
    )


def test_a_remote_without_port_or_user_is_named_by_its_host_alone() -> None:
    assert ssh_failures.failure(GPU, CHANGED).hint.endswith("ssh-keygen -R gpu.example.com")
    assert ssh_failures.failure(GPU, "").hint == "Try 'ssh gpu.example.com'."


def test_a_host_that_only_the_command_line_names_is_not_looked_for_in_the_config_file() -> None:
    unnamed = "ssh: Could not resolve hostname gpu: Name or service not known\n"
    hint = ssh_failures.failure(Remote("ssh:gpu", "ssh", host="gpu"), unnamed).hint
    assert hint == "Check the name after 'ssh:', or that your ssh configuration has it."


@pytest.mark.parametrize("code", [0, 1, 127, 254])
def test_an_exit_status_of_the_remote_command_is_no_failure_of_ssh(code: int) -> None:
    ssh_failures.check(GPU, Completed(code, b"", "Permission denied"))


def test_ssh_that_did_not_end_in_time_is_unreachable() -> None:
    with pytest.raises(Unreachable) as error:
        ssh_failures.check(GPU, Completed(TIMED_OUT, b"", ""))
    assert error.value.message == "remote 'gpu' did not answer in time"


def test_a_host_that_refuses_is_told_by_the_real_ssh(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    remote = Remote("gpu", "ssh", host="127.0.0.1", port=1, ssh_config=str(tmp_path / "empty"))
    with pytest.raises(Unreachable) as error:
        ssh.run(remote, ["true"])
    assert error.value.message == "cannot reach remote 'gpu': 127.0.0.1:1 refused the connection"


def test_a_command_to_copy_is_quoted_for_a_shell() -> None:
    remote = Remote("gpu", "ssh", host="gpu", known_hosts="/a b/known", private_key="/a b/key")
    assert "'/a b/key'" in ssh_failures.failure(remote, "").hint
    assert "'/a b/known'" in ssh_failures.failure(remote, CHANGED).hint
