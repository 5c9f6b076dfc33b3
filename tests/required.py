"""What kinds of convolutions require beside channels and kernel."""

from collections.abc import Mapping
from typing import Any

REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "BSConvS": {"p": 0.5},
    "CPConv": {"rank": 4},
    "CondConv": {"num_experts": 4},
    "DualConv": {"groups": 2},
    "GroupConv": {"groups": 2},
    "GroupPointwiseConv": {"groups": 2},
    "HetConv": {"p": 2},
    "LowRankConv": {"rank": 4},
    "Res2Conv": {"scales": 4},
    "TiedBlockConv": {"blocks": 2},
    "TuckerConv": {"rank_in": 4, "rank_out": 4},
}
