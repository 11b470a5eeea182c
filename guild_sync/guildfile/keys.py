"""The table of guild.yml's keys: what each takes, what it means, since which version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guild_sync.config.texts import nearest
from guild_sync.project.definitions import Yaml

if TYPE_CHECKING:
    from guild_sync.config.faults import Place

# What a key can take, as messages, the manual and the schema for editors say it.
TEXT, NUMBER, SWITCH, LIST, MAPPING = "text", "a number", "yes or no", "a list", "a mapping"
ANY = (TEXT, NUMBER, SWITCH, LIST, MAPPING)
_TYPES: Mapping[str, tuple[type, ...]] = {
    TEXT: (str,), NUMBER: (int, float), SWITCH: (bool,), LIST: (list,), MAPPING: (dict,),
}  # fmt: skip
# Whose modules say what is wrong with their values.
_SAY_IT_THEMSELVES = frozenset({"flags", "requires", "steps", "sourcecode", "package", "include"})

# Keys of an operation for which `no`, or an empty text, is as if they were not there: so one has
# nothing of what its model, or a parent of that, says.
_NO_IS_NONE = frozenset(
    {
        *("requires", "env", "env-secrets", "flags-import-skip", "python-path", "run-attrs"),
        *("python-requires", "objective", "compare", "default-max-trials"),
        *("gpus", "cpus", "memory", "job"),
    }
)


@dataclass(frozen=True)
class Key:
    """A key of guild.yml. One that means nothing here is passed over with a warning."""

    takes: tuple[str, ...]
    about: str
    since: str = "0.2"
    means: bool = True
    values: tuple[str, ...] = ()  # the only texts that it takes, where there are some


def _first(*takes: str, about: str, values: tuple[str, ...] = ()) -> Key:
    return Key(takes, about, "0.1", values=values)


_NOTHING = "Nothing to guild: one warning, when the operation runs."


def _nothing(*takes: str) -> Key:
    return Key(takes, _NOTHING, means=False)


PACKAGE: Mapping[str, Key] = {
    "package": _first(TEXT, about="The name of the project's package."),
    "version": _first(TEXT, NUMBER, about="Its version. Default: 0.0.0"),
    "description": _first(TEXT, about="What it is."),
    "url": Key((TEXT,), "Its page."),
    "author": Key((TEXT,), "Who wrote it."),
    "author-email": Key((TEXT,), "Where to write to."),
    "license": Key((TEXT,), "Its license."),
    "tags": Key((TEXT, LIST), "Its keywords."),
    "python-tag": Key((TEXT,), "The tag of Python in the name of its wheel."),
    "data-files": Key((TEXT, LIST), "Files that travel with it."),
    "python-requires": _first(TEXT, about="Which Python it needs, such as '>=3.8'."),
    "requires": _first(TEXT, LIST, about="The packages that it needs."),
    "packages": Key((TEXT, LIST, MAPPING, SWITCH), "The Python packages that it is made of."),
}
MODEL: Mapping[str, Key] = {
    "model": _first(TEXT, NUMBER, SWITCH, about="Its name; operations are MODEL:NAME."),
    "config": Key((TEXT, NUMBER, SWITCH), "Instead of model: it is there to be extended only."),
    "description": _first(TEXT, NUMBER, SWITCH, about="What it is."),
    "default": Key((SWITCH,), "Whether its operations are meant where no model is named."),
    "extends": Key((TEXT, LIST), "Models or configs whose keys it has, beneath its own."),
    "params": Key((MAPPING,), "Values that take the place of {{NAME}}."),
    "operations": _first(MAPPING, about="Its operations, by name."),
    "operation-defaults": Key((MAPPING,), "Keys of each operation that does not have its own."),
    "flags": Key((MAPPING,), "Flags that $include takes from it."),
    "resources": Key((MAPPING,), "What operations require by name."),
    "sourcecode": _first(*ANY, about="Which files are source code, unless the operation says so."),
    "python-requires": Key((TEXT, NUMBER), "Which Python its operations need."),
    "plugins": _nothing(*ANY),
    "extra": Key(ANY, "Whatever it is: it is for other programs."),
    "references": Key(ANY, "Pages to read."),
}
INCLUDE: Mapping[str, Key] = {
    "include": Key((TEXT, LIST), "Files, or folders with a guild.yml, whose entries stand here."),
}
OPERATION: Mapping[str, Key] = {
    "main": _first(TEXT, about="A Python module and words for it. Default: the operation's name."),
    "exec": _first(TEXT, LIST, about="A command, or a list of its words, instead of main."),
    "steps": _first(LIST, about="Operations to run one after the other, instead of main."),
    "description": _first(TEXT, NUMBER, SWITCH, about="Shown by guild operations."),
    "default": _first(SWITCH, about="Whether it is meant where no operation is named."),
    "label": _first(TEXT, about="The run's label, with ${FLAG} in it. Default: the flags"),
    "env": _first(MAPPING, about="Variables for the operation."),
    "env-secrets": Key(ANY, "Variables for the operation that no file keeps."),
    "tags": Key((TEXT, NUMBER, LIST), "The run's tags."),
    "flags": _first(MAPPING, about="Its flags: names to values, or to mappings."),
    "flags-import": _first(
        SWITCH, TEXT, LIST, about="Which of the flags that there are a run has."
    ),
    "flags-import-skip": Key((TEXT, LIST), "Which of them it has not."),
    "flags-dest": _first(
        TEXT, SWITCH, about="Where flags go: args, globals, dict:NAME, config:FILE, no."
    ),
    "default-flag-arg-skip": Key((SWITCH,), "What a flag's arg-skip is where it does not say."),
    "flag-encoder": Key((TEXT,), "Refused: guild runs no code to make a flag's value."),
    "requires": _first(TEXT, LIST, MAPPING, about="What it needs: files, other runs."),
    "sourcecode": _first(*ANY, about="Which files are source code. Default: the project's"),
    "python-path": Key((TEXT, LIST), "Folders in front of the path of modules."),
    "python-requires": Key((TEXT, NUMBER), "Which Python it needs, such as '>=3.8'."),
    "output-scalars": Key(ANY, "Patterns of numbers in its output; json, logfmt, no."),
    "output-attrs": Key(ANY, "Patterns in its output that become attributes."),
    "objective": Key(ANY, "The scalar by which runs are judged: `loss`; its greatest, `-acc`."),
    "compare": Key(ANY, "The columns that `guild compare` shows of these runs."),
    "stoppable": Key((SWITCH,), "Stopped by a signal, it has completed."),
    "retry": Key((NUMBER,), "How many times it is tried again where it fails."),
    "retry-delay": Key((NUMBER, TEXT), "How long that waits: 30s, 2m, 4:00:00."),
    "retry-on": Key((TEXT,), "A pattern that a line of its output has to have for that."),
    "time-limit": Key((NUMBER, TEXT), "How long an attempt may take: 12h, 4:00:00."),
    "stall": Key((NUMBER, TEXT), "How long it may print nothing and use no CPU: 30m."),
    "gpus": Key((NUMBER, TEXT), "How many GPUs a run has for itself; or which it sees: '0,1'."),
    "no-gpus": Key((SWITCH,), "Whether it sees none of them."),
    "cpus": Key((NUMBER,), "How many cores a run reserves."),
    "memory": Key((TEXT, NUMBER), "How much memory a run reserves: 16G."),
    "job": Key((MAPPING,), "What it asks of a cluster's scheduler; nothing elsewhere."),
    "delete-on-success": Key((SWITCH,), "Its run is deleted once it completed."),
    "can-stage-trials": Key((SWITCH,), "Whether trials may be staged.", means=False),
    "default-max-trials": Key((NUMBER,), "How many trials a batch of it has."),
    "run-attrs": Key((MAPPING,), "Attributes of its run."),
    "pip-freeze": Key((SWITCH,), "The installed packages are kept."),
    "handle-keyboard-interrupt": Key((SWITCH,), "It ends itself on Ctrl-C."),
    "optimizers": _nothing(*ANY),
    "plugins": _nothing(*ANY),
    "publish": _nothing(*ANY),
    "notebook": _nothing(*ANY),
    "tensorboard": _nothing(*ANY),
}
_PLAIN = (TEXT, NUMBER, SWITCH)
FLAG_TYPES = (
    *("string", "number", "int", "float", "boolean", "path", "existing-path", "filename", "auto"),
)
FLAG: Mapping[str, Key] = {
    "default": _first(*ANY, about="Its value where none is given."),
    "description": _first(*_PLAIN, about="Shown by guild operations -v."),
    "type": _first(TEXT, about="What its values are.", values=FLAG_TYPES),
    "required": _first(SWITCH, about="Whether there must be a value."),
    "choices": _first(LIST, about="The values that are allowed."),
    "allow-other": Key((SWITCH,), "Whether others than the choices are allowed too."),
    "min": _first(NUMBER, about="Its least value."),
    "max": _first(NUMBER, about="Its greatest value."),
    "alias": Key((TEXT,), "Another name of it."),
    "arg-name": _first(TEXT, about="The option's name, where it is not the flag's."),
    "arg-skip": Key((SWITCH,), "Whether it is not passed to the operation."),
    "arg-switch": _first(*_PLAIN, about="The value for which the bare option is given."),
    "arg-split": Key(_PLAIN, "How its value is split into several words."),
    "arg-encoding": Key((MAPPING,), "Values to the words that are passed for them."),
    "env-name": Key((TEXT,), "The variable that it is in. Default: FLAG_NAME"),
    "env-encoding": Key((MAPPING,), "Values to their texts in the variable."),
    "null-label": Key(_PLAIN, "What is shown for no value before a run."),
    "distribution": Key((TEXT,), "How an optimizer draws its values: kept."),
}
SOURCE: Mapping[str, Key] = {
    "file": _first(TEXT, about="A file or folder of the project."),
    "operation": _first(TEXT, about="An operation, whose latest run is taken."),
    "config": Key((TEXT,), "A config file, written into the run with the flags' values."),
    "module": Key((TEXT,), "A Python module that can be imported."),
    "url": Key((TEXT,), "What is fetched from there."),
    "name": _first(TEXT, about="What it is called, and the flag that says which run or file."),
    "flag-name": Key((TEXT,), "The name of its flag, where that is another."),
    "select": _first(TEXT, LIST, about="Regular expressions: which files are taken."),
    "select-min": Key((TEXT, LIST), "The file whose first group is the least number."),
    "select-max": Key((TEXT, LIST), "The file whose first group is the greatest number."),
    "unpack": Key((SWITCH,), "Whether an archive is unpacked."),
    "rename": _first(TEXT, LIST, MAPPING, about="Patterns in names, and what takes their place."),
    "target-path": _first(TEXT, about="The folder of the run that it is put in."),
    "path": _first(TEXT, about="The same."),
    "target-type": _first(TEXT, about="Whether it is linked or copied.", values=("link", "copy")),
    "preserve-path": _first(SWITCH, about="Whether files keep the folders that they are in."),
    "replace-existing": Key((SWITCH,), "Whether a file that is there is replaced."),
    "optional": Key((SWITCH,), "Whether it may be missing."),
    "warn-if-empty": Key((SWITCH,), "Whether nothing selected is a warning."),
    "fail-if-empty": Key((SWITCH,), "Whether nothing selected is an error."),
    "sha256": Key((TEXT,), "The checksum of the file."),
    "params": Key((MAPPING,), "Values that are put into a config file."),
    "help": Key((TEXT,), "What to do where it is missing."),
    "post-process": Key((TEXT,), "A command that is run in the run's folder."),
    "always-resolve": Key((SWITCH,), "Whether it is looked for anew in each run."),
    "description": Key(_PLAIN, "What it is."),
    "private": Key((SWITCH,), "Whether listings leave it out."),
    "references": Key(ANY, "Pages to read."),
}
RESOURCE: Mapping[str, Key] = {
    "sources": Key((LIST, TEXT, MAPPING), "What a resource consists of: it has no source itself."),
    "default-unpack": Key((SWITCH,), "What unpack is where one of its sources does not say."),
    **{
        name: SOURCE[name]
        for name in (
            *("name", "target-path", "path", "target-type", "preserve-path"),
            *("help", "description", "private", "references"),
        )
    },
}
STEP: Mapping[str, Key] = {
    "run": _first(TEXT, about="The operation, its flags and options."),
    "name": _first(TEXT, about="What the step is called."),
    "flags": _first(MAPPING, about="Its flags."),
    "label": Key((TEXT,), "The label of its run."),
    "tags": Key((TEXT, LIST), "The tags of its run."),
    "isolate-runs": Key((SWITCH,), "Whether it requires runs of this pipeline only."),
    "needed": Key((SWITCH,), "Whether it runs only where no run has its flags."),
    "max-trials": Key((NUMBER,), "How many trials its batch has at most."),
    "random-seed": Key((NUMBER,), "The seed of its run, and of the trials that are drawn."),
    "force-flags": Key((SWITCH,), "Whether it takes flags that its operation does not have."),
    "fail-on-trial-error": Key((SWITCH,), "Whether its batch ends with a trial that fails."),
    "gpus": Key((TEXT, NUMBER), "The devices that it sees: CUDA_VISIBLE_DEVICES."),
    "no-gpus": Key((SWITCH,), "Whether it sees none of them."),
    "expect": Key((MAPPING, LIST), "What its run must have made."),
}
_WORD = (TEXT, NUMBER)
JOB: Mapping[str, Key] = {  # agent/scheduling/options.py says what each takes
    "time": Key(_WORD, "How long it may take: MINUTES, H:MIN:SEC, D-H:MIN:SEC."),
    "partition": Key(_WORD, "The partition, or queue, that it waits in."),
    "account": Key(_WORD, "Whose account it is charged to."),
    "qos": Key(_WORD, "Its quality of service."),
    "constraint": Key(_WORD, "What its nodes must have."),
    "mem": Key(_WORD, "The memory of each node: 16G."),
    "cpus": Key((NUMBER,), "The cores of each task."),
    "tasks": Key((NUMBER,), "How many tasks it has."),
    "gpus": Key(_WORD, "How many GPUs: 2, a100:2."),
    "gres": Key(_WORD, "Other resources of each node."),
    "nodes": Key(_WORD, "How many nodes."),
    "nodelist": Key(_WORD, "Which nodes."),
    "exclude": Key(_WORD, "Which nodes it is not to get."),
    "reservation": Key(_WORD, "A reservation."),
    "array-limit": Key((NUMBER,), "How many trials of a batch run at a time."),
    "requeue": Key((SWITCH,), "Whether it begins again where its node is lost, or taken away."),
    "notice": Key((NUMBER,), "Seconds before its time is over at which it is told to end."),
    "setup": Key((TEXT, LIST), "Lines of shell before it: module load cuda."),
    "options": Key((LIST,), "Other options of sbatch: --name=value."),
}
GROUPS: Mapping[str, Mapping[str, Key]] = {
    "a package": PACKAGE,
    "a model": MODEL,
    "an include": INCLUDE,
    "an operation": OPERATION,
    "a flag": FLAG,
    "a source": {**SOURCE, **RESOURCE},  # an entry is the one or the other
    "a step": STEP,
    "a job": JOB,
}
_FLAGS = "the flags"  # a mapping of names to flags
_RESOURCES = "the resources"
_BELOW: Mapping[tuple[str, str], str] = {
    ("an operation", "flags"): _FLAGS,
    ("an operation", "requires"): "a source",
    ("an operation", "steps"): "a step",
    ("an operation", "job"): "a job",
    ("a model", "operation-defaults"): "an operation",
    ("a model", "resources"): _RESOURCES,
    ("a model", "flags"): _FLAGS,
    ("a source", "sources"): "a source",
}


def group_below(group: str, key: str) -> str:
    """Whose keys stand below a key: those of `an operation` below `flags` are the flags'."""
    if group in (_FLAGS, _RESOURCES):
        return "a flag" if group == _FLAGS else "a source"
    return _BELOW.get((group, key), "")


