"""The program of a module operation, run as the runner runs it: in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import guild_sync

OP_MAIN = Path(guild_sync.__file__).parent / "agent" / "running" / "op_main.py"


class Operation:
    """A project's modules, and a run directory to run one of them in."""

    def __init__(self, folder: Path) -> None:
        self.packages = folder / "packages"
        self.run_dir = folder / "run"
        (self.run_dir / ".guild" / "attrs").mkdir(parents=True)
        self.packages.mkdir()

    def module(self, name: str, source: str | bytes) -> Path:
        path = self.packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else dedent(source).encode())
        return path

    def run(
        self,
        *argv: str,
        flags: str | None = None,
        globals: Mapping[str, str] | None = None,
        nested: tuple[str, Mapping[str, object]] | None = None,
        program: tuple[str, ...] = (str(OP_MAIN),),
    ) -> subprocess.CompletedProcess[str]:
        """Run the program; with `flags`, the text of that attribute, they go to globals.

        `nested` is a destination, `dict:NAME`, and the values for what it holds.
        """
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        environment.update(PYTHONPATH=str(self.packages), RUN_DIR=str(self.run_dir))
        environment["GUILD_FLAGS_DEST"] = "args"
        if flags is not None:
            (self.run_dir / ".guild" / "attrs" / "flags").write_text(flags, "utf-8")
            environment["GUILD_FLAGS_DEST"] = "globals"
            environment["GUILD_GLOBALS"] = json.dumps(globals or {})
        if nested is not None:
            environment["GUILD_FLAGS_DEST"] = nested[0]
            environment["GUILD_NESTED"] = json.dumps(nested[1])
        command = [sys.executable, "-u", *program, *argv]
        return subprocess.run(
            command, cwd=self.run_dir, env=environment, capture_output=True, text=True, timeout=60
        )

    def output(
        self, *argv: str, flags: str | None = None, globals: Mapping[str, str] | None = None
    ) -> str:
        """What the program prints, if it succeeds without a word on stderr."""
        done = self.run(*argv, flags=flags, globals=globals)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def as_python_does(self, *argv: str) -> str:
        """The output, once it is the same as that of `python -m`, exit status and stderr too."""
        ours, python = self.run(*argv), self.run(*argv, program=("-m",))
        assert (ours.returncode, ours.stdout) == (python.returncode, python.stdout)
        assert ours.stderr == python.stderr
        return ours.stdout


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    return Operation(tmp_path.resolve())


# As `python -m` does.


def test_a_module_is_run_as_main_with_its_arguments(operation: Operation) -> None:
    operation.module(
        "train.py",
        """
        '''Doc.'''
        import sys, os
        print(__name__, __file__, __doc__, repr(__package__), __spec__.name, __loader__.name)
        print(__cached__, __builtins__, sys.argv, os.getcwd())
        print(sys.modules["__main__"].__dict__ is globals())
        """,
    )
    assert "['--x', '1']" in operation.as_python_does("train", "--x", "1").replace(
        repr(str(operation.packages / "train.py")) + ", ", ""
    )


def test_a_package_runs_its_main_with_relative_imports(operation: Operation) -> None:
    operation.module("pkg/__init__.py", "import sys; print(sys.argv)")
    operation.module("pkg/other.py", "value = 'relative'")
    operation.module("pkg/__main__.py", "from .other import value; print(value, __package__)")
    operation.module("pkg/train.py", "from .other import value; print(value, __spec__.name)")
    assert operation.as_python_does("pkg", "1").endswith("relative pkg\n")
    assert operation.as_python_does("pkg.train").endswith("relative pkg.train\n")


def test_a_folder_without_init_can_be_run_too(operation: Operation) -> None:
    operation.module("folder/__main__.py", "print(__package__)")
    assert operation.as_python_does("folder") == "folder\n"


