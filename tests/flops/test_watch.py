"""Modules counted while they train."""

import gc
import warnings
import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Watch, counting
from rlviz.flops.submodule_watch import SubmoduleWatch

D, F = 8, 4
ONE = 2 * D * F  # FLOPs of one row through Linear(D, F)


def rows(n, **options):
    return torch.zeros(n, D, **options)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(D, F)

    def forward(self, x):
        return self.layer(x)


@pytest.fixture
def layer():
    return nn.Linear(D, F)


@pytest.fixture
def watch(layer):
    return Watch(layer)


class TestPasses:
    def test_a_forward_pass_is_counted_each_time(self, layer, watch):
        with torch.no_grad():
            for _ in range(3):
                layer(rows(2))
            layer(rows(5))
        assert watch.take() == 11 * ONE

    def test_take_starts_again_from_zero(self, layer, watch):
        layer(rows(1))
        assert (watch.take(), watch.take()) == (ONE, 0)

    @pytest.mark.parametrize("needs_grad", [False, True])
    def test_a_backward_pass_is_counted_when_it_runs(self, layer, watch, needs_grad):
        for _ in range(3):  # the first counts operations, the others look them up
            loss = layer(rows(2, requires_grad=needs_grad)).sum()
            assert watch.take() == 2 * ONE
            loss.backward()
            assert watch.take() == 2 * ONE * (2 if needs_grad else 1)  # weights, inputs

    def test_a_pass_that_is_never_differentiated_costs_its_forward_only(self, layer, watch):
        for _ in range(3):
            layer(rows(2)).sum()
        assert watch.take() == 3 * 2 * ONE

    def test_frozen_weights_need_no_gradient(self, layer):
        model = nn.Sequential(layer, nn.Linear(F, 3))
        layer.requires_grad_(False)
        watch = Watch(model)
        for _ in range(2):
            model(rows(2)).sum().backward()
            assert watch.take() == 2 * ONE + 2 * (2 * F * 3) + 2 * (2 * F * 3)

    def test_training_and_evaluation_are_told_apart(self):
        class Twice(nn.Linear):
            def forward(self, x):
                return super().forward(x) + (super().forward(x) if self.training else 0)

        module = Twice(D, F)
        watch = Watch(module)
        with torch.no_grad():
            for mode, cost in ((True, 2 * ONE), (False, ONE), (True, 2 * ONE), (False, ONE)):
                module.train(mode)(rows(1))
                assert watch.take() == cost

    @pytest.mark.parametrize(
        ("module", "shape"),
        [
            (nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, 2)), (3, D)),
            (
                nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)),
                (2, 1, 6, 6),
            ),
            (nn.GRU(D, 6), (4, 2, D)),
            (nn.TransformerEncoderLayer(D, 2, 16), (4, 2, D)),
        ],
        ids=["mlp", "conv", "gru", "encoder"],
    )
    def test_a_step_equals_torchs_counter(self, module, shape):
        def step():
            output = module(torch.zeros(shape))
            (output[0] if isinstance(output, tuple) else output).sum().backward()

        with FlopCounterMode(display=False) as counter:
            step()
        watch = Watch(module)
        for _ in range(3):
            step()
            assert watch.take() == counter.get_total_flops()

    def test_ppo_epochs_over_one_rollout(self):
        policy = nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, F))
        watch, optimizer = Watch(policy), torch.optim.SGD(policy.parameters(), 0.1)
        one = 2 * (D * 16 + 16 * F)
        for _ in range(2):
            with torch.no_grad():
                for _ in range(4):
                    policy(rows(1))
            for _ in range(3):
                optimizer.zero_grad()
                policy(rows(4)).square().mean().backward()
                optimizer.step()
            # rollout 4 rows; update 3 × 4 rows, whose first layer needs no gradient of its inputs
            assert watch.take() == 4 * one + 3 * 4 * (3 * one - 2 * D * 16)


