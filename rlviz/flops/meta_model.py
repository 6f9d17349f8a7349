"""Runs a language model built from its config, without memory for its weights or data.

Imports torch and transformers: only `census` imports this module.

The model stands on PyTorch's `meta` device, where tensors have shapes and no data. One pass of a
sequence gives the FLOPs of each operation of each module.
"""

from __future__ import annotations

import copy
import functools
import itertools
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rlviz.flops import equal_layers
from rlviz.flops.meta_operations import CantCountError, Census, Spent

_LENGTHS = (40, 64, 101, 200, 256, 383, 600)
_OF_LOOPS = (9, 17, 24, 301)
"""After the first two, where a model without its kernels loops over tokens: seconds each."""
_LARGEST_CHUNK = 256
"""Of which the lengths hold one and two whole ones; some are no multiples of any."""
_CHUNKS = ("chunk_size", "mamba_chunk_size", "block_size")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")

_TRIES = tuple(itertools.product(("eager", None), (torch.bfloat16, torch.float32)))


def passes(config: Any, *, share: bool = True) -> tuple[Any, dict[int, Spent]]:
    """The model of a config, and what sequences of several lengths spend in it.

    Args:
        config: as transformers has it.
        share: run equal layers once.

    Raises:
        CantCountError: the model can't be built or run, or has operations without a formula.
    """
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13):
        # Models import dynamo by this call, and that of torch 2.6 can't be imported on `meta`.
        torch.compiler.disable(_quiet)  # type: ignore[no-untyped-call]
    errors: list[Exception] = []
    with _quiet(), _autocast_of_meta(), torch.no_grad(), torch.device("meta"):
        for build in _ways(config):
            try:
                model = build().to("meta").eval()  # some parameters are born elsewhere
            except Exception as error:  # whatever a model's code raises
                errors.append(error)
                continue
            for run in (model, _text_part(model)):
                try:
                    return model, _passes(model, run, lengths(text_of(config)), share)
                except Exception as error:
                    errors.append(error)
    for said in errors:
        if isinstance(said, CantCountError):
            raise said
    if not errors:
        raise CantCountError(
            f"transformers has no causal language model of {type(config).__name__}"
        )
    last = errors[0]
    said_there = re.sub(r"\s+", " ", f"{type(last).__name__}: {last}")[:300]
    raise CantCountError(f"its model can't be built and run without data ({said_there})")


def _text_part(model: Any) -> Callable[..., Any]:
    """The decoder and the head of a model that asks for images."""

    def run(**inputs: Any) -> Any:
        decoder, head = model.get_decoder(), model.get_output_embeddings()
        if decoder is model:
            raise CantCountError("it has no text model that runs alone")
        output = decoder(**inputs)
        return output if "logits" in output else head(output[0])

    return run


def input_embeddings(model: Any) -> Any:
    """What turns tokens into vectors, of the text model where the whole one doesn't say."""
    try:
        return model.get_input_embeddings()
    except NotImplementedError:
        return model.get_decoder().get_input_embeddings()


def output_embeddings(model: Any) -> Any:
    """What makes the logits, of the text model where the whole one doesn't say; None if neither."""
    head = model.get_output_embeddings()
    decoder = model if head is not None else model.get_decoder()
    return head if decoder is model else decoder.get_output_embeddings()


def _passes(model: Any, run: Any, chosen: tuple[int, ...], share: bool) -> dict[int, Spent]:
    first, second, *others = chosen
    with _watched(model, run, share) as passed:
        done = {length: passed(length) for length in (first, second)}
        if done[second].calls - done[first].calls >= second - first:
            others = [length for length in _OF_LOOPS if length < others[-1]]
        done |= {length: passed(length) for length in others}
    return {length: census.spent for length, census in done.items()}


