"""The FLOPs of any text model that transformers can build, from its config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlviz.conventions import ConventionName
from rlviz.flops import hf_config
from rlviz.flops.counted_model import CountedModel
from rlviz.flops.language_model import LanguageModel
from rlviz.flops.lengths import Attention
from rlviz.flops.shape import read_counting
from rlviz.flops.transformer import Transformer

if TYPE_CHECKING:
    from rlviz.flops.census import Found

_INSTEAD = (
    "Build rlviz.flops.Transformer(...) from its sizes if it is a plain decoder, or count it with "
    "rlviz.flops.measure(model, *inputs)."
)
_counted: dict[str, Found] = {}
"""The JSON of a config -> what was counted, for as long as the process lives."""


def from_config(
    config: object,
    *,
    attention: Attention = "causal",
    count_embedding: bool = False,
    convention: ConventionName = "exact",
) -> LanguageModel:
    """The FLOPs of a text model, from its Hugging Face config.

    The architectures that `Transformer.from_config` knows follow from closed formulas. Any other
    is built by transformers without memory for its weights (on PyTorch's meta device) and its
    operations are counted at several lengths, before this returns; the formula of the length has to
    give all of them to the integer. That takes seconds, once for each config; it needs transformers
    and torch. Of a multimodal config the text model counts; image tokens then cost what text tokens
    cost, and `rlviz.flops.measure` counts the tower that makes them.

    Windows, blocks and selected keys are those of the config. Linear attention and state spaces
    count as their chunks run. The definitions tell of each.

    Args:
        config: a `transformers` config object, or the mapping of its `config.json`.
        attention: how core attention counts, as in `Transformer`; with `"none"`, nothing that
            tokens do with each other counts.
        count_embedding: count the weights of the input embedding for each token too (verl).
        convention: `"exact"`, or by tokens and weights alone, as in `Transformer`.

    Returns:
        a `Transformer` or, where the model was counted, a `CountedModel`: `forward`, `training`,
        `generation`, `matmul_params`.

    Raises:
        ValueError: fields are missing, the model can't be built, or the cost of a part of it has no
            formula; the message names the fields or parts.

    Example:
        >>> config = {
        ...     "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        ...     "num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000,
        ... }
        >>> from_config(config).matmul_params
        6607077376
    """
    read_counting(attention, count_embedding, convention)
    try:
        return Transformer.from_config(
            config, attention=attention, count_embedding=count_embedding, convention=convention
        )
    except hf_config.NoClosedFormulaError as error:
        found, kind = _count(config, str(error))
    head = sum(flops for (name, _), flops in found.per_token.items() if name == found.head) // 2
    body = sum(found.per_token.values()) // 2 - head
    return CountedModel(
        architecture=kind,
        body_params=body + (found.embedding if count_embedding else 0),
        head_params=head,
        hidden_size=found.width,
        per_sequence=found.per_sequence,
        pairs=found.pairs,
        chunks=found.chunks,
        attention=attention,
        convention=convention,
        unseen=found.unseen,
    )


def _count(config: object, why: str) -> tuple[Found, str]:
    try:
        import transformers

        from rlviz.flops.census import count
        from rlviz.flops.meta_operations import CantCountError
    except ImportError as error:
        raise ValueError(
            f"{why} To count it from its config, install transformers and torch ({error})."
        ) from error
    read = config if isinstance(config, transformers.PretrainedConfig) else _read(config)
    kind = str(getattr(read, "model_type", ""))
    key = json.dumps([type(read).__name__, read.to_dict()], sort_keys=True, default=str)
    if key not in _counted:
        try:
            _counted[key] = count(read)
        except CantCountError as error:
            raise ValueError(
                f"the FLOPs of {kind!r} can't be counted from its config: {error}. {_INSTEAD}"
            ) from error
    return _counted[key], kind


def _read(config: object) -> Any:
    """The config object of a mapping, with the defaults that transformers fills in."""
    import transformers

    fields = dict(config) if isinstance(config, Mapping) else dict(vars(config))
    kind = fields.pop("model_type", None) or getattr(config, "model_type", "")
    if not kind:
        raise ValueError(
            f"the config has no model_type, got fields {', '.join(map(str, fields)) or 'none'}. "
            f"Give a transformers config or the mapping of a config.json. {_INSTEAD}"
        )
    try:
        return transformers.AutoConfig.for_model(kind, **fields)
    except Exception as error:  # of the checks of each config class
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"transformers {transformers.__version__} can't read the config of {kind!r} ({said}). "
            f"{_INSTEAD}"
        ) from error
