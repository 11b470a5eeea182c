"""The keys of `job`: what each takes, what is said of what none takes, and which layer counts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from guild_sync.agent.protocol import SLURM, Value
from guild_sync.agent.scheduling import options
from guild_sync.agent.scheduling.options import checked, merged, notice, seconds, setup, value_of

NO_LINES = ["two\nlines", "a\0b", "\x1b[31m", "", "  ", "x" * 5000, "\ud800", "a\u2028b", "a\xa0b"]
LINES: list[Value] = ["gpu", "n[1-4],n7", "16G", "-x; rm -rf $HOME", "é", 0, 4]
NO_VALUES: list[Value] = [True, -1, 1.5, ["gpu"], {}, 10**12]
WORDS = ("partition", "account", "qos", "constraint", "mem", "gres", "gpus", "nodes", "exclude")


@pytest.mark.parametrize("key", [*WORDS, "nodelist", "reservation"])
def test_most_keys_take_a_line_of_text_or_a_whole_number(key: str) -> None:
    for value in LINES:
        assert checked({key: value}, SLURM) == []
    for bad in (*NO_LINES, *NO_VALUES):
        (fault,) = checked({key: bad}, SLURM)
        assert fault.startswith(f"{key}: must be text on one line, or a whole number, not ")
        assert len(fault.splitlines()) == 1


# As a real Slurm 22.05 takes them, and what it said that each is.
@pytest.mark.parametrize(
    ("time", "means"),
    [
        (30, 1800),
        ("30", 1800),
        ("1:30", 90),
        ("1:02:03", 3723),
        ("4:00:00", 14400),
        ("1-2", 26 * 3600),
        ("1-2:30", 26 * 3600 + 1800),
        ("1-2:30:15", 26 * 3600 + 1815),
        ("UNLIMITED", None),
        ("infinite", None),
        (0, None),
        ("0-0", None),
    ],
)
def test_a_time_has_the_forms_of_slurm(time: Value, means: int | None) -> None:
    assert checked({"time": time}) == []
    assert seconds(time) == means


@pytest.mark.parametrize("time", ["4h", "1-1-1", "1:2:3:4", "-1", "1.5", "٣", 1.5, True, "1:", []])
def test_what_slurm_takes_for_no_time_is_none(time: Value) -> None:
    (fault,) = checked({"time": time})
    assert fault.startswith("time: must be a time as Slurm has it: MINUTES, MIN:SEC, H:MIN:SEC, or")
    assert seconds(time) is None


@pytest.mark.parametrize(
    ("key", "good", "bad", "be"),
    [
        ("cpus", [1, 128], [0, -1, "4", True, 1.5], "a whole number, at least 1"),
        ("tasks", [1], [0, "x"], "a whole number, at least 1"),
        ("array-limit", [1, 1000], [0, "5"], "a whole number, at least 1"),
        ("notice", [1, 65535], [0, 65536, "60"], "a whole number of seconds from 1 to 65535"),
        ("requeue", [True, False], ["yes", 1, 0], "yes or no"),
        (
            "setup",
            ["a; b", "a\n\tb\n", ["a", "b"], []],
            [["a\nb"], 1, "\x1b", [1], "", "\n", "a\rb"],
            "a line of",
        ),
        ("options", [["--nice=5"], []], ["--nice=5", [5], ["-a\nb"]], "a list of options"),
    ],
)
def test_the_other_keys_take_what_they_mean(
    key: str, good: list[Value], bad: list[Value], be: str
) -> None:
    assert [fault for value in good for fault in checked({key: value}, SLURM)] == []
    faults = [fault for value in bad for fault in checked({key: value}, SLURM)]
    assert len(faults) == len(bad)
    assert all(fault.startswith(f"{key}: must be {be}") for fault in faults)


def test_a_key_that_is_none_is_named_with_what_was_meant() -> None:
    assert checked({"tiem": 1}) == ["tiem: is not a key of job (did you mean time?)"]
    assert checked({"x\n": 1}) == ["'x\\n': is not a key of job"]
    assert len(checked({"time": "x", "cpus": "x", "zzz": 1})) == 3
    assert [len(fault) < 100 for fault in checked({"x" * 10_000: "y" * 10_000})] == [True]
    assert checked({str(number): 1 for number in range(10_000)}) == ["has more than 100 keys"]


def test_where_the_scheduler_is_the_remote_alone_says() -> None:
    where: dict[str, Value] = {"clusters": "a-b2", "path": "/opt/slurm/bin"}
    assert checked(where, SLURM, of_remote=True) == []
    assert checked(where) == [
        "clusters: is a key of a remote's job alone",
        "path: is a key of a remote's job alone",
    ]
    for bad in ("-M", "a b", "", "a,b", "all", "ALL", 4):
        assert checked({"clusters": bad}, of_remote=True)
    for bad in ("bin", "~/bin", "", 4, "/a\n"):
        assert checked({"path": bad}, of_remote=True)


@pytest.mark.parametrize(
    "option",
    ["--nice=5", "--exclusive", "--mail-type=END,FAIL", "--mem-per-cpu=2G", "--time-min=5",
     "--gpus-per-node=a100:2", "--licenses=a b; c", "--wait-all-nodes=1", "--hold"],
)  # fmt: skip
def test_other_options_go_to_sbatch_as_they_are(option: str) -> None:
    assert checked({"options": [option]}, SLURM) == []


@pytest.mark.parametrize(
    "name",
    ["output", "error", "input", "open-mode", "job-name", "chdir", "parsable", "wrap", "wait",
     "dependency", "kill-on-invalid-dep", "export"],
)  # fmt: skip
def test_an_option_that_guild_sets_itself_is_refused_by_its_beginning_too(name: str) -> None:
    assert checked({"options": [f"--{name}=x"]}, SLURM) == [
        f"options: --{name} is what guild sets itself"
    ]
    for length in range(1, len(name)):  # sbatch takes `--outp` for `--output`
        assert checked({"options": [f"--{name[:length]}=x"]}, SLURM)


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("--time=1:00", "time"),
        ("--mem=4G", "mem"),
        ("--part=gpu", "partition"),
        ("--cpus-per-task=4", "cpus"),
        ("--ntasks=4", "tasks"),
        ("--array=0-9", "array-limit"),
        ("--signal=TERM@5", "notice"),
        ("--requeue", "requeue"),
        ("--no-requeue", "requeue"),
        ("--clusters=a", "clusters"),
    ],
)
def test_what_has_a_key_is_said_by_it_so_that_layers_count(option: str, key: str) -> None:
    (fault,) = checked({"options": [option]}, SLURM)
    assert fault.endswith(f" has a key of its own: {key}")


@pytest.mark.parametrize("option", ["--help", "--vers", "--usage", "--test-only"])
def test_an_option_with_which_nothing_is_submitted_is_refused(option: str) -> None:
    (fault,) = checked({"options": [option]}, SLURM)
    assert fault.endswith(" nothing is submitted")


@pytest.mark.parametrize(
    "option", ["-o x", "-ox", "-p", "--", "nice=5", "--Nice=5", "--a b", "-", "/tmp/script"]
)
def test_an_option_has_its_long_form(option: str) -> None:
    (fault,) = checked({"options": [option]}, SLURM)
    assert fault.startswith("options: ")


def test_without_a_scheduler_an_option_only_has_to_look_like_one() -> None:
    assert checked({"options": ["-l select=2", "--array=1"]}) == []
    assert checked({"options": ["job.sh"]}) == [
        "options: 'job.sh' is no option: it begins with no '-'"
    ]


def test_each_key_is_what_the_last_layer_says() -> None:
    of_remote: dict[str, Value] = {"time": 60, "partition": "gpu", "setup": ["a"], "gpus": 1}
    of_operation: dict[str, Value] = {"time": "1:00:00", "setup": ["b"], "requeue": False}
    given: dict[str, Value] = {"mem": "8G", "gpus": None}
    assert merged(of_remote, of_operation, given) == {
        "time": "1:00:00",
        "partition": "gpu",
        "setup": ["b"],
        "requeue": False,
        "mem": "8G",
    }
    assert checked({"gpus": None, "requeue": None}) == []


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("time", "0:30:00", "0:30:00"),
        ("time", "030", "030"),
        ("mem", "8G", "8G"),
        ("gpus", "2", "2"),
        ("cpus", "4", 4),
        ("notice", "x", "x"),
        ("requeue", "yes", True),
        ("requeue", "No", False),
        ("requeue", "maybe", "maybe"),
        ("setup", "module load x", ["module load x"]),
        ("options", "--exclusive", ["--exclusive"]),
        ("qos", "", None),
        ("zzz", "1", "1"),
    ],
)
def test_a_word_of_the_command_line_is_the_value_that_its_key_takes(
    key: str, text: str, value: Value
) -> None:
    assert value_of(key, text) == value


def test_the_notice_is_a_tenth_of_a_short_time_where_nobody_says_it() -> None:
    assert notice({}) == notice({"time": "1-0"}) == notice({"time": "UNLIMITED"}) == 60
    assert notice({"time": "5"}) == 30
    assert notice({"time": "0:05"}) == 1
    assert notice({"time": 5, "notice": 120}) == 120


def test_setup_is_lines() -> None:
    assert setup({}) == []
    assert setup({"setup": "module load cuda\n\n  . env\n"}) == ["module load cuda", "  . env"]
    assert setup({"setup": ["a", "b"]}) == ["a", "b"]


def test_sbatch_has_names_of_its_own_for_two_keys() -> None:
    assert set(options.OWN_NAMES) <= set(options.KEYS)
    assert not {*options.KEYS} & {*options.REMOTE_KEYS}


def test_whoever_reads_a_config_file_loads_nothing_that_starts_programs() -> None:
    code = (
        "import sys; from guild_sync.agent.scheduling.options import checked;"
        "checked({'time': 1}, 'slurm', of_remote=True);"
        "print(*sorted(name for name in sys.modules if 'scheduling' in name));"
        "print('subprocess' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    package = "guild_sync.agent.scheduling"
    assert done.stdout.decode().split() == [package, f"{package}.options", "False"]