def test_a_file_name_may_have_a_hyphen(operation: Operation) -> None:
    operation.module("my-script.py", "x = 1; print(x)")
    assert operation.output("my-script") == "1\n"
    assert operation.output("my-script", flags="x: 2\n", globals={"x": "x"}) == "2\n"


def test_a_module_within_a_folder_has_that_folder_second_in_its_path(operation: Operation) -> None:
    operation.module("scripts/deep/beside.py", "value = 1")
    source = """
        import json, sys, multiprocessing
        from beside import value
        sleep = 1
        if __name__ == "__main__":
            print(__package__ or "-", __file__, sys.path[1], sys.argv[1:], json.value, sleep)
            process = multiprocessing.get_context("spawn").Process(target=print)
            process.start()
            process.join()
            print(process.exitcode)
        """
    path = operation.module("scripts/deep/train.py", source)
    operation.module("scripts/deep/json.py", "value = 'their json'")
    shown = f"- {path} {path.parent} ['scripts/deep/x'] their json "
    assert operation.output("scripts/deep/train", "scripts/deep/x") == shown + "1\n\n0\n"
    of_flag = operation.output(
        "scripts/deep/train", "scripts/deep/x", flags="sleep: 2\n", globals={"sleep": "sleep"}
    )
    assert of_flag == shown + "2\n\n0\n"
    assert operation.run("scripts/train").stderr == "guild: cannot find module 'train'\n"


def test_the_search_path_is_the_run_directory_then_pythonpath(operation: Operation) -> None:
    operation.module("train.py", "import sys; print(sys.path)")
    assert str(OP_MAIN.parent) not in operation.as_python_does("train")


def test_nothing_of_the_agent_can_be_imported(operation: Operation) -> None:
    operation.module(
        "train.py",
        """
        import sys
        sleep = 1
        for name in "attrs", "op_main", "_guild_attrs":
            try:
                __import__(name)
            except ImportError:
                print(sleep, name)
        """,
    )
    found = operation.output("train", flags="sleep: 2\n", globals={"sleep": "sleep"})
    assert found.split("\n")[:-1] == ["2 attrs", "2 op_main", "2 _guild_attrs"]


def test_a_users_module_may_have_the_name_of_one_that_is_used_here(operation: Operation) -> None:
    operation.module("attrs.py", "print('their attrs')")
    for name in ("ast", "json", "tokenize"):
        operation.module(f"{name}.py", f"print('their {name}')")
    operation.module("train.py", "import attrs, ast, json, tokenize\nx = 1\nprint(x)")
    everything = "their attrs\ntheir ast\ntheir json\ntheir tokenize\n"
    assert operation.as_python_does("train") == everything + "1\n"
    assert operation.output("train", flags="x: 2", globals={"x": "x"}) == everything + "2\n"


def test_a_class_of_the_main_module_can_be_pickled(operation: Operation) -> None:
    operation.module(
        "train.py",
        """
        import pickle
        class Model: pass
        print(type(pickle.loads(pickle.dumps(Model()))) is Model)
        """,
    )
    assert operation.as_python_does("train") == "True\n"


def test_what_atexit_and_threads_do_still_sees_the_module(operation: Operation) -> None:
    operation.module(
        "train.py",
        """
        import atexit, sys, threading, time
        x = 1
        def late():
            time.sleep(0.2)
            print(sys.modules["__main__"].x, x)
        atexit.register(late)
        threading.Thread(target=late).start()
        """,
    )
    assert operation.as_python_does("train") == "1 1\n1 1\n"


# Flags as globals.


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("0.5", 0.5),
        ("1.0e-05", 1e-05),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("'10'", "10"),
        ("'a \"quoted'' \\ $(word)'", "a \"quoted' \\ $(word)"),
        ("true", True),
        ("null", None),
        ("[1, 2.0, [a]]", [1, 2.0, ["a"]]),
        ("{a: 1, b: {c: [true]}}", {"a": 1, "b": {"c": [True]}}),
    ],
)
def test_a_value_keeps_its_type(operation: Operation, flag: str, value: object) -> None:
    operation.module("train.py", "x = 1\nprint(repr(x))")
    printed = operation.output("train", flags=f"x: {flag}\n", globals={"x": "x"})
    assert printed == f"{value!r}\n"


