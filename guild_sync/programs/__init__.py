"""The options of Python programs, read from their source: nothing of it is executed.

`project/module_flags.py` asks `argparse_options.options`, `click_options.options` and
`fire_arguments.arguments`; `modules.find_module` finds the file, `modules.why_missing` and
`is_installed` tell of one that is not there, `module_sources` reads it; `offered` has the records,
`spelling` how values are written, and `literals` the values that a source spells out.
"""
