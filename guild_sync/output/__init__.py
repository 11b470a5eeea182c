"""Lines, tables, colours, progress, log: cleaned, and as wide as the terminal.

Others call `console.say`, `warn` and `confirm`, `tables.table`, `runs.run_row`,
`terminal.clean`, `formats.date` and `size`, `progress.progress`, `log.Log`, `bugs.report`, the
forms of `records`, and `extra.need`.
"""
