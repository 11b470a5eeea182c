"""Runs beside each other: their columns, their order, and which of them is best.

Others call `ranking.choose`, `compared.compared` and `listed.listed` by name alone, and
`objective.said_of`, by what a run is judged.
"""
