"""What the agent can be asked, by name: the same functions here and on a remote."""

from __future__ import annotations

import os
from importlib import import_module
from typing import (
    Callable,
    Dict,
    Generator,
    Generic,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    TypeVar,
)

from . import protocol
from .errors import AgentError

T = TypeVar("T")
Nothing = type(None)
Packets = Generator[protocol.Packet, None, T]


class Function(Generic[T]):
    """A function that takes the guild home first, and then what JSON can carry."""

    def __init__(
        self,
        place: str,
        answer: Type[T],
        slow: bool = False,
        looks: bool = False,
        scalars: Optional[Tuple[str, ...]] = None,
    ) -> None:
        """`slow`: it may take longer than a call's time limit.

        `looks`: it tells how runs are, of which a scheduler is asked before, where they are jobs.
        `scalars`: it tells runs' scalars where one of these arguments is given, or always where
        none is named; their event files are read before, on a machine that can do that.
        """
        self.place = place
        self.answer = answer
        self.slow = slow
        self.looks = looks
        self.scalars = scalars
        self.name = ""

    def __set_name__(self, _owner: object, name: str) -> None:
        self.name = name


class Stream(Function[T]):
    """One that yields packets, and then returns its answer."""

    def __init__(self, place: str, answer: Type[T], watched: bool = False) -> None:
        """`watched`: it ends early where nobody reads any more; it takes `hangup_fd`."""
        super().__init__(place, answer)
        self.watched = watched


