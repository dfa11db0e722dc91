/**
 * The manifest that the exporter writes beside a model: every constant of its CA.
 *
 * The page takes channels, threshold, noise, fire rate, colours and tensor names from here and
 * writes none of them a second time.
 */

import type { RGB } from './picture';
import { ReadableError } from './readable_error';

/** A graph: its file, and the name of the tensor for each input and output. */
export interface GraphDescription {
  readonly model: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What the page needs to know of a model. */
export interface Manifest {
  readonly name: string;
  readonly title: string;
  readonly channels: number;
  readonly stateChannels: number;
  readonly classes: number;
  readonly imageSize: number;
  readonly aliveThreshold: number;
  readonly undecidedBelow: number;
  readonly fireRate: number;
  readonly residualNoise: number;
  /** The largest absolute value that the states of its cells usually reach. */
  readonly largestState: number;
  /** The smallest and largest digits of its training, against MNIST's; [1, 1] if only those. */
  readonly sizes: readonly [number, number];
  readonly palette: readonly RGB[];
  readonly dense: GraphDescription;
  readonly living: GraphDescription;
}

/** For exports without this value; ours have 3 to 110. */
const USUAL_LARGEST_STATE = 100;

const DENSE = { inputs: ['x', 'fire_rate', 'noise'], outputs: ['x'] };
const LIVING = {
  inputs: ['state', 'neighbours', 'gray_part', 'firing', 'slots', 'noise', 'gray'],
  outputs: ['state', 'gray_part'],
};

/**
 * Reads a manifest.
 *
 * @param json the content of the file.
 * @param file its name, for the message.
 * @throws ReadableError it is no manifest, or of another version.
 */
export function parseManifest(json: unknown, file: string): Manifest {
  const reader = new Reader(file, json);
  reader.exactly('format', 'selforg_mnist');
  reader.exactly('version', 1);
  const classes = reader.integer('classes', 2, 64);
  const stateChannels = reader.integer('state_channels', classes, 255);
  return {
    name: reader.text('name'),
    title: reader.text('title'),
    channels: reader.integer('channels', stateChannels + 1, stateChannels + 1),
    stateChannels,
    classes,
    imageSize: reader.integer('image_size', 1, 1024),
    aliveThreshold: reader.number('alive_threshold', 0, 1),
    undecidedBelow: reader.number('undecided_below', -1e9, 1e9),
    fireRate: reader.number('fire_rate', 0, 1),
    residualNoise: reader.number('residual_noise', 0, 1e9),
    largestState: reader.optional('largest_state', USUAL_LARGEST_STATE, (key) =>
      reader.number(key, 1e-9, 1e9),
    ),
    sizes: reader.optional('sizes', [1, 1] as const, (key) => reader.range(key, 0.1, 10)),
    palette: reader.colours('palette', classes),
    dense: reader.graph('dense', DENSE.inputs, DENSE.outputs),
    living: reader.graph('living', LIVING.inputs, LIVING.outputs),
  };
}

type Members = Record<string, unknown>;

class Reader {
  readonly #file: string;
  readonly #members: Members;

  constructor(file: string, json: unknown) {
    this.#file = file;
    if (!isObject(json)) throw this.#error('something else', 'a JSON object');
    this.#members = json;
  }

  exactly(key: string, expected: string | number): void {
    if (this.#members[key] !== expected) this.#refuse(key, JSON.stringify(expected));
  }

  text(key: string): string {
    const value = this.#members[key];
    return typeof value === 'string' && value !== '' ? value : this.#refuse(key, 'a text');
  }

  number(key: string, least: number, most: number): number {
    const value = this.#members[key];
    const fits = typeof value === 'number' && value >= least && value <= most;
    return fits ? value : this.#refuse(key, `a number from ${least} to ${most}`);
  }

  /** A member as `read` reads it, or `absent` if it is missing or null. */
  optional<T>(key: string, absent: T, read: (key: string) => T): T {
    return this.#members[key] == null ? absent : read(key);
  }

  integer(key: string, least: number, most: number): number {
    const value = this.number(key, least, most);
    return Number.isInteger(value) ? value : this.#refuse(key, 'a whole number');
  }

  range(key: string, least: number, most: number): readonly [number, number] {
    const value = this.#members[key];
    if (Array.isArray(value) && value.length === 2) {
      const [from, to] = value as unknown[];
      const numbers = typeof from === 'number' && typeof to === 'number';
      if (numbers && least <= from && from <= to && to <= most) return [from, to];
    }
    return this.#refuse(key, `two numbers, [least, most], from ${least} to ${most}`);
  }

  colours(key: string, count: number): RGB[] {
    const value = this.#members[key];
    const fits = Array.isArray(value) && value.length === count && value.every(isColour);
    return fits ? (value as RGB[]) : this.#refuse(key, `${count} colours [red, green, blue]`);
  }

  graph(key: string, inputs: string[], outputs: string[]): GraphDescription {
    const value = this.#members[key];
    if (
      !isObject(value) ||
      typeof value['model'] !== 'string' ||
      !hasTexts(value['inputs'], inputs) ||
      !hasTexts(value['outputs'], outputs)
    ) {
      const names = [...inputs, ...outputs].join(', ');
      return this.#refuse(key, `a graph's file and the names of its tensors (${names})`);
    }
    return value as unknown as GraphDescription;
  }

  #refuse(key: string, expected: string): never {
    const found = JSON.stringify(this.#members[key])?.slice(0, 60) ?? 'nothing';
    throw this.#error(`${key} is ${found}`, expected);
  }

  #error(found: string, expected: string): ReadableError {
    return new ReadableError(
      `${this.#file}: ${found}, expected ${expected}. Export the model again.`,
    );
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isColour(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every(isByte);
}

function isByte(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}

function hasTexts(value: unknown, keys: string[]): boolean {
  return isObject(value) && keys.every((key) => typeof value[key] === 'string');
}
