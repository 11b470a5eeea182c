"""Runs beside each other: their table, its order, its colours.

Others call `together.compared` with `columns.WantedColumns` for a `SideBySide`, which `page.lines`,
`sheet.text` and `record.of` show, and `viewer.view` as a table to move through.
"""
