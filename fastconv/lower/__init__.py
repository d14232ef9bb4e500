"""User arguments become a `fastconv.problem.problem.Problem`, or an error that explains why.

Nothing else in the library raises for a user's mistake, and nothing here looks at the values of
``x``: a problem depends on shapes, dtypes and the kernel.  Every message names the call and the
argument, what came and what is allowed.
"""

from ..problem.form import has_no_form, no_form
from .arguments import (
    algorithm_name,
    backend_name,
    borders,
    integer,
    not_refused,
    per_axis,
    thread_count,
    whole_number,
)
from .arrays import (
    array,
    check_output,
    check_receiver,
    dtype_named,
    native,
    output_dtype,
    planned_array,
    shape,
)
from .fields import Question
from .filters import (
    UNSPECIFIED,
    ChannelAxis,
    Image,
    derived_axis,
    image,
    real,
    real_samples,
    reals,
    receiver,
    rgb,
    taps,
)
from .gradients import bias_gradient, input_gradient, weight_gradient
from .images import correlation
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
from .signals import linear_convolution
from .transposed import Result, Transposition, transposition

__all__ = [
    "UNSPECIFIED",
    "ChannelAxis",
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
    "linear_convolution",
    "native",
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
    "taps",
    "thread_count",
    "transposition",
    "weight_gradient",
    "whole_number",
]
