"""The files of a run: listed, read, followed, left out.

Others call `left_out` for what a copy leaves out and its notes, `last_line.last_line`, and
`patterns`. `tree`, `output`, `ends` and `archive` are called by name alone, and open files
through `reading`.
"""
