"""Command: from which disturbances do cells recover, and how does the rule act on large states?

    python -m experiments.stability --output_dir=stability --weights=l2_noise,consensus

For each model, makes the states of settled digits larger, by several factors, and counts those
that recover. Also measures how much a small difference grows in a CA step, near and far. Explains
what `experiments.long_runs` finds. With --dataset=mnist it made the report in
experiments/results/stability.
"""

from experiments import study
from selforg_mnist import startup

study.define_flags(
    weights="ce,l2,l2_noise,consensus,robust", steps=300, num_samples=100, least_steps=10
)


def _run() -> int:
    from experiments.stability import measure, report

    return study.run("stability", measure.measure, report.make)


if __name__ == "__main__":
    startup.run(_run)
