/**
 * How many steps make a slice: few enough to keep no event and no frame waiting.
 *
 * Goes by what steps cost when nothing interrupts them, the lower quartile of late: on a busy
 * machine the clock also counts what other programs do, which a smaller slice would not change.
 */

const BLOCKED_MS = 5; // in which the browser can do nothing else
const WHOLE_MS = 13; // until the states are read: a GPU computes while the browser goes on
const MOST_STEPS = 64;
const REMEMBERED = 16; // slices

/** Finds the number of steps that fit into a slice. */
export class Pace {
  /** Of the next slice. */
  steps = 1;
  readonly #blocked = new Cost();
  readonly #whole = new Cost();

  /**
   * To be told of each slice.
   *
   * @param blocked milliseconds until all steps were handed to the device.
   * @param whole milliseconds until their outcome was read.
   */
  took(steps: number, blocked: number, whole: number): void {
    const fitting = Math.min(
      BLOCKED_MS / this.#blocked.after(blocked / steps),
      WHOLE_MS / this.#whole.after(whole / steps),
      2 * this.steps, // the first steps of a backend say little of the next
      MOST_STEPS,
    );
    this.steps = Math.max(1, Math.round(fitting));
  }
}

/** What a step costs, in milliseconds. */
class Cost {
  readonly #lately: number[] = []; // the newest last

  /** The lower quartile, with one more. */
  after(cost: number): number {
    this.#lately.push(Math.max(cost, 1e-3));
    if (this.#lately.length > REMEMBERED) this.#lately.shift();
    const sorted = [...this.#lately].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 4)];
  }
}
