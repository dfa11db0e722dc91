/**
 * How many steps make a slice: few enough that neither an event nor a frame has to wait.
 *
 * The cost of a step is the lower quartile of the last 16 slices, because the clock also counts
 * other programs, and smaller slices would not change that. It is measured again when the number
 * of living cells grows or shrinks by a factor of 1.5.
 */

const BLOCKED_MS = 5; // in which the browser can do nothing else
const WHOLE_MS = 13; // until the states are read: a GPU computes while the browser goes on
const MOST_STEPS = 64;
const REMEMBERED = 16; // slices
const OTHER_LOAD = 1.5; // if the number of living cells changes by this factor, so does the cost
const FEWEST = 64; // fewer cells than this don't make a step cheaper

/** Finds the number of steps that fit into a slice. */
export class Pace {
  /** Steps of the next slice. */
  steps = 1;
  #blocked = new Cost();
  #whole = new Cost();
  #load = FEWEST;

  /** To be called before each slice with the number of living cells. */
  setLoad(living: number): void {
    const load = Math.max(FEWEST, living);
    if (load < this.#load * OTHER_LOAD && this.#load < load * OTHER_LOAD) return;
    this.#load = load;
    this.steps = 1;
    this.#blocked = new Cost();
    this.#whole = new Cost();
  }

  /**
   * To be called after each slice.
   *
   * @param blocked milliseconds until all steps were handed to the device.
   * @param whole milliseconds until their outcome was read.
   */
  record(steps: number, blocked: number, whole: number): void {
    const fitting = Math.min(
      BLOCKED_MS / this.#blocked.add(blocked / steps),
      WHOLE_MS / this.#whole.add(whole / steps),
      2 * this.steps, // the first steps of a backend say little of the next
      MOST_STEPS,
    );
    this.steps = Math.max(1, Math.round(fitting));
  }
}

/** What a step costs, in milliseconds. */
class Cost {
  readonly #recent: number[] = []; // the newest last

  /** Adds the cost in one more slice; returns the lower quartile. */
  add(cost: number): number {
    this.#recent.push(Math.max(cost, 1e-3));
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    const sorted = [...this.#recent].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 4)];
  }
}
