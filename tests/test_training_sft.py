"""The recipe on a tiny random model: it learns, stops and goes on, and its adapter merges into a GGUF file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from data.errors import SettingError
from training import corpus, export, finetune, nonlinear, sft
from training.base import gguf_file
from training.dataset import compose

TALK = {
    "messages": [
        {"role": "system", "content": "You help a shop's marketer."},
        {"role": "user", "content": "Which tea sells best in winter, and how much of it should we order until March?"},
        {"role": "assistant", "content": 'call forecast_sales {"target": "tea", "horizon_days": "until March"}'},
        {"role": "tool", "content": "a: target units low high error (up)"},
        {
            "role": "assistant",
            "content": "About {a.units} units of {a.target}. Mostly {a.low} to {a.high} units.",
        },
    ]
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer model with the real tokenizer, as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("tiny_base")
    file = gguf_file("smollm2")
    assert file is not None
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _recipe(base: Path, **changes: object) -> sft.Recipe:
    return sft.Recipe.load(
        Path(sft.__file__).parent / "recipe.yaml", base=str(base), conversations=8, batch_tokens=300, **changes
    )


def _examples(base: Path, conversations: list[dict[str, Any]]) -> list[corpus.Example]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    found = [corpus.encode(conversation, tokenizer) for conversation in conversations]
    return [example for example in found if example is not None]


def test_training_learns_and_resumes_to_the_same_weights(tiny: Path, tmp_path: Path) -> None:
    conversations = _examples(tiny, [TALK] * 24)  # the same words each step: their losses compare
    recipe = _recipe(tiny, learning_rate=0.02)
    whole = sft.Training(recipe, conversations, tmp_path / "whole")
    whole.run()
    assert whole.losses[-1][1] < whole.losses[0][1]

    def stop(step: int, *_: object) -> None:
        if step == 2:
            raise KeyboardInterrupt

    halted = sft.Training(recipe, conversations, tmp_path / "halted")
    with pytest.raises(KeyboardInterrupt):
        halted.run(stop)
    resumed = sft.Training(recipe, conversations, tmp_path / "halted")
    resumed.run()
    assert [step for step, _ in resumed.losses] == list(range(1, len(resumed.steps) + 1))
    for one, other in zip(whole.masters, resumed.masters, strict=True):
        assert torch.allclose(one, other)
    assert (tmp_path / "whole" / "adapter" / "adapter_model.safetensors").exists()
    events = list((tmp_path / "whole" / sft.LOGS).glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert b"learning_rate" in events[0].read_bytes()
    sft.plot(whole.losses, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 5000


def _product(weights: list[torch.nn.Parameter]) -> torch.Tensor:
    """What the first layer's two factors add to its weights."""
    low, high = (weight.detach().float() for weight in weights[:2])
    return high @ low


def test_a_training_goes_on_from_the_adapter_of_an_earlier_one(tiny: Path, tmp_path: Path) -> None:
    conversations = _examples(tiny, [TALK] * 24)
    first = sft.Training(_recipe(tiny, learning_rate=0.02), conversations, tmp_path / "first")
    adapter = first.run()
    second = sft.Training(_recipe(tiny, start=str(adapter)), conversations, tmp_path / "second")
    for before, after in zip(first.weights, second.weights, strict=True):
        assert torch.equal(before, after)
    second.run()
    assert second.losses[0][1] < first.losses[0][1]
    finetune.publish(adapter, tmp_path / "published")  # in 8-bit floats, whose factors are scaled
    third = sft.Training(_recipe(tiny, start=str(tmp_path / "published")), conversations, tmp_path / "again")
    kept = [_product(training.weights) for training in (first, third)]
    assert (kept[0] - kept[1]).square().mean() < 0.01 * kept[0].square().mean()
    with pytest.raises(SettingError, match="no adapter"):
        sft.Training(_recipe(tiny, start=str(tmp_path / "nowhere")), conversations, tmp_path / "third")
    with pytest.raises(SettingError, match="rank"):
        sft.Training(_recipe(tiny, start=str(adapter), rank=4), conversations, tmp_path / "fourth")


