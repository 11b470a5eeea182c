"""An operation of a project, chosen by its name, with the operations of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from guild_sync.config.faults import refuse
from guild_sync.errors import GuildError, UsageError
from guild_sync.project.builtin import PASS
from guild_sync.project.definitions import Operation, Project, Requirement, Step
from guild_sync.project.flags import did_you_mean, own_name


class Offered:
    """The operations of a project by their names.

    Where several models have one of that name, that of the model that asks is meant, or else that
    of the default model, of the model without a name, or the first.
    """

    def __init__(self, project: Project) -> None:
        self.in_order = sorted(
            project.operations, key=lambda o: (o.model != project.default_model, o.model != "")
        )
        self._scripts = {script.name: script for script in project.scripts}
        self._of_any: dict[str, Operation] = {}
        self._of_model: dict[tuple[str | None, str], Operation] = {}
        for each in self.in_order:
            for name in (each.name, each.full_name, f"{each.model}:{each.name}"):
                self._of_any.setdefault(name, each)
                self._of_model.setdefault((each.model, name), each)

    def named(self, spec: str, model: str | None = None) -> Operation | None:
        """The operation that `[PACKAGE/][MODEL:]NAME` means where `model` asks, if there is one."""
        for wanted in (spec, spec.rpartition("/")[2]):  # a name may have a slash
            found = self._of_model.get((model, wanted)) or self._of_any.get(wanted)
            if found is not None:
                return found
        return PASS if spec.rpartition("/")[2] == PASS.name else None

    def of_step(self, spec: str, model: str) -> Operation | None:
        """What a step of that model runs: an operation, else a script of the project."""
        return self.named(spec, model) or self._scripts.get(spec)


def find(project: Project, spec: str | None) -> Operation:
    """The operation that `spec` names (`Offered`), or the default one.

    It may have faults (`with_steps`).
    """
    offered = Offered(project)
    if not project.operations and spec != PASS.name:
        refuse(project.guildfile, project.faults)
        raise GuildError(f"{project.guildfile} defines no operation")
    if spec is None:
        return _default(project, offered.in_order)
    if (found := offered.named(spec)) is not None:
        return found
    refuse(project.guildfile, project.faults)  # perhaps it would be one of those
    raise GuildError(
        f"operation {spec!r} is not defined for this project",
        did_you_mean(spec.rpartition("/")[2], [o.full_name for o in project.operations])
        + "Try 'guild operations' for a list of available operations.",
    )


def _default(project: Project, offered: Sequence[Operation]) -> Operation:
    """The default operation: of the default model, of that without a name, or of any."""
    for of_model in (
        [o for o in offered if o.model == project.default_model],
        [o for o in offered if o.model == ""],
        offered,
    ):
        defaults = [o for o in of_model if o.default]
        if not defaults and len(of_model) == 1:
            return of_model[0]
        if defaults:
            return defaults[0]
    raise UsageError(
        "which operation?", "Try 'guild operations' for a list of available operations."
    )


def with_steps(project: Project, operation: Operation) -> Operation:
    """The operation, with the operations of its steps, and of theirs.

    Raises ConfigError with all the faults of these: a pipeline without any has its steps.
    """
    found = _with_steps(Offered(project), operation)
    refuse(project.guildfile, _faults(found))
    return found


def with_faults_of_steps(project: Project) -> list[Operation]:
    """The operations of a project, each with all that keeps it from running."""
    offered = Offered(project)
    return [replace(o, faults=_faults(_with_steps(offered, o))) for o in project.operations]


def _faults(operation: Operation) -> tuple[str, ...]:
    """The faults of an operation, and those of its steps, each once."""
    found = (fault for each in with_those_of_steps(operation) for fault in each.faults)
    return tuple(dict.fromkeys(found))


def _with_steps(offered: Offered, operation: Operation) -> Operation:
    if not operation.steps or operation.faults:
        return operation
    steps = []
    for step in operation.steps:
        found = offered.of_step(step.spec, operation.model)
        assert found is not None  # guildfile/pipelines.py
        steps.append(replace(step, operation=_with_steps(offered, found)))
    return replace(operation, steps=tuple(steps))


def with_folder(operation: Operation, folder: str | None) -> Operation:
    """The operation whose project is in another folder; None: its paths are another machine's."""
    flags = {
        name: replace(flag, folder=folder) if flag.folder is not None else flag
        for name, flag in operation.flags.items()
    }
    steps = tuple(
        replace(step, operation=with_folder(step.operation, folder)) if step.operation else step
        for step in operation.steps
    )
    return replace(operation, flags=flags, steps=steps)


def with_those_of_steps(operation: Operation) -> Iterator[Operation]:
    """The operation, and those of its steps, and of theirs."""
    yield operation
    for step in operation.steps:
        if step.operation is not None:
            yield from with_those_of_steps(step.operation)


def warnings_of(operation: Operation) -> tuple[str, ...]:
    """What is said before an operation runs: of itself and of its steps, each once."""
    said = (text for each in with_those_of_steps(operation) for text in each.warnings)
    return tuple(dict.fromkeys(said))


def with_step_flags(operation: Operation, words: Sequence[str]) -> tuple[Operation, list[str]]:
    """The pipeline with what `STEP:FLAG=VALUE` words say, and the words that are its own flags.

    STEP is a step's name, or the operation of one or several, at any depth. Raises GuildError
    where there is no such step.
    """
    own: list[str] = []
    for word in words:
        name, equals, text = word.partition("=")
        wanted, flag = _split(operation, name)
        is_own = own_name(operation, name) in operation.flags
        if is_own or not (operation.steps and equals and wanted and flag):
            own.append(word)
            continue
        if not _has_step(operation, wanted):
            raise GuildError(
                f"{operation.full_name} has no step {wanted!r}: {name!r} is no flag of it",
                did_you_mean(wanted, [step.name for step in operation.steps])
                + "A flag of a step is STEP:FLAG=VALUE.",
            )
        operation = _with_flag(operation, wanted, flag, text)
    return operation, own


def _split(operation: Operation, name: str) -> tuple[str, str]:
    """The step and the flag of STEP:FLAG, each of which may have colons in its name."""
    parts = name.split(":")
    halves = [(":".join(parts[:n]), ":".join(parts[n:])) for n in range(len(parts) - 1, 0, -1)]
    found = (half for half in halves if _has_step(operation, half[0]))
    return next(found, halves[0] if halves else ("", name))


def _with_flag(operation: Operation, wanted: str, flag: str, text: str) -> Operation:
    steps = []
    for step in operation.steps:
        if _is_called(step, wanted):
            step = replace(step, flags={**step.flags, flag: text})
        elif step.operation is not None:
            step = replace(step, operation=_with_flag(step.operation, wanted, flag, text))
        steps.append(step)
    return replace(operation, steps=tuple(steps))


def _has_step(operation: Operation, wanted: str) -> bool:
    return any(
        _is_called(step, wanted) or (step.operation and _has_step(step.operation, wanted))
        for step in operation.steps
    )


def _is_called(step: Step, wanted: str) -> bool:
    found = step.operation
    names = (found.name, found.full_name) if found is not None else ()
    return wanted in (step.name, step.spec, *names)


def all_requirements(operation: Operation) -> list[Requirement]:
    """What the operation and its steps require."""
    below = [all_requirements(step.operation) for step in operation.steps if step.operation]
    return [*operation.requires, *(requirement for found in below for requirement in found)]
