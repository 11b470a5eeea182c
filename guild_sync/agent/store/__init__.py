"""A run's directory, as Guild AI 0.9 reads and writes it.

Others call `rundir` for its attributes, marks and status, `attrs` for values as text, `locks`,
`rest`, `job`, `manifest`, `home`, and `atomic.write_atomically`.
"""
