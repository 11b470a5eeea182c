"""How remotes stand, asked or from memory.

Others call `check.here` and `there`, `reach.answers`, `standings.standings`,
`verification.verifications` and `metrics.write`. `probe` looks at one new connection,
`speed` at the line that it goes over; a `line` is one of `guild check`.
`cleaning.clean_all` removes from remotes what is home, as their config says; `keep_in_mind` writes
down which guild home one has.
"""
