"""The numbers of TensorFlow Lite's schema: operators, their options, element types."""

from collections.abc import Mapping
from typing import NamedTuple

BUILTIN: tuple[str, ...] = tuple(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
    SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
    BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
    ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
    TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
    LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL
    FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL
    REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND
    HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
    BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
    ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
    DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
    STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
    STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
    STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
    STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
    STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
    STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
    """.split()  # noqa: SIM905  (210 names)
)
"""The names of the operators, in the order of their codes."""

CUSTOM, GREATER = BUILTIN.index("CUSTOM"), BUILTIN.index("PLACEHOLDER_FOR_GREATER_OP_CODES")
"""The code of a custom operator, and that from which on a code is in a field of its own."""


class OptionTable(NamedTuple):
    """The options of an operator: the number of their table, and its fields in order, as name:letter=default."""

    table: int
    fields: str


_POOL = OptionTable(5, "padding:b stride_w stride_h filter_w filter_h activation:b")
_CONV_3D = OptionTable(106, "padding:b stride_d stride_w stride_h activation:b dilation_d=1 dilation_w=1 dilation_h=1")
_REDUCER = OptionTable(27, "keep_dims:b")

OPTIONS: Mapping[str, OptionTable] = {
    "CONV_2D": OptionTable(1, "padding:b stride_w stride_h activation:b dilation_w=1 dilation_h=1"),
    "DEPTHWISE_CONV_2D": OptionTable(
        2, "padding:b stride_w stride_h multiplier activation:b dilation_w=1 dilation_h=1"
    ),
    "TRANSPOSE_CONV": OptionTable(49, "padding:b stride_w stride_h activation:b"),
    **dict.fromkeys(("CONV_3D", "CONV_3D_TRANSPOSE"), _CONV_3D),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOL),
    "FULLY_CONNECTED": OptionTable(8, "activation:b format:b keep_num_dims:b"),
    "BATCH_MATMUL": OptionTable(101, "adj_x:b adj_y:b"),
    "SVDF": OptionTable(6, "rank activation:b"),
    "RNN": OptionTable(7, "activation:b"),
    "UNIDIRECTIONAL_SEQUENCE_RNN": OptionTable(31, "time_major:b activation:b"),
    "BIDIRECTIONAL_SEQUENCE_RNN": OptionTable(70, "time_major:b activation:b merge_outputs:b"),
    "LSTM": OptionTable(14, "activation:b cell_clip:f proj_clip:f kernel_type:b"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": OptionTable(
        71, "activation:b cell_clip:f proj_clip:f time_major:b asymmetric:b diagonal:b"
    ),
    "BIDIRECTIONAL_SEQUENCE_LSTM": OptionTable(69, "activation:b cell_clip:f proj_clip:f merge_outputs:b"),
    "CONCATENATION": OptionTable(10, "axis activation:b"),
    "ADD": OptionTable(11, "activation:b"),
    "SUB": OptionTable(28, "activation:b"),
    "MUL": OptionTable(21, "activation:b"),
    "DIV": OptionTable(29, "activation:b"),
    "L2_NORMALIZATION": OptionTable(12, "activation:b"),
    "LOCAL_RESPONSE_NORMALIZATION": OptionTable(13, "radius"),
    "CALL": OptionTable(16, "subgraph"),
    "IF": OptionTable(92, "then else"),
    "WHILE": OptionTable(93, "cond body"),
    "CALL_ONCE": OptionTable(103, "init"),
    "RESHAPE": OptionTable(17, "new_shape:[]"),
    "SQUEEZE": OptionTable(30, "squeeze_dims:[]"),
    "SPACE_TO_DEPTH": OptionTable(19, "block_size"),
    "DEPTH_TO_SPACE": OptionTable(94, "block_size"),
    "GATHER": OptionTable(23, "axis batch_dims"),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _REDUCER),
    "STRIDED_SLICE": OptionTable(32, "begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask offset:b"),
    "SPLIT": OptionTable(35, "num_splits"),
    "SPLIT_V": OptionTable(79, "num_splits"),
    "PACK": OptionTable(59, "values_count axis"),
    "UNPACK": OptionTable(64, "num axis"),
    "ONE_HOT": OptionTable(61, "axis"),
}
"""The options that decide a size or a cost; an operator that is not here has none of them."""

OPTIONS_2: Mapping[str, OptionTable] = {"STABLEHLO_COMPOSITE": OptionTable(21, "name:s subgraph")}
"""The same of the second table of options."""

BITS: tuple[int, ...] = (32, 16, 32, 8, 64, 0, 8, 16, 64, 8, 64, 128, 64, 0, 0, 32, 16, 4, 16, 2, 4, 8, 8)
"""The bits of each element type; those of strings and handles are not known."""

FORMATS: Mapping[int, str] = {0: "f", 1: "e", 2: "i", 3: "B", 4: "q", 6: "?", 7: "h", 9: "b", 10: "d", 15: "I", 16: "H"}
"""The `struct` format of the element types whose values are read."""

FLOAT32, INT32 = 0, 2
FLOATS = frozenset((0, 1, 8, 10, 11, 18, 21, 22))
"""The floating-point element types."""

ACTIVATIONS: tuple[str, ...] = ("", "relu", "hardtanh", "relu6", "tanh", "sign")
"""The functions that are fused into an operator, by their number; a clip to -1 and 1 is named hardtanh here."""
