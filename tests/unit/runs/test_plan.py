"""From what `guild run` is asked for to a launch, in one direction."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import FrameType

import pytest
from projects import Cluster
from support import Guild, project

from guild_sync.agent.protocol import NO_DEVICES, Job, Value
from guild_sync.errors import GuildError, UsageError
from guild_sync.hosts.local import LocalHost
from guild_sync.jobs.notes import BatchOptions, Notes
from guild_sync.project.flags import flag_values
from guild_sync.runs import start
from guild_sync.runs.launch import Launch
from guild_sync.runs.plan import needs_here, plan
from guild_sync.runs.resolve import NeedsGiven, Request, SupervisionGiven, resolve

GUILDFILE = """
op:
  exec: echo ${x}
  flags: {x: 1, y: two words}
pipe:
  flags: {x: 7}
  steps: ['op x=${x}']
"""


@pytest.fixture
def here(guild: Guild, monkeypatch: pytest.MonkeyPatch) -> LocalHost:
    """This machine, in the folder of a project."""
    project(guild.folder, GUILDFILE)
    monkeypatch.chdir(guild.folder)
    return LocalHost(str(guild.home))


@pytest.fixture
def earlier(here: LocalHost, guild: Guild) -> str:
    """The id of a run that is staged here."""
    return guild.ok("run", "op", "x=3", "--stage", "-y").lines[-2].split()[-1]


# What is meant.


def test_an_operation_is_the_one_of_the_project_here(here: LocalHost, guild: Guild) -> None:
    meant = resolve(Request("op"), here)
    assert meant.operation.name == "op"
    assert meant.project is not None
    assert meant.project.folder == guild.folder
    assert (meant.script, meant.recipe, meant.again, meant.is_builtin) == (None, None, False, False)


def test_a_pipeline_is_meant_with_the_operations_of_its_steps(here: LocalHost) -> None:
    (step,) = resolve(Request("pipe"), here).operation.steps
    assert step.operation == resolve(Request("op"), here).operation


def test_a_script_is_a_project_of_its_own(here: LocalHost, guild: Guild) -> None:
    (guild.folder / "say.py").write_text("x = 1\n")
    meant = resolve(Request("say.py"), here)
    assert meant.script == guild.folder / "say.py"
    assert meant.project is not None
    assert (meant.operation.name, meant.is_builtin) == ("say.py", False)
    assert flag_values(meant.operation, []) == {"x": 1}
    project(guild.folder, GUILDFILE + "say.py: {exec: echo mine}\n")
    meant = resolve(Request("say.py"), here)
    assert (meant.script, meant.operation.exec) == (None, "echo mine")


def test_queue_is_guilds_own_unless_the_project_has_one(here: LocalHost, guild: Guild) -> None:
    meant = resolve(Request("queue"), here)
    assert (meant.is_builtin, meant.project) == (True, None)
    project(guild.folder, GUILDFILE + "queue: {exec: echo mine}\n")
    meant = resolve(Request("queue"), here)
    assert (meant.is_builtin, meant.operation.exec) == (False, "echo mine")


def test_an_earlier_run_needs_no_project(
    here: LocalHost, earlier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for request, again in ((Request(again=earlier), True), (Request(like=earlier), False)):
        meant = resolve(request, here)
        assert (meant.project, meant.again, meant.is_builtin) == (None, again, False)
        assert meant.recipe is not None
        assert (meant.recipe["id"], meant.operation.exec) == (earlier, "echo ${x}")


def test_an_earlier_run_takes_the_project_where_it_is_asked_to(
    here: LocalHost, earlier: str, guild: Guild
) -> None:
    project(guild.folder, "op: {exec: echo new}\nother: {exec: echo other}\n")
    anew = resolve(Request(again=earlier, new_source=True), here)
    other = resolve(Request("other", like=earlier), here)
    assert (anew.operation.exec, other.operation.exec) == ("echo new", "echo other")
    assert None not in (anew.project, other.project)


@pytest.mark.parametrize("spec", ["other/op", "./op", "gpkg.other/op", "other/guild.pass"])
def test_an_operation_of_another_package_is_none_of_this_project(
    here: LocalHost, earlier: str, spec: str
) -> None:
    said = f"^{re.escape(spec)} is no operation of this project, of a package or of an earlier run$"
    for request in (Request(spec), Request(spec, like=earlier)):
        with pytest.raises(GuildError, match=said):
            resolve(request, here)


def test_an_operation_may_be_named_with_the_projects_own_package(
    here: LocalHost, guild: Guild
) -> None:
    assert resolve(Request("gpkg.anonymous-0123abcd/op"), here).operation.name == "op"
    for name in ("mine", "gpkg.mine"):
        text = (
            f"- package: {name}\n- operations: {{op: {{exec: echo own}}, a/b: {{exec: echo b}}}}\n"
        )
        project(guild.folder, text)
        for spec in ("mine/op", "gpkg.mine/op", "op"):
            assert resolve(Request(spec), here).operation.exec == "echo own"
        assert resolve(Request("a/b"), here).operation.exec == "echo b"


# What becomes of it.


def steps_of(request: Request, here: LocalHost) -> tuple[Launch, list[str]]:
    """The launch, and the steps to it in the order in which they were made."""
    steps: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back.f_code if frame.f_back else None
        if event == "call" and caller is plan.__code__:
            steps.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        return plan(request, here), steps
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("kind", ["project", "batch", "pipeline", "builtin", "again", "like"])
def test_every_run_goes_the_same_way_and_no_step_twice(
    here: LocalHost, earlier: str, kind: str
) -> None:
    request = {
        "project": Request("op"),
        "batch": Request("op", ["x=[1,2]"]),
        "pipeline": Request("pipe"),
        "builtin": Request("queue"),
        "again": Request(again=earlier),
        "like": Request(like=earlier),
    }[kind]
    _, steps = steps_of(request, here)
    assert steps == [
        "resolve",
        "_with_trials",
        "_values",
        "_with_runs",
        "_seed",
        "given_of",
        "_job",
        "secrets_given",
        "launch_of",
    ]


def test_a_new_run_is_labelled_with_its_flags_unless_the_user_says_how(here: LocalHost) -> None:
    launch = plan(Request("op", ["x=2"]), here)
    assert launch.attributes["flags"] == {"x": 2, "y": "two words"}
    assert launch.attributes["label"] == "x=2 y='two words'"
    named = plan(Request("op", notes=Notes(label="mine", random_seed=5)), here)
    assert (named.attributes["label"], named.attributes["random_seed"]) == ("mine", 5)
    assert named.job["env"]["RANDOM_SEED"] == "5"


def test_a_run_that_starts_again_keeps_its_id_and_its_seed(here: LocalHost, earlier: str) -> None:
    first, second = (plan(Request(again=earlier, flags=["x=4"]), here) for _ in range(2))
    assert (first.run_id, first.again, first.like) == (earlier, True, None)
    assert first.attributes["random_seed"] == second.attributes["random_seed"]
    assert first.attributes["label"] == "x=4 y='two words'"


def test_a_run_that_starts_again_as_it_was_keeps_its_job(here: LocalHost, earlier: str) -> None:
    kept = here.recipe(earlier)["work"]
    assert plan(Request(again=earlier), here).job == kept


def devices(request: Request, here: LocalHost) -> str | None:
    return plan(request, here).job["env"].get("CUDA_VISIBLE_DEVICES")


def test_a_run_sees_the_gpus_that_are_asked_for_and_again_when_it_is_made_again(
    here: LocalHost, guild: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert devices(Request("op"), here) is None
    assert devices(Request("op", gpus=""), here) == ""
    for request in (Request("queue", gpus="1"), Request("queue", ["gpus=device=1"])):
        assert devices(request, here) == "1"
    for request in (Request("pipe", gpus="1"), Request("op", ["x=[1,2]"], gpus="1")):
        assert devices(request, here) == "1", "a queue looks for it there"
    guild.ok("run", "op", "--gpus", "70,71", "-y")  # no other test has them for itself
    (run,) = here.list_runs()["runs"]
    changed, more = [Request(again=run["id"], flags=["x=9"]), Request(again=run["id"], gpus="${x}")]
    for request, seen in (
        (Request(again=run["id"]), "70,71"),
        (Request(like=run["id"]), "70,71"),
        (changed, "70,71"),
        (more, "${x}"),
    ):
        assert devices(request, here) == seen
    (guild.folder / "guild.yml").unlink()
    monkeypatch.chdir(guild.folder.parent)
    assert devices(Request(":op"), here) is None, "an earlier run offers its operation alone"


def test_a_run_like_another_is_new_and_takes_its_source_code(here: LocalHost, earlier: str) -> None:
    launch = plan(Request(like=earlier, flags=["x=5"]), here)
    assert launch.run_id != earlier
    assert (launch.like, launch.again, launch.source) == (earlier, False, None)
    assert launch.values["x"] == 5


def test_a_run_like_another_keeps_the_label_that_was_not_made_of_its_flags(
    here: LocalHost, guild: Guild, earlier: str
) -> None:
    guild.ok("label", "--set", "mine", earlier, "-y")
    assert plan(Request(like=earlier, flags=["x=5"]), here).attributes["label"] == "mine"
    assert "label" not in plan(Request(again=earlier, flags=["x=5"]), here).attributes


def test_a_batch_draws_its_trials_with_the_seed_of_the_run(here: LocalHost) -> None:
    request = Request(
        "op", ["x=[1:100]"], notes=Notes(random_seed=3), options=BatchOptions(max_trials=4)
    )
    one, other = plan(request, here), plan(request, here)
    assert one.is_batch
    drawn = [child["attributes"]["flags"] for child in one.children]
    assert drawn == [child["attributes"]["flags"] for child in other.children]
    assert len(drawn) == 4


def test_what_guild_brings_along_has_no_source_and_no_seed(here: LocalHost) -> None:
    launch = plan(Request("queue", ["run-once=yes"]), here)
    assert (launch.is_builtin, launch.source, launch.name) == (True, None, "queue")
    assert "random_seed" not in launch.attributes
    assert launch.job["args"] == ["10", "yes"]


def test_what_guild_brings_along_cannot_be_a_batch(here: LocalHost) -> None:
    with pytest.raises(UsageError) as error:
        plan(Request("queue", ["poll-interval=[1,2]"]), here)
    assert error.value.message == "queue cannot be a batch"


# How attempts are looked after.

SUPERVISED = """
op: {exec: 'echo ${x}', flags: {x: 1}, retry: 2, retry-on: x}
plain: {exec: echo}
pipe: {steps: [op], retry: 5, flags: {x: 7}}
"""


@pytest.fixture
def supervised(here: LocalHost, guild: Guild) -> LocalHost:
    project(guild.folder, SUPERVISED)
    return here


def retry_of(job: Job) -> tuple[int, float, str] | None:
    found = job.get("retry")
    return (found["count"], found["delay"], found["pattern"]) if found else None


def test_the_command_line_says_how_attempts_are_looked_after_and_guild_yml_the_rest(
    supervised: LocalHost,
) -> None:
    assert retry_of(plan(Request("op"), supervised).job) == (2, 0, "x")
    said = plan(Request("op", supervision={"retry": 3, "retry_delay": 2}), supervised)
    assert retry_of(said.job) == (3, 2, "x")
    assert retry_of(plan(Request("op", supervision={"retry": 0}), supervised).job) is None
    assert retry_of(plan(Request("plain"), supervised).job) is None


def test_limits_of_time_go_to_the_runner_by_the_same_rules(supervised: LocalHost) -> None:
    given: SupervisionGiven = {"time_limit": 60, "stall": 0.3}
    made = plan(Request("op", ["x=[1,2]"], supervision=given), supervised)
    assert "time_limit" not in made.job and "stall" not in made.job
    jobs = [child["job"] for child in made.children]
    assert [(job["time_limit"], job["stall"]) for job in jobs] == [(60, 0.3)] * 2
    pipe = plan(Request("pipe", supervision=given), supervised)
    assert (pipe.job["time_limit"], pipe.job["stall"]) == (60, 0.3)
    assert "stall" not in pipe.children[0]["job"]
    assert "stall" not in plan(Request("op", supervision={"stall": 0}), supervised).job


def test_a_batchs_trials_are_looked_after_and_not_the_batch(supervised: LocalHost) -> None:
    made = plan(Request("op", ["x=[1,2]"], supervision={"retry": 3}), supervised)
    assert retry_of(made.job) is None
    assert [retry_of(child["job"]) for child in made.children] == [(3, 0, "x")] * 2


def test_a_pipeline_is_looked_after_as_it_says_and_its_steps_as_they_say(
    supervised: LocalHost,
) -> None:
    made = plan(Request("pipe", supervision={"retry": 4}), supervised)
    assert retry_of(made.job) == (4, 0, "")
    assert [retry_of(child["job"]) for child in made.children] == [(2, 0, "x")]


NEEDY = """
op: {exec: 'echo ${x}', flags: {x: 1}, gpus: 1, memory: 1G}
plain: {exec: echo}
pipe: {steps: [op, {run: plain, gpus: 1}]}
"""


def needs_of(request: Request, here: LocalHost) -> tuple[object, list[object]]:
    """What the job of the run says that it needs, and those of the runs that it consists of."""
    made = plan(request, here)
    return made.job.get("needs"), [child["job"].get("needs") for child in made.children]


def test_what_is_needed_of_a_host_is_what_the_command_line_says_and_guild_yml_the_rest(
    here: LocalHost, guild: Guild
) -> None:
    project(guild.folder, NEEDY)
    own = {"gpus": 1, "memory": 1 << 30}
    assert needs_of(Request("op"), here) == (own, [])
    more: NeedsGiven = {"gpus": 3, "cpus": 2}
    assert needs_of(Request("op", needs=more), here) == ({**own, **more}, [])
    assert needs_of(Request("op", gpus="0,1"), here) == ({"memory": 1 << 30}, [])
    assert needs_of(Request("op", gpus=""), here) == ({"memory": 1 << 30}, [])
    assert needs_of(Request("plain"), here) == (None, [])
    # A batch has it for its trials; of a pipeline each step what its own operation needs.
    assert needs_of(Request("op", ["x=[1,2]"]), here) == (own, [own, own])
    assert needs_of(Request("pipe"), here) == (None, [own, None])
    assert needs_of(Request("pipe", needs={"gpus": 2}), here) == ({"gpus": 2}, [own, None])
    assert plan(Request("pipe"), here).children[1]["job"]["env"]["CUDA_VISIBLE_DEVICES"] == "1"
    hidden = plan(Request("op", gpus=""), here).job["env"]
    assert {n: v for n, v in hidden.items() if "DEVICES" in n} == NO_DEVICES
    staged = guild.ok("run", "op", "--gpus", "2", "--stage", "-y").lines[-2].split()[-1]
    assert needs_of(Request(again=staged), here) == ({**own, "gpus": 2}, [])
    assert needs_of(Request(again=staged, needs={"gpus": 1}), here) == (own, [])


# On a cluster.

OF_JOBS = """
op:
  exec: echo ${x}
  flags: {x: 1}
  gpus: 1
  memory: 1G
  job: {time: 4:00:00, mem: 2G, options: [--exclusive]}
