"""What was read of runs, remembered while the files that it was read from are as they were then.

Others call `looks.of`, `looks.of_values` and the looks that these hand out, `remembered.kept` and
`remembered.file_system`, `beside.is_sooner` and `beside.by_halves`.
"""
