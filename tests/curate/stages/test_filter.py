import pytest

from ovt.curate.stages import filter


def test_kept_samples_get_a_response_and_the_raw_text_stays(samples_of, response_of):
    text = response_of("A bar, the caption says. Wait, no.")
    samples = samples_of("a", [text, response_of("A bar.")])
    kept, dropped = filter.run(samples, filter.FilterSection())
    assert kept["text"].to_list() == samples["text"].to_list()
    assert kept["response"].to_list() == [response_of("A bar, the caption says."), response_of("A bar.")]
    assert kept["response_words"].to_list() == [11, 8]
    assert kept["mentions"].to_list() == [True, False]
    assert kept["edit"].to_list() == ['reflection cut after 5 words; says "the caption"', None]
    assert kept.columns == [*samples.columns, "response", "response_words", "edit", "mentions"]
    assert len(dropped) == 0


def test_each_dropped_sample_has_one_reason_and_the_order_stays(samples_of, response_of, dropped_for):
    texts = [
        response_of("It is long " * 40),
        response_of("Wait, no."),
        "The answer is 12.",
        response_of("Fine."),
        response_of("The bar is red and tall. " * 30),
    ]
    section = filter.FilterSection(length={"max_words": 100}, repetition={"max_share": 0.99})
    kept, dropped = filter.run(samples_of("a", texts), section)
    assert kept["index"].to_list() == [3]
    assert list(dropped_for(dropped).items()) == [
        ("a-reason-0", "too_long"),
        ("a-reason-1", "empty_thinking"),
        ("a-reason-2", "no_think"),
        ("a-reason-4", "repetitive"),
    ]
    assert dropped["detail"].to_list()[0] == "126 words, more than 100"


def test_with_every_filter_off_each_text_is_kept_as_it_is(samples_of):
    off = {"mode": "off"}
    section = filter.FilterSection(format=off, reflection=off, mentions=off, repetition=off)
    texts = ["", "Wait", "<think>", "</think><answer>", "the caption " * 100]
    kept, dropped = filter.run(samples_of("a", texts), section)
    assert kept["response"].to_list() == texts
    assert kept["edit"].null_count() == len(texts)
    assert len(dropped) == 0


@pytest.mark.parametrize("mode", ["rewrite", "require", "off"])
def test_an_empty_table_is_fine(mode, samples_of, response_of):
    section = filter.FilterSection(format={"mode": mode}, length={"max_words": 5})
    kept, dropped = filter.run(samples_of(), section)
    assert len(kept) == len(dropped) == 0
    full, _ = filter.run(samples_of("a", [response_of("x")]), filter.FilterSection())
    assert kept.schema == full.schema
