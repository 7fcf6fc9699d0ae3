"""Derivatives written by hand that keep all of calculus, and those that stay finite.

``jax.custom_vjp`` makes reverse mode fast and forbids every other: `jax.jvp`,
`jax.hessian` and Hessian-vector products raise an error. Here they all work. And
``jnp.where`` hides a NaN from the value, not from the derivative. Here it does.
"""

from assay.autodiff._safe import safe_div as safe_div
from assay.autodiff._safe import safe_log as safe_log
from assay.autodiff._safe import safe_pow as safe_pow
from assay.autodiff._safe import safe_sqrt as safe_sqrt
from assay.autodiff._safe import safe_where as safe_where
from assay.autodiff._straight_through import straight_through as straight_through
from assay.autodiff._with_backward import with_backward as with_backward
