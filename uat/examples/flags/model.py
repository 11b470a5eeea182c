"""No options: what it goes by are globals."""

from types import SimpleNamespace

rate = 0.1
layers = (64, 32)
steps = {1: "warm up", 10: "go on"}
options = {"seed": 1, "net": {"depth": 2}}
args = SimpleNamespace(width=8, name="small")

print(rate, layers, steps)
print(options)
print(args.width * 2, args.name)
