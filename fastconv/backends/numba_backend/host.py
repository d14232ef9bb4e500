"""Properties of the processor, and the sizes of tiles that suit it."""

from __future__ import annotations

import platform

from llvmlite import binding

__all__ = ["HAS_FMA", "PANEL_VECTORS", "TILE_ROWS", "TILE_VECTORS", "VECTOR_BYTES"]

_FEATURES = binding.get_host_cpu_features()
VECTOR_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16
"""Bytes of the widest vectors of this processor."""
HAS_FMA = bool(_FEATURES.get("fma")) or platform.machine() in ("aarch64", "arm64")
TILE_ROWS, TILE_VECTORS = 4, 4 if VECTOR_BYTES == 64 else 3
"""Of `correlate`: twelve sums and their operands fit 16 registers, and sixteen fit 32."""
PANEL_VECTORS = 2
"""Of `gemm`: vectors of output channels that packed weights keep together."""
