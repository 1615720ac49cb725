"""A text is split by position, learnt with states that go on, and a training of it goes on to the bit."""

from __future__ import annotations

import math

import pytest
import torch

from bonag.api.session import fingerprint_of
from bonag.evaluators import make_evaluator
from bonag.running_trial import RunningTrial
from bonag.training import loop
from bonag.training.text_fitting import TextFit, perplexity, side_by_side, windows
from bonag.training.text_recipe import make_text_recipe
from bonag.training.texts import read_text, split_text
from bonag.training.weights import read_trained
from search_spaces import get_space
from search_spaces.errors import UserError
from search_spaces.nlp import NLP

SPACE = get_space("nlp")
PLAIN = SPACE.parse("linear~x+h0|tanh~1|h0~2")
# Each letter tells the next one.
ALPHABET = "abcdefghij" * 200
SHORT = ("epochs=3", "batch_size=8", "length=10", "embedding=12", "learning_rate=0.03", "dropout=0.1")


@pytest.fixture
def make_fit():
    def make(*settings, text=ALPHABET):
        recipe = make_text_recipe("quick", settings or SHORT)
        arguments = {"embedding": recipe.embedding, "layers": 1, "dropout": recipe.dropout}
        return TextFit(SPACE, PLAIN, split_text("alphabet", text, recipe.tokens), recipe, arguments)

    return make


# Texts


def test_a_text_is_split_by_position_and_the_vocabulary_is_that_of_training():
    text = split_text("a text", "ab" * 400 + "c" * 200, "characters")
    assert [len(part) for part in (text.train, text.validation, text.test)] == [800, 100, 100]
    assert text.vocabulary == ("<unk>", "a", "b")
    assert set(text.train.tolist()) == {1, 2}
    # What training has not seen.
    assert set(text.test.tolist()) == {0}


def test_words_stand_between_blanks_and_lines_end():
    text = split_text("a text", "the cat sat\nthe dog sat\n" * 200 + "the end\n", "words")
    # What training has once only, here half a word at its end, is unknown.
    assert text.vocabulary == ("<unk>", "<eos>", "cat", "dog", "sat", "the")
    words = [text.vocabulary[token] for token in text.train[:8].tolist()]
    assert words == ["the", "cat", "sat", "<eos>", "the", "dog", "sat", "<eos>"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"short", "is too short: a tenth of it must have 50 characters or more, and has 0"),
        (b"plain " * 500 + b"\xff\xfe" * 500, "is no text in UTF-8: its byte 3,000 is 0xff"),
        (b"zero \0" * 500, "is no text: it has a zero byte at 5"),
    ],
)
def test_what_is_no_text_gets_one_line(tmp_path, content, words):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_text(path, "characters")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_windows_lead_through_the_whole_text():
    rows = side_by_side(torch.arange(50), 4)
    assert rows.shape == (4, 12)
    parts = list(windows(rows, 5))
    assert [read.shape[1] for read, _ in parts] == [5, 5, 1]
    assert torch.cat([read for read, _ in parts], 1).equal(rows[:, :-1])
    assert torch.cat([following for _, following in parts], 1).equal(rows[:, 1:])


# Trainings


@pytest.mark.numeric
def test_a_network_learns_what_can_be_learnt(make_fit, tmp_path):
    curve = []
    trial = RunningTrial(seed=3, folder=tmp_path, tell=lambda step, metrics: curve.append((step, metrics)) or True)
    fit = make_fit()
    network = fit.run(trial)
    assert [step for step, _ in curve] == [1, 2, 3]
    assert fit.value == curve[-1][1]["perplexity"] < 1.5 < curve[0][1]["perplexity"]
    assert curve[-1][1]["loss"] < curve[0][1]["loss"]
    assert not network.training
    assert perplexity(network, fit.dataset.test) < 1.5


def test_a_network_that_knows_nothing_guesses(make_fit):
    fit = make_fit()
    fit.trial = RunningTrial(seed=0)
    network = fit.network
    with torch.no_grad():
        network.vectors.weight.zero_()
    assert perplexity(network, fit.dataset.test) == pytest.approx(fit.dataset.num_classes, rel=1e-4)


def weights(network):
    return [tensor.clone() for tensor in network.state_dict().values()]


