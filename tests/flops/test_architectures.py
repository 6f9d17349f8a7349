"""The table of architectures in the docs: how the FLOPs of each are counted, held against the code.

`python tests/flops/test_architectures.py` writes it, for the transformers that is installed.
"""

import functools
import importlib
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from rlviz.flops import Transformer, from_config

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

TABLE = Path(__file__).parents[2] / "docs" / "architectures.md"
pytestmark = [
    pytest.mark.filterwarnings("default"),  # transformers' own
    pytest.mark.skipif(
        f"transformers\n{transformers.__version__} " not in TABLE.read_text(encoding="utf-8")
        and os.environ.get("RLVIZ_REQUIRE_ALL") != "1",
        reason="the table is that of another transformers",
    ),
]
TEXT = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
IMAGES = "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"

# Fields that released models have and the defaults of the config class lack. Those of qwen4_exp,
# granite4_vision, hunyuan_vl and step3p7 are of a likely size only.
MROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [8, 12, 12]}
QSA = {"indexer_n_heads": 16, "indexer_kv_heads": 1, "indexer_head_dim": 128} | {
    "indexer_budget": 2048,
    "indexer_compress_ratio": 16,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25},
}
OF_12_LAYERS = {"hidden_size": 1280, "num_hidden_layers": 12, "num_attention_heads": 10}
RELEASED = {
    "deepseek_v2": {"num_experts_per_tok": 6, "moe_intermediate_size": 1536},
    "dots1": {"n_routed_experts": 128, "num_experts_per_tok": 6, "n_shared_experts": 2}
    | {"n_group": 1, "topk_group": 1, "first_k_dense_replace": 1},
    "big_bird": {"attention_type": "original_full"},  # what its decoder needs
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 5e4}}
    },
    "chameleon": {"vocabulary_map": {"<image>": 8711}},
    "dbrx": {"attn_config": {"kv_n_heads": 8, "rope_theta": 5e5, "clip_qkv": 8}},
    "deepseek_ocr2": {
        "text_config": OF_12_LAYERS
        | {"num_key_value_heads": 10, "mlp_layer_types": ["dense"] + ["sparse"] * 11}
        | {"n_routed_experts": 64, "num_experts_per_tok": 6, "moe_intermediate_size": 896}
    },
    "glm46v": {"text_config": {"rope_parameters": MROPE | {"partial_rotary_factor": 0.5}}},
    "glm4v": {"text_config": {"rope_parameters": MROPE | {"partial_rotary_factor": 0.5}}},
    "glm4v_moe": {
        "text_config": {"head_dim": 128}
        | {"rope_parameters": MROPE | {"partial_rotary_factor": 0.5}}
    },
    "glmga": {"text_config": {"rope_parameters": MROPE | {"partial_rotary_factor": 0.5}}},
    "granite4_vision": {"deepstack_layer_map": [[-1, 0]], "downsample_rate": "4/8"},
    "hunyuan_vl": {
        "text_config": {"head_dim": 128, "rope_parameters": MROPE | {"mrope_section": [16, 24, 24]}}
    },
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "lfm2_moe": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 8},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "qwen3_omni_moe_thinker": {
        "text_config": {"num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128}
        | {"rope_parameters": MROPE | {"mrope_section": [24, 20, 20]}}
    },
    "qwen4_exp": {"text_config": QSA},
    "qwen4_exp_text": QSA,
    "step3p7": {"text_config": {"sliding_window": 512}},
}
# No text models of their own: they take codes of audio, or another model's states.
OTHERS = {"musicgen", "musicgen_melody", "gemma4_assistant", "gemma4_unified_assistant"}
# A sample for every run: each way of counting, and a refusal.
SAMPLE = ("llama", "cohere2", "qwen3_next", "mamba2", "deepseek_v32", "blt")


def names(table):
    return sorted(getattr(transformers.models.auto.modeling_auto, table))


def texts():
    """Image-text model -> its text part, where that is a causal model of the table, or itself."""
    found = {}
    for name in names(IMAGES):
        try:
            text = transformers.AutoConfig.for_model(name).get_text_config().model_type
        except Exception:
            text = name
        found[name] = text if text in names(TEXT) else name
    return found


