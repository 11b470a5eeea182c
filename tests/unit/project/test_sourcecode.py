"""Which files are a project's source code, and their digest."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from contents import as_a_user, open_folder
from trees import fill, git

from guild_sync.config.faults import Place
from guild_sync.declarations.sourcecode import source_code_of
from guild_sync.errors import GuildError
from guild_sync.project.definitions import Package, Yaml
from guild_sync.project.sourcecode import Source, source, with_data, without_required

BIG = b"x" * ((1 << 20) + 1)


def selected(folder: Path, *values: Yaml) -> Source:
    """The source code that `sourcecode` of an operation selects, or of its model and it."""
    place = Place()
    selection = source_code_of(values, place)
    assert not place.faults
    return source(folder, selection)


# Which files, outside git.


LEFT_OUT = "model.bin is left out: it is 1.0 MB, and 'sourcecode' in guild.yml does not name it"


def test_all_files_are_source_code(plain: Path) -> None:
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__/a.pyc",
        "lib/__pycache__/a.txt",
        "a.pyc",
        ".mypy_cache/x",
        ".pytest_cache/x",
        "node_modules/x/y.js",
        ".ipynb_checkpoints/x",
        "demo.egg-info/PKG-INFO",
        ".hg/x",
    ],
)
def test_caches_are_left_out_without_a_word(plain: Path, name: str) -> None:
    fill(plain, name)
    assert source(plain) == Source(plain, ("guild.yml", "lib/util.py", "train.py"))


def test_what_a_run_has_for_itself_is_no_source_code(plain: Path) -> None:
    fill(plain, ".guild/attrs/id")
    assert source(plain).files == selected(plain, "*").files
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_environments_are_left_out_whatever_they_are_called(plain: Path, mark: str) -> None:
    fill(plain, f"my env/{mark}", "my env/lib/x.py")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_a_file_over_1_mb_is_left_out_and_said(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    found = source(plain)
    assert "model.bin" not in found.files
    assert found.left_out == (LEFT_OUT,)


def test_of_a_large_file_that_is_required_nothing_is_said(plain: Path) -> None:
    fill(plain, "model.bin", "lib/a.bin", content=BIG)
    said = source(plain).left_out
    assert len(said) == 2
    assert without_required(said, ["lib/a.bin", "./none.bin"]) == [LEFT_OUT]
    assert without_required(said, ["./model.bin", "lib/a.bin"]) == []
    ignored = "model.bin is left out: 'sourcecode' in guild.yml names it, and git ignores it"
    assert without_required([ignored], ["model.bin"]) == [ignored]


def test_a_file_of_1_mb_is_taken(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG[:-1])
    assert "model.bin" in source(plain).files


def test_of_more_than_100_files_the_first_100_are_taken_and_it_is_said(plain: Path) -> None:
    fill(plain, *(f"data/{n:03}" for n in range(99)), ".idea/a.xml", "build/a", "data/deep/a", "z")
    fill(plain, "a.png", content=b"\x89PNG\0")
    found = source(plain)
    of_data = (f"data/{n:03}" for n in range(96))
    assert set(found.files) == {"guild.yml", "lib/util.py", "train.py", "z", *of_data}
    assert found.left_out == (
        "7 files are left out: outside git, only 100 are taken that 'sourcecode' in guild.yml "
        "does not name",
    )
    assert {*found.files, "a.png"} == {*selected(plain, [{"include": "*.png"}]).files, "data/095"}


def test_of_more_than_100_files_modules_are_taken_first(plain: Path) -> None:
    fill(plain, *(f"{n:03}.txt" for n in range(120)), "lib/late.py")
    found = source(plain).files
    assert {"lib/late.py", "lib/util.py", "train.py"} < {*found}
    assert len(found) == 100


def test_a_git_tree_has_no_limit_of_number(tracked: Path) -> None:
    fill(tracked, *(f"data/{n}" for n in range(98)))
    assert len(source(tracked).files) == 101


def test_100_files_are_taken(plain: Path) -> None:
    fill(plain, *(f"data/{n}" for n in range(97)))
    assert len(source(plain).files) == 100


def test_more_than_100_files_are_taken_where_sourcecode_asks_for_them(plain: Path) -> None:
    fill(plain, *(f"data/{n}" for n in range(200)))
    assert len(selected(plain, ["data/*"]).files) == 200


def test_what_is_no_regular_file_is_passed_over(plain: Path) -> None:
    os.mkfifo(plain / "fifo")
    (plain / "dangling").symlink_to("nowhere")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_a_folder_that_may_not_be_read_is_said_and_keeps_nobody_from_the_rest() -> None:
    with open_folder() as folder:
        plain = fill(folder / "project", "train.py", "data/x", "volume/x")

        def work() -> None:
            (plain / "volume").chmod(0)  # as what a container has made
            found = source(plain)
            (plain / "volume").chmod(0o700)
            said = "volume is left out: it cannot be read: Permission denied"
            assert (found.files, found.left_out) == (("data/x", "train.py"), (said,))

        as_a_user(folder, work)


def test_of_too_many_files_that_are_in_no_git_nothing_is_read(plain: Path) -> None:
    assert len(source(plain, most=3).files) == 3
    with pytest.raises(GuildError, match="has more than 2 files, and is no folder of git"):
        source(plain, most=2)


def test_what_is_no_file_and_a_link_that_leads_nowhere_are_said(plain: Path) -> None:
    os.mkfifo(plain / "fifo")
    (plain / "dangling").symlink_to("nowhere")
    assert source(plain).left_out == (
        "dangling is left out: it is a link that leads nowhere",
        "fifo is left out: it is no file",
    )


def test_a_link_to_a_folder_without_modules_is_left_out_and_said(
    plain: Path, tmp_path: Path
) -> None:
    fill(tmp_path / "elsewhere", "secret")
    (plain / "link").symlink_to(tmp_path / "elsewhere")
    (plain / "loop").symlink_to(plain)
    found = source(plain)
    assert found.files == ("guild.yml", "lib/util.py", "train.py")
    assert found.left_out == (
        "link is left out: it is a link to a folder without Python modules, and 'sourcecode' in "
        "guild.yml does not name it",
        "loop is left out: it is a link that leads back to where it is",
    )
    assert selected(plain, ["link/", "*.yml"]).files == ("guild.yml", "link/secret")


@pytest.mark.parametrize("in_git", [False, True])
def test_a_package_that_is_a_link_is_part_of_it(plain: Path, tmp_path: Path, in_git: bool) -> None:
    shared = fill(tmp_path / "shared", "common/__init__.py", "common/sub/x.py", "common/a.bin")
    (shared / "common/__pycache__").mkdir()
    fill(shared, "common/__pycache__/x.pyc")
    (plain / "common").symlink_to("../shared/common")
    (shared / "common/up").symlink_to("..")
    if in_git:
        git(plain, "init", "-q")
        git(plain, "add", "train.py", "common")
    found = source(plain)
    of_link = ("common/__init__.py", "common/a.bin", "common/sub/x.py")
    assert found.files == (*of_link, "guild.yml", "lib/util.py", "train.py")
    assert [line.split()[0] for line in found.left_out] == ["common/up"]
    assert selected(plain, ["*.py", "common/"]).files == (*of_link, "lib/util.py", "train.py")


# Which files, in git.


def test_what_git_tracks_and_what_it_does_not_ignore_is_source_code(tracked: Path) -> None:
    fill(tracked, "new.py", "data/big.csv", "notes.txt")
    (tracked / ".gitignore").write_text("data/\nnotes.txt\n")
    assert source(tracked).files == ("guild.yml", "lib/util.py", "new.py", "train.py")


def test_what_guildignore_names_is_left_out_unless_sourcecode_asks_for_it(tracked: Path) -> None:
    for folder in (tracked, tracked / "lib"):
        fill(folder, "a.log", "kept.log", "data/one.csv", "data/two.csv", "sub/.gitkeep", "new.txt")
    (tracked / ".guildignore").write_text("# what is made\n*.log\n!kept.log\ndata\n/new.txt\n")
    (tracked / "lib/.guildignore").write_text("*\n")  # that of the project's folder alone counts
    own = ("guild.yml", "kept.log", "lib/kept.log", "lib/new.txt", "lib/util.py", "train.py")

    assert source(tracked).files == own
    git(tracked, "add", "-A")
    assert source(tracked).files == own
    asked = selected(tracked, [{"include": ["data/one.csv", ".guildignore"]}]).files
    assert set(asked) == {*own, "data/one.csv", ".guildignore", "lib/.guildignore"}
    assert selected(tracked, {"root": "lib"}).files == ("kept.log", "new.txt", "util.py")


def test_outside_git_guildignore_means_nothing(plain: Path) -> None:
    (plain / ".guildignore").write_text("*.py\n")
    found = (".guildignore", "guild.yml", "lib/util.py", "train.py")
    assert source(plain).files == found


def test_a_tracked_file_is_taken_though_it_is_ignored_or_large(tracked: Path) -> None:
    fill(tracked, "model.bin", content=BIG)
    (tracked / ".gitignore").write_text("*.bin\n")
    git(tracked, "add", "-f", "model.bin")
    found = source(tracked)
    assert "model.bin" in found.files
    assert found.left_out == ()


def test_an_untracked_file_over_1_mb_is_taken_unless_git_ignores_it(tracked: Path) -> None:
    fill(tracked, "model.bin", content=BIG)
    assert source(tracked).files == ("guild.yml", "lib/util.py", "model.bin", "train.py")
    (tracked / ".gitignore").write_text("*.bin\n")
    assert source(tracked).files == ("guild.yml", "lib/util.py", "train.py")


def test_a_tracked_file_that_is_gone_is_passed_over(tracked: Path) -> None:
    (tracked / "train.py").unlink()
    assert source(tracked).files == ("guild.yml", "lib/util.py")


def test_a_project_below_the_top_of_a_work_tree_is_its_own_files_alone(tracked: Path) -> None:
    fill(tracked, "sub/guild.yml", "sub/new.py")
    git(tracked, "add", "sub/guild.yml")
    assert source(tracked / "sub").files == ("guild.yml", "new.py")


def test_names_that_git_would_quote_are_found(tracked: Path) -> None:
    names = ("a b.py", 'say "hi".py', "it's.py", "é.py", "tab\t.py")
    fill(tracked, *names)
    git(tracked, "add", ".")
    assert set(names) <= set(source(tracked).files)


def test_a_folder_that_only_looks_like_git_is_taken_as_it_is(plain: Path) -> None:
    fill(plain, ".git/HEAD")
    assert source(plain).files == ("guild.yml", "lib/util.py", "train.py")


def test_caches_that_git_does_not_ignore_are_left_out_too(tracked: Path) -> None:
    fill(tracked, "__pycache__/train.pyc", "venv/pyvenv.cfg", "venv/lib/x.py")
    assert source(tracked).files == ("guild.yml", "lib/util.py", "train.py")


def test_the_files_of_a_submodule_are_part_of_it(tracked: Path, tmp_path: Path) -> None:
    library = fill(tmp_path / "library", "__init__.py", "deep/x.py", "secret.txt")
    (library / ".gitignore").write_text("secret.txt\n")
    git(library, "init", "-q")
    git(library, "add", ".")
    git(library, "commit", "-qm", "x")
    added = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "sub")
    git(tracked, *added)
    fill(tracked, "sub/new.py", "sub/secret.txt")
    of_sub = ("sub/__init__.py", "sub/deep/x.py", "sub/new.py")
    assert source(tracked).files == ("guild.yml", "lib/util.py", *of_sub, "train.py")
    git(tracked, "submodule", "deinit", "--force", "sub")
    assert source(tracked).left_out == (
        "sub is left out: it is empty; for a submodule: git submodule update --init",
    )


@pytest.fixture
def ignoring(tracked: Path) -> Path:
    """A work tree that ignores `secret.txt`."""
    (tracked / ".gitignore").write_text("secret.txt\n")
    return fill(tracked, "secret.txt", "new.py")


IGNORING = ("guild.yml", "lib/util.py", "new.py", "train.py")


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "/nowhere"},
        {"GIT_WORK_TREE": "/"},
        {"GIT_INDEX_FILE": "/nowhere"},
        {"GIT_CEILING_DIRECTORIES": "/"},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "true"},
        {"GIT_LITERAL_PATHSPECS": "x", "GIT_TRACE": "1"},
    ],
)
def test_what_git_ignores_is_left_out_whatever_the_environment_says(
    ignoring: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert source(ignoring).files == IGNORING


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_what_git_ignores_is_left_out_whoever_owns_the_tree(ignoring: Path) -> None:
    for path in (ignoring, *ignoring.rglob("*")):
        os.chown(path, 12345, 12345)
    assert source(ignoring).files == IGNORING


def test_no_program_that_the_trees_configuration_names_is_run(
    ignoring: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    hooks = ignoring / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-index-change").symlink_to(program)
    (ignoring / ".gitattributes").write_text("* filter=x diff=x\n")
    for key in (
        *("core.fsmonitor", "filter.x.clean", "filter.x.smudge", "filter.x.process"),
        *("core.pager", "diff.x.textconv", "diff.external", "core.sshCommand", "core.editor"),
    ):
        git(ignoring, "config", key, str(program))
    git(ignoring, "config", "pager.ls-files", "true")
    assert source(ignoring).files == IGNORING
    assert not canary.exists()


def test_where_git_cannot_tell_what_it_ignores_nothing_is_sent(ignoring: Path) -> None:
    (ignoring / ".git/index").write_bytes(b"no index")
    with pytest.raises(GuildError) as error:
        source(ignoring)
    assert error.value.message.startswith(
        f"git does not tell which files of {ignoring} it ignores: "
    )


def test_a_folder_that_is_ignored_is_not_sent_through_a_link_either(
    ignoring: Path, tmp_path: Path
) -> None:
    project = fill(tmp_path / "other", "guild.yml")
    fill(ignoring, "lib/secret.txt")
    (project / "lib").symlink_to(ignoring / "lib")
    assert source(project).files == ("guild.yml", "lib/util.py")


# What `sourcecode` selects.


@pytest.mark.parametrize(
    ("selection", "files"),
    [
        (None, ("guild.yml", "lib/util.py", "train.py")),
        (True, ("guild.yml", "lib/util.py", "train.py")),
        (False, ()),
        ("no", ()),
        ("*.py", ("lib/util.py", "train.py")),
        (["train.py", "guild.yml"], ("guild.yml", "train.py")),
        ("lib", ("lib/util.py",)),
        ("lib/", ("lib/util.py",)),
        ("lib/**", ("lib/util.py",)),
        ("**/*.py", ("lib/util.py", "train.py")),
        ("**/lib/**/util.py", ("lib/util.py",)),
        ({"include": "*.py", "exclude": "lib"}, ("train.py",)),
        ({"exclude": ["*.yml"]}, ("lib/util.py", "train.py")),
        ({}, ("guild.yml", "lib/util.py", "train.py")),
    ],
)
def test_sourcecode_selects(plain: Path, selection: Yaml, files: tuple[str, ...]) -> None:
    assert selected(plain, selection).files == files


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A project with folders in folders."""
    names = ("train.py", "x.py", "root.txt", "a/x.py", "a/x.txt", "a/b/y.py", "t/a/z.py", "t/c/q")
    fill(tmp_path / "wide", *names, "not/.guild-nocopy", "not/n.py")
    return fill(tmp_path / "wide", "img.png", content=b"\x89PNG\0")


