"""User arguments become a :class:`~fastconv.problem.Problem`, or an error that names the culprit.

Nothing else in the library raises for a user's mistake, and nothing here looks at the values of
``x``: a problem depends on shapes, dtypes and the kernel.  Every message says which call and
which argument, what came and what is allowed.
"""

from .arguments import (
    algorithm_name,
    array,
    backend_name,
    dtype_named,
    not_refused,
    output_dtype,
    shape,
    thread_count,
    whole_number,
)
from .arrays import check_output, overlaps, planned_array
from .filters import correlation
from .layers import convolution
from .question import Question

__all__ = [
    "Question",
    "algorithm_name",
    "array",
    "backend_name",
    "check_output",
    "convolution",
    "correlation",
    "dtype_named",
    "not_refused",
    "output_dtype",
    "overlaps",
    "planned_array",
    "shape",
    "thread_count",
    "whole_number",
]
