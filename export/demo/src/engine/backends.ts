/**
 * TensorFlow.js backends: which work here, and which is the fastest for these cells.
 */

import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import * as tf from '@tensorflow/tfjs-core';

import { Cells } from './cells';
import type { Model } from './model';

/** From the one that is likely to be the fastest to the one that always works. */
export const BACKENDS = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

const WARM_UP_MS = 1500;
const MEASURE_MS = 120;

setWasmPaths({
  'tfjs-backend-wasm.wasm': plain,
  'tfjs-backend-wasm-simd.wasm': simd,
  'tfjs-backend-wasm-threaded-simd.wasm': threaded,
});
// The shapes of tensors change with every stroke. Without this, WebGL compiles its shaders again.
tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', true);

/** Makes a backend the current one; false if it doesn't work here. */
export async function use(backend: Backend): Promise<boolean> {
  // If there is an API but no adapter, TensorFlow.js writes errors to the console. So look first.
  if (backend === 'webgpu' && !(await gpuAdapter())) return false;
  try {
    return await tf.setBackend(backend);
  } catch {
    return false;
  }
}

interface GpuAdapter {
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

async function gpuAdapter(): Promise<GpuAdapter | null | undefined> {
  const gpu = (navigator as { gpu?: { requestAdapter(): Promise<GpuAdapter | null> } }).gpu;
  try {
    return await gpu?.requestAdapter();
  } catch {
    return null;
  }
}

/** Whether the browser emulates the backend's graphics card on the CPU, where wasm is faster. */
async function lacksCard(backend: Backend): Promise<boolean> {
  if (backend === 'webgpu') return (await gpuAdapter())?.info?.isFallbackAdapter ?? false;
  if (backend !== 'webgl') return false;
  const gl = document.createElement('canvas').getContext('webgl2');
  const about = gl?.getExtension('WEBGL_debug_renderer_info');
  const renderer = about ? String(gl?.getParameter(about.UNMASKED_RENDERER_WEBGL)) : '';
  return /swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

/**
 * Measures each backend on a digit and makes the fastest one the current one.
 *
 * Without a graphics card, only those that need none are measured: the others would take seconds.
 *
 * @param load loads a model on the current backend.
 * @param gray [size * size] the digit.
 * @returns the steps a second of each backend that works here, fastest first.
 */
export async function chooseFastest(
  load: () => Promise<Model>,
  gray: Float32Array,
  size: number,
): Promise<[Backend, number][]> {
  const rates: [Backend, number][] = [];
  for (const backend of BACKENDS) {
    if ((await lacksCard(backend)) || !(await use(backend))) continue;
    const model = await load();
    const rate = await stepsPerSecond(model, gray, size);
    model.dispose();
    if (rate > 0) rates.push([backend, rate]);
  }
  rates.sort(([, a], [, b]) => b - a);
  await use(rates[0][0]);
  return rates;
}

/** 0 if the first steps already take too long. */
async function stepsPerSecond(model: Model, gray: Float32Array, size: number): Promise<number> {
  const cells = new Cells(model, size);
  try {
    cells.mutate(gray);
    const begin = performance.now();
    for (let i = 0; i < 3; i++) {
      cells.step();
      await cells.picture();
      if (performance.now() - begin > WARM_UP_MS) return 0;
    }
    return await rate(cells, MEASURE_MS);
  } finally {
    cells.dispose();
  }
}

/** Something that takes CA steps, and whose `picture` waits for their end. */
export interface Stepping {
  step(): void;
  picture(): Promise<unknown>;
}

/** Steps a second, measured for `milliseconds` or a little longer, until the last step is done. */
export async function rate(cells: Stepping, milliseconds: number): Promise<number> {
  const begin = performance.now();
  let steps = 0;
  do {
    for (let i = 0; i < 5; i++) cells.step();
    steps += 5;
    await cells.picture();
  } while (performance.now() - begin < milliseconds);
  return (1000 * steps) / (performance.now() - begin);
}
