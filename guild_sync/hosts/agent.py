"""The agent of a host as a typed client: one method a function of agent/calls.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from guild_sync.agent import protocol
from guild_sync.agent.calls import Function, Functions, Stream
from guild_sync.agent.protocol import Filters, Notes, RunId, SentNotes, State, Value

T = TypeVar("T")
OnBytes = Callable[[bytes], None]
States = Mapping[RunId, State]


class AgentClient(ABC):
    """What can be asked where runs are; hosts differ in how it gets there."""

    scheduler: protocol.SchedulerForm | None = None  # whose jobs runs are; None: processes

    @abstractmethod
    def ask(self, function: Function[T], **args: object) -> T:
        """The answer of one function there, checked."""

    def staying(self) -> AbstractContextManager[None]:
        """Within, the agent there may stay for what this thread asks next, with which it ends."""
        return nullcontext()

    def begin(self) -> None:
        """Have the agent begin there that this thread asks next, while something is done here.

        It takes a while until it can answer, longer where the connection is to be made first.
        """
        return

    @abstractmethod
    def stream(
        self, function: Stream[T], on_packet: Callable[[bytes, bytes], None], **args: object
    ) -> T:
        """Hand over the packets that one stream there sends, as they come; then its answer."""

    # ---- runs: which there are, and what is known of them

    def list_runs(
        self,
        specs: Sequence[str] = (),
        limit: int | None = None,
        filters: Filters | None = None,
        deleted: bool = False,
        whole: bool = False,
        with_others: bool = False,
        counted: bool = True,
        short: bool = False,
    ) -> protocol.Listing:
        return self.ask(
            Functions.list_runs,
            specs=list(specs),
            limit=limit,
            filters=filters,
            deleted=deleted,
            whole=whole,
            with_others=with_others,
            counted=counted,
            short=short,
        )

    def select(
        self,
        specs: Sequence[str] = (),
        filters: Filters | None = None,
        deleted: bool = False,
        whole: bool = False,
    ) -> list[protocol.RunId]:
        return self.ask(
            Functions.select,
            specs=list(specs),
            filters=filters,
            deleted=deleted,
            whole=whole,
        )

    def summaries(
        self, ids: Sequence[str], deleted: bool = False, short: bool = False
    ) -> list[protocol.Run]:
        return self.ask(Functions.summaries, ids=list(ids), deleted=deleted, short=short)

    def lines(
        self, ids: Sequence[str], deleted: bool = False, short: bool = False
    ) -> list[protocol.RunLine]:
        return self.ask(Functions.lines, ids=list(ids), deleted=deleted, short=short)

    def list_details(
        self,
        specs: Sequence[str] = (),
        limit: int | None = None,
        filters: Filters | None = None,
        deleted: bool = False,
        whole: bool = False,
    ) -> protocol.DetailedListing:
        return self.ask(
            Functions.list_details,
            specs=list(specs),
            limit=limit,
            filters=filters,
            deleted=deleted,
            whole=whole,
        )

    def compared(
        self,
        specs: Sequence[str] = (),
        limit: int | None = None,
        filters: Filters | None = None,
        whole: bool = False,
        asked: Sequence[str] = (),
    ) -> protocol.ComparedListing:
        return self.ask(
            Functions.compared,
            specs=list(specs),
            limit=limit,
            filters=filters,
            whole=whole,
            asked=list(asked),
        )

    def listed(
        self,
        specs: Sequence[str] = (),
        limit: int | None = None,
        filters: Filters | None = None,
        deleted: bool = False,
        whole: bool = False,
        asked: Sequence[str] = (),
        sort: str = "",
        scalars: bool = False,
        best: bool = False,
        short: bool = False,
    ) -> protocol.ListedRuns:
        return self.ask(
            Functions.listed,
            specs=list(specs),
            limit=limit,
            filters=filters,
            deleted=deleted,
            whole=whole,
            asked=list(asked),
            sort=sort,
            scalars=scalars,
            best=best,
            short=short,
        )

    def scalars_of(
        self, ids: Sequence[RunId], deleted: bool = False
    ) -> dict[RunId, dict[str, protocol.ScalarForm]]:
        return self.ask(Functions.scalars_of, ids=list(ids), deleted=deleted)

    def points_of(
        self, ids: Sequence[RunId], names: Sequence[str] = ()
    ) -> dict[RunId, dict[str, protocol.Points]]:
        return self.ask(Functions.points_of, ids=list(ids), names=list(names))

    def unnoted_scalars(self, ids: Sequence[RunId] | None = None) -> dict[RunId, dict[str, str]]:
        return self.ask(Functions.unnoted_scalars, ids=None if ids is None else list(ids))

    def note_scalars(self, run: RunId, files: Mapping[str, protocol.NotedFile]) -> None:
        self.ask(Functions.note_scalars, run=run, files=dict(files))

    def glance(
        self, spec: Mapping[str, str], lately: float, known: Sequence[RunId] = ()
    ) -> protocol.Glance:
        return self.ask(Functions.glance, spec=dict(spec), lately=lately, known=list(known))

    def glanced(self, ids: Sequence[RunId]) -> list[protocol.GlancedRun]:
        return self.ask(Functions.glanced, ids=list(ids))

    def piece(self, run_id: RunId, attempt: int = 0, position: int = 0) -> protocol.OutputPiece:
        return self.ask(Functions.piece, run_id=run_id, attempt=attempt, position=position)

    def outlines(self, run_id: RunId, pieces: int) -> dict[str, protocol.Outline]:
        return self.ask(Functions.outlines, run_id=run_id, pieces=pieces)

    def output_ends(self, run_id: RunId, first: int, last: int) -> protocol.OutputEnds:
        return self.ask(Functions.output_ends, run_id=run_id, first=first, last=last)

    def unknown_names(self, expression: Value, deleted: bool = False) -> dict[str, list[str]]:
        return self.ask(Functions.unknown_names, expression=expression, deleted=deleted)

    def info(self, spec: str, filters: Filters | None = None) -> protocol.Info:
        return self.ask(Functions.info, spec=spec, filters=filters)

    def beginning(
        self, prefix: str, short: int, limit: int, deleted: bool = False
    ) -> list[protocol.Known]:
        return self.ask(
            Functions.beginning, prefix=prefix, short=short, limit=limit, deleted=deleted
        )

    def choose(
        self,
        specs: Sequence[str] = (),
        filters: Filters | None = None,
        limit: int | None = None,
        attr: str | None = None,
        lowest: str | None = None,
        highest: str | None = None,
        whole: bool = False,
        best: bool = False,
    ) -> list[protocol.Picked]:
        return self.ask(
            Functions.choose,
            specs=list(specs),
            filters=filters,
            limit=limit,
            attr=attr,
            lowest=lowest,
            highest=highest,
            whole=whole,
            best=best,
        )

    def of_process(self, process: str) -> RunId:
        return self.ask(Functions.of_process, process=process)

    def states(self, ids: Sequence[RunId]) -> dict[RunId, State]:
        return self.ask(Functions.states, ids=list(ids))

    def matching(
        self, opref: str, flags: Mapping[str, Value], statuses: Sequence[str]
    ) -> protocol.Run | None:
        found = self.ask(
            Functions.matching, opref=opref, flags=dict(flags), statuses=list(statuses)
        )
        return found["run"]

    # ---- the files of a run

    def list_files(
        self,
        run: str,
        filters: Filters | None = None,
        pattern: str | None = None,
        kind: str | None = None,
        everything: bool = False,
        follow: bool = False,
    ) -> protocol.Files:
        return self.ask(
            Functions.list_files,
            run=run,
            filters=filters,
            pattern=pattern,
            kind=kind,
            everything=everything,
            follow=follow,
        )

    def cat(
        self,
        on_bytes: OnBytes,
        run: str,
        path: str,
        filters: Filters | None = None,
        sourcecode: bool = False,
    ) -> None:
        self.stream(
            Functions.cat,
            lambda _, data: on_bytes(data),
            run=run,
            path=path,
            filters=filters,
            sourcecode=sourcecode,
        )

    def archive(
        self, on_bytes: OnBytes, run: str, pattern: str | None = None, kind: str | None = None
    ) -> protocol.Sent:
        return self.stream(
            Functions.archive, lambda _, data: on_bytes(data), run=run, pattern=pattern, kind=kind
        )

    def watch(self, on_bytes: OnBytes, run: str) -> None:
        self.stream(Functions.watch, lambda _, data: on_bytes(data), run=run)

    def await_start(self, run_id: RunId, seconds: float) -> bool:
        return self.stream(
            Functions.await_start, lambda _, data: None, run_id=run_id, seconds=seconds
        )

    def cluster(self, scheduler: protocol.SchedulerForm) -> protocol.ClusterForm:
        return self.ask(Functions.cluster, scheduler=scheduler)

    def probe(self, scheduler: protocol.SchedulerForm) -> protocol.ProbeForm:
        return self.ask(Functions.probe, scheduler=scheduler)

    def ending(self, run_id: RunId, most: int) -> str:
        return self.ask(Functions.ending, run_id=run_id, most=most)

    def positions(self, ids: Sequence[RunId]) -> dict[RunId, protocol.Position]:
        return self.ask(Functions.positions, ids=list(ids))

    def follow(
        self,
        on_packet: Callable[[bytes, bytes], None],
        positions: Mapping[RunId, protocol.Position],
    ) -> None:
        self.stream(Functions.follow, on_packet, positions=dict(positions))

    # ---- what people change

    def label(
        self, ids: Sequence[RunId], action: str, values: Sequence[str] = ()
    ) -> protocol.Changed:
        return self.ask(Functions.label, ids=list(ids), action=action, values=list(values))

    def tag(
        self,
        ids: Sequence[RunId],
        add: Sequence[str] = (),
        delete: Sequence[str] = (),
        clear: bool = False,
        sync_labels: bool = False,
    ) -> protocol.Changed:
        return self.ask(
            Functions.tag,
            ids=list(ids),
            add=list(add),
            delete=list(delete),
            clear=clear,
            sync_labels=sync_labels,
        )

    def comment(
        self,
        ids: Sequence[RunId],
        add: Mapping[str, str] | None = None,
        delete: int | None = None,
        clear: bool = False,
    ) -> protocol.Changed:
        return self.ask(Functions.comment, ids=list(ids), add=add, delete=delete, clear=clear)

    def mark(self, ids: Sequence[RunId], marked: bool = True) -> protocol.Changed:
        return self.ask(Functions.mark, ids=list(ids), marked=marked)

    def delete_runs(
        self,
        ids: Sequence[RunId],
        permanent: bool = False,
        copies: Sequence[RunId] = (),
        force: bool = False,
    ) -> protocol.Changed:
        return self.ask(
            Functions.delete_runs,
            ids=list(ids),
            permanent=permanent,
            copies=list(copies),
            force=force,
        )

    def restore_runs(self, ids: Sequence[RunId]) -> protocol.Changed:
        return self.ask(Functions.restore_runs, ids=list(ids))

    def withdraw_runs(self, ids: Sequence[RunId]) -> protocol.Changed:
        return self.ask(Functions.withdraw_runs, ids=list(ids))

    def in_trash(self, ids: Sequence[RunId]) -> dict[RunId, protocol.Deleted]:
        return self.ask(Functions.in_trash, ids=list(ids))

    def purge_runs(self, ids: Sequence[RunId]) -> protocol.Changed:
        return self.ask(Functions.purge_runs, ids=list(ids))

    # ---- archives

    def export_runs(
        self,
        file: str,
        ids: Sequence[RunId],
        move: bool = False,
        copy_resources: bool = False,
        room: int | None = None,
    ) -> protocol.Exported:
        return self.ask(
            Functions.export_runs,
            file=file,
            ids=list(ids),
            move=move,
            copy_resources=copy_resources,
            room=room,
        )

    def look_into(self, file: str) -> protocol.Contents:
        return self.ask(Functions.look_into, file=file)

    def fill_listed(self, file: str, run: RunId, below: str | None = None) -> None:
        self.ask(Functions.fill_listed, file=file, run=run, below=below)

    def import_runs(
        self,
        file: str,
        ids: Sequence[RunId],
        most: int,
        room: int,
        copy_resources: bool = False,
        move: bool = False,
    ) -> protocol.Imported:
        return self.ask(
            Functions.import_runs,
            file=file,
            ids=list(ids),
            most=most,
            room=room,
            copy_resources=copy_resources,
            move=move,
        )

    # ---- a run is made, and ends

    def stage(
        self,
        run_id: RunId,
        opref: str,
        attributes: Mapping[str, Value],
        job: protocol.Job,
        diff: str = "",
        contents: Mapping[str, int] | None = None,
    ) -> protocol.Made:
        return self.ask(
            Functions.stage,
            run_id=run_id,
            opref=opref,
            attributes=dict(attributes),
            job=job,
            diff=diff,
            contents=dict(contents or {}),
        )

    def stage_in(
        self,
        run_id: RunId,
        run_dir: str,
        opref: str,
        attributes: Mapping[str, Value],
        job: protocol.Job,
        diff: str = "",
    ) -> protocol.Made:
        return self.ask(
            Functions.stage_in,
            run_id=run_id,
            run_dir=run_dir,
            opref=opref,
            attributes=dict(attributes),
            job=job,
            diff=diff,
        )

    def restage(
        self,
        run_id: RunId,
        attributes: Mapping[str, Value],
        job: protocol.Job,
        opref: str | None = None,
        new_source: bool = False,
        force: bool = False,
        diff: str = "",
        contents: Mapping[str, int] | None = None,
    ) -> protocol.Made:
        return self.ask(
            Functions.restage,
            run_id=run_id,
            attributes=dict(attributes),
            job=job,
            opref=opref,
            new_source=new_source,
            force=force,
            diff=diff,
            contents=dict(contents or {}),
        )

    def recipe(self, run: str) -> protocol.Recipe:
        return self.ask(Functions.recipe, run=run)

    def candidates(
        self, requires: Sequence[protocol.RequirementForm], flags: Mapping[str, Value]
    ) -> dict[str, protocol.RequiredRun]:
        return self.ask(
            Functions.candidates,
            requires=list(requires),
            flags=dict(flags),
            scheduler=self.scheduler,
        )

    def copy_source(self, run_id: RunId, root: str, files: Sequence[str], run_dir: str = "") -> str:
        return self.ask(
            Functions.copy_source, run_id=run_id, root=root, files=list(files), run_dir=run_dir
        )

    def digests(self, paths: Sequence[str]) -> dict[str, str]:
        return self.ask(Functions.digests, paths=list(paths))

    def adopt_source(
        self, run_id: RunId, source: RunId, run_dir: str = "", project: str = ""
    ) -> None:
        self.ask(
            Functions.adopt_source, run_id=run_id, source=source, run_dir=run_dir, project=project
        )

    def keep_files(self, run_id: RunId, root: str, files: Sequence[str]) -> None:
        self.ask(Functions.keep_files, run_id=run_id, root=root, files=list(files))

    def add_files(
        self,
        run_id: RunId,
        requires: Sequence[protocol.RequirementForm],
        root: str = "",
        run_dir: str = "",
    ) -> list[str]:
        return self.ask(
            Functions.add_files,
            run_id=run_id,
            requires=list(requires),
            root=root,
            run_dir=run_dir,
        )

    def install(
        self,
        run_id: RunId,
        wheel: str,
        folder: str,
        contents: Mapping[str, protocol.ContentForm],
        sent: Mapping[str, str] | None = None,
    ) -> protocol.Wanting:
        return self.ask(
            Functions.install,
            run_id=run_id,
            wheel=wheel,
            folder=folder,
            contents=dict(contents),
            sent=dict(sent or {}),
        )

    def mark_staged(self, run_id: RunId) -> None:
        self.ask(Functions.mark_staged, run_id=run_id)

    def discard(self, run_id: RunId, maker: str | None = None) -> None:
        self.ask(Functions.discard, run_id=run_id, maker=maker)

    def command(self, job: protocol.Job) -> list[str]:
        return self.ask(Functions.command, job=job)

    def start(
        self,
        run_id: RunId,
        run_dir: str = "",
        secrets: Mapping[str, str] | None = None,
        wait_free: bool = False,
    ) -> protocol.Started:
        """Start a run, or, where runs are jobs of a scheduler, have it be one."""
        if self.scheduler is not None:
            return self.submit(run_id, self.scheduler, secrets)
        return self.ask(
            Functions.start,
            run_id=run_id,
            run_dir=run_dir,
            secrets=dict(secrets or {}),
            wait_free=wait_free,
        )

    def submit(
        self,
        run_id: RunId,
        scheduler: protocol.SchedulerForm,
        secrets: Mapping[str, str] | None = None,
    ) -> protocol.Started:
        return self.ask(
            Functions.submit, run_id=run_id, scheduler=scheduler, secrets=dict(secrets or {})
        )

    def signal_runs(self, ids: Sequence[RunId], how: str) -> protocol.Changed:
        return self.ask(Functions.signal_runs, ids=list(ids), how=how)

    def call_ended(self, ids: Sequence[RunId]) -> protocol.Changed:
        return self.ask(Functions.call_ended, ids=list(ids))

    def wait_runs(self, ids: Sequence[RunId], seconds: float) -> protocol.Waited:
        return self.ask(Functions.wait_runs, ids=list(ids), seconds=seconds)

    # ---- copies

    def survey(
        self,
        ids: Sequence[RunId],
        stamps: bool,
        look_only: bool,
        selection: protocol.SelectionForm | None,
        room: int | None = None,
        reading: bool = False,
        packing: bool = False,
        large: bool = False,
        just_looked: bool = False,
    ) -> protocol.SurveyForm:
        return self.ask(
            Functions.survey,
            ids=list(ids),
            stamps=stamps,
            look_only=look_only,
            selection=selection,
            room=room,
            reading=reading,
            packing=packing,
            large=large,
            just_looked=just_looked,
        )

    def offer(
        self,
        specs: Sequence[str],
        filters: Filters | None,
        selection: protocol.SelectionForm | None,
        room: int | None = None,
        look_only: bool = False,
        packing: bool = False,
        large: bool = False,
    ) -> protocol.Offer:
        return self.ask(
            Functions.offer,
            specs=list(specs),
            filters=filters,
            selection=selection,
            room=room,
            look_only=look_only,
            packing=packing,
            large=large,
        )

    def tracked(self) -> list[tuple[RunId, str]]:
        return self.ask(Functions.tracked)

    def expect(self, run_id: RunId, remote: str) -> None:
        self.ask(Functions.expect, run_id=run_id, remote=remote)

    def note_begun(self, run_id: RunId) -> None:
        self.ask(Functions.note_begun, run_id=run_id)

    def expected(self) -> list[protocol.Expected]:
        return self.ask(Functions.expected)

    def forget_expected(self, ids: Sequence[RunId]) -> None:
        self.ask(Functions.forget_expected, ids=list(ids))

    def note_trial(self, run_id: RunId, deal: protocol.Deal) -> None:
        self.ask(Functions.note_trial, run_id=run_id, deal=deal)

    def trials(self, ids: Sequence[RunId]) -> list[protocol.Trial]:
        return self.ask(Functions.trials, ids=list(ids))

    def trial_work(self, run_id: RunId) -> protocol.TrialWork:
        return self.ask(Functions.trial_work, run_id=run_id)

    def give_trial(self, run_id: RunId, remote: str) -> bool:
        return self.ask(Functions.give_trial, run_id=run_id, remote=remote)

    def take_trial_back(self, run_id: RunId, remote: str, why: str = "") -> None:
        self.ask(Functions.take_trial_back, run_id=run_id, remote=remote, why=why)

    def note_refused(self, ids: Sequence[RunId], remote: str, why: str) -> None:
        self.ask(Functions.note_refused, ids=list(ids), remote=remote, why=why)

    def note_trial_there(self, run_id: RunId) -> None:
        self.ask(Functions.note_trial_there, run_id=run_id)

    def absent(self, ids: Sequence[RunId]) -> list[RunId]:
        return self.ask(Functions.absent, ids=list(ids))

    def deleted(self, ids: Sequence[RunId]) -> list[RunId]:
        return self.ask(Functions.deleted, ids=list(ids))

    def foreign(self, ids: Sequence[RunId], remote: str) -> dict[RunId, str]:
        return self.ask(Functions.foreign, ids=list(ids), remote=remote)

    def overview(self) -> dict[str, protocol.Overview]:
        return self.ask(Functions.overview)

    def copies(self, ids: Sequence[RunId]) -> dict[RunId, protocol.Copy]:
        return self.ask(Functions.copies, ids=list(ids))

    def home_ids(self, remote: str | None = None) -> list[RunId]:
        return self.ask(Functions.home_ids, remote=remote)

    def seals(self, ids: Sequence[RunId]) -> dict[RunId, str]:
        return self.ask(Functions.seals, ids=list(ids))

    def linking(self, ids: Sequence[RunId]) -> dict[RunId, list[RunId]]:
        return self.ask(Functions.linking, ids=list(ids))

    def clean(self, verified: Mapping[RunId, str], home_name: str) -> protocol.Changed:
        return self.ask(Functions.clean, verified=dict(verified), home_name=home_name)

    def note_cleaned(self, ids: Sequence[RunId], remote: str) -> None:
        self.ask(Functions.note_cleaned, ids=list(ids), remote=remote)

    def tidy(self, ids: Sequence[RunId]) -> None:
        self.ask(Functions.tidy, ids=list(ids))

    def mend(self, ids: Sequence[RunId]) -> list[RunId]:
        return self.ask(Functions.mend, ids=list(ids))

    def begin_copy(
        self, states: States, remote: str, named: Sequence[RunId] | None = None
    ) -> protocol.Begun:
        ids = None if named is None else list(named)
        return self.ask(Functions.begin_copy, states=states, remote=remote, named=ids)

    def begin_push(self, states: States, sender: str, token: str) -> protocol.Begun:
        return self.ask(Functions.begin_push, states=states, sender=sender, token=token)

    def end_copy(self, incoming: str, ids: Sequence[RunId], remote: str = "") -> dict[RunId, str]:
        return self.ask(Functions.end_copy, incoming=incoming, ids=list(ids), remote=remote)

    def settle_copy(
        self, states: States, remote: str = "", began: int | None = None
    ) -> dict[RunId, str]:
        return self.ask(Functions.settle_copy, states=states, remote=remote, began=began)

    def reopen_copy(self, run_id: RunId, remote: str) -> bool:
        return self.ask(Functions.reopen_copy, run_id=run_id, remote=remote)

    def confirm_unchanged(self, states: States, remote: str) -> list[RunId]:
        return self.ask(Functions.confirm_unchanged, states=states, remote=remote)

    def unchanged(self, states: States, remote: str) -> list[RunId]:
        return self.ask(Functions.unchanged, states=states, remote=remote)

    def lose(self, ids: Sequence[RunId], remote: str) -> list[RunId]:
        return self.ask(Functions.lose, ids=list(ids), remote=remote)

    def free(
        self, spec: Mapping[str, str], needs: protocol.NeedsForm | None = None
    ) -> protocol.Free:
        return self.ask(Functions.free, spec=dict(spec), needs=needs)

    def find_again(self, run: str) -> protocol.Found:
        return self.ask(Functions.find_again, run=run)

    def note_copied(self, files: Mapping[RunId, Sequence[str]]) -> None:
        self.ask(Functions.note_copied, files=files)

    def copied_files(self, ids: Sequence[RunId]) -> dict[RunId, list[str]]:
        return self.ask(Functions.copied_files, ids=list(ids))

    def merge_notes(self, theirs: Mapping[RunId, Notes], remote: str) -> dict[RunId, list[str]]:
        return self.ask(Functions.merge_notes, theirs=theirs, remote=remote)

    def notes_to_send(self, ids: Sequence[RunId], remote: str) -> dict[RunId, SentNotes]:
        return self.ask(Functions.notes_to_send, ids=list(ids), remote=remote)

    def take_notes(self, sent: Mapping[RunId, SentNotes]) -> dict[RunId, list[str]]:
        return self.ask(Functions.take_notes, sent=sent)

    def keep_sent(
        self,
        sent: Mapping[RunId, SentNotes],
        conflicts: Mapping[RunId, Sequence[str]],
        remote: str,
    ) -> None:
        self.ask(Functions.keep_sent, sent=sent, conflicts=conflicts, remote=remote)

    # ---- the host itself

    def home_name(self, make: bool) -> str:
        return self.ask(Functions.home_name, make=make)

    def python(self) -> protocol.Python:
        return self.ask(Functions.python)

    def network(self) -> str:
        return self.ask(Functions.network)

    def clock(self) -> float:
        return self.ask(Functions.clock)

    def checkup(self, rsync: str = "rsync") -> protocol.Checkup:
        return self.ask(Functions.checkup, rsync=rsync)

    def try_environment(self, spec: Mapping[str, str]) -> protocol.Activated:
        return self.ask(Functions.try_environment, spec=dict(spec))

    def initialize(self, on_bytes: OnBytes, script: str, seconds: float) -> protocol.Exited:
        return self.stream(
            Functions.initialize,
            lambda _, data: on_bytes(data),
            script=script,
            seconds=seconds,
        )

    def initialized(self, script: str) -> str:
        return self.ask(Functions.initialized, script=script)

    def provide(
        self,
        on_line: OnBytes,
        run_id: RunId,
        requires: Sequence[str],
        python_requires: str = "",
        run_dir: str = "",
    ) -> None:
        self.stream(
            Functions.provide,
            lambda _, line: on_line(line),
            run_id=run_id,
            requires=list(requires),
            python_requires=python_requires,
            run_dir=run_dir,
        )

    def environments(
        self, remove: bool = False, before: float | None = None
    ) -> list[protocol.KeptEnvironment]:
        return self.ask(Functions.environments, remove=remove, before=before)

    def installed_packages(self, environment: Mapping[str, str]) -> list[protocol.InstalledPackage]:
        return self.ask(Functions.installed_packages, environment=dict(environment))

    def package_files(self, folder: str) -> list[protocol.PackageFile]:
        return self.ask(Functions.package_files, folder=folder)

    def altered_inputs(self, ids: Sequence[RunId]) -> dict[RunId, list[str]]:
        return self.ask(Functions.altered_inputs, ids=list(ids))

    def without_altered(self, ids: Sequence[RunId]) -> dict[RunId, list[tuple[str, int]]]:
        return self.ask(Functions.without_altered, ids=list(ids))

    def leavings(self, before: float | None = None, remove: bool = False) -> list[protocol.Leaving]:
        return self.ask(Functions.leavings, before=before, remove=remove)

    def clean_contents(self, seconds: float = 0, remove: bool = False) -> list[protocol.Leaving]:
        return self.ask(Functions.clean_contents, seconds=seconds, remove=remove)

    def clean_agents(self, keep: str) -> None:
        self.ask(Functions.clean_agents, keep=keep)
