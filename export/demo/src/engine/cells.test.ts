import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';

import { adding, canvas, shown } from '../testing/adding_rule';
import { Cells } from './cells';
import { Colony } from './colony';
import { History } from './history';
import { Random } from './random';
import { runaways } from './runaways';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

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

  it('takes no step of the rule if no cell fires or lives, but counts it', async () => {
    const cells = three();
    cells.fireRate = 0;
    cells.step();
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . 0');
    const empty = new Cells(adding(), 3);
    empty.step();
    expect((await empty.picture()).positions.length).toBe(0);
    expect([cells.steps, empty.steps]).toEqual([1, 1]);
  });

  it('draws noise of its deviation for the cells that fire', async () => {
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

  it('keeps states where both digits live and starts at zero elsewhere', async () => {
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

  it('keeps the states for another model that accepts them, else starts from zero', async () => {
    const cells = three();
    cells.step();
    expect(await cells.useModel(adding({ name: 'another' }))).toBe(true);
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
    expect(await cells.useModel(adding({ name: 'weaker', largestState: 1.5 }))).toBe(false);
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . 0');
    expect(await cells.useModel(adding({ name: 'wider', stateChannels: 3 }))).toBe(false);
    cells.step();
    const { state, stateChannels } = await cells.picture();
    expect([stateChannels, ...state]).toEqual([3, 2, 2, 2, 2, 2, 2, 1, 1, 1]);
    expect(cells.steps).toBe(2);
  });

  it('lets cells forget, even states that are not finite', async () => {
    const cells = three();
    const noise = Float32Array.of(NaN, 0, Infinity, 0);
    cells.stepWith(Int32Array.of(0, 2), Int32Array.of(0, -1, 1), noise);
    expect(await shown(cells)).toBe('NaN 0 .\n. . .\n. . Infinity');
    expect(runaways(await cells.picture(), 10)).toEqual([0, 8, 1]);
    cells.forget([0, 1]);
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . Infinity');
    expect(runaways(await cells.picture(), 10)).toEqual([8]);
    cells.forget([8]);
    expect(runaways(await cells.picture(), 10)).toEqual([]);
  });

  it('leaks nothing, whatever is done to it', async () => {
    const before = tf.memory().numTensors;
    const cells = three();
    const held = tf.memory().numTensors - before;
    const colony = new Colony(cells);
    const history = new History();
    const impostorRule = adding({ name: 'impostor' }, 10);
    for (let i = 0; i < 5; i++) {
      history.remember(colony);
      cells.step();
      cells.paint(new Map([[4, 0.5]]), 1);
      cells.mutate(THREE);
      cells.resize(5);
      cells.resize(3);
      await cells.useModel(adding());
      cells.forget([0]);
      cells.reset();
      await cells.picture();
      await history.undo(colony);
      colony.addTwin(adding({ stateChannels: 3 }));
      colony.step();
      colony.removeTwin();
      colony.useImpostors(impostorRule);
      colony.mark([0, 8], true);
      colony.step();
      await history.undo(colony);
      cells.resize(5);
      colony.step();
      await colony.move(() => Promise.resolve([adding(), impostorRule]));
      colony.step();
      cells.resize(3);
      colony.addTwin(adding());
      colony.step();
      colony.mark([0, 1, 8], false);
      colony.step();
      colony.removeTwin();
      colony.mutate(THREE);
      colony.mark([0], true);
      colony.step();
      await cells.useModel(adding({ stateChannels: 3 }));
      await cells.useModel(adding());
    }
    expect(tf.memory().numTensors - before).toBe(held);
    cells.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('History', () => {
  it('goes back through edits, gray and states', async () => {
    const cells = three();
    const colony = new Colony(cells);
    const history = new History();
    cells.step();
    history.remember(colony);
    cells.paint(new Map([[0, 1]]), 0);
    history.remember(colony);
    cells.mutate(new Float32Array(9));
    await history.undo(colony);
    expect(await shown(cells)).toBe('. 2 .\n. . .\n. . 1');
    await history.undo(colony);
    await history.undo(colony); // there is nothing more
    expect(await shown(cells)).toBe('2 2 .\n. . .\n. . 1');
  });

  it('leaves out states that the present model does not accept', async () => {
    const cells = three();
    const colony = new Colony(cells);
    const history = new History();
    cells.step();
    history.remember(colony);
    cells.paint(new Map([[0, 1]]), 0);
    await cells.useModel(adding({ name: 'weaker', largestState: 1.5 }));
    expect(await history.undo(colony)).toBe(false);
    expect(await shown(cells)).toBe('0 0 .\n. . .\n. . 0');
  });

  it('goes back to another size', async () => {
    const cells = three();
    const colony = new Colony(cells);
    const history = new History();
    history.remember(colony);
    cells.resize(5);
    await history.undo(colony);
    expect(cells.size).toBe(3);
  });
});

describe('Colony', () => {
  const twins = (): Colony => {
    const colony = new Colony(three());
    colony.addTwin(adding({ name: 'wider', stateChannels: 3 }));
    return colony;
  };

  it('does the same to both, each by its own rule', async () => {
    const colony = twins();
    colony.step();
    const zero = new Map([[0, 1]]);
    colony.paint(zero, 0);
    colony.resize(5);
    colony.resize(3);
    const [main, twin] = await Promise.all(colony.all.map((cells) => cells.picture()));
    expect(main.gray).toEqual(twin.gray);
    expect(main.state).toEqual(Float32Array.of(2, 2, 1, 1));
    expect(twin.state).toEqual(Float32Array.of(2, 2, 2, 1, 1, 1));
    colony.mutate(THREE);
    colony.forget([1]);
    expect((await colony.twin!.picture()).state).toEqual(
      Float32Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1),
    );
    colony.reset();
    expect(colony.all.map(({ steps }) => steps)).toEqual([0, 0]);
  });

  it('undoes on both, and gives a twin that came later the drawing of the first', async () => {
    const colony = twins();
    const before = colony.snapshot();
    colony.mutate(new Float32Array(9));
    await colony.restore(before);
    expect(colony.all.map(({ living }) => living)).toEqual([3, 3]);
    colony.removeTwin();
    const alone = colony.snapshot();
    colony.mutate(new Float32Array(9));
    colony.addTwin(adding({ name: 'wider', stateChannels: 3 }));
    expect(await colony.restore(alone)).toBe(false);
    expect(colony.all.map(({ living }) => living)).toEqual([3, 3]);
  });

  it('shows an earlier picture on a later drawing', async () => {
    const cells = three();
    cells.step();
    const earlier = await cells.picture();
    cells.paint(new Map([[0, 1]]), 0);
    cells.paint(new Map([[4, 1]]), 1);
    const { gray, positions, state } = cells.preview(earlier)!;
    expect(gray).toEqual(canvas('. 1 . . 1 . . . 1'));
    expect([...positions]).toEqual([1, 4, 8]);
    expect([...state]).toEqual([2, 2, 0, 0, 1, 1]);
    cells.resize(5);
    expect(cells.preview(earlier)).toBeUndefined();
  });
});
