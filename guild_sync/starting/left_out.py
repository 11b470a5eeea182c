"""What `guild run` of Guild AI takes and this one does not, each with what to do instead."""

from __future__ import annotations

from collections.abc import Sequence

from guild_sync.errors import UsageError

_OPTIMIZERS = (
    "give flags several values, FLAG=[1,2,3] or FLAG=[0:1:0.1]; --max-trials N draws N of them"
)
_BATCH = "a batch has what its trials are given: --label, --tag, --comment"
_PDB = "run the module by itself in the project's folder: python -m pdb -m MODULE"
# By all names of the option: what to do instead.
INSTEAD = {
    ("--break", "--break-on-error"): _PDB,
    ("-e", "--edit-flags"): "give them as FLAG=VALUE, or many in a file: @FILE",
    ("--save-trials",): "--print-trials shows them; those of a file are run by @FILE",
    ("-o", "--optimizer"): _OPTIMIZERS,
    ("-O", "--optimize"): _OPTIMIZERS,
    ("-N", "--minimize"): "'guild compare --min COLUMN' and 'guild select --min COLUMN' find it",
    ("-X", "--maximize"): "'guild compare --max COLUMN' and 'guild select --max COLUMN' find it",
    ("-Fo", "--opt-flag"): _OPTIMIZERS,
    ("-ec", "--edit-comment"): "--comment TEXT, or 'guild comment' afterwards",
    ("-ebc", "--edit-batch-comment"): _BATCH,
    ("-bl", "--batch-label"): _BATCH,
    ("-bt", "--batch-tag"): _BATCH,
    ("-bc", "--batch-comment"): _BATCH,
    ("--debug-sourcecode",): _PDB,
    ("--force-deps",): "'optional: yes' of what is required, in guild.yml",
    ("--pidfile",): "--background starts it, and 'guild stop' ends it: no pid is needed",
    ("--help-model",): "'guild models -v' tells of models, 'guild ops' of their operations",
}


def error_of(argv: Sequence[str]) -> UsageError | None:
    """The error for the first option that is left out on purpose; None where there is none."""
    for word in argv[: [*argv, "--"].index("--")]:
        name = word.partition("=")[0]
        for names, instead in INSTEAD.items():
            if name in names:
                return UsageError(f"{name} is left out here: {instead}")
    return None