plain: {exec: echo, no-gpus: yes}
pipe: {steps: [op, plain], job: {time: 1-0}}
"""


@pytest.fixture
def cluster(here: LocalHost, guild: Guild) -> Cluster:
    project(guild.folder, OF_JOBS)
    return Cluster(here.home, partition="gpu", gpus=4)


def submit_of(request: Request, host: LocalHost) -> dict[str, Value] | None:
    """What the run's job keeps of what it asks of a scheduler, on that host."""
    return start.on_scheduler(plan(request, host).job, host).get("submit")


def test_a_job_asks_for_what_guild_yml_says_and_the_command_line_over_it(cluster: Cluster) -> None:
    own = {"time": "4:00:00", "mem": "2G", "gpus": 1, "options": ["--exclusive"]}
    assert submit_of(Request("op"), cluster) == own
    assert submit_of(Request("op", job={"time": "30"}), cluster) == {**own, "time": "30"}
    given = Request("op", needs={"gpus": 2, "memory": 1 << 30}, job={"qos": None})
    assert submit_of(given, cluster) == {**own, "gpus": 2, "mem": "1G", "qos": None}
    both = Request("op", needs={"gpus": 2}, job={"gpus": "a100:1"})
    assert submit_of(both, cluster) == {**own, "gpus": "a100:1"}
    assert submit_of(Request("op", gpus=""), cluster) == {**own, "gpus": None}
    assert submit_of(Request("plain"), cluster) == {"gpus": None}
    assert submit_of(Request("queue", job={"time": "2:00:00"}), cluster) == {"time": "2:00:00"}
    assert submit_of(Request("queue", ["gpus=2"]), cluster) == {"gpus": 2}


