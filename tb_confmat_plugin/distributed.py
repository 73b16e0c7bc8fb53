"""The counts of all processes of torch.distributed, exchanged without any array of all cells."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.counting import Counts
from tb_confmat_plugin.predictions import as_numpy

Labels = npt.NDArray[np.int64]

_FINE, _WRONG_LABEL, _SYNCED_BEFORE = 0, 1, 2


def gather(
    classes: Classes, cells: Labels, counts: Counts, problem: Exception | None, synced: bool, examples: bool, group: Any
) -> tuple[list[tuple[Labels, Counts]], bool] | None:
    """The cells and counts of every process of the group, this one's among them, and whether any has `examples`.

    None without an initialized torch.distributed.

    First all processes tell each other what they have and whether anything is wrong, so that all of them go on or all of them raise.
    """
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        if problem:
            raise problem
        return None
    if distributed.get_rank(group) < 0:
        raise ValueError("this process is not in the group; call sync() only on the processes that are")
    device = _device_of(group)
    state = _WRONG_LABEL if problem else _SYNCED_BEFORE if synced else _FINE
    names = int(classes.id or "0", 16) >> 1  # the id has 64 bits, and a signed integer 63
    mine = np.array([state, len(classes), names, len(cells), counts.dtype == np.float64, examples], np.int64)
    told = _all_gather(mine, device, group)
    _raise_together(told, problem)
    longest = max(int(one[3]) for one in told)
    weighted = any(one[4] for one in told)
    padded = np.zeros((2, longest), np.int64)
    padded[0, : len(cells)] = cells
    # Weights travel as the bits of their floating-point numbers, so that one exchange does for both.
    padded[1, : len(cells)] = counts.astype(np.float64).view(np.int64) if weighted else counts
    received = _all_gather(padded, device, group) if longest else [padded] * len(told)
    found = []
    for one, (its_cells, its_counts) in zip(told, received, strict=True):
        size = int(one[3])
        found.append((its_cells[:size], its_counts[:size].view(np.float64) if weighted else its_counts[:size]))
    return found, any(one[5] for one in told)


def gather_bytes(mine: bytes, group: Any) -> list[bytes]:
    """What every process of the group has, this one's among them, by rank."""
    device = _device_of(group)
    sizes = [int(size[0]) for size in _all_gather(np.array([len(mine)], np.int64), device, group)]
    padded = np.zeros(max(sizes), np.uint8)
    padded[: len(mine)] = np.frombuffer(mine, np.uint8)
    return [received[:size].tobytes() for received, size in zip(_all_gather(padded, device, group), sizes, strict=True)]


def rank_of(group: Any) -> int:
    """The number of this process in the group."""
    from torch import distributed

    return distributed.get_rank(group)


def _raise_together(told: list[Labels], problem: Exception | None) -> None:
    ranks = [rank for rank, one in enumerate(told) if one[0] == _WRONG_LABEL]
    if ranks:
        message = f"process {_in_words(ranks)} of the group got wrong samples; their own messages say which"
        raise ValueError(f"{message}. Here: {problem}" if problem else message) from problem
    ranks = [rank for rank, one in enumerate(told) if one[0] == _SYNCED_BEFORE]
    if ranks:
        raise ValueError(f"process {_in_words(ranks)} of the group was synced before; call reset() first, or its samples count twice")
    for rank, one in enumerate(told):
        if one[1] != told[0][1]:
            raise ValueError(
                f"expected the same classes on every process, got {told[0][1]} on process 0 and {one[1]} on process {rank} of the group"
            )
        if one[2] != told[0][2]:
            raise ValueError(
                f"expected the same classes on every process, got other names on process {rank} of the group than on process 0"
            )


def _in_words(ranks: list[int]) -> str:
    return ", ".join(map(str, ranks))


def _all_gather(array: npt.NDArray[Any], device: Any, group: Any) -> list[npt.NDArray[Any]]:
    import torch
    from torch import distributed

    mine = torch.from_numpy(array).to(device)
    received = [torch.empty_like(mine) for _ in range(distributed.get_world_size(group))]
    distributed.all_gather(received, mine, group=group)
    return [as_numpy(one) for one in received]


def _device_of(group: Any) -> Any:
    """Where a backend wants its tensors: NCCL exchanges those on a GPU only."""
    import torch
    from torch import distributed

    return torch.device("cuda", torch.cuda.current_device()) if "nccl" in distributed.get_backend(group) else torch.device("cpu")
