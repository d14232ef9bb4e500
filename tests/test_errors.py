"""Wrong calls: each raises the right kind of error, which names the argument, what came and what is
allowed; and leaves `out` alone.
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

import fastconv as fc

X = np.arange(20.0).reshape(4, 5)
W = np.ones((3, 3))
IMAGE = np.zeros((1, 4, 6, 7))
LAYER = np.zeros((8, 4, 3, 3))
BACK = np.zeros((4, 5, 3, 3))
GRAD = fc.nn.grad
GY = np.zeros((1, 8, 4, 5))
SIGNAL = np.zeros((2, 3, 9))
TAPS = np.zeros((5, 3, 3))
LONG = np.zeros(3, np.longdouble)
READ_ONLY = np.broadcast_to(np.float64(0), (4, 5))
ROOM = np.arange(25.0).reshape(5, 5)
PLAN = fc.plan_correlate((4, 5), np.float64, W)
COMPLEX_PLAN = fc.plan_correlate((4, 5), np.complex64, W)

# fmt: off
WRONG_CALLS = [
    # call, positional arguments, keywords, exception, words of the message
    (fc.correlate, ("abc", W), {}, TypeError, "x", "<U3", "float16"),
    (fc.correlate, (None, W), {}, TypeError, "x", "object", "float16"),
    (fc.correlate, (X.astype(object), W), {}, TypeError, "x", "object", "float16"),
    (fc.correlate, (LONG, W[0]), {}, TypeError, "x", str(LONG.dtype), "float16"),
    (fc.correlate, (X.astype("M8[s]"), W), {}, TypeError, "x", "datetime64", "float16"),
    (fc.correlate, (X.astype("m8[s]"), W), {}, TypeError, "x", "timedelta64", "float16"),
    (fc.correlate, (X, np.ma.array(W)), {}, TypeError, "w", "masked"),
    (fc.conv2d, (np.ma.array(IMAGE), LAYER), {}, TypeError, "x", "masked"),
    (fc.correlate, ([[1, 2], [3]], W), {}, ValueError, "x"),
    (fc.correlate, (1.0, [1.0]), {}, ValueError, "x", "w", "1"),
    (fc.correlate, (X[0], W), {}, ValueError, "w", "2", "x", "1"),
    (fc.correlate, (X, 3.0), {}, ValueError, "w", "()", "one axis"),
    (fc.correlate, (X, np.ones((0, 3))), {}, ValueError, "w", "(0, 3)", "one"),
    (fc.correlate, (X, "sobel"), {}, TypeError, "w", "<U5"),
    (fc.correlate, (X, W.astype(object)), {}, TypeError, "w", "object"),
    (fc.correlate, (X, ()), {}, ValueError, "w", "factor"),
    (fc.correlate, (X, (W, W)), {}, ValueError, "w[0]", "(3, 3)", "1-D"),
    (fc.correlate, (X, (W[0], W[0][:0])), {}, ValueError, "w[1]", "(0,)", "1-D"),
    (fc.correlate, (X, (W[0], np.array(["a"]))), {}, TypeError, "w[1]", "<U1"),
    (fc.correlate, (X, (W[0], [1, 2, 1])), {}, TypeError, "w[1]", "list", "1-D array"),
    (fc.correlate, (X, (W[0],) * 3), {}, ValueError, "w", "3", "x", "2"),
    (fc.correlate, (ROOM[None], W), {}, ValueError, "w", "2 axes", "x", "3", "axes=(0, 1)", "axes=(-2, -1)"),
    (fc.convolve, (ROOM[None], (W[0], W[0])), {}, ValueError, "convolve", "2 axes", "axes=(0, 1)", "axes=(-2, -1)"),
    (fc.correlate, (X, W), {"axes": 0}, ValueError, "axes", "0", "2 axes"),
    (fc.correlate, (X, W), {"axes": (0, 2)}, ValueError, "axes", "(0, 2)", "-2", "1"),
    (fc.correlate, (X, W), {"axes": (0, -2)}, ValueError, "axes", "(0, -2)", "once"),
    (fc.correlate, (X, W), {"axes": (0, 1.0)}, TypeError, "axes", "1.0", "whole number"),
    (fc.correlate, (X, W), {"mode": "middle"}, ValueError, "mode", "'middle'", "'same'", "'full'"),
    (fc.correlate, (X, W), {"mode": 2}, TypeError, "mode", "2", "'same'", "'full'"),
    (fc.correlate, (X, W), {"mode": None}, TypeError, "mode", "None", "'same'"),
    (fc.correlate, (X, W), {"boundary": "reflect"}, ValueError, "boundary", "'reflect'", "symmetric", "mirror"),
    (fc.correlate, (X, W), {"boundary": ("wrap", "reflect")}, ValueError, "boundary", "symmetric", "mirror"),
    (fc.correlate, (X, W), {"boundary": "zero"}, ValueError, "boundary", "'zero'", "'constant'", "'wrap'"),
    (fc.correlate, (X, W), {"boundary": None}, TypeError, "boundary", "None", "'constant'"),
    (fc.correlate, (X, W), {"boundary": (0, "wrap")}, TypeError, "boundary", "0", "'constant'"),
    (fc.correlate, (X, W), {"boundary": ("wrap",) * 3}, ValueError, "boundary", "wrap", "2"),
    (fc.correlate, (X, W), {"cval": "0"}, TypeError, "cval", "'0'", "number"),
    (fc.correlate, (X, W), {"cval": [0, 1]}, TypeError, "cval", "[0, 1]", "number"),
    (fc.correlate, (X, W), {"cval": [[0], [1, 2]]}, TypeError, "cval", "[[0], [1, 2]]", "number"),
    (fc.correlate, (X, W), {"cval": 10**400}, TypeError, "cval", "float64"),
    (fc.correlate, (X, W), {"cval": None}, TypeError, "cval", "None", "number"),
    (fc.correlate, (X, W), {"cval": 1j}, TypeError, "cval", "1j", "real"),
    (fc.correlate, (np.uint8([1]), np.uint8([1])), {"cval": 256}, ValueError, "cval", "256", "uint8"),
    (fc.correlate, (np.uint8([1]), np.uint8([1])), {"cval": 0.5}, ValueError, "cval", "0.5", "whole", "uint8"),
    (fc.correlate, (X, W), {"origin": 2}, ValueError, "origin", "2", "-1 to 1"),
    (fc.correlate, (X, W[:, :2]), {"origin": (0, 1)}, ValueError, "origin", "(0, 1)", "-1 to 0"),
    (fc.convolve, (X, W[:, :2]), {"origin": (0, -1)}, ValueError, "origin", "(0, -1)", "0 to 1"),
    (fc.correlate, (X, W), {"origin": 0.5}, TypeError, "origin", "0.5", "whole number"),
    (fc.correlate, (X, W), {"origin": 1, "mode": "valid"}, ValueError, "origin", "1", "'valid'"),
    (fc.correlate, (X, W), {"cval": Fraction(10**400)}, ValueError, "cval", "Fraction", "double"),
    (fc.correlate, (X, W), {"out": np.ma.zeros((4, 5))}, TypeError, "out", "masked"),
    (fc.conv1d, (SIGNAL, TAPS), {"padding": 2**63}, ValueError, "conv1d", "samples along an axis"),
    (fc.conv1d, (SIGNAL, TAPS), {"padding": (1, 2)}, ValueError, "padding", "(1, 2)", "pair"),
    (fc.correlate, (X, W), {"stride": 0}, ValueError, "stride", "0", "at least 1"),
    (fc.correlate, (X, W), {"stride": (1, -1)}, ValueError, "stride", "(1, -1)", "at least 1"),
    (fc.correlate, (X, W), {"stride": 1.5}, TypeError, "stride", "1.5", "whole number"),
    (fc.correlate, (X, W), {"stride": (1, 1, 1)}, ValueError, "stride", "(1, 1, 1)", "2"),
    (fc.correlate, (X, W), {"stride": ((1, 1), (1,))}, TypeError, "stride", "(1, 1)", "whole number"),
    (fc.correlate, (X, W), {"stride": np.array([1.0, 1.0])}, TypeError, "stride", "1.0", "whole number"),
    (fc.correlate, (X, W), {"stride": (1,) * 1000}, ValueError, "stride", "(1, 1,", "2"),
    (fc.correlate, (X, W), {"dilation": 0}, ValueError, "dilation", "0", "at least 1"),
    (fc.correlate, (X, W), {"dilation": "2"}, TypeError, "dilation", "'2'", "whole number"),
    (fc.correlate, (X, np.ones((5, 2))), {"mode": "valid"}, ValueError, "x", "4", "w", "5", "valid"),
    (fc.correlate, (X, W), {"mode": "valid", "dilation": 2}, ValueError, "x", "4", "5", "valid"),
    (fc.correlate, (np.zeros(0), [1.0, 2.0]), {"mode": "full", "boundary": "wrap"}, ValueError, "x", "empty", "'wrap'"),
    (fc.correlate, (X, W), {"dtype": bool}, TypeError, "dtype", "bool", "uint8"),
    (fc.correlate, (X, W), {"dtype": object}, TypeError, "dtype", "object", "float16"),
    (fc.correlate, (X, W), {"dtype": np.longdouble}, TypeError, "dtype", str(LONG.dtype), "float16"),
    (fc.correlate, (X, W), {"dtype": "flaot32"}, TypeError, "dtype", "flaot32", "NumPy dtype"),
    (fc.correlate, (X * 1j, W), {"dtype": float}, TypeError, "dtype", "float64", "complex"),
    (fc.correlate, (X, W), {"out": [0.0]}, TypeError, "out", "list", "array"),
    (fc.correlate, (X, W), {"out": np.zeros((5, 4))}, ValueError, "out", "(5, 4)", "(4, 5)"),
    (fc.correlate, (X, W), {"out": READ_ONLY}, ValueError, "out", "read-only"),
    (fc.correlate, (X, W), {"out": np.zeros((4, 5), bool)}, TypeError, "out", "bool"),
    (fc.correlate, (X, W), {"out": np.zeros((4, 5), object)}, TypeError, "out", "object"),
    (fc.correlate, (X * 1j, W), {"out": np.zeros((4, 5))}, TypeError, "out", "float64", "complex"),
    (fc.correlate, (X, W), {"out": np.zeros((4, 5)), "dtype": "f4"}, ValueError, "out", "float64", "float32"),
    (fc.correlate, (X, W), {"algorithm": "magic"}, ValueError, "algorithm", "'magic'", "'direct'", "'separable'"),
    (fc.correlate, (X, W), {"algorithm": 1}, TypeError, "algorithm", "1", "'direct'"),
    (fc.correlate, (X, W), {"algorithm": "separable"}, ValueError, "algorithm", "separable", "factors"),
    (fc.correlate, (X, W), {"backend": "cuda"}, ValueError, "backend", "'cuda'", "'cython'", "'numba'", "'numpy'"),
    (fc.correlate, (X, W), {"backend": 1}, TypeError, "backend", "1", "'cython'"),
    (fc.correlate, (X, W), {"threads": 0}, ValueError, "threads", "0", "at least 1"),
    (fc.correlate, (X, W), {"threads": 1.5}, TypeError, "threads", "1.5", "whole number"),
    (fc.correlate, (X, W), {"threads": "2"}, TypeError, "threads", "'2'", "whole number"),
    (fc.correlate, (X, W), {"border": "wrap"}, TypeError, "border"),
    (fc.convolve, (X, W), {"boundary": "reflect"}, ValueError, "convolve", "boundary", "symmetric", "mirror"),
    (fc.convolve, (X, W), {"stride": 0}, ValueError, "convolve", "stride", "0", "at least 1"),
    (fc.conv2d, (IMAGE[0, 0], LAYER), {}, ValueError, "conv2d", "x", "(6, 7)", "NCHW"),
    (fc.conv2d, (IMAGE, LAYER[0]), {}, ValueError, "conv2d", "w", "(4, 3, 3)", "(K, C // groups, kh, kw)"),
    (fc.conv2d, (IMAGE, LAYER[:0]), {}, ValueError, "conv2d", "w", "(0, 4, 3, 3)"),
    (fc.conv2d, (IMAGE, LAYER[:, :3]), {}, ValueError, "conv2d", "w", "3", "x", "4 channels"),
    (fc.conv2d, (IMAGE, LAYER), {"groups": 2}, ValueError, "conv2d", "w", "4", "groups=2", "2"),
    (fc.conv2d, (IMAGE, LAYER), {"groups": 3}, ValueError, "conv2d", "groups=3", "4", "8"),
    (fc.conv2d, (IMAGE, LAYER[:6, :1]), {"groups": 4}, ValueError, "conv2d", "groups=4", "6"),
    (fc.conv2d, (IMAGE, LAYER), {"groups": 0}, ValueError, "conv2d", "groups", "0", "at least 1"),
    (fc.conv2d, (IMAGE, LAYER), {"groups": 1.0}, TypeError, "conv2d", "groups", "1.0", "whole number"),
    (fc.conv2d, (IMAGE, LAYER, np.zeros(4)), {}, ValueError, "conv2d", "bias", "(4,)", "(8,)"),
    (fc.conv2d, (IMAGE, LAYER, 1.0), {}, ValueError, "conv2d", "bias", "()", "(8,)"),
    (fc.conv2d, (IMAGE, LAYER, ["a"] * 8), {}, TypeError, "conv2d", "bias", "<U1"),
    (fc.conv2d, (IMAGE, LAYER), {"stride": (2, 0)}, ValueError, "conv2d", "stride", "(2, 0)", "at least 1"),
    (fc.conv2d, (IMAGE, LAYER), {"dilation": (1, 1, 1)}, ValueError, "conv2d", "dilation", "(1, 1, 1)", "2"),
    (fc.conv2d, (IMAGE, LAYER), {"dilation": 4}, ValueError, "conv2d", "x", "6", "w", "9"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": -1}, ValueError, "conv2d", "padding", "-1", "at least 0"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": 0.5}, TypeError, "conv2d", "padding", "0.5", "whole number"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": "full"}, ValueError, "conv2d", "padding", "'full'", "'same'", "'valid'"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": (1, 1, 1)}, ValueError, "conv2d", "padding", "(1, 1, 1)", "2"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": ((1, 1),)}, ValueError, "conv2d", "padding", "((1, 1),)", "2"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": ((1, 1), (1, 1, 1))}, ValueError, "conv2d", "padding", "(1, 1, 1)", "pair"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": ((1, 1), 1)}, ValueError, "conv2d", "padding", "1", "pair"),
    (fc.conv2d, (IMAGE, LAYER), {"padding": ((0, -1), (0, 0))}, ValueError, "conv2d", "padding", "-1", "at least 0"),
    (fc.conv2d, (IMAGE, LAYER), {"boundary": "reflect"}, ValueError, "conv2d", "boundary", "symmetric", "mirror"),
    (fc.conv2d, (IMAGE, LAYER), {"layout": "CHWN"}, ValueError, "conv2d", "layout", "'CHWN'", "'NCHW'", "'NHWC'"),
    (fc.conv2d, (IMAGE, LAYER), {"layout": None}, TypeError, "conv2d", "layout", "None", "'NCHW'"),
    (fc.conv2d, (IMAGE, LAYER), {"activation": "gelu"}, ValueError, "conv2d", "activation", "'gelu'", "'relu'"),
    (fc.conv2d, (IMAGE, LAYER), {"activation": True}, TypeError, "conv2d", "activation", "True", "'relu'"),
    (fc.conv2d, (IMAGE * 1j, LAYER), {"activation": "relu"}, TypeError, "conv2d", "activation", "'relu'", "complex"),
    (fc.conv2d, (IMAGE, LAYER), {"algorithm": "separable"}, ValueError, "conv2d", "algorithm", "separable", "factors"),
    (fc.conv2d, (IMAGE, LAYER), {"out": np.zeros((1, 8, 6, 7))}, ValueError, "conv2d", "out", "(1, 8, 6, 7)", "(1, 8, 4, 5)"),
    (fc.conv2d, (IMAGE, LAYER), {"backend": "torch"}, ValueError, "backend", "'torch'", "'numpy'"),
    (fc.conv2d, (np.zeros((1, 4, 2, 7)), LAYER), {}, ValueError, "conv2d", "x", "2", "w", "3"),
    (fc.conv2d, (np.zeros((1, 4, 0, 7)), LAYER), {"padding": 2, "boundary": "wrap"}, ValueError, "conv2d", "x", "empty", "'wrap'"),
    (fc.conv1d, (SIGNAL, TAPS), {"layout": "NCHW"}, ValueError, "conv1d", "layout", "'NCHW'", "'NCL'"),
    (fc.conv1d, (SIGNAL, LAYER), {}, ValueError, "conv1d", "w", "(8, 4, 3, 3)", "(K, C // groups, k)"),
    (fc.conv3d, (IMAGE[0], LAYER[:, :, None]), {}, ValueError, "conv3d", "x", "(4, 6, 7)", "NCDHW"),
    (fc.conv_transpose2d, (IMAGE[0, 0], BACK), {}, ValueError, "conv_transpose2d", "x", "(6, 7)", "NCHW"),
    (fc.conv_transpose2d, (IMAGE, BACK[0]), {}, ValueError, "conv_transpose2d", "w", "(5, 3, 3)", "(C, K // groups, kh, kw)"),
    (fc.conv_transpose2d, (IMAGE, BACK[:, :0]), {}, ValueError, "w", "(4, 0, 3, 3)", "(C, K // groups, kh, kw)"),
    (fc.conv_transpose2d, (IMAGE, BACK[:3]), {}, ValueError, "w", "3", "x", "4 channels"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"groups": 3}, ValueError, "groups=3", "4", "x"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"groups": 0}, ValueError, "groups", "0", "at least 1"),
    (fc.conv_transpose2d, (IMAGE, BACK, np.zeros(5)), {"groups": 2}, ValueError, "bias", "(5,)", "(10,)"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"stride": 0}, ValueError, "stride", "0", "at least 1"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"dilation": (1, 0)}, ValueError, "dilation", "(1, 0)", "at least 1"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"output_padding": 1}, ValueError, "output_padding", "1", "stride 1", "dilation 1"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"output_padding": (1, 3), "stride": 2, "dilation": 3}, ValueError, "output_padding", "(1, 3)", "stride 2", "dilation 3"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"output_padding": -1}, ValueError, "output_padding", "-1", "at least 0"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"padding": -1}, ValueError, "padding", "-1", "at least 0"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"padding": "same"}, TypeError, "padding", "'same'", "numbers"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"padding": (1, 1, 1)}, ValueError, "padding", "(1, 1, 1)", "2"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"padding": (0, 5)}, ValueError, "-1 samples", "axis 3", "x", "7", "padding", "10"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"padding": 4}, ValueError, "0 samples", "axis 2", "x", "6", "padding", "8"),
    (fc.conv_transpose2d, (IMAGE[:, :, :0], BACK), {}, ValueError, "axis 2", "x", "0"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"stride": 2**62}, ValueError, "samples along axis 2"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"layout": "NCL"}, ValueError, "layout", "'NCL'", "'NHWC'"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"activation": "elu"}, ValueError, "activation", "'elu'", "'relu'"),
    (fc.conv_transpose2d, (IMAGE * 1j, BACK), {"activation": "relu"}, TypeError, "activation", "'relu'", "complex"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"precision": "slow"}, ValueError, "precision", "'slow'", "'fast'", "'strict'"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY), {"precision": None}, TypeError, "precision", "None", "'fast'", "'strict'"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"out": np.zeros((1, 5, 8, 8))}, ValueError, "out", "(1, 5, 8, 8)", "(1, 5, 8, 9)"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"out": np.zeros((1, 5, 8, 9), bool)}, TypeError, "out", "bool"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"algorithm": "box"}, ValueError, "conv_transpose2d", "algorithm", "box"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"backend": "torch"}, ValueError, "backend", "'torch'", "'numpy'"),
    (fc.conv_transpose2d, (IMAGE, BACK), {"threads": 0}, ValueError, "threads", "0", "at least 1"),
    (fc.conv_transpose2d, (IMAGE.astype(object), BACK), {}, TypeError, "x", "object", "float16"),
    (fc.conv_transpose2d, (IMAGE, BACK.astype(str)), {}, TypeError, "w", "<U32", "float16"),
    (fc.conv_transpose1d, (SIGNAL, BACK), {}, ValueError, "conv_transpose1d", "w", "(C, K // groups, k)"),
    (fc.conv_transpose3d, (IMAGE[0], BACK), {}, ValueError, "conv_transpose3d", "x", "(4, 6, 7)", "NCDHW"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY[:, :, 1:]), {}, ValueError, "conv2d_input", "grad_output", "(1, 8, 3, 5)", "(1, 8, 4, 5)"),
    (GRAD.conv2d_input, (IMAGE.shape[1:], LAYER, GY), {}, ValueError, "grad_output", "(1, 8, 4, 5)", "(8, 4, 5)"),
    (GRAD.conv2d_input, ((6, 7), LAYER, GY), {}, ValueError, "input_size", "(6, 7)", "NCHW"),
    (GRAD.conv2d_input, (6, LAYER, GY), {}, TypeError, "input_size", "6", "lengths"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER[:, :3], GY), {}, ValueError, "weight", "3", "input_size", "4 channels"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER[0], GY), {}, ValueError, "weight", "(4, 3, 3)", "(K, C // groups, kh, kw)"),
    (GRAD.conv2d_input, ((1, 4, 2, 7), LAYER, GY), {}, ValueError, "input_size", "2", "weight", "3"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER.astype(int), GY.astype(int)), {}, TypeError, "grad_output", "dtype int64", "floating-point"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY), {"boundary": "reflect"}, ValueError, "boundary", "symmetric", "mirror"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY), {"padding": "full"}, ValueError, "padding", "'full'", "'same'"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY), {"out": np.zeros((4, 6, 7))}, ValueError, "out", "(4, 6, 7)", "(1, 4, 6, 7)"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, GY), {"threads": 0}, ValueError, "threads", "0", "at least 1"),
    (GRAD.conv2d_input, (IMAGE.shape, LAYER, ["a"]), {}, TypeError, "grad_output", "<U1"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY[:, 1:]), {}, ValueError, "conv2d_weight", "grad_output", "(1, 7, 4, 5)", "(1, 8, 4, 5)"),
    (GRAD.conv2d_weight, (IMAGE, (8, 3, 3, 3), GY), {}, ValueError, "weight_size", "3", "input", "4 channels"),
    (GRAD.conv2d_weight, (IMAGE, (8, 4, 3), GY), {}, ValueError, "weight_size", "(8, 4, 3)", "(K, C // groups, kh, kw)"),
    (GRAD.conv2d_weight, (IMAGE, (8, 4, 0, 3), GY), {}, ValueError, "weight_size", "(8, 4, 0, 3)"),
    (GRAD.conv2d_weight, (IMAGE, (8, 4, -1, 3), GY), {}, ValueError, "weight_size", "(8, 4, -1, 3)", "at least 0"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY), {"stride": 0}, ValueError, "stride", "0", "at least 1"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY), {"groups": 3}, ValueError, "groups=3", "input", "weight_size"),
    (GRAD.conv2d_weight, (IMAGE.astype(int), LAYER.shape, GY.astype(int)), {}, TypeError, "grad_output", "dtype int64", "floating-point"),
    (GRAD.conv2d_weight, (IMAGE[0, 0], LAYER.shape, GY), {}, ValueError, "input", "(6, 7)", "NCHW"),
    (GRAD.conv2d_weight, ("abc", LAYER.shape, GY), {}, TypeError, "input", "<U3"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY), {"out": LAYER[1:]}, ValueError, "out", "(7, 4, 3, 3)", "(8, 4, 3, 3)"),
    (GRAD.conv2d_weight, (IMAGE * 1j, LAYER.shape, GY), {"out": LAYER}, TypeError, "out", "float64", "complex"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY), {"threads": 1.5}, TypeError, "threads", "1.5", "whole number"),
    (GRAD.conv2d_weight, (IMAGE, LAYER.shape, GY), {"backend": "cuda"}, ValueError, "backend", "'cuda'", "'numpy'"),
    (GRAD.conv2d_bias, (GY[0, 0],), {}, ValueError, "conv2d_bias", "grad_output", "(4, 5)", "NCHW"),
    (GRAD.conv2d_bias, (GY.astype(int),), {}, TypeError, "grad_output", "dtype int64", "floating-point"),
    (GRAD.conv2d_bias, (GY,), {"layout": "CHW"}, ValueError, "layout", "'CHW'", "'NCHW'"),
    (GRAD.conv2d_bias, (GY,), {"out": np.zeros(4)}, ValueError, "out", "(4,)", "(8,)"),
    (fc.plan_correlate, ((4, -5), "f8", W), {}, ValueError, "plan_correlate", "x_shape", "(4, -5)"),
    (fc.plan_correlate, ("big", "f8", W), {}, TypeError, "plan_correlate", "x_shape", "'big'"),
    (fc.plan_correlate, ((4, 5), "f9", W), {}, TypeError, "plan_correlate", "x_dtype", "f9"),
    (fc.plan_correlate, ((4, 5), object, W), {}, TypeError, "plan_correlate", "x_dtype", "object"),
    (fc.plan_conv2d, ((1, 5, 6, 7), "f8", LAYER), {}, ValueError, "conv2d", "w", "4", "x", "5"),
    (PLAN, (X.T,), {}, ValueError, "x", "(5, 4)", "(4, 5)"),
    (PLAN, (X.astype("f4"),), {}, ValueError, "x", "float32", "float64"),
    (PLAN, (X, np.zeros((5, 4))), {}, ValueError, "out", "(5, 4)", "(4, 5)"),
    (PLAN, (X, [0.0]), {}, TypeError, "out", "list", "array"),
    (PLAN, (X, np.zeros((4, 5), bool)), {}, TypeError, "out", "bool"),
    (PLAN, (X, READ_ONLY), {}, ValueError, "out", "read-only"),
    (COMPLEX_PLAN, (X.astype("c8"), X), {}, TypeError, "out", "float64", "complex"),
    (fc.set_backend, ("cuda",), {}, ValueError, "backend", "'cuda'", "'numpy'"),
    (fc.use_backend, ("cuda",), {}, ValueError, "backend", "'cuda'", "'numpy'"),
    (fc.use_backend, (None,), {}, TypeError, "backend", "None", "'numpy'"),
    (fc.warmup, ("cuda",), {}, ValueError, "backend", "'cuda'", "'numpy'"),
    (fc.set_num_threads, (0,), {}, ValueError, "threads", "0", "at least 1"),
    (fc.set_num_threads, ("4",), {}, TypeError, "threads", "'4'", "whole number"),
]
# fmt: on


def name(call):
    return getattr(call, "__name__", "plan")


@pytest.mark.parametrize(
    ("call", "args", "kwargs", "kind", "words"),
    [pytest.param(*row[:4], row[4:], id="-".join((name(row[0]), *row[2]))) for row in WRONG_CALLS],
)
def test_wrong_calls_say_what_is_wrong(call, args, kwargs, kind, words):
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message)]
    assert not missing, f"{missing} not in {message!r}"
    assert len(message) < 300


def test_the_table_is_long_and_has_no_row_twice():
    rows = {repr(row) for row in WRONG_CALLS}
    assert len(rows) == len(WRONG_CALLS) >= 60


def test_messages_name_the_call():
    with pytest.raises(ValueError, match=r"^convolve: "):
        fc.convolve(X, W, mode="middle")
    with pytest.raises(ValueError, match=r"^conv3d: "):
        fc.conv3d(X, W)
    with pytest.raises(ValueError, match=r"^conv_transpose3d: "):
        fc.conv_transpose3d(X, W)
    with pytest.raises(ValueError, match=r"^conv1d_input: "):
        GRAD.conv1d_input((4, 5), W, X)
    with pytest.raises(ValueError, match=r"^conv3d_weight: "):
        GRAD.conv3d_weight(X, W.shape, X)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "middle"},
        {"boundary": "reflect"},
        {"algorithm": "separable"},
        {"threads": 0},
        {"backend": "cuda"},
        {"stride": 0},
    ],
    ids=str,
)
def test_out_is_untouched_by_a_wrong_call(wrong):
    out = np.full((4, 5), 7.0)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        fc.correlate(X, W, out=out, **wrong)
    assert np.all(out == 7)
