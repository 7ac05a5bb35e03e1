import json
import re
from concurrent.futures import ThreadPoolExecutor

import batches as rows
import numpy as np
import pytest
import torch
from architecture import build
from forward import Net

from ovt.pocket import figures as pocket

FAMILIES = sorted(pocket.FAMILIES)


def test_a_few_steps_reduce_every_loss_and_repeat_exactly(script, tokenizer, tiny_config):
    plans = (rows.Plan("caption", 4, 1), rows.Plan("reason", 4, 2), rows.Plan("direct", 4, 1))
    groups = [rows.group_batches(plans, 1, group, FAMILIES, tokenizer) for group in range(3)]

    def run() -> list[dict[str, float]]:
        net = Net(build(tiny_config, seed=1), compiled=False)
        optimizers = script.make_optimizers(net.model)
        losses = []
        with ThreadPoolExecutor(2) as pool:
            for step, batches in enumerate(batches for group in groups for batches in group):
                script.set_rates(optimizers, script.Schedule(steps=100, decay_from=100, warmup=5), step)
                losses.append(script.train_step(net, batches, optimizers, pool))
        return losses

    first, second = run(), run()
    assert first == second
    assert all(first[-1][kind] < 0.8 * first[0][kind] for kind in ("caption", "reason", "direct"))


def test_rows_depend_on_seed_and_index_only(tokenizer):
    together = rows.make_rows(1, "caption", range(6), FAMILIES, tokenizer)
    alone = rows.make_rows(1, "caption", [4], FAMILIES, tokenizer)[0]
    assert alone.ids == together[4].ids
    assert alone.picture is not None
    assert np.array_equal(alone.picture, np.asarray(together[4].picture))
    assert rows.make_rows(2, "caption", [4], FAMILIES, tokenizer)[0].ids != alone.ids


def test_a_group_holds_each_row_once_and_every_batch_is_padded_to_few_lengths(script, tokenizer):
    plans = script.PHASES[0][1]
    steps = rows.group_batches(plans, 1, 2, FAMILIES, tokenizer)
    assert len(steps) == rows.GROUP
    for plan in plans:
        batches = [batch for step in steps for batch in step if batch.kind == plan.kind]
        assert sum(len(batch.ids) for batch in batches) == plan.rows * rows.GROUP
        assert all((batch.ids.shape[1] - 1) % 16 == 0 for batch in batches)


def test_the_loss_is_on_the_completion_alone(tokenizer):
    made = rows.make_rows(1, "reason", range(3), FAMILIES, tokenizer)
    batch = rows.make_batch("reason", made)
    for ids, weights in zip(batch.ids, batch.weights, strict=True):
        learned = tokenizer.decode(ids[1:][weights.bool()])
        assert learned.startswith("<think>")
        assert learned.endswith("</answer><|im_end|>")
    assert batch.weights[:, : batch.skip].sum() == 0


def test_training_figures_are_never_held_out_ones(monkeypatch, tokenizer):
    seen = []
    draw = pocket.draw
    monkeypatch.setattr(pocket, "draw", lambda family, seed: seen.append(seed) or draw(family, seed))
    rows.make_rows(1, "caption", range(20), FAMILIES, tokenizer)
    assert min(seen) >= rows.FIRST_SEED


def test_the_schedule_warms_up_stays_and_falls_to_zero(script):
    schedule = script.Schedule(steps=1000, decay_from=600, warmup=100)
    assert schedule.factor(0) == pytest.approx(0.01)
    assert schedule.factor(300) == 1.0
    assert schedule.factor(800) == pytest.approx(0.5)
    assert schedule.factor(1000) == 0.0


def test_a_run_by_the_clock_settles_its_steps_when_the_constant_phase_is_over(script):
    settled = script.settle(script.Schedule(10**9, 10**9), done=600, share=0.6)
    assert settled == script.Schedule(steps=1000, decay_from=600)


def test_the_script_trains_saves_and_resumes(script, tmp_path, monkeypatch, tokenizer, tiny_config, capsys):
    from ovt.pocket.model import load_model

    phases = ((0, (rows.Plan("caption", 2, 1), rows.Plan("reason", 2, 1))), (4, (rows.Plan("reason", 4, 1),)))
    monkeypatch.setattr(script, "PHASES", phases)
    monkeypatch.setattr(script, "make_config", lambda tokenizer: tiny_config)
    monkeypatch.setattr(script, "learn_tokenizer", lambda seed: tokenizer)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    script.train(whole, 1, script.Schedule(8, 4), compiled=False)
    script.train(parts, 1, script.Schedule(4, 4), compiled=False)
    state = torch.load(parts / "resume.pt", weights_only=True)
    state["schedule"]["steps"] = 8
    torch.save(state, parts / "resume.pt")
    script.train(parts, 1, script.Schedule(4, 4), compiled=False)
    one, two = load_model(whole).state_dict(), load_model(parts).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert json.loads((whole / "training.json").read_text())["schedule"]["steps"] == 8
    assert "step 0 of 8" in capsys.readouterr().out


def test_a_world_says_what_is_asked_and_how_often_the_base_only_glances(script, tmp_path, tokenizer):
    world = tmp_path / "world.toml"
    world.write_text('[glance]\nbars = 1.0\nlines = 0.0\n[look]\nrows = 2\n[questions]\nasked = "^Which|^Who"\n')
    ((_, (see, look, *kept)),) = script.world_course(world).phases
    assert (see.kind, look.kind, look.rows) == ("see", "look", 2)
    for family, careful in (("bars", 0), ("lines", 30)):
        made = rows.make_rows(7, "see", range(30), [family], tokenizer, see)
        said = [tokenizer.decode(row.ids[row.start :]) for row in made]
        assert sum(not re.search("glance|looks like|I see", one) for one in said) == careful
        assert all("Which" in tokenizer.decode(row.ids[: row.start]) for row in made)
        assert all(row.picture is not None for row in made)
    (told,) = rows.make_rows(7, "look", [0], ["bars"], tokenizer, look)
    assert "Look at every value" in tokenizer.decode(told.ids[: told.start])
    assert not re.search("glance|looks like|I see", tokenizer.decode(told.ids[told.start :]))
    assert set(rows.drawn_families(see, FAMILIES)) == {"bars", "lines", "tables", "shapes", "easy"}
    assert all(set(rows.drawn_families(plan, FAMILIES)) == set(FAMILIES) for plan in kept)


def test_the_next_base_begins_with_pockets_own_weights(script, tmp_path, monkeypatch, tiny_folder):
    from ovt.pocket.model import load_model

    plans = (rows.Plan("see", 2, 1, ("bars",), {"bars": 0.5}), rows.Plan("caption", 2, 1))
    script.train(tmp_path, 7, script.Schedule(0, 0), compiled=False, course=script.Course(((0, plans),), tiny_folder))
    one, two = load_model(tiny_folder).state_dict(), load_model(tmp_path).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    told = json.loads((tmp_path / "training.json").read_text())
    assert told["phases"][0]["rows"][0]["glance"] == {"bars": 0.5}
    assert (tmp_path / "tokenizer.json").read_bytes() == (tiny_folder / "tokenizer.json").read_bytes()