class Functions:
    """All of them: their names, where they are, and what they answer."""

    absent = Function("copies.tracked.absent", List[protocol.RunId])
    add_files = Function("staging.requirements.add_files", List[str], slow=True)
    adopt_source = Function("staging.source.adopt_source", Nothing)
    altered_inputs = Function("contents.inputs.altered", Dict[protocol.RunId, List[str]], slow=True)
    without_altered = Function(
        "contents.inputs.without_altered",
        Dict[protocol.RunId, List[Tuple[str, protocol.Count]]],
        slow=True,
    )
    begin_copy = Function("copies.marks.begin", protocol.Begun)
    begin_push = Function("copies.marks.begin_push", protocol.Begun)
    beginning = Function("catalog.describe.beginning", List[protocol.Known])
    call_ended = Function("running.stop.call_ended", protocol.Changed)
    candidates = Function(
        "staging.requirements.candidates", Dict[str, protocol.RequiredRun], looks=True
    )
    checkup = Function("machine.checkup.checkup", protocol.Checkup)
    choose = Function(
        "comparing.ranking.choose",
        List[protocol.Picked],
        looks=True,
        scalars=("attr", "lowest", "highest"),
    )
    clean = Function("copies.cleaned.clean", protocol.Changed, slow=True)
    clean_agents = Function("leavings.clean_agents", Nothing)
    clean_contents = Function("contents.unused.unused", List[protocol.Leaving], slow=True)
    clock = Function("machine.checkup.clock", protocol.Seconds)
    cluster = Function("explaining.cluster", protocol.ClusterForm)
    command = Function("running.runner.command", List[str])
    comment = Function("catalog.changes.comment", protocol.Changed)
    confirm_unchanged = Function("copies.marks.confirm_unchanged", List[protocol.RunId])
    compared = Function(
        "comparing.compared.compared", protocol.ComparedListing, looks=True, scalars=()
    )
    copies = Function("copies.tracked.copies", Dict[protocol.RunId, protocol.Copy])
    copied_files = Function("copies.copied.copied_files", Dict[protocol.RunId, List[str]])
    copy_source = Function("staging.source.copy_source", str)
    deleted = Function("copies.tracked.deleted", List[protocol.RunId])
    delete_runs = Function("catalog.trash.delete", protocol.Changed, slow=True)
    digests = Function("contents.digests.digests_of", Dict[str, str], slow=True)
    discard = Function("staging.stage.discard", Nothing)
    end_copy = Function("copies.marks.end", Dict[protocol.RunId, str])
    ending = Function("files.output.ending", str)
    environments = Function(
        "environments.kept.environments", List[protocol.KeptEnvironment], slow=True
    )
    expect = Function("copies.expected.expect", Nothing)
    expected = Function("copies.expected.expected", List[protocol.Expected])
    export_runs = Function("archives.exporting.export", protocol.Exported, slow=True)
    fill_listed = Function("archives.looking.fill", Nothing, slow=True)
    find_again = Function("copies.marks.find_again", protocol.Found)
    foreign = Function("copies.marks.foreign_to", Dict[protocol.RunId, str])
    free = Function("capacity.free.free", protocol.Free)
    forget_expected = Function("copies.expected.forget", Nothing)
    glance = Function("glancing.glance", protocol.Glance, looks=True)
    glanced = Function("glancing.glanced", List[protocol.GlancedRun], looks=True)
    give_trial = Function("catalog.trials.give_trial", bool)
    home_ids = Function("copies.tracked.home_ids", List[protocol.RunId])
    home_name = Function("store.home.home_name", str)
    import_runs = Function("archives.importing.import_runs", protocol.Imported, slow=True)
    in_trash = Function("catalog.trash.in_trash", Dict[protocol.RunId, protocol.Deleted], slow=True)
    info = Function("catalog.describe.info", protocol.Info, looks=True, scalars=())
    initialized = Function("machine.initialize.initialized", str)
    install = Function("staging.install.install", protocol.Wanting, slow=True)
    installed_packages = Function(
        "machine.packages.installed_packages", List[protocol.InstalledPackage], slow=True
    )
    keep_files = Function("staging.requirements.keep_files", Nothing)
    keep_sent = Function("copies.notes.keep_sent", Nothing)
    label = Function("catalog.changes.label", protocol.Changed)
    leavings = Function("leavings.leavings", List[protocol.Leaving])
    linking = Function(
        "copies.cleaned.linking", Dict[protocol.RunId, List[protocol.RunId]], slow=True
    )
    list_details = Function("catalog.describe.list_details", protocol.DetailedListing, looks=True)
    list_files = Function("files.tree.list_files", protocol.Files)
    listed = Function(
        "comparing.listed.listed",
        protocol.ListedRuns,
        looks=True,
        scalars=("asked", "sort", "scalars"),
    )
    lines = Function("catalog.describe.lines", List[protocol.RunLine], looks=True)
    list_runs = Function("catalog.describe.list_runs", protocol.Listing, looks=True)
    look_into = Function("archives.looking.look", protocol.Contents, slow=True)
    lose = Function("copies.marks.lose", List[protocol.RunId])
    mark = Function("catalog.changes.mark", protocol.Changed)
    mark_staged = Function("staging.stage.mark_staged", Nothing)
    matching = Function("catalog.describe.matching", protocol.MaybeRun, looks=True)
    mend = Function("copies.tracked.mend", List[protocol.RunId])
    merge_notes = Function("copies.notes.merge_notes", Dict[protocol.RunId, List[str]])
    note_cleaned = Function("copies.cleaned.note_cleaned", Nothing)
    note_copied = Function("copies.copied.note_copied", Nothing)
    note_begun = Function("copies.expected.note_begun", Nothing)
    note_scalars = Function("scalars.derived.note_scalars", Nothing)
    note_refused = Function("catalog.trials.note_refused", Nothing)
    note_trial = Function("catalog.trials.note_trial", Nothing)
    note_trial_there = Function("catalog.trials.note_trial_there", Nothing)
    notes_to_send = Function("copies.notes.notes_to_send", Dict[protocol.RunId, protocol.SentNotes])
    network = Function("machine.checkup.network", str)
    offer = Function("copies.offer.offer", protocol.Offer, looks=True)
    of_process = Function("comparing.ranking.of_process", protocol.RunId)
    outlines = Function("scalars.kept.outlines", Dict[str, protocol.Outline])
    output_ends = Function("files.ends.output_ends", protocol.OutputEnds)
    overview = Function("copies.tracked.overview", Dict[str, protocol.Overview])
    package_files = Function("machine.packages.package_files", List[protocol.PackageFile])
    piece = Function("files.output.piece", protocol.OutputPiece)
    positions = Function("files.output.positions", Dict[protocol.RunId, protocol.Position])
    points_of = Function(
        "scalars.kept.points_of", Dict[protocol.RunId, Dict[str, protocol.Points]], scalars=()
    )
    probe = Function("probing.probe", protocol.ProbeForm, slow=True)
    purge_runs = Function("catalog.trash.purge", protocol.Changed, slow=True)
    python = Function("machine.upkeep.python", protocol.Python)
    recipe = Function("staging.restage.recipe", protocol.Recipe, looks=True)
    reopen_copy = Function("copies.marks.reopen", bool)
    restage = Function("staging.restage.restage", protocol.Made)
    restore_runs = Function("catalog.trash.restore", protocol.Changed)
    scalars_of = Function(
        "comparing.listed.scalars_of",
        Dict[protocol.RunId, Dict[str, protocol.ScalarForm]],
        scalars=(),
    )
    seals = Function("copies.cleaned.seals", Dict[protocol.RunId, str], slow=True)
    settle_copy = Function("copies.marks.settle", Dict[protocol.RunId, str])
    signal_runs = Function("running.stop.signal_runs", protocol.Changed)
    select = Function("catalog.find.select", List[protocol.RunId], looks=True)
    stage = Function("staging.stage.stage", protocol.Made)
    stage_in = Function("staging.restage.stage_in", protocol.Made)
    start = Function("staging.spawn.start", protocol.Started)
    submit = Function("batches.arrays.submit", protocol.Started, slow=True)
    states = Function("store.rundir.states", Dict[protocol.RunId, protocol.State], looks=True)
    summaries = Function("catalog.describe.summaries", List[protocol.Run], looks=True)
    survey = Function("copies.survey.survey", protocol.SurveyForm, looks=True)
    tag = Function("catalog.changes.tag", protocol.Changed)
    take_trial_back = Function("catalog.trials.take_trial_back", Nothing)
    tidy = Function("copies.marks.tidy", Nothing)
    take_notes = Function("copies.notes.take_notes", Dict[protocol.RunId, List[str]])
    tracked = Function("copies.tracked.tracked", List[Tuple[protocol.RunId, str]])
    trial_work = Function("catalog.trials.trial_work", protocol.TrialWork)
    trials = Function("catalog.trials.trials", List[protocol.Trial])
    try_environment = Function("machine.checkup.try_environment", protocol.Activated, slow=True)
    unchanged = Function("copies.marks.unchanged", List[protocol.RunId])
    unnoted_scalars = Function(
        "remembering.eventless.unnoted", Dict[protocol.RunId, Dict[str, str]], slow=True
    )
    unknown_names = Function("catalog.names.unknown_names", Dict[str, List[str]])
    wait_runs = Function("running.stop.wait_runs", protocol.Waited)
    withdraw_runs = Function("catalog.trash.withdraw", protocol.Changed)

    archive = Stream("files.archive.archive", protocol.Sent)
    await_start = Stream("files.output.await_start", bool, watched=True)
    cat = Stream("files.archive.cat", Nothing)
    follow = Stream("files.output.follow_all", Nothing, watched=True)
    initialize = Stream("machine.initialize.initialize", protocol.Exited, watched=True)
    provide = Stream("environments.provide.provide", Nothing)
    watch = Stream("files.output.watch", Nothing, watched=True)


