"""All remotes and their runs at one glance, again and again.

Others call `showing.show`, which shows them as the terminal, or the pipe, can.
"""
