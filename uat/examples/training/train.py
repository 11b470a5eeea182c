"""Take steps towards the lowest loss, which is at lr = 0.2, and print it at each."""

import time

lr = 0.1
steps = 4
pause = 0.5

for step in range(steps):
    time.sleep(pause)
    loss = (lr - 0.2) ** 2 + 1 / (step + 4)
    print(f"loss: {loss:.4f} (step {step})", flush=True)
