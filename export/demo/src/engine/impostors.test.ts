import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it, vi } from 'vitest';

import { adding, canvas, shown } from '../testing/adding_rule';
import { Cells } from './cells';
import { Colony } from './colony';
import { Random } from './random';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const THREE = canvas('1 1 . . . . . . 1');
/** Impostors add ten times as much. */
const impostorRule = adding({ name: 'impostor' }, 10);

/** Living cells 0, 1 and 8, of which those are impostors. */
function three(...impostors: number[]): Cells {
  const cells = new Cells(adding(), 3, new Random([1, 2, 3]));
  cells.mutate(THREE);
  cells.useImpostors(impostorRule);
  cells.mark(impostors, true);
  return cells;
}

const places = ({ impostors }: Cells): number[] => [...impostors].sort((a, b) => a - b);

describe('a step of two rules', () => {
  it('lets each cell follow its own, from the same states', async () => {
    const cells = three(1);
    cells.step();
    expect(await shown(cells)).toBe('2 20 .\n. . .\n. . 1');
    cells.step();
    expect(await shown(cells)).toBe('26 260 .\n. . .\n. . 3');
  });

  it('gives each cell that fires its own noise', async () => {
    const cells = three(0, 8);
    // Firing: 8, then 1, then 0; rows are 0, 1 and 8.
    const noise = Float32Array.of(5, 0, 7, 0, 9, 0);
    cells.stepWith(Int32Array.of(2, 1, 0), Int32Array.of(2, 1, 0), noise);
    expect(await shown(cells)).toBe('110 9 .\n. . .\n. . 60');
  });

  it('changes no cell of either kind that does not fire', async () => {
    const cells = three(1);
    cells.stepWith(Int32Array.of(1), Int32Array.of(-1, 0, -1));
    expect(await shown(cells)).toBe('0 20 .\n. . .\n. . 0');
    cells.stepWith(Int32Array.of(0), Int32Array.of(0, -1, -1));
    expect(await shown(cells)).toBe('22 20 .\n. . .\n. . 0');
  });

  it('draws the same for honest cells as without impostors', async () => {
    const [without, among] = [three(), three(8)];
    for (const cells of [without, among]) {
      cells.fireRate = 0.5;
      cells.noise = 0.1;
      for (let i = 0; i < 5; i++) cells.step();
    }
    const line = async (cells: Cells): Promise<string> => (await shown(cells)).split('\n')[0];
    expect(await line(among)).toBe(await line(without));
    expect(await shown(among)).not.toBe(await shown(without));
  });

  it('costs nothing more where no living cell is an impostor', () => {
    const step = vi.spyOn(impostorRule, 'step');
    const grayPart = vi.spyOn(impostorRule, 'grayPart');
    const cells = three();
    const tensors = tf.memory().numTensors;
    cells.step();
    cells.mark([0], true);
    cells.mutate(canvas('. 1 . . . . . . 1')); // the impostor is dead
    cells.step();
    expect(step).not.toHaveBeenCalled();
    expect(grayPart).not.toHaveBeenCalled();
    expect(tf.memory().numTensors).toBe(tensors);
    cells.mutate(THREE);
    cells.step();
    cells.step();
    expect(step).toHaveBeenCalledTimes(2);
    expect(grayPart).toHaveBeenCalledTimes(1); // the drawing is the same
    vi.restoreAllMocks();
  });
});

describe('impostors', () => {
  it('are living cells, until they are made honest', () => {
    const cells = three(0, 4, 8);
    expect(places(cells)).toEqual([0, 8]);
    cells.mark([0, 4], false);
    expect(places(cells)).toEqual([8]);
  });

  it('go when drawn over or erased by half or more, and stay when damaged', () => {
    const cells = three(0, 1, 8);
    const amounts = new Map([
      [0, 0.5],
      [1, 0.4],
    ]);
    cells.paint(amounts, null);
    expect(places(cells)).toEqual([0, 1, 8]);
    cells.paint(amounts, 1);
    expect(places(cells)).toEqual([1, 8]);
    cells.paint(new Map([[8, 1]]), 0);
    expect(places(cells)).toEqual([1]);
  });

  it('keep their places when the digit changes, after a reset, and when cells forget', () => {
    const cells = three(0, 8);
    cells.mutate(canvas('. 1 . . . . . . 1'));
    cells.reset();
    cells.forget([8]);
    expect(places(cells)).toEqual([0, 8]);
  });

  it('move with a canvas that grows and shrinks', () => {
    const cells = three(0, 8);
    cells.resize(5);
    expect(places(cells)).toEqual([6, 18]);
    cells.resize(3);
    expect(places(cells)).toEqual([0, 8]);
  });

  it('come back with a snapshot, and are in the picture and the preview', async () => {
    const cells = three(0, 8);
    const [before, earlier] = [cells.snapshot(), await cells.picture()];
    expect(earlier.impostors).toEqual(new Set([0, 8]));
    cells.mark([0], false);
    expect(cells.preview(earlier)!.impostors).toEqual(new Set([8]));
    expect(earlier.impostors).toEqual(new Set([0, 8])); // it doesn't change
    await cells.restore(before);
    expect(places(cells)).toEqual([0, 8]);
  });

  it('live among cells of their own width only', async () => {
    const cells = three(0, 8);
    await cells.useModel(adding({ name: 'another' }));
    expect([cells.acceptsImpostors, places(cells)]).toEqual([true, [0, 8]]);
    await cells.useModel(adding({ name: 'wider', stateChannels: 3 }));
    expect([cells.acceptsImpostors, places(cells)]).toEqual([false, []]);
    cells.mark([0], true);
    expect(places(cells)).toEqual([]);
    cells.step();
    const unready = new Cells(adding(), 3);
    unready.mutate(THREE);
    unready.mark([0], true);
    expect([unready.acceptsImpostors, places(unready)]).toEqual([false, []]);
  });
});

describe('two canvases', () => {
  const places = (colony: Colony): number[][] => colony.all.map(({ impostors }) => [...impostors]);

  it('have the same impostors if both models accept them', () => {
    const colony = new Colony(three(8));
    colony.useImpostors(impostorRule);
    colony.addTwin(adding({ name: 'another' }));
    expect(places(colony)).toEqual([[8], [8]]);
    colony.mark([0], true);
    colony.mark([8], false);
    expect(places(colony)).toEqual([[0], [0]]);
    colony.addTwin(adding({ name: 'wider', stateChannels: 3 }));
    expect(places(colony)).toEqual([[0], []]);
    colony.step();
    colony.impostors = new Set();
    expect(places(colony)).toEqual([[], []]);
  });

  it('take their rule along to another backend', async () => {
    const colony = new Colony(three(1));
    colony.useImpostors(impostorRule);
    colony.step();
    const there = adding({ name: 'impostor' }, 100);
    await colony.move(() => Promise.resolve([adding(), there]));
    expect(colony.impostorRule).toBe(there);
    colony.step();
    expect(await shown(colony.main)).toBe('26 2420 .\n. . .\n. . 3');
  });
});
