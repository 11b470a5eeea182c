"""A run's directory, as Guild AI 0.9 reads and writes it.

Others call `rundir` for its attributes, marks and status, `attrs` for values as text, `locks`,
`identity` of processes, `attempts`, `rest`, `job`, `manifest`, `revision`, `home`, `atomic` for
small files, and `inside` for whatever else is opened, made or removed in a run.
"""
