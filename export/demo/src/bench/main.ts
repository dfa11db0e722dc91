/**
 * Measures the living-cell graph beside the article's dense one, in one page load.
 *
 * Where the two could be treated differently, the dense graph has the advantage: its noise comes
 * from our faster generator, and it never reads its states back.
 */

import { BACKENDS, type Backend, rate, type Stepping, use } from '../engine/backends';
import { Cells } from '../engine/cells';
import type { Model } from '../engine/model';
import { Random } from '../engine/random';
import { Catalogue } from '../app/catalogue';
import { Samples } from '../app/samples';
import { DenseCells } from './dense';

const CLASSES = 10;

/** What to measure. */
interface Request {
  readonly backend: Backend;
  readonly engine: 'dense' | 'living';
  readonly model: string;
  /** Whether to draw residual noise; without, it is zero. */
  readonly noise: boolean;
  readonly seconds: number;
  /** 1: one digit in the middle; more: `digits` digits side by side. */
  readonly digits?: number;
  readonly size?: number;
}

const NOISE = 0.02; // the article's, for the models that have none of their own
const random = new Random([1, 2, 3]);
const catalogue = Catalogue.load();
const samples = catalogue.then(({ samples }) => Samples.load(samples, CLASSES));

async function prepare(backend: Backend, name: string): Promise<Model> {
  if (!(await use(backend))) throw new Error(`no ${backend} here`);
  return (await catalogue).load(name);
}

async function canvas(size: number, digits: number): Promise<Float32Array> {
  const drawn = await samples;
  return digits === 1
    ? drawn.one(3, 0, size)
    : drawn.many(size, CLASSES, new Random([4, 5, 6]), digits);
}

/** Steps a second, until the last step is done. */
async function measure(request: Request): Promise<{ stepsPerSecond: number }> {
  const { backend, engine, seconds, size = 56, digits = 1 } = request;
  const model = await prepare(backend, request.model);
  const gray = await canvas(size, digits);
  const deviation = request.noise ? model.manifest.residualNoise || NOISE : 0;
  const run = engine === 'dense' ? denseRun : livingRun;
  const cells = await run(model, gray, size, deviation);
  try {
    await rate(cells, 0); // warms up
    return { stepsPerSecond: await rate(cells, 1000 * seconds) };
  } finally {
    cells.dispose();
    model.dispose();
  }
}

/** An engine at work on a canvas. */
interface Run extends Stepping {
  dispose(): void;
}

async function livingRun(
  model: Model,
  gray: Float32Array,
  size: number,
  deviation: number,
): Promise<Run> {
  const cells = new Cells(model, size, random);
  cells.mutate(gray);
  cells.noise = deviation;
  return cells;
}

async function denseRun(
  model: Model,
  gray: Float32Array,
  size: number,
  deviation: number,
): Promise<Run> {
  const cells = await DenseCells.create(model, gray, size);
  const { fireRate } = model.manifest;
  return {
    step: () =>
      cells.step(fireRate, deviation > 0 ? cells.drawNoise(random, deviation) : undefined),
    picture: () => cells.finish(),
    dispose: () => cells.dispose(),
  };
}

/**
 * The largest difference of any state between the two graphs after `steps` steps, in which the
 * same cells fired, with the same noise.
 */
async function difference({
  backend,
  model: name,
  steps,
}: {
  backend: Backend;
  model: string;
  steps: number;
}): Promise<number> {
  const size = 56;
  const model = await prepare(backend, name);
  const { channels, stateChannels, residualNoise } = model.manifest;
  const gray = await canvas(size, 1);
  const cells = new Cells(model, size, random);
  cells.mutate(gray);
  const { positions } = await cells.picture();
  const dense = await DenseCells.create(model, gray, size);
  for (let i = 0; i < steps; i++) {
    const { firing, slots } = random.firing(positions.length, model.manifest.fireRate);
    const drawn = random.normals(firing.length * stateChannels, residualNoise || NOISE);
    const fires = new Float32Array(size * size);
    const noise = new Float32Array(size * size * stateChannels);
    firing.forEach((row, slot) => {
      fires[positions[row]] = 1;
      const of = drawn.subarray(slot * stateChannels, (slot + 1) * stateChannels);
      noise.set(of, positions[row] * stateChannels);
    });
    cells.stepWith(firing, slots, drawn);
    dense.step(fires, noise);
  }
  const { state } = await cells.picture();
  const x = await dense.values();
  cells.dispose();
  dense.dispose();
  model.dispose();
  let largest = 0;
  const rows = new Map([...positions].map((cell, row) => [cell, row]));
  for (let cell = 0; cell < size * size; cell++) {
    const row = rows.get(cell);
    for (let channel = 0; channel < stateChannels; channel++) {
      const ours = row === undefined ? 0 : state[row * stateChannels + channel];
      const theirs = x[cell * channels + channels - stateChannels + channel];
      largest = Math.max(largest, Math.abs(ours - theirs));
    }
  }
  return largest;
}

/** The backends that work here. */
async function working(): Promise<Backend[]> {
  const found: Backend[] = [];
  for (const backend of BACKENDS) if (await use(backend)) found.push(backend);
  return found;
}

const bench = {
  backends: [] as Backend[],
  ready: Promise.all([working(), samples]).then(([backends]) => {
    bench.backends = backends;
  }),
  measure,
  difference,
};

declare global {
  interface Window {
    bench: typeof bench;
  }
}

window.bench = bench;
