"""Scalars: the numbers that a run prints by name, kept with it as series and their summaries.

Others call `collecting.Collector` as output comes, and `kept.summaries`, `kept.points_of` for
what a run has; `patterns` is what guild.yml can say of them, `reading.ScalarReader` finds
that in an output. `derived.event_files` are those of TensorBoard that a run
has; whoever reads them gives what he has found to `derived.note_scalars`.
"""