def test_not_a_number_is_a_float_too(operation: Operation) -> None:
    operation.module("train.py", "x = 1\nprint(x, type(x))")
    printed = operation.output("train", flags="x: .nan\n", globals={"x": "x"})
    assert printed == "nan <class 'float'>\n"


def test_a_flag_sets_the_global_that_it_is_mapped_to_and_no_other(operation: Operation) -> None:
    operation.module("train.py", "batch_size = rate = 1\nname = 'a'\nprint(batch_size, rate, name)")
    flags = "batch-size: 64\nrate: 9\nname: b\n"
    assert (
        operation.output("train", flags=flags, globals={"batch-size": "batch_size"}) == "64 1 a\n"
    )


def test_a_flag_without_a_value_leaves_the_modules_own(operation: Operation) -> None:
    operation.module("train.py", "x = 1\nprint(x)")
    assert operation.output("train", flags="{}\n", globals={"x": "x"}) == "1\n"


def test_without_the_globals_destination_nothing_is_replaced(operation: Operation) -> None:
    operation.module("train.py", "x = 1\nprint(x)")
    (operation.run_dir / ".guild" / "attrs" / "flags").write_text("x: 2\n")
    assert operation.output("train") == "1\n"


@pytest.mark.parametrize(
    ("source", "x"),
    [
        ("x: int = 1", 5),
        ("x = y = 1", 5),
        ("x = [\n    1,\n    2,\n]", 5),
        ("x = 1\nx = 2", 5),
        ("x = 1\nx = x * 2", 10),
        ("x = 2 * 3", 5),
        ("x = len('abc')\nx = x * 2", 10),
        ("x = len('abc')\nx = 2", 5),
        ("x = 1\nif True:\n    x = 2", 2),
        ("x = 1\ndef f():\n    x = 2\nf()", 5),
    ],
)
def test_the_value_takes_the_place_of_each_literal_or_else_of_the_first_expression(
    operation: Operation, source: str, x: int
) -> None:
    operation.module("train.py", f"{source}\nprint(x)")
    assert operation.output("train", flags="x: 5\n", globals={"x": "x"}) == f"{x}\n"


def test_other_targets_of_the_assignment_keep_its_value(operation: Operation) -> None:
    operation.module("train.py", "class A: pass\na = b = A.x = c = []\nprint(a is A.x, b, c)")
    printed = operation.output("train", flags="{b: 1, c: 2}", globals={"b": "b", "c": "c"})
    assert printed == "True 1 2\n"


def test_a_mutable_value_is_not_shared(operation: Operation) -> None:
    operation.module("train.py", "a = b = 1\na.append(0)\nprint(a, b)")
    printed = operation.output("train", flags="v: []\n", globals={"v": "a"})
    assert printed == "[0] 1\n"


def test_docstring_and_future_imports_stay_what_they_are(operation: Operation) -> None:
    source = '"""Doc."""\nfrom __future__ import annotations\nx = 1\ny: z = x\n'
    operation.module("future.py", source + "print(__doc__, __annotations__, y)")
    operation.module("plain.py", "x = 1\ny: int = x\nprint(__annotations__)")
    flags = {"flags": "x: 2\n", "globals": {"x": "x"}}
    assert operation.output("future", **flags) == "Doc. {'y': 'z'} 2\n"  # type: ignore[arg-type]
    assert operation.output("plain", **flags) == "{'y': <class 'int'>}\n"  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_source_is_read_in_the_encoding_that_it_declares(
    operation: Operation, encoding: str
) -> None:
    source = "x = 1\nprint(x, ascii('é'))\n"
    if encoding == "latin-1":
        source = f"# -*- coding: {encoding} -*-\n{source}"
    operation.module("train.py", source.encode(encoding))
    assert operation.output("train", flags="x: 2\n", globals={"x": "x"}) == "2 '\\xe9'\n"