class TestOutputs:
    @pytest.mark.parametrize("compiled", [False, True])
    def test_a_custom_backward_that_may_multiply_is_named(self, compiled):
        class Multiply(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, weight):
                ctx.save_for_backward(x)
                return x @ weight

            @staticmethod
            def backward(ctx, gradient):
                (x,) = ctx.saved_tensors
                return None, x.T @ gradient

        class Custom(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.zeros(D, F))

            def forward(self, x):
                return Multiply.apply(x, self.weight).tanh()

        module = torch.compile(Custom(), backend="eager") if compiled else Custom()
        watch = Watch(module)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # dynamo's own
            module(rows(2)).sum().backward()
        assert watch.take() == 2 * ONE
        assert watch.uncounted == ("backward of MultiplyBackward",)

    def test_reentrant_checkpoints_hide_their_backward_and_are_named(self, layer):
        class Checkpointed(nn.Module):
            def __init__(self, reentrant):
                super().__init__()
                self.layer, self.reentrant = nn.Linear(D, F), reentrant

            def forward(self, x):
                return checkpoint(self.layer, x, use_reentrant=self.reentrant)

        for reentrant, names in ((True, ("backward of CheckpointFunctionBackward",)), (False, ())):
            module = Checkpointed(reentrant)
            watch = Watch(module)
            module(rows(2, requires_grad=True)).sum().backward()
            assert watch.uncounted == names
            assert watch.take() == (1 if reentrant else 3) * 2 * ONE  # nothing recomputed counts

    def test_a_part_under_no_grad_is_neither_differentiated_nor_named(self):
        class Target(Policy):
            def forward(self, x):
                with torch.no_grad():
                    target = self.layer(x)
                return super().forward(x) - target

        module = Target()
        watch = Watch(module)
        module(rows(2)).sum().backward()
        assert watch.take() == 3 * 2 * ONE
        assert watch.uncounted == ()

    def test_operations_without_a_formula_are_named(self):
        module = nn.Bilinear(4, 4, 2)
        watch = Watch(module)
        module(torch.zeros(3, 4), torch.zeros(3, 4))
        assert watch.uncounted == ("aten::_trilinear",)


class Interrupted(Policy):
    interrupt = True

    def forward(self, x):
        if self.interrupt:
            raise KeyboardInterrupt
        return super().forward(x)


