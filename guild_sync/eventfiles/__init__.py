"""TensorBoard's event files: which of runs are not read yet, read for scalars, and written.

Others call `noting.note_for` before the scalars of runs here are asked for, and `folders.write_all`
to have TensorBoard show runs.
"""
