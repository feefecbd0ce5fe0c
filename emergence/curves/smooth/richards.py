"""Richards curve: between logistic and Gompertz; an exact match of several tokens is one."""

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.curves.smooth.logistic import AT_CHANCE, bounded, with_shape


def richards(
    loss: ArrayLike, middle: float, width: float, ceiling: float, tokens: float, floor: float = 0.0
) -> FloatArray:
    r"""Richards curve: :math:`c + (C - c) (1 + e^{(L - m)/w} / n)^{-n}`.

    Steepest at the loss m, w its scale, nats; C and c the scores at low and at high loss.  For a
    whole n it is the chance that n tokens are right at once, each by a logistic curve; n = 1 is
    that curve and n without end Gompertz's (Richards 1959, J. Exp. Bot. 10, 290).

    Examples
    --------
    >>> richards([2.0], middle=2.0, width=0.1, ceiling=1.0, tokens=1.0)
    array([0.5])
    """
    z = np.clip((np.asarray(loss, dtype=float) - middle) / width, -500.0, 500.0)
    return floor + (ceiling - floor) * np.exp(-tokens * np.log1p(np.exp(z) / tokens))


def _basis(x: FloatArray, theta: FloatArray) -> FloatArray:
    z, tokens = bounded((x - theta[:, :1]) / theta[:, 1:2]), theta[:, 2:3]
    return np.exp(-tokens * np.log1p(np.exp(z) / tokens))


# Half the middles of the logistic, for each number of tokens.
_PLACES = AT_CHANCE.grid[::2]
_TOKENS = np.array([0.4, 2.0, 4.0, 10.0])
FAMILIES = with_shape(
    "richards",
    "tokens",
    curve=richards,
    basis=_basis,
    grid=np.concatenate([np.insert(_PLACES, 2, n, axis=1) for n in _TOKENS]),
    bounds=(0.1, 100.0),
    limit=(0.05, 200.0),
    simulated={"exact_match": lambda loss, eta: richards(loss, eta, 0.1, 0.7, tokens=10.0)},
)