class TestInterrupts:
    """`nn.Module` calls no hook when a `KeyboardInterrupt` ends a pass."""

    @pytest.fixture
    def module(self):
        return Interrupted()

    def interrupted(self, module):
        with pytest.raises(KeyboardInterrupt):
            module(rows(2))
        module.interrupt = False

    def nothing_left(self, *watches):
        return (
            not _get_current_dispatch_mode_stack()
            and not counting._EAGER._inside
            and not any(watch._ledger.passes() for watch in watches)
        )

    @pytest.mark.parametrize("then", [Watch.take, Watch.close])
    def test_taking_or_closing_leaves_the_counter(self, module, then):
        watch = Watch(module)
        self.interrupted(module)
        then(watch)
        assert self.nothing_left(watch)

    @pytest.mark.parametrize("known", [False, True])
    def test_the_next_pass_leaves_the_counter_and_counts_rightly(self, module, known):
        watch = Watch(module)
        if known:
            module.interrupt = False
            module(rows(1))
            watch.take()
            module.interrupt = True
        self.interrupted(module)
        rows(2) @ torch.zeros(D, D)  # between the passes, and not the module's
        for n in (1, 2, 2):
            module(rows(n)).sum().backward()
            assert self.nothing_left(watch)
            assert watch.take() == 2 * n * ONE

    def test_nested_watches_leave_together(self, module):
        model = nn.Sequential(module)
        inner, outer = Watch(module), Watch(model)
        self.interrupted(model)
        outer.take()
        assert not _get_current_dispatch_mode_stack()
        model.get_submodule("0").interrupt = False
        with torch.no_grad():
            model(rows(2))
        assert (inner.take(), outer.take()) == (2 * ONE, 2 * ONE)
        assert self.nothing_left(inner, outer)

    def test_a_module_that_survives_an_interrupt_within_is_still_counted(self):
        class Tries(Policy):
            def forward(self, x, again=True):
                if not again:
                    raise KeyboardInterrupt
                with pytest.raises(KeyboardInterrupt):
                    self(x, again=False)
                return super().forward(x)

        module = Tries()
        watch = Watch(module)
        with torch.no_grad():
            for _ in range(2):
                module(rows(1))
                assert watch.take() == ONE
        assert not _get_current_dispatch_mode_stack()

    def test_a_mode_that_was_entered_later_is_left_alone(self, module):
        class Mine(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                return func(*args, **(kwargs or {}))

        watch = Watch(module)
        self.interrupted(module)
        with Mine() as mine:
            watch.take()
            assert _get_current_dispatch_mode_stack()[-1] is mine
        watch.take()
        assert self.nothing_left(watch)

    def test_taking_within_a_pass_leaves_it_counted(self):
        class Takes(Policy):
            def forward(self, x):
                watch.take()
                return super().forward(x)

        module = Takes()
        watch = Watch(module)
        module(rows(1))
        assert watch.take() == ONE


class TestOwnFailures:
    """They never reach the user's model."""

    @pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
    @pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
    def test_nested_tensors_pass_and_are_named(self, layer, watch, layout):
        x = torch.nested.nested_tensor([rows(2), rows(3)], layout=layout)
        for _ in range(2):
            assert layer(x).is_nested
        assert "aten::linear" in watch.uncounted
        assert not _get_current_dispatch_mode_stack()
        assert watch.take() == 0

    def test_an_output_that_cannot_be_walked_is_named(self):
        class Endless(Policy):
            def forward(self, x):
                output = [super().forward(x)]
                output.append(output)
                return output

        module = Endless()
        watch = Watch(module)
        for _ in range(2):
            module(rows(1))
        assert watch.uncounted == ("Endless (could not be counted: RecursionError)",)
        assert not _get_current_dispatch_mode_stack()

    def test_a_counter_that_cannot_start_is_named(self, layer, watch, monkeypatch):
        def fail(self):
            raise RuntimeError("no stance")

        monkeypatch.setattr(counting._Eager, "__enter__", fail)
        layer(rows(1))
        assert watch.uncounted == ("Linear (could not be counted: RuntimeError)",)
        assert not _get_current_dispatch_mode_stack()
        assert not counting._OPEN.runs


class TestManners:
    def test_what_is_no_module_is_refused(self):
        with pytest.raises(TypeError, match=r"Watch needs an nn\.Module, got function"):
            Watch(lambda x: x)

    def test_after_close_nothing_is_counted(self, layer, watch):
        layer(rows(1))
        watch.close()
        layer(rows(1))
        assert watch.take() == ONE
        assert not layer._forward_hooks
        assert not layer._forward_pre_hooks

    def test_nested_watches_both_count(self, layer):
        model = nn.Sequential(layer, nn.Linear(F, 2))
        inner, outer = Watch(layer), Watch(model)
        for _ in range(2):
            model(rows(1)).sum().backward()
            assert inner.take() == 2 * ONE
            assert outer.take() == 2 * ONE + 3 * (2 * F * 2)

    def test_a_watched_module_can_be_collected(self):
        gc.freeze()  # all that the tests before have left, which takes long to go through
        try:
            module = nn.Linear(D, F)
            Watch(module)
            gone = weakref.ref(module)
            del module
            gc.collect()
            assert gone() is None
        finally:
            gc.unfreeze()


@pytest.mark.filterwarnings("default")  # dynamo's own, on some platforms
class TestCompiled:
    @pytest.fixture
    def backend(self):
        class Recording:
            compiled = ran = 0

            def __call__(self, graph, inputs):
                self.compiled += 1

                def run(*args):
                    self.ran += 1
                    return graph.forward(*args)

                return run

        torch._dynamo.reset()
        yield Recording()
        torch._dynamo.reset()

    def test_a_compiled_module_is_counted_and_stays_compiled(self, backend):
        policy = torch.compile(Policy(), backend=backend)
        watch = Watch(policy)
        for _ in range(3):
            policy(rows(2)).sum().backward()
            assert watch.take() == 2 * 2 * ONE
        assert (backend.compiled, backend.ran) == (1, 3)

    def test_a_compiled_part_runs_uncompiled_while_new_shapes_are_counted_only(self, backend):
        model = nn.Sequential(torch.compile(Policy(), backend=backend), nn.Tanh())
        watch = Watch(model)
        for _ in range(3):
            model(rows(2)).sum().backward()
            assert watch.take() == 2 * 2 * ONE
        assert (backend.compiled, backend.ran) == (1, 2)

    @pytest.mark.quick(2)
    @pytest.mark.parametrize(
        "other",
        [
            lambda model, policy: Watch(model),
            lambda model, policy: SubmoduleWatch([model]),
            lambda model, policy: SubmoduleWatch([policy]),
        ],
        ids=["around it", "parts around it", "its parts"],
    )
    @pytest.mark.parametrize("is_last", [True, False])
    def test_the_extra_pass_for_one_watch_is_counted_by_no_other(self, backend, other, is_last):
        policy = torch.compile(Policy(), backend=backend)
        model = nn.Sequential(policy, nn.Tanh())
        kinds = [other, lambda model, policy: Watch(policy)]
        watches = [kind(model, policy) for kind in (kinds if is_last else reversed(kinds))]
        for _ in range(3):
            model(rows(2)).sum().backward()
            assert [watch.take() for watch in watches] == [2 * 2 * ONE] * 2
        assert [watch.uncounted for watch in watches] == [(), ()]

    @pytest.mark.quick(1)
    @pytest.mark.parametrize("is_known", [True, False])
    def test_nor_by_a_watch_of_what_was_compiled(self, backend, is_known):
        original = Policy()
        policy = torch.compile(original, backend=backend)
        inside, watch = Watch(original), Watch(policy)
        if is_known:
            original(rows(2))
            assert inside.take() == 2 * ONE
        policy(rows(2)).sum().backward()
        assert (inside.take(), watch.take()) == (0, 2 * 2 * ONE)
        assert inside.uncounted == ("Policy in compiled code",)
        original(rows(2)).sum().backward()
        assert (inside.take(), watch.take()) == (2 * 2 * ONE, 0)

    def test_an_extra_pass_that_fails_is_named_and_the_real_one_runs(self, backend):
        class Large(Policy):
            def forward(self, x):
                if not torch.compiler.is_compiling():
                    raise MemoryError
                return super().forward(x)

        policy = torch.compile(Large(), backend=backend)
        watch = Watch(policy)
        for _ in range(2):
            assert policy(rows(2)).shape == (2, F)
        assert watch.uncounted == ("Large (could not be counted: MemoryError)",)
        assert watch.take() == 0
        assert not _get_current_dispatch_mode_stack()

    def test_an_object_that_an_extra_pass_might_change_is_not_passed_twice(self, backend):
        class Cache:
            seen = 0

        class Remembers(Policy):
            def forward(self, x, cache):
                cache.seen += 1
                return super().forward(x)

        policy, cache = torch.compile(Remembers(), backend=backend), Cache()
        watch = Watch(policy)
        policy(rows(2), cache)
        assert cache.seen == 1
        assert watch.take() == 0
        assert watch.uncounted == (
            "Remembers (could not be counted: compiled, with an argument of unknown kind)",
        )

    def test_inside_a_compiled_region_the_hooks_vanish_and_that_is_said(self, backend):
        policy = Policy()
        watch = Watch(policy)
        step = torch.compile(lambda x: policy(x) * 2, backend=backend, fullgraph=True)
        step(rows(2))
        step(rows(2))
        assert (backend.compiled, backend.ran) == (1, 2)
        assert watch.take() == 0
        assert watch.uncounted == ("Policy in compiled code",)

    def test_a_module_compiled_in_place_is_refused(self, backend):
        policy = Policy()
        policy.compile(backend=backend)
        with pytest.raises(ValueError, match=r"compiled in place.*torch\.compile\(module\)"):
            Watch(policy)
