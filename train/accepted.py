"""Which of TRL's own arguments `[trainer]` takes: numbers, switches and choices of optimizers, schedules and losses.

A list of what is accepted, not of what is refused: it has none of the arguments that a later TRL adds. Left out is
whatever runs code (`trust_remote_code`, and `generation_kwargs`, which reaches `generate`), reads files or repositories
(`chat_template_path`, `deepspeed`, `fsdp_config`, `accelerator_config`), reaches the network (`hub_*`, `trackio_*`,
`log_completions_hub_repo`) or breaks what a run promises (`save_only_model`, `packing`).

Importing this loads no trainer.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from ovt.core.errors import RecipeError
from ovt.core.text import did_you_mean

BOTH = """
    optim optim_args optim_target_modules adam_beta1 adam_beta2 adam_epsilon lr_scheduler_kwargs label_smoothing_factor
    average_tokens_across_devices neftune_noise_alpha router_aux_loss_coef
    fp16 tf32 bf16_full_eval fp16_full_eval gradient_checkpointing gradient_checkpointing_kwargs
    activation_checkpointing_kwargs torch_compile torch_compile_mode use_liger_kernel liger_kernel_config use_cache
    torch_empty_cache_steps auto_find_batch_size skip_memory_metrics pad_to_multiple_of
    logging_strategy logging_first_step log_on_each_node include_num_input_tokens_seen log_level
    log_level_replica run_name project
    eval_delay eval_on_start eval_accumulation_steps eval_do_concat_batches eval_use_gather_object prediction_loss_only
    batch_eval_metrics save_on_each_node ignore_data_skip full_determinism data_seed
    dataloader_drop_last dataloader_persistent_workers dataloader_prefetch_factor dataloader_multiprocessing_context
    dataloader_in_order
    ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout
"""
SFT = """
    loss_type assistant_only_loss padding_free activation_offloading dataset_num_proc shuffle_dataset
"""
DPO = """
    loss_weights ld_alpha f_divergence_type f_alpha_divergence_coef label_smoothing use_weighting activation_offloading
    disable_dropout dataset_num_proc sync_ref_model ref_model_mixup_alpha ref_model_sync_steps
"""
RL = """
    dataloader_num_workers ddp_find_unused_parameters per_device_eval_batch_size train_sampling_strategy
    disable_dropout cast_lm_head_to_fp32 ds3_gather_for_generation num_generations_eval
    top_k min_p repetition_penalty cache_implementation chat_template_kwargs
    num_iterations epsilon epsilon_high delta sapo_temperature_neg sapo_temperature_pos vespo_k_pos vespo_lambda_pos
    vespo_k_neg vespo_lambda_neg importance_sampling_level multi_objective_aggregation mask_truncated_completions
    sync_ref_model ref_model_mixup_alpha ref_model_sync_steps top_entropy_quantile entropy_coef use_adaptive_entropy
    entropy_coef_min entropy_coef_max entropy_coef_delta entropy_target off_policy_mask_threshold
    use_bias_correction_kl max_tool_calling_iterations
    vllm_model_impl vllm_enable_sleep_mode vllm_structured_outputs_regex vllm_server_port vllm_server_timeout
    vllm_group_port vllm_max_model_length vllm_importance_sampling_correction vllm_importance_sampling_mode
    vllm_importance_sampling_clip_max vllm_importance_sampling_clip_min vllm_importance_sampling_cap
"""
MISSPELT = 0.8  # above it, a key is one of these misspelt; below, one of TRL's others
REPORTERS = ("wandb", "trackio", "tensorboard", "none")


def arguments_of(kind: Literal["sft", "dpo", "rl"]) -> list[str]:
    """The names of the arguments that a kind of training takes in [trainer], sorted."""
    return sorted(f"{BOTH} { {'sft': SFT, 'dpo': DPO, 'rl': RL}[kind] }".split())


def check_accepted(trainer: Mapping[str, Any], accepted: Collection[str], own: Collection[str]) -> None:
    """RecipeError for a key of [trainer] that is not accepted, or that is one of the section's `own` settings."""
    for key in trainer:
        if key in own:
            raise RecipeError(f"trainer.{key} is a setting of its own: write {key} = … outside [trainer]")
        if key not in accepted:
            raise RecipeError(
                f"trainer.{key} is not accepted: [trainer] takes TRL's arguments that run no code, reach no network "
                f"and leave a run resumable; {did_you_mean(key, accepted, 'leave it out', MISSPELT)}"
            )


def check_reporters(names: Collection[str]) -> None:
    """RecipeError for a name that ovt does not report to."""
    for name in names:
        if name not in REPORTERS:
            hint = did_you_mean(name, REPORTERS, "leave it out: log.jsonl is always written")
            raise RecipeError(f"report_to = {name!r}: expected wandb, trackio or tensorboard; {hint}")


def check_attention(name: str | None) -> None:
    """RecipeError for a kernel from the Hub: it is code, which would be downloaded and run."""
    if name and "/" in name:
        raise RecipeError(
            f"attn_implementation = {name!r} is code from the Hub, which ovt does not run: use sdpa, eager, "
            "flash_attention_2 or flex_attention"
        )