def test_elsewhere_a_run_keeps_what_it_would_ask_and_needs_what_it_needs(
    cluster: Cluster, here: LocalHost
) -> None:
    job = plan(Request("op"), here).job
    assert job["submit"] == {"time": "4:00:00", "mem": "2G", "options": ["--exclusive"]}
    assert job["needs"] == {"gpus": 1, "memory": 1 << 30}
    assert start.on_scheduler(job, here) == job
    assert plan(Request("plain"), here).job.get("submit") is None


def test_a_run_that_is_started_again_asks_as_before_unless_it_is_said_otherwise(
    cluster: Cluster, guild: Guild
) -> None:
    staged = guild.ok("run", "op", "--gpus", "2", "--stage", "-y").lines[-2].split()[-1]
    kept = {"time": "4:00:00", "mem": "2G", "gpus": 2, "options": ["--exclusive"]}
    for request in (Request(again=staged), Request(like=staged)):
        assert submit_of(request, cluster) == kept
    assert submit_of(Request(again=staged, job={"time": "5"}), cluster) == {**kept, "time": "5"}
    both = Request(again=staged, job={"time": "5"}, needs={"gpus": 1})
    assert submit_of(both, cluster) == {**kept, "time": "5", "gpus": 1}


def test_a_batch_and_each_of_its_trials_ask_for_the_same(cluster: Cluster) -> None:
    launch = plan(Request("op", ["x=[1,2]"], job={"array-limit": 1}), cluster)
    made = start.on_scheduler(launch.job, cluster)
    assert made["submit"]["array-limit"] == 1
    assert [child["job"]["submit"] for child in made["children"]] == [made["submit"]] * 2
    assert launch.warnings == []


