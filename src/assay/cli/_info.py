"""`assay info`: versions, devices, and what this machine can do at best."""

import argparse

from assay import bench
from assay.cli._words import dump


def info(args: argparse.Namespace) -> int:
    """Print the environment and the measured ceilings."""
    facts = bench.environment()
    top = bench.ceilings()
    if args.json:
        print(dump({**facts, "matmul_gflops": top.matmul, "stream_gbs": top.stream}))
        return 0
    for name, value in facts.items():
        print(f"{name:<10} {value}" if value != "" else f"{name:<10} (none)")
    print()
    print("ceilings in float32, the best of five rounds:")
    print(f"  matrix product   {top.matmul:8.1f} GFLOP/s")
    print(f"  stream x + a y   {top.stream:8.1f} GB/s")
    return 0
