"""Lines, tables, colours, progress, log: cleaned, and as wide as the terminal.

Others call `console.say`, `warn` and `confirm`, `tables.table`, `runs.run_row`,
`cells.scalar` and `last_ones`, `terminal.clean`, `formats.shown`, `date`, `lasted` and `size`,
`progress.progress`, `log.Log`, `bugs.report`, `extra.need`, `whole_files.write`, and the forms of
`records`.
"""