def test_a_pipeline_is_one_job_and_a_step_with_one_of_its_own_is_named(
    cluster: Cluster, here: LocalHost
) -> None:
    assert submit_of(Request("pipe"), cluster) == {"time": "1-0", "gpus": 1, "mem": "1G"}
    (warning,) = plan(Request("pipe"), cluster).warnings
    assert warning == "step op: its 'job' is passed over: the pipeline is one job"
    assert plan(Request("pipe"), here).warnings == []


@pytest.mark.parametrize(
    ("job", "fault"),
    [
        ({"options": ["--output=/x"]}, "options: --output is what guild sets itself"),
        ({"options": ["-x"]}, "options: '-x' must be written --name=value, or --name"),
    ],
)
def test_what_the_scheduler_there_is_not_asked_for_is_told_before_anything_is_made(
    cluster: Cluster, here: LocalHost, job: dict[str, Value], fault: str
) -> None:
    with pytest.raises(GuildError) as error:
        plan(Request("op", job=job), cluster)
    assert error.value.message == f"op cannot be a job: {fault}"
    plan(Request("op", job=job), here)


def test_a_job_of_a_run_that_nobody_can_have_made_is_not_read(
    cluster: Cluster, guild: Guild
) -> None:
    staged = guild.ok("run", "op", "--stage", "-y").lines[-2].split()[-1]
    path = guild.home / "runs" / staged / ".guild" / "job.json"
    job = json.loads(path.read_text())
    for bad in (["time"], {"time": "x"}, {"time": 1, "path": "/"}, "x"):
        job["operation"]["job"] = bad
        path.write_text(json.dumps(job))
        with pytest.raises(GuildError, match=f"the job of run {staged} cannot be read: job"):
            plan(Request(again=staged), cluster)