PY = "a/b/y.py a/x.py t/a/z.py train.py x.py"
NOT_PY = "a/x.txt img.png root.txt t/c/q"
ALL = " ".join(sorted(f"{PY} {NOT_PY}".split()))


@pytest.mark.parametrize(
    ("selection", "files"),
    [
        # The last rule that matches counts; to a list of maps the rest is as by default.
        ([{"exclude": "*.py"}, {"include": "train.py"}], f"{NOT_PY} train.py"),
        ([{"include": "train.py"}, {"exclude": "*.py"}], NOT_PY),
        ([{"exclude": "*"}, {"include": ["a/x.py", "*.txt"]}], "a/x.py a/x.txt root.txt"),
        (["*.py", {"exclude": "a"}], "img.png root.txt t/a/z.py t/c/q train.py x.py"),
        # A pattern without a slash is a file's name, or a folder at the top.
        ("x.py", "a/x.py x.py"),
        ("b", ""),
        ("/x.py", "x.py"),
        ("a/*", "a/b/y.py a/x.py a/x.txt"),
        ("te*", ""),
        # Folders have their own rules: one that is left out is not looked into.
        ([{"exclude": {"dir": "a"}}], "img.png root.txt t/c/q train.py x.py"),
        ([{"exclude": {"dir": ["a/b", "t"]}}], "a/x.py a/x.txt img.png root.txt train.py x.py"),
        (
            [{"exclude": {"dir": "a"}}, {"include": "a/x.py"}],
            "img.png root.txt t/c/q train.py x.py",
        ),
        ([{"exclude": {"dir": "*"}}, {"include": {"dir": "t"}}], "img.png root.txt train.py x.py"),
        ([{"include": {"dir": "not"}}], f"{ALL} not/.guild-nocopy not/n.py"),
        ([{"exclude": "*"}, {"include": {"dir": "a"}}], ""),
        # Text, and what is none.
        ([{"exclude": {"text": "*"}}], "img.png"),
        ([{"exclude": {"binary": "*"}}], ALL.replace("img.png ", "")),
        ([{"exclude": "*"}, {"include": {"text": ["*.png", "*.txt"]}}], "a/x.txt root.txt"),
        # The long form.
        ({"select": "*.py"}, PY),
        ({"select": [{"exclude": "*.py"}]}, NOT_PY),
        ({"select": False}, ""),
        ({"root": "a"}, "b/y.py x.py x.txt"),
        ({"root": "a", "select": "*.py", "dest": "src", "digest": False}, "b/y.py x.py"),
        ({"select": "*.py", "exclude": "**/x.py"}, "a/b/y.py t/a/z.py train.py x.py"),
        ([], ""),
    ],
)
def test_the_rules_of_sourcecode_apply_in_their_order(
    wide: Path, selection: Yaml, files: str
) -> None:
    assert " ".join(selected(wide, selection).files) == " ".join(sorted(files.split()))


