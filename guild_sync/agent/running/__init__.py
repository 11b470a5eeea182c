"""The processes of a run: its runner, and operations that are the agent itself.

`runner` holds the run, `operation` is the process in it, `op_main` the program of a module,
`retries` whether it is run again, `limits` how long it may take;
`series` and `queues` are the operations of pipelines, batches and queues, and `saying` what they
print; `stop` ends runs. `flag_files` gives a run what
its flags need, and `nested` puts values into mappings and objects, for others too.
"""
