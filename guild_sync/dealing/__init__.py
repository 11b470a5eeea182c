"""Batches over several remotes: their trials are made here, and each is dealt to one of these.

Others call `making.made` for a batch, `dealer.dealer` for who deals while remotes are visited,
`batches.find` and its neighbours for what is kept of one,
`waiting.wait` to deal and bring home until all is over, `ending.stop` to end a batch.
"""
