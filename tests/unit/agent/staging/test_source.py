"""Source code of an earlier run, or of the run that a step belongs to, copied into a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import fill

from guild_sync.agent.protocol import SourcePart
from guild_sync.agent.staging import stage
from guild_sync.agent.staging.source import adopt_source, copy_source
from guild_sync.agent.store import manifest, rundir

PIPELINE, STEP = "a" * 32, "b" * 32
OPREF = "package:gpkg.demo 1.0 '' op"


@pytest.fixture
def home(tmp_path: Path) -> str:
    """A guild home with a pipeline's run that has source code, and a step's that has none yet."""
    home, project = str(tmp_path / "home"), tmp_path / "project"
    fill(project, "train.py", "src/say.py", "src/a b.py")
    stage.stage(home, PIPELINE, OPREF, {}, {"children": [{"name": "step"}]})
    files = ["train.py", "src/say.py", "src/a b.py"]
    copy_source(home, PIPELINE, str(project), files)
    fill(tmp_path, "secret.py")
    stage.stage(home, STEP, OPREF, {}, {"argv": ["true"]})
    return home


@pytest.mark.parametrize(
    ("part", "files"),
    [
        (None, ["src/a b.py", "src/say.py", "train.py"]),
        ({"root": ".", "files": ["train.py"]}, ["train.py"]),
        ({"root": "src", "files": ["a b.py", "say.py"]}, ["a b.py", "say.py"]),
        ({"root": "src", "files": []}, []),
        ({"root": "src", "files": ["gone.py", "../train.py", "/etc/passwd", "say.py"]}, ["say.py"]),
        ({"root": "..", "files": ["opref", "sourcecode/train.py", "../../secret.py"]}, []),
        ({"root": "/", "files": ["etc/passwd"]}, []),
    ],
)
def test_a_step_has_of_its_pipelines_source_code_its_part_and_nothing_else(
    home: str, part: SourcePart | None, files: list[str]
) -> None:
    adopt_source(home, STEP, PIPELINE, part=part)
    directory = rundir.run_dir(home, STEP)
    assert manifest.source_files(directory) == ("", files)
    found = (path for path in Path(directory).rglob("*") if path.is_file())
    names = [str(path.relative_to(directory)) for path in found]
    assert sorted(name for name in names if not name.startswith(".guild/")) == files
