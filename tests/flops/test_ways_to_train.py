"""Ways in which language models are trained: what is watched, what the formula gives, and what
torch's own counter sees, to the integer, or the difference by hand."""

import os
import shutil

import pytest
import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Measured, Watch, from_config, measure
from rlviz.flops.submodule_watch import SubmoduleWatch

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 100,
    "max_position_embeddings": 64,
}
B, S, D, KV, F, V, LAYERS = 2, 16, 32, 16, 64, 100, 3
T = B * S
IS_TORCH_2_6 = tuple(map(int, torch.__version__.split(".")[:2])) < (2, 7)
PRODUCT = 2 * B * S * S * D  # one of the two products of a layer's attention, forward
LAYER = 2 * (D * D) + 2 * (D * KV) + 3 * (D * F)  # weights
FORWARD_OF_A_LAYER = 2 * T * LAYER + 2 * PRODUCT
RANK = 4


def tiny(**changes):
    config = transformers.LlamaConfig(**SIZES | changes)
    return transformers.AutoModelForCausalLM.from_config(
        config, attn_implementation="eager"
    ).train()


def step(model):
    ids = torch.arange(T).reshape(B, S) % V
    model(input_ids=ids, labels=ids, use_cache=False).loss.backward()


def formula(model, **options):
    """What the config gives; and before 5.19 transformers multiplies for the angles of positions,
    once in a pass, which is no product by definition."""
    rotary, positions = model.model.rotary_emb, torch.arange(S)[None]
    angles = by_torch(rotary, torch.zeros(1, S, D), positions)
    return from_config(model.config, attention="full").training([S] * B, **options) + angles


def trained(model):
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def by_torch(run, *args):
    with FlopCounterMode(display=False) as counter:
        run(*args)
    return counter.get_total_flops()


def watched(model, run=step):
    """What both kinds of watch see of two runs each, counted and then looked up, which must be the
    same; and the names of what they don't count."""
    seen, names = set(), set()
    for kind in (Watch, lambda model: SubmoduleWatch([model])):
        watch = kind(model)
        for _ in range(2):
            run(model)
            seen.add(watch.take())
        names |= set(watch.uncounted)
        watch.close()
    (flops,) = seen
    return flops, names


def all_agree(model, run=step):
    """What torch's counter sees, once the watches and `measure` are known to see the same."""
    flops = by_torch(run, model)
    assert measure(run, model) == Measured(flops)
    assert watched(model, run) == (flops, set())
    return flops


@pytest.mark.parametrize("tied", [False, True])
def test_a_plain_update_is_the_formula_with_a_tied_head_too(tied):
    model = tiny(tie_word_embeddings=tied)
    assert all_agree(model) == formula(model)


def test_frozen_lower_layers_spare_their_backward_pass_which_the_formula_does_not_know():
    model = tiny()
    for part in (model.model.embed_tokens, *model.model.layers[:2]):
        part.requires_grad_(False)
    assert all_agree(model) == formula(model) - 2 * (2 * FORWARD_OF_A_LAYER)


def test_autocast_changes_no_count():
    def run(model):
        ids = torch.arange(T).reshape(B, S) % V
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()

    model = tiny()
    assert all_agree(model, run) == formula(model)


class Adapted(nn.Module):
    """A frozen layer with a low-rank adapter beside it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, RANK, bias=False)
        self.up = nn.Linear(RANK, layer.out_features, bias=False)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class Quantized(nn.Module):
    """A frozen layer of 4-bit codes, which are turned into weights before they multiply."""

    def __init__(self, layer, multiply=nn.functional.linear):
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        codes = torch.randint(0, 16, (layer.out_features, layer.in_features), dtype=torch.uint8)
        self.register_buffer("packed", codes[:, ::2] * 16 + codes[:, 1::2])
        self.register_buffer("levels", torch.linspace(-1, 1, 16))
        self.multiply = multiply

    def forward(self, x):
        packed = self.packed.int()
        codes = torch.stack([packed // 16, packed % 16], -1).flatten(1)
        return self.multiply(x, self.levels[codes])


class InOneFunction(torch.autograd.Function):
    """As bitsandbytes does it: a function of its own, with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx, gradient):
        return gradient @ ctx.saved_tensors[0], None


def with_adapters(model, kept=lambda layer: layer):
    """Adapters beside queries and values; `kept` is what becomes of all layers of weights."""
    model.requires_grad_(False)
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, linear in part.named_children():
                if isinstance(linear, nn.Linear):
                    new = kept(linear)
                    setattr(part, name, Adapted(new) if name in ("q_proj", "v_proj") else new)
    return model


