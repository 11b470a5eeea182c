"""What nvidia-smi and rocm-smi say, read into cards.

The outputs of rocm-smi, and those of nvidia-smi for divided GPUs, are other projects' data, whose
addresses stand beside them: guild was run against neither.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guild_sync.agent.capacity import cards, nvidia, rocm, smi
from guild_sync.agent.capacity.cards import AMD, NVIDIA, Card, Cards, NotUnderstood

# https://github.com/henrygd/beszel, agent/gpu_test.go, "valid multi gpu data"
BESZEL = {
    "card0": {
        "GUID": "34756",
        "Temperature (Sensor edge) (C)": "47.0",
        "Current Socket Graphics Package Power (W)": "9.215",
        "GPU use (%)": "0",
        "VRAM Total Memory (B)": "536870912",
        "VRAM Total Used Memory (B)": "482263040",
        "Card Series": "Rembrandt [Radeon 680M]",
    },
    "card1": {
        "GUID": "38294",
        "Temperature (Sensor edge) (C)": "49.0",
        "Average Graphics Package Power (W)": "19.0",
        "GPU use (%)": "20.3",
        "VRAM Total Memory (B)": "25753026560",
        "VRAM Total Used Memory (B)": "794341376",
        "Card Series": "Navi 31 [Radeon RX 7900 XT]",
    },
}
# https://github.com/wandb/wandb, core/pkg/monitor/gpu_amd_test.go: ROCm 5, of which two parts of
# one module have one name there, and ROCm 6; shortened to the keys that are of interest.
ROCM_5 = {
    **{
        f"card{n}": {
            "GPU ID": "0x740c",
            "Unique ID": "0x719d230578348e8c",
            "GPU use (%)": use,
            "GPU memory use (%)": "0",
            "Card series": "AMD INSTINCT MI250 (MCM) OAM AC MBA",
        }
        for n, use in enumerate(("10", "20"))
    },
    "system": {"Driver version": "6.2.4"},
}
ROCM_6 = {
    "card0": {
        "Device Name": "AMD INSTINCT MI250 (MCM) OAM AC MBA",
        "Device ID": "0x740c",
        "GUID": "64146",
        "Unique ID": "0x1f9de0957d137942",
        "GPU use (%)": "0",
        "GPU Memory Allocated (VRAM%)": "0",
        "Card Series": "AMD INSTINCT MI250 (MCM) OAM AC MBA",
    },
    "system": {"Driver version": "6.2.4"},
}
# https://github.com/DicardoX/Oh_My_TensorRT_ToolKit, README.md
PARTS = """\
GPU 0: A100-PCIE-40GB (UUID: GPU-9de3d0e8-33f5-10dc-0c79-2c88a7ab0a23)
  MIG 4g.20gb Device 0: (UUID: MIG-GPU-9de3d0e8-33f5-10dc-0c79-2c88a7ab0a23/2/0)
  MIG 2g.10gb Device 1: (UUID: MIG-GPU-9de3d0e8-33f5-10dc-0c79-2c88a7ab0a23/3/0)
  MIG 1g.5gb Device 2: (UUID: MIG-GPU-9de3d0e8-33f5-10dc-0c79-2c88a7ab0a23/9/0)