def test_what_would_be_needed_of_whichever_host_is_known_before_there_is_one(
    here: LocalHost, guild: Guild, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(guild.folder, NEEDY)
    monkeypatch.chdir(guild.folder)
    assert needs_here(Request("op", needs={"cpus": 4})) == {"gpus": 1, "memory": 1 << 30, "cpus": 4}
    assert needs_here(Request("other", needs={"cpus": 4})) == {"cpus": 4}


def test_a_run_that_starts_again_is_looked_after_as_before_unless_it_is_said_otherwise(
    supervised: LocalHost, guild: Guild
) -> None:
    staged = guild.ok("run", "op", "--retry", "7", "--stage", "-y").lines[-2].split()[-1]
    assert retry_of(plan(Request(again=staged), supervised).job) == (7, 0, "x")
    assert retry_of(plan(Request(like=staged), supervised).job) == (7, 0, "x")
    changed = plan(Request(again=staged, supervision={"retry_on": "y"}), supervised)
    assert retry_of(changed.job) == (7, 0, "y")


@pytest.mark.parametrize("given", [{"retry_on": "x"}, {"retry_delay": 1.0}])
def test_how_to_try_again_says_nothing_where_nothing_says_to(
    supervised: LocalHost, given: SupervisionGiven
) -> None:
    name = next(iter(given)).replace("_", "-")
    with pytest.raises(UsageError, match=f"^--{name} belongs to --retry$"):
        plan(Request("plain", supervision=given), supervised)


def test_a_queue_is_not_looked_after(here: LocalHost) -> None:
    with pytest.raises(UsageError, match="queue takes no --retry"):
        plan(Request("queue", supervision={"retry": 1}), here)
