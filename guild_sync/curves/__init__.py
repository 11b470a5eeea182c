"""Scalars as curves: drawn in the terminal, and as pictures.

Others make a `curve.Plot`, and call `on_terminal.drawn` or `pictures.write`.
"""
