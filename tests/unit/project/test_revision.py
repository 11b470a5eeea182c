"""The commit that a project is at, and what of its folder differs from that."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from guild_sync.config.faults import Place
from guild_sync.declarations.sourcecode import source_code_of
from guild_sync.errors import GuildError
from guild_sync.project import revision
from guild_sync.project.revision import MAX_DIFF, Revision
from guild_sync.project.sourcecode import source


def git(folder: Path, *words: str, stdin: bytes = b"") -> str:
    names = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    argv = ["git", "-C", str(folder), *names, *words]
    done = subprocess.run(argv, input=stdin, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a commit: a project in the folder `sub`, and a file beside it."""
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / "train.py").write_text("lr = 1\n")
    (top / "beside").write_text("a\n")
    (top / ".gitignore").write_text("ignored*\n")
    git(tmp_path, "init", "-q", str(top))
    commit(top)
    return top


def of(folder: Path) -> Revision:
    found = revision.revision(folder, source(folder))
    assert found is not None
    return found


def test_a_clean_tree_is_at_its_commit(tree: Path) -> None:
    (tree / "sub" / "ignored").write_text("x")
    (tree / "sub" / "train.py").touch()
    head = git(tree, "rev-parse", "HEAD")
    assert of(tree / "sub") == Revision(head)
    assert of(tree / "sub").attribute == f"git:{head}"


