"""Archives whose makers want more than a run to come of them: none gets it."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packed import export, import_, kinds
from rundirs import A, B, C, make

from guild_sync.agent.archives import exporting, importing, looking, members
from guild_sync.agent.copies import expected, stamps, tracked
from guild_sync.agent.errors import AgentError
from guild_sync.agent.files import left_out
from guild_sync.agent.running import queues
from guild_sync.agent.store import attempts, locks, rundir

OPREF = "package:gpkg.demo 1.0 '' op"
NAMES = ("x.tar", "x.tar.zst")


def tar(path: Path, *extra: tarfile.TarInfo | tuple[str, bytes], run_id: str = A) -> Path:
    """An archive of a run that has ended, with more members; a name and bytes are a file."""
    whole = [
        (f"{run_id}/.guild/opref", OPREF.encode()),
        (f"{run_id}/.guild/attrs/id", run_id.encode()),
        (f"{run_id}/.guild/attrs/exit_status", b"0"),
    ]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in [*whole, *extra]:
            info, data = entry if isinstance(entry, tuple) else (entry, b"x" * entry.size)
            if isinstance(info, str):
                info = tarfile.TarInfo(info)
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed(path, made.getvalue())


def packed(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    if path.name.endswith(".zst"):
        done = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True)
        path.write_bytes(done.stdout)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, linkname=target)


def nothing_imported(home: Path) -> bool:
    return not (home / "runs").exists() or list((home / "runs").iterdir()) == []


def names_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


# Places.


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil-of-guild", f"{A}/../../evil", f"{A}/x/..", "..", f"{B}/../{A}/x"]
)
@pytest.mark.parametrize("kind", [*NAMES, "x.zip"])
def test_a_member_outside_is_refused_and_nothing_is_imported(
    home: Path, tmp_path: Path, kind: str, name: str
) -> None:
    before = names_in(tmp_path)
    if kind == "x.zip":
        with zipfile.ZipFile(tmp_path / kind, "w") as archive:
            archive.writestr(f"{A}/.guild/opref", OPREF)
            archive.writestr(name, "x")
    else:
        tar(tmp_path / kind, (name, b"x"))
    with pytest.raises(AgentError, match="has a file outside itself"):
        import_(home, tmp_path / kind)
    assert nothing_imported(home)
    assert names_in(tmp_path) - before <= {kind, "home", "home/runs"}
    assert not Path("/tmp/evil-of-guild").exists()


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../../x", "../..", "..", "../.", f"a/../../{B}", "sub/../../../x"],
)
def test_a_link_that_leads_out_is_not_made_and_noted(
    home: Path, tmp_path: Path, target: str
) -> None:
    tar(tmp_path / "x.tar", link(f"{A}/out", target))
    found = import_(home, tmp_path / "x.tar")

    run = home / "runs" / A
    assert found["links"] == {A: 1}
    assert not os.path.lexists(run / "out")
    assert left_out.links_of(str(run)) == [("out", target)]


@pytest.mark.parametrize("target", ["model.bin", f"../{B}/model.bin", "./sub/x", "../" + A])
def test_a_link_within_the_runs_is_made(home: Path, tmp_path: Path, target: str) -> None:
    tar(tmp_path / "x.tar", link(f"{A}/in", target))
    assert import_(home, tmp_path / "x.tar")["links"] == {}
    assert os.readlink(home / "runs" / A / "in") == target


@pytest.mark.parametrize("target", [f"../{B}", "elsewhere", "../../..", "/"])
def test_nothing_is_written_through_a_link(home: Path, tmp_path: Path, target: str) -> None:
    other = make(home, B)
    (other / "file").write_text("mine")
    tar(
        tmp_path / "x.tar",
        member(f"{A}/elsewhere", tarfile.DIRTYPE, mode=0o755),
        link(f"{A}/d", target),
        (f"{A}/d/file", b"theirs"),
    )
    found = import_(home, tmp_path / "x.tar")

    assert (other / "file").read_text() == "mine"
    assert not (tmp_path / "file").exists()
    if found["done"]:  # the link was not made, so that a folder is in its place
        assert not (home / "runs" / A / "d").is_symlink()
    else:
        assert found["refused"] == {A: "its file 'd/file' is behind a link"}


@pytest.mark.parametrize("name", [".guild", ".guild/attrs"])
def test_guilds_own_folders_are_no_links(home: Path, tmp_path: Path, name: str) -> None:
    other = make(home, B, id=B, exit_status=0, label="mine")
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(member(A, tarfile.DIRTYPE, mode=0o755))
        depth = "../" * name.count("/")
        archive.addfile(link(f"{A}/{name}", f"{depth}../{B}/{name}"))
    (tmp_path / "x.tar").write_bytes(made.getvalue())

    assert import_(home, tmp_path / "x.tar")["refused"].keys() == {A}
    assert (other / ".guild" / "attrs" / "label").read_text().strip() == "mine"
    assert not (home / "runs" / A).exists()


@pytest.mark.parametrize(
    "kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.CONTTYPE, b"Z"]
)
def test_devices_and_the_like_are_left_out_and_told(
    home: Path, tmp_path: Path, kind: bytes
) -> None:
    tar(tmp_path / "x.tar", member(f"{A}/odd", kind, devmajor=1, devminor=3))
    found = import_(home, tmp_path / "x.tar")

    assert found["done"] == [A]
    path = home / "runs" / A / "odd"
    if kind == tarfile.CONTTYPE:  # a file, by the standard
        assert path.read_bytes() == b""
    else:
        assert found["others"] == {A: ["odd"]} and not os.path.lexists(path)


@pytest.mark.parametrize(
    "target",
    [
        *("/etc/passwd", "../x", f"{B}/file", f"{C}/file"),
        *(f"{A}/link", f"{A}/folder/file", f"{A}/gone", f"{A}/.guild"),
    ],
)
def test_a_hard_link_to_anything_but_a_file_of_its_run_is_refused(
    home: Path, tmp_path: Path, target: str
) -> None:
    (make(home, B) / "file").write_text("mine")
    tar(
        tmp_path / "x.tar",
        (f"{C}/.guild/opref", OPREF.encode()),
        (f"{C}/file", b"another run of the archive"),
        link(f"{A}/link", f"../{B}/file"),
        link(f"{A}/folder", f"../{C}"),
        member(f"{A}/hard", tarfile.LNKTYPE, linkname=target),
    )
    try:
        refused = import_(home, tmp_path / "x.tar", [A, C])["refused"]
    except AgentError as e:
        assert "has a file outside itself" in e.message
    else:
        assert refused == {A: "its file 'hard' is not there"}
        assert (home / "runs" / C / "file").stat().st_nlink == 1
    assert not (home / "runs" / A).exists()
    assert (home / "runs" / B / "file").stat().st_nlink == 1


def test_a_hard_link_to_a_file_of_its_run_is_made(home: Path, tmp_path: Path) -> None:
    hard = member(f"{A}/two", tarfile.LNKTYPE, linkname=f"{A}/one")
    tar(tmp_path / "x.tar", (f"{A}/one", b"1"), hard)
    assert import_(home, tmp_path / "x.tar")["done"] == [A]
    assert (home / "runs" / A / "two").read_bytes() == b"1"


def test_two_members_of_one_name_are_refused(home: Path, tmp_path: Path) -> None:
    tar(tmp_path / "x.tar", (f"{A}/f", b"1"), (f"./{A}//f", b"2"))
    assert import_(home, tmp_path / "x.tar")["refused"] == {
        A: "the archive has two members of the name 'f'"
    }
    assert nothing_imported(home)


def test_modes_are_those_that_a_copy_gets(home: Path, tmp_path: Path) -> None:
    tar(
        tmp_path / "x.tar",
        member(f"{A}/suid", mode=0o6777),
        member(f"{A}/none", mode=0),
        member(f"{A}/dir", tarfile.DIRTYPE, mode=0o1777),
        member(f"{A}/locked", tarfile.DIRTYPE, mode=0o555),
        (f"{A}/locked/f", b""),
    )
    assert import_(home, tmp_path / "x.tar")["done"] == [A]
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (home / "runs" / A).glob("[!.]*")}
    assert modes == {"suid": 0o775, "none": 0o600, "dir": 0o775, "locked": 0o755}


@pytest.mark.parametrize("name", ["new\nline", "\x1b[2J", "back\\slash", os.fsdecode(b"\xff\xfe")])
def test_a_name_is_a_name(home: Path, tmp_path: Path, name: str) -> None:
    tar(tmp_path / "x.tar", (f"{A}/{name}", b"x"))
    assert import_(home, tmp_path / "x.tar")["done"] == [A]
    assert (home / "runs" / A / name).read_bytes() == b"x"


def test_a_name_that_no_file_can_have_refuses_its_run_alone(home: Path, tmp_path: Path) -> None:
    tar(
        tmp_path / "x.tar",
        (f"{A}/{'x' * 300}", b""),
        (f"{B}/.guild/opref", OPREF.encode()),
    )
    found = import_(home, tmp_path / "x.tar", [A, B])
    assert found["done"] == [B]
    assert found["refused"][A].endswith("has too long a name")


def test_a_zip_whose_names_have_a_nul_gets_no_further_than_its_run(
    home: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"{A}/.guild/opref", OPREF)
        archive.writestr(f"{A}/nulX..", "x")
    data = (tmp_path / "x.zip").read_bytes().replace(b"nulX..", b"nul\0..")
    (tmp_path / "x.zip").write_bytes(data)
    assert import_(home, tmp_path / "x.zip")["done"] == [A]
    names = {".guild", ".guild/opref", ".guild/LOCK.imported", "nul"}
    assert names_in(home / "runs" / A) == names


# Runs that are none, or others.


@pytest.mark.parametrize("run_id", ["x", "A" * 32, "a" * 31, "a" * 33, f"{A}\n"])
def test_what_has_no_runs_id_is_no_run(home: Path, tmp_path: Path, run_id: str) -> None:
    found = looking.look(str(home), str(tar(tmp_path / "x.tar", run_id=run_id)))
    assert found == {"runs": {}, "strange": 3}


def test_a_run_that_is_no_run_is_refused(home: Path, tmp_path: Path) -> None:
    tar(tmp_path / "x.tar", (f"{B}/file", b"x"), (f"{C}/.guild/opref/x", b""))
    found = import_(home, tmp_path / "x.tar", [A, B])
    assert found["done"] == [A]
    assert found["refused"] == {B: "it is no run: it has no .guild/opref"}


@pytest.mark.parametrize("run_id", ["0" * 31 + "1", "1e" + "5" * 30, "f" * 32])
@pytest.mark.parametrize("written", ["%s", "%s\n", "'%s'\n"])
def test_an_id_of_digits_is_the_runs_own(
    home: Path, tmp_path: Path, run_id: str, written: str
) -> None:
    tar(
        tmp_path / "x.tar",
        (f"{run_id}/.guild/opref", OPREF.encode()),
        (f"{run_id}/.guild/attrs/id", (written % run_id).encode()),
    )
    assert import_(home, tmp_path / "x.tar", [run_id])["done"] == [run_id]


def test_what_is_no_folder_is_no_run(home: Path, tmp_path: Path) -> None:
    link = member(B, tarfile.SYMTYPE, linkname=A)
    found = import_(home, tar(tmp_path / "x.tar", link, (C, b"")), [A, B, C])
    assert found["done"] == [A]
    assert found["refused"] == {
        B: "it is no run: it is a link",
        C: "it is no run: it is a file",
    }
    assert {path.name for path in (home / "runs").iterdir() if len(path.name) == 32} == {A}


def test_a_run_that_says_that_it_is_another_is_refused(home: Path, tmp_path: Path) -> None:
    tar(
        tmp_path / "x.tar",
        (f"{B}/.guild/opref", OPREF.encode()),
        (f"{B}/.guild/attrs/id", C.encode()),
    )
    assert import_(home, tmp_path / "x.tar", [B])["refused"] == {
        B: "by its attribute id it is another one"
    }


@kinds
def test_a_run_that_is_here_is_left_as_it_is(home: Path, tmp_path: Path, name: str) -> None:
    run = make(home, A, id=A, exit_status=0, label="mine")
    export(home, tmp_path / name)
    (run / ".guild" / "attrs" / "label").write_text("since then")

    found = import_(home, tmp_path / name)

    assert (found["done"], found["there"]) == ([], [A])
    assert (run / ".guild" / "attrs" / "label").read_text() == "since then"


def test_a_run_that_is_to_come_from_a_remote_is_not_taken_from_an_archive(
    home: Path, tmp_path: Path
) -> None:
    expected.expect(str(home), A, "gpu1")
    found = import_(home, tar(tmp_path / "x.tar"))
    assert found["refused"] == {A: "it is to come from gpu1 ('guild sync')"}


# Marks.

HOST_MARKS = ("LOCK", "LOCK.owner", "LOCK.remote", "LOCK.lost", "LOCK.confirmed", "LOCK.base")


@pytest.mark.parametrize("mark", [*HOST_MARKS, "LOCK.copied", "LOCK.imported", "LOCK.new/x"])
def test_what_an_archive_says_of_hosts_and_remotes_is_not_believed(
    home: Path, tmp_path: Path, mark: str
) -> None:
    pid = str(os.getpid()).encode()
    tar(tmp_path / "x.tar", (f"{A}/.guild/{mark}", pid if mark == "LOCK" else b"1 gpu1\n"))
    import_(home, tmp_path / "x.tar")

    run = home / "runs" / A
    [imported] = (run / ".guild").glob("LOCK*")
    assert (imported.name, imported.read_text()) == (rundir.LOCK_IMPORTED, "")
    assert rundir.status(str(run)) == rundir.Status("completed")
    assert tracked.origin(str(run)) == (None, 0)
    assert tracked.tracked(str(home)) == []


def test_a_staged_run_is_started_by_no_queue_and_asked_of_no_remote(
    home: Path, tmp_path: Path
) -> None:
    own = make(home, B, {"STAGED": ""}, id=B)
    tar(
        tmp_path / "x.tar",
        (f"{C}/.guild/opref", OPREF.encode()),
        (f"{C}/.guild/attrs/host", b"another"),
        (f"{C}/.guild/STAGED", b""),
    )
    import_(home, tmp_path / "x.tar", [C])

    assert rundir.status(str(home / "runs" / C)).text == "staged"
    assert [run.run_id for run in queues.staged_runs(str(home))] == [own.name]
    assert tracked.tracked(str(home)) == []


def test_a_run_that_has_ended_is_not_taken_for_one_that_was_started_here(
    home: Path, tmp_path: Path
) -> None:
    tar(tmp_path / "x.tar", (f"{B}/.guild/opref", OPREF.encode()))
    import_(home, tmp_path / "x.tar", [B])
    # What a shell in it does not get: test_shell.py.
    assert (home / "runs" / B / ".guild" / rundir.LOCK_IMPORTED).exists()


def test_a_run_that_is_staged_anew_is_started_by_queues(home: Path, tmp_path: Path) -> None:
    tar(tmp_path / "x.tar", (f"{B}/.guild/opref", OPREF.encode()), (f"{B}/.guild/STAGED", b""))
    import_(home, tmp_path / "x.tar", [B])
    (home / "runs" / B / ".guild" / "attrs").mkdir()
    rundir.mark_staged(str(home / "runs" / B))
    assert [run.run_id for run in queues.staged_runs(str(home))] == [B]


@pytest.mark.parametrize("mark", ["PENDING", "LOCK.links", "attrs/exit_status", "opref"])
def test_a_mark_that_is_a_folder_refuses_its_run_at_most(
    home: Path, tmp_path: Path, mark: str
) -> None:
    tar(
        tmp_path / "x.tar",
        (f"{B}/.guild/{mark}/x", b""),
        *([] if mark == "opref" else [(f"{B}/.guild/opref", OPREF.encode())]),
        link(f"{B}/out", "/etc/passwd"),
    )
    found = import_(home, tmp_path / "x.tar", [A, B])
    assert A in found["done"] and {*found["done"], *found["refused"]} == {A, B}


def test_a_run_that_was_just_being_made_waits_for_nobody(home: Path, tmp_path: Path) -> None:
    tar(
        tmp_path / "x.tar",
        (f"{B}/.guild/opref", OPREF.encode()),
        (f"{B}/.guild/PENDING", b""),
    )
    assert import_(home, tmp_path / "x.tar", [B])["open"] == [B]
    assert rundir.status(str(home / "runs" / B)).text == "error"


# Sizes, and what is cut.


@pytest.mark.parametrize("kind", NAMES)
def test_a_cut_archive_brings_nothing_wherever_it_is_cut(
    home: Path, tmp_path: Path, kind: str
) -> None:
    whole = tar(tmp_path / kind, (f"{A}/model", b"x" * 1000), (f"{A}/last", b"")).read_bytes()
    end = len(whole) if kind.endswith(".zst") else len(whole.rstrip(b"\0"))
    step = 512 if kind == "x.tar" else 37
    cuts = range(0, end, step)
    assert len(cuts) > 5
    for at in cuts:
        (tmp_path / kind).write_bytes(whole[:at])
        with pytest.raises(AgentError, match="cannot unpack"):
            import_(home, tmp_path / kind)
        assert nothing_imported(home)
    (tmp_path / kind).write_bytes(whole)
    assert import_(home, tmp_path / kind)["done"] == [A]


def test_a_cut_or_damaged_zip_brings_nothing(home: Path, tmp_path: Path) -> None:
    make(home, B, id=B, exit_status=0)
    (home / "runs" / B / "model").write_bytes(os.urandom(5000))
    export(home, tmp_path / "x.zip", B)
    whole = (tmp_path / "x.zip").read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(b"model") + 200] ^= 1
    for data in (*(whole[:at] for at in range(0, len(whole) - 1, 500)), bytes(damaged)):
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(AgentError, match="cannot unpack"):
            import_(tmp_path / "there", tmp_path / "x.zip", [B])
        assert nothing_imported(tmp_path / "there")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_damaged_is_one_line_whatever_packs_it(
    home: Path, tmp_path: Path, packing: int
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", packing) as archive:
        archive.writestr(f"{A}/model", bytes(range(256)) * 40)
    data = bytearray((tmp_path / "x.zip").read_bytes())
    begin = data.index(b"model") + 25
    data[begin : begin + 40] = b"\xff" * 40
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(AgentError, match="cannot unpack"):
        import_(home, tmp_path / "x.zip")


@pytest.mark.parametrize("kind", [*NAMES, "x.zip", "x"])
def test_no_more_is_written_than_was_said(home: Path, tmp_path: Path, kind: str) -> None:
    make(home, A, id=A, exit_status=0)
    (home / "runs" / A / "large").write_bytes(bytes(1 << 20))
    export(home, tmp_path / kind)
    for limit in ("most", "room"):
        options: dict[str, object] = {limit: 1 << 20}
        with pytest.raises(AgentError, match="it has more than it said"):
            import_(tmp_path / "there", tmp_path / kind, [A], **options)
        assert nothing_imported(tmp_path / "there")


def test_how_much_would_be_written_is_known_before(home: Path, tmp_path: Path) -> None:
    bomb = member(f"{A}/bomb", size=1 << 24)
    path = tar(tmp_path / "x.tar.zst", bomb)
    assert path.stat().st_size < 10_000
    found = looking.look(str(home), str(path))
    assert found["runs"][A] == {"files": 4, "bytes": (1 << 24) + len(OPREF) + 33}
    assert sum(p.lstat().st_size for p in home.rglob("*") if p.is_file()) < 10_000


@pytest.mark.parametrize("kind", NAMES)
def test_headers_of_any_size_take_no_memory(home: Path, tmp_path: Path, kind: str) -> None:
    header = member("x", tarfile.XHDTYPE, size=1 << 26)
    packed(tmp_path / kind, header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 26))
    with pytest.raises(AgentError, match="headers are too large"):
        import_(home, tmp_path / kind)


def test_a_sparse_member_which_may_be_of_any_size_is_left_out(home: Path, tmp_path: Path) -> None:
    sparse = member(f"{A}/sparse", size=1)
    sparse.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,1",
        "GNU.sparse.size": str(1 << 60),
    }
    tar(tmp_path / "x.tar", sparse)
    assert import_(home, tmp_path / "x.tar")["others"] == {A: ["sparse"]}


def test_a_listing_of_files_of_any_size_takes_no_room(home: Path, tmp_path: Path) -> None:
    large = (f"{A}/.guild/attrs/large", b"x" * (2 << 20))
    path = str(tar(tmp_path / "x.tar", large))
    looking.look(str(home), path)
    assert not (home / "runs" / A / ".guild" / "attrs" / "large").exists()
    looking.fill(str(home), path, A)
    assert (home / "runs" / A / ".guild" / "attrs" / "exit_status").read_text() == "0"
    assert (home / "runs" / A / ".guild" / "attrs" / "large").stat().st_size == 2 << 20
    assert (home / "runs" / A / ".guild" / "attrs" / "large").stat().st_blocks == 0


@kinds
def test_what_is_looked_at_comes_and_no_more(home: Path, tmp_path: Path, name: str) -> None:
    run = make(home, A, {"output": "said"}, id=A)
    (run / "model").write_text("large")
    (run / "latest").symlink_to("model")
    (run / "away").symlink_to("/etc/passwd")
    attempts.put_aside(str(run / ".guild"), attempts.AttemptEnd(1, 2, 1), again=True)
    (run / ".guild" / "output").write_text("said at last")
    export(home, tmp_path / name)
    there = tmp_path / "there"

    looking.look(str(there), str(tmp_path / name))
    seen = there / "runs" / A
    earlier = {f".guild/attempts{below}" for below in ("", "/1", "/1/attempt.json", "/1/output")}
    attributes = {".guild/attrs", ".guild/attrs/id"}
    assert names_in(seen) == {".guild", ".guild/opref", *attributes, *earlier}
    told = [list(attempts.earlier(str(place / ".guild"), 3, 4)) for place in (run, seen)]
    assert told[0] == told[1] == [(1, attempts.AttemptEnd(1, 2, 1), True)]
    assert (seen / ".guild" / "attempts" / "1" / "output").read_bytes() == bytes(4)
    looking.fill(str(there), str(tmp_path / name), A)
    assert names_in(seen) == names_in(run) - {"away"}
    for name_kept in (".guild/opref", ".guild/attrs/id", ".guild/attempts/1/attempt.json"):
        assert (seen / name_kept).read_bytes() == (run / name_kept).read_bytes() != b""
    assert (seen / "model").read_bytes() == bytes(5)
    looking.fill(str(there), str(tmp_path / name), A, ".guild")
    assert (seen / ".guild" / "output").read_text() == "said at last"
    assert (seen / ".guild" / "attempts" / "1" / "output").read_text() == "said"
    assert (seen / "model").read_bytes() == bytes(5)
    looking.fill(str(there), str(tmp_path / name), A, "")
    assert (seen / "latest").read_text() == "large"


# Folders, moved, and resources.


def test_a_moved_run_is_here_and_not_in_the_folder(home: Path, tmp_path: Path) -> None:
    for run_id in (A, B):
        make(home, run_id, id=run_id, exit_status=0)
    export(home, tmp_path / "out", A, B)
    (tmp_path / "out" / B / "away").symlink_to("/etc/passwd")

    found = import_(tmp_path / "there", tmp_path / "out", [A, B], move=True)

    assert found["done"] == [A, B]
    assert found["kept"] == {B: "not all of it could be brought"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {B, ".guild-nocopy"}


def test_a_move_that_was_killed_is_ended_by_the_next_where_both_are_the_same(
    home: Path, tmp_path: Path
) -> None:
    out, here = tmp_path / "out", tmp_path / "there" / "runs"
    for run_id in (A, B, C):
        make(home, run_id, id=run_id, exit_status=0, label="best")
        (home / "runs" / run_id / "model").write_text("model")
    export(home, out, A, B, C)
    import_(tmp_path / "there", out, [A, B, C])
    (out / A / ".guild" / "LOCK.remote").write_text("far")  # a mark that does not come
    (out / B / "new").touch()
    (here / C / "model").write_text("other")
    killed = out / ".guild-export-0123"
    (killed / A).mkdir(parents=True)

    found = import_(tmp_path / "there", out, [A, B, C], move=True)

    assert found["kept"] == {A: "it is running there (far)"}
    (out / A / ".guild" / "LOCK.remote").unlink()
    found = import_(tmp_path / "there", out, [A, B, C], move=True)
    assert (found["done"], found["there"], found["kept"]) == ([A], [B, C], {})
    assert {p.name for p in out.iterdir()} == {B, C, ".guild-nocopy"}
    assert {p.name for p in here.iterdir() if len(p.name) == 32} == {A, B, C}


def test_a_run_that_changes_or_is_started_while_it_is_moved_stays_there_too(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for run_id in (A, B, C):
        make(home, run_id, id=run_id, exit_status=0)
        (home / "runs" / run_id / "model").write_text("model")
    export(home, out, A, B, C)
    seals = {run_id: stamps.seal(str(out / run_id)) for run_id in (A, B, C)}
    found = import_(tmp_path / "there", out, [A, B, C])
    (out / A / "model").write_text("a model that is made there meanwhile")
    lock = locks.hold(str(out / B / ".guild"))
    assert lock is not None

    importing._remove(str(out), seals, found)

    locks.release(str(out / B / ".guild"), lock)
    assert found["kept"] == {A: "it changed while it was imported", B: "it is running there"}
    assert {p.name for p in out.iterdir()} == {A, B, ".guild-nocopy"}


def test_a_run_that_lies_in_the_folder_itself_is_not_removed_there(
    home: Path, tmp_path: Path
) -> None:
    run = make(home, A, id=A, exit_status=0)
    disk = tmp_path / "disk"
    disk.mkdir()
    run.rename(disk / A)
    run.symlink_to(disk / A)
    for folder in (disk, home / "runs"):
        found = import_(home, folder, move=True)
        assert (found["done"], found["there"]) == ([], [A])
        assert (run / ".guild" / "opref").exists()
    (tmp_path / "out").mkdir()
    (disk / A).rename(tmp_path / "out" / A)  # now its disk is not mounted here
    found = import_(home, tmp_path / "out", move=True)
    assert (found["done"], found["there"]) == ([], [A])


@pytest.mark.parametrize("kind", [*NAMES, "x.zip"])
def test_only_from_a_folder_runs_are_moved(home: Path, tmp_path: Path, kind: str) -> None:
    make(home, A, id=A)
    export(home, tmp_path / kind)
    with pytest.raises(AgentError, match="--move takes an archive that is a folder"):
        import_(tmp_path / "there", tmp_path / kind, move=True)


def test_links_of_a_folder_are_not_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / A).symlink_to(make(tmp_path / "elsewhere", A))
    assert looking.look(str(home), str(tmp_path / "out"))["runs"].keys() == {A}
    assert import_(home, tmp_path / "out")["refused"].keys() == {A}


@kinds
def test_resources_of_other_runs_are_copied_where_that_is_asked_for(
    home: Path, tmp_path: Path, name: str
) -> None:
    source = make(home, B, id=B, exit_status=0)
    (source / "data" / "more").mkdir(parents=True)
    (source / "data" / "more" / "x.csv").write_text("x")
    run = make(home, A, id=A, exit_status=0)
    (run / "data").symlink_to(f"../{B}/data")
    (run / "x.csv").symlink_to(f"../{B}/data/more/x.csv")
    (run / "gone").symlink_to(f"../{C}/gone")
    (run / "secret").symlink_to("/etc/passwd")
    export(home, tmp_path / name, A, B)

    found = import_(tmp_path / "there", tmp_path / name, [A, B], copy_resources=True)

    imported = tmp_path / "there" / "runs" / A
    assert found["links"] == {A: 1} and not os.path.lexists(imported / "secret")
    assert not (imported / "data").is_symlink() and not (imported / "x.csv").is_symlink()
    assert (imported / "data" / "more" / "x.csv").read_text() == "x"
    assert os.readlink(imported / "gone") == f"../{C}/gone"


def test_links_that_lead_to_ever_more_files_are_not_copied(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each copy has those before it: with 40 links that is a trillion files."""
    for module in (importing, exporting):
        monkeypatch.setattr(module, "MOST_COPIES", 100)
    run = make(home, A, id=A, exit_status=0)
    for number in range(40):
        (run / f"d{number}").mkdir()
        (run / f"d{number}" / "file").touch()
        for name in ("one", "two"):
            if number:
                (run / f"d{number}" / name).symlink_to(f"../d{number - 1}")
    why = "links lead to more than 100 files"
    found = export(home, tmp_path / "out.zip", copy_resources=True)
    assert found["refused"] == {A: why}
    inside: list[tarfile.TarInfo | tuple[str, bytes]] = []
    for number in range(40):
        inside.append((f"{A}/d{number}/file", b""))
        for name in ("one", "two") if number else ():
            target = f"../d{number - 1}"
            inside.append(member(f"{A}/d{number}/{name}", tarfile.SYMTYPE, linkname=target))
    out = tar(tmp_path / "out.tar", *inside)
    with pytest.raises(AgentError, match=why):
        import_(tmp_path / "there", out, copy_resources=True)
    assert nothing_imported(tmp_path / "there")


