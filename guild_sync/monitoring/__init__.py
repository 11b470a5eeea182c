"""How remotes stand, asked or from memory.

Others call `check.here` and `there`, `reach.answers`, `standings.standings`,
`verification.verifications` and `metrics.write`. `probe` looks at one new connection.
"""