def test_without_git_or_a_commit_there_is_none(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert revision.revision(tmp_path / "plain", source(tmp_path / "plain")) is None
    git(tmp_path, "init", "-q", "new")
    assert revision.revision(tmp_path / "new", source(tmp_path / "new")) is None
    (tmp_path / "plain" / ".git").mkdir()
    assert revision.revision(tmp_path / "plain", source(tmp_path / "plain")) is None


@pytest.mark.parametrize("name", ["beside", "sub/new.txt", "new"])
def test_any_difference_of_the_tree_is_a_star(tree: Path, name: str) -> None:
    (tree / name).write_text("other\n")
    assert of(tree / "sub").attribute.endswith("*")


def test_what_differs_elsewhere_is_not_in_the_projects_diff(tree: Path) -> None:
    (tree / "beside").write_text("other\n")
    (tree / "new").write_text("new\n")
    assert of(tree / "sub").diff == ""


def test_the_diff_makes_the_tree_from_the_commit(tree: Path, tmp_path: Path) -> None:
    folder = tree / "sub"
    (folder / "gone.py").write_text("x\n")
    head = commit(tree)
    files = {
        "train.py": b"lr = 2  # \xc3\xa9\n",
        "new.py": b"a\nb",
        "a b.txt": b"with a space\n",
        'q"uote.py': b"x\n",
        "\u00fcmlaut.py": b"x\n",
        "latin.txt": b"\xe9\n\n",
        "empty.py": b"",
        "deep/er/one.py": b"one\r\ntwo\r\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "gone.py").unlink()
    (folder / "new.py").chmod(0o755)
    found = of(folder)
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(tree), str(other))
    git(other, "checkout", "-q", head)
    diff = found.diff.encode("utf-8", "surrogateescape")
    git(other, "apply", "-", stdin=diff)
    made = {p.relative_to(other / "sub").as_posix(): p for p in (other / "sub").rglob("*.*")}
    assert {name: path.read_bytes() for name, path in made.items()} == files
    assert (other / "sub" / "new.py").stat().st_mode & 0o111


def test_a_new_source_file_is_told_of_by_its_path_whatever_the_root_of_the_source_code(
    tree: Path,
) -> None:
    for name in ("sub/src/new.py", "sub/new.py", "lib/new.py"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(f"# {name}\n")
    for root, name in (("src", "sub/src/new.py"), ("../lib", "lib/new.py"), (".", "sub/new.py")):
        selection = source_code_of([{"root": root, "select": "new.py"}], Place())
        found = revision.revision(tree / "sub", source(tree / "sub", selection))
        assert found is not None
        assert f"+++ b/{name}\n@@ -0,0 +1 @@\n+# {name}\n" in found.diff
    outside = source_code_of([{"root": str(tree.parent)}], Place())
    found = revision.revision(tree / "sub", source(tree / "sub", outside))
    assert found is not None


def test_a_new_file_that_is_no_source_code_is_not_in_the_diff(tree: Path) -> None:
    folder = tree / "sub"
    (folder / "new.py").write_text("x\n")
    (folder / "secret").write_text("s\n")
    found = revision.revision(
        folder, source(folder, source_code_of([{"exclude": "secret"}], Place()))
    )
    assert found is not None
    assert "new.py" in found.diff
    assert "secret" not in found.diff


def test_a_binary_file_is_named_alone(tree: Path) -> None:
    (tree / "sub" / "new.bin").write_bytes(b"\0\1")
    assert "Binary files /dev/null and b/sub/new.bin differ\n" in of(tree / "sub").diff


@pytest.mark.parametrize("names", [["train.py"], ["new.py", "newer.py"]])
def test_a_large_diff_is_cut_at_a_line(tree: Path, names: list[str]) -> None:
    for name in names:
        (tree / "sub" / name).write_text(
            f"{'y' * 99}\n" * (11_000 if name == "train.py" else 9_000)
        )
    lines = of(tree / "sub").diff.splitlines(keepends=True)
    assert MAX_DIFF - 200 < sum(map(len, lines)) <= MAX_DIFF
    assert lines[-2] == f"+{'y' * 99}\n"
    assert lines[-1] == "guild: the diff is cut here: it has more than 1 MB\n"


@pytest.mark.parametrize(
    "setting",
    [
        "filter.evil.clean",
        "filter.evil.process",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "core.fsmonitor",
        "core.hooksPath",
        "core.pager",
        "pager.diff",
        "include.path",
    ],
)
def test_nothing_that_the_tree_names_is_run(tree: Path, tmp_path: Path, setting: str) -> None:
    (tree / "sub" / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    commit(tree)
    ran = tmp_path / "ran"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o755)
    value = str(program)
    if setting == "include.path":
        value = str(tmp_path / "more")
        Path(value).write_text(f'[filter "evil"]\n\tclean = {program}\n\trequired = true\n')
    elif setting == "core.hooksPath":
        value = str(tmp_path / "hooks")
        Path(value).mkdir()
        (Path(value) / "post-index-change").symlink_to(program)
        os.utime(tree / "beside", (1, 1))  # git would note in its index that it is unchanged
    git(tree, "config", setting, value)
    git(tree, "config", "filter.evil.required", "true")
    (tree / "sub" / "train.py").write_text("lr = 2\n")
    (tree / "sub" / "new.py").write_text("x\n")
    found = of(tree / "sub")
    assert not ran.exists()
    assert "+lr = 2\n" in found.diff
    assert "new.py" in found.diff


def test_what_git_lacks_of_the_commit_is_not_fetched(tree: Path, tmp_path: Path) -> None:
    (tree / "sub" / "train.py").write_text("lr = 2\n")
    ran = tmp_path / "ran"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
    program.chmod(0o755)
    blob = git(tree, "rev-parse", "HEAD:sub/train.py")
    (tree / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(tree, "config", "core.repositoryFormatVersion", "1")
    git(tree, "config", "extensions.partialClone", "origin")
    for name, value in (("url", str(tree)), ("promisor", "true"), ("uploadpack", str(program))):
        git(tree, "config", f"remote.origin.{name}", value)
    with pytest.raises(GuildError, match="git does not tell how"):
        of(tree / "sub")
    assert not ran.exists()
    with pytest.raises(subprocess.CalledProcessError):
        git(tree, "diff", "HEAD")
    assert ran.exists(), "git by itself would have fetched it, by what the tree names"


def test_a_tree_that_names_another_folder_as_its_own_shows_nothing_of_it(
    tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "home" / "sub").mkdir(parents=True)
    (tmp_path / "home" / "sub" / "train.py").write_text("private\n")
    git(tree, "config", "core.worktree", str(tmp_path / "home"))
    found = revision.revision(
        tree / "sub", source(tmp_path / "home" / "sub", source_code_of([False], Place()))
    )
    assert found == Revision(found.commit) if found else False


def test_settings_of_the_users_change_nothing_of_the_form(tree: Path) -> None:
    for setting in ("diff.noprefix", "diff.mnemonicPrefix", "diff.relative"):
        git(tree, "config", setting, "true")
    git(tree, "config", "color.ui", "always")
    git(tree, "config", "diff.orderFile", "/nowhere")
    (tree / "sub" / "train.py").write_text("lr = 2\n")
    assert of(tree / "sub").diff.startswith("diff --git a/sub/train.py b/sub/train.py\nindex ")


def test_filters_that_cannot_be_switched_off_are_not_run(tree: Path, tmp_path: Path) -> None:
    with (tree / ".git" / "config").open("a") as f:
        f.write(f'[filter "a=b"]\n\tclean = touch {tmp_path / "ran"}\n')
    with pytest.raises(GuildError, match="have names that guild does not take"):
        of(tree / "sub")
    assert not (tmp_path / "ran").exists()


def test_where_git_cannot_tell_it_says_why(tree: Path) -> None:
    (tree / ".git" / "index").write_text("x" * 100)
    with pytest.raises(GuildError, match=r"git does not tell how .* differs from its commit: "):
        revision.revision(tree / "sub", source(tree, source_code_of([False], Place())))
