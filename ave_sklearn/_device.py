"""The numbers that an estimator computes with: which its weights are, and which its matrix products."""

import torch

WEIGHTS = {"float32": "float32", "bfloat16": "float32", "float64": "float64"}


def multiplies_bfloat16(device):
    """Whether the hardware of the torch.device `device` multiplies bfloat16, as far as PyTorch can tell."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def resolve_precision(precision, device):
    """Return the precision, a key of WEIGHTS, that `precision` ("auto" or such a key) means on `device`.

    Raises
    ------
    ValueError
        For a precision that the device lacks.
    """
    if precision == "auto":
        return "bfloat16" if multiplies_bfloat16(device) else "float32"
    if precision == "bfloat16" and not multiplies_bfloat16(device):
        raise ValueError(
            f"precision is 'bfloat16', which the {device.type} device here does not multiply in hardware; wanted "
            "'float32', or 'auto' for the fastest that it does."
        )
    if precision == "float64" and device.type == "mps":
        raise ValueError("precision is 'float64', which the mps device does not have; wanted 'float32'.")
    return precision


def product_type(precision, device):
    """Return the torch.dtype of the matrix products where it is another than that of the weights, else None.

    A fitted model may have come to a machine that does not multiply bfloat16.
    """
    return torch.bfloat16 if precision == "bfloat16" and multiplies_bfloat16(device) else None