"""
TWO = "0, GPU-aa, NVIDIA A100-SXM4-80GB, 81920, 4, 0\n1, GPU-bb, Odd, Name, 24576, 900, 37\n"


def test_gpus_are_read_from_nvidia_smi() -> None:
    assert nvidia.gpus(TWO) == [
        Card("0", "GPU-aa", "NVIDIA A100-SXM4-80GB", NVIDIA, 81920, 4, 0),
        Card("1", "GPU-bb", "Odd, Name", NVIDIA, 24576, 900, 37),
    ]


def test_what_a_driver_does_not_tell_is_not_known() -> None:
    (card,) = nvidia.gpus("0, GPU-aa, X, [N/A], [Not Supported], [Unknown Error]")
    assert (card.total, card.used, card.use) == (None, None, None)
    assert not card.is_used


@pytest.mark.parametrize(
    "text",
    [
        "Failed to initialize NVML",
        "0, x, y, 1, 2, 3",
        "0, GPU-a, 1",
        "²²²²², GPU-a, X, 1, 2, 3",
        "0, GPU-a\0, X, 1, 2, 3",
        "0, GPU-\x1b[2J, X, 1, 2, 3",
    ],
)
def test_another_answer_of_nvidia_smi_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood, match="is not understood"):
        nvidia.gpus(text)


@pytest.mark.parametrize("second", ["0, GPU-b", "1, GPU-a"])
def test_two_gpus_of_one_name_are_not_told_apart(second: str) -> None:
    with pytest.raises(NotUnderstood, match="have one name"):
        nvidia.gpus(f"0, GPU-a, X, 1, 2, 3\n{second}, X, 1, 2, 3\n")


def answering(**answers: str) -> Callable[..., str]:
    def ask(*words: str) -> str:
        return next(
            text for key, text in answers.items() if key in " ".join(words).replace("-", "_")
        )

    return ask


def test_processes_make_their_gpu_used() -> None:
    ask = answering(query_gpu=TWO, query_compute_apps="GPU-aa, 71\nGPU-aa, [N/A]\nnonsense\n")
    first, second = nvidia.cards(ask)
    assert first.processes == 2
    assert first.is_used
    assert second.is_used, "its memory is"


def test_a_divided_gpu_is_the_parts_that_it_has() -> None:
    whole = "0, GPU-9de3, A100-PCIE-40GB, 40536, 12, [N/A]\n1, GPU-b, Y, 100, 3, 0\n"
    found = nvidia.cards(answering(query_gpu=whole, query_compute_apps="", _L=PARTS))
    assert [(card.number, card.name) for card in found] == [
        ("0:0", "MIG 4g.20gb"),
        ("0:1", "MIG 2g.10gb"),
        ("0:2", "MIG 1g.5gb"),
        ("1", "Y"),
    ]
    assert found[1].uuid == "MIG-GPU-9de3d0e8-33f5-10dc-0c79-2c88a7ab0a23/3/0"


def test_gpus_are_read_from_rocm_smi() -> None:
    assert rocm.gpus(json.dumps(BESZEL)) == [
        Card("0", "", "Rembrandt [Radeon 680M]", AMD, 512, 459, 0),
        Card("1", "", "Navi 31 [Radeon RX 7900 XT]", AMD, 24560, 757, 20),
    ]
    name = "AMD INSTINCT MI250 (MCM) OAM AC MBA"
    warned = "\nWARNING: AMD GPU device(s) is/are in a low-power state.\n\n" + json.dumps(ROCM_6)
    assert rocm.gpus(warned) == [Card("0", "GPU-1f9de0957d137942", name, AMD, use=0)]


def test_a_name_that_two_of_them_have_names_neither() -> None:
    assert [(c.key, c.use) for c in rocm.gpus(json.dumps(ROCM_5))] == [("0", 10), ("1", 20)]


@pytest.mark.parametrize("text", ["", "nonsense", "{", "[]", '{"a": 1}\n}'])
def test_another_answer_of_rocm_smi_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        rocm.gpus(text)


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + text)
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


def test_a_host_without_such_a_program_has_no_gpus(tmp_path: Path) -> None:
    assert smi.found({"PATH": str(tmp_path)}) == Cards()


def test_the_one_that_has_gpus_counts(tmp_path: Path) -> None:
    program(tmp_path, "nvidia-smi", "echo 'No devices were found'; exit 6")
    answer = json.dumps(BESZEL)
    found = smi.found(program(tmp_path, "rocm-smi", f"cat <<'E'\n{answer}\nE"))
    assert [card.number for card in found.cards] == ["0", "1"]


def test_a_program_that_fails_is_a_problem_in_a_line(tmp_path: Path) -> None:
    text = "echo NVIDIA-SMI has failed because it couldnt\necho communicate >&2; exit 9"
    found = smi.found(program(tmp_path, "nvidia-smi", text))
    assert found.problem == (
        "nvidia-smi: failed (exit status 9): NVIDIA-SMI has failed because it couldnt communicate"
    )


def test_a_program_that_hangs_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smi, "SECONDS", 0.1)
    found = smi.found(program(tmp_path, "nvidia-smi", "exec sleep 60"))
    assert found.problem == "nvidia-smi: has not ended in 0 s"


def test_what_a_script_around_a_program_has_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a run that waits would leave one behind each time that it looks."""
    monkeypatch.setattr(smi, "SECONDS", 5)
    os.mkfifo(tmp_path / "held")
    text = f"sleep 600 > {tmp_path}/held & exec cat /dev/zero"
    reader = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    found = smi.found(program(tmp_path, "nvidia-smi", text))
    assert found.problem == "nvidia-smi: says more than 1048576 bytes"
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "whoever had it open for writing has ended"
    os.close(reader)


@pytest.mark.parametrize(
    ("devices", "meant"),
    [
        ("1,0", ["1", "0"]),
        ("GPU-b", ["1"]),
        ("GPU-", []),  # that of several
        ("0,7,1", ["0"]),  # as CUDA has it: up to the first that is none
        ("0,0", ["0"]),
        ("-1", []),
        ("", []),
        (" 1 , 0", ["1", "0"]),
    ],
)
def test_a_list_of_devices_means_cards(devices: str, meant: list[str]) -> None:
    found = cards.named(cards.tokens_of(devices), nvidia.gpus(TWO))
    assert [card.number for card in found] == meant
