"""A folder of pages that shows the runs and the fleet in any browser.

Others call `writing.write`; `folder` is where its pages lie.
"""
