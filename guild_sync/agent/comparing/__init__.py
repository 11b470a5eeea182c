"""Runs beside each other: their columns, their order, and which of them is best.

Others call `ranking.choose`, `compared.compared` and `listed.listed` by name alone;
`columns.split`, `column` and `cell` are what a column's text means, `listed.in_order` how runs
of several hosts are sorted, `objective.said_of` by what a run is judged.
"""
