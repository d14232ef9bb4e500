"""User arguments become a :class:`~fastconv.problem.problem.Problem`, or an error that names the culprit.

Nothing else in the library raises for a user's mistake, and nothing here looks at the values of
``x``: a problem depends on shapes, dtypes and the kernel.  Every message says which call and
which argument, what came and what is allowed.
"""

from .arguments import (
    algorithm_name,
    array,
    backend_name,
    borders,
    dtype_named,
    integer,
    not_refused,
    output_dtype,
    per_axis,
    shape,
    thread_count,
    whole_number,
)
from .arrays import check_output, check_receiver, planned_array
from .images import correlation
from ..problem.form import has_no_form, no_form
from .gradients import bias_gradient, input_gradient, weight_gradient
from .filters import Image, derived_axis, image, real, real_samples, reals, receiver, rgb
from .layers import convolution
from .nn import (
    batch,
    called,
    class_scores,
    features,
    flag,
    float_dtype,
    floats,
    generator,
    gradient,
    group_count,
    instances,
    pooling,
    real_numbers,
    scored_axis,
)
from .question import Question
from .transposed import Result, Transposition, transposition

__all__ = [
    "Image",
    "Question",
    "Result",
    "Transposition",
    "algorithm_name",
    "array",
    "backend_name",
    "batch",
    "bias_gradient",
    "borders",
    "called",
    "check_output",
    "check_receiver",
    "class_scores",
    "convolution",
    "correlation",
    "derived_axis",
    "dtype_named",
    "features",
    "flag",
    "float_dtype",
    "floats",
    "generator",
    "gradient",
    "group_count",
    "has_no_form",
    "image",
    "input_gradient",
    "instances",
    "integer",
    "no_form",
    "not_refused",
    "output_dtype",
    "per_axis",
    "planned_array",
    "pooling",
    "real",
    "real_numbers",
    "real_samples",
    "reals",
    "receiver",
    "rgb",
    "scored_axis",
    "shape",
    "thread_count",
    "transposition",
    "weight_gradient",
    "whole_number",
]
