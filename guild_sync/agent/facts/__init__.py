"""What a system tells of its processes: by `/proc`, or by `ps` and `sysctl` where there is none.

Others ask `here`, which chooses; what it answers is told in `telling`, `Process` and `Untold`.
`ends` has the end of a process as an event, `dying.die_with_parent` a child that ends with us,
`by_proc.first_line` the small files of /proc, `by_proc.work_of` what a process has done,
`asking.said` what a program says.
No fact is guessed: what a system does not tell raises `Untold`, or is None where that is said.
"""