def about(group: str, name: str) -> str:
    """What a key of the group is about, and whether it is read, as the manual says it."""
    key = GROUPS[group][name]
    if not key.means and key.about != _NOTHING:
        return f"{key.about} Passed over, with a warning."
    return key.about


def why_unknown(group: str, name: str) -> str:
    """What is said of a key that is not read there: whose key it is, or what was meant."""
    known = GROUPS.get(group, {})
    if name in known:
        return "it means nothing to guild" if not known[name].means else "guild does not know it"
    near = nearest(name, known)
    owners = [other for other in ("an operation", "a model", "a flag") if name in GROUPS[other]]
    if near:
        more = f" (did you mean {near}?)"
    elif group and owners:
        more = f" here: it is a key of {owners[0]}, not of {group}"
    else:
        more = ""
    return f"guild does not know it{more}"


def check(entry: Mapping[Yaml, Yaml], group: str, place: Place) -> list[str]:
    """The keys that are not to be read: each whose value is none for it, which is a fault, and
    those with `no` for nothing. A warning for a key without meaning."""
    unread = []
    for name, value in entry.items():
        key = GROUPS[group].get(name) if isinstance(name, str) else None
        if key is None or not isinstance(name, str) or (not key.means and value is not None):
            place.pass_over(name)
        elif name in _NO_IS_NONE and (value is False or value == ""):
            unread.append(name)
        elif name in _SAY_IT_THEMSELVES:
            continue
        elif value is not None and not is_one_of(value, key.takes):
            place.must_be(expected(key.takes), name)
            unread.append(name)
    return unread


def is_one_of(value: Yaml, takes: Iterable[str]) -> bool:
    """Whether a value is of one of the kinds."""
    if isinstance(value, bool):
        return SWITCH in takes
    return any(isinstance(value, _TYPES[kind]) for kind in takes)


def expected(takes: Iterable[str]) -> str:
    """`text`, `text or a list`."""
    *others, last = takes
    return f"{', '.join(others)} or {last}" if others else last