TABLE: Dict[str, "Function[object]"] = {
    name: function for name, function in vars(Functions).items() if isinstance(function, Function)
}


def function_called(name: str) -> "Function[object]":
    """The function of that name. Raises AgentError where there is none."""
    if name not in TABLE:
        raise AgentError("the agent has no function %r" % name[:80])
    return TABLE[name]


def tells_scalars(function: "Function[T]", args: Mapping[str, object]) -> bool:
    """Whether a request asks for runs' scalars."""
    asking = function.scalars
    return asking is not None and (not asking or any(args.get(name) for name in asking))


def has_expression(args: Mapping[str, object]) -> bool:
    """Whether a request has a filter that may be about scalars."""
    filters = args.get("filters")
    return "expression" in args or (isinstance(filters, dict) and "expression" in filters)


def looked(home: str, asked: Sequence[Mapping[str, object]]) -> Optional[str]:
    """Have the runs that are asked about be as their scheduler says, which is asked once for all.

    `asked` has the arguments of functions that look.

    None: it was not asked, for most guild homes have no jobs; a text: why it cannot be, and empty
    where it has answered.
    """
    if not os.access(os.path.join(home, "jobs"), os.F_OK):
        return None
    of_runs = [args for args in asked if not _looks_away(args)]
    if not of_runs:
        return None
    from .judging import looks

    ids: Optional[Set[str]] = set()
    for args in of_runs:
        named = _runs_named(args)
        ids = None if named is None or ids is None else ids | named
    return looks.look_once(home, ids)


def _looks_away(args: Mapping[str, object]) -> bool:
    """Whether nothing is to be changed, or what is asked about has ended, or was just seen."""
    return bool(args.get("look_only") or args.get("deleted") or args.get("just_looked"))


def _runs_named(args: Mapping[str, object]) -> Optional[Set[str]]:
    """The runs that a request is about; None where it does not say that by their ids."""
    named = args.get("ids", args.get("specs"))
    if not isinstance(named, list):
        named = [args.get("run", args.get("spec"))]
    ids = {name for name in named if isinstance(name, str) and protocol.RUN_ID.match(name)}
    return ids if (ids and len(ids) == len(named)) or "ids" in args else None


def call(home: str, function: "Function[T]", args: Dict[str, object]) -> T:
    """The answer of one function; AgentError where it cannot be given."""
    # Imported only when it is asked for: an agent starts anew for each request.
    module, _, name = function.place.rpartition(".")
    try:
        found: Callable[..., T] = getattr(import_module("." + module, __package__), name)
        return found(home, **args)
    except OSError as e:
        raise AgentError("%s (%s)" % (e.strerror or e, e.filename or home)) from None


def packets(home: str, function: "Stream[T]", args: Dict[str, object]) -> "Packets[T]":
    """The packets that one stream sends, and then its answer; AgentError where it fails."""
    module, _, name = function.place.rpartition(".")
    try:
        found: Callable[..., Packets[T]] = getattr(import_module("." + module, __package__), name)
        return (yield from found(home, **args))
    except OSError as e:
        raise AgentError("%s (%s)" % (e.strerror or e, e.filename or home)) from None