def test_without_a_rank_the_linear_layers_themselves_are_learned(tiny: Path, tmp_path: Path) -> None:
    examples = _examples(tiny, [TALK] * 24)
    whole = sft.Training(_recipe(tiny, rank=0, learning_rate=0.01), examples, tmp_path)
    whole.run()
    assert len(whole.weights) == 2 * 7  # of each layer: query, key, value, output, gate, up and down
    assert whole.losses[-1][1] < whole.losses[0][1]


def test_examples_are_composed_once_for_a_recipe(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / finetune.EXAMPLES
    told: list[tuple[int, int]] = []
    made = finetune.examples(_recipe(tiny), path)
    assert len(made) == 8
    written = path.stat().st_mtime_ns
    again = finetune.examples(_recipe(tiny, learning_rate=0.1), path, lambda *done: told.append(done))
    assert [list(e.ids) for e in again] == [list(e.ids) for e in made]
    assert path.stat().st_mtime_ns == written
    finetune.examples(_recipe(tiny, seed=8), path)
    assert path.stat().st_mtime_ns != written


def test_another_recipe_does_not_go_on_in_the_same_folder(tiny: Path, tmp_path: Path) -> None:
    conversations = _examples(tiny, list(compose(4, 1)))
    sft.Training(_recipe(tiny), conversations, tmp_path).save()
    with pytest.raises(SettingError, match="another recipe"):
        sft.Training(_recipe(tiny, seed=99), conversations, tmp_path).run()


def test_only_the_assistants_words_are_learned() -> None:
    file = gguf_file("smollm2")
    assert file is not None
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    turns = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "Hi."}]
    example = corpus.encode({"messages": turns}, tokenizer)
    assert example is not None
    learned = tokenizer.decode([i for i, weight in zip(example.ids, example.weights, strict=True) if weight])
    assert learned == "Hi.<|im_end|>"


def test_of_prose_only_the_first_token_weighs_like_a_call() -> None:
    file = gguf_file("smollm2")
    assert file is not None
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)

    def weights(said: str) -> list[float]:
        example = corpus.encode({"messages": [{"role": "assistant", "content": said}]}, tokenizer, prose=0.25)
        assert example is not None
        return [weight for weight in example.weights if weight]

    assert set(weights('call get_product {"product_id":"P1"}')) == {1.0}
    assert weights("Good morning to you.") == [1.0, *[0.25] * (len(weights("Good morning to you.")) - 1)]


def test_four_bits_keep_the_weights_nearly_as_they_were() -> None:
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    weights = np.random.default_rng(0).normal(0, 0.05, (6, 64)).astype(np.float32)
    weights[2] = 0
    packed = nonlinear.quantize(weights)
    assert packed.shape == (6, 64 // 32 * 18)
    back = dequantize(packed, GGMLQuantizationType.IQ4_NL)
    assert np.sqrt(np.square(back - weights).mean() / np.square(weights).mean()) < 0.09
    assert not back[2].any()
    with pytest.raises(ValueError, match="32 weights"):
        nonlinear.quantize(np.zeros((2, 40), np.float32))


def test_the_merge_equals_base_plus_scaled_product(tmp_path: Path) -> None:
    """Checked on one value projection of the real base: rows there keep transformers' order."""
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    low, high = (rng.normal(0, 0.05, shape).astype(np.float32) for shape in ((2, 576), (192, 2)))
    name = "base_model.model.model.layers.3.self_attn.v_proj.lora_"
    save_file({f"{name}A.weight": low, f"{name}B.weight": high}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"lora_alpha": 4, "r": 2}))
    out = export.export(tmp_path, tmp_path / "merged.gguf")
    source = gguf_file("smollm2")
    assert source is not None

    def read(path: Path) -> np.ndarray:
        tensor = next(t for t in GGUFReader(path).tensors if t.name == "blk.3.attn_v.weight")
        return dequantize(tensor.data, tensor.tensor_type)

    merged = read(source) + 2 * (high @ low)
    assert np.square(read(out) - merged).mean() < 0.01 * np.square(merged).mean()
    assert export.merged_from(out) == export.fingerprint(tmp_path)
