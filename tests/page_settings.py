"""What each page for people assumes: a project, runs, remotes; and which lines are special."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from page_world import RunBefore, Setting
from pages import Snippet, parts_of

_FLAGS = "lr: 0.1, epochs: 10, rate: 0.5"
GUILDFILE = """\
train: {main: train, default: yes, objective: loss, flags: {lr: 0.1, epochs: 10, rate: 0.5}}
op: {exec: 'sleep ${sleep}', flags: {sleep: 0}}
fails: {exec: "false"}
prepare: {exec: touch table.npz}
"""
TRAIN = """\
import os, time
lr = 0.1
epochs = 2
rate = 0.5
breaks = False
waits = False
says = ""

print(says.replace(";;", chr(10)), flush=True)
if breaks:
    raise RuntimeError("CUDA out of memory")
while waits and not os.path.exists("go-on"):
    time.sleep(0.02)
for step in range(0 if says else epochs):
    print("loss: %g (step %d)" % (lr + 1 / (step + 1), step))
    print("acc: %g (step %d)" % (1 - lr / (step + 1), step))
open("result.txt", "w").write("fine")
open("result.csv", "w").write("a,b")
open("model.bin", "w").write("model")
"""
NET = {"guild.yml": GUILDFILE, "train.py": TRAIN, "output.txt": "loss: 0.5\n"}
# The one of the example, which sleeps until it is told to wake.
SLEEP = """\
import os, time
sleep = 5
print("Sleeping for %i second(s)" % sleep, flush=True)
while not os.path.exists("go-on"):
    time.sleep(0.02)
print("Done")
"""
# A program as it is before guild comes.
OWN = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=10)
args = parser.parse_args()
print("loss: 0.25")
"""


def _run(lr: float, loss: float, acc: float, **attrs: str | int | list[str]) -> RunBefore:
    scalars = {"loss": [1, 0.5, loss], "acc": [0.1, 0.5, acc], "val_loss": [1, 0.5, loss]}
    return RunBefore({"lr": lr, "rate": lr}, scalars, attrs)


FIVE = tuple(_run(lr / 10, abs(lr - 3) / 10 + 0.1, 0.9) for lr in range(1, 6))
THREE = (_run(0.2, 0.26, 0.89), _run(0.3, 0.25, 0.9), _run(0.4, 0.26, 0.89))
ORDINARY = Setting(files=NET, runs=FIVE, runs_there=THREE)

_NETWORK = "installs packages, which need a network"
_NEW = (("(yes/no/[fingerprint])?", "yes"),)
_WAITS = "guild run train waits=yes --no-wait -y"
_WAITS_THERE = "guild run train waits=yes -r gpu1 --no-wait -y"
_A_BYTE_IS_LOST = (
    "f=$(ls ~/.guild/runs/*/model.bin | head -n 1); touch -r $f time; printf x |"
    " dd of=$f conv=notrunc status=none; touch -r time $f"
)
_THREE = ("gpu1", "gpu2", "old")
_TWO = ("gpu1", "gpu2")
_COLUMNS = [
    RunBefore({"lr": lr}, {"loss": [1, loss], "val/acc": [0.5, 0.9]})
    for lr, loss in ((0.2, 0.3), (0.1, 0.2), (0.3, 0.4))
]
# What goes on until something was seen of it, then ends with what it watches.
_UNTIL_SEEN = "> ~/seen & while [ ! -s ~/seen ]; do sleep 0.02; done; let-end ~/..; wait $!"
CTRL_C = "\x03"


def _printing(remote: str, label: str, *lines: str) -> list[str]:
    """What starts a run on a remote that prints these lines, and goes on; and waits for them."""
    text = ";;".join(lines)
    start = f"guild run train says='{text}' waits=yes -r {remote} -l {label} --no-wait -y"
    return [start, f"await-text {remote} '{lines[-1]}'"]


