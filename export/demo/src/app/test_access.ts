/**
 * What scripts can read and run: `window.demo`, for tests and for curious users.
 */

import * as tf from '@tensorflow/tfjs-core';

import type { Census } from '../census';
import type { Picture } from '../engine/picture';
import type { Session } from './session';
import type { Settings } from './settings';
import type { View } from './view';

/** The parts of the page that scripts look at. */
export interface Parts {
  readonly session: Session;
  readonly view: View;
  readonly settings: Settings;
}

/** The page as scripts see it; all but `ready` needs a page that is ready. */
export class Demo {
  /** Fulfilled when the cells run; rejected when they can't. */
  readonly ready: Promise<void>;
  #parts!: Parts;

  constructor(starting: Promise<Parts>) {
    this.ready = starting.then((parts) => {
      this.#parts = parts;
    });
    this.ready.catch(() => {}); // the page shows the error
  }

  /** CA steps since the last reset. */
  get step(): number {
    return this.#parts.session.cells.steps;
  }

  /** Number of living cells. */
  get living(): number {
    return this.#parts.session.cells.main.living;
  }

  /** The name, in its manifest, of the model that the cells run. */
  get running(): string {
    return this.#parts.session.cells.main.model.manifest.name;
  }

  /** The picture of the second canvas. */
  twin(): Picture | undefined {
    return this.#parts.view.twin;
  }

  get backend(): string {
    return tf.getBackend();
  }

  get model(): string {
    return this.#parts.settings.get('model');
  }

  census(): Census | undefined {
    return this.#parts.view.census;
  }

  picture(): Picture | undefined {
    return this.#parts.view.picture;
  }

  /** Cells, y * size + x, that are impostors, living or not. */
  impostors(): number[] {
    return [...this.#parts.session.cells.impostors];
  }

  curve(): View['curve']['values'] {
    return this.#parts.view.curve.values;
  }

  /** Tensors that TensorFlow.js holds. */
  tensors(): number {
    return tf.memory().numTensors;
  }

  /** Fulfilled when all that was queued so far is done and drawn on the canvas. */
  settled(): Promise<void> {
    return this.#parts.session.settled();
  }

  /** Takes `steps` CA steps now. */
  run(steps: number): Promise<void> {
    return this.#parts.session.run(steps);
  }
}

declare global {
  interface Window {
    demo: Demo;
  }
}
