"""Step: a jump without slope; it can be asked for, but does not compete with the jump."""

from emergence._typing import FloatArray
from emergence.curves.family import Family, Scale, depth
from emergence.curves.onsets.jump import jump_onset


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    return (depth(x, theta[:, :1]) > 0).astype(float)


def _natural(theta: FloatArray, gain: float, scale: Scale) -> dict[str, float]:
    return {"jump": gain}


def step(loss: FloatArray, eta: float, jump: float, chance: float = 0.0) -> FloatArray:
    r"""Step: :math:`c + j [L < \eta]`; :func:`~emergence.curves.onsets.jump.jump_onset`, level."""
    return jump_onset(loss, eta, jump, slope=0.0, chance=chance)


FAMILIES = (
    Family(
        "step",
        "threshold",
        curve=step,
        basis=_basis,
        natural=_natural,
        units={"jump": "score"},
        competes=False,
        jumps=True,
    ),
)
