"""Notifications and the heartbeat: services that are told of what becomes of runs and syncs."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from receivers import Web, mail, web
from rundirs import give_scalars
from support import Guild, imported_by, wait_until
from test_fleet import bind, pulled
from test_interrupted import kill

from guild_sync.output import extra


@pytest.fixture
def service() -> Iterator[Web]:
    with web() as server:
        yield server


def configure(guild: Guild, **keys: Any) -> None:
    found = yaml.safe_load(guild.config.read_text()) or {}
    guild.config.write_text(yaml.safe_dump({**found, **keys}))


def queue(guild: Guild, event: str = "unreachable", run: str | None = None) -> None:
    """Have an event wait, as a sync leaves it that was killed before it told of it."""
    folder = guild.home / "hooks"
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"event": event, "remote": "gpu1", "run": run, "before": None}
    found |= {"reason": "it is down", "at": 0.0, "done": [], "tries": 0}
    (folder / f"{event}-{run or 'x'}.json").write_text(json.dumps(found))


def waiting(guild: Guild) -> list[Path]:
    return list(guild.home.glob("hooks/*.json"))


def told(service: Web) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in service.calls]


# Notifications.


def test_how_a_run_has_ended_is_sent_once(
    guild: Guild, remote: str, there: Path, service: Web
) -> None:
    guild.env["TOKEN"] = "s3cr3t"
    configure(
        guild,
        notify=[
            {"url": f"{service.json}/$TOKEN"},
            {"url": f"{service.json}/x", "on": ["error"]},
            {"url": f"{service.json}/y", "remotes": ["another"]},
        ],
    )
    run_id = pulled(guild, remote)
    bind(guild, run_id, remote)
    give_scalars(there / "runs" / run_id, {"@all<b>": (0.5, 0.25), "acc": (float("nan"),)})
    label = there / "runs" / run_id / ".guild" / "attrs" / "label"
    label.write_text(json.dumps("best\nTo: all <!channel> @all\x1b[2J"))
    for _ in range(2):
        guild.ok("sync")
    (call,) = service.calls
    assert call.path == "/s3cr3t"
    (sent,) = told(service)
    assert sent["title"] == f"op on {remote}: completed"
    assert sent["type"] == "success"
    label_line = "label: best?To: all \u2039!channel\u203a \uff20all?[2J"
    assert sent["message"].splitlines()[:5] == [
        f"run: {run_id[:8]}",
        "operation: op",
        f"remote: {remote}",
        "status: completed",
        label_line,
    ]
    values = "last values: \uff20all\u2039b\u203a 0.25, acc nan"  # it mentions nobody
    assert values in sent["message"].splitlines()
    assert waiting(guild) == []


def test_a_mail_has_the_same_text(guild: Guild) -> None:
    with mail() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=guild@example.org&to=ann@example.org&mode=insecure"
        configure(guild, notify=[url])
        queue(guild)
        guild.ok("sync")
    (text,) = mails
    assert "Subject: gpu1 is unreachable\r\n" in text
    assert "Content-Type: text/plain" in text
    assert "reason: it is down\r\n" in text


def test_one_that_fails_is_told_again_and_its_url_is_never_shown(
    guild: Guild, service: Web, tmp_path: Path
) -> None:
    configure(
        guild,
        hooks=[{"on": ["unreachable"], "command": f"echo x >> {tmp_path}/hooked"}],
        notify=[f"{service.json}/s3cr3t/t0ken"],
    )
    queue(guild)
    service.status = 500
    for _ in range(2):
        failed = guild("guild-sync")
        assert failed.code == 1
        host = service.json.removeprefix("json://")
        name = f"notification by json://{host}/*** (notify: 1)"
        line, hint = failed.err.splitlines()
        assert line.startswith(f"guild: the {name} failed for gpu1, unreachable: ")
        assert "500" in line
        assert hint == "It is tried again at the next sync, until it succeeds."
    listed = guild.ok("hooks")
    assert "1, tried 2x" in listed.lines[2]
    shown = [failed.out, failed.err, listed.out, guild.ok("hooks", "--json").out]
    shown.append((guild.home / "log" / "sync.log").read_text())
    shown += [path.read_text() for path in waiting(guild)]
    assert "s3cr3t" not in str(shown) and "t0ken" not in str(shown)
    service.status = 200
    guild.ok("sync")
    assert len(told(service)) == 3
    assert waiting(guild) == []
    assert (tmp_path / "hooked").read_text() == "x\n", "who was told is not told again"


def test_a_kill_while_it_is_sent_has_it_sent_again_and_no_other_told_twice(
    guild: Guild, service: Web, tmp_path: Path
) -> None:
    configure(
        guild,
        hooks=[{"on": ["unreachable"], "command": f"echo x >> {tmp_path}/hooked"}],
        notify=[f"{service.json}/x"],
    )
    queue(guild)
    service.answers.clear()
    syncing = guild.popen("sync")
    wait_until(lambda: service.calls, "the notification")
    kill(syncing)
    service.answers.set()
    guild.ok("sync")
    assert len(told(service)) == 2
    assert (tmp_path / "hooked").read_text() == "x\n"
    assert waiting(guild) == []


@pytest.fixture
def without_apprise(guild: Guild, tmp_path: Path) -> None:
    """Have no apprise here, as far as guild can see."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        "import sys\nsys.modules['apprise'] = None\n"
    )
    guild.env["PYTHONPATH"] = str(tmp_path / "without")


