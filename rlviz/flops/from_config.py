"""The FLOPs of any text model that transformers can build, from its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlviz.flops import hf_config
from rlviz.flops.counted_model import CountedModel
from rlviz.flops.language_model import LanguageModel
from rlviz.flops.lengths import Attention
from rlviz.flops.transformer import Transformer


def from_config(
    config: object, *, attention: Attention = "causal", count_embedding: bool = False
) -> LanguageModel:
    ...
