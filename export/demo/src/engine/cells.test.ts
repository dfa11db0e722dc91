import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { Cells } from './cells';
import { History } from './history';
import type { Manifest } from './manifest';
import type { Rule } from './model';
import { Random } from './random';
import { ReadableError } from './readable_error';

const CHANNELS = 2;

/**
 * A rule that can be followed by hand: a firing cell adds the states of its neighbourhood (itself
 * included), the gray of its neighbourhood, and its noise to its own state.
 */
function adding(stateChannels = CHANNELS): Rule {
  const manifest = {
    title: 'adding',
    stateChannels,
    classes: 2,
    aliveThreshold: 0.1,
    undecidedBelow: 0.01,
    fireRate: 1,
    residualNoise: 0,
  } as unknown as Manifest;
  return {
    manifest,
    grayPart: (gray) => tf.sum(gray, 1, true),
    step: ({ state, neighbours, gray_part, firing, slots, noise }) => {
      const zero = tf.zeros([1, stateChannels]);
      const seen = tf.gather(tf.concat([state, zero]), tf.gather(neighbours, firing)); // [F, 9, S]
      const added = tf.add(tf.add(tf.sum(seen, 1), tf.gather(gray_part, firing)), noise);
      return tf.add(state, tf.gather(tf.concat([added, zero]), slots)) as tf.Tensor2D;
    },
  };
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The first state channel as text, a line a row of the canvas, dots for dead cells. */
async function shown(cells: Cells): Promise<string> {
  const { size, positions, state } = await cells.picture();
  const texts = new Array<string>(size * size).fill('.');
  positions.forEach(
    (cell, row) => (texts[cell] = `${Math.round(state[row * CHANNELS] * 100) / 100}`),
  );
  return Array.from({ length: size }, (_, y) =>
    texts.slice(y * size, (y + 1) * size).join(' '),
  ).join('\n');
}

function canvas(text: string): Float32Array {
  return Float32Array.from(text.trim().split(/\s+/), (cell) => (cell === '.' ? 0 : Number(cell)));
}

const THREE = canvas('1 1 . . . . . . 1');

function three(): Cells {
  const cells = new Cells(adding(), 3, new Random([1, 2, 3]));
  cells.mutate(THREE);
  return cells;
}

describe('Cells', () => {
  it('steps as its rule says', async () => {
    const cells = three();
    cells.step();
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
    cells.step();
    expect(await shown(cells)).toBe('8 8 .\n. . .\n. . 3');
    expect(cells.steps).toBe(2);
  });

  it('changes only the cells that fire, by their own noise', async () => {
    const cells = three();
    cells.stepWith(Int32Array.of(2, 0), Int32Array.of(1, -1, 0), Float32Array.of(5, 0, 7, 0));
    expect(await shown(cells)).toBe('9 0 .\n. . .\n. . 6');
  });

  it('takes no step of the rule where nobody fires or lives, but counts it', async () => {
    const cells = three();
    cells.fireRate = 0;
    cells.step();
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . 0');
    const empty = new Cells(adding(), 3);
    empty.step();
    expect((await empty.picture()).positions.length).toBe(0);
    expect([cells.steps, empty.steps]).toEqual([1, 1]);
  });

  it('draws noise of its deviation for those who fire', async () => {
    const cells = new Cells(adding(), 50, new Random([1, 2, 3]));
    const sparse = Float32Array.from({ length: 2500 }, (_, i) =>
      i % 2 === 0 && (i / 50) % 2 < 1 ? 0.5 : 0,
    );
    cells.mutate(sparse);
    cells.noise = 0.1;
    cells.step();
    const { state } = await cells.picture();
    const off = state.map((value) => value - 0.5);
    expect(Math.sqrt(off.reduce((sum, x) => sum + x * x, 0) / off.length)).toBeCloseTo(0.1, 1);
  });

  it('keeps states where both digits live and begins at zero elsewhere', async () => {
    const cells = three();
    cells.step();
    cells.mutate(canvas('. 1 1 . . . . . 1'));
    expect(await shown(cells)).toBe('. 2 0\n. . .\n. . 1');
  });

  it('draws: gray goes towards the ink and the state fades by as much', async () => {
    const cells = three();
    cells.step();
    cells.paint(
      new Map([
        [0, 0.25],
        [4, 0.5],
      ]),
      1,
    );
    expect(await shown(cells)).toBe('1.5 2 .\n. 0 .\n. . 1');
    expect((await cells.picture()).gray[4]).toBe(0.5);
  });

  it('erases cells, and damages states without the digit', async () => {
    const cells = three();
    cells.step();
    cells.paint(new Map([[0, 1]]), 0);
    cells.paint(new Map([[1, 0.5]]), null);
    expect(await shown(cells)).toBe('. 1 .\n. . .\n. . 1');
    expect((await cells.picture()).gray[1]).toBe(1);
  });

  it('grows and shrinks around the centre', async () => {
    const cells = three();
    cells.step();
    cells.resize(5);
    expect(await shown(cells)).toBe('. . . . .\n. 2 2 . .\n. . . . .\n. . . 1 .\n. . . . .');
    cells.resize(3);
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
  });

  it('resets states and the count, not the digit', async () => {
    const cells = three();
    cells.step();
    cells.reset();
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . 0');
    expect(cells.steps).toBe(0);
  });

  it('goes on from the same states with another model, if it has as many channels', async () => {
    const cells = three();
    cells.step();
    cells.useModel(adding());
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
    expect(() => cells.useModel(adding(3))).toThrow(ReadableError);
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
  });

  it('leaks nothing, whatever is done to it', async () => {
    const before = tf.memory().numTensors;
    const cells = three();
    const held = tf.memory().numTensors - before;
    const history = new History();
    for (let i = 0; i < 5; i++) {
      history.remember(cells);
      cells.step();
      cells.paint(new Map([[4, 0.5]]), 1);
      cells.mutate(THREE);
      cells.resize(5);
      cells.resize(3);
      cells.useModel(adding());
      cells.reset();
      await cells.picture();
      await history.undo(cells);
    }
    expect(tf.memory().numTensors - before).toBe(held);
    cells.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('History', () => {
  it('goes back through edits, gray and states', async () => {
    const cells = three();
    const history = new History();
    cells.step();
    history.remember(cells);
    cells.paint(new Map([[0, 1]]), 0);
    history.remember(cells);
    cells.mutate(new Float32Array(9));
    await history.undo(cells);
    expect(await shown(cells)).toBe('. 2 .\n. . .\n. . 1');
    await history.undo(cells);
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
    expect(await history.undo(cells)).toBe(false);
  });

  it('goes back to another size', async () => {
    const cells = three();
    const history = new History();
    history.remember(cells);
    cells.resize(5);
    await history.undo(cells);
    expect(cells.size).toBe(3);
  });
});
