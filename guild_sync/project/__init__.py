"""What a project offers: its operations, their flags, its source code.

`definitions` has the records. Others call `operations.find` and `with_steps`,
`flags.flag_values`, `module_flags.module_flags`, `values.shown`, `batches.trials`,
`sourcecode.source`, `selecting.NO_COPY`, `revision.revision` and `wheel.build`; `builtin` has the
operations that need no project.
"""
