/**
 * The choice of a backend: measured, shown, and changed by the user.
 */

import { BACKENDS, type Backend, chooseFastest, use } from '../engine/backends';
import type { Model } from '../engine/model';
import { ReadableError } from '../engine/readable_error';
import { element, select } from './elements';
import type { Value } from './settings';

/** Ties the select 'Backend' to TensorFlow.js. */
export class BackendChoice {
  readonly #load: () => Promise<Model>;
  readonly #digit: Float32Array;
  readonly #size: number;
  #fastest: Backend | undefined;

  /**
   * @param load gives a model to measure with, on the current backend.
   * @param digit [size * size] what to measure on.
   */
  constructor(load: () => Promise<Model>, digit: Float32Array, size: number) {
    this.#load = load;
    this.#digit = digit;
    this.#size = size;
    const offered = select('backend');
    for (const backend of BACKENDS) offered.add(new Option(backend, backend));
  }

  /**
   * Makes the backend of a setting the current one.
   *
   * @throws ReadableError it doesn't work here.
   */
  async prepare(wanted: Value<'backend'>): Promise<void> {
    const backend = wanted === 'auto' ? (this.#fastest ??= await this.#measure()) : wanted;
    if (!(await use(backend))) {
      throw new ReadableError(`${backend} doesn't work in this browser; choose another backend.`);
    }
    element('where', HTMLSpanElement).textContent = `on ${backend}`;
  }

  async #measure(): Promise<Backend> {
    const rates = await chooseFastest(this.#load, this.#digit, this.#size);
    for (const option of select('backend').options) {
      const rate = rates.find(([backend]) => backend === option.value)?.[1];
      if (rate) option.text = `${option.value}: ${Math.round(rate)} steps/s`;
    }
    const [[fastest]] = rates;
    select('backend').options[0].text = `fastest (${fastest})`;
    return fastest;
  }
}