SETTINGS: Mapping[str, Setting] = {
    "README.md": Setting(
        files={"train.py": OWN},
        remotes=(),
        is_new=True,
        on_terminal={"guild remote add gpu1 you@gpu1.example.com": _NEW},
        instead={"you@": "{user}@", "/srv/www": "{top}/www"},
        before={
            "guild run train epochs=3 -r gpu1 --no-wait": [
                "guild init",
                "guild remote add -y gpu1 you@gpu1.example.com",
            ],
            "guild stop 1": [
                "echo 'long: {exec: sleep 600}' >> guild.yml",
                "guild run long --no-wait -y",
            ],
            "guild run --restart 1": ["guild run train -y"],
            "guild init": ["rm guild.yml ~/.guild/config.yml ~/known_hosts"],
        },
        parsed_only={"pipx install .": _NETWORK},
    ),
    "docs/archives.md": replace(
        ORDINARY,
        before={"guild export best.zip -Ft paper": ["guild tag 1:2 -a paper -y"]},
    ),
    "docs/columns.md": replace(
        ORDINARY,
        runs=_COLUMNS,
        runs_there=_COLUMNS,
        ends={"guild runs --columns los": (0, "is a warning")},
    ),
    "docs/comparing.md": replace(
        ORDINARY,
        runs=[
            RunBefore({"lr": lr}, {"loss": [loss], "acc": [acc]}, {"label": f"lr={lr}"})
            for lr, loss, acc in ((0.2, 0.26, 0.89), (0.3, 0.25, 0.9), (0.4, 0.26, 0.89))
        ],
    ),
    "docs/daily-use.md": replace(
        ORDINARY,
        gpus={"gpu1": (), "gpu2": ()},
        instead={"guild watch --pid 4711": f"guild watch --pid $(cat ~/pid) {_UNTIL_SEEN}"},
        before={
            "guild watch --pid 4711": [_WAITS, "guild info 1 | sed -n 's/^pid: //p' > ~/pid"],
            "guild logs 1": ["guild run train -y"],
            "guild runs -Se": ["guild run fails -y || true"],
            "guild stop 1 -r gpu1": [_WAITS_THERE],
            "guild stop --force --timeout 5": [_WAITS],
            "guild run --restart 1": ["guild run train -y"],
            "guild runs rm -Se": ["guild run fails -y || true"],
            "guild sync -Fl best": ["guild label 1 -s best -y"],
        },
        stdin={"guild shell 1 -r gpu1": "exit 0\n"},
        ends={
            "guild forward 1 6006 -r gpu1": (1, "nothing listens there"),
        },
        parsed_only={
            "guild diff -p result.txt -c meld": "meld is a program with windows",
            "guild completion fish | source": "is typed into fish",
        },
    ),
    "docs/fleets.md": replace(
        ORDINARY,
        files={**NET, "guild.yml": GUILDFILE.replace(_FLAGS, "lr: 0.1")},
        config="groups: {train: [gpu1, gpu2]}\n",
        remotes=("gpu1", "gpu2", "old"),
        gpus={"gpu1": (), "gpu2": (), "here": ()},
        runs_on={
            "gpu1": (replace(THREE[0], run_id="4f5e6d7c" + 24 * "0"), *THREE),
            "old": (),
        },
        instead={
            "guild run queue": "guild run queue run-once=yes",
            "guild watch -r all": f"guild watch -r all {_UNTIL_SEEN}",
        },
        before={
            "guild watch -r all": [_WAITS_THERE],
            "guild fleet --once #2": [
                *[f"guild rm -r {name} -y" for name in _TWO],
                "busy gpu1 0 1 2",
                "busy gpu2 0 1 2 3",
                *_printing("old", "lr=0.2", "loss: 0.3"),
                *_printing("gpu1", "lr=0.01", "loss: 0.4", " 37%|███▋      | 37/100"),
                *_printing("gpu1", "lr=0.1", "loss: 0.21", "acc: 0.93", "epoch 3/10"),
                "guild run train breaks=yes -l lr=0.5 -r gpu2 -y || true",
                "guild run train -l lr=0.3 --gpus 2 --wait-free -r gpu2 --no-wait -y",
                "guild sync",
                "cp ~/.guild/config.yml ~/kept.yml",
                "sed -i '/  old:/,$s/port:.*/port: 1/' ~/.guild/config.yml",
            ],
            "guild status -w": ["cp ~/kept.yml ~/.guild/config.yml"],
            "guild runs -r all": [
                *[f"guild {what} -r {name} -y" for what in ("stop", "rm") for name in _THREE],
                "guild run train lr=0.3 -l lr=0.3 -r gpu1 -y",
                "guild run train lr=0.2 -l lr=0.2 -r gpu1 -y",
                "guild run train waits=yes -l lr=0.1 -r gpu2 --no-wait -y",
            ],
            "guild run train --gpus 2 -r gpu1": ["busy gpu1", "busy gpu2"],
            "guild run train -r gpu1,gpu2 --gpus 2 -y": ["busy gpu1 0 1 2 3", "busy gpu2 0 1"],
            "guild sync": ["rm -r ~/.guild/runs/*"],
            "guild remotes --free #2": [
                "busy gpu1",
                "guild run train waits=yes -r gpu1 --gpus 4 --no-wait -y",
                "guild run train waits=yes -r gpu1 --gpus 1 --wait-free --no-wait -y",
            ],
        },
        on_terminal={"guild runs -r all": ()},
        ends={
            "guild fleet --once #2": (3, "one is down"),
        },
        differs=[
            ("down for 2h3m", r"down(?: for [\dhms]+)?"),
            (r"10\.0\.0\.9", r"127\.0\.0\.1:1"),
            (r"trial \d \(lr=0.\d\) on gpu[12]\b", r"trial \d \(lr=0.\d\) on gpu[12]"),
            (r"\b[1-4] running\b", r"\d running"),
            ("NVIDIA A100-SXM4-80GB", "Fake"),
            (r"\d+/64|/503.5G|\b12 of 64\b|\b4 runs\b|\b98%", r"[\d./GofruMns% ]+"),
            (r"\b4\.1\b|\b51\.3\b", r"\d[\d.]*"),
        ],
    ),
    "docs/from-guild-ai.md": replace(
        ORDINARY,
        parsed_only={
            "git clone https://github.com/guildai/guildai": "is fetched from a network",
            "tools/compare-guild-ai run PROJECTS GUILD_AI theirs.jsonl": "takes an hour",
            "tools/compare-guild-ai run PROJECTS GUILD ours.jsonl --like theirs.jsonl": "the same",
            "tools/compare-guild-ai compare theirs.jsonl ours.jsonl": "the same",
            "tools/compare-guild-ai compare theirs.jsonl ours.jsonl --show files": "the same",
        },
    ),
    "docs/getting-started.md": Setting(
        files={"train.py": OWN, "../guild/uat/examples/parallel-runs/sleep.py": SLEEP},
        remotes=(),
        is_new=True,
        on_terminal={"guild remote add gpu1 you@gpu1.example.com": _NEW},
        instead={"you@": "{user}@", "cd uat": "cd ../guild/uat"},
        before={
            "guild remote start sandbox": ["guild remote logout", "rm -r ~/.guild"],
            "guild sync #2": ["let-end ~/.guild/sandboxes"],
        },
        differs=[("you@gpu1.example.com, port 22", ".*")],
        parsed_only={
            "guild remote add gpu1": "there is one of that name by then",
            "sudo apt install -y git openssh-client pipx rsync": _NETWORK,
            "git clone URL guild": _NETWORK,
            "pipx install ./guild": _NETWORK,
            "pipx ensurepath": "changes start-up files of shells",
            "uv tool install .": _NETWORK,
            "python3 -m venv ~/guild-venv && ~/guild-venv/bin/pip install .": _NETWORK,
            "make demo": "installs packages of Debian, and plays for a minute",
        },
    ),
    "docs/guildfile.md": replace(
        ORDINARY,
        files={
            **NET,
            "guild.yml": GUILDFILE.replace("main: train,", "main: train, requires: file:data.bin,")
            + "all: {steps: [prepare, train]}\n",
            "data.bin": "x" * 3_000_000,
            "trials.csv": "lr,rate\n0.1,0.2\n",
        },
        before={
            "guild info": [
                "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm all",
                "echo >> train.py",
                "guild run train -y",
                "guild run train -y",
            ],
        },
    ),
    "docs/operations.md": replace(
        ORDINARY,
        files={"make_data.py": "size = 1"},
        from_page={"guild.yml": "train:", "train.py": "epochs = 2", "all.yml": "all:"},
        before={
            "guild run all": [
                "echo 'prepare: {main: make_data, flags: {size: 1}}' >> guild.yml",
                "cat all.yml >> guild.yml",
            ]
        },
    ),
    "help": replace(ORDINARY, instead={"/srv/www": "{top}/www"}),
    "docs/plots.md": replace(
        ORDINARY,
        runs=[
            RunBefore({"lr": lr}, {"loss": curve, "val_loss": curve})
            for lr in (0.05, 0.1, 0.2)
            for curve in [[1 / (1 + lr * step) for step in range(0, 700, 100)]]
        ],
        before={
            "guild plot loss -r all --running": _printing("gpu1", "x", "loss: 1", "loss: 2"),
            "guild plot loss -r gpu1 -w": ["let-end ~/.."],
        },
        # The curves themselves are held by tests/unit/curves.
        differs=[(r"^.*[\u2500-\u257f].*$|^ +0 .*$", ".*"), (r"\b0\.\d{6}\b", r"0\.\d+")],
        parsed_only={
            "pip install 'guild-sync[report,tensorboard]'": _NETWORK,
            "tensorboard --logdir tb": "is a server, of another project",
        },
    ),
    "docs/reliability.md": replace(
        ORDINARY,
        parsed_only={"guild run -r hpc": "is a way to start a run, and no line"},
    ),
    "docs/remotes.md": Setting(
        files=NET,
        remotes=(),
        is_new=True,
        instead={"ann@": "{user}@"},
        on_terminal={
            "guild remote add gpu1 ann@gpu1.example.com": _NEW,
            "guild remote login cluster": (),
        },
        before={
            "guild check -r gpu1": [
                "guild remote logout gpu1",
                "echo echo Welcome to gpu1 > ../other/home/.bashrc",
            ],
            "guild remote reinit gpu1": [
                "rm ../other/home/.bashrc",
                "echo '    init: echo made' >> ~/.guild/config.yml",
            ],
            "guild remote login cluster": [
                "guild remote add cluster ann@login.example.com -y",
                "echo '    keep-open: 10h' >> ~/.guild/config.yml",
            ],
        },
        ends={"guild check -r gpu1": (1, "its login shell prints text")},
        differs=[("ann@gpu1.example.com, port 22", ".*"), (r"OpenSSH_\S+ .*", "OpenSSH_.*")],
        not_compared={"guild remote login cluster": "no code is asked for; test_login.py has that"},
    ),
    "docs/reports.md": replace(
        ORDINARY,
        instead={"/srv/www": "{top}/www"},
        parsed_only={"pip install 'guild-sync[report]'": _NETWORK},
    ),
    "docs/scalars.md": replace(ORDINARY, runs=[replace(FIVE[0], attrs={"best": 0.9})]),
    "docs/slurm.md": Setting(
        files={**NET, "guild.yml": GUILDFILE.replace(_FLAGS, "lr: 0.5")},
        instead={"mem=8G": "mem=50M", "guild run queue": "guild run queue run-once=yes"},
        before={
            "guild stop 1 -r hpc": [_WAITS_THERE.replace("gpu1", "hpc")],
            "guild runs -r hpc #2": [
                *[f"guild {what} -r hpc -y" for what in ("stop", "rm")],
                "guild run train lr=0.1 -r hpc --job options=--begin=now+3600 --no-wait -y",
            ],
        },
        parsed_only={
            "guild remote add hpc ann@login.example.org": "the tests' cluster is hpc already",
        },
        on_terminal={
            "guild runs -r hpc #2": (),
            "guild watch 1 -r hpc": (("waits in the queue", CTRL_C),),
            "guild remote login hpc": (),
        },
        ends={
            "guild watch 1 -r hpc": (130, "Ctrl-C ends it"),
            "guild check -r hpc": (1, "the disk of the tests is one of this machine"),
        },
        differs=[(r"\bPriority\b", "BeginTime"), (r"\b14:05\b", ".*"), (r"\b4711\b", r"\d+")],
    ),
    "docs/syncing.md": replace(
        ORDINARY,
        runs=(),
        runs_on={"gpu1": [replace(run, days=40) for run in FIVE[:4] + FIVE], "gpu2": THREE},
        instead={"/srv/www": "{top}/www", "/var/lib/node_exporter": "{top}", "/data/runs": "{top}"},
        before={
            "guild verify": ["guild sync", "guild pull gpu1 -y", _A_BYTE_IS_LOST],
            "guild clean -r gpu1 --older-than 30d --keep-last 5 --plan": [
                "rm -r ~/.guild/runs/*",
                "guild pull gpu1 1:8 -y",
            ],
            "guild status": [
                *[_WAITS_THERE] * 3,
                _WAITS_THERE.replace("gpu1", "gpu2"),
                "guild sync",
                "cp ~/.guild/config.yml ~/kept.yml",
                "sed -i '/gpu2/,/port/s/port:.*/port: 1/' ~/.guild/config.yml",
                "guild sync || true",
            ],
            "guild sync --mine": ["cp ~/kept.yml ~/.guild/config.yml"],
            "guild stop -r gpu1": [
                "guild stop -r gpu1 -y",
                *[f"GUILD_HOME=~/other GUILD_CONFIG=~/.guild/config.yml {_WAITS_THERE}"] * 2,
            ],
        },
        ends={"guild verify": (4, "a copy differs")},
        not_compared=dict.fromkeys(
            ("guild check -r gpu1 --env", "guild clean --environments -r gpu1 --plan"),
            "nothing is installed; tests/integration/test_environments.py has that",
        ),
        differs=[
            ("2-59/5", r"\d-59/5"),
            (r"/home/ann/\S*/bin/", r"/\S*/"),
            ("=/data/runs", r"=/\S*"),
            (r"\b41\b|12,034", r"[\d,]+"),
            ("gpu2.example.com does not answer", ".* refused the connection"),
        ],
    ),
    "docs/troubleshooting.md": replace(
        ORDINARY,
        remotes=(),
        config="remotes: {x: {type: sandbox, init: 'true'}}\n",
        on_terminal={"guild remote login x": ()},
        before={"guild check -r x": ["guild remote reinit x -y"]},
    ),
}


def setting_of(page: str) -> Setting:
    setting = SETTINGS.get(page, ORDINARY)
    parts = parts_of(page) if setting.from_page else []
    snippets = [part.text for part in parts if isinstance(part, Snippet)]
    own = {
        name: next(text for text in snippets if text.startswith(begins)) + "\n"
        for name, begins in setting.from_page.items()
    }
    return replace(
        setting,
        files={**setting.files, **own},
        instead={**setting.instead, "guild sync --watch": "guild sync --watch --until-done"},
    )
