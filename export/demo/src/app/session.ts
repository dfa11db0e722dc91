/**
 * The running cells: one loop that applies edits, takes steps and publishes pictures.
 *
 * A frame never waits for the device: it takes steps only when the picture of the last ones has
 * arrived, and asks for the next picture without waiting for it. Edits wait in a queue, so that
 * they come neither between nor during others that take time, such as a change of backend.
 */

import type { Cells } from '../engine/cells';
import { History } from '../engine/history';
import type { Picture } from '../engine/picture';

const FRAME_MS = 1000 / 60;
const BUDGET_MS = 13; // of a frame, for steps
const MOST_STEPS = 200; // a frame
const RATE_WINDOW_MS = 1000;
const RUN_PICTURE_EVERY = 4; // steps

type Edit = (cells: Cells) => void | Promise<unknown>;

/** What a session tells the page. */
export interface Listener {
  picture(picture: Picture): void;
  rate(stepsPerSecond: number): void;
  error(error: unknown): void;
}

/** Runs cells in the rhythm of the screen. */
export class Session {
  readonly cells: Cells;
  playing = false;
  /** CA steps a sixtieth of a second; Infinity: as many as there is time for. */
  speed = 1;
  /** Out of sight no steps are taken. */
  inSight = true;
  readonly #history = new History();
  readonly #listener: Listener;
  readonly #edits: Edit[] = [];
  #busy = false; // an edit, or a read-back, is under way
  #due = 0;
  #affordable = 1; // steps a frame
  #lastFrame = 0;
  #counted = { steps: 0, since: 0 };

  constructor(cells: Cells, listener: Listener) {
    this.cells = cells;
    this.#listener = listener;
  }

  /** Begins the loop. */
  start(): void {
    const frame = (now: number): void => {
      requestAnimationFrame(frame);
      this.#frame(now);
    };
    requestAnimationFrame(frame);
  }

  /** Queues an edit that undo takes back. */
  edit(change: Edit): void {
    this.change((cells) => {
      this.#history.remember(cells);
      return change(cells);
    });
  }

  /** Queues an edit that undo doesn't know of; the promise tells when it is done. */
  change(change: Edit): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#edits.push(async (cells) => {
        try {
          await change(cells);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Takes back the last edit. */
  undo(): Promise<void> {
    return this.change((cells) => this.#history.undo(cells).then(() => {}));
  }

  /** Takes one step, also while paused. */
  stepOnce(): Promise<void> {
    return this.change((cells) => cells.step());
  }

  /** Takes so many steps at once, with a picture every few. */
  run(steps: number): Promise<void> {
    return this.change(async (cells) => {
      for (let i = 1; i <= steps; i++) {
        cells.step();
        if (i % RUN_PICTURE_EVERY === 0 || i === steps) {
          this.#listener.picture(await cells.picture());
        }
      }
    });
  }

  #frame(now: number): void {
    const elapsed = Math.min(now - this.#lastFrame, 1000);
    this.#lastFrame = now;
    this.#tellRate(now);
    const due = this.playing && this.inSight ? (elapsed / FRAME_MS) * this.speed : 0;
    this.#due = Math.min(this.#due + due, this.#affordable);
    if (this.#busy) return;
    if (this.#edits.length > 0) {
      void this.#guarded(() => this.#applyEdits());
    } else if (this.#due >= 1) {
      void this.#guarded(() => this.#advance());
    }
    if (due === 0) this.#due = 0;
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    this.#busy = true;
    try {
      await work();
    } catch (error) {
      this.playing = false;
      this.#listener.error(error);
    } finally {
      this.#busy = false;
    }
  }

  async #applyEdits(): Promise<void> {
    for (let edit = this.#edits.shift(); edit; edit = this.#edits.shift()) await edit(this.cells);
    await this.#publish();
  }

  async #advance(): Promise<void> {
    const begin = performance.now();
    const steps = Math.floor(this.#due);
    this.#due -= steps;
    for (let i = 0; i < steps; i++) this.cells.step();
    this.#counted.steps += steps;
    await this.#publish();
    const affordable = (steps * BUDGET_MS) / (performance.now() - begin + 0.01);
    if (affordable < this.#affordable) {
      this.#affordable = Math.max(1, affordable);
    } else if (steps >= Math.floor(this.#affordable)) {
      // At most twofold, since the first steps of a backend say little of the next.
      this.#affordable = Math.min(affordable, 2 * this.#affordable, MOST_STEPS);
    }
  }

  async #publish(): Promise<void> {
    this.#listener.picture(await this.cells.picture());
  }

  #tellRate(now: number): void {
    const passed = now - this.#counted.since;
    if (passed < RATE_WINDOW_MS) return;
    this.#listener.rate((1000 * this.#counted.steps) / passed);
    this.#counted = { steps: 0, since: now };
  }
}