@pytest.mark.slow
def test_a_training_is_a_function_of_its_seed_and_goes_on_to_the_same_bits(make_fit, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    expected = weights(make_fit().run(RunningTrial(seed=3)))
    state = torch.get_rng_state()
    other = weights(make_fit().run(RunningTrial(seed=4)))
    assert torch.get_rng_state().equal(state), "the global random numbers were used"
    assert not all(one.equal(two) for one, two in zip(expected, other, strict=True))

    def fatal(step, metrics):
        if step == 2:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        make_fit().run(RunningTrial(seed=3, folder=tmp_path, tell=fatal))
    steps = []
    again = make_fit().run(RunningTrial(seed=3, folder=tmp_path, tell=lambda step, metrics: steps.append(step) or True))
    assert steps == [2, 3]
    assert all(one.equal(two) for one, two in zip(expected, weights(again), strict=True))


def test_gradients_are_cut(make_fit):
    sgd = ("optimizer=sgd", "momentum=0", "weight_decay=0", "learning_rate=1", "warmup_epochs=0")
    fit = make_fit("batch_size=8", "length=10", "embedding=12", "clip=0.001", *sgd)
    fit.trial = RunningTrial(seed=0)
    before = weights(fit.network)
    loss, _ = next(fit.losses(0))
    fit._move(loss, 0)
    moved = math.sqrt(sum(float((a - b).square().sum()) for a, b in zip(before, weights(fit.network), strict=True)))
    assert 0 < moved <= 0.00101


# The evaluator


@pytest.fixture
def alphabet(tmp_path):
    path = tmp_path / "alphabet.txt"
    path.write_text(ALPHABET)
    return path


def made(dataset, *settings, space=SPACE):
    return make_evaluator(space, "train", settings={"dataset": str(dataset), "hyperparameters": settings or SHORT})


def test_the_evaluator_measures_the_validation_part_and_leaves_the_network_behind(alphabet, tmp_path):
    evaluator = made(alphabet)
    assert (evaluator.name, evaluator.task, evaluator.preset) == ("train", "alphabet.txt", "quick")
    assert evaluator.metrics == ("perplexity",)
    for words in ("a vocabulary of 11 characters", "1,600 to train", "3 epochs of adamw", "embedding 12"):
        assert words in evaluator.description
    folder = tmp_path / "trial"
    metrics = evaluator.evaluate(PLAIN, RunningTrial(seed=3, space=SPACE, folder=folder))
    assert 1 < metrics["perplexity"] < 1.5
    trained = read_trained(folder / "network.safetensors", SPACE)
    assert (trained.image_size, trained.num_classes, trained.facts["tokens"]) == (None, 11, "characters")
    assert perplexity(trained.build(), evaluator.text().validation) == metrics["perplexity"]
    value, count = evaluator.test(trained)
    assert (count, value < 1.5) == (200, True)


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (None, "the networks of space 'nlp' learn a text: give one by --dataset FILE.txt"),
        ("digits", "'digits' are images, and the networks of space 'nlp' learn a text"),
        ("images.npz", "'images.npz' are images"),
        ("none.txt", "there is no file 'none.txt', and the networks of space 'nlp' learn a text"),
    ],
)
def test_images_are_no_text(dataset, words):
    settings = {} if dataset is None else {"dataset": dataset}
    with pytest.raises(UserError) as error:
        make_evaluator(SPACE, "train", settings=settings)
    assert words in str(error.value)


def test_a_text_has_no_fingerprint(alphabet):
    with pytest.raises(UserError, match="learn a text, which has no fingerprint: leave it out"):
        make_evaluator(SPACE, "train", settings={"dataset": str(alphabet), "fingerprint": "random-filters"})
    assert fingerprint_of(made(alphabet)) is None


class Characters(NLP):
    """A space of another name, whose networks learn texts as well."""

    name = "characters"


class Mute(NLP):
    """Networks that tell the last token alone."""

    name = "mute"

    def build(self, architecture, num_classes=None, **arguments):
        network = super().build(architecture, num_classes, **arguments)
        network.read = None
        return network


def test_a_space_of_ones_own_learns_texts_too(alphabet, tmp_path):
    space = Characters()
    evaluator = made(alphabet, space=space)
    metrics = evaluator.evaluate(PLAIN, RunningTrial(seed=3, space=space, folder=tmp_path / "trial"))
    assert 1 < metrics["perplexity"] < 1.5


@pytest.mark.slow
def test_networks_that_do_not_read_cannot_learn_a_text(alphabet):
    with pytest.raises(UserError, match=r"space 'mute' have no `read\(tokens, states=None\)`"):
        make_evaluator(Mute(), "train", settings={"dataset": str(alphabet)})


def test_a_text_is_no_data_set_of_images(alphabet):
    with pytest.raises(UserError, match="is no data set of images but a text, which space 'nlp' is for: give a folder"):
        made(alphabet, "epochs=1", space=get_space("nb201"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("crop=4", "unknown hyperparameter 'crop'"),
        ("tokens=letters", "unknown tokens 'letters': choose from characters, words"),
        ("clip=0", "'clip' must be from 1e-06"),
    ],
)
def test_a_wrong_setting_gets_one_line(alphabet, text, words):
    with pytest.raises(UserError, match=words):
        made(alphabet, text)


def test_presets_are_those_of_texts(alphabet):
    with pytest.raises(UserError, match="unknown preset 'nb201': choose from quick, nlp"):
        make_evaluator(SPACE, "train", settings={"dataset": str(alphabet), "preset": "nb201"})
    recipe = make_text_recipe("nlp")
    assert (recipe.epochs, recipe.batch_size, recipe.length, recipe.clip, recipe.tokens) == (50, 20, 70, 0.25, "words")
