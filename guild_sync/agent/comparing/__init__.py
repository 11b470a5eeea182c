"""Runs beside each other: their columns, their order, and which of them is best.

Others call `ranking.choose` and `compared.compared` by name alone; `columns.column` and
`columns.cell` are what a column's text means, `objective.said_of` by what a run is judged.
"""
