from pathlib import Path

print("counted in", "/".join(Path(__file__).parts[-3:]))
