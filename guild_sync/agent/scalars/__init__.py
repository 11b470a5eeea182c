"""Scalars: the numbers that a run prints by name, kept with it as series and their summaries.

Others call `collecting.Collector` as output comes, and `kept.summaries`, `kept.points_of` for
what a run has.
"""
