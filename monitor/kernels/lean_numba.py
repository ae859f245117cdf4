"""Numba without SciPy's linear algebra, which no kernel calls and every start would wait for."""

from __future__ import annotations


def _refuse() -> None:
    raise ImportError("kernels multiply no matrices")


def import_lean() -> None:
    """Import what in Numba asks whether there is a BLAS, the answer being no; before the first kernel.

    It would import scipy.linalg to see: 130 modules and 12 MiB in every process.
    """
    from numba.np import linalg

    asked, linalg.ensure_blas = linalg.ensure_blas, _refuse
    try:
        from numba.np import arraymath  # noqa: F401  # asks once, when it is imported
    finally:
        linalg.ensure_blas = asked