@pytest.mark.parametrize(
    ("model", "operation", "files"),
    [
        ("*.py", "*.txt", "a/x.txt root.txt"),
        ([{"exclude": "a"}], [{"exclude": "*.txt"}], "img.png t/a/z.py t/c/q train.py x.py"),
        ("*.py", [{"exclude": "a"}], "t/a/z.py train.py x.py"),
        (False, "*.txt", "a/x.txt root.txt"),
        ("*.py", False, ""),
        ({"root": "a"}, "*.py", "b/y.py x.py"),
        ({"root": "a"}, {"root": "t"}, "a/z.py c/q"),
        ("*.py", None, PY),
        (None, "*.py", PY),
    ],
)
def test_the_operations_rules_come_after_the_models(
    wide: Path, model: Yaml, operation: Yaml, files: str
) -> None:
    assert " ".join(selected(wide, model, operation).files) == files


def test_what_git_ignores_is_not_sent_though_sourcecode_names_it(ignoring: Path) -> None:
    selections: list[Yaml] = ["secret.txt", "*", [{"include": "secret.txt"}]]
    for selection in selections:
        assert "secret.txt" not in selected(ignoring, selection).files


IGNORED = "{} is left out: 'sourcecode' in guild.yml names it, and git ignores it"


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (["*.py", "secret.txt", "data/"], ["secret.txt", "data"]),
        ([{"include": "data/a.csv"}], ["data/a.csv"]),
        # Patterns name nothing, and what is excluded again or is not there is nobody's wish.
        (["*", "*.txt", "../tracked", ".", "gone"], []),
        ([{"include": "secret.txt"}, {"exclude": "*.txt"}], []),
        (["lib", "train.py"], []),
    ],
)
def test_what_sourcecode_names_and_git_ignores_is_said(
    ignoring: Path, selection: Yaml, said: list[str]
) -> None:
    (ignoring / ".gitignore").write_text("secret.txt\ndata/\n")
    fill(ignoring, "data/a.csv")
    assert selected(ignoring, selection).left_out == tuple(map(IGNORED.format, said))