class TestLowRankAdapters:
    @pytest.mark.parametrize("kept", [lambda layer: layer, Quantized], ids=["LoRA", "QLoRA"])
    def test_they_cost_four_for_a_frozen_weight_and_six_for_their_own(self, kept):
        model = with_adapters(tiny(), kept)
        model.enable_input_require_grads()  # as trainers do for checkpoints
        assert all_agree(model) == formula(model, lora_params=trained(model))

    def test_where_the_embedding_needs_no_gradient_the_first_layer_spares_what_leads_to_it(self):
        model = with_adapters(tiny())
        to_the_input = 2 * T * (D * D + 2 * D * KV + 2 * D * RANK)
        spared = to_the_input + PRODUCT  # nor do keys need one: nothing below them is trained
        assert all_agree(model) == formula(model, lora_params=trained(model)) - spared

    def test_a_backward_pass_in_a_function_of_its_own_is_named_and_the_formula_has_it(self):
        model = with_adapters(tiny(), lambda layer: Quantized(layer, InOneFunction.apply))
        model.enable_input_require_grads()
        flops = by_torch(step, model)
        assert measure(step, model).flops == flops == formula(model, lora_params=trained(model))
        hidden = 2 * T * LAYERS * LAYER
        assert watched(model) == (flops - hidden, {"backward of InOneFunctionBackward"})


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated")
class TestCheckpoints:
    def checkpointed(self, reentrant):
        model = tiny()
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        return model

    def test_a_layer_is_repeated_but_for_its_last_product_and_the_watch_counts_no_repeats(self):
        model = self.checkpointed(reentrant=False)
        flops = by_torch(step, model)
        not_repeated = 2 * T * (D * V + LAYERS * D * F)  # the head, and what nothing saved
        assert flops == measure(step, model).flops == formula(model, recompute=True) - not_repeated
        assert watched(model) == (formula(model), set())

    def test_reentrant_ones_repeat_all_of_a_layer_and_hide_its_backward_pass_which_is_named(self):
        model = self.checkpointed(reentrant=True)
        flops = by_torch(step, model)
        head = 2 * T * D * V
        assert flops == measure(step, model).flops == formula(model, recompute=True) - head
        hidden = 2 * LAYERS * FORWARD_OF_A_LAYER
        names = {"backward of CheckpointFunctionBackward"}
        assert watched(model) == (formula(model) - hidden, names)


@pytest.mark.filterwarnings("default")  # dynamo's own, on some platforms
class TestCompiled:
    @pytest.fixture(autouse=True)
    def forgotten(self):
        torch._dynamo.reset()
        yield
        torch._dynamo.reset()

    @pytest.mark.slow
    @pytest.mark.skipif(IS_TORCH_2_6, reason="torch 2.6 can't compile it, watched or not")
    @pytest.mark.parametrize("backend", ["eager", "aot_eager"])
    def test_a_compiled_model_costs_what_it_costs_uncompiled(self, backend):
        model = tiny(num_hidden_layers=1)
        assert watched(torch.compile(model, backend=backend)) == (formula(model), set())
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0

    @pytest.mark.slow
    def test_so_does_one_whose_kernels_are_made_for_it(self):
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None and not os.environ.get("RLVIZ_REQUIRE_ALL"):
            pytest.skip(f"inductor needs a C++ compiler, and there is no {compiler}")

        def run(model):
            model(torch.ones(3, 8)).square().mean().backward()

        model = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 2))
        flops = by_torch(run, model)
        assert flops == 3 * 2 * 3 * (8 * 4 + 4 * 2) - 2 * 3 * 8 * 4  # no gradient of the input
        assert watched(torch.compile(model, backend="inductor"), run) == (flops, set())
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0

    def test_an_update_that_is_compiled_as_a_whole_is_named(self):
        model = nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 2))
        watches = Watch(model), SubmoduleWatch([model])

        @torch.compile(backend="eager")
        def update(x):
            loss = model(x).square().mean()
            loss.backward()
            return loss.detach()

        for _ in range(2):
            update(torch.ones(3, 8))
        whole, parts = watches
        assert whole.take() == parts.take() == 0
        assert whole.uncounted == ("Sequential in compiled code",)
        assert set(parts.uncounted) == {"Sequential in compiled code", "Linear in compiled code"}


RANKS = """
import os, sys
import torch
from torch import distributed as dist
from torch.utils.flop_counter import FlopCounterMode
from rlviz.flops import Watch, measure
from rlviz.flops.submodule_watch import SubmoduleWatch
from transformers import LlamaConfig, LlamaForCausalLM  # before the fork, for it takes seconds

SIZES, B, S, V = {sizes}, {B}, {S}, {V}


def train(rank, way, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
    torch.manual_seed(0)
    config = LlamaConfig(**SIZES)
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager").train()
    if way == "DDP":
        model = torch.nn.parallel.DistributedDataParallel(model)
    else:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (2,))
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)

    def step():
        ids = torch.arange(B * S).reshape(B, S) % V
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()

    with FlopCounterMode(display=False) as counter:
        step()
    measured = measure(step)
    watches = Watch(model), SubmoduleWatch([model])
    seen = {{counter.get_total_flops(), measured.flops}}
    for _ in range(2):
        step()
        seen |= {{watch.take() for watch in watches}}
    names = {{name for each in (measured, *watches) for name in each.uncounted}}
    os.write(1, f"{{seen}} {{sorted(names)}}\\n".encode())  # at once, for two ranks write
    dist.destroy_process_group()


if __name__ == "__main__":
    arguments = tuple(sys.argv[1:])
    torch.multiprocessing.start_processes(train, arguments, nprocs=2, start_method="fork")
"""


FSDP2 = pytest.param(
    "FSDP2", marks=pytest.mark.skipif(IS_TORCH_2_6, reason="torch 2.6 has it on GPUs alone")
)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["DDP", FSDP2])
def test_each_rank_counts_its_own_share_and_names_nothing(way, run_python, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(RANKS.format(sizes=SIZES, B=B, S=S, V=V))
    result = run_python(str(script), way, str(tmp_path / "store"))
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.split("\n")[:2] == [f"{{{formula(tiny())}}} []"] * 2