def test_without_apprise_one_line_says_what_to_install(
    guild: Guild, service: Web, without_apprise: None, tmp_path: Path
) -> None:
    configure(
        guild,
        hooks=[{"on": ["unreachable"], "command": f"echo x >> {tmp_path}/hooked"}],
        notify=[f"{service.json}/x", f"{service.json}/y"],
    )
    queue(guild)
    done = guild("sync")
    assert done.code == 1
    assert done.err.splitlines() == [
        "guild: notifications need apprise, which is not installed here",
        extra.how_to_get("notify", "apprise"),
    ]
    assert (tmp_path / "hooked").exists()
    checked = guild("check")
    assert checked.code == 1
    assert "notifications need apprise" in checked.out
    assert "'guild-sync[notify]'" in checked.out
    tested = guild("hooks", "test")
    assert tested.code == 1
    assert [line.partition(":")[0] for line in tested.lines] == ["ok", "failed", "failed"]
    del guild.env["PYTHONPATH"]
    guild.ok("sync")
    assert len(told(service)) == 2, "once it is installed, what was missed is told"


def test_a_check_tells_which_urls_apprise_understands(guild: Guild) -> None:
    configure(guild, notify=["json://127.0.0.1/s3cr3t"], heartbeat="https://hc-ping.com/s3cr3t")
    checked = guild("check").out
    assert "json://127.0.0.1/***" in checked
    assert "https://hc-ping.com/***" in checked
    configure(guild, notify=["nosuch://s3cr3t"])
    done = guild("check")
    assert done.code == 1
    assert "apprise does not understand nosuch://***" in done.out
    assert "s3cr3t" not in checked + done.out


def test_apprise_is_imported_only_where_something_is_sent(guild: Guild, service: Web) -> None:
    bare = imported_by(guild, "sync", "--cron")
    configure(guild, notify=[f"{service.json}/x"])
    assert imported_by(guild, "sync", "--cron") == bare
    assert "apprise" not in imported_by(guild, "hooks")
    queue(guild, "started", "0" * 32)
    assert "apprise" not in imported_by(guild, "sync")
    assert waiting(guild) == [], "nobody wants it"


# guild hooks.


def test_a_test_shows_what_came_back_from_each(guild: Guild, service: Web) -> None:
    seen = 'echo "$GUILD_EVENT $GUILD_TEST $GUILD_REMOTE"'
    configure(
        guild,
        hooks=[
            {"on": ["error"], "command": seen, "remotes": ["gpu7"]},
            {"on": ["lost"], "command": "echo no such person >&2; exit 3"},
        ],
        notify=[f"{service.json}/x"],
        heartbeat=f"{service.url}/beat",
    )
    tested = guild("hooks", "test")
    assert tested.code == 1
    hook, failing, notification, beat = tested.lines
    assert hook.startswith("ok: hook ") and hook.endswith(", error: exit status 0: error yes gpu7")
    assert failing.endswith(", lost: exit status 3: no such person")
    assert notification.startswith("ok: notification by json://")
    assert notification.endswith(", completed: sent")
    assert beat == f"ok: heartbeat {service.url}/***: HTTP status 200"
    assert service.told == ["POST /x", "GET /beat/start", "GET /beat"]
    sent = json.loads(service.calls[0].body)
    assert sent["title"].startswith("Test: ")
    one = json.loads(guild("hooks", "test", "lost", "--json").out)
    assert [(found["kind"], found["event"], found["ok"]) for found in one] == [
        ("hook", "lost", False),
        ("notification", "lost", True),
    ]
    assert waiting(guild) == []


