"""What an operation requires, put into its run: files of the project, and of other runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from contents import of_file

from guild_sync.agent import protocol
from guild_sync.agent.errors import AgentError
from guild_sync.agent.protocol import RequirementForm
from guild_sync.agent.staging import given, requirements, selecting
from guild_sync.agent.store import rundir
from guild_sync.project.sourcecode import required_files

ID, MADE, OLDER = "a" * 32, "b" * 32, "c" * 32


def new_run(home: Path, run_id: str, operation: str, started: int) -> Path:
    folder = home / "runs" / run_id
    (folder / ".guild" / "attrs").mkdir(parents=True)
    (folder / ".guild" / "opref").write_text(f"package:gpkg.demo 1.0 '' {operation}")
    rundir.write_attr(str(folder), "initialized", started)
    rundir.write_attr(str(folder), "started", started)
    rundir.write_attr(str(folder), "exit_status", 0)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Path:
    return new_run(home, ID, "report", 3_000_000)


@pytest.fixture
def made(home: Path) -> Path:
    """A completed run of train: it made two files of one name, and was given a third."""
    folder = new_run(home, MADE, "train", 2_000_000)
    for name in ("model.bin", "logs/a.txt", "logs/deep/a.txt", "train.py", "src/lib.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".guild" / "manifest").write_text("s train.py 0 train.py\nd src/lib.py 0 file:lib\n")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data" / "deep").mkdir(parents=True)
    for name in ("one.csv", "data/a.csv", "data/a.csv.bak", "data/deep/b.csv"):
        (folder / name).write_text(name)
    return folder


def of_run(**more: Any) -> RequirementForm:
    return of_file("train", kind="operation", **more)


def add(home: Path, root: Path, *requires: RequirementForm) -> None:
    requirements.add_files(str(home), ID, requires, str(root))


def resolve(home: Path, run: Path, *requires: RequirementForm) -> None:
    requirements.resolve(str(home), str(run), requires)


def files(run: Path) -> dict[str, str]:
    """The files in a run, links to folders not followed, and what they hold or lead to."""
    found = {}
    for top, folders, names in os.walk(run):
        if ".guild" in folders:
            folders.remove(".guild")
        for name in [*names, *folders]:
            path = Path(top, name)
            if path.is_symlink():
                found[str(path.relative_to(run))] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[str(path.relative_to(run))] = path.read_text()
    return found


def manifest(run: Path) -> list[str]:
    return (run / ".guild" / "manifest").read_text().splitlines()


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


# Files of the project.


def test_a_file_of_the_project_is_copied_and_recorded(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("data/a.csv"))

    assert files(run) == {"a.csv": "data/a.csv"}
    assert manifest(run) == [f"d a.csv {sha1('data/a.csv')} file:data/a.csv"]
    assert rundir.read_attr(str(run), "deps") == {
        "data/a.csv": {"file:data/a.csv": {"paths": ["data/a.csv"], "uri": "file:data/a.csv"}}
    }


def test_a_folder_of_the_project_is_copied_whole(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("data"))

    assert sorted(files(run)) == ["data/a.csv", "data/a.csv.bak", "data/deep/b.csv"]
    assert manifest(run) == ["d data - file:data"]


def test_select_has_to_match_the_whole_path(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("data", select=[r"a\.csv", r"deep/.*"]))

    assert files(run) == {"a.csv": "data/a.csv", "b.csv": "data/deep/b.csv"}
    assert f"d b.csv {sha1('data/deep/b.csv')} file:data/deep/b.csv" in manifest(run)


def test_what_is_selected_keeps_its_folders_on_request(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("data", select=[r".*b\.csv"], keep_folders=True))

    assert files(run) == {"data/deep/b.csv": "data/deep/b.csv"}


def test_a_file_is_renamed_by_each_rule_in_turn_and_put_below_the_target_path(
    home: Path, run: Path, root: Path
) -> None:
    rules = [["(one)", r"\1-\1"], ["one", "two"], [r"\.csv$", ".txt"]]
    add(home, root, of_file("one.csv", rename=rules, target_path="in/here"))

    assert files(run) == {"in/here/two-one.txt": "one.csv"}


def test_source_code_that_is_required_too_is_no_collision(
    home: Path, run: Path, root: Path
) -> None:
    (run / "one.csv").write_text("one.csv")
    (run / "data").mkdir()
    (run / "data" / "code.py").write_text("code")
    add(home, root, of_file("one.csv"), of_file("data"))

    assert files(run)["one.csv"] == "one.csv"
    assert {"data/code.py", "data/a.csv"} <= set(files(run))


def test_another_file_in_the_way_stays_unless_it_may_be_replaced(
    home: Path, run: Path, root: Path
) -> None:
    (run / "one.csv").write_text("another")
    said = requirements.add_files(str(home), ID, [of_file("one.csv")], str(root))

    assert said == ["'one.csv' is there already: it is not replaced by that of 'one.csv'"]
    assert files(run) == {"one.csv": "another"}

    rundir.remove_attrs(str(run), ["deps"])
    add(home, root, of_file("one.csv", replace=True))
    assert files(run) == {"one.csv": "one.csv"}


def test_source_code_gives_way_to_what_is_required(home: Path, run: Path, root: Path) -> None:
    (run / "one.csv").write_text("code")
    (run / "other.py").write_text("code")
    lines = "s one.csv 0 one.csv\ns other.py 0 other.py\n"
    (run / ".guild" / "manifest").write_text(lines)
    add(home, root, of_file("one.csv"))

    assert files(run) == {"one.csv": "one.csv", "other.py": "code"}
    digest = sha1("one.csv")
    assert manifest(run) == ["s other.py 0 other.py", f"d one.csv {digest} file:one.csv"]


def test_of_two_files_of_one_name_the_first_is_taken(home: Path, run: Path, root: Path) -> None:
    (root / "data" / "deep" / "a.csv").write_text("other")
    requirement = of_file("data", select=[r".*a\.csv"])
    said = requirements.add_files(str(home), ID, [requirement], str(root))

    assert len(said) == 1
    assert files(run) == {"a.csv": "data/a.csv"}


@pytest.mark.parametrize(("key", "name"), [("least", "m-2.txt"), ("greatest", "m-10.txt")])
def test_the_file_with_the_least_or_the_greatest_number_is_taken(
    home: Path, run: Path, root: Path, key: str, name: str
) -> None:
    for number in ("10", "9", "2", "x"):
        (root / "data" / f"m-{number}.txt").write_text(number)
    add(home, root, of_file("data", **{key: [r"m-(.*)\.txt"]}))

    assert list(files(run)) == [name]


def test_a_folder_that_is_matched_comes_as_a_whole(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("data", select=["deep"]))

    assert files(run) == {"deep/b.csv": "data/deep/b.csv"}


@pytest.mark.parametrize(("if_empty", "count"), [("warn", 1), ("pass", 0)])
def test_nothing_that_is_selected_is_said_or_passed_over(
    home: Path, run: Path, root: Path, if_empty: str, count: int
) -> None:
    requirement = of_file("data", select=["none"], if_empty=if_empty)
    said = requirements.add_files(str(home), ID, [requirement], str(root))

    assert said == ["it requires files of data matching none, and there are none"][:count]
    resolve(home, run, requirement)  # and the run starts


def test_a_file_that_need_not_be_there_may_be_missing(home: Path, run: Path, root: Path) -> None:
    for source in ("none.csv", str(root / "none")):
        add(home, root, of_file(source, optional=True))
        resolve(home, run, of_file(source, optional=True))

    assert files(run) == {}


def test_a_digest_is_checked(home: Path, run: Path, root: Path) -> None:
    digest = hashlib.sha256(b"one.csv").hexdigest()
    add(home, root, of_file("one.csv", sha256=digest.upper()))
    with pytest.raises(
        AgentError, match=f"'data/a.csv' has the SHA-256 [0-9a-f]+, and not {digest}"
    ):
        add(home, root, of_file("data/a.csv", sha256=digest))
    with pytest.raises(AgentError, match="'data' is a folder, which has no SHA-256"):
        add(home, root, of_file("data", sha256=digest))

    assert files(run) == {"one.csv": "one.csv"}


def test_sources_of_one_name_are_put_together(home: Path, run: Path, root: Path) -> None:
    add(home, root, of_file("one.csv", name="x"), of_file("data/a.csv", name="x"))

    assert sorted(files(run)) == ["a.csv", "one.csv"]
    deps = rundir.mapping(rundir.read_attr(str(run), "deps"))
    assert list(rundir.mapping(deps["x"])) == ["file:one.csv", "file:data/a.csv"]


def test_one_source_may_be_required_twice(home: Path, run: Path, root: Path) -> None:
    for source in ("data", str(root / "data")):
        both = [of_file(source, select=[name], always=True) for name in (r"a\.csv", ".*bak")]
        add(home, root, *both)
        resolve(home, run, *both)
        resolve(home, run, *both)
        assert sorted(files(run)) == ["a.csv", "a.csv.bak"]
        given.forget_all(str(run))


def test_a_place_beside_the_project_is_reached_here_and_in_a_package(
    home: Path, run: Path, root: Path
) -> None:
    (root.parent / "beside").mkdir()
    (root.parent / "beside" / "x.txt").write_text("x")
    add(home, root, of_file("../beside"))
    assert files(run) == {"beside/x.txt": "x"}

    given.forget_all(str(run))
    requirements.keep_files(str(home), ID, str(root), ["../beside/x.txt"])
    requirements.add_files(str(home), ID, [of_file("../beside")])
    assert files(run) == {"beside/x.txt": "x"}


def test_what_an_earlier_start_put_there_goes_where_another_file_is_meant(
    home: Path, run: Path, root: Path
) -> None:
    add(home, root, of_file("one.csv", name="x"))
    requirements.keep_files(str(home), ID, str(root), ["data/a.csv"])
    resolve(home, run, of_file("data/a.csv", name="x"))
    assert files(run) == {"a.csv": "data/a.csv"}

    with pytest.raises(AgentError, match=r"it requires 'data/no.csv', which is not there") as error:
        resolve(home, run, of_file("data/no.csv", name="x"))
    assert "--force-sourcecode" in error.value.hint


def test_a_configuration_is_written_at_each_start(home: Path, run: Path) -> None:
    (run / "c.yml").write_text("source code")
    (run / ".guild" / "manifest").write_text("s c.yml 0 c.yml\n")
    for text in ("a: 1\n", "a: 2\n"):
        resolve(home, run, of_file("conf/c.yml", kind="config", content=text))
        assert files(run) == {"c.yml": text}

    assert manifest(run) == [f"d c.yml {sha1(text)} config:conf/c.yml"]


@pytest.mark.parametrize("text", ["../x", "../../x", "/x", "../.guild/x", "..", ".guild", ""])
def test_a_rename_that_would_leave_the_run_is_refused(
    home: Path, run: Path, root: Path, text: str
) -> None:
    requirement = of_file("one.csv", rename=[[".+", text]])
    with pytest.raises(AgentError, match="would be outside the run"):
        add(home, root, requirement)

    assert files(run) == {}


@pytest.mark.parametrize("path", ["..", "/tmp", ".guild", "./.guild/attrs", "a/../../b"])
def test_a_target_path_that_would_leave_the_run_is_refused(
    home: Path, run: Path, root: Path, path: str
) -> None:
    with pytest.raises(AgentError, match="would be outside the run"):
        add(home, root, of_file("one.csv", target_path=path))


def test_a_link_on_the_way_is_not_followed_out_of_the_run(
    home: Path, run: Path, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AgentError, match="would be outside the run"):
        add(home, root, of_file("one.csv", target_path="out/deep"))

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_is_not_there_is_said(home: Path, run: Path, root: Path) -> None:
    with pytest.raises(AgentError, match=r"it requires 'none\.csv', which is not there"):
        add(home, root, of_file("none.csv"))
    with pytest.raises(AgentError, match="files of data matching x or y, and there are none"):
        add(home, root, of_file("data", select=["x", "y"]))


@pytest.mark.parametrize("is_there", [False, True])
def test_links_of_a_folder_are_followed_and_what_is_no_file_is_left_out(
    home: Path, run: Path, root: Path, is_there: bool
) -> None:
    if is_there:  # the folder, with source code
        (run / "data").mkdir()
    (root / "beside").mkdir()
    (root / "beside" / "x").write_text("x")
    for name, to in {
        "leads": "../beside", "file": "deep/b.csv",
        "dangling": "nowhere", "round": "deep/../..", "self": "self",
    }.items():  # fmt: skip
        (root / "data" / name).symlink_to(to)
    os.mkfifo(root / "data" / "deep" / "pipe")
    given = ["data/a.csv", "data/a.csv.bak", "data/deep/b.csv", "data/file", "data/leads/x"]
    assert sorted(required_files(root, [of_file("data")])) == given, "what a remote gets"

    said = requirements.add_files(str(home), ID, [of_file("data")], str(root))
    assert sorted(files(run)) == given
    assert len(said) == 4 and all(" is left out: " in line for line in said)


@pytest.mark.parametrize("name", ["a b", "it's", "$(x)", "-d", "é\u2028\x0b", "\r", "#", "\udcff"])
def test_any_name_is_recorded_and_forgotten_again(
    home: Path, run: Path, root: Path, name: str
) -> None:
    (root / "data" / "deep" / name).write_text("x")
    add(home, root, of_file("one.csv"), of_file("data/deep", select=["(?![b]).*"]))
    assert files(run) == {"one.csv": "one.csv", name: "x"}

    given.forget_all(str(run))

    assert files(run) == {}
    assert manifest(run) == []


def test_a_name_of_two_lines_is_refused(home: Path, run: Path, root: Path) -> None:
    (root / "data" / "x\nd y - file:y").write_text("x")
    with pytest.raises(AgentError, match="line break in its name") as error:
        add(home, root, of_file("data", select=["(?s)x.*"]))

    assert "\n" not in error.value.message


def test_the_files_that_a_run_keeps_serve_the_runs_made_from_it(
    home: Path, run: Path, root: Path
) -> None:
    requirements.keep_files(str(home), ID, str(root), ["data/a.csv"])
    requirements.add_files(str(home), ID, [of_file("data/a.csv")])

    assert files(run) == {"a.csv": "data/a.csv"}


# Files of an absolute path.


def test_an_absolute_path_is_linked_when_the_run_starts(home: Path, run: Path, root: Path) -> None:
    requirement = of_file(str(root / "data"), name="data")
    add(home, root, requirement)
    assert files(run) == {}

    resolve(home, run, requirement)
    resolve(home, run, requirement)

    assert files(run) == {"data": f"-> {root / 'data'}"}
    assert manifest(run) == [f"d data - file:{root / 'data'}"]


def test_an_absolute_path_that_is_not_there_is_unmet(home: Path, run: Path, root: Path) -> None:
    with pytest.raises(AgentError, match=f"run {ID} cannot start: it requires") as error:
        resolve(home, run, of_file(str(root / "none")))

    assert error.value.kind == "unmet"


# Files of another run.


def test_what_a_run_made_is_linked_and_not_what_it_was_given(
    home: Path, run: Path, made: Path
) -> None:
    resolve(home, run, of_run())

    assert files(run) == {
        "model.bin": f"-> ../{MADE}/model.bin",
        "logs": f"-> ../{MADE}/logs",
    }
    assert (run / "logs" / "deep" / "a.txt").read_text() == "logs/deep/a.txt"
    assert sorted(manifest(run)) == [
        "d logs - operation:train/logs",
        "d model.bin - operation:train/model.bin",
    ]
    assert rundir.read_attr(str(run), "flags") == {"train": MADE}
    deps = rundir.mapping(rundir.read_attr(str(run), "deps"))
    source = rundir.mapping(rundir.mapping(deps["train"])["operation:train"])
    assert source["config"] == MADE
    paths = source["paths"]
    assert isinstance(paths, list)
    assert sorted(map(str, paths)) == [f"../{MADE}/logs", f"../{MADE}/model.bin"]


def test_a_folder_that_a_run_was_given_is_nothing_that_it_made(
    home: Path, run: Path, made: Path
) -> None:
    (made / ".guild" / "manifest").write_text("d logs - file:logs\n")
    resolve(home, run, of_run(copy=True))
    assert set(files(run)) == {"model.bin", "train.py", "src/lib.py"}


def test_a_link_leads_to_the_run_from_a_folder_too(home: Path, run: Path, made: Path) -> None:
    resolve(home, run, of_run(select=["model.*"], target_path="in/here"))

    assert files(run) == {"in/here/model.bin": f"-> ../../../{MADE}/model.bin"}
    assert (run / "in" / "here" / "model.bin").read_text() == "model.bin"


def test_the_files_of_a_run_are_copied_on_request(home: Path, run: Path, made: Path) -> None:
    resolve(home, run, of_run(select=["logs/.*"], copy=True, keep_folders=True))

    assert files(run) == {"logs/a.txt": "logs/a.txt", "logs/deep/a.txt": "logs/deep/a.txt"}
    assert f"d logs/a.txt {sha1('logs/a.txt')} operation:train/logs/a.txt" in manifest(run)


def test_links_in_a_folder_that_is_copied_stay_links_and_lead_where_they_led(
    home: Path, run: Path, made: Path
) -> None:
    for name, leads in {"in": "a.txt", "up": "../model.bin", "round": ".", "no": "nowhere"}.items():
        (made / "logs" / name).symlink_to(leads)
    resolve(home, run, of_run(select=["logs"], copy=True))

    assert files(run) == {
        "logs/a.txt": "logs/a.txt",
        "logs/deep/a.txt": "logs/deep/a.txt",
        "logs/in": "-> a.txt",
        "logs/up": f"-> {made / 'model.bin'}",
        "logs/round": "-> .",
        "logs/no": "-> nowhere",
    }


def test_copies_of_another_run_take_the_place_of_those_that_the_operation_left_alone(
    home: Path, run: Path, made: Path
) -> None:
    older = new_run(home, OLDER, "train", 1_000_000)
    for name in ("model.bin", "logs/a.txt", "logs/deep/a.txt"):
        (older / name).parent.mkdir(parents=True, exist_ok=True)
        (older / name).write_text("older")
    resolve(home, run, of_run(copy=True))
    (run / "logs" / "a.txt").write_text("mine")
    rundir.write_attr(str(run), "flags", {"train": OLDER})
    resolve(home, run, of_run(copy=True))

    found = {"model.bin": "older", "logs/a.txt": "mine", "logs/deep/a.txt": "older"}
    assert files(run) == found


def test_what_a_run_was_given_is_taken_where_it_is_selected(
    home: Path, run: Path, made: Path
) -> None:
    resolve(home, run, of_run(select=[r".*\.py", ".*[.]d"], copy=True))
    assert files(run) == {"train.py": "train.py", "lib.py": "src/lib.py"}


@pytest.mark.parametrize("pattern", [".guild/attrs/flags", r"\.guild/attrs/fl.*"])
def test_what_guild_keeps_of_a_run_is_taken_where_it_is_named(
    home: Path, run: Path, made: Path, pattern: str
) -> None:
    rundir.write_attr(str(made), "flags", {"x": 1})
    resolve(home, run, of_run(select=[pattern, ".*none"], rename=[("flags", "own.yml")], copy=True))
    assert files(run) == {"own.yml": "x: 1\n"}


def test_all_that_guild_keeps_of_a_run_may_be_taken_but_never_into_its_own(
    home: Path, run: Path, made: Path
) -> None:
    resolve(home, run, of_run(select=[".guild"], target_path="of", copy=True))
    assert (run / "of/.guild/opref").read_text() == (made / ".guild/opref").read_text()
    with pytest.raises(AgentError, match="would be outside the run"):
        resolve(home, run, of_run(select=[".guild"], name="again", copy=True))


def test_the_latest_completed_run_is_taken_or_the_one_that_the_flag_says(
    home: Path, run: Path, made: Path
) -> None:
    older = new_run(home, OLDER, "train", 1_000_000)
    (older / "model.bin").write_text("older")
    resolve(home, run, of_run(select=["model.*"]))
    assert files(run) == {"model.bin": f"-> ../{MADE}/model.bin"}

    rundir.write_attr(str(run), "flags", {"train": OLDER})
    resolve(home, run, of_run(select=["model.*"]))

    assert files(run) == {"model.bin": f"-> ../{OLDER}/model.bin"}
    assert manifest(run) == ["d model.bin - operation:train/model.bin"]


def test_a_second_start_takes_the_run_of_the_first(home: Path, run: Path, made: Path) -> None:
    resolve(home, run, of_run())
    newer = new_run(home, OLDER, "train", 9_000_000)
    (newer / "model.bin").write_text("newer")
    resolve(home, run, of_run())

    assert files(run)["model.bin"] == f"-> ../{MADE}/model.bin"
    assert len(manifest(run)) == 2


def test_no_run_or_one_that_has_not_ended_is_unmet(home: Path, run: Path) -> None:
    with pytest.raises(AgentError, match="a completed run of 'train', and there is none") as error:
        resolve(home, run, of_run())
    assert error.value.kind == "unmet"

    rundir.mark(str(new_run(home, OLDER, "train", 1)), rundir.PENDING)
    rundir.write_attr(str(run), "flags", {"train": OLDER})
    with pytest.raises(AgentError, match=f"it requires run {OLDER}, which is pending"):
        resolve(home, run, of_run())
    assert requirements.candidates(str(home), [of_run()], {"train": OLDER}) == {
        "train": {"run": None, "problem": f"it requires run {OLDER}, which is pending"}
    }


def test_the_candidate_is_the_run_that_would_be_taken(home: Path, run: Path, made: Path) -> None:
    found = requirements.candidates(str(home), [of_run(), of_file("one.csv")], {})

    assert list(found) == ["train"]
    assert found["train"]["run"] is not None and found["train"]["run"]["id"] == MADE


@pytest.mark.parametrize(
    ("source", "model", "rank"),
    [
        ("train", "", 0), ("tr.*", "", 0), ("none, train", "", 0), ("none|train", "", 0),
        ("train", "m", 1), ("rain", "", None), ("m:train", "", None), ("train(", "", None),
    ],
)  # fmt: skip
def test_an_operation_is_required_by_its_name_or_a_pattern(
    source: str, model: str, rank: int | None
) -> None:
    assert protocol.rank_of(source, model, "train") == rank
    assert protocol.rank_of("train", "m", "m:train") == 0
    assert protocol.rank_of("train", "k", "m:train") == 2
    assert protocol.rank_of("m:tr.*", "k", "m:train") == 0
    assert protocol.rank_of("train.*", "", "train+") is None  # a batch's own run


def test_a_models_own_operation_is_meant_before_others_of_that_name(
    home: Path, run: Path, made: Path
) -> None:
    own = new_run(home, OLDER, "train", 1_000_000)
    (own / ".guild" / "opref").write_text("package:gpkg.demo 1.0 m train")
    (own / "own.txt").write_text("own")
    resolve(home, run, of_run(model="m"))
    assert files(run) == {"own.txt": f"-> ../{OLDER}/own.txt"}


def test_runs_of_several_operations_may_have_one_name(home: Path, run: Path, made: Path) -> None:
    other = new_run(home, OLDER, "prepare", 1_000_000)
    (other / "p.txt").write_text("p")
    both = [of_run(select=["model.*"], name="x"), {**of_run(name="x"), "source": "prepare"}]
    for flag in ({}, {"x": OLDER}, {"x": MADE}):
        rundir.write_attr(str(run), "flags", flag)
        resolve(home, run, *both)  # type: ignore[arg-type]
        assert sorted(files(run)) == ["model.bin", "p.txt"]


def test_an_operation_that_need_not_have_run_may_be_missing(home: Path, run: Path) -> None:
    resolve(home, run, of_run(optional=True))
    assert requirements.candidates(str(home), [of_run(optional=True)], {}) == {
        "train": {"run": None, "problem": ""}
    }


# What was put into a run, taken out of it or handed on.


def test_forget_all_leaves_source_code_and_what_the_run_made(
    home: Path, run: Path, root: Path, made: Path
) -> None:
    (run / "op.py").write_text("op")
    (run / "result").write_text("result")
    (run / ".guild" / "manifest").write_text("s op.py 0 op.py\n")
    add(home, root, of_file("one.csv"), of_file("data"))
    resolve(home, run, of_run())

    given.forget_all(str(run))

    assert files(run) == {"op.py": "op", "result": "result"}
    assert manifest(run) == ["s op.py 0 op.py"]
    assert rundir.read_attr(str(run), "deps") is None
    assert (made / "logs" / "a.txt").exists()


def test_a_new_run_adopts_the_projects_files_and_no_links(
    home: Path, run: Path, root: Path, made: Path
) -> None:
    add(home, root, of_file("one.csv", target_path="in"))
    resolve(home, run, of_run(), of_file(str(root / "data"), name="abs"))
    copy = new_run(home, OLDER, "report", 4_000_000)

    given.adopt_files(str(run), str(copy))

    assert files(copy) == {"in/one.csv": "one.csv"}
    assert manifest(copy) == [f"d in/one.csv {sha1('one.csv')} file:one.csv"]
    deps = rundir.mapping(rundir.read_attr(str(copy), "deps"))
    assert "one.csv" in deps
    assert "train" not in deps


@pytest.mark.parametrize(
    "path", ["../{other}", "{abs}", "x/../../{other}", "out/{other}", ".", ".guild", "'", "'a\0b'"]
)
def test_a_hostile_manifest_reaches_nothing_outside_the_run(
    home: Path, run: Path, made: Path, path: str
) -> None:
    (run / "out").symlink_to("..")
    line = f"d {path.format(other=MADE, abs=made)} 0 file:x\n"
    (run / ".guild" / "manifest").write_text(line + line.replace(MADE, f"{MADE}/model.bin"))
    (made / "link").symlink_to("model.bin")
    copy = new_run(home, OLDER, "report", 1)
    before = files(made)

    given.adopt_files(str(run), str(copy))
    given.forget(str(run), of_file("x"))
    given.forget_all(str(run))

    assert files(made) == before
    assert files(copy) == {}
    assert (run / ".guild" / "opref").exists()


def test_what_python_has_cached_is_nothing_that_a_run_made(
    home: Path, run: Path, made: Path
) -> None:
    for folder in ("__pycache__", "logs/__pycache__"):
        (made / folder).mkdir()
        (made / folder / "a.pyc").touch()
    (made / "cache.pyc").touch()
    every = of_file(str(made), keep_folders=True)
    select: RequirementForm = {**every, "select": [r".*pyc"]}
    named = [name for name, _ in selecting.chosen(select, str(made), MADE)]
    assert named == ["cache.pyc"]
    chosen = [name for name, _ in selecting.chosen(every, str(made), MADE)]
    assert sorted(chosen) == ["cache.pyc", "logs", "model.bin"]


def test_what_python_has_cached_comes_with_no_folder_that_is_copied(
    home: Path, run: Path, made: Path, root: Path
) -> None:
    for folder in (root / "data", root / "data/deep", made / "logs", made / "logs/deep"):
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__/a.pyc").touch()
    add(home, root, of_file("data"))
    resolve(home, run, of_run(select=["logs"], copy=True))
    assert sorted(files(run)) == [
        *("data/a.csv", "data/a.csv.bak", "data/deep/b.csv"),
        *("logs/a.txt", "logs/deep/a.txt"),
    ]
