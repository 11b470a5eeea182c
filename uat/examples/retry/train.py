"""Trains for some epochs, each of which ends with a checkpoint."""

from pathlib import Path

checkpoint = Path("checkpoint")
epoch = int(checkpoint.read_text()) if checkpoint.exists() else 0
print("epoch", epoch)
checkpoint.write_text(str(epoch + 1))
if epoch < 2:
    raise SystemExit("CUDA error: the GPU has fallen off the bus")
