"""Command: which digits trained cells don't agree on, and why.

    python -m experiments.disagreement --output_dir=disagreement --weights=l2_noise,consensus

For each model, sorts the undecided digits by cause (in pieces, standing border, flicker), by digit
and by pair of labels, and draws the most divided ones. Takes two minutes per model on two idle
cores. With --dataset=mnist it made the report in experiments/results/disagreement.
"""

from experiments import study
from selforg_mnist import startup

study.define_flags(weights="l2_noise,consensus", steps=200, num_samples=0)


def _run() -> int:
    from experiments.disagreement import measure, report

    return study.run("disagreement", measure.measure, report.make)


if __name__ == "__main__":
    startup.run(_run)