def test_outside_git_nothing_is_said_of_what_git_ignores(plain: Path) -> None:
    (plain / ".gitignore").write_text("data\n")
    assert selected(fill(plain, "data/a.csv"), "data").left_out == ()


def test_a_root_that_is_not_there_is_said(plain: Path) -> None:
    with pytest.raises(GuildError) as error:
        selected(plain, {"root": "nowhere"})
    assert error.value.message == f"sourcecode: there is no folder {plain / 'nowhere'}"


def test_a_root_above_the_project_keeps_the_projects_folder(plain: Path) -> None:
    found = selected(plain, {"root": "..", "select": f"{plain.name}/*.py"})
    assert found.root == plain.parent
    assert found.files == (f"{plain.name}/lib/util.py", f"{plain.name}/train.py")
    assert (found.project, source(plain).project) == (plain, plain)


def test_a_large_file_is_taken_where_sourcecode_asks_for_it(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    assert selected(plain, ["*.bin"]) == Source(plain, ("model.bin",))


def test_an_excluded_file_is_not_said_to_be_left_out(plain: Path) -> None:
    fill(plain, "model.bin", content=BIG)
    assert selected(plain, {"exclude": "*.bin"}).left_out == ()


# What a package brings along.


@pytest.mark.parametrize(
    ("data_files", "brought"),
    [
        (["data.csv"], ["data.csv"]),
        (["data"], ["data/a.csv", "data/b/c.txt", "data/x.log"]),
        (["data/*.csv", "data/**/*.txt"], ["data/a.csv", "data/b/c.txt"]),
        (["data/*"], ["data/a.csv", "data/b/c.txt"]),  # without x.log, which git ignores
        (["data/x.log"], ["data/x.log"]),
    ],
)
def test_data_files_of_the_package_lie_beside_the_modules(
    tracked: Path, data_files: list[str], brought: list[str]
) -> None:
    fill(tracked, "data/x.log", "data/a.csv", "data/b/c.txt", "data.csv")
    (tracked / ".gitignore").write_text("*.log\n")
    found = with_data(selected(tracked, "*.py"), Package(data_files=tuple(data_files)))
    assert set(found.files) == {"train.py", "lib/util.py", *brought}
    assert found.left_out == ()


def test_a_data_file_that_is_not_there_or_not_below_the_root_is_said(plain: Path) -> None:
    found = with_data(source(plain), Package(data_files=("nope.csv", "no/*.csv")))
    assert found.files == source(plain).files
    assert found.left_out == (
        "data-files: there is no nope.csv",
        "data-files: there is no no/*.csv",
    )
    found = with_data(selected(plain, {"root": "lib"}), Package(data_files=("train.py",)))
    assert "train.py" not in found.files
    assert found.left_out == (
        f"data-files: train.py is left out: it is not in the root {plain / 'lib'}",
    )


# The digest.


def test_the_same_place_and_content_have_the_same_digest(plain: Path) -> None:
    assert source(plain).digest() == source(plain).digest()
    assert re.fullmatch("[0-9a-f]{64}", source(plain).digest())


def test_another_content_name_or_place_has_another_digest(plain: Path, tmp_path: Path) -> None:
    first = source(plain).digest()
    other = fill(tmp_path / "other", "guild.yml", "train.py", "lib/util.py")
    assert source(other).digest() != first
    (plain / "train.py").rename(plain / "brain.py")
    renamed = source(plain).digest()
    (plain / "brain.py").write_text("other")
    assert len({first, renamed, source(plain).digest()}) == 3


def test_moving_bytes_between_a_name_and_its_content_changes_the_digest(tmp_path: Path) -> None:
    one, two = fill(tmp_path, "a", content=b"bc"), tmp_path
    first = Source(one, ("a",)).digest()
    fill(two, "ab", content=b"c")
    assert Source(two, ("ab",)).digest() != first
