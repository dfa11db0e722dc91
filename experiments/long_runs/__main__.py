"""Command: what ten thousand CA steps do to agreement and to states.

    python -m experiments.long_runs --output_dir=long_runs --weights=l2_noise,consensus

For each model, reports the agreement at a few CA steps and the digits whose states grow without
end. Takes ten minutes per model on two idle cores. With --dataset=mnist it made the report in
experiments/results/long_runs.
"""

from experiments import study
from selforg_mnist import startup

study.define_flags(
    weights="ce,l2,l2_noise,consensus,robust", steps=10_000, num_samples=1_000, least_steps=100
)


def _run() -> int:
    from experiments.long_runs import measure, report

    return study.run("long_runs", measure.measure, report.make)


if __name__ == "__main__":
    startup.run(_run)