def test_a_packages_main_gets_its_flags(operation: Operation) -> None:
    operation.module("pkg/__init__.py", "x = 'the package'")
    operation.module("pkg/__main__.py", "from . import x as theirs\nx = 1\nprint(x, theirs)")
    assert operation.output("pkg", flags="x: 2\n", globals={"x": "x"}) == "2 the package\n"


def has_semaphores() -> bool:
    """Whether multiprocessing can be had: it needs a /dev/shm that this user may write to."""
    try:
        multiprocessing.Lock()
    except OSError:
        return False
    return True


needs_semaphores = pytest.mark.skipif(not has_semaphores(), reason="/dev/shm is closed to us")


@needs_semaphores
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.parametrize("module", ["train", "pkg.train", "my-script"])
def test_processes_of_multiprocessing_have_the_flags_too(
    operation: Operation, method: str, module: str
) -> None:
    operation.module(
        module.replace(".", "/") + ".py",
        f"""
        import multiprocessing, os
        x = 1
        class Model:
            pass
        def work(model):
            assert type(model) is Model
            return x
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with context.Pool(1) as pool:
                print(pool.map(work, [Model()]))
        """,
    )
    assert operation.output(module, flags="x: 2\n", globals={"x": "x"}) == "[2]\n"
    assert operation.output(module) == "[1]\n"


@needs_semaphores
def test_processes_that_a_spawned_process_spawns_have_the_flags_too(operation: Operation) -> None:
    operation.module(
        "train.py",
        """
        import multiprocessing
        x = 1
        def work(depth):
            print(depth, x, flush=True)
            if depth:
                start(depth - 1)
        def start(depth):
            process = multiprocessing.get_context("spawn").Process(target=work, args=(depth,))
            process.start()
            process.join()
        if __name__ == "__main__":
            start(2)
        """,
    )
    printed = operation.output("train", flags="x: 5\n", globals={"x": "x"})
    assert printed == "2 5\n1 5\n0 5\n"


def test_a_packages_main_is_not_executed_again_by_what_it_spawns(operation: Operation) -> None:
    operation.module("pkg/__init__.py", "")
    operation.module("pkg/work.py", "def work():\n    print('work', flush=True)")
    operation.module(
        "pkg/__main__.py",
        """
        import multiprocessing
        from .work import work
        x = 1
        print("main", x, flush=True)
        process = multiprocessing.get_context("spawn").Process(target=work)
        process.start()
        process.join()
        """,
    )
    assert operation.output("pkg", flags="x: 2\n", globals={"x": "x"}) == "main 2\nwork\n"


# What cannot be run.


@pytest.mark.parametrize("name", ["missing", "missing.train", "train.sub", "folder", ".train", ""])
def test_a_module_that_is_not_there_is_one_line(operation: Operation, name: str) -> None:
    operation.module("train.py", "")
    operation.module("folder/other.py", "")
    done = operation.run(name)
    reported = name + ".__main__" if name == "folder" else name
    assert (done.returncode, done.stderr) == (1, f"guild: cannot find module {reported!r}\n")


def test_a_global_that_the_module_never_assigns_is_there_from_the_start(
    operation: Operation,
) -> None:
    source = "print(x, z, globals().get('y'))\nx = 1\ny: int\ndef f():\n    z = 1\nprint(x)"
    operation.module("train.py", "x = 0\n" + source)
    flags, globals = "{x: 2, y: 3, z: 4, __name__: n}", {n: n for n in ("x", "y", "z", "__name__")}
    done = operation.run("train", flags=flags, globals=globals)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 4 3\n2\n", "")


@pytest.mark.parametrize("flags", ["- 1\n", "x: &a 1\n", "\x01"])
def test_flags_that_cannot_be_read_are_one_line(operation: Operation, flags: str) -> None:
    operation.module("train.py", "x = 1\nprint('executed')")
    done = operation.run("train", flags=flags, globals={"x": "x"})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("guild: cannot read the flags of this run: ")


