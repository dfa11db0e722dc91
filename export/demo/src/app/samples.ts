/**
 * The sample digits that the buttons show, as the exporter wrote them.
 */

import { fetchJson } from '../engine/folder';
import type { Random } from '../engine/random';
import { ReadableError } from '../engine/readable_error';

/** Small gray pictures of each digit. */
export class Samples {
  /** Where they come from, in words. */
  readonly dataset: string;
  readonly perDigit: number;
  readonly #size: number;
  readonly #pixels: Uint8Array; // [10, perDigit, size, size]

  private constructor(dataset: string, perDigit: number, size: number, pixels: Uint8Array) {
    this.dataset = dataset;
    this.perDigit = perDigit;
    this.#size = size;
    this.#pixels = pixels;
  }

  /** @throws ReadableError the file is missing or damaged. */
  static async load(url: string, classes: number): Promise<Samples> {
    const json = (await fetchJson(url)) as Record<string, unknown> | null;
    const { dataset, per_digit: perDigit, size, images } = json ?? {};
    let pixels = new Uint8Array();
    try {
      pixels = Uint8Array.from(atob(String(images)), (character) => character.charCodeAt(0));
    } catch {
      // The length below shows that something is wrong.
    }
    const expected = classes * Number(perDigit) * Number(size) ** 2;
    if (typeof dataset !== 'string' || !(expected > 0) || pixels.length !== expected) {
      throw new ReadableError(
        `${url}: no sample digits, expected ${classes} x per_digit pictures of size x size. ` +
          'Build the page again: python -m export.site',
      );
    }
    return new Samples(dataset, Number(perDigit), Number(size), pixels);
  }

  /** [size * size] gray values of one sample, as it is. */
  picture(label: number, sample: number): Float32Array {
    const area = this.#size ** 2;
    const first = (label * this.perDigit + (sample % this.perDigit)) * area;
    return Float32Array.from(this.#pixels.subarray(first, first + area), (level) => level / 255);
  }

  /** [size * size] gray values of a canvas with one sample in its middle. */
  one(label: number, sample: number, size: number): Float32Array {
    return this.row([label], sample, size);
  }

  /**
   * A canvas with samples of several labels in a row, in its middle.
   *
   * @param apart columns from the left edge of one to that of the next.
   */
  row(labels: readonly number[], sample: number, size: number, apart = this.#size): Float32Array {
    const gray = new Float32Array(size * size);
    const top = Math.floor((size - this.#size) / 2);
    const left = top - Math.floor(((labels.length - 1) * apart) / 2);
    labels.forEach((label, i) => {
      this.#place(gray, size, label, sample, left + i * apart, top);
    });
    return gray;
  }

  /** A canvas with random samples side by side: as many as fit, or the first `most` of them. */
  many(size: number, classes: number, random: Random, most = Infinity): Float32Array {
    const gray = new Float32Array(size * size);
    const across = Math.floor(size / this.#size);
    for (let i = 0; i < Math.min(across * across, most); i++) {
      const [x, y] = [(i % across) * this.#size, Math.floor(i / across) * this.#size];
      this.#place(gray, size, random.below(classes), random.below(this.perDigit), x, y);
    }
    return gray;
  }

  #place(gray: Float32Array, size: number, label: number, sample: number, x0: number, y0: number) {
    this.picture(label, sample).forEach((value, i) => {
      const at = (y0 + Math.floor(i / this.#size)) * size + x0 + (i % this.#size);
      gray[at] = Math.max(gray[at], value);
    });
  }
}
