/**
 * How many steps make a slice: few enough to keep no event and no frame waiting.
 *
 * Goes by what steps cost when nothing interrupts them, the lower quartile of late: on a busy
 * machine the clock also counts what other programs do, which a smaller slice would not change.
 * What a step costs depends on how many cells live: where many more or many fewer do than before,
 * it is found anew.
 */

const BLOCKED_MS = 5; // in which the browser can do nothing else
const WHOLE_MS = 13; // until the states are read: a GPU computes while the browser goes on
const MOST_STEPS = 64;
const REMEMBERED = 16; // slices
const OTHER_LOAD = 1.5; // times as many living cells, or as few
const FEWEST = 64; // so few cells cost no less than none

/** Finds the number of steps that fit into a slice. */
export class Pace {
  /** Of the next slice. */
  steps = 1;
  #blocked = new Cost();
  #whole = new Cost();
  #load = FEWEST;

  /** To be told before each slice how many cells live. */
  carries(living: number): void {
    const load = Math.max(FEWEST, living);
    if (load < this.#load * OTHER_LOAD && this.#load < load * OTHER_LOAD) return;
    this.#load = load;
    this.steps = 1;
    this.#blocked = new Cost();
    this.#whole = new Cost();
  }

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
