"""Runs that are jobs of a scheduler: submitted once, asked after, ended.

What a scheduler is to all others has its face in `face`; what a job can ask for,
`options` tells; which job a run is, `records` knows.
"""