def test_a_module_without_source_can_be_run_but_not_be_given_globals(operation: Operation) -> None:
    done = operation.run("math", flags="pi: 3\n", globals={"pi": "pi"})
    assert done.returncode == 1
    assert done.stderr == "guild: module 'math' has no source to set flags in\n"


# How it ends.


@pytest.fixture(params=["no flags", "flags"])
def end_of(request: pytest.FixtureRequest, operation: Operation) -> Callable[[str], list[str]]:
    """Runs a source, alone and with a flag; its stderr and its exit status as Python's own."""

    def run(source: str) -> list[str]:
        path = operation.module("train.py", f"x = 1\n{source}")
        if request.param == "flags":
            done = operation.run("train", flags="x: 2\n", globals={"x": "x"})
        else:
            done = operation.run("train")
        python = operation.run(str(path), program=())
        assert (done.returncode, done.stderr) == (python.returncode, python.stderr)
        return [str(done.returncode), *done.stderr.splitlines()]

    return run


def test_a_traceback_starts_at_the_users_code_and_has_its_line_numbers(
    end_of: Callable[[str], list[str]],
) -> None:
    code, first, second, *_, last = end_of("def f():\n    1 / 0\nf()")
    assert (code, first, last[:17]) == (
        "1",
        "Traceback (most recent call last):",
        "ZeroDivisionError",
    )
    assert second.endswith('train.py", line 4, in <module>')


@pytest.mark.parametrize(
    "source",
    [
        "x = = 1",
        "x = 'unfinished",
        "import missing",
        "import json.missing",
        "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('x') from e",
        "raise SystemExit",
        "raise SystemExit(3)",
        "raise SystemExit('a word')",
        "import sys; sys.exit(None)",
        "import os; os._exit(4)",
        "raise KeyboardInterrupt",
        "raise GeneratorExit",
        "import atexit; atexit.register(print, 'late'); 1 / 0",
        "import sys; sys.excepthook = lambda *a: print('hooked', a[0], file=sys.stderr); 1 / 0",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    ],
)
def test_each_way_to_end_is_as_python_ends(end_of: Callable[[str], list[str]], source: str) -> None:
    end_of(source)


def test_an_interrupt_ends_the_process_by_its_signal(end_of: Callable[[str], list[str]]) -> None:
    code, *_ = end_of("import os, signal; os.kill(os.getpid(), signal.SIGINT)\nwhile True: pass")
    assert int(code) == -signal.SIGINT


def test_an_error_in_the_package_around_the_module_is_the_users(operation: Operation) -> None:
    init = operation.module("pkg/__init__.py", "import missing_dependency")
    operation.module("pkg/train.py", "")
    done = operation.run("pkg.train")
    first, second, *_, last = done.stderr.splitlines()
    assert (done.returncode, first) == (1, "Traceback (most recent call last):")
    assert second == f'  File "{init}", line 1, in <module>'
    assert last == "ModuleNotFoundError: No module named 'missing_dependency'"


# Flags in what is nested.