def _ways(config: Any) -> Iterator[Callable[[], Any]]:
    """Ways to build the model, the first one that runs being right."""
    import transformers

    text = text_of(config)
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    alone = text if text.model_type in known else config
    for kind, its in (
        (transformers.AutoModelForCausalLM, alone),
        (transformers.AutoModelForImageTextToText, config),
    ):
        if type(its) not in kind._model_mapping:  # asking all the same imports every model
            continue
        for attention, dtype in _TRIES:
            own = copy.deepcopy(its)
            # As another model of this config runs its experts may be one that needs data.
            for part in {id(each): each for each in (own, text_of(own))}.values():
                if getattr(part, "_experts_implementation", None) is not None:
                    part._experts_implementation = None
                if getattr(part, "languages", None):  # each has an adapter of the same size
                    part.languages = part.languages[:1]
                    part.default_language = part.languages[0]
            if getattr(own, "is_encoder_decoder", False) is False:
                own.is_decoder = True  # BERT and its kin attend to both sides without it
            before_4_56 = hasattr(own, "torch_dtype") and not hasattr(own, "dtype")
            named = {"torch_dtype" if before_4_56 else "dtype": dtype}
            yield functools.partial(kind.from_config, own, attn_implementation=attention, **named)


def text_of(config: Any) -> Any:
    """The config of the text model.

    Raises:
        CantCountError: there are several.
    """
    if not hasattr(config, "get_text_config"):
        return config
    try:
        return config.get_text_config()
    except ValueError as error:
        raise CantCountError(f"its config has several text models ({error})") from error


def chunk_sizes(text: Any) -> list[int]:
    """Tokens of a chunk, as far as the config says."""
    return _sizes(text, _CHUNKS)


def lengths(text: Any) -> tuple[int, ...]:
    """Lengths that the model has positions for, and that hold several of its chunks."""
    larger = -(-max(chunk_sizes(text), default=1) // _LARGEST_CHUNK)
    most = min(_sizes(text, _POSITIONS), default=_LENGTHS[-1] + 4) - 4
    if larger == 1 and most < _LENGTHS[-1]:
        return tuple(sorted({max(1, most * length // _LENGTHS[-1]) for length in _LENGTHS}))
    return tuple(larger * length for length in _LENGTHS)


def _sizes(text: Any, fields: Iterable[str]) -> list[int]:
    values = vars(text)
    return [v for f in fields if isinstance(v := values.get(f), int) and v > 0]


@contextmanager
def _quiet() -> Iterator[None]:
    import transformers

    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)


class _Autocast(torch.autocast):
    """torch's, but for `meta`, which that refuses, it does nothing."""

    def __init__(self, device_type: str, *args: Any, **options: Any) -> None:
        self._is_meta = device_type == "meta"
        if not self._is_meta:
            super().__init__(device_type, *args, **options)  # type: ignore[no-untyped-call]

    def __enter__(self) -> Any:
        return self if self._is_meta else super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *raised: Any) -> Any:
        return None if self._is_meta else super().__exit__(*raised)  # type: ignore[no-untyped-call]


@contextmanager
def _autocast_of_meta() -> Iterator[None]:
    """Models of transformers 4 turn autocasting off for the device of their data, whatever it is;
    those of 5 only where it is on."""
    import transformers

    if not transformers.__version__.startswith("4."):
        yield
        return
    torch.autocast, torchs = _Autocast, torch.autocast  # type: ignore[misc]
    try:
        yield
    finally:
        torch.autocast = torchs  # type: ignore[misc]


@contextmanager
def _watched(model: Any, run: Any, share: bool) -> Iterator[Callable[[int], Census]]:
    """A function that passes a sequence of some length, and what each place spent."""
    inside = [""]
    given: dict[Any, Any] = {}
    hooks = []
    for name, module in model.named_modules():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
            module.register_forward_hook(lambda *_: inside.pop() and None),
        ]
    equal = equal_layers.groups(model) if share else {}
    layers = {layer: (look, layer.forward) for layer, look in equal.items()}

    def passed(length: int) -> Census:
        del inside[1:]
        census = Census(inside, given)
        repeats = equal_layers.Repeats(census.measure, census.repeat)
        for layer, (look, forward) in layers.items():
            layer.forward = _repeating(repeats, look, forward)
        with census:
            run(input_ids=torch.zeros(1, length, dtype=torch.long), use_cache=False)
        if census.uncounted:
            places = ", ".join(sorted(census.uncounted)[:4])
            raise CantCountError(f"these of its operations have no formula: {places}")
        return census

    try:
        yield passed
    finally:
        for layer in layers:
            del layer.forward
        for hook in hooks:
            hook.remove()


def _repeating(repeats: equal_layers.Repeats, look: Any, forward: Any) -> Any:
    return lambda *args, **kwargs: repeats.call(look, forward, args, kwargs)