def test_copies_of_resources_have_room_or_nothing_is_imported(home: Path, tmp_path: Path) -> None:
    (make(home, B) / "large").write_bytes(bytes(1 << 20))
    path = tar(tmp_path / "x.tar", *(link(f"{A}/{n}", f"../{B}/large") for n in range(10)))
    with pytest.raises(AgentError, match="there is no room for copies"):
        import_(home, path, most=1000, room=2 << 20, copy_resources=True)
    assert [p.name for p in (home / "runs").iterdir()] == [B]


def bad_path(members_of: Callable[[str], object], path: Path) -> str:
    with pytest.raises(AgentError) as error, members.making_sense(str(path)):
        list(members_of(str(path)))  # type: ignore[call-overload]
    return str(error.value.message)


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.zst"])
@pytest.mark.parametrize("data", [b"", b"no archive at all" * 99, b"PK\3\4", b"(\xb5/\xfd"])
def test_what_is_no_archive_is_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    said = bad_path(members.of_runs, tmp_path / name)
    assert said.startswith(f"cannot unpack '{name}': ") and "\n" not in said


def test_an_archive_that_can_be_read_once_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tar")
    assert "is neither a file nor a folder" in bad_path(members.of_runs, tmp_path / "x.tar")


def test_where_zstd_is_missing_that_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar(tmp_path / "x.tar.zst")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = bad_path(members.of_runs, tmp_path / "x.tar.zst")
    assert said == "a .tar.zst takes the program zstd, which is not here"
