"""What a host has for runs, and which run has what of it.

A runner takes by `taking.take` what is a `taking.Possession` until it is released; how it waits is
a `taking.Waiting`. `free.free` tells what is free.
"""
