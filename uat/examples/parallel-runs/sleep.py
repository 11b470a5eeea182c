"""Sleep, and say when it begins and ends."""

import time

sleep = 1

print(f"Sleeping for {sleep} second(s)", flush=True)
time.sleep(sleep)
print("Done", flush=True)
