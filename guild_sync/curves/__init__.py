"""Scalars as curves: drawn in the terminal, and as pictures.

Others have `runs_drawn.gathered` ask a host for what is to be drawn, make a `curve.Plot` of it by
`runs_drawn.curves_of` or `scatter_of`, and draw that by `on_terminal.drawn` or `pictures.write`;
`differing` shortens the labels below it; `lacking` has the errors that nothing is there to be
drawn. `scale` has the axes, of other drawings too.
"""
