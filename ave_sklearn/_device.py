"""Devices, the precision of numbers on them, and their memory."""

from contextlib import contextmanager

import torch

WEIGHT_DTYPES = {"float32": "float32", "bfloat16": "float32", "float64": "float64"}
"""Name of the type of the weights, and of features on their way to them, by precision."""


def resolve_device(device, fallback=False):
    """Return the torch.device that `device` ("auto" or a torch name) means here.

    Parameters
    ----------
    fallback : bool, default=False
        Return the CPU in place of a device that this machine does not have, in place of raising.

    Raises
    ------
    ValueError
        For what torch does not take as a device, and for a device that this machine does not have.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device is {device!r}; wanted 'auto' or a torch device such as 'cpu'.") from error
    if is_here(device):
        return device
    if fallback:
        return torch.device("cpu")
    kind = "CUDA device" if device.type == "cuda" and not torch.cuda.is_available() else "such device here"
    raise ValueError(f"device is {str(device)!r}, but torch finds no {kind}; wanted 'auto' or 'cpu'.")


def is_here(device):
    """Whether numbers can be written to a torch.device and read back."""
    try:
        torch.zeros(1, dtype=torch.float32, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError) as error:  # as each kind of device has it
        if ran_out_of_memory(error):
            raise
        return False
    return True


def multiplies_bfloat16(device):
    """Whether the hardware of the torch.device `device` multiplies bfloat16, as far as PyTorch can tell."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def resolve_precision(precision, device, has_maps):
    """Return the precision, a key of WEIGHT_DTYPES, that `precision` ("auto" or such a key) means on `device`.

    "auto" is what is faster. Attention over maps is large products, which bfloat16 makes faster where the hardware has
    it. Without maps there are LSTMs and small layers, whose casts cost more than their products save: on a processor
    with AMX a prediction took 1.2 to 1.3 times as long as in float32. A GPU goes by the same rule. It was not measured
    there, but its small layers cast as much.

    Parameters
    ----------
    precision : str
    device : torch.device
    has_maps : bool
        Whether the visual features are maps.

    Raises
    ------
    ValueError
        For a precision that the device lacks.
    """
    if precision == "auto":
        return "bfloat16" if has_maps and multiplies_bfloat16(device) else "float32"
    if precision == "bfloat16" and not multiplies_bfloat16(device):
        raise ValueError(
            f"precision is 'bfloat16', which the {device.type} device here does not multiply in hardware; wanted "
            "'float32', or 'auto' for what is faster here."
        )
    if precision == "float64" and device.type == "mps":
        raise ValueError("precision is 'float64', which the mps device does not have; wanted 'float32'.")
    return precision


def autocast_dtype(precision, device):
    """Return the torch.dtype of the matrix products where it is another than that of the weights, else None.

    A fitted model may have come to a machine that does not multiply bfloat16.
    """
    return torch.bfloat16 if precision == "bfloat16" and multiplies_bfloat16(device) else None


def bytes_for_features(device):
    """Return how many bytes of features may stay on a torch.device: half of a GPU's free memory, none on others."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else 0


def naming_batch_size(batch_size):
    """Say in the error that a batch of `batch_size` videos did not fit, where memory runs out within."""
    hint = f"a smaller one, such as {batch_size // 4}" if batch_size >= 8 else "more memory"
    return telling_memory(f"batch_size is {batch_size}, too many videos at once for this memory; wanted {hint}.")


def naming_network(network, params):
    """Say in the error that `network`, a name, with these parameters did not fit, where memory runs out within."""
    return telling_memory(
        f"network {network} with the parameters {params} does not fit into this memory; wanted smaller sizes."
    )


@contextmanager
def telling_memory(message):
    """Raise a MemoryError with this message where memory runs out within."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        raise MemoryError(message) from error


def ran_out_of_memory(error):
    """Whether NumPy or PyTorch, on the CPU or a GPU, raised `error` for want of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
