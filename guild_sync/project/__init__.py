"""What guild.yml of a project offers.

Others call `guildfile.load` and `of_script` for a `definitions.Project`, `operations.find` and
`with_steps`, `flags.flag_values`, `values.shown`, `batches.trials`, `sourcecode.source` and
`wheel.build`; `builtin` has the operations that need no project.
"""