def test_with_nothing_to_tell_that_is_said(guild: Guild) -> None:
    nothing = [f"There is no hook, notification or heartbeat in {guild.config}."]
    assert guild.ok("hooks").lines == nothing
    assert guild.ok("hooks", "test").lines == nothing
    assert guild.ok("hooks", "--json").out == "[]\n"
    configure(guild, hooks=[{"on": ["error"], "command": "true"}])
    assert guild.ok("hooks", "test", "lost").lines == ["Nobody is told of 'lost'."]
    wrong = guild("hooks", "test", "done")
    assert (wrong.code, wrong.err.splitlines()[0]) == (1, "guild: 'done' is no event")


def test_a_fault_is_said_and_the_others_are_listed(guild: Guild) -> None:
    configure(guild, notify=["json://127.0.0.1/x", "$NOT_SET"])
    for argv in (["hooks"], ["hooks", "test", "started"]):
        done = guild(*argv)
        assert done.code == 1
        assert done.err.splitlines() == [
            f"guild: {guild.config} has a fault:",
            "  notify: 2: url: the variable NOT_SET is not set",
        ]
        assert done.out
    configure(guild, notify=["$NOT_SET"])
    assert guild("hooks").out == "", "there is one, and it has a fault"


# The heartbeat.


def test_each_guild_sync_calls_the_heartbeat_and_no_other_command_does(
    guild: Guild, service: Web
) -> None:
    configure(guild, heartbeat=f"{service.url}/abc")
    guild.ok("guild-sync")
    assert service.told == ["GET /abc/start", "GET /abc"]
    for argv in (["sync"], ["guild-sync", "--plan"], ["hooks"], ["check"]):
        guild(*argv)
    assert len(service.told) == 2


def test_a_sync_that_fails_is_told_with_its_exit_status_and_the_remote(
    guild: Guild, remote: str, service: Web
) -> None:
    bind(guild, pulled(guild, remote), remote)
    found = yaml.safe_load(guild.config.read_text())
    found["remotes"][remote]["port"] = 1
    guild.config.write_text(yaml.safe_dump({**found, "heartbeat": f"{service.url}/abc"}))
    assert guild("guild-sync").code == 3
    assert service.told == ["GET /abc/start", "POST /abc/fail"]
    assert service.calls[1].body.decode() == f"exit status 3: {remote} unreachable"
    assert guild("guild-sync").code == 0  # for a while it is left alone, and is down still
    assert service.told[2:] == ["GET /abc/start", "POST /abc/fail"]
    assert service.calls[3].body.decode() == f"exit status 0: {remote} left alone"


def test_a_heartbeat_that_fails_is_in_the_log_and_changes_nothing(
    guild: Guild, service: Web
) -> None:
    service.status = 404
    configure(guild, heartbeat=f"{service.url}/s3cr3t")
    guild.ok("guild-sync")
    line = f"the heartbeat {service.url}/*** was not told: HTTP status 404"
    log = (guild.home / "log" / "sync.log").read_text()
    assert log.count(line) == 1
    assert "s3cr3t" not in log
    loud = guild("guild-sync", "-v")
    assert (loud.code, loud.err) == (0, f"guild: {line}\n")


def test_ctrl_c_is_told_as_a_failure(guild: Guild, service: Web, tmp_path: Path) -> None:
    hook = {"on": ["unreachable"], "command": f"touch {tmp_path}/begun; exec sleep 600"}
    configure(guild, hooks=[hook], heartbeat=f"{service.url}/abc")
    queue(guild)
    syncing = guild.popen("guild-sync")
    wait_until((tmp_path / "begun").exists, "the hook")
    syncing.send_signal(signal.SIGINT)
    assert syncing.wait(60) == 130
    assert service.told == ["GET /abc/start", "POST /abc/fail"]
    assert service.calls[1].body == b"interrupted"
    assert len(waiting(guild)) == 1


def test_two_at_once_each_have_an_id_of_their_own(guild: Guild, service: Web) -> None:
    configure(guild, heartbeat=f"{service.url}/abc")
    syncing = [guild.popen("guild-sync") for _ in range(2)]
    assert [one.wait(60) for one in syncing] == [0, 0]
    assert sorted(service.told) == ["GET /abc"] * 2 + ["GET /abc/start"] * 2
    ids = [call.path.partition("rid=")[2] for call in service.calls]
    assert sorted(ids.count(one) for one in set(ids)) == [2, 2]