@functools.cache
def counted(name):
    """How an architecture is counted, and the work of its layers beside its weights."""
    fields = RELEASED.get(name, {})
    try:
        model = from_config(transformers.AutoConfig.for_model(name, **fields))
    except Exception as error:
        said = re.sub(r"\s+", " ", str(error))
        said = re.sub(r"^.*?can't be counted from its config: ", "", said)
        said = re.sub(r"\. Build rlviz.*$", "", said)
        return "refused", said.replace("|", "/")[:160]
    if isinstance(model, Transformer):
        return "closed", windows(model.sliding_window)
    kinds = [f"pairs of {reach_of(part)}" for part in model.pairs]
    kinds += [f"chunks of {part.size:,}" for part in model.chunks]
    kinds += [f"no products: {', '.join(model.unseen)}"] if model.unseen else []
    return "counted", "; ".join(kinds) or "no pairs"


def windows(window):
    sizes = window if isinstance(window, tuple) else (window,)
    kinds = ["pairs of all" for _ in [0] if None in sizes]
    return "; ".join(kinds + [f"pairs of window {w:,}" for w in sorted({*sizes} - {None})])


def reach_of(part):
    if part.reach == "blocks":
        return f"{part.count} blocks of {part.size:,}"
    return part.reach if part.size is None else f"{part.reach} {part.size:,}"


def checked(name, how):
    if how == "refused":
        return "–"
    if name in tiny_configs.TINY:
        return "real model, to the integer"
    return "further lengths" if how == "counted" else "like its kin"


def row(name):
    how, layers = counted(name)
    return f"| `{name}` | {how} | {checked(name, how)} | {layers} |"


def written():
    rows = [row(name) for name in names(TEXT)]
    ways = Counter(counted(name)[0] for name in names(TEXT))
    images = texts()
    others = [name for name, text in images.items() if name == text and name not in names(TEXT)]
    rows_of_others = [row(name) for name in others]
    fine = [name for name, text in images.items() if counted(text)[0] != "refused"]
    bad = [f"`{name}`" for name in images if name not in fine]
    return f"""# Architectures

How `rlviz.flops.from_config` counts the {len(rows)} causal language models of transformers
{transformers.__version__} and the text parts of its {len(images)} image-text models, from the
defaults of their config classes, with what released models set where those lack a field:
{ways["closed"]} follow from closed formulas, {ways["counted"]} are counted, {ways["refused"]} are
refused; {len(OTHERS)} of these are no text models of their own (codes of audio, or another model's
states). Written by `python tests/flops/test_architectures.py`.

- *closed*: a formula in the sizes. *counted*: the model is built without memory and its operations
  are counted at several lengths, which one formula has to give to the integer. *refused*: an error
  says why.
- *real model*: a small model with weights, run under torch's `FlopCounterMode`, agrees to the
  integer. *further lengths*: the check within the count alone.
- *pairs*: what core attention reaches, of all layers together. *chunks*: linear attention and state
  spaces. [Definitions](definitions.md#any-architecture) says how each counts.

| architecture | how | checked against | layers |
|---|---|---|---|
{chr(10).join(rows)}

## Text parts of image-text models

Of {len(images)} image-text models, the text parts of {len(fine)} are counted. Most are models of
the table above; the others are counted as a whole, without images:

| architecture | how | checked against | layers |
|---|---|---|---|
{chr(10).join(rows_of_others)}

Not counted: {", ".join(bad) or "none"}.
"""


def table():
    return TABLE.read_text(encoding="utf-8")


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", SAMPLE)
def test_the_table_says_how_it_is_counted(name):
    assert row(name) in table().splitlines()


def test_the_table_has_every_causal_model_and_95_percent_of_them_are_counted():
    rows = re.findall(r"^\| `(.+?)` \| (\w+) ", table().split("## Text parts")[0], re.MULTILINE)
    assert [name for name, _ in rows] == names(TEXT)
    ways = [how for _, how in rows]
    assert sum(how != "refused" for how in ways) >= 0.95 * len(ways)


@pytest.mark.soak
def test_the_whole_table_is_current():
    assert table() == written()


if __name__ == "__main__":
    TABLE.write_text(written(), encoding="utf-8")
