"""Terminals taken for a while: drawn over again and again, and worked with by keys.

Others call `redrawing.redrawn` for what is looked at until it is over, `own_screen.own_screen` for
lines that somebody leaves, and build what has keys from `keyed.KeyedApp`, `row_table.RowTable`,
`line_table.LineTable`, `pages.PageScreen` and `pages.AskScreen`. The last four need textual.
"""