def nested(operation: Operation, source: str, dest: str = "dict:p", **values: object) -> str:
    """What the module prints with these values in that destination, without a word on stderr."""
    operation.module("train.py", source)
    done = operation.run("train", nested=(dest, values))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("p = {'a': 1, 'b': 2}\nprint(p)", "{'a': 5, 'b': 2}"),
        ("p: dict = {'a': 1}\nprint(p)", "{'a': 5}"),
        ("p = make = dict(a=1)\nprint(p, make)", "{'a': 5} {'a': 5}"),
        ("p = {}\np['a'] = 1\nq = p['a']\nprint(q, p)", "5 {'a': 5}"),
        ("p = {'a': 1}\np |= {'a': 2}\nprint(p)", "{'a': 5}"),
        ("p = {'a': 1}\n'no doc'\nprint(__doc__, p)", "None {'a': 5}"),
        ("'doc'\np = {'a': 1}\nprint(__doc__, p)", "doc {'a': 5}"),
        ("from settings import p\nprint(p)", "{'a': 5}"),
        ("from types import SimpleNamespace\np = SimpleNamespace(a=1)\nprint(p)", "{'a': 5}"),
        ("p = None\nprint(p)", "{'a': 5}"),
    ],
)
def test_values_are_in_a_mapping_behind_what_assigns_it(
    operation: Operation, source: str, printed: str
) -> None:
    operation.module("settings.py", "p = {'a': 1}")
    assert nested(operation, source, a=5).strip() == printed


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("from types import SimpleNamespace\np = SimpleNamespace(a=1)\nprint(p.a, p.n.m)", "5 7"),
        ("class p:\n    a = 1\nprint(p.a, p.n.m)", "5 7"),
        ("class C: pass\np = C()\np.a = 1\nprint(p.a, p.n.m)", "5 7"),
        ("p = {'a': 1, 'n': {'m': 2, 'o': 3}}\nprint(p.a, p.n.m, p.n.o)", "5 7 3"),
        ("p = None\nprint(p.a, p.n.m)", "5 7"),
    ],
)
def test_values_are_in_a_namespace_behind_what_assigns_it(
    operation: Operation, source: str, printed: str
) -> None:
    values = {"a": 5, "n.m": 7}
    assert nested(operation, source, "namespace:p", **values).strip() == printed


def test_a_mapping_is_a_namespace_where_that_is_asked_for_and_no_flag_is_given(
    operation: Operation,
) -> None:
    assert nested(operation, "p = {'a': {'b': 1}}\nprint(p.a.b)", "namespace:p") == "1\n"


@pytest.mark.parametrize(
    ("dest", "shown"), [("dict:p", "{'x': 5}"), ("namespace:p", "namespace(x=5)")]
)
def test_what_holds_the_flags_is_made_where_the_module_does_not(
    operation: Operation, dest: str, shown: str
) -> None:
    operation.module("train.py", "print(p)")
    assert operation.run("train", nested=(dest, {"x": 5})).stdout == f"{shown}\n"


def test_future_imports_hold_for_the_whole_module_and_lines_stay_the_users(
    operation: Operation,
) -> None:
    source = "from __future__ import annotations\np = {'a': 1}\n\ndef f(x: nowhere): 1 / 0\nf(0)\n"
    operation.module("train.py", source)
    done = operation.run("train", nested=("dict:p", {"a": 5}))
    assert 'train.py", line 4, in f' in done.stderr
    assert "op_main" not in done.stderr and done.stderr.endswith("division by zero\n")


@pytest.mark.parametrize(
    ("source", "values", "line"),
    [
        ("p = {'a': 1}", {"a.b": 5}, "cannot set flags in p: a.b: int cannot hold it"),
        (
            "import dataclasses\n@dataclasses.dataclass(frozen=True)\n"
            "class C:\n    a: int = 1\np = C()",
            {"a": 5},
            "cannot set flags in p: a: cannot assign to field 'a'",
        ),
    ],
)
def test_a_value_without_a_place_is_told_in_a_line(
    operation: Operation, source: str, values: Mapping[str, object], line: str
) -> None:
    operation.module("train.py", source)
    dest = "namespace:p" if "dataclass" in source else "dict:p"
    done = operation.run("train", nested=(dest, values))
    assert (done.returncode, done.stderr) == (1, f"guild: {line}\n")


@needs_semaphores
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_processes_of_multiprocessing_have_nested_flags_too(
    operation: Operation, method: str
) -> None:
    source = f"""
        import multiprocessing
        p = {{'a': 1}}
        def work(_):
            return p
        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                print(pool.map(work, [0]))
        """
    assert nested(operation, source, a=5) == "[{'a': 5}]\n"
